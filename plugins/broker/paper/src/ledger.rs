//! One account's cash and positions at average cost. Cash pays the whole notional; dividends are cash on
//! the ex-date (a short pays them), and a split's fraction of a lot is paid at the prior close in new units.
//!
//! **Carry.** What is held over a session's end costs and earns until the next one, actual days over 365, on
//! what it was worth at the earlier end: short positions the borrow rate on their notional, cash less the
//! shorts' notional (a short sale's proceeds earn nothing) the interest rate, which a debit pays. It is booked
//! to cash at the later end, to eight decimals, and kept in totals. What is opened and closed between two
//! ends costs nothing.

use bulkhead_sdk::order::{ActionKind, Execution};
use bulkhead_sdk::{InstrumentHandle, Timestamp};
use bulkhead_venue::InstrumentSpec;
use bulkhead_venue::number::{from_f64, split_units};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Nanoseconds of a year of 365 days.
const YEAR: Decimal = Decimal::from_parts(765_657_088, 7_342_547, 0, false, 0);

/// Decimals of the money that carry is booked in.
const CARRY_DECIMALS: u32 = 8;

/// What is held of one instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holding {
    /// Below zero is short.
    pub(crate) quantity: Decimal,
    /// Price × quantity of what is held, with the quantity's sign.
    cost: Decimal,
    /// Last close, none before the first bar.
    mark: Option<Decimal>,
}

impl Holding {
    pub(crate) fn average_price(&self) -> Decimal {
        self.cost.checked_div(self.quantity).unwrap_or_default()
    }

    /// Last close.
    pub(crate) fn mark(&self) -> Option<Decimal> {
        self.mark
    }

    /// Quantity times the last close, its magnitude, or times cost before the first.
    pub(crate) fn worth(&self) -> Decimal {
        let price = self.mark.unwrap_or_else(|| self.average_price());
        self.quantity * price.abs()
    }
}

/// What is held over a session's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Overnight {
    since: Timestamp,
    /// Notional of the short positions.
    short: Decimal,
    /// Cash that earns or pays interest.
    cash: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) cash: Decimal,
    pub(crate) holdings: BTreeMap<InstrumentHandle, Holding>,
    /// Oldest first.
    pub(crate) executions: Vec<Execution>,
    /// Paid so far for borrowing what was sold short.
    pub(crate) borrow_fees: Decimal,
    /// Earned so far on cash; below zero when paid.
    pub(crate) interest: Decimal,
    overnight: Option<Overnight>,
}

impl Ledger {
    pub(crate) fn new(cash: Decimal) -> Self {
        Ledger {
            cash,
            holdings: BTreeMap::new(),
            executions: Vec::new(),
            borrow_fees: Decimal::ZERO,
            interest: Decimal::ZERO,
            overnight: None,
        }
    }

    pub(crate) fn book(&mut self, execution: &Execution, multiplier: Decimal) {
        let signed = execution.side.sign() * execution.quantity;
        self.cash -= signed * execution.price * multiplier + execution.fee;
        let holding = self.holdings.entry(execution.instrument).or_default();
        let before = holding.quantity;
        let after = before + signed;
        if before * signed >= Decimal::ZERO {
            holding.cost += signed * execution.price;
        } else if after * before > Decimal::ZERO {
            holding.cost = holding.average_price() * after;
        } else {
            holding.cost = after * execution.price;
        }
        holding.quantity = after;
        self.executions.push(execution.clone());
    }

    pub(crate) fn act(&mut self, spec: &InstrumentSpec, action: &ActionKind) {
        let holding = self.holdings.entry(spec.handle).or_default();
        match *action {
            ActionKind::Dividend(per_unit) => self.cash += holding.quantity * per_unit,
            ActionKind::Split {
                numerator,
                denominator,
            } => {
                let Some((whole, rest)) =
                    split_units(holding.quantity, numerator, denominator, spec.lot)
                else {
                    return;
                };
                let old_terms = Decimal::from(denominator) / Decimal::from(numerator);
                holding.mark = holding.mark.map(|mark| mark * old_terms);
                let price = holding
                    .mark
                    .unwrap_or_else(|| holding.average_price() * old_terms);
                self.cash += rest * price * spec.multiplier;
                holding.cost = holding.average_price() * old_terms * whole;
                holding.quantity = whole;
            }
            ActionKind::Other { .. } => {}
        }
    }

    pub(crate) fn mark(&mut self, instrument: InstrumentHandle, close: f64) {
        self.holdings.entry(instrument).or_default().mark = from_f64(close);
    }

    /// Books what was carried to a session's end at `now`, and begins anew. Rates are a year's.
    pub(crate) fn carry(
        &mut self,
        now: Timestamp,
        borrow_rate: Decimal,
        interest_rate: Decimal,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) {
        if borrow_rate.is_zero() && interest_rate.is_zero() {
            return;
        }
        if let Some(before) = self.overnight {
            let years = Decimal::from(now.saturating_sub(before.since)) / YEAR;
            let carried = |amount: Decimal, rate: Decimal| {
                let money = amount.saturating_mul(years * rate);
                money.round_dp(CARRY_DECIMALS)
            };
            let fee = carried(before.short, borrow_rate);
            let interest = carried(before.cash, interest_rate);
            self.cash += interest - fee;
            self.borrow_fees += fee;
            self.interest += interest;
        }
        let short: Decimal = self
            .holdings
            .iter()
            .filter(|(_, holding)| holding.quantity < Decimal::ZERO)
            .map(|(instrument, holding)| -holding.worth() * multiplier(*instrument))
            .sum();
        self.overnight = Some(Overnight {
            since: now,
            short,
            cash: self.cash - short,
        });
    }

    /// Cash plus positions at the last close (at cost before the first), and the positions' gross value.
    pub(crate) fn equity_and_gross(
        &self,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) -> (Decimal, Decimal) {
        let mut equity = self.cash;
        let mut gross = Decimal::ZERO;
        for (instrument, holding) in &self.holdings {
            let price = holding.mark.unwrap_or_else(|| holding.average_price());
            let value = holding.quantity * price * multiplier(*instrument);
            equity += value;
            gross += value.abs();
        }
        (equity, gross)
    }
}
