//! The whole suite for risk rules, one rule after the other.

use super::scene::{approved, calm, position};
use super::seam::{Judge, Make};
use super::{Case, answered, cases, closed, judge, order, protective, review};
use crate::check::{Rule, Stop, Suite, Tried, compare, counted, cut};
use crate::market::Market;
use crate::rules::*;
use crate::state::NO_SNAPSHOT;
use bulkhead_domain::order::{OpenOrder, OrderRequest, Side};
use bulkhead_domain::risk::{Denial, Portfolio, Position, ProtectiveAction, Verdict};
use bulkhead_domain::{Decimal, Instrument};
use std::collections::BTreeSet;

/// Positions of a crowded account.
const CROWD: u32 = 10_000;

/// Most codes of one rule: more are numbers in disguise.
const MOST_CODES: usize = 32;

/// Longest code.
const CODE: usize = 64;

type Hold = fn(Make<'_>) -> Tried;

const HOLDS: [(Rule, Hold); 16] = [
    (RISK_APPROVES, approves),
    (RISK_PRICE, closed::price),
    (RISK_EQUITY, closed::equity),
    (RISK_CONFIDENCE, closed::confidence),
    (RISK_FEATURES, closed::features),
    (RISK_FIELDS, closed::host_fields),
    (RISK_INSTRUMENT, closed::instrument),
    (RISK_HOLDINGS, closed::holdings),
    (RISK_QUANTITY, closed::quantity),
    (RISK_SURVIVES, survives),
    (RISK_CROWD, crowd),
    (RISK_IDEMPOTENT, review::idempotent),
    (RISK_SETTLES, review::settles),
    (RISK_EXITS, review::exits),
    (RISK_CANCELS, review::cancels),
    (RISK_TAGS, review::tags),
];

type HoldFor = fn(Make<'_>, u64) -> Tried;

/// Rules that are held in a random sequence of orders.
const SEQUENCES: [(Rule, HoldFor); 3] = [
    (RISK_DENIALS, denials),
    (RISK_AGAIN, again),
    (RISK_SNAPSHOT, snapshot),
];

/// The checks that turn upon an approval.
const UPON_APPROVAL: [Rule; 8] = [
    RISK_PRICE,
    RISK_EQUITY,
    RISK_CONFIDENCE,
    RISK_FEATURES,
    RISK_FIELDS,
    RISK_INSTRUMENT,
    RISK_HOLDINGS,
    RISK_QUANTITY,
];

pub(super) fn check(make: Make<'_>, seed: u64, suite: &mut Suite<'_>) {
    let mut approves = true;
    for (rule, hold) in HOLDS {
        if !approves && UPON_APPROVAL.contains(&rule) {
            suite.skip_all(&[rule], "", RISK_APPROVES);
            continue;
        }
        let tried = hold(make);
        approves &= rule != RISK_APPROVES || tried.is_ok();
        suite.tried(rule, tried);
    }
    for (rule, hold) in SEQUENCES {
        suite.tried(rule, hold(make, seed));
    }
}

fn approves(make: Make<'_>) -> Tried {
    let case = approved(make)?;
    let request = &case.order.request;
    Ok(format!(
        "{:?} {} of instrument {}",
        request.side, request.quantity, request.instrument
    ))
}

fn survives(make: Make<'_>) -> Tried {
    let verdicts = closed::nonsense(make)?;
    let judged = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
    Ok(format!(
        "{}: {judged} judged, the others refused",
        counted(verdicts.len(), "case")
    ))
}

fn crowd(make: Make<'_>) -> Tried {
    let listed: Vec<Instrument> = (1..=CROWD)
        .map(|handle| Instrument::us_equity(handle, &format!("S{handle}")))
        .collect();
    let base = calm();
    let portfolio = Portfolio {
        positions: (1..=CROWD)
            .map(|handle| Position {
                owner: format!("owner-{}", handle % 7),
                ..position(handle, 10, 10)
            })
            .collect(),
        open_orders: (1..=CROWD / 10)
            .map(|handle| OpenOrder {
                order: order(
                    &format!("open-{handle}"),
                    OrderRequest::market(handle, Side::Buy, Decimal::ONE),
                ),
                filled: Decimal::ZERO,
                accepted: 0,
            })
            .collect(),
        ..base.portfolio
    };
    let mut rule = make(&listed)?;
    // Whatever it says of them, it has to say it.
    let verdict = answered(rule.assess(&base.order, &base.context, &portfolio))?;
    let actions = answered(rule.review(&portfolio))?.unwrap_or_default();
    for action in &actions {
        protective(action, &portfolio)
            .map_err(|wrong| Stop::Wrong(format!("{wrong}: {action:?}")))?;
    }
    let verdict = match verdict {
        Ok(Verdict::Approve) => "approved".to_owned(),
        Ok(Verdict::ReduceTo(_, denial) | Verdict::Reject(denial) | Verdict::Halt(denial)) => {
            denial.code
        }
        Err(refusal) => cut(&refusal),
    };
    Ok(format!("{verdict}; {}", counted(actions.len(), "proposal")))
}

fn denial(denial: &Denial) -> Result<(), String> {
    let code = &denial.code;
    let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let right = code.len() <= CODE
        && code.bytes().all(letters)
        && code.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
    if !right {
        return Err(format!("`{code}` is no code in upper case"));
    }
    if denial.observed.trim().is_empty() {
        return Err(format!("{code} does not say what was observed"));
    }
    if denial.limit.trim().is_empty() {
        return Err(format!("{code} does not say what the limit is"));
    }
    Ok(())
}

/// The code of a verdict's denial, where it has one.
fn said(verdict: &Verdict) -> Result<Option<&str>, String> {
    match verdict {
        Verdict::Approve => Ok(None),
        Verdict::ReduceTo(_, why) | Verdict::Reject(why) | Verdict::Halt(why) => {
            denial(why)?;
            Ok(Some(&why.code))
        }
    }
}

/// Orders of two seeds, and accounts in which something is likely to be refused.
fn many(seed: u64) -> (Vec<Instrument>, Vec<Case>) {
    let instruments = Market::new(seed, 0).instruments;
    let mut cases = cases(seed, &instruments);
    cases.extend(super::cases(seed ^ 1, &instruments));
    (instruments, cases)
}

fn denials(make: Make<'_>, seed: u64) -> Tried {
    let (instruments, cases) = many(seed);
    let judged = judge(make, &cases, &instruments)?;
    let mut codes = BTreeSet::new();
    let mut count = 0;
    for one in &judged {
        if let Ok(verdict) = &one.verdict
            && let Some(code) = said(verdict)?
        {
            count += 1;
            codes.insert(code.to_owned());
        }
        for action in one.actions.iter().flatten() {
            if let ProtectiveAction::Halt(why) = action {
                denial(why)?;
                codes.insert(why.code.clone());
            }
        }
    }
    if codes.len() > MOST_CODES {
        return Err(Stop::Wrong(format!(
            "{count} denials have {} codes, which nobody can act upon",
            codes.len()
        )));
    }
    if codes.is_empty() {
        return Err(Stop::Skip("it denies none of the orders".to_owned()));
    }
    let codes: Vec<String> = codes.into_iter().collect();
    Ok(format!(
        "{}: {}",
        counted(count, "denial"),
        codes.join(", ")
    ))
}

fn again(make: Make<'_>, seed: u64) -> Tried {
    let (instruments, cases) = many(seed);
    let mut rule = make(&instruments)?;
    for case in &cases {
        let mut ask = || answered(rule.assess(&case.order, &case.context, &case.portfolio));
        let (first, second) = (ask()?, ask()?);
        if first != second {
            return Err(Stop::Wrong(format!(
                "order {} is {first:?} and, asked again, {second:?}",
                case.order.client_order_id
            )));
        }
    }
    Ok(counted(cases.len(), "order"))
}

fn onwards(rule: &mut dyn Judge, cases: &[Case]) -> Result<Vec<String>, Stop> {
    let mut lines = Vec::new();
    for case in cases {
        let verdict = answered(rule.assess(&case.order, &case.context, &case.portfolio))?;
        let actions = answered(rule.review(&case.portfolio))?;
        lines.push(format!("{verdict:?} {actions:?}"));
    }
    Ok(lines)
}

fn snapshot(make: Make<'_>, seed: u64) -> Tried {
    let (instruments, cases) = many(seed);
    let (before, after) = cases.split_at(cases.len() / 2);
    let mut rule = make(&instruments)?;
    onwards(&mut *rule, before)?;
    let Some(saved) = rule.save() else {
        return Err(Stop::Skip(NO_SNAPSHOT.to_owned()));
    };
    let saved = saved?;
    let mut restored = make(&instruments)?;
    restored.restore(&saved)?;
    compare(
        &onwards(&mut *rule, after)?,
        &onwards(&mut *restored, after)?,
    )?;
    Ok(format!(
        "{} bytes after {}, {} afterwards",
        saved.len(),
        counted(before.len(), "order"),
        after.len()
    ))
}
