//! What is kept of a run while it goes on: no more than statistics, charts and files need.

use crate::diagnoses::FillQuality;
use crate::report::PriceSeries;
use crate::result::EquityWriter;
use crate::statistics::{BenchmarkCurve, CurveBuilder, CurveSummary, Envelope};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::risk::Denial;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Instrument, Problem};
use bulkhead_session::backtest::{Moment, Standing, Tape};
use bulkhead_session::record::{FillRecord, TradeRecord};

/// Refusals that are kept in words; the rest is counted.
const REFUSALS_KEPT: usize = 20;

/// A gap of more than so many usual intervals makes a fill stale.
const STALE: i64 = 3;

/// An order that was refused, or a model that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Close of the bar.
    pub time: i64,
    /// Whose.
    pub owner: String,
    /// In what.
    pub symbol: String,
    /// Why.
    pub why: String,
}

/// An instrument's prices as they pass.
struct Line {
    symbol: String,
    handle: InstrumentHandle,
    prices: Envelope,
    /// First adjusted close.
    first: Option<f64>,
    /// Last adjusted close.
    last: f64,
    time: i64,
    /// Shortest distance between two bars so far.
    interval: i64,
    bars: u64,
    has_volume: bool,
}

/// Takes a run down.
pub(super) struct Recorder {
    curve: CurveBuilder,
    equity: Option<EquityWriter>,
    lines: Vec<Line>,
    trades: Vec<TradeRecord>,
    fills: Vec<FillRecord>,
    quality: FillQuality,
    /// Buying and holding all instruments in equal parts, day by day.
    held: (Vec<i64>, Vec<Option<f64>>),
    cash: f64,
    refusals: Vec<Refusal>,
    digest: DigestBuilder,
    span: Option<(i64, i64)>,
}

/// All that was taken down.
pub(super) struct Recorded {
    pub(super) curve: CurveSummary,
    pub(super) equity: Option<EquityWriter>,
    pub(super) trades: Vec<TradeRecord>,
    pub(super) quality: FillQuality,
    pub(super) benchmark: BenchmarkCurve,
    pub(super) prices: Vec<PriceSeries>,
    /// Bars of each instrument, in the order of handles.
    pub(super) bars: Vec<u64>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) digest: Digest,
    pub(super) span: Option<(i64, i64)>,
}

impl Recorder {
    pub(super) fn new(cash: f64, instruments: &[Instrument], equity: Option<EquityWriter>) -> Self {
        let mut lines: Vec<Line> = instruments
            .iter()
            .map(|instrument| Line {
                symbol: instrument.symbol.clone(),
                handle: instrument.handle,
                prices: Envelope::default(),
                first: None,
                last: f64::NAN,
                time: i64::MIN,
                interval: i64::MAX,
                bars: 0,
                has_volume: false,
            })
            .collect();
        lines.sort_by_key(|line| line.handle);
        Recorder {
            curve: CurveBuilder::new(cash),
            equity,
            lines,
            trades: Vec::new(),
            fills: Vec::new(),
            quality: FillQuality::default(),
            held: (Vec::new(), Vec::new()),
            cash,
            refusals: Vec::new(),
            digest: DigestBuilder::new(),
            span: None,
        }
    }

    /// What the cash would be worth in equal parts of all instruments that have begun; those that have not are cash.
    fn held(&self) -> f64 {
        let part = self.cash / self.lines.len() as f64;
        let worth = |line: &Line| line.first.map_or(part, |first| part * line.last / first);
        self.lines.iter().map(worth).sum()
    }

    fn end_day(&mut self, time: i64) {
        let held = self.held();
        self.held.0.push(time);
        self.held.1.push(Some(held));
    }

    pub(super) fn finish(mut self) -> Recorded {
        if let Some((_, last)) = self.span {
            self.end_day(last);
        }
        let symbols: Vec<&str> = self.lines.iter().map(|line| line.symbol.as_str()).collect();
        let name = match symbols.as_slice() {
            [one] => format!("buy and hold {one}"),
            many => format!("buy and hold {} in equal parts", many.len()),
        };
        Recorded {
            curve: self.curve.finish(),
            equity: self.equity,
            trades: self.trades,
            quality: self.quality,
            benchmark: BenchmarkCurve::of(name, &self.held.0, &self.held.1),
            bars: self.lines.iter().map(|line| line.bars).collect(),
            prices: self
                .lines
                .into_iter()
                .map(|line| PriceSeries {
                    instrument: line.handle,
                    symbol: line.symbol,
                    prices: line.prices,
                })
                .collect(),
            refusals: self.refusals,
            digest: self.digest.finish(),
            span: self.span,
        }
    }

