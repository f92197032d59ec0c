//! Budgets that survive a restart. The table is `budget_use`.

use super::ledger::{Amount, Denied, Ledger, Limits, Overrun, Reservation, day_of};
use bulkhead_domain::Timestamp;
use bulkhead_store::{Statement, Store, StoreError, Writer, column, decimal};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReserveError {
    /// A limit would be passed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The reservation cannot be kept, so it is not granted.
    #[error("the budget cannot be kept: {0}")]
    Store(#[from] StoreError),
}

/// The budgets of a process. Shared between threads by reference.
#[derive(Debug)]
pub struct Budgets {
    ledger: Mutex<Ledger>,
    writer: Writer,
}

impl Budgets {
    /// Reads what was used since the beginning of the day of `now`.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn load(
        store: &Store,
        writer: Writer,
        limits: BTreeMap<String, Limits>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        const SQL: &str = "SELECT number, account, day, calls, tokens, money FROM budget_use
             WHERE day >= $1 OR number = (SELECT max(number) FROM budget_use)";
        let today = day_of(now);
        let mut ledger = Ledger::new(limits);
        let rows = sqlx::query(SQL)
            .bind(today)
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::of_statement(SQL, &error))?;
        for row in &rows {
            let account: String = column(row, "account")?;
            let amount = Amount {
                calls: count(column(row, "calls")?),
                tokens: count(column(row, "tokens")?),
                money: decimal(row, "money")?,
            };
            ledger.restore(
                column(row, "number")?,
                &account,
                column(row, "day")?,
                amount,
            );
        }
        ledger.forget_before(now);
        Ok(Budgets {
            ledger: Mutex::new(ledger),
            writer,
        })
    }

    /// Sets an amount aside in every account, or in none, and returns once that is on disk. It waits for the
    /// disk: an asynchronous caller does it where it may block.
    ///
    /// # Errors
    /// When a limit would be passed, or the disk does not take it.
    pub fn reserve(
        &self,
        accounts: &[String],
        amount: Amount,
        now: Timestamp,
    ) -> Result<Reservation, ReserveError> {
        let reservation = {
            let mut ledger = self.ledger();
            let reservation = ledger.reserve(accounts, amount, now)?;
            // Within the lock, so that the table's order is the ledger's.
            self.writer.write_group(inserts(&reservation))?;
            reservation
        };
        self.writer.flush()?;
        Ok(reservation)
    }

    /// Whether a reservation would be granted now.
    ///
    /// # Errors
    /// The first limit that it would pass.
    pub fn allows(
        &self,
        accounts: &[String],
        amount: Amount,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.ledger().allows(accounts, amount, now)
    }

    /// Books what was really used in place of what was reserved. It does not wait for the disk: should the
    /// process end before, the reservation counts in full.
    ///
    /// # Errors
    /// When an earlier write failed; what was used is then booked in memory alone.
    pub fn settle(
        &self,
        reservation: Reservation,
        used: Amount,
    ) -> Result<Option<Overrun>, StoreError> {
        let overrun = self.ledger().settle(&reservation, used);
        self.writer.write(
            Statement::new(
                "UPDATE budget_use SET calls = $1, tokens = $2, money = $3, settled = 1
                 WHERE number = $4",
            )
            .bind(integer(used.calls))
            .bind(integer(used.tokens))
            .bind(used.money)
            .bind(reservation.number),
        )?;
        Ok(overrun)
    }

    /// Gives back what was reserved for a call that was not made.
    ///
    /// # Errors
    /// As [`Budgets::settle`].
    pub fn release(&self, reservation: Reservation) -> Result<(), StoreError> {
        self.settle(reservation, Amount::default()).map(drop)
    }

    /// Used or reserved on the day of `now`.
    #[must_use]
    pub fn used(&self, account: &str, now: Timestamp) -> Amount {
        self.ledger().used(account, now)
    }

    /// A panic elsewhere leaves the ledger whole: every change to it is made in one go.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn inserts(reservation: &Reservation) -> Vec<Statement> {
    let insert = |account: &String| {
        Statement::new(
            "INSERT INTO budget_use (number, account, day, calls, tokens, money, settled)
             VALUES ($1, $2, $3, $4, $5, $6, 0)",
        )
        .bind(reservation.number)
        .bind(account)
        .bind(reservation.day)
        .bind(integer(reservation.amount.calls))
        .bind(integer(reservation.amount.tokens))
        .bind(reservation.amount.money)
    };
    reservation.accounts.iter().map(insert).collect()
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use bulkhead_domain::Decimal;
    use bulkhead_domain::time::DAY;

    fn accounts() -> Vec<String> {
        vec!["class".to_owned(), "a".to_owned()]
    }

    fn calls(calls: u64) -> Amount {
        Amount {
            calls,
            tokens: 0,
            money: Decimal::new(125, 2),
        }
    }

    async fn open(store: &Store, now: Timestamp) -> Result<Budgets, StoreError> {
        store.migrate(&[MIGRATIONS]).await?;
        let limits = Limits {
            calls: Some(10),
            ..Limits::default()
        };
        let limits = BTreeMap::from([("class".to_owned(), limits)]);
        Budgets::load(store, store.writer()?, limits, now).await
    }

    #[test]
    fn after_a_restart_what_was_settled_counts_as_used_and_what_was_not_in_full() {
        let store = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            let budgets = open(&store, Timestamp(0)).await?;
            let settled = budgets
                .reserve(&accounts(), calls(5), Timestamp(1))
                .unwrap();
            budgets.settle(settled, calls(2))?;
            let lost = budgets
                .reserve(&accounts(), calls(4), Timestamp(2))
                .unwrap();
            drop(lost);
            let given_back = budgets
                .reserve(&accounts(), calls(4), Timestamp(2))
                .unwrap();
            budgets.release(given_back)?;
            budgets.writer.flush()?;
            Ok::<_, StoreError>(store)
        })
        .unwrap();
        bulkhead_store::wait(async {
            let again = open(&store, Timestamp(3)).await?;
            let used = again.used("class", Timestamp(3));
            assert_eq!((used.calls, used.money), (6, Decimal::new(250, 2)));
            assert_eq!(again.used("a", Timestamp(3)), used);
            let denied = again.reserve(&accounts(), calls(5), Timestamp(3));
            assert!(matches!(denied, Err(ReserveError::Denied(_))), "{denied:?}");
            // Numbers go on, also on the next day.
            assert!(again.reserve(&accounts(), calls(4), Timestamp(3)).is_ok());
            let next_day = open(&store, Timestamp(DAY)).await?;
            assert_eq!(next_day.used("class", Timestamp(DAY)).calls, 0);
            assert!(
                next_day
                    .reserve(&accounts(), calls(10), Timestamp(DAY))
                    .is_ok()
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    #[test]
    fn threads_together_pass_no_limit() {
        bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            let budgets = open(&store, Timestamp(0)).await?;
            let granted: usize = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        scope.spawn(|| {
                            (0..8)
                                .filter(|_| {
                                    budgets.reserve(&accounts(), calls(1), Timestamp(1)).is_ok()
                                })
                                .count()
                        })
                    })
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().unwrap())
                    .sum()
            });
            assert_eq!(granted, 10);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    #[test]
    fn what_cannot_be_kept_is_not_granted() {
        bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            let budgets = open(&store, Timestamp(0)).await?;
            sqlx::raw_sql("DROP TABLE budget_use")
                .execute(store.pool())
                .await
                .unwrap();
            let refused = budgets.reserve(&accounts(), calls(1), Timestamp(1));
            assert!(
                matches!(refused, Err(ReserveError::Store(_))),
                "{refused:?}"
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }
}
