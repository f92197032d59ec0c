//! Budgets in calls, tokens and money per UTC day, for candidates and task classes.
//!
//! Promises: what a call may use at most is reserved before it is made, on disk before it is granted, in all its
//! accounts or in none; a reservation that would pass a limit is denied with what was observed and the limit; so no
//! limit is passed by calls that keep to what they reserved, whatever their order. What one used beyond that is
//! booked all the same, and said. After a restart a reservation that was never settled counts in full.
//!
//! Bounds: one process keeps a database's budgets; a second one would not see the first's reservations, and its
//! first write fails. Use of earlier days stays in the table and is not held in memory.

mod durable;
mod ledger;

pub use durable::{Budgets, ReserveError};
pub use ledger::{Amount, Denied, Ledger, Limits, Overrun, Reservation, Resource};
