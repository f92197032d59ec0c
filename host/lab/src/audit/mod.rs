//! Audits from outside: whether something that is handed bars tells more of a bar than was known at it.
//!
//! Whatever is audited is a [`Subject`]: it gives a row of values for each bar, and is made anew for every question, so that
//! nothing it remembers can help it. [`lookahead`] asks whether its past changes with its future; [`recursive`] asks how
//! many bars before a bar its values need. Neither is a proof: a subject that reaches for later bars at other places than
//! those that were looked at passes. What is given one bar at a time needs no audit.

pub mod lookahead;
pub mod recursive;
mod subjects;

pub use self::subjects::{Features, Predictions, Targets};

use bulkhead_domain::Problem;
use bulkhead_domain::order::Bar;

/// Something that gives a row of values for each bar.
pub trait Subject {
    /// What the values are called, in order.
    fn columns(&self) -> &[String];

    /// How many bars before a bar its values need, as far as it says so.
    fn warm_up(&self) -> Option<usize>;

    /// Whether it may be asked for pieces of a series, each with so many bars before it.
    fn is_divisible(&self) -> bool {
        false
    }

    /// Rows for `bars`, one after the other, from a state that knows nothing but the bars in `past`, which come before
    /// them.
    ///
    /// # Errors
    /// What it fails with, in one line.
    fn rows(&self, past: &[Bar], bars: &[Bar]) -> Result<Vec<f64>, Problem>;
}

/// Whether two values are the same for whoever acts on them: to the bit, and not defined is not defined.
fn same(one: f64, other: f64) -> bool {
    one == other || (one.is_nan() && other.is_nan())
}
