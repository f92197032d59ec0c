//! One row for each trading session.

use super::{StatementError, cells};
use crate::ledger::{LedgerError, money};
use bulkhead_domain::{Decimal, Timestamp};
use serde::Serialize;
use std::io::Write;

/// What is known of a session at its close, in the base currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDay {
    /// The close.
    pub close: Timestamp,
    /// Equity at the close.
    pub equity: Decimal,
    /// Cash paid in less cash taken out since the close before.
    pub deposits: Decimal,
    /// Fees paid since the close before.
    pub fees: Decimal,
    /// Sum of the positions' values, each taken as above zero.
    pub gross_exposure: Decimal,
    /// Sum of the positions' values.
    pub net_exposure: Decimal,
    /// Orders sent.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Orders refused by a check or a rule.
    pub denials: u64,
}

/// A session in the daily report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DailyRow {
    /// Date of the close in UTC, `YYYY-MM-DD`.
    pub date: String,
    /// The close.
    pub close: Timestamp,
    /// Equity at the close.
    pub equity: Decimal,
    /// Cash paid in less cash taken out.
    pub deposits: Decimal,
    /// Change of equity since the close before, less deposits; fees are in it.
    pub profit: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// Sum of the positions' values, each taken as above zero.
    pub gross_exposure: Decimal,
    /// Sum of the positions' values.
    pub net_exposure: Decimal,
    /// `1 − equity ÷ peak`, a fraction not below zero. The peak is the highest closing equity so far,
    /// moved by every deposit and withdrawal since. `None` where the peak is not above zero.
    pub drawdown: Option<Decimal>,
    /// Orders sent.
    pub orders: u64,
    /// Executions.
    pub fills: u64,
    /// Orders refused.
    pub denials: u64,
}

/// The daily report of sessions in the order of time, beginning with `opening` equity.
///
/// # Errors
/// [`StatementError::OutOfOrder`], and [`StatementError::Ledger`] for amounts that are too large.
pub fn daily_report(
    opening: Decimal,
    days: &[SessionDay],
) -> Result<Vec<DailyRow>, StatementError> {
    let overflow = LedgerError::Overflow { what: "equity" };
    let (mut equity, mut peak) = (opening, opening);
    let mut before: Option<Timestamp> = None;
    let mut rows = Vec::with_capacity(days.len());
    for day in days {
        if let Some(before) = before
            && day.close <= before
        {
            return Err(StatementError::OutOfOrder {
                what: "a session",
                before,
                observed: day.close,
            });
        }
        before = Some(day.close);
        let profit = day
            .equity
            .checked_sub(equity)
            .and_then(|change| change.checked_sub(day.deposits))
            .ok_or(overflow.clone())?;
        peak = peak
            .checked_add(day.deposits)
            .ok_or(overflow.clone())?
            .max(day.equity);
        let drawdown = (peak > Decimal::ZERO)
            .then(|| day.equity.checked_div(peak))
            .flatten()
            .map(|left| money(Decimal::ONE - left).normalize());
        equity = day.equity;
        rows.push(DailyRow {
            date: day.close.date(),
            close: day.close,
            equity: day.equity,
            deposits: day.deposits,
            profit: profit.normalize(),
            fees: day.fees,
            gross_exposure: day.gross_exposure,
            net_exposure: day.net_exposure,
            drawdown,
            orders: day.orders,
            fills: day.fills,
            denials: day.denials,
        });
    }
    Ok(rows)
}

const HEADER: [&str; 12] = [
    "date",
    "close",
    "equity",
    "deposits",
    "profit",
    "fees",
    "gross_exposure",
    "net_exposure",
    "drawdown",
    "orders",
    "fills",
    "denials",
];

/// Writes the daily report as CSV (RFC 4180), a header first; an undefined drawdown is an empty cell.
///
/// # Errors
/// [`StatementError::Write`].
pub fn write_daily(rows: &[DailyRow], to: impl Write) -> Result<(), StatementError> {
    let rows = rows.iter().map(|row| {
        [
            row.date.clone(),
            row.close.to_string(),
            cells::number(row.equity),
            cells::number(row.deposits),
            cells::number(row.profit),
            cells::number(row.fees),
            cells::number(row.gross_exposure),
            cells::number(row.net_exposure),
            row.drawdown.map(cells::number).unwrap_or_default(),
            row.orders.to_string(),
            row.fills.to_string(),
            row.denials.to_string(),
        ]
    });
    Ok(cells::write(to, HEADER, rows)?)
}
