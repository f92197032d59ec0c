//! Booking executions at average cost.

use super::{Account, EntryKind, Ledger, LedgerError, Line, LineKey, OwnerId, Posting, amount};
use bulkhead_domain::order::Execution;
use bulkhead_domain::{Decimal, Timestamp};

/// What a fill did to its owner's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FillEffect {
    /// Units that closed what was held; the rest of the fill opened.
    pub closed: Decimal,
    /// Profit on the closed units, before fees.
    pub realised: Decimal,
    /// Fee booked.
    pub fee: Decimal,
    /// Average entry price of what was closed; `None` when nothing was.
    pub entry_price: Option<Decimal>,
    /// When what was closed had been opened.
    pub opened: Option<Timestamp>,
    /// Position afterwards.
    pub quantity: Decimal,
}

impl Ledger {
    /// Books an execution: cash and fee, cost of what it opens, profit of what it closes.
    ///
    /// With notional N = price × quantity × multiplier and s = 1 for a buy, −1 for a sale, a fill that
    /// closes c of q units held at cost K removes K·c/q of cost and realises −s·N·c/quantity − K·c/q.
    ///
    /// # Errors
    /// [`LedgerError::Invalid`] for a quantity or price that is not above zero,
    /// [`LedgerError::Overflow`]; nothing is then booked.
    pub fn fill(
        &mut self,
        owner: OwnerId,
        execution: &Execution,
        multiplier: Decimal,
    ) -> Result<FillEffect, LedgerError> {
        for (what, value) in [
            ("a fill's quantity", execution.quantity),
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
        let before = self.lines.get(&key).copied();
        let held = before.map_or(Decimal::ZERO, |line| line.quantity);
        let cost = before.map_or(Decimal::ZERO, |line| line.cost);
        let sign = execution.side.sign();
        let quantity = execution.quantity;
        let notional = amount(
            "a notional",
            execution
                .price
                .checked_mul(quantity)
                .and_then(|value| value.checked_mul(multiplier)),
        )?;
        let fee = amount("a fee", Some(execution.fee))?;

        let opposite = !held.is_zero() && held.is_sign_positive() != (sign > Decimal::ZERO);
        let closed = if opposite {
            held.abs().min(quantity)
        } else {
            Decimal::ZERO
        };
        let removed = part("cost", cost, closed, held.abs())?;
        let closing = part("a notional", notional, closed, quantity)?;
        let realised = -(sign * closing) - removed;
        let after = amount("a position", held.checked_add(sign * quantity))?;

        self.post(
            execution.time,
            EntryKind::Fill(execution.execution_id.clone()),
            &[
                Posting::new(Account::Cash, -(sign * notional) - fee),
                Posting::new(
                    Account::Position(key),
                    sign * (notional - closing) - removed,
                ),
                Posting::new(Account::Realised(key), -realised),
                Posting::new(Account::Fees(key), fee),
            ],
        )?;
        let turned = opposite && closed < quantity;
        if after.is_zero() {
            self.lines.remove(&key);
        } else {
            self.lines.insert(
                key,
                Line {
                    quantity: after,
                    cost: cost - removed + sign * (notional - closing),
                    multiplier,
                    opened: match before {
                        Some(line) if !turned => line.opened,
                        _ => Timestamp(execution.time),
                    },
                },
            );
        }
        let closed_line = before.filter(|_| opposite);
        Ok(FillEffect {
            closed,
            realised,
            fee,
            entry_price: closed_line.map(|line| line.average_price()),
            opened: closed_line.map(|line| line.opened),
            quantity: after,
        })
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
