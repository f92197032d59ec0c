//! Which plugin does a task, by what it has earned.
//!
//! A task has candidates. Where every candidate's answer can be scored once the truth is known (models:
//! every label matures for all of them), each is scored on everything it said, so that none has to be
//! explored with money. A candidate whose skill cannot be told from none is not eligible; when none is, the
//! task has no winner, which is an answer too.
//!
//! Every choice is recorded with its candidates, their figures, the winner and the reason, and can be
//! derived again from the record ([`Decision::rederive`]). This crate knows nothing of trading.

pub mod arms;
pub mod breaker;
pub mod budget;
pub mod cache;
pub mod call;
pub mod choice;
mod decision;
mod policy;
pub mod rewards;
mod score;
pub mod simulate;
mod skill;
mod tables;
mod task;

pub use decision::{Decision, Rederived, Standings};
pub use policy::{Choice, Policy, SkillGate};
pub use score::{Board, Outcome, Scoring, Summary};
pub use skill::{FEWEST_BLOCKS, Interval, log_loss, skill, skill_interval};
pub use tables::{MIGRATIONS, find_decision, write_decision, write_standings};
pub use task::{Candidate, Standing, Task, TaskKind};
