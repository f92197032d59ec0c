//! A log of closed trades.
//!
//! Fills and splits are booked anew, at average cost or first in, first out as the books are kept; every
//! lot that a fill or a split's fraction closes is a trade. Profits therefore sum to what the books
//! realised. What is still open is no trade yet.

use super::{StatementError, cells};
use crate::ledger::{ClosedLot, CostBasis, Ledger, LedgerConfig, SplitTerms};
use bulkhead_domain::order::{Execution, InstrumentHandle, Liquidity, Nanos, Side};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;

/// A fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeFill {
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// Direction.
    pub side: Side,
    /// Above zero.
    pub quantity: Decimal,
    /// Raw price.
    pub price: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// Above zero is a cost; in the instrument's currency.
    pub fee: Decimal,
    /// When.
    pub time: Nanos,
}

/// What makes, changes or closes a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeEvent {
    /// A fill.
    Fill(TradeFill),
    /// A split of an instrument.
    Split {
        /// Which instrument.
        symbol: String,
        /// Its terms.
        terms: SplitTerms,
        /// When.
        time: Nanos,
    },
}

impl TradeEvent {
    fn time(&self) -> Nanos {
        match self {
            TradeEvent::Fill(fill) => fill.time,
            TradeEvent::Split { time, .. } => *time,
        }
    }
}

/// A round trip.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trade {
    /// Whose.
    pub owner: String,
    /// Of which instrument.
    pub symbol: String,
    /// Buy for a long that was sold, sell for a short that was bought back.
    pub side: Side,
    /// When it was opened; at average cost, when the position was.
    pub opened: Timestamp,
    /// When it was closed.
    pub closed: Timestamp,
    /// Units, after the splits since.
    pub quantity: Decimal,
    /// Entry price, after the splits since.
    pub entry: Decimal,
    /// Exit price.
    pub exit: Decimal,
    /// Profit before fees.
    pub gross: Decimal,
    /// Fees of the entry and of the exit.
    pub fees: Decimal,
    /// Profit after fees.
    pub net: Decimal,
}

impl Trade {
    /// Days of 24 hours from opening to closing, to four places.
    #[must_use]
    pub fn holding_days(&self) -> Decimal {
        let held = self.closed.0.saturating_sub(self.opened.0);
        (Decimal::from(held) / Decimal::from(DAY))
            .round_dp(4)
            .normalize()
    }

    fn of(owner: &str, symbol: &str, closed: Nanos, exit: Decimal, lot: &ClosedLot) -> Self {
        let fees = lot.entry_fees + lot.exit_fees;
        Trade {
            owner: owner.to_owned(),
            symbol: symbol.to_owned(),
            side: if lot.quantity.is_sign_negative() {
                Side::Sell
            } else {
                Side::Buy
            },
            opened: lot.opened,
            closed: Timestamp(closed),
            quantity: lot.quantity.abs().normalize(),
            entry: lot.entry_price.normalize(),
            exit: exit.normalize(),
            gross: lot.realised().normalize(),
            fees: fees.normalize(),
            net: (lot.realised() - fees).normalize(),
        }
    }
}

/// Every trade closed by the events, which are in the order of time and begin with an account that holds
/// nothing. Trades are in the order of closing; those of one fill by opening.
///
/// # Errors
/// [`StatementError::OutOfOrder`], and [`StatementError::Ledger`] for a fill or split that cannot be
/// booked.
pub fn closed_trades(
    basis: CostBasis,
    events: &[TradeEvent],
) -> Result<Vec<Trade>, StatementError> {
    let mut before = Nanos::MIN;
    for event in events {
        let time = event.time();
        if time < before {
            return Err(StatementError::OutOfOrder {
                what: "a fill or split",
                before: Timestamp(before),
                observed: Timestamp(time),
            });
        }
        before = time;
    }
    book(basis, events)
}

/// Every trade closed by events in the order in which they were booked, which is that of the trades.
pub(super) fn book(basis: CostBasis, events: &[TradeEvent]) -> Result<Vec<Trade>, StatementError> {
    let config = LedgerConfig {
        basis,
        ..LedgerConfig::default()
    };
    let mut ledger = Ledger::open_with(config, Decimal::ZERO, Nanos::MIN)?;
    let mut handles: BTreeMap<&str, InstrumentHandle> = BTreeMap::new();
    let mut trades = Vec::new();
    for event in events {
        let time = event.time();
        let (TradeEvent::Fill(TradeFill { symbol, .. }) | TradeEvent::Split { symbol, .. }) = event;
        let next = InstrumentHandle::try_from(handles.len()).unwrap_or(InstrumentHandle::MAX);
        let instrument = *handles.entry(symbol).or_insert(next);
        match event {
            TradeEvent::Fill(fill) => {
                let owner = ledger.owner(&fill.owner);
                let execution = execution(fill, instrument);
                let (_, closed) = ledger.fill_matched(owner, &execution, fill.multiplier)?;
                let trade = |lot| Trade::of(&fill.owner, symbol, time, fill.price, lot);
                trades.extend(closed.iter().map(trade));
            }
            TradeEvent::Split { terms, .. } => {
                let exit = terms.adjusted_close().unwrap_or_default();
                for (key, lot) in ledger.split_matched(time, instrument, terms)? {
                    let owner = ledger.owner_name(key.owner);
                    trades.push(Trade::of(owner, symbol, time, exit, &lot));
                }
            }
        }
        ledger.take_entries();
    }
    Ok(trades)
}

fn execution(fill: &TradeFill, instrument: InstrumentHandle) -> Execution {
    Execution {
        execution_id: String::new(),
        client_order_id: String::new(),
        account: String::new(),
        instrument,
        side: fill.side,
        quantity: fill.quantity,
        price: fill.price,
        fee: fill.fee,
        fee_currency: String::new(),
        liquidity: Liquidity::Unknown,
        time: fill.time,
    }
}

const HEADER: [&str; 12] = [
    "owner",
    "symbol",
    "side",
    "opened",
    "closed",
    "quantity",
    "entry",
    "exit",
    "gross",
    "fees",
    "net",
    "holding_days",
];

/// Writes trades as CSV (RFC 4180), a header first; times are RFC 3339 in UTC.
///
/// # Errors
/// [`StatementError::Write`].
pub fn write_trades(trades: &[Trade], to: impl Write) -> Result<(), StatementError> {
    let rows = trades.iter().map(|trade| {
        let side = match trade.side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        };
        [
            cells::text(&trade.owner).into_owned(),
            cells::text(&trade.symbol).into_owned(),
            side.to_owned(),
            trade.opened.to_string(),
            trade.closed.to_string(),
            cells::number(trade.quantity),
            cells::number(trade.entry),
            cells::number(trade.exit),
            cells::number(trade.gross),
            cells::number(trade.fees),
            cells::number(trade.net),
            cells::number(trade.holding_days()),
        ]
    });
    Ok(cells::write(to, HEADER, rows)?)
}
