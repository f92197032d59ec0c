//! What the calls of a task class are paid from.

use super::config::account;
use super::{Answered, Asker};
use crate::budget::{Amount, Budgets, Reservation, ReserveError};
use crate::call::{Failure, FailureCase};

/// The budget accounts that a call is booked in.
pub(super) fn accounts(class: &str, label: &str) -> [String; 2] {
    [class.to_owned(), account(class, label)]
}

/// What calls of a class are paid from.
pub(super) struct Purse<'a> {
    pub(super) budgets: Option<&'a Budgets>,
    pub(super) class: &'a str,
}

impl Purse<'_> {
    /// Asks a candidate within its budget. What a failed call used is not known, so it counts as the most it
    /// could.
    pub(super) async fn spend<A: Asker>(
        &self,
        asker: &mut A,
        place: usize,
        label: &str,
    ) -> Result<Answered<A::Answer>, Failure> {
        let (Some(budgets), Some((amount, wall))) = (self.budgets, asker.estimate(place)) else {
            return asker.ask(place).await;
        };
        let reserved = budgets.reserve(&accounts(self.class, label), amount, wall);
        let reserved: Reservation = match reserved {
            Ok(reserved) => reserved,
            // What cannot be reserved is not spent.
            Err(error) => {
                let text = match error {
                    ReserveError::Denied(denied) => denied.to_string(),
                    ReserveError::Store(error) => format!("nothing is reserved: {error}"),
                };
                let failure = Failure::new(FailureCase::OverBudget, text);
                asker.denied(place, &failure);
                return Err(failure);
            }
        };
        let told = asker.ask(place).await;
        let used = match &told {
            Ok(answered) if answered.cached => Amount::default(),
            Ok(answered) => answered.used,
            Err(_) => amount,
        };
        match budgets.settle(reserved, used) {
            Ok(Some(overrun)) => tracing::warn!(
                "{label} used {} {} where {} were reserved",
                overrun.used,
                overrun.resource,
                overrun.reserved
            ),
            Ok(None) => {}
            // It counts in full then, and the next reservation meets the store's failure.
            Err(error) => tracing::warn!("what {label} used is not booked: {error}"),
        }
        told
    }
}
