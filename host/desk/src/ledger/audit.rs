//! Whether the books are right.

use super::{Account, CostBasis, Currency, Ledger, LedgerError, sum_of};
use bulkhead_domain::Decimal;
use std::collections::BTreeMap;

impl Ledger {
    /// Checks that all balances sum to zero in every currency, that every position's account equals its
    /// cost in its instrument's currency, that its lots add up to it, and, where no entry was taken away
    /// yet, that the entries add up to the balances.
    ///
    /// # Errors
    /// [`LedgerError::Unbalanced`] names the first thing that is off.
    pub fn audit(&self) -> Result<(), LedgerError> {
        let expect = |what: String, observed: Decimal, expected: Decimal| {
            if observed == expected {
                Ok(())
            } else {
                Err(LedgerError::Unbalanced {
                    what,
                    observed,
                    expected,
                })
            }
        };
        for currency in self.currencies() {
            expect(
                format!("the sum of all balances in '{currency}'"),
                self.balances()
                    .filter(|(_, of, _)| *of == currency)
                    .map(|(_, _, balance)| balance)
                    .sum(),
                Decimal::ZERO,
            )?;
        }
        for ((account, currency), balance) in &self.balances {
            if let Account::Position(key) = account {
                let cost = self
                    .lines
                    .get(key)
                    .filter(|_| self.currency(key.instrument) == *currency)
                    .map_or(Decimal::ZERO, |held| held.line.cost);
                expect(
                    format!(
                        "the position of '{}' in instrument {}",
                        self.owner_name(key.owner),
                        key.instrument
                    ),
                    *balance,
                    cost,
                )?;
            }
        }
        for (key, held) in &self.lines {
            let line = &held.line;
            let agrees = |cost: Decimal, quantity: Decimal| {
                !quantity.is_zero()
                    && (cost.is_zero() || cost.is_sign_positive() == quantity.is_sign_positive())
                    && quantity.is_sign_positive() == line.quantity.is_sign_positive()
            };
            if !agrees(line.cost, line.quantity) {
                return Err(LedgerError::Unbalanced {
                    what: format!("the quantity in instrument {}", key.instrument),
                    observed: line.quantity,
                    expected: line.cost,
                });
            }
            let position = self.balance(Account::Position(*key));
            expect("a position's account".to_owned(), position, line.cost)?;
            let lots = &held.lots;
            let what =
                |what: &str| format!("the {what} of the lots of instrument {}", key.instrument);
            expect(
                what("quantity"),
                lots.iter().map(|lot| lot.quantity).sum(),
                line.quantity,
            )?;
            expect(
                what("cost"),
                lots.iter().map(|lot| lot.cost).sum(),
                line.cost,
            )?;
            let odd = lots.iter().find(|lot| !agrees(lot.cost, lot.quantity));
            if let Some(lot) = odd {
                return Err(LedgerError::Unbalanced {
                    what: what("side"),
                    observed: lot.quantity,
                    expected: line.quantity,
                });
            }
            if self.config.basis == CostBasis::Average {
                let number = Decimal::from(lots.len() as u64);
                expect(what("number"), number, Decimal::ONE)?;
            }
        }
        let mut sums: BTreeMap<(Account, Currency), Decimal> = BTreeMap::new();
        for (position, entry) in self.entries.iter().enumerate() {
            for posting in &entry.postings {
                expect(
                    format!("the sum of entry {}", entry.sequence),
                    sum_of(&entry.postings, posting.currency),
                    Decimal::ZERO,
                )?;
            }
            expect(
                "an entry's number".to_owned(),
                Decimal::from(entry.sequence),
                Decimal::from(self.taken + position as u64 + 1),
            )?;
            for posting in &entry.postings {
                let account = (posting.account, posting.currency);
                *sums.entry(account).or_default() += posting.amount;
            }
        }
        if self.taken == 0 {
            for (account, balance) in &self.balances {
                let sum = sums.get(account).copied().unwrap_or_default();
                expect(
                    format!("the balance of {}", account.0.name()),
                    *balance,
                    sum,
                )?;
            }
        }
        Ok(())
    }
}
