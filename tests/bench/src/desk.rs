//! The desk: what an order takes until it may be sent, and what stopping takes.
//!
//! Everything durable is written to the target folder's disk, the way a session does it: a state folder with
//! a database, and the gate that [`bulkhead_desk::switch::open`] opens there.

mod account;
mod broker;
mod checks;
mod cores;
mod disk;
mod halt;
mod pipeline;
mod plugin;
mod state;

pub(crate) use account::VOLATILITY;
pub(crate) use checks::{CHECKS, DECIDE, checks};
pub(crate) use halt::{ACKNOWLEDGED, HALT, REASONS, halt};
pub(crate) use pipeline::{SPECS as PIPELINE, pipeline};
pub(crate) use plugin::four as four_rules;
