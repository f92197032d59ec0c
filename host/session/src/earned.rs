//! What everybody who was asked or traded has earned, credited once the truth is known.
//!
//! A verdict on an entry is judged as a model's label is: did the price rise from the next bar's open to the open
//! `judged-after` bars later, on prices that are continuous across splits and dividends? A verdict that gave the
//! proposal the probability `p` of proving right earns `1 - 4 (p - y)^2`, with `y` 1 where it did and else 0: the
//! quadratic score (Brier 1950, "Verification of forecasts expressed in terms of probability"), scaled so that an
//! abstention earns nothing, being sure and right 1, being sure and wrong -3. A proper score: saying what one believes
//! earns most.
//!
//! A trade from flat to flat earns its strategy the profit over the notional it opened with. It earns the models that
//! the strategy went by nothing: they are judged by their own labels.

use crate::record::TradeRecord;
use bulkhead_domain::order::{InstrumentHandle, Side, Step};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_orchestrator::Candidate;
use bulkhead_orchestrator::arms::Part;
use bulkhead_orchestrator::arms::context::Context;
use bulkhead_orchestrator::rewards::{Pending, RewardError, Rewards};
use std::collections::{BTreeMap, VecDeque};

/// The task class of what strategies earn.
pub(crate) const TRADING: &str = "trading";

/// A verdict whose truth is out.
struct Verdict {
    /// What its value is credited under.
    id: String,
    /// Probability that the price rises.
    up: f64,
    /// Bars of the instrument that had closed.
    bar: u64,
}

#[derive(Default)]
struct Line {
    bars: u64,
    /// Opens of the newest bars, oldest first.
    opens: VecDeque<f64>,
    verdicts: VecDeque<Verdict>,
}

/// Rewards of one session.
pub(crate) struct Earned {
    pub(crate) rewards: Rewards,
    judged_after: u64,
    lines: BTreeMap<InstrumentHandle, Line>,
    /// The strategies by name.
    traders: BTreeMap<String, Candidate>,
}

/// A reward that cannot be kept ends the session as any other record does.
pub(crate) fn unkept(error: RewardError) -> Problem {
    match error {
        RewardError::Store(error) => error.into(),
        RewardError::Config(_) => Problem::user(error.to_string(), "correct it under [tasks]"),
        other => Problem::host(
            format!("a reward cannot be kept: {other}"),
            "report it with the session's database",
        ),
    }
}

impl Earned {
    /// Nothing is out yet.
    pub(crate) fn new(
        rewards: Rewards,
        judged_after: usize,
        traders: BTreeMap<String, Candidate>,
    ) -> Result<Self, Problem> {
        for (name, candidate) in &traders {
            rewards.name(candidate, name).map_err(unkept)?;
        }
        Ok(Earned {
            rewards,
            judged_after: judged_after as u64,
            lines: BTreeMap::new(),
            traders,
        })
    }

    /// A bar has closed: credits the verdicts whose label ended with its open.
    pub(crate) fn observe(&mut self, step: &Step) -> Result<(), Problem> {
        let line = self.lines.entry(step.instrument).or_default();
        line.bars += 1;
        line.opens.push_back(step.bar.open * step.bar.factor);
        // The opens needed: of the bar after a verdict's to the one that ends its label.
        while line.opens.len() as u64 > self.judged_after + 1 {
            line.opens.pop_front();
        }
        let (Some(first), Some(last)) = (line.opens.front(), line.opens.back()) else {
            return Ok(());
        };
        let rose = f64::from(u8::from(last > first));
        while let Some(verdict) = line
            .verdicts
            .pop_front_if(|verdict| verdict.bar + 1 + self.judged_after == line.bars)
        {
            let missed = verdict.up - rose;
            let value = 1.0 - 4.0 * missed * missed;
            self.rewards
                .credit(&verdict.id, Part::Value, value, Timestamp(step.bar.time))
                .map_err(unkept)?;
        }
        Ok(())
    }

    /// Bars of an instrument that have closed.
    pub(crate) fn bars(&self, instrument: InstrumentHandle) -> u64 {
        self.lines.get(&instrument).map_or(0, |line| line.bars)
    }

    /// The bar, counted from 1, whose verdicts' label ended with the newest bar's open, and 1 where the price rose,
    /// else 0.
    pub(crate) fn ended(&self, instrument: InstrumentHandle) -> Option<(u64, f64)> {
        let line = self.lines.get(&instrument)?;
        let bar = line.bars.checked_sub(1 + self.judged_after)?;
        let (first, last) = (line.opens.front()?, line.opens.back()?);
        Some((bar, f64::from(u8::from(last > first))))
    }

