//! What a session leaves behind: everything a report shows, a digest covers and a replay compares.
//!
//! Times are nanoseconds since 1970 (UTC); money is in the session's currency. Amounts that were exact
//! decimals in the session are written as decimal text; series for charts are binary floats.

use bulkhead_domain::order::{OrderKind, Outcome, Side};
use bulkhead_domain::{Decimal, Digest, Timestamp};
pub use bulkhead_orchestrator::Interval;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The feed came to its end.
    Completed,
    /// Stopped by a person; everything up to then is kept.
    Interrupted,
}

/// A whole session.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The session's id, derived from its inputs.
    pub id: String,
    /// The name in its configuration.
    pub name: String,
    /// How it ended.
    pub ending: Ending,
    /// Seed of everything random.
    pub seed: u64,
    /// Currency of every amount.
    pub currency: String,
    /// Cash at the start.
    pub starting_cash: Decimal,
    /// Whether the AI provider's verdicts were heeded.
    pub validation: bool,
    /// Digest over inputs and outcome; equal for equal sessions on any machine.
    pub digest: Digest,
    /// What went into it.
    pub inputs: Vec<Input>,
    /// The instruments and their prices.
    pub instruments: Vec<InstrumentRecord>,
    /// The account at each session's close.
    pub equity: EquityCurve,
    /// Series to compare the equity with, scaled to the starting cash, parallel to `equity.times`.
    pub benchmarks: Vec<Benchmark>,
    /// Everything that wanted to trade, and what became of it.
    pub proposals: Vec<ProposalRecord>,
    /// Every fill.
    pub fills: Vec<FillRecord>,
    /// Positions from flat to flat.
    pub trades: Vec<TradeRecord>,
    /// Every model on every instrument.
    pub models: Vec<ModelRecord>,
    /// Whatever failed and was contained.
    pub incidents: Vec<Incident>,
    /// Versions of plugins that were put in service in the middle of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub swaps: Vec<SwapRecord>,
    /// What a reader has to know to read the rest.
    pub notes: Vec<String>,
    /// Totals.
    pub totals: Totals,
}

/// A version of a plugin that took another's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwapRecord {
    /// The first moment that saw it.
    pub time: i64,
    /// The plugin's id.
    pub plugin: String,
    /// The new version.
    pub version: String,
    /// SHA-256 of its component.
    pub digest: String,
    /// Everything it took over, and how: `snapshot`, `replay` or that there was nothing to hand over.
    pub places: Vec<(String, String)>,
}

impl fmt::Display for SwapRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = Timestamp(self.time).date();
        write!(
            f,
            "{date}: version {} of {} was put in service",
            self.version, self.plugin
        )?;
        let mut ways: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, how) in &self.places {
            *ways.entry(how).or_default() += 1;
        }
        for (index, (how, places)) in ways.iter().enumerate() {
            let joint = if index == 0 { " in " } else { ", " };
            let plural = if *places == 1 { "" } else { "s" };
            write!(f, "{joint}{places} place{plural} ({how})")?;
        }
        f.write_str(".")
    }
}

/// One input of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Input {
    /// `plugin`, `settings` (an installed plugin's default configuration), `data`, `config`, `latency` or `engine`.
    pub kind: String,
    /// Its name, with the version where it has one; of a latency, whose it is.
    pub name: String,
    /// SHA-256 of it; the engine's identity; of a latency, its seconds, as `0.25 s`; of whether a verdict is heeded,
    /// that.
    pub digest: String,
}

/// One instrument.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct InstrumentRecord {
    /// The session's number for it.
    pub handle: u32,
    /// Its symbol.
    pub symbol: String,
    /// Close times.
    pub times: Vec<i64>,
    /// Raw closes.
    pub close: Vec<f64>,
    /// Closes continuous across splits and dividends (raw close times factor), parallel to `close`.
    pub continuous: Vec<f64>,
    /// Splits and dividends: time of the bar, and what happened in words.
    pub actions: Vec<(i64, String)>,
    /// What cleaning found: finding, what was done, rows.
    pub cleaning: Vec<(String, String, u64)>,
}

/// The account over time, one point a session's close.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct EquityCurve {
    /// Close times.
    pub times: Vec<i64>,
    /// Cash plus positions at market.
    pub equity: Vec<f64>,
    /// Cash.
    pub cash: Vec<f64>,
    /// Sum of absolute position values over equity.
    pub gross_exposure: Vec<f64>,
}

/// Something to compare the equity with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Benchmark {
    /// What it is.
    pub name: String,
    /// Value of the starting cash in it, parallel to the equity curve; `None` before it begins.
    pub values: Vec<Option<f64>>,
}

/// A probability a model gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelView {
    /// Plugin and algorithm.
    pub candidate: String,
    /// Calibrated probability that the label is up; `None` when it gave none.
    pub probability: Option<f64>,
    /// Skill with its interval at that time; `None` with too few matured labels.
    pub skill: Option<Interval>,
    /// Whether it was eligible.
    pub eligible: bool,
    /// Whether it was chosen.
    pub chosen: bool,
}

/// The orchestrator's choice among the models of one alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceRecord {
    /// The choice's id; `bulkhead explain` takes it.
    pub decision: String,
    /// What was chosen for.
    pub task: String,
    /// Why, in words.
    pub reason: String,
    /// Whether the proposal's owner goes by it.
    pub heeded: bool,
}

