//! Trials: a model on labelled samples, judged out of sample, and every one that was seen remembered.
//!
//! Promises: a trial's [result](TrialResult) is a function of its [specification](TrialSpec) and the data alone,
//! whatever the number of threads; the [ledger] knows of a fold's figures before anybody is shown them; the
//! sealed span, which is last, opens once a family. What bounds a trial: [`crate::validation::MOST_FOLDS`] fits, each in a
//! store of its own under the sandbox's limits. For callers: [`conduct`] does all of it, [`Observer`] may end it, and
//! sees figures of validation folds only.

pub mod artifact;
mod conduct;
mod learner;
pub mod ledger;
mod metrics;
mod rows;
mod rule;
mod run;
mod spec;
pub mod tables;

pub use conduct::{Conducted, Final, Sealed, Setting, conduct};
pub use learner::{Fitted, Learner, PluginLearner};
pub use metrics::{Figures, Quality};
pub use rule::{Rule, RuleFigures};
pub use run::{Directive, Ending, FoldReport, Observer, TrialResult};
pub use spec::{ModelSpec, Span, TrialSpec};

#[cfg(test)]
mod tests;