    /// A verdict was given on an entry of this side; `right` is the probability that it proves right.
    pub(crate) fn advised(
        &mut self,
        instrument: InstrumentHandle,
        id: &str,
        side: Side,
        right: f64,
    ) {
        let line = self.lines.entry(instrument).or_default();
        line.verdicts.push_back(Verdict {
            id: id.to_owned(),
            up: match side {
                Side::Buy => right,
                Side::Sell => 1.0 - right,
            },
            bar: line.bars,
        });
    }

    /// Trades that have just ended. `number` counts them through the session.
    pub(crate) fn traded(
        &mut self,
        trade: &TradeRecord,
        number: usize,
        symbol: &str,
        opened_with: f64,
    ) -> Result<(), Problem> {
        let (Some(candidate), Some(closed)) = (self.traders.get(&trade.owner), trade.closed) else {
            return Ok(());
        };
        if opened_with <= 0.0 {
            return Ok(());
        }
        let earned = Pending {
            choice: format!("trade-{number}"),
            class: TRADING.to_owned(),
            context: Context::of(&[("instrument", symbol)]),
            candidate: candidate.identity(),
            time: Timestamp(closed),
        };
        let value = bulkhead_domain::number::to_f64(trade.profit) / opened_with;
        self.rewards.observe(&earned, value).map_err(unkept)?;
        Ok(())
    }

    /// The session is over: labels that have not ended by now never will.
    pub(crate) fn finish(&mut self) -> Result<(), Problem> {
        let mut out: Vec<String> = self.rewards.pending().map(|it| it.choice.clone()).collect();
        out.sort();
        out.iter()
            .try_for_each(|choice| self.rewards.give_up(choice))
            .map_err(unkept)
    }

    /// A strategy's plugin was swapped: from now on its trades earn its new version.
    pub(crate) fn succeeded(
        &mut self,
        strategy: &str,
        candidate: Candidate,
        now: Timestamp,
    ) -> Result<(), Problem> {
        if let Some(known) = self.traders.get_mut(strategy) {
            let (old, new) = (known.identity(), candidate.identity());
            self.rewards.name(&candidate, strategy).map_err(unkept)?;
            self.rewards
                .succeed(TRADING, old, new, now)
                .map_err(unkept)?;
            *known = candidate;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Digest;
    use bulkhead_domain::order::Bar;

    fn bar(open: f64, number: i64) -> Step {
        Step {
            instrument: 1,
            bar: Bar {
                time: number,
                open,
                high: open,
                low: open,
                close: open,
                volume: 1.0,
                factor: 1.0,
            },
            open_time: number,
            session_end: true,
            actions: Vec::new(),
        }
    }

    fn pending(id: &str) -> Pending {
        Pending {
            choice: id.to_owned(),
            class: "validation".to_owned(),
            context: Context::default(),
            candidate: Digest::of(b"a"),
            time: Timestamp(0),
        }
    }

    fn earned() -> Earned {
        let rewards = Rewards::new("", None, BTreeMap::new()).unwrap();
        Earned::new(rewards, 2, BTreeMap::new()).unwrap()
    }

    /// What verdicts on the first bar earn over these opens.
    fn value(opens: &[f64], side: Side, right: f64) -> (usize, f64) {
        let mut earned = earned();
        earned.rewards.expect(pending("c")).unwrap();
        for (number, open) in (0..).zip(opens) {
            earned.observe(&bar(*open, number)).unwrap();
            if number == 0 {
                earned.advised(1, "c", side, right);
            }
        }
        let out = earned.rewards.pending().count();
        let standings = earned.rewards.standings("validation");
        // The class's prior weighs a thousandth of an observation.
        let value = standings.first().map_or(f64::NAN, |s| s.value.value);
        (out, (value * 100.0).round() / 100.0)
    }

    #[test]
    fn a_verdict_is_judged_from_the_next_open_to_the_open_that_ends_its_label() {
        // Decided on the first bar, entered at 10, judged two bars later at 11; the rest is no matter.
        assert_eq!(value(&[99.0, 10.0, 5.0, 11.0], Side::Buy, 1.0), (0, 1.0));
        assert_eq!(value(&[99.0, 10.0, 5.0, 11.0], Side::Sell, 1.0), (0, -3.0));
        assert_eq!(value(&[99.0, 10.0, 50.0, 9.0], Side::Sell, 1.0), (0, 1.0));
        assert_eq!(value(&[99.0, 10.0, 5.0, 11.0], Side::Buy, 0.5), (0, 0.0));
    }

    #[test]
    fn before_its_label_has_ended_it_is_out() {
        let (out, value) = value(&[99.0, 10.0, 5.0], Side::Buy, 1.0);
        assert_eq!(out, 1);
        assert!(value.is_nan());
    }

    #[test]
    fn a_label_that_has_not_ended_with_the_session_is_out_no_more() {
        let mut earned = earned();
        earned.rewards.expect(pending("c")).unwrap();
        earned.finish().unwrap();
        assert_eq!(earned.rewards.pending().count(), 0);
    }
}
