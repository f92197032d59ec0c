//! Whether a subject's past changes with its future.
//!
//! At a cut, the bars behind it are taken away, and then turned into others: what rose falls. In both cases what the subject
//! said of the bars before the cut has to stay as it was, to the bit. Where it says how many bars of warm-up it needs, it is
//! also asked with its bars divided elsewhere, so that memory of earlier chunks, or a warm-up that is too short, shows.
//!
//! A look at the next bar shows only at a cut beside it, and where the values change seldom (targets) only where they
//! change: half of the cuts lie right behind such bars.

use super::{Subject, same};
use bulkhead_domain::order::Bar;
use bulkhead_domain::{Problem, Timestamp};
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng, SeedableRng};
use serde::Serialize;
use std::fmt;

/// Bars before and behind a cut that are asked about where the subject says how much warm-up it needs.
const WINDOW: usize = 512;

/// What was done to what lies behind a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It was taken away.
    Truncated,
    /// It was turned into something else.
    Altered,
    /// Nothing: the same bars were asked for in other pieces.
    Divided,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Change::Truncated => "without the bars behind",
            Change::Altered => "with other bars behind",
            Change::Divided => "in other pieces of the same bars",
        })
    }
}

/// The first value before a cut that changed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What was changed.
    pub change: Change,
    /// Close of the last bar before the cut, nanoseconds UTC.
    pub cut: i64,
    /// Close of the first bar whose value changed.
    pub time: i64,
    /// Which value.
    pub column: String,
    /// What it was with everything there.
    pub was: f64,
    /// What it came to be.
    pub is: f64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            change,
            cut,
            time,
            column,
            was,
            is,
        } = self;
        write!(
            f,
            "{column} at the bar of {} is {was}, and {is} {change} {}",
            Timestamp(*time),
            Timestamp(*cut)
        )
    }
}

/// What an audit came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Bars looked at.
    pub bars: usize,
    /// Where it was cut: numbers of bars before the cut.
    pub cuts: Vec<usize>,
    /// What changed, by cut; the first of each. Nothing is what an honest subject has.
    pub findings: Vec<Finding>,
}

/// Audits a subject on bars, at so many cuts, drawn from a seed.
///
/// # Errors
/// A subject that fails, or bars that are too few to cut.
pub fn audit(
    subject: &dyn Subject,
    bars: &[Bar],
    cuts: usize,
    seed: u64,
) -> Result<Report, Problem> {
    let whole = subject.rows(&[], bars)?;
    let cuts = places(&whole, subject.columns().len(), bars.len(), cuts, seed);
    if cuts.is_empty() {
        return Err(Problem::user(
            format!("{} bars are too few to look at", bars.len()),
            "give at least three",
        ));
    }
    let mut findings = Vec::new();
    for cut in &cuts {
        findings.extend(check(subject, (&[], bars), &whole, *cut)?);
    }
    Ok(Report {
        bars: bars.len(),
        cuts,
        findings,
    })
}

/// Draws where to cut bars whose rows are known: each cut has a bar on either side. Every second lies right behind a
/// bar at which a value changed, where values change seldom.
#[must_use]
pub fn places(whole: &[f64], width: usize, bars: usize, count: usize, seed: u64) -> Vec<usize> {
    if bars < 3 || width == 0 {
        return Vec::new();
    }
    let row = |bar: usize| {
        whole
            .get(bar * width..(bar + 1) * width)
            .unwrap_or_default()
    };
    let differ = |bar: &usize| {
        let (now, before) = (row(*bar), row(*bar - 1));
        now.iter()
            .zip(before)
            .any(|(now, before)| !same(*now, *before))
    };
    let changes: Vec<usize> = (1..bars - 1).filter(differ).collect();
    let seldom = !changes.is_empty() && changes.len() < bars / 2;
    let mut draws = ChaCha12Rng::seed_from_u64(seed);
    let mut below = |limit: usize| (draws.next_u64() % limit.max(1) as u64) as usize;
    let mut cuts: Vec<usize> = (0..count)
        .map(|number| match changes.get(below(changes.len())) {
            Some(change) if seldom && number % 2 == 0 => change + 1,
            _ => 1 + below(bars - 1),
        })
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts
}

