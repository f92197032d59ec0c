//! Booking executions.

use super::lots::Closing;
use super::{
    Account, ClosedLot, CostBasis, Currency, EntryKind, Holding, Ledger, LedgerError, Line,
    LineKey, Lot, OwnerId, Posting, UnitChange, amount, money, unit_price,
};
use bulkhead_domain::order::Execution;
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::VecDeque;

/// What a fill did to its owner's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillEffect {
    /// Units that closed what was held; the rest of the fill opened.
    pub closed: Decimal,
    /// Profit on the closed units, before fees, in the instrument's currency.
    pub realised: Decimal,
    /// Fee booked, in its own currency.
    pub fee: Decimal,
    /// Average entry price of what was closed; `None` when nothing was.
    pub entry_price: Option<Decimal>,
    /// When what was closed, or the oldest of it, had been opened.
    pub opened: Option<Timestamp>,
    /// Position afterwards.
    pub quantity: Decimal,
}

impl Ledger {
    /// Books an execution: cash and fee, cost of what it opens, profit of what it closes.
    ///
    /// With notional N = price × quantity × multiplier and s = 1 for a buy, −1 for a sale, a fill that
    /// closes c units takes their cost k off the books and realises −s·N·c/quantity − k. At average cost
    /// k = K·c/q of the cost K of the q units held; first in, first out it is what the oldest c cost.
    ///
    /// Cash and profit are in the instrument's currency, the fee in its own, unless the books hold one
    /// currency without a name.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a quantity or price that is not above zero or a fee without a
    /// currency, [`LedgerError::Overflow`]; nothing is then booked.
    pub fn fill(
        &mut self,
        owner: OwnerId,
        execution: &Execution,
        multiplier: Decimal,
    ) -> Result<FillEffect, LedgerError> {
        self.fill_matched(owner, execution, multiplier)
            .map(|(effect, _)| effect)
    }

