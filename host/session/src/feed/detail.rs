//! What goes on within a bar, from finer bars of the same instrument.
//!
//! Promises: nobody but the venue sees a finer bar, and it sees none before the bar that it lies in. Finer bars that go
//! beyond their bar by more than rounding are of another source, or of other prices: they are left alone and counted, and so
//! is a bar within which there are none. The venue then has the bar itself.
//!
//! Bounds: the finer bars of one moment are held.

use super::{Line, Moment};
use bulkhead_domain::Problem;
use bulkhead_domain::order::{InstrumentHandle, Step};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// By how much of a price finer bars may go beyond their bar: what rounding does.
const SLACK: f64 = 1e-6;

/// How far finer bars said what went on within bars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detailed {
    /// Bars that were resolved by finer bars.
    pub resolved: u64,
    /// Bars within which there were none.
    pub without: u64,
    /// Bars that theirs went beyond.
    pub beyond: u64,
    /// The close of the first such bar, nanoseconds UTC.
    pub first_beyond: Option<i64>,
}

/// The finer bars of some instruments.
#[derive(Default)]
pub(super) struct Details<'a> {
    lines: BTreeMap<InstrumentHandle, (Line<'a>, Detailed)>,
}

impl<'a> Details<'a> {
    pub(super) fn new(lines: Vec<Line<'a>>) -> Details<'a> {
        let by_handle = lines
            .into_iter()
            .map(|line| (line.handle, (line, Detailed::default())));
        Details {
            lines: by_handle.collect(),
        }
    }

    pub(super) fn of(&self, instrument: InstrumentHandle) -> Option<Detailed> {
        self.lines.get(&instrument).map(|(_, told)| *told)
    }

    /// Reads on to the end, where readers check what files say of themselves.
    pub(super) fn drain(&mut self) -> Result<(), Problem> {
        let mut lines = self.lines.values_mut();
        lines.try_for_each(|(line, _)| line.drain())
    }

    /// Says of a moment what went on within its bars.
    ///
    /// # Errors
    /// A series that cannot be read on.
    #[inline]
    pub(super) fn resolve(&mut self, moment: &mut Moment) -> Result<(), Problem> {
        if self.lines.is_empty() {
            return Ok(());
        }
        self.resolve_with(moment)
    }

    fn resolve_with(&mut self, moment: &mut Moment) -> Result<(), Problem> {
        let mut parts: Vec<Step> = Vec::new();
        let mut whole: Vec<Step> = Vec::new();
        for step in &moment.steps {
            let found = match self.lines.get_mut(&step.instrument) {
                Some((line, told)) => within(line, told, step)?,
                None => Vec::new(),
            };
            if found.is_empty() {
                whole.push(step.clone());
            }
            parts.extend(found);
        }
        if parts.is_empty() {
            return Ok(());
        }
        parts.extend(whole);
        parts.sort_by_key(|step| (step.bar.time, step.instrument));
        let same = parts.chunk_by(|a, b| a.bar.time == b.bar.time);
        moment.finer.extend(same.map(|steps| Moment {
            time: steps.first().map_or(moment.time, |step| step.bar.time),
            steps: steps.to_vec(),
            finer: Vec::new(),
        }));
        Ok(())
    }
}

/// The finer bars within a bar; none where it has none, or they go beyond it. What comes with the bar comes with them: its
/// actions with the first, its session's end with the last.
fn within(line: &mut Line<'_>, told: &mut Detailed, whole: &Step) -> Result<Vec<Step>, Problem> {
    let mut found: Vec<Step> = Vec::new();
    while line.next <= whole.bar.time {
        let Some(step) = line.take()? else { break };
        if step.open_time >= whole.open_time {
            found.push(step);
        }
    }
    let (low, high) = (
        whole.bar.low - whole.bar.low.abs() * SLACK,
        whole.bar.high + whole.bar.high.abs() * SLACK,
    );
    if found.is_empty() {
        told.without += 1;
    } else if found
        .iter()
        .any(|step| step.bar.low < low || step.bar.high > high)
    {
        told.beyond += 1;
        told.first_beyond.get_or_insert(whole.bar.time);
        found.clear();
    } else {
        told.resolved += 1;
    }
    for step in &mut found {
        step.actions.clear();
        step.session_end = false;
        step.bar.factor = whole.bar.factor;
    }
    if let Some(first) = found.first_mut() {
        first.actions.clone_from(&whole.actions);
    }
    if let Some(last) = found.last_mut() {
        last.session_end = whole.session_end;
    }
    Ok(found)
}