/// Holds what a subject said of `bars`, with `past` before them, to what it says of those before `cut` when the rest is
/// changed. The first value that differs, if one does.
///
/// # Errors
/// A subject that fails.
pub fn check(
    subject: &dyn Subject,
    (past, bars): (&[Bar], &[Bar]),
    whole: &[f64],
    cut: usize,
) -> Result<Option<Finding>, Problem> {
    let told = Told {
        subject,
        bars,
        whole,
        cut,
    };
    let known = bars.get(..cut).unwrap_or(bars);
    let finding = told.compare(Change::Truncated, 0, &subject.rows(past, known)?);
    if finding.is_some() {
        return Ok(finding);
    }
    let pieces = subject.warm_up().filter(|_| subject.is_divisible());
    let (from, until) = match pieces {
        Some(_) => (cut.saturating_sub(WINDOW), (cut + WINDOW).min(bars.len())),
        None => (0, bars.len()),
    };
    let before: Vec<Bar>;
    let past = match pieces {
        Some(enough) if from > 0 => {
            let all = past.len() + from;
            let left = all.saturating_sub(enough);
            let every = past.iter().chain(bars.get(..from).unwrap_or_default());
            before = every.skip(left).copied().collect();
            &before
        }
        _ => past,
    };
    let mut window = bars.get(from..until).unwrap_or_default().to_vec();
    let honest = window.clone();
    turn(&mut window, cut - from);
    let finding = told.compare(Change::Altered, from, &subject.rows(past, &window)?);
    if finding.is_none() || from == 0 {
        return Ok(finding);
    }
    let divided = told.compare(Change::Divided, from, &subject.rows(past, &honest)?);
    Ok(divided.or(finding))
}

/// Turns the bars from a place on into others: prices are mirrored at the last close before, so that what rose falls, and
/// volumes are doubled.
fn turn(bars: &mut [Bar], from: usize) {
    let Some(pivot) = from.checked_sub(1).and_then(|last| bars.get(last)) else {
        return;
    };
    let square = pivot.close * pivot.close;
    for bar in bars.iter_mut().skip(from) {
        let mirrored = |price: f64| square / price;
        *bar = Bar {
            open: mirrored(bar.open),
            high: mirrored(bar.low),
            low: mirrored(bar.high),
            close: mirrored(bar.close),
            volume: 2.0 * bar.volume + 1.0,
            ..*bar
        };
    }
}

/// What a subject said of bars with all of them there.
struct Told<'a> {
    subject: &'a dyn Subject,
    bars: &'a [Bar],
    whole: &'a [f64],
    cut: usize,
}

impl Told<'_> {
    /// The first value before the cut, from the bar at `from` on, that is another now.
    fn compare(&self, change: Change, from: usize, now: &[f64]) -> Option<Finding> {
        let columns = self.subject.columns();
        let width = columns.len();
        let before = self.whole.get(from * width..self.cut * width)?;
        let now = now.iter().copied().chain(std::iter::repeat(f64::NAN));
        let place = before
            .iter()
            .zip(now.clone())
            .position(|(was, is)| !same(*was, is))?;
        let time = |bar: usize| self.bars.get(bar).map_or(0, |bar| bar.time);
        Some(Finding {
            change,
            cut: time(self.cut.saturating_sub(1)),
            time: time(from + place / width),
            column: columns.get(place % width).cloned().unwrap_or_default(),
            was: before.get(place).copied().unwrap_or(f64::NAN),
            is: now.clone().nth(place).unwrap_or(f64::NAN),
        })
    }
}

#[cfg(test)]
mod tests;
