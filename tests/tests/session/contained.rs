//! What goes wrong in a session, and what does not follow from it.

use crate::stand::{Stand, StopAfter, assert_same, decisions, equity, fills, plain, small, table};
use bulkhead_desk::switch::Gate;
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_session::config::{PluginConfig, StrategyConfig};
use bulkhead_session::record::{Ending, ProposalRecord, SessionRecord, VerdictRecord};
use bulkhead_store::column;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn fire_drill(settings: &str) -> StrategyConfig {
    StrategyConfig {
        name: "fire-drill".to_owned(),
        plugin: "fire-drill".to_owned(),
        config: table(settings),
        symbols: Some(vec!["AAA".to_owned()]),
        sizing: None,
    }
}

/// The date of a bar in the middle of the small market, and its close.
const MIDDLE: &str = "2001-05-15";

fn is_middle(time: i64) -> bool {
    Timestamp(time).date() == MIDDLE
}

#[test]
fn a_strategy_that_traps_is_named_and_the_others_go_on() {
    let stand = Stand::new();
    let without = stand.record(&small());
    let mut config = small();
    let settings = format!("trap-at = \"{MIDDLE}\"");
    config.strategies.push(fire_drill(&settings));
    let with = stand.record(&config);

    let [incident, back] = with.incidents.as_slice() else {
        panic!("{:?}", with.incidents);
    };
    assert_eq!(incident.plugin, "fire-drill");
    assert!(is_middle(incident.time), "{incident:?}");
    for part in ["fire-drill", "on-bar", "panics today, on purpose"] {
        assert!(incident.text.contains(part), "{part}: {incident:?}");
    }
    assert!(
        incident.consequence.contains("it is started again"),
        "{incident:?}"
    );
    assert_eq!(
        back.consequence, "a fresh instance takes over and was shown all that it had been",
        "{back:?}"
    );

    assert_eq!(with.ending, Ending::Completed);
    let later = without
        .fills
        .iter()
        .filter(|fill| fill.time > incident.time);
    assert!(later.count() > 10, "nothing goes on after it");
    assert_same(
        "decisions",
        &decisions(&without, |_| true),
        &decisions(&with, |_| true),
    );
    assert_same("fills", &fills(&without, |_| true), &fills(&with, |_| true));
    assert_same("equity", &equity(&without), &equity(&with));
}

#[test]
fn a_strategy_that_fails_again_and_again_is_given_up_with_the_reason() {
    let mut config = plain();
    let mut careless = fire_drill("");
    careless.plugin = bulkhead_tests::hostile("endless-recursion")
        .display()
        .to_string();
    config.strategies.push(careless);
    config.supervision.restarts = 2;
    let record = Stand::new().record(&config);
    let consequences: Vec<&str> = record
        .incidents
        .iter()
        .map(|incident| incident.consequence.as_str())
        .collect();
    let [first, back, second, again, last] = consequences.as_slice() else {
        panic!("{consequences:?}");
    };
    for failed in [first, second] {
        assert!(failed.starts_with("it is started again"), "{failed}");
    }
    for fresh in [back, again] {
        assert!(fresh.starts_with("a fresh instance"), "{fresh}");
    }
    let reason = "it failed, after 2 restarts within 2592000s (limit 2)";
    assert!(
        last.starts_with(&format!("it is out for the rest of the session: {reason}")),
        "{last}"
    );
}

/// Under a rule that remembers how many orders it approved and dies of those in one symbol.
fn under_mortal_rule(settings: &str, symbols: &[&str], restarts: u32) -> SessionRecord {
    let mut config = plain();
    config.validation = None;
    config.supervision.restarts = restarts;
    config.strategies[0].symbols = Some(symbols.iter().map(|one| (*one).to_owned()).collect());
    config.risk = vec![PluginConfig {
        plugin: bulkhead_tests::hostile("mortal-rule").display().to_string(),
        config: table(settings),
    }];
    Stand::new().record(&config)
}

