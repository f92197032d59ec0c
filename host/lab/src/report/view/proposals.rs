//! Proposals, fills and trades. A thousand proposals name the same few features, candidates and rules, so
//! each text is embedded once and referred to by its number.

use super::session::interval;
use crate::report::rounding::{Rounded, seconds};
use crate::report::{Fate, Speaker};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, Side, Trail};
use bulkhead_session::record::{FillRecord, ProposalRecord, SessionRecord, TradeRecord};
use serde::Serialize;
use std::collections::BTreeMap;

/// All proposals of a session.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Book<'a> {
    texts: Vec<&'a str>,
    feature_sets: Vec<Vec<usize>>,
    proposals: Vec<ProposalView<'a>>,
}

#[derive(Serialize)]
struct ProposalView<'a> {
    id: &'a str,
    order: Option<&'a str>,
    time: i64,
    owner: usize,
    instrument: u32,
    side: Side,
    quantity: &'a Decimal,
    sent: &'a Decimal,
    kind: String,
    reason: usize,
    confidence: Option<Rounded>,
    /// Number of the set of names, and the values in its order.
    features: (usize, Vec<Option<Rounded>>),
    models: Vec<Opinion>,
    choices: Vec<Choice>,
    verdicts: Vec<VerdictView>,
    fate: Fate,
}

/// Candidate, probability, skill, eligible, chosen.
type Opinion = (usize, Option<Rounded>, Option<[Rounded; 3]>, bool, bool);

/// Decision, task, reason, whether the owner goes by it.
type Choice = (usize, usize, usize, bool);

/// Speaker, source, verdict, code, observed, limit, text.
type VerdictView = (Speaker, usize, usize, usize, usize, usize, usize);

#[derive(Default)]
struct Texts<'a> {
    numbers: BTreeMap<&'a str, usize>,
    texts: Vec<&'a str>,
}

impl<'a> Texts<'a> {
    fn number(&mut self, text: &'a str) -> usize {
        *self.numbers.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }
}

impl<'a> Book<'a> {
    pub(super) fn new(session: &'a SessionRecord) -> Self {
        let mut texts = Texts::default();
        let mut sets: Vec<Vec<usize>> = Vec::new();
        let proposals = session
            .proposals
            .iter()
            .map(|proposal| view(proposal, &mut texts, &mut sets))
            .collect();
        Book {
            texts: texts.texts,
            feature_sets: sets,
            proposals,
        }
    }
}

fn view<'a>(
    proposal: &'a ProposalRecord,
    texts: &mut Texts<'a>,
    sets: &mut Vec<Vec<usize>>,
) -> ProposalView<'a> {
    let names: Vec<usize> = proposal
        .features
        .iter()
        .map(|(name, _)| texts.number(name))
        .collect();
    let set = sets
        .iter()
        .position(|set| *set == names)
        .unwrap_or_else(|| {
            sets.push(names);
            sets.len() - 1
        });
    let values = proposal
        .features
        .iter()
        .map(|(_, value)| value.map(Rounded))
        .collect();
    ProposalView {
        id: &proposal.decision,
        order: proposal.client_order_id.as_deref(),
        time: seconds(proposal.time),
        owner: texts.number(&proposal.owner),
        instrument: proposal.instrument,
        side: proposal.side,
        quantity: &proposal.quantity,
        sent: &proposal.sent,
        kind: order_kind(&proposal.kind),
        reason: texts.number(&proposal.reason),
        confidence: proposal.confidence.map(Rounded),
        features: (set, values),
        models: proposal
            .models
            .iter()
            .map(|model| {
                (
                    texts.number(&model.candidate),
                    model.probability.map(Rounded),
                    model.skill.map(interval),
                    model.eligible,
                    model.chosen,
                )
            })
            .collect(),
        choices: proposal
            .choices
            .iter()
            .map(|choice| {
                (
                    texts.number(&choice.decision),
                    texts.number(&choice.task),
                    texts.number(&choice.reason),
                    choice.heeded,
                )
            })
            .collect(),
        verdicts: proposal
            .verdicts
            .iter()
            .map(|verdict| {
                (
                    Speaker::of(verdict),
                    texts.number(&verdict.source),
                    texts.number(&verdict.verdict),
                    texts.number(&verdict.code),
                    texts.number(&verdict.observed),
                    texts.number(&verdict.limit),
                    texts.number(&verdict.text),
                )
            })
            .collect(),
        fate: Fate::of(proposal),
    }
}

/// An order's price condition in words.
#[must_use]
pub fn order_kind(kind: &OrderKind) -> String {
    match kind {
        OrderKind::Market => "market".to_owned(),
        OrderKind::Limit(price) => format!("limit {price}"),
        OrderKind::Stop(price) => format!("stop {price}"),
        OrderKind::StopLimit { stop, limit } => format!("stop {stop} limit {limit}"),
        OrderKind::TrailingStop(Trail::Amount(amount)) => format!("trailing stop {amount}"),
        OrderKind::TrailingStop(Trail::Fraction(fraction)) => {
            format!(
                "trailing stop {} %",
                (*fraction * Decimal::ONE_HUNDRED).normalize()
            )
        }
    }
}

/// One fill.
#[derive(Serialize)]
pub(super) struct FillView<'a> {
    decision: &'a str,
    time: i64,
    owner: &'a str,
    instrument: u32,
    side: Side,
    quantity: &'a Decimal,
    price: &'a Decimal,
    fee: &'a Decimal,
}

impl<'a> FillView<'a> {
    pub(super) fn new(fill: &'a FillRecord) -> Self {
        FillView {
            decision: &fill.decision,
            time: seconds(fill.time),
            owner: &fill.owner,
            instrument: fill.instrument,
            side: fill.side,
            quantity: &fill.quantity,
            price: &fill.price,
            fee: &fill.fee,
        }
    }
}

/// One trade.
#[derive(Serialize)]
pub(super) struct TradeView<'a> {
    owner: &'a str,
    instrument: u32,
    side: Side,
    opened: i64,
    closed: Option<i64>,
    quantity: &'a Decimal,
    profit: &'a Decimal,
    fees: &'a Decimal,
    decisions: &'a [String],
}

impl<'a> TradeView<'a> {
    pub(super) fn new(trade: &'a TradeRecord) -> Self {
        TradeView {
            owner: &trade.owner,
            instrument: trade.instrument,
            side: trade.side,
            opened: seconds(trade.opened),
            closed: trade.closed.map(seconds),
            quantity: &trade.quantity,
            profit: &trade.profit,
            fees: &trade.fees,
            decisions: &trade.decisions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_embedded_once() {
        let mut texts = Texts::default();
        assert_eq!(["a", "b", "a"].map(|text| texts.number(text)), [0, 1, 0]);
        assert_eq!(texts.texts, ["a", "b"]);
    }

    #[test]
    fn a_price_condition_reads_as_it_is_said() {
        let price = Decimal::new(1250, 2);
        assert_eq!(order_kind(&OrderKind::Limit(price)), "limit 12.50");
        assert_eq!(
            order_kind(&OrderKind::TrailingStop(Trail::Fraction(Decimal::new(
                50, 3
            )))),
            "trailing stop 5 %"
        );
    }
}
