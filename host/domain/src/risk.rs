//! What a risk rule sees and says.

use crate::{Timestamp, Value};
use bulkhead_venue::order::{InstrumentHandle, OpenOrder, OrderRequest};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A position of one owner in one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The strategy or person it belongs to.
    pub owner: String,
    /// What is held.
    pub instrument: InstrumentHandle,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Average entry price, raw.
    pub average_price: Decimal,
    /// Last raw price; `None` when none is fresh.
    pub market_price: Option<Decimal>,
    /// When the position was opened.
    pub opened: Timestamp,
}

/// The account as it stands, working orders beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Portfolio {
    /// The moment.
    pub time: Timestamp,
    /// The account.
    pub account: String,
    /// Currency of every amount.
    pub currency: String,
    /// Settled and unsettled cash.
    pub cash: Decimal,
    /// Cash plus positions at market.
    pub equity: Decimal,
    /// Equity when the prior session closed.
    pub prior_session_equity: Decimal,
    /// Highest equity at any session's close so far.
    pub peak_equity: Decimal,
    /// Every non-zero position.
    pub positions: Vec<Position>,
    /// Orders that work or wait to be sent.
    pub open_orders: Vec<OpenOrder>,
}

/// What an order is judged by, besides the portfolio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskContext {
    /// Fresh raw price of the order's instrument.
    pub reference_price: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// Calibrated probability behind the order, where there is one.
    pub confidence: Option<f64>,
    /// Features of the instrument at the decision, as far as they are defined.
    pub features: Vec<(String, f64)>,
    /// Whatever else the host tells.
    pub extra: Vec<(String, Value)>,
}

/// Why an order was refused or cut: what was seen, and what would have been allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// Stable, upper case: `NOTIONAL_ABOVE_LIMIT`.
    pub code: String,
    /// What was seen.
    pub observed: String,
    /// What would have been allowed.
    pub limit: String,
    /// One line for people.
    pub text: String,
}

impl std::fmt::Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: observed {}, limit {}",
            self.code, self.observed, self.limit
        )?;
        if self.text.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.text)
        }
    }
}

/// A rule's answer to an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As asked.
    Approve,
    /// A smaller quantity than asked, and why.
    ReduceTo(Decimal, Denial),
    /// Not at all.
    Reject(Denial),
    /// Not at all, and stop all trading.
    Halt(Denial),
}

/// What a rule proposes after looking at the whole portfolio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtectiveAction {
    /// A reduce-only order for a position's owner.
    Place {
        /// Owner of the position it protects.
        owner: String,
        /// The order.
        request: OrderRequest,
    },
    /// Cancel a working order by its client order id.
    Cancel(String),
    /// Stop all trading.
    Halt(Denial),
}
