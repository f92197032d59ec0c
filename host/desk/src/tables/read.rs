//! Reads a session's records for reports and explanations.

use bulkhead_domain::order::Side;
use bulkhead_domain::risk::Denial;
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_store::{Row, Store, StoreError, column, decimal, optional_decimal};

/// An order that was approved, or placed by the venue as the exit of a bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub client_order_id: String,
    /// The decision; empty for the exit of a bracket.
    pub decision_id: String,
    /// `exit`, `entry` or `protective`.
    pub leg: String,
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// Direction.
    pub side: Side,
    /// Quantity approved.
    pub quantity: Decimal,
    /// The order's kind as JSON.
    pub kind: String,
    /// When it was approved.
    pub approved: Timestamp,
}

/// One step in an order's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// The order.
    pub client_order_id: String,
    /// When.
    pub time: Timestamp,
    /// The state it came to; see [`crate::orders::OrderState`].
    pub state: String,
    /// Quantity filled so far.
    pub filled: Decimal,
    /// Quantity that may still fill.
    pub leaves: Decimal,
    /// Why.
    pub reason: String,
}

/// One execution and what it did to the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillRow {
    /// Its id.
    pub execution_id: String,
    /// The order.
    pub client_order_id: String,
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// Direction.
    pub side: Side,
    /// Units.
    pub quantity: Decimal,
    /// Raw price.
    pub price: Decimal,
    /// Above zero is a cost.
    pub fee: Decimal,
    /// Units that closed what was held.
    pub closed: Decimal,
    /// Profit on them, before fees.
    pub realised: Decimal,
    /// Average entry price of what was closed.
    pub entry_price: Option<Decimal>,
    /// When.
    pub time: Timestamp,
}

/// One verdict on one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRow {
    /// The decision.
    pub decision_id: String,
    /// The order that was judged.
    pub client_order_id: String,
    /// `exit`, `entry` or `protective`.
    pub leg: String,
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// `host:<check>`, or a rule's name.
    pub source: String,
    /// Version of the host check.
    pub version: i64,
    /// See [`crate::VerdictKind`].
    pub verdict: String,
    /// Quantity the order was left with.
    pub quantity: Decimal,
    /// Why.
    pub denial: Option<Denial>,
    /// When.
    pub time: Timestamp,
}

const ORDERS: &str = "SELECT client_order_id, decision_id, leg, owner, symbol, side, quantity, kind, \
    approved_at FROM orders WHERE session_id = $1 ORDER BY approved_at, symbol, owner, client_order_id";
const EVENTS: &str = "SELECT client_order_id, time, state, filled, leaves, reason FROM order_events \
    WHERE session_id = $1 AND client_order_id = $2 ORDER BY sequence";
const FILLS: &str = "SELECT execution_id, client_order_id, owner, symbol, side, quantity, price, fee, \
    closed, realised, entry_price, time FROM fills WHERE session_id = $1 \
    ORDER BY time, symbol, owner, execution_id";
const VERDICTS: &str = "SELECT decision_id, client_order_id, leg, owner, symbol, source, version, \
    verdict, quantity, code, observed, allowed, explanation, time FROM verdicts \
    WHERE session_id = $1 AND decision_id = $2 ORDER BY sequence";
const DENIALS: &str = "SELECT decision_id, client_order_id, leg, owner, symbol, source, version, \
    verdict, quantity, code, observed, allowed, explanation, time FROM verdicts \
    WHERE session_id = $1 AND verdict IN ('rejected', 'halted', 'failed') ORDER BY sequence";

pub(super) async fn rows(
    store: &Store,
    sql: &'static str,
    arguments: &[&str],
) -> Result<Vec<Row>, StoreError> {
    let mut query = sqlx::query(sql);
    for argument in arguments {
        query = query.bind((*argument).to_owned());
    }
    query
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(sql, &error))
}

fn side(row: &Row) -> Result<Side, StoreError> {
    let text: String = column(row, "side")?;
    match text.as_str() {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(StoreError::Column {
            column: "side".to_owned(),
            text: format!("'{text}' is neither buy nor sell"),
        }),
    }
}