    fn keep_refusal(
        &mut self,
        time: i64,
        owner: &str,
        instrument: Option<InstrumentHandle>,
        why: String,
    ) {
        if self.refusals.len() < REFUSALS_KEPT {
            let mut lines = self.lines.iter();
            let line = lines.find(|line| Some(line.handle) == instrument);
            self.refusals.push(Refusal {
                time,
                owner: owner.to_owned(),
                symbol: line.map_or_else(String::new, |line| line.symbol.clone()),
                why,
            });
        }
    }

    /// Looks at the moment's fills, now that its bars are known.
    fn judge(&mut self, moment: &Moment) {
        for fill in self.fills.drain(..) {
            self.quality.fills += 1;
            let line = self
                .lines
                .iter()
                .find(|line| line.handle == fill.instrument);
            let step = moment
                .steps
                .iter()
                .find(|step| step.instrument == fill.instrument);
            let (Some(line), Some(step)) = (line, step) else {
                continue;
            };
            let gap = step.bar.time.saturating_sub(line.time);
            // A weekend is no gap in daily bars.
            let usual = line.interval.max(DAY);
            if line.bars > 1 && gap > usual.saturating_mul(STALE).saturating_add(DAY) {
                self.quality.stale += 1;
            }
            if line.has_volume && step.bar.volume <= 0.0 {
                self.quality.without_volume += 1;
            }
        }
    }
}

impl Tape for Recorder {
    #[inline]
    fn moment(&mut self, moment: &Moment, account: Standing) -> Result<(), Problem> {
        let time = moment.time;
        if !self.fills.is_empty() {
            self.judge(moment);
        }
        if let Some((_, last)) = self.span
            && last.div_euclid(DAY) != time.div_euclid(DAY)
        {
            self.end_day(last);
        }
        for step in &moment.steps {
            let found = match self.lines.as_mut_slice() {
                [one] => Some(one),
                many => many
                    .binary_search_by_key(&step.instrument, |line| line.handle)
                    .ok()
                    .and_then(|at| many.get_mut(at)),
            };
            let Some(line) = found else {
                continue;
            };
            let (bar, adjusted) = (&step.bar, step.bar.close * step.bar.factor);
            line.prices.push_range(time, bar.low, bar.high, bar.close);
            if line.first.is_none() {
                line.first = Some(adjusted);
            } else {
                line.interval = line.interval.min(bar.time - line.time);
            }
            line.last = adjusted;
            line.time = bar.time;
            line.bars += 1;
            line.has_volume |= bar.volume > 0.0;
        }
        let Standing {
            equity,
            cash,
            gross,
        } = account;
        let exposure = if equity > 0.0 { gross / equity } else { 0.0 };
        self.curve.push(time, equity, exposure);
        let mut record = [0; 16];
        let (when, what) = record.split_at_mut(8);
        when.copy_from_slice(&time.to_le_bytes());
        what.copy_from_slice(&equity.to_bits().to_le_bytes());
        self.digest.raw(&record);
        self.span = Some((self.span.map_or(time, |(first, _)| first), time));
        match &mut self.equity {
            Some(file) => file.push(time, equity, cash, exposure),
            None => Ok(()),
        }
    }

    fn fill(&mut self, fill: &FillRecord) -> Result<(), Problem> {
        let text = format!(
            "{} {} {:?} {} {} {}",
            fill.time,
            fill.instrument,
            fill.side,
            fill.quantity.normalize(),
            fill.price.normalize(),
            fill.fee.normalize()
        );
        self.digest.part("fill", text.as_bytes());
        self.fills.push(fill.clone());
        Ok(())
    }

    fn trade(&mut self, trade: &TradeRecord) -> Result<(), Problem> {
        self.trades.push(trade.clone());
        Ok(())
    }

    fn failed(
        &mut self,
        time: i64,
        candidate: &str,
        instrument: InstrumentHandle,
        why: &str,
    ) -> Result<(), Problem> {
        self.digest.part("failed", candidate.as_bytes());
        self.keep_refusal(time, candidate, Some(instrument), why.to_owned());
        Ok(())
    }

    fn denied(
        &mut self,
        time: i64,
        owner: &str,
        instrument: Option<InstrumentHandle>,
        denial: &Denial,
    ) -> Result<(), Problem> {
        self.digest.part("denied", denial.code.as_bytes());
        self.keep_refusal(time, owner, instrument, denial.to_string());
        Ok(())
    }
}
