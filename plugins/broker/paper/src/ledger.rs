//! One account's cash and positions at average cost. Cash pays the whole notional; dividends are cash on
//! the ex-date (a short pays them), and a split's fraction of a lot is paid at the prior close in new units.
//!
//! **Carry** is that of [`bulkhead_venue::carry`], booked to cash at the later of two sessions' ends.

use bulkhead_sdk::order::{ActionKind, Execution};
use bulkhead_sdk::{InstrumentHandle, Timestamp};
use bulkhead_venue::InstrumentSpec;
use bulkhead_venue::carry::{Carry, CarryRates};
use bulkhead_venue::number::{from_f64, split_units};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) cash: Decimal,
    pub(crate) holdings: BTreeMap<InstrumentHandle, Holding>,
    /// Oldest first.
    pub(crate) executions: Vec<Execution>,
    #[serde(flatten)]
    pub(crate) carry: Carry,
}

impl Ledger {
    pub(crate) fn new(cash: Decimal) -> Self {
        Ledger {
            cash,
            holdings: BTreeMap::new(),
            executions: Vec::new(),
            carry: Carry::default(),
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

    /// Books what was carried to a session's end at `now`, and begins anew.
    pub(crate) fn carry(
        &mut self,
        now: Timestamp,
        rates: CarryRates,
        multiplier: impl Fn(InstrumentHandle) -> Decimal,
    ) {
        if rates.is_zero() {
            return;
        }
        self.cash += self.carry.end(now, rates);
        let short: Decimal = self
            .holdings
            .iter()
            .filter(|(_, holding)| holding.quantity < Decimal::ZERO)
            .map(|(instrument, holding)| -holding.worth() * multiplier(*instrument))
            .sum();
        self.carry.begin(now, short, self.cash);
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