    /// [`Ledger::fill`], and what the execution closed, oldest first: one lot at average cost.
    ///
    /// # Errors
    /// As [`Ledger::fill`].
    pub fn fill_matched(
        &mut self,
        owner: OwnerId,
        execution: &Execution,
        multiplier: Decimal,
    ) -> Result<(FillEffect, Vec<ClosedLot>), LedgerError> {
        let quantity = money(execution.quantity);
        for (what, value) in [
            ("a fill's quantity", quantity),
            ("a fill's price", execution.price),
        ] {
            if value <= Decimal::ZERO {
                return Err(LedgerError::Invalid {
                    what,
                    observed: value.to_string(),
                });
            }
        }
        let key = LineKey {
            instrument: execution.instrument,
            owner,
        };
        let before = self.lines.get(&key);
        let line = before.map(|holding| holding.line);
        let held = line.map_or(Decimal::ZERO, |line| line.quantity);
        let cost = line.map_or(Decimal::ZERO, |line| line.cost);
        let sign = execution.side.sign();
        let notional = amount(
            "a notional",
            execution
                .price
                .checked_mul(quantity)
                .and_then(|value| value.checked_mul(multiplier)),
        )?;
        let fee = amount("a fee", Some(execution.fee))?;
        let currency = self.currency(execution.instrument);
        let fee_currency = self.fee_currency(execution)?;

        let opposite = !held.is_zero() && held.is_sign_positive() != (sign > Decimal::ZERO);
        let closed = if opposite {
            held.abs().min(quantity)
        } else {
            Decimal::ZERO
        };
        let none = VecDeque::new();
        let mut closing = Closing::plan(before.map_or(&none, |holding| &holding.lots), closed)?;
        let removed = closing.cost;
        let closing_value = part("a notional", notional, closed, quantity)?;
        let realised = -(sign * closing_value) - removed;
        let after = amount("a position", held.checked_add(sign * quantity))?;
        // Only a fee in the instrument's currency can be set off against its profit.
        let lot_fee = if fee_currency == currency {
            fee
        } else {
            Decimal::ZERO
        };
        let exit_fee = part("a fee", lot_fee, closed, quantity)?;
        closing.settle(-(sign * closing_value), exit_fee)?;

        let opened_cost = sign * (notional - closing_value);
        let fees = Posting::new(Account::Fees(key), fee_currency, fee);
        let position = Posting::new(Account::Position(key), currency, opened_cost - removed);
        let realising = Posting::new(Account::Realised(key), currency, -realised);
        let cash = |currency, amount| Posting::new(Account::Cash, currency, amount);
        let kind = EntryKind::Fill(execution.execution_id.clone());
        let units = Some(UnitChange {
            key,
            change: sign * quantity,
            multiplier,
        });
        if fee_currency == currency {
            let cash = cash(currency, -(sign * notional) - fee);
            let postings = [cash, position, realising, fees];
            self.post(execution.time, kind, units, &postings)?;
        } else {
            let paid = cash(fee_currency, -fee);
            let cash = cash(currency, -(sign * notional));
            let postings = [cash, position, realising, fees, paid];
            self.post(execution.time, kind, units, &postings)?;
        }

        let closes = opposite && closed == quantity;
        let opened = match line {
            Some(line) if closes || !opposite => line.opened,
            _ => Timestamp(execution.time),
        };
        let lot = (!closes).then(|| Lot {
            opened: match self.config.basis {
                CostBasis::Average => opened,
                CostBasis::Fifo => Timestamp(execution.time),
            },
            quantity: sign * (quantity - closed),
            cost: opened_cost,
            entry_fees: lot_fee - exit_fee,
            multiplier,
        });
        let holding = Line {
            quantity: after,
            cost: cost - removed + opened_cost,
            multiplier,
            opened,
        };
        let matched = self.settle_holding(key, closing, lot, holding);
        let closed_line = line.filter(|_| opposite);
        let effect = FillEffect {
            closed,
            realised,
            fee,
            entry_price: match self.config.basis {
                CostBasis::Average => closed_line.map(|line| line.average_price()),
                CostBasis::Fifo => {
                    closed_line.map(|line| unit_price(removed.abs(), closed, line.multiplier))
                }
            },
            opened: matched.first().map(|lot| lot.opened),
            quantity: after,
        };
        Ok((effect, matched))
    }

    /// Takes what was closed from a position's lots and adds what was opened.
    fn settle_holding(
        &mut self,
        key: LineKey,
        closing: Closing,
        opened: Option<Lot>,
        line: Line,
    ) -> Vec<ClosedLot> {
        let holding = self.lines.entry(key).or_insert_with(|| Holding {
            line,
            lots: VecDeque::new(),
        });
        let matched = closing.apply(&mut holding.lots);
        holding.line = line;
        match (opened, holding.lots.front_mut(), self.config.basis) {
            (Some(lot), Some(pool), CostBasis::Average) => {
                pool.quantity += lot.quantity;
                pool.cost += lot.cost;
                pool.entry_fees += lot.entry_fees;
                pool.multiplier = lot.multiplier;
            }
            (Some(lot), _, _) => holding.lots.push_back(lot),
            (None, _, _) => {}
        }
        if line.quantity.is_zero() {
            self.lines.remove(&key);
        }
        matched
    }

    fn fee_currency(&self, execution: &Execution) -> Result<Currency, LedgerError> {
        if self.config.base == Currency::UNNAMED {
            Ok(self.config.base)
        } else if execution.fee.is_zero() {
            Ok(self.currency(execution.instrument))
        } else {
            Currency::new(&execution.fee_currency)
        }
    }
}

/// `whole × share ÷ of`, exact at both ends.
pub(super) fn part(
    what: &'static str,
    whole: Decimal,
    share: Decimal,
    of: Decimal,
) -> Result<Decimal, LedgerError> {
    if share.is_zero() {
        Ok(Decimal::ZERO)
    } else if share == of {
        Ok(whole)
    } else {
        let value = whole
            .checked_mul(share)
            .and_then(|value| value.checked_div(of));
        amount(what, value)
    }
}
