//! The trading loop, clocked by its feed.
//!
//! What it promises: the core (module `session`) is synchronous and does no I/O; history drives it directly. At
//! each moment all instruments' events come first, then exits, then entries; the order in which instruments
//! and strategies are named changes nothing. A strategy, model, rule or AI provider that fails is contained,
//! named and recorded, and the session goes on; books that cannot follow the broker stop it.
//!
//! What bounds it: history kept for strategies ([`past::KEPT`]), outcomes kept per model (`judged-by`), for
//! plugins everything in the sandbox's table of limits. Records grow with the session. What follows for
//! callers: prepare once ([`Prepared::new`]), run as often as needed ([`Prepared::run`]), compare records by
//! their digests.

mod advisers;
pub mod backtest;
mod broker;
mod calibration;
pub mod config;
mod data;
mod earned;
mod feed;
mod handed;
mod intents;
pub mod learning;
mod lines;
mod outcome;
pub mod past;
mod prepare;
pub mod record;
mod recorder;
mod replay;
mod resume;
mod rules;
mod run;
mod session;
mod shadow;
mod sizing;
mod sources;
mod strategies;
mod swap;
mod tables;
mod trades;
pub mod validation;
mod wiring;

pub use config::SessionConfig;
pub use prepare::{Host, Prepared};
pub use record::SessionRecord;
pub use replay::{Beyond, Difference, Recorded, Replayed};
pub use resume::{began_with, needed};
pub use rules::{Rule, rules};
pub use run::{Ran, Run, Views, Watch};
pub use shadow::{Compared, Counted, Shadows};
pub use swap::{GivenUp, Incoming, Operator, Refused, Ticket};
pub use tables::{KeptProposal, KeptRun, MIGRATIONS, find_kept_proposal, find_proposal, runs};
pub use wiring::trainers;
