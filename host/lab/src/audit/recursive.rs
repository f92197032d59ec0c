//! How many bars before a bar a subject's values need.
//!
//! The values at the last bar are computed with ever more bars before it. Where more of them change nothing any more, there
//! were enough: an exponential average never quite forgets, so how much is left is told, as part of the value with all bars.

use super::{Subject, same};
use bulkhead_domain::Problem;
use bulkhead_domain::order::Bar;
use serde::Serialize;

/// Parts of a value that nobody acts on.
pub const TOLERANCE: f64 = 1e-6;

/// A value at the last bar, by bars before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Column {
    /// Its name.
    pub name: String,
    /// With all bars.
    pub value: f64,
    /// How far it is from that with so many bars before it, as a part of it; `None` where only one of them is defined.
    pub off: Vec<(usize, Option<f64>)>,
    /// The fewest of these from which on it stays within [`TOLERANCE`]; `None` where none is enough.
    pub enough: Option<usize>,
}

/// What an audit came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Bars there are.
    pub bars: usize,
    /// Bars of warm-up that the subject says are enough; `None` where it does not say.
    pub declared: Option<usize>,
    /// Its values.
    pub columns: Vec<Column>,
}

impl Report {
    /// The first value that needs more bars than the subject says.
    #[must_use]
    pub fn short(&self) -> Option<&Column> {
        let declared = self.declared?;
        let short = |column: &&Column| column.enough.is_none_or(|enough| enough > declared);
        self.columns.iter().find(short)
    }
}

/// Audits a subject at the last of `bars` with so many bars before it, and with as many as it says are enough.
///
/// # Errors
/// A subject that fails, or fewer bars than the least number asked for.
pub fn audit(subject: &dyn Subject, bars: &[Bar], before: &[usize]) -> Result<Report, Problem> {
    let most = bars.len().saturating_sub(1);
    let mut before: Vec<usize> = before
        .iter()
        .copied()
        .chain(subject.warm_up())
        .filter(|count| *count < most)
        .collect();
    before.sort_unstable();
    before.dedup();
    if before.is_empty() {
        return Err(Problem::user(
            format!("{} bars are too few to look at", bars.len()),
            "give more bars, or a smaller --startup",
        ));
    }
    let last = |count: usize| -> Result<Vec<f64>, Problem> {
        let rows = subject.rows(&[], bars.get(most - count..).unwrap_or_default())?;
        let width = subject.columns().len();
        let from = rows.len().saturating_sub(width);
        Ok(rows.get(from..).unwrap_or_default().to_vec())
    };
    let whole = last(most)?;
    let parts = before
        .iter()
        .map(|count| last(*count))
        .collect::<Result<Vec<_>, _>>()?;
    let columns = subject.columns().iter().enumerate();
    let columns = columns.map(|(place, name)| {
        let value = whole.get(place).copied().unwrap_or(f64::NAN);
        let off: Vec<(usize, Option<f64>)> = before
            .iter()
            .zip(&parts)
            .map(|(count, part)| (*count, off(part.get(place).copied(), value)))
            .collect();
        let within = |(_, off): &&(usize, Option<f64>)| off.is_some_and(|off| off <= TOLERANCE);
        let enough = off.iter().rev().take_while(within).last();
        Column {
            name: name.clone(),
            value,
            enough: enough.map(|(count, _)| *count),
            off,
        }
    });
    Ok(Report {
        bars: bars.len(),
        declared: subject.warm_up(),
        columns: columns.collect(),
    })
}

/// How far a value is from another, as a part of that.
fn off(is: Option<f64>, whole: f64) -> Option<f64> {
    let is = is?;
    if same(is, whole) {
        return Some(0.0);
    }
    let off = (is - whole).abs() / whole.abs().max(f64::MIN_POSITIVE);
    off.is_finite().then_some(off)
}
