//! A broker that keeps every rule, and the same with one thing wrong at a time: each fails the check that is
//! about it, and no other.

mod honest;

use super::seam::Broker;
use super::{quick, whole};
use crate::check::{Check, Outcome, Suite};
use bulkhead_domain::Instrument;
use honest::{Native, Wrong};

fn suite(wrong: Option<Wrong>) -> Vec<Check> {
    let make = |instruments: &[Instrument]| -> Result<Box<dyn Broker>, String> {
        Ok(Box::new(Native::new(instruments, wrong)))
    };
    let mut unheard = |_: &Check| {};
    let mut suite = Suite::new(&mut unheard);
    quick(&make, 1, &mut suite);
    whole::check(&make, 1, &mut suite);
    suite.into_checks()
}

fn failed(checks: &[Check]) -> Vec<(&'static str, &str)> {
    checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .map(|check| (check.rule.number, check.detail.as_str()))
        .collect()
}

#[test]
fn a_broker_that_keeps_every_rule_passes_every_check() {
    let checks = suite(None);
    let not_passed: Vec<&Check> = (checks.iter())
        .filter(|check| check.outcome != Outcome::Passed)
        .collect();
    assert!(not_passed.is_empty(), "{not_passed:#?}");
    let rules = crate::RULES.iter();
    let brokers = rules.filter(|rule| rule.number.starts_with("BROKER-"));
    assert_eq!(checks.len(), brokers.count());
}

#[test]
fn a_broker_with_one_thing_wrong_fails_the_check_about_it_and_no_other() {
    for (wrong, number, told) in [
        (
            Wrong::LosesAnExecutionBetweenPages,
            "BROKER-33",
            "on no page",
        ),
        (Wrong::ForgetsDividends, "BROKER-37", "the account got 0"),
        (
            Wrong::SplitsNoPositions,
            "BROKER-36",
            "two for one of 10 are 10",
        ),
        (Wrong::RoundsFees, "BROKER-34", "of cash, the account says"),
        (Wrong::KeepsDayOrders, "BROKER-11", "it still works"),
        (Wrong::ReducesBeyondZero, "BROKER-16", "left -10"),
        (Wrong::MarksAtCost, "BROKER-35", "equity is"),
        (Wrong::RestoresWithoutCash, "BROKER-41", "differs"),
        (Wrong::ReplacesBelowFilled, "BROKER-19", "is taken"),
        (Wrong::FoldsIds, "BROKER-23", "not told unchanged"),
        (Wrong::SaysUnauthorized, "BROKER-25", "unauthorized"),
        (Wrong::TrapsOnInstruments, "BROKER-27", "no such instrument"),
        (Wrong::TakesLiquidity, "BROKER-17", "it took liquidity"),
        (Wrong::KillsNothing, "BROKER-15", "2 of 10 filled"),
        (Wrong::MixesAccounts, "BROKER-38", "another account"),
        (Wrong::FinishesSilently, "BROKER-39", "nothing says"),
        (Wrong::MovesOnBadBars, "BROKER-29", "turned"),
    ] {
        let checks = suite(Some(wrong));
        let failed = failed(&checks);
        assert!(
            matches!(&failed[..], [(one, detail)] if *one == number && detail.contains(told)),
            "{wrong:?}: {failed:#?}"
        );
    }
}

#[test]
fn what_a_broker_says_it_does_not_do_is_skipped() {
    let checks = suite(Some(Wrong::SupportsNoTrailing));
    assert_eq!(failed(&checks), []);
    let of = |number: &str| {
        let check = checks.iter().find(|check| check.rule.number == number);
        check.map(|check| (check.outcome, check.detail.clone()))
    };
    let skipped = "the broker says unsupported".to_owned();
    assert_eq!(of("BROKER-09"), Some((Outcome::Skipped, skipped)));
}

#[test]
fn a_live_broker_needs_a_connection() {
    let mut unheard = |_: &Check| {};
    let mut suite = Suite::new(&mut unheard);
    super::skip_live(&mut suite);
    let checks = suite.into_checks();
    assert_eq!(checks.len(), 41);
    assert!(
        (checks.iter()).all(|check| check.outcome == Outcome::Skipped
            && check.detail.starts_with("needs a connection"))
    );
}
