//! Whether the books are right.

use super::{Account, Ledger, LedgerError};
use bulkhead_domain::Decimal;
use std::collections::BTreeMap;

impl Ledger {
    /// Checks that all balances sum to zero, that every position's account equals its cost, and, where
    /// no entry was taken away yet, that the entries add up to the balances.
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
        expect(
            "the sum of all balances".to_owned(),
            self.balances.values().sum(),
            Decimal::ZERO,
        )?;
        for (account, balance) in &self.balances {
            if let Account::Position(key) = account {
                let cost = self.lines.get(key).map_or(Decimal::ZERO, |line| line.cost);
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
        for (key, line) in &self.lines {
            let sides_agree = line.cost.is_zero()
                || line.cost.is_sign_positive() == line.quantity.is_sign_positive();
            if line.quantity.is_zero() || !sides_agree {
                return Err(LedgerError::Unbalanced {
                    what: format!("the quantity in instrument {}", key.instrument),
                    observed: line.quantity,
                    expected: line.cost,
                });
            }
        }
        let mut sums: BTreeMap<Account, Decimal> = BTreeMap::new();
        for (position, entry) in self.entries.iter().enumerate() {
            expect(
                format!("the sum of entry {}", entry.sequence),
                entry.postings.iter().map(|posting| posting.amount).sum(),
                Decimal::ZERO,
            )?;
            expect(
                "an entry's number".to_owned(),
                Decimal::from(entry.sequence),
                Decimal::from(self.taken + position as u64 + 1),
            )?;
            for posting in &entry.postings {
                *sums.entry(posting.account).or_default() += posting.amount;
            }
        }
        if self.taken == 0 {
            for (account, balance) in &self.balances {
                let sum = sums.get(account).copied().unwrap_or_default();
                expect(format!("the balance of {}", account.name()), *balance, sum)?;
            }
        }
        Ok(())
    }
}
