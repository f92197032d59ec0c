//! A finished session as its record, and the digest that names its outcome.

use crate::learning::{Judged, Learner};
use crate::lines::Lines;
use crate::record::{
    Benchmark, Ending, Input, InstrumentRecord, ModelRecord, ReliabilityBin, SessionRecord, Totals,
};
use crate::session::{Session, price};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{ActionKind, InstrumentHandle};
use bulkhead_domain::{Decimal, Digest, Problem};
use bulkhead_market::{BarSeries, CleaningReport};
use bulkhead_orchestrator::Board;
use serde::Serialize;
use std::collections::BTreeMap;

/// Bins of a reliability table.
const BINS: usize = 10;

/// What is known of a session from outside its loop.
pub(crate) struct Frame<'a> {
    pub(crate) name: &'a str,
    pub(crate) seed: u64,
    pub(crate) currency: &'a str,
    pub(crate) cash: Decimal,
    pub(crate) inputs: Vec<Input>,
    pub(crate) series: Vec<(&'a BarSeries, &'a CleaningReport)>,
    pub(crate) benchmark: Option<(&'a str, &'a BarSeries)>,
    pub(crate) notes: Vec<String>,
    pub(crate) ending: Ending,
}

/// Digest of a session's inputs: names the session before it runs.
pub(crate) fn inputs_digest(inputs: &[Input]) -> Digest {
    let mut sorted: Vec<&Input> = inputs.iter().collect();
    sorted.sort();
    let mut builder = DigestBuilder::new();
    for input in sorted {
        builder
            .part("kind", input.kind.as_bytes())
            .part("name", input.name.as_bytes())
            .part("digest", input.digest.as_bytes());
    }
    builder.finish()
}

/// Puts a session's record together.
pub(crate) fn assemble(session: &mut Session, frame: Frame<'_>) -> Result<SessionRecord, Problem> {
    let models: Vec<ModelRecord> = session
        .lines
        .learners()
        .flat_map(|(_, symbol, learner)| {
            learner
                .candidates()
                .map(move |judged| model(symbol, learner, &judged))
                .collect::<Vec<_>>()
        })
        .collect();
    let last: BTreeMap<InstrumentHandle, Option<Decimal>> = frame
        .series
        .iter()
        .map(|(series, _)| {
            let handle = series.instrument.handle;
            (handle, session.lines.last_close(handle).and_then(price))
        })
        .collect();
    let multipliers: BTreeMap<InstrumentHandle, Decimal> = frame
        .series
        .iter()
        .map(|(series, _)| (series.instrument.handle, series.instrument.multiplier))
        .collect();
    let trades = session.recorder.take_trades(
        |handle| last.get(&handle).copied().flatten(),
        |handle| multipliers.get(&handle).copied().unwrap_or(Decimal::ONE),
    );
    let equity = std::mem::take(&mut session.recorder.equity);
    let until = equity.times.last().copied().unwrap_or(i64::MIN);
    let benchmarks = benchmarks(&frame, &equity.times);
    let proposals = std::mem::take(&mut session.recorder.proposals);
    let fills = std::mem::take(&mut session.recorder.fills);
    let final_equity = session.desk.equity();
    let start = to_f64(frame.cash);
    let ledger = session.desk.ledger();
    let booked = ledger.totals(ledger.config().base);
    let totals = Totals {
        bars: session.bars,
        final_equity,
        total_return: to_f64(final_equity) / start - 1.0,
        max_drawdown: max_drawdown(&equity.equity),
        fees: session.desk.ledger().fees(),
        dividends: session.desk.ledger().dividends() + Decimal::ZERO,
        borrow_fees: booked.borrow_fees,
        interest: booked.interest + Decimal::ZERO,
        proposals: proposals.len() as u64,
        orders: session.recorder.sent,
        fills: fills.len() as u64,
        vetoed: session.recorder.vetoed,
        denied: proposals
            .iter()
            .filter(|proposal| {
                proposal.sent.is_zero()
                    && proposal
                        .verdicts
                        .iter()
                        .any(|verdict| matches!(verdict.verdict.as_str(), "reject" | "halt"))
            })
            .count() as u64,
    };
    let mut record = SessionRecord {
        id: session.id.clone(),
        name: frame.name.to_owned(),
        ending: frame.ending,
        seed: frame.seed,
        currency: frame.currency.to_owned(),
        starting_cash: frame.cash,
        validation: session.validated && session.veto,
        digest: Digest::of(b""),
        inputs: frame.inputs,
        instruments: frame
            .series
            .iter()
            .map(|(series, report)| instrument(series, report, until))
            .collect(),
        equity,
        benchmarks,
        proposals,
        fills,
        trades,
        models,
        incidents: std::mem::take(&mut session.recorder.incidents),
        swaps: std::mem::take(&mut session.recorder.swaps),
        notes: frame.notes,
        totals,
    };
    record.digest = digest(&record)?;
    Ok(record)
}

