//! The kill switch, and the gate before the broker that obeys it.
//!
//! running → reduce-only → no-new-orders → halted (and cancel) → flatten (and close): by scope, each held
//! until a person lowers it.
//!
//! Promises: a restriction holds from the moment [`Gate::raise`] is entered; it is acknowledged only once
//! it is on disk and every send that had passed before has been answered ([`Acknowledgement::in_flight`]
//! says how many had not within [`FENCE_PATIENCE`]); from then on nothing it forbids reaches the broker,
//! whatever state the rest of the process is in. Cancels always pass. An automatic restriction never
//! flattens. Nothing but [`Gate::lower`] lifts a restriction, not a restart either; one of a session's own run
//! ends with the run. One that cannot be made durable holds in its process all the same.
//!
//! Bounds: restrictions hold for the broker connections of the process that owns the state folder's
//! [`GatewayLock`]; another process asks the owner over [`control`]. There are no users and roles yet: whoever may
//! write to the state folder has the operator's role, raises and lifts, and is recorded under the name that the
//! system knows.
//!
//! For callers: put the broker behind a [`Gated`] gateway. A [`Gate`] without a log is a backtest's.

pub mod control;
mod error;
mod fold;
mod gate;
mod gated;
mod known;
mod latch;
mod lock;
mod person;
mod restrict;

pub use error::{Acknowledgement, GateError, Refusal};
pub use fold::read_latches;
pub use gate::{FENCE_PATIENCE, Gate, Pass, open};
pub use gated::{Book, Gated};
pub use known::{Known, known};
pub use latch::{Latch, Latches, Scope, Scopes, TradingState};
pub use lock::{BRIEFLY, GatewayLock, LockError};
pub use person::person;