#[test]
fn a_rule_that_fails_denies_and_is_started_again_with_what_it_knew() {
    let both = under_mortal_rule("most = 4\ndies-of = \"BBB\"", &["AAA", "BBB"], 100);
    let alone = under_mortal_rule("most = 4", &["AAA"], 100);
    let entries = |record: &SessionRecord, symbol: &str| -> Vec<(i64, String)> {
        record
            .proposals
            .iter()
            .filter(|one| crate::stand::symbol(record, one.instrument) == symbol)
            .filter_map(|one| {
                let verdict = one.verdicts.iter().find(|it| it.source == "mortal-rule")?;
                Some((one.time, format!("{} {}", verdict.verdict, verdict.code)))
            })
            .collect()
    };
    let mourned = entries(&both, "BBB");
    assert!(mourned.len() > 2, "{mourned:?}");
    assert!(
        mourned
            .iter()
            .all(|(_, verdict)| verdict.starts_with("reject")),
        "{mourned:?}"
    );
    assert!(
        both.fills
            .iter()
            .all(|one| crate::stand::symbol(&both, one.instrument) == "AAA")
    );
    // Orders of one form killed it twice; then it is not asked about them any more.
    let verdicts = both.proposals.iter().flat_map(|one| &one.verdicts);
    let killed: Vec<&str> = verdicts
        .filter(|it| it.source == "mortal-rule" && it.code != "ENOUGH" && it.verdict == "reject")
        .map(|it| it.observed.as_str())
        .collect();
    let spared = killed
        .iter()
        .position(|text| text.contains("it is not tried again"));
    assert_eq!(spared, Some(2), "{killed:?}");
    let judged = entries(&alone, "AAA");
    assert!(
        judged.iter().any(|(_, verdict)| verdict == "reject ENOUGH"),
        "{judged:?}"
    );
    assert_eq!(entries(&both, "AAA"), judged);

    // Once it is given up it denies everything.
    let given_up = under_mortal_rule("dies-of = \"BBB\"", &["AAA", "BBB"], 0);
    let first = entries(&given_up, "BBB")[0].0;
    let after = entries(&given_up, "AAA");
    assert!(after.iter().any(|(time, _)| *time > first));
    for (time, verdict) in after {
        assert_eq!(verdict.starts_with("reject"), time > first, "{verdict}");
    }
}

fn of<'a>(record: &'a SessionRecord, owner: &str) -> Vec<&'a ProposalRecord> {
    let proposals = record.proposals.iter();
    proposals.filter(|one| one.owner == owner).collect()
}

fn refusal<'a>(proposal: &'a ProposalRecord, source: &str) -> &'a VerdictRecord {
    let found = proposal
        .verdicts
        .iter()
        .find(|verdict| verdict.source == source && !verdict.code.is_empty());
    found.unwrap_or_else(|| panic!("no refusal by {source}: {proposal:?}"))
}

#[test]
fn an_absurd_order_is_denied_with_what_was_seen_and_allowed() {
    let stand = Stand::new();
    let mut config = plain();
    let settings = format!("oversize-at = \"{MIDDLE}\"");
    config.strategies.push(fire_drill(&settings));
    let record = stand.record(&config);
    let proposals = of(&record, "fire-drill");
    let [proposal] = proposals.as_slice() else {
        panic!("{proposals:?}");
    };
    assert!(is_middle(proposal.time), "{proposal:?}");
    assert_eq!(proposal.quantity, Decimal::from(1_000_000_000));
    assert_eq!(proposal.sent, Decimal::ZERO);
    assert_eq!(proposal.client_order_id, None);
    let denial = proposal
        .verdicts
        .iter()
        .find(|verdict| verdict.verdict == "reject")
        .unwrap();
    assert!(denial.source.starts_with("host:"), "{denial:?}");
    assert_eq!(
        (denial.observed.as_str(), denial.limit.as_str()),
        ("1000000000", "1000000"),
        "{denial:?}"
    );
    assert!(!denial.code.is_empty(), "{denial:?}");
    assert_eq!(record.totals.denied, 1);
    assert!(record.incidents.is_empty(), "{:?}", record.incidents);
}

#[test]
fn a_rule_cuts_an_order_to_its_limit_or_refuses_it_whole() {
    let stand = Stand::new();
    let limited = |limits: &str| {
        let mut config = plain();
        config.risk[0].config = table(limits);
        stand.record(&config)
    };
    let cut = limited("max-position = \"40\"");
    let entries: Vec<_> = of(&cut, "ema-cross")
        .into_iter()
        .filter(|proposal| proposal.quantity == Decimal::from(150))
        .collect();
    assert!(entries.len() >= 4);
    for entry in entries.iter().filter(|entry| !entry.sent.is_zero()) {
        assert_eq!(entry.sent, Decimal::from(40), "{entry:?}");
        let verdict = refusal(entry, "limits");
        assert_eq!(verdict.verdict, "reduce", "{verdict:?}");
        assert_eq!(
            (verdict.observed.as_str(), verdict.limit.as_str()),
            ("150", "40"),
            "{verdict:?}"
        );
    }
    let most = cut.fills.iter().map(|fill| fill.quantity).max();
    assert_eq!(most, Some(Decimal::from(40)));

    // Less than one share's worth: nothing is left.
    let refused = limited("max-order-notional = \"1\"");
    assert!(refused.fills.is_empty());
    for entry in of(&refused, "ema-cross") {
        let verdict = refusal(entry, "limits");
        assert_eq!(verdict.verdict, "reject", "{verdict:?}");
        assert_eq!(verdict.limit, "1", "{verdict:?}");
        let observed: Decimal = verdict.observed.parse().unwrap();
        assert!(observed > Decimal::from(1000), "{verdict:?}");
    }
    assert_eq!(refused.totals.denied, refused.totals.proposals);
    assert_eq!(refused.totals.final_equity, refused.starting_cash);
}