/// Everything that was decided and what became of it. Charts' series and notes follow from the rest.
fn digest(record: &SessionRecord) -> Result<Digest, Problem> {
    let mut builder = DigestBuilder::new();
    builder.part("inputs", inputs_digest(&record.inputs).bytes());
    let mut add = |name: &str, value: &dyn erased::Json| -> Result<(), Problem> {
        builder.part(name, &value.json()?);
        Ok(())
    };
    add("ending", &record.ending)?;
    add("proposals", &record.proposals)?;
    add("fills", &record.fills)?;
    add("trades", &record.trades)?;
    add("models", &record.models)?;
    add("incidents", &record.incidents)?;
    add("swaps", &record.swaps)?;
    add("totals", &record.totals)?;
    for column in [
        &record.equity.equity,
        &record.equity.cash,
        &record.equity.gross_exposure,
    ] {
        let bits: Vec<u8> = column
            .iter()
            .flat_map(|value| value.to_bits().to_le_bytes())
            .collect();
        builder.part("equity", &bits);
    }
    Ok(builder.finish())
}

mod erased {
    use super::{Problem, Serialize};

    /// A value as canonical JSON: fields in the order of declaration, floats in shortest form.
    pub(super) trait Json {
        fn json(&self) -> Result<Vec<u8>, Problem>;
    }

    impl<T: Serialize> Json for T {
        fn json(&self) -> Result<Vec<u8>, Problem> {
            serde_json::to_vec(self)
                .map_err(|error| Problem::host(format!("a record cannot be written: {error}"), ""))
        }
    }
}

/// Largest fall from a peak, as a positive fraction: `max(1 - E_t / max(E_s, s <= t))`.
fn max_drawdown(equity: &[f64]) -> f64 {
    let (mut peak, mut worst) = (f64::MIN, 0.0f64);
    for value in equity {
        peak = peak.max(*value);
        if peak > 0.0 {
            worst = worst.max(1.0 - value / peak);
        }
    }
    worst
}

fn instrument(series: &BarSeries, report: &CleaningReport, until: i64) -> InstrumentRecord {
    let rows = series.bars.times.partition_point(|time| *time <= until);
    let continuous = series
        .bars
        .iter()
        .take(rows)
        .map(|bar| bar.close * bar.factor)
        .collect();
    let mut cleaning: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in &report.rows {
        *cleaning
            .entry((row.finding.to_string(), row.treatment.to_string()))
            .or_insert(0) += 1;
    }
    InstrumentRecord {
        handle: series.instrument.handle,
        symbol: series.instrument.symbol.clone(),
        times: series.bars.times[..rows].to_vec(),
        close: series.bars.close[..rows].to_vec(),
        continuous,
        actions: series
            .actions
            .iter()
            .filter(|action| action.time <= until)
            .map(|action| {
                let text = match &action.kind {
                    ActionKind::Split {
                        numerator,
                        denominator,
                    } => format!("split {numerator}:{denominator}"),
                    ActionKind::Dividend(amount) => format!("dividend {amount}"),
                    ActionKind::Other { code, text } => format!("{code}: {text}"),
                };
                (action.time, text)
            })
            .collect(),
        cleaning: cleaning
            .into_iter()
            .map(|((found, done), rows)| (found, done, rows))
            .collect(),
    }
}

