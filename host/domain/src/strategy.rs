//! What a strategy is given and what it wants.

use crate::{Decimal, Value};
use bulkhead_venue::order::{Bar, InstrumentHandle, Nanos, OrderRequest};
use serde::{Deserialize, Serialize};

/// How a strategy wants to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Once per bar and instrument.
    Bar,
    /// Once per moment, with all instruments, features and predictions.
    Slice,
}

/// What a strategy needs to be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Requirements {
    /// How it is called.
    pub delivery: Delivery,
    /// Bars to see before its first intent counts.
    pub warm_up: u32,
    /// Features, in the order they arrive.
    pub features: Vec<String>,
    /// Aliases of models, in the order predictions refer to them.
    pub models: Vec<String>,
    /// Whatever else it declares.
    pub extra: Vec<(String, Value)>,
}

/// The strategy's own position and the account's state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Signed quantity it holds of the bar's instrument.
    pub position: f64,
    /// Average entry price, raw; 0 when flat.
    pub entry_price: f64,
    /// Signed quantity of its orders that still work.
    pub working: f64,
    /// Cash of the account.
    pub cash: f64,
    /// Equity of the account.
    pub equity: f64,
}

/// A bar with what its strategy is told beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Whose bar.
    pub instrument: InstrumentHandle,
    /// The bar.
    pub bar: Bar,
    /// How strategy and account stand at its close.
    pub state: State,
}

/// A prediction of the model that the orchestrator chose.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Of which instrument.
    pub instrument: InstrumentHandle,
    /// Index into [`Requirements::models`].
    pub model: u32,
    /// Calibrated class probabilities in class order, or one value.
    pub values: Vec<f64>,
}

/// One moment: everything here was known at `time`. Columns are parallel to `instruments`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slice {
    /// The moment of decision.
    pub time: Nanos,
    /// The instruments that have a bar at this moment.
    pub instruments: Vec<InstrumentHandle>,
    /// Their bars.
    pub bars: Vec<Bar>,
    /// The strategy's state in each.
    pub states: Vec<State>,
    /// Row-major, one row an instrument, one column a declared feature; NaN where not defined.
    pub features: Vec<f64>,
    /// Predictions of eligible models.
    pub predictions: Vec<Prediction>,
}

/// Bars by column, oldest first, all columns equally long; fields as in [`Bar`].
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "columns named as the bar's fields")]
pub struct Columns {
    pub times: Vec<Nanos>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
    pub factor: Vec<f64>,
}

/// What a strategy wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Hold this signed quantity.
    Target {
        /// Of which instrument.
        instrument: InstrumentHandle,
        /// Signed quantity.
        quantity: Decimal,
        /// Calibrated probability behind it.
        confidence: Option<f64>,
        /// Why, for people.
        reason: String,
    },
    /// Hold this signed fraction of equity.
    Weight {
        /// Of which instrument.
        instrument: InstrumentHandle,
        /// Signed fraction.
        weight: f64,
        /// Calibrated probability behind it.
        confidence: Option<f64>,
        /// Why, for people.
        reason: String,
    },
    /// Send this order.
    Submit(OrderRequest),
    /// Cancel an own order by its client order id.
    Cancel(String),
    /// Cancel all own orders of an instrument.
    CancelAll(InstrumentHandle),
}
