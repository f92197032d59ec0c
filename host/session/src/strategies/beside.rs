//! A version of a strategy beside the one that trades: shown the same, with a past of its own, and never heard.

use super::{Common, Shown, Voice};
use crate::past::Past;
use crate::prepare::ReadyStrategy;
use bulkhead_domain::Problem;
use bulkhead_domain::strategy::Intent;
use bulkhead_sandbox::{CallError, PluginError};
use std::sync::Arc;

/// What a strategy was shown at a moment.
pub(crate) type Moment = (i64, Vec<Shown>);

/// A candidate.
pub(crate) struct Beside {
    voice: Voice,
    /// What it looks back on, up to the moment that it is shown: it may be behind the session.
    past: Past,
}

impl Beside {
    /// Brings a fresh instance to the present: it is shown all that the version that trades was.
    ///
    /// # Errors
    /// When the session has not what it declares, or it fails.
    pub(crate) fn new(
        ready: &Arc<ReadyStrategy>,
        common: &Common,
        before: &[Moment],
    ) -> Result<Beside, Problem> {
        let past = Past::new(&common.features);
        let own = Common {
            past: past.clone(),
            ..common.clone()
        };
        let voice = Voice::new(ready, &own)?;
        let mut beside = Beside { voice, past };
        for (time, shown) in before {
            beside.tell(*time, shown).map_err(CallError::from)?;
        }
        Ok(beside)
    }

    /// Shows it a moment and gives what it wants.
    ///
    /// # Errors
    /// When it fails: it is out then.
    pub(crate) fn tell(&mut self, time: i64, shown: &[Shown]) -> Result<Vec<Intent>, PluginError> {
        for one in shown {
            self.past.push(one.instrument, &one.bar, &one.row);
        }
        self.voice.tell(time, shown)
    }
}
