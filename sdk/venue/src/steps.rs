//! What a slice of bars must be to be taken.

use crate::config::bounds;
use crate::error::AdvanceError;
use crate::order::{ActionKind, Bar, InstrumentHandle, Nanos, Step};

/// Checks all steps, given the last close of each instrument that is traded; says whether their handles
/// ascend. `sequence` is room to sort in.
#[inline]
pub(crate) fn check(
    steps: &[Step],
    last_time: impl Fn(InstrumentHandle) -> Option<Nanos>,
    sequence: &mut Vec<u32>,
) -> Result<bool, AdvanceError> {
    let Some(first) = steps.first() else {
        return Ok(true);
    };
    let mut ascending = true;
    let mut before = None;
    for step in steps {
        let instrument = step.instrument;
        let last = last_time(instrument).ok_or(AdvanceError::Instrument(instrument))?;
        let (open, time) = (step.open_time, step.bar.time);
        if time != first.bar.time {
            return Err(AdvanceError::Apart {
                instrument,
                observed: time,
                expected: first.bar.time,
            });
        }
        if open > time || time <= last || open < last {
            return Err(AdvanceError::Backwards {
                instrument,
                open,
                close: time,
                last,
            });
        }
        if !is_bar(&step.bar) {
            return Err(AdvanceError::Bar { instrument, time });
        }
        for action in &step.actions {
            if let ActionKind::Split {
                numerator,
                denominator,
            } = action.kind
                && (numerator == 0 || denominator == 0)
            {
                return Err(AdvanceError::Split {
                    instrument,
                    time,
                    numerator,
                    denominator,
                });
            }
        }
        ascending &= before.is_none_or(|before| before < instrument);
        before = Some(instrument);
    }
    if !ascending {
        order_by_handle(steps, sequence);
        for pair in sequence.windows(2) {
            let handle = steps[pair[0] as usize].instrument;
            if handle == steps[pair[1] as usize].instrument {
                return Err(AdvanceError::Twice(handle));
            }
        }
    }
    Ok(ascending)
}

#[inline]
fn is_bar(bar: &Bar) -> bool {
    let limit = bounds::PRICE;
    bar.low > -limit
        && bar.high < limit
        && bar.low <= bar.open
        && bar.open <= bar.high
        && bar.low <= bar.close
        && bar.close <= bar.high
        && bar.volume >= 0.0
        && bar.volume < bounds::VOLUME
}

/// Puts the indices of `steps` into the order of their instruments.
pub(crate) fn order_by_handle(steps: &[Step], sequence: &mut Vec<u32>) {
    sequence.clear();
    sequence.extend((0u32..).take(steps.len()));
    sequence.sort_unstable_by_key(|index| steps[*index as usize].instrument);
}