fn time(row: &Row, name: &str) -> Result<Timestamp, StoreError> {
    column(row, name).map(Timestamp)
}

/// Every order of a session, by time.
///
/// # Errors
/// [`StoreError`].
pub async fn orders(store: &Store, session_id: &str) -> Result<Vec<OrderRow>, StoreError> {
    let rows = rows(store, ORDERS, &[session_id]).await?;
    rows.iter()
        .map(|row| {
            Ok(OrderRow {
                client_order_id: column(row, "client_order_id")?,
                decision_id: column(row, "decision_id")?,
                leg: column(row, "leg")?,
                owner: column(row, "owner")?,
                symbol: column(row, "symbol")?,
                side: side(row)?,
                quantity: decimal(row, "quantity")?,
                kind: column(row, "kind")?,
                approved: time(row, "approved_at")?,
            })
        })
        .collect()
}

/// The life of one order, oldest first.
///
/// # Errors
/// [`StoreError`].
pub async fn order_events(
    store: &Store,
    session_id: &str,
    client_order_id: &str,
) -> Result<Vec<EventRow>, StoreError> {
    let rows = rows(store, EVENTS, &[session_id, client_order_id]).await?;
    rows.iter()
        .map(|row| {
            Ok(EventRow {
                client_order_id: column(row, "client_order_id")?,
                time: time(row, "time")?,
                state: column(row, "state")?,
                filled: decimal(row, "filled")?,
                leaves: decimal(row, "leaves")?,
                reason: column(row, "reason")?,
            })
        })
        .collect()
}

/// Every fill of a session, by time.
///
/// # Errors
/// [`StoreError`].
pub async fn fills(store: &Store, session_id: &str) -> Result<Vec<FillRow>, StoreError> {
    let rows = rows(store, FILLS, &[session_id]).await?;
    rows.iter()
        .map(|row| {
            Ok(FillRow {
                execution_id: column(row, "execution_id")?,
                client_order_id: column(row, "client_order_id")?,
                owner: column(row, "owner")?,
                symbol: column(row, "symbol")?,
                side: side(row)?,
                quantity: decimal(row, "quantity")?,
                price: decimal(row, "price")?,
                fee: decimal(row, "fee")?,
                closed: decimal(row, "closed")?,
                realised: decimal(row, "realised")?,
                entry_price: optional_decimal(row, "entry_price")?,
                time: time(row, "time")?,
            })
        })
        .collect()
}

/// Everything said about one decision's orders, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn verdicts(
    store: &Store,
    session_id: &str,
    decision_id: &str,
) -> Result<Vec<VerdictRow>, StoreError> {
    let rows = rows(store, VERDICTS, &[session_id, decision_id]).await?;
    rows.iter().map(verdict).collect()
}

/// Every refusal of a session, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn denials(store: &Store, session_id: &str) -> Result<Vec<VerdictRow>, StoreError> {
    let rows = rows(store, DENIALS, &[session_id]).await?;
    rows.iter().map(verdict).collect()
}

fn verdict(row: &Row) -> Result<VerdictRow, StoreError> {
    let text =
        |name: &str| Ok::<_, StoreError>(column::<Option<String>>(row, name)?.unwrap_or_default());
    let denial = match column::<Option<String>>(row, "code")? {
        Some(code) => Some(Denial {
            code,
            observed: text("observed")?,
            limit: text("allowed")?,
            text: text("explanation")?,
        }),
        None => None,
    };
    Ok(VerdictRow {
        decision_id: column(row, "decision_id")?,
        client_order_id: column(row, "client_order_id")?,
        leg: column(row, "leg")?,
        owner: column(row, "owner")?,
        symbol: column(row, "symbol")?,
        source: column(row, "source")?,
        version: column(row, "version")?,
        verdict: column(row, "verdict")?,
        quantity: decimal(row, "quantity")?,
        denial,
        time: time(row, "time")?,
    })
}
