//! Order vocabulary: what is asked for, and what became of it. Money and quantities are exact decimals.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Nanoseconds since 1970-01-01T00:00:00Z.
pub type Nanos = i64;

/// The host's number for an instrument within one session.
pub type InstrumentHandle = u32;

/// Direction of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Adds to the position.
    Buy,
    /// Takes from the position, below zero when short.
    Sell,
}

impl Side {
    /// `1` for a buy, `-1` for a sell.
    #[must_use]
    pub fn sign(self) -> Decimal {
        match self {
            Side::Buy => Decimal::ONE,
            Side::Sell => Decimal::NEGATIVE_ONE,
        }
    }

    /// The other side.
    #[must_use]
    pub fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// How far a trailing stop stays behind the best price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trail {
    /// In units of price.
    Amount(Decimal),
    /// As a fraction of the best price.
    Fraction(Decimal),
}

/// When an order may trade, and at what price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// At the next price there is.
    Market,
    /// At the price or better.
    Limit(Decimal),
    /// Becomes a market order once the price is reached.
    Stop(Decimal),
    /// Becomes a limit order once the stop is reached.
    StopLimit {
        /// Trigger price.
        stop: Decimal,
        /// Limit after triggering.
        limit: Decimal,
    },
    /// A stop that follows the best price since the order was accepted.
    TrailingStop(Trail),
}

/// How long an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeInForce {
    /// Until the session ends.
    Day,
    /// Until it is cancelled.
    GoodTillCancelled,
    /// Until the given time.
    GoodTillDate(Nanos),
    /// What can be filled at once; the rest is cancelled.
    ImmediateOrCancel,
    /// All at once or nothing.
    FillOrKill,
}

/// Exits attached to an entry; the two cancel each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Bracket {
    /// Limit price of the profitable exit.
    pub take_profit: Option<Decimal>,
    /// Stop price of the losing exit.
    pub stop_loss: Option<Decimal>,
}

/// An order somebody wants; it has no identity yet.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OrderRequest {
    /// What to trade.
    pub instrument: InstrumentHandle,
    /// Direction.
    pub side: Side,
    /// In units of the instrument, above zero.
    pub quantity: Decimal,
    /// Price condition.
    pub kind: OrderKind,
    /// How long it stands.
    pub time_in_force: TimeInForce,
    /// May only bring a position closer to zero.
    pub reduce_only: bool,
    /// Must not take liquidity.
    pub post_only: bool,
    /// Exits placed once the order has filled.
    pub bracket: Option<Bracket>,
    /// Free text that travels with the order.
    pub tag: String,
}

impl OrderRequest {
    /// A market order good for the day.
    #[must_use]
    pub fn market(instrument: InstrumentHandle, side: Side, quantity: Decimal) -> Self {
        OrderRequest {
            instrument,
            side,
            quantity,
            kind: OrderKind::Market,
            time_in_force: TimeInForce::Day,
            reduce_only: false,
            post_only: false,
            bracket: None,
            tag: String::new(),
        }
    }

    /// Quantity with the side's sign.
    #[must_use]
    pub fn signed_quantity(&self) -> Decimal {
        self.side.sign() * self.quantity
    }
}

/// An order that has been given its identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Order {
    /// At most 36 characters of `[A-Za-z0-9_-]`.
    pub client_order_id: String,
    /// The account it trades in.
    pub account: String,
    /// The strategy or person it belongs to.
    pub owner: String,
    /// What is asked for.
    pub request: OrderRequest,
}

/// A change to a working order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replacement {
    /// The order to change.
    pub client_order_id: String,
    /// The identity it goes on under; never seen before.
    pub new_client_order_id: String,
    /// Total quantity, what has filled included.
    pub quantity: Decimal,
    /// Price condition.
    pub kind: OrderKind,
}

/// An order that works at the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOrder {
    /// The order as it now stands.
    pub order: Order,
    /// Quantity filled so far.
    pub filled: Decimal,
    /// When the venue took it.
    pub accepted: Nanos,
}

/// Whether a fill took liquidity or gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Liquidity {
    /// Gave liquidity.
    Maker,
    /// Took liquidity.
    Taker,
    /// The venue does not say.
    Unknown,
}

/// One fill.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Execution {
    /// Unique within the account.
    pub execution_id: String,
    /// The order that filled.
    pub client_order_id: String,
    /// The account.
    pub account: String,
    /// What was traded.
    pub instrument: InstrumentHandle,
    /// Direction.
    pub side: Side,
    /// Above zero.
    pub quantity: Decimal,
    /// Raw price.
    pub price: Decimal,
    /// Above zero is a cost.
    pub fee: Decimal,
    /// Currency of the fee.
    pub fee_currency: String,
    /// Maker or taker.
    pub liquidity: Liquidity,
    /// When it happened.
    pub time: Nanos,
}

/// What became of a working order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The venue took it, or it stands with a changed quantity or price: `reason` says why.
    Accepted,
    /// A stop was reached.
    Triggered,
    /// Part of it filled.
    PartiallyFilled,
    /// All of it filled.
    Filled,
    /// Cancelled, by its owner, by its sibling or by the venue.
    Cancelled,
    /// Its time ran out.
    Expired,
    /// The venue refused it.
    Rejected,
}

/// One event in the life of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderUpdate {
    /// The order.
    pub client_order_id: String,
    /// What happened.
    pub outcome: Outcome,
    /// When it happened.
    pub time: Nanos,
    /// Present for fills.
    pub execution: Option<Execution>,
    /// Quantity still working.
    pub leaves: Decimal,
    /// Why, where there is something to say.
    pub reason: String,
}

/// What happened to the units of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActionKind {
    /// `numerator` new units for every `denominator` old ones.
    Split {
        /// New units.
        numerator: u32,
        /// Old units.
        denominator: u32,
    },
    /// Cash per unit.
    Dividend(Decimal),
    /// Anything else: a code and a description; never applied silently.
    Other {
        /// The source's code.
        code: String,
        /// What it is.
        text: String,
    },
}

/// A corporate action, effective before the open of the session that `time` falls on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CorporateAction {
    /// Any moment of the ex-date's session at or before its open.
    pub time: Nanos,
    /// What happened.
    pub kind: ActionKind,
}

/// One bar of raw prices, stamped at its close.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Close of the bar.
    pub time: Nanos,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded quantity.
    pub volume: f64,
    /// Price times `factor` is continuous across the splits and dividends seen so far; starts at 1 and
    /// never depends on a later bar.
    pub factor: f64,
}

/// One instrument's next bar, with what surrounds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which instrument.
    pub instrument: InstrumentHandle,
    /// When the bar's session or interval opened.
    pub open_time: Nanos,
    /// The bar.
    pub bar: Bar,
    /// Whether a trading session ends with this bar, and day orders with it.
    pub session_end: bool,
    /// Actions effective before this bar's open.
    pub actions: Vec<CorporateAction>,
}