#[test]
fn an_interrupted_session_keeps_what_was_done() {
    let stand = Stand::new();
    let store = stand.store();
    let prepared = stand.prepare(&plain());
    let whole = stand.ran(&prepared, true, None).record;

    let flag = AtomicBool::new(false);
    let mut person = StopAfter {
        bars: 801,
        flag: &flag,
    };
    let ran = prepared
        .run(
            stand.run(&flag, Some(&store), &stand.gate(&store)),
            &mut person,
        )
        .unwrap_or_else(|problem| panic!("{problem}"));
    let record = ran.record;
    assert_eq!(record.ending, Ending::Interrupted);
    // Two bars a moment: the one at hand is finished.
    assert_eq!(record.totals.bars, 802);
    assert_eq!(record.equity.times.len(), 401);
    assert_same("equity", &equity(&record), &equity(&whole)[..401]);
    let cut = *record.equity.times.last().unwrap();
    assert!(!record.fills.is_empty());
    assert_same(
        "fills",
        &fills(&record, |_| true),
        &fills(&whole, |fill| fill.time <= cut),
    );
    assert_ne!(record.digest, whole.digest);

    // What is still held is marked to the last close.
    let mut value = Decimal::ZERO;
    for instrument in &record.instruments {
        assert_eq!(instrument.times.last(), Some(&cut));
        let held: Decimal = record
            .fills
            .iter()
            .filter(|fill| fill.instrument == instrument.handle)
            .map(|fill| fill.quantity * fill.side.sign())
            .sum();
        let close: Decimal = instrument
            .close
            .last()
            .unwrap()
            .to_string()
            .parse()
            .unwrap();
        value += held * close;
    }
    assert!(!value.is_zero(), "nothing is held at the cut");
    let cash: Decimal = record
        .equity
        .cash
        .last()
        .unwrap()
        .to_string()
        .parse()
        .unwrap();
    assert_eq!(record.totals.final_equity, cash + value);
    assert!(record.trades.iter().any(|trade| trade.closed.is_none()));

    // And it is in the store as in the record.
    let run = ran.run.unwrap();
    let (state, digest, proposals, points) = bulkhead_store::wait(async {
        let session = sqlx::query("SELECT state, digest FROM sessions WHERE run = $1")
            .bind(&run)
            .fetch_one(store.pool())
            .await
            .unwrap();
        let counts = sqlx::query(
            "SELECT (SELECT COUNT(*) FROM proposals WHERE run = $1) AS proposals,
                    (SELECT COUNT(*) FROM equity WHERE run = $1) AS points",
        )
        .bind(&run)
        .fetch_one(store.pool())
        .await
        .unwrap();
        Ok::<(String, String, i64, i64), bulkhead_store::StoreError>((
            column(&session, "state")?,
            column(&session, "digest")?,
            column(&counts, "proposals")?,
            column(&counts, "points")?,
        ))
    })
    .unwrap();
    assert_eq!(
        (state.as_str(), digest),
        ("interrupted", record.digest.to_string())
    );
    assert_eq!(proposals, i64::try_from(record.proposals.len()).unwrap());
    assert_eq!(points, 401);
}

#[test]
fn interrupted_before_its_first_bar_a_session_still_ends_as_one() {
    let stand = Stand::new();
    let prepared = stand.prepare(&plain());
    let flag = AtomicBool::new(true);
    let record = prepared
        .run(
            stand.run(&flag, None, &Arc::new(Gate::unrecorded())),
            &mut crate::stand::Unwatched,
        )
        .unwrap_or_else(|problem| panic!("{problem}"))
        .record;
    assert_eq!(record.ending, Ending::Interrupted);
    assert_eq!(record.equity.times.len(), 1);
    assert_eq!(record.totals.final_equity, record.starting_cash);
}
