//! Where a replay first parts with its session.

use super::Filled;
use crate::record::ProposalRecord;
use bulkhead_domain::{Decimal, Problem, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The first difference between a session and its replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// When, in nanoseconds UTC.
    pub time: i64,
    /// What differs, in words: which decision or fill, of whom and in what.
    pub what: String,
    /// What of it differs, by its place; empty where one side has nothing.
    pub fields: Vec<String>,
    /// What the session had.
    pub session: Option<Value>,
    /// What the backtest has.
    pub backtest: Option<Value>,
}

/// One side's decision or fill with everything that it rested on: the order, features, models and verdicts. `None` where it
/// has none.
type Side = Option<Value>;

fn written(value: &impl Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value)
        .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))
}

/// What of a decision is compared.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// What was decided, and on what.
    Decided,
    /// What became of its order, much later.
    Outcome,
}

/// A decision as it is compared: without what only a session has, the AI provider's words and the choices of who was asked.
fn comparable(proposal: &ProposalRecord, symbol: String, part: Part) -> Result<Value, Problem> {
    let mut proposal = proposal.clone();
    if part == Part::Decided {
        proposal.outcome = None;
    }
    proposal.choices.clear();
    proposal
        .verdicts
        .retain(|verdict| !verdict.source.starts_with("ai:"));
    for amount in [&mut proposal.quantity, &mut proposal.sent] {
        *amount = amount.normalize();
    }
    let mut value = written(&proposal)?;
    if let Some(object) = value.as_object_mut() {
        object.remove("choices");
        object.insert("instrument".to_owned(), symbol.into());
        let time = Timestamp(proposal.time).to_string();
        object.insert("time".to_owned(), time.into());
    }
    Ok(value)
}

/// Places at which two values differ.
fn fields(ours: &Value, theirs: &Value) -> Vec<String> {
    let empty = Map::new();
    let (ours, theirs) = (
        ours.as_object().unwrap_or(&empty),
        theirs.as_object().unwrap_or(&empty),
    );
    let differ = |name: &&String| ours.get(*name) != theirs.get(*name);
    let mut names: Vec<String> = ours
        .keys()
        .chain(theirs.keys())
        .filter(differ)
        .cloned()
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The first decision that only one side took, or that both took otherwise.
pub(super) fn of_decisions(
    (session, backtest): (&[ProposalRecord], &[ProposalRecord]),
    symbol: impl Fn(u32) -> String,
    part: Part,
) -> Result<Option<Difference>, Problem> {
    type Pair<'a> = [Option<&'a ProposalRecord>; 2];
    let mut pairs: BTreeMap<(i64, &str), Pair<'_>> = BTreeMap::new();
    for (place, proposals) in [session, backtest].into_iter().enumerate() {
        for proposal in proposals {
            let pair = pairs
                .entry((proposal.time, &proposal.decision))
                .or_default();
            if let Some(own) = pair.get_mut(place) {
                *own = Some(proposal);
            }
        }
    }
    for ((time, decision), pair) in pairs {
        let of = |one: Option<&ProposalRecord>| {
            one.map(|one| comparable(one, symbol(one.instrument), part))
                .transpose()
        };
        let [session, backtest] = pair;
        let whose = session.or(backtest);
        let whose = whose.map_or_else(String::new, |one| {
            format!("{} on {}", one.owner, symbol(one.instrument))
        });
        let what = format!("decision {decision} of {whose}");
        if let Some(found) = between((time, what), (of(session)?, of(backtest)?)) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn between((time, what): (i64, String), (session, backtest): (Side, Side)) -> Option<Difference> {
    if session == backtest {
        return None;
    }
    let fields = match (&session, &backtest) {
        (Some(theirs), Some(ours)) => fields(ours, theirs),
        _ => Vec::new(),
    };
    Some(Difference {
        time,
        what,
        fields,
        session,
        backtest,
    })
}

/// The first fill that differs. Fills of one moment are told in one order.
pub(super) fn of_fills(
    mut session: Vec<Filled>,
    mut backtest: Vec<Filled>,
) -> Result<Option<Difference>, Problem> {
    for fills in [&mut session, &mut backtest] {
        fills.sort_by(|a, b| {
            let key = |fill: &Filled| (fill.time, fill.symbol.clone(), fill.order.clone());
            key(a).cmp(&key(b))
        });
    }
    for place in 0..session.len().max(backtest.len()) {
        let (theirs, ours) = (session.get(place), backtest.get(place));
        if theirs == ours {
            continue;
        }
        let first = [theirs, ours]
            .into_iter()
            .flatten()
            .min_by_key(|fill| fill.time);
        let Some(first) = first else { continue };
        let what = format!(
            "fill of {}'s order {} in {}",
            first.owner, first.order, first.symbol
        );
        // One side has a fill that the other has later or not at all.
        let at = |fill: Option<&Filled>| {
            let same = fill.filter(|fill| fill.time == first.time && fill.order == first.order);
            same.map(written).transpose()
        };
        return Ok(between((first.time, what), (at(theirs)?, at(ours)?)));
    }
    Ok(None)
}

/// The account ends otherwise although every decision and fill is the same.
pub(super) fn of_equity(
    time: i64,
    (session, backtest): (Option<Decimal>, Decimal),
) -> Option<Difference> {
    let session = session?;
    let side = |equity: Decimal| Some(json!({ "final-equity": equity.normalize().to_string() }));
    let what = "equity at the end".to_owned();
    between((time, what), (side(session), side(backtest)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::order::Side as Direction;

    fn fill(time: i64, order: &str, price: i64) -> Filled {
        Filled {
            time,
            symbol: "A".to_owned(),
            owner: "s".to_owned(),
            order: order.to_owned(),
            side: Direction::Buy,
            quantity: Decimal::ONE,
            price: price.into(),
            fee: Decimal::ZERO,
        }
    }

    #[test]
    fn the_first_fill_that_differs_is_told() {
        let session = vec![fill(1, "a", 5), fill(2, "b", 6), fill(3, "c", 7)];
        assert_eq!(of_fills(session.clone(), session.clone()).unwrap(), None);
        let turned = session.iter().rev().cloned().collect();
        assert_eq!(of_fills(session.clone(), turned).unwrap(), None);

        let mut other = session.clone();
        other[1].price = 8.into();
        other[2].price = 9.into();
        let found = of_fills(session.clone(), other).unwrap().unwrap();
        assert_eq!((found.time, found.fields), (2, vec!["price".to_owned()]));
        assert_eq!(found.session.unwrap()["price"], "6");

        let missing = vec![session[0].clone(), session[2].clone()];
        let found = of_fills(session.clone(), missing).unwrap().unwrap();
        assert_eq!(found.time, 2);
        assert!(found.what.contains("order b"), "{}", found.what);
        assert!(found.session.is_some() && found.backtest.is_none());
    }

    #[test]
    fn equal_accounts_are_equal_however_they_are_written() {
        let (one, other) = (Decimal::new(100, 2), Decimal::ONE);
        assert_eq!(of_equity(1, (Some(one), other)), None);
        assert!(of_equity(1, (Some(one), Decimal::TWO)).is_some());
    }
}