/// What one source said of a proposal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// `host:<check>`, a rule's name, or the AI provider's name.
    pub source: String,
    /// `approve`, `reduce`, `reject`, `halt`, `agree`, `disagree` or `abstain`.
    pub verdict: String,
    /// Stable code of a refusal.
    pub code: String,
    /// What was seen.
    pub observed: String,
    /// What would have been allowed.
    pub limit: String,
    /// In words.
    pub text: String,
}

/// Something that wanted to trade.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProposalRecord {
    /// The decision it belongs to; `bulkhead explain` takes it.
    pub decision: String,
    /// The order's id, once it had one.
    pub client_order_id: Option<String>,
    /// When it was decided.
    pub time: i64,
    /// The strategy or rule that wants it.
    pub owner: String,
    /// The instrument.
    pub instrument: u32,
    /// Direction.
    pub side: Side,
    /// Quantity as proposed.
    pub quantity: Decimal,
    /// Quantity that was sent; zero when it was refused.
    pub sent: Decimal,
    /// Price condition.
    pub kind: OrderKind,
    /// Why its owner wants it.
    pub reason: String,
    /// Calibrated probability behind it.
    pub confidence: Option<f64>,
    /// Features of the instrument at the decision.
    pub features: Vec<(String, Option<f64>)>,
    /// Every model's view of the instrument, whether the owner goes by it or not.
    pub models: Vec<ModelView>,
    /// The choices among them.
    #[serde(default)]
    pub choices: Vec<ChoiceRecord>,
    /// Every verdict, in order.
    pub verdicts: Vec<VerdictRecord>,
    /// What became of the order in the end; `None` when it was never sent or still worked at the end.
    pub outcome: Option<Outcome>,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FillRecord {
    /// The order.
    pub client_order_id: String,
    /// The decision behind it.
    pub decision: String,
    /// When.
    pub time: i64,
    /// Whose.
    pub owner: String,
    /// The instrument.
    pub instrument: u32,
    /// Direction.
    pub side: Side,
    /// Quantity.
    pub quantity: Decimal,
    /// Raw price.
    pub price: Decimal,
    /// Fee paid.
    pub fee: Decimal,
}

/// A position from flat to flat (or still open at the end).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeRecord {
    /// Whose.
    pub owner: String,
    /// The instrument.
    pub instrument: u32,
    /// Direction of the entry.
    pub side: Side,
    /// First fill.
    pub opened: i64,
    /// Last fill; `None` while open.
    pub closed: Option<i64>,
    /// Largest quantity held.
    pub quantity: Decimal,
    /// Net result, fees and dividends included; at market while open.
    pub profit: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// Decisions whose orders filled in it, the entry's first.
    pub decisions: Vec<String>,
    /// What was seen on the way, where somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<TradeDetail>,
}

/// What was seen of a trade while it was open. Money is in the session's currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeDetail {
    /// Mean raw price of the fills that opened or enlarged it.
    pub entry_price: Decimal,
    /// Mean raw price of the fills that closed it; `None` while nothing was closed.
    pub exit_price: Option<Decimal>,
    /// Its largest loss at market before fees, at the worst price of any bar: zero or above.
    pub adverse: Decimal,
    /// Its largest gain at market before fees, at the best price of any bar: zero or above.
    pub favourable: Decimal,
    /// What the entry put at risk: distance to the stop that was known then, times quantity. `None` without a stop.
    pub initial_risk: Option<Decimal>,
}

/// One bin of a reliability table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge of predicted probability.
    pub from: f64,
    /// Upper edge.
    pub to: f64,
    /// Predictions in it.
    pub count: u64,
    /// Their mean.
    pub predicted: f64,
    /// Share of them that came true.
    pub observed: f64,
}

/// One model on one instrument over a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The instrument's symbol.
    pub symbol: String,
    /// Plugin and algorithm; with the plugin's version where another took its place or was taken.
    pub candidate: String,
    /// Fits made.
    pub fits: u64,
    /// Fits that failed, with the last reason.
    pub failures: Option<(u64, String)>,
    /// Matured out-of-sample labels of what it said itself.
    pub samples: u64,
    /// Skill over all of them with its interval; `None` with too few.
    pub skill: Option<Interval>,
    /// Mean log-loss of the model, nats.
    pub log_loss: Option<f64>,
    /// Mean log-loss of the base rate, nats.
    pub base_log_loss: Option<f64>,
    /// Reliability of its calibrated probabilities.
    pub reliability: Vec<ReliabilityBin>,
    /// Bars on which it was eligible.
    pub eligible_bars: u64,
    /// Bars on which it predicted and was not eligible.
    pub gated_bars: u64,
    /// Bars on which it was chosen.
    pub chosen_bars: u64,
}

/// Something that failed and was contained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When.
    pub time: i64,
    /// What failed.
    pub plugin: String,
    /// The error's one line.
    pub text: String,
    /// What the session did about it.
    pub consequence: String,
}

/// Totals of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Bars over all instruments.
    pub bars: u64,
    /// Equity at the end.
    pub final_equity: Decimal,
    /// `final equity / starting cash - 1`.
    pub total_return: f64,
    /// Largest fall from a peak of the equity curve, a positive fraction.
    pub max_drawdown: f64,
    /// Fees paid.
    pub fees: Decimal,
    /// Dividends received less paid.
    pub dividends: Decimal,
    /// Paid for borrowing what was sold short.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub borrow_fees: Decimal,
    /// Interest received less paid.
    #[serde(default, skip_serializing_if = "Decimal::is_zero")]
    pub interest: Decimal,
    /// Proposals made.
    pub proposals: u64,
    /// Orders sent.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Proposals refused by the AI provider.
    pub vetoed: u64,
    /// Proposals refused by host checks or risk rules.
    pub denied: u64,
}