/// Equal-weight buy-and-hold of the instruments (dividends reinvested, no fees), and the index if any.
fn benchmarks(frame: &Frame<'_>, times: &[i64]) -> Vec<Benchmark> {
    let cash = to_f64(frame.cash);
    let share = |series: &BarSeries| -> Vec<Option<f64>> {
        let value = |time: i64| {
            let row = series
                .bars
                .times
                .partition_point(|closed| *closed <= time)
                .checked_sub(1)?;
            let bar = series.bars.get(row)?;
            Some(bar.close * bar.factor)
        };
        let first = times.iter().find_map(|time| value(*time));
        times
            .iter()
            .map(|time| Some(value(*time)? / first?))
            .collect()
    };
    // By symbol: a sum of floats depends on its order, which must not be that of the configuration.
    let mut named: Vec<&BarSeries> = frame.series.iter().map(|(series, _)| *series).collect();
    named.sort_by(|a, b| a.instrument.symbol.cmp(&b.instrument.symbol));
    let parts: Vec<Vec<Option<f64>>> = named.into_iter().map(share).collect();
    #[expect(clippy::cast_precision_loss, reason = "a handful of instruments")]
    let held = (0..times.len())
        .map(|row| {
            // What has not begun yet is still in cash.
            let sum: f64 = parts.iter().map(|part| part[row].unwrap_or(1.0)).sum();
            (!parts.is_empty()).then(|| cash * sum / parts.len() as f64)
        })
        .collect();
    let mut all = vec![Benchmark {
        name: "equal-weight buy-and-hold".to_owned(),
        values: held,
    }];
    if let Some((name, series)) = frame.benchmark {
        let values = share(series)
            .into_iter()
            .map(|value| Some(cash * value?))
            .collect();
        all.push(Benchmark {
            name: name.to_owned(),
            values,
        });
    }
    all
}

fn model(symbol: &str, learner: &Learner, judged: &Judged<'_>) -> ModelRecord {
    let Judged { board, tally, .. } = judged;
    let summary = board.summary(&learner.scoring(board.outcomes().count()));
    ModelRecord {
        symbol: symbol.to_owned(),
        candidate: judged.label.clone(),
        fits: tally.fits,
        failures: tally.failures.clone(),
        samples: summary.samples,
        skill: summary.skill,
        log_loss: summary.log_loss,
        base_log_loss: summary.base_log_loss,
        reliability: reliability(board),
        eligible_bars: tally.eligible_bars,
        gated_bars: tally.gated_bars,
        chosen_bars: tally.chosen_bars,
    }
}

/// What each of the record's models was a trial of: alias and candidate. In the order of the record's models.
pub(crate) fn configurations(lines: &Lines) -> Vec<Digest> {
    lines
        .learners()
        .flat_map(|(alias, _, learner)| {
            learner.candidates().map(move |judged| {
                DigestBuilder::new()
                    .part("alias", alias.as_bytes())
                    .part("candidate", judged.identity.bytes())
                    .finish()
            })
        })
        .collect()
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bins and counts"
)]
fn reliability(board: &Board) -> Vec<ReliabilityBin> {
    let mut bins = vec![(0u64, 0.0, 0u64); BINS];
    for outcome in board.outcomes() {
        let bin = ((outcome.probability * BINS as f64) as usize).min(BINS - 1);
        let (count, sum, ups) = &mut bins[bin];
        *count += 1;
        *sum += outcome.probability;
        *ups += u64::from(outcome.up);
    }
    bins.iter()
        .enumerate()
        .filter(|(_, (count, _, _))| *count > 0)
        .map(|(index, (count, sum, ups))| ReliabilityBin {
            from: index as f64 / BINS as f64,
            to: (index + 1) as f64 / BINS as f64,
            count: *count,
            predicted: sum / *count as f64,
            observed: *ups as f64 / *count as f64,
        })
        .collect()
}
