//! Choosing among arms: the policies, the draws they make, and the record that a choice can be made again from.

mod config;
mod decide;
mod draw;
mod explain;
mod kept;
mod record;
mod slate;

pub use config::{ConfigError, Configuration, EXPLORATION, LatencyBounds, Selection, Shadow};
pub use decide::{Exclusion, Figure, Pick, Reason, decide};
pub use draw::{DrawKey, Draws};
pub use kept::{find_choice, next_sequence, write_choice, write_slate};
pub use record::{BrokenRecord, ChoiceRecord};
pub use slate::{Chooser, RederivedChoice, Slate};

#[cfg(test)]
mod tests;
