//! Which plugin does a task, by what it has earned.
//!
//! A task has candidates. Where every candidate's answer can be scored once the truth is known (models:
//! every label matures for all of them), each is scored on everything it said, so that none has to be
//! explored with money. A candidate whose skill cannot be told from none is not eligible; when none is, the
//! task has no winner, which is an answer too. This is [`Policy`] over [`Standings`].
//!
//! Where only the chosen one's reward is seen (AI providers, data sources, execution), candidates are
//! [`arms`], [`choice`] decides between them, and [`rewards`] keeps what they earn, late or at once. Beside
//! what a candidate earns, and never mixed with it, stand its health ([`breaker`]) and what it may use
//! ([`budget`]). [`call`] says whom to ask, whom else after a failure, and when to stop; [`cache`] lets
//! identical requests share one call. [`dispatch`] is all of it at work for one task class. [`simulate`] compares policies on tables of rewards.
//!
//! Every choice is recorded with its candidates, their figures, the winner and the reason, and can be
//! derived again from the record ([`Decision::rederive`], [`choice::Slate::rederive`]). Decisions are
//! synchronous; nothing but tables is read or written asynchronously. Time is
//! given, never read, but for the simulator's stop-watch. This crate knows nothing of trading.

pub mod arms;
pub mod breaker;
pub mod budget;
pub mod cache;
pub mod call;
pub mod choice;
mod decision;
pub mod dispatch;
mod policy;
pub mod rewards;
mod score;
mod seconds;
pub mod simulate;
mod skill;
mod tables;
mod task;

pub use decision::{Decision, Rederived, Standings};
pub use policy::{Choice, Policy, SkillGate};
pub use score::{Board, Outcome, Scoring, Summary};
pub use skill::{FEWEST_BLOCKS, Interval, log_loss, skill, skill_interval};
pub use tables::{MIGRATIONS, find_decision, latest_standings, write_decision, write_standings};
pub use task::{Candidate, Standing, Task, TaskKind};
