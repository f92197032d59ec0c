//! Strategies beside those that trade: the same moments, at 100 % of them, because what a strategy wants rests on all
//! that it was shown.
//!
//! A candidate is brought to the present by being shown what the version that trades was shown; that one is not
//! touched. A candidate that falls so far behind that it would miss a moment is begun anew in the same way.

use super::{Answer, Beside, Question, Shadows, locked, mirror};
use crate::prepare::{Prepared, ReadyStrategy};
use crate::session::Session;
use crate::strategies::beside::{Beside as Candidate, Moment};
use crate::strategies::{Common, Running, Shown};
use bulkhead_domain::Problem;
use bulkhead_domain::strategy::Intent;
use bulkhead_registry::Registry;
use bulkhead_registry::shadow::{Answered, Fault, Mirror};
use bulkhead_sandbox::{Cause, PluginError, StrategyPlugin};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A strategy of the session that runs the plugin.
struct Place {
    ready: Arc<ReadyStrategy>,
    common: Common,
    before: Vec<Moment>,
}

/// A failed call as it is compared: by its cause.
fn failed(error: &PluginError) -> Fault {
    let case = match error.cause {
        Cause::WallTime { .. } => "timeout",
        Cause::OutOfFuel { .. } => "out-of-fuel",
        Cause::Memory { .. } => "memory",
        Cause::Panicked { .. } | Cause::Trapped(_) => "trapped",
        Cause::Contract(_) => "contract",
        Cause::Interrupted => "stopped",
        Cause::Retired(_) => "retired",
        _ => "failed",
    };
    Fault {
        case: case.to_owned(),
        text: error.to_string(),
    }
}

/// Whether two lists of intents come to the same: in everything but the words of their reasons.
pub(super) fn same(one: &[Intent], other: &[Intent]) -> bool {
    let bare = |intents: &[Intent]| -> Vec<Intent> {
        let mut bare = intents.to_vec();
        for intent in &mut bare {
            if let Intent::Target { reason, .. } | Intent::Weight { reason, .. } = intent {
                reason.clear();
            }
        }
        bare
    };
    bare(one) == bare(other)
}

impl Place {
    fn candidate(&self) -> Result<Candidate, Fault> {
        let made = Candidate::new(&self.ready, &self.common, &self.before);
        made.map_err(|problem| Fault {
            case: "start".to_owned(),
            text: problem.to_string(),
        })
    }
}

impl Prepared {
    /// A mirror for a candidate, where the session runs the version in service.
    pub(super) fn beside_strategy(
        &self,
        id: &str,
        beside: &Beside,
        session: &Session,
        registry: &Registry,
    ) -> Result<Option<Mirror<Question, Answer>>, Problem> {
        let plugin = beside.compared.candidate.clone();
        let (operator, clock) = self.apart();
        let mut places = Vec::new();
        for running in &session.strategies {
            let known = running.ready();
            if known.reference != id || running.digest() != beside.compared.active {
                continue;
            }
            let instruments = &known.setup.instruments;
            places.push(Place {
                ready: Arc::new(ReadyStrategy {
                    name: known.name.clone(),
                    reference: known.reference.clone(),
                    settings: known.settings.clone(),
                    plugin: StrategyPlugin::new(plugin.clone())?,
                    setup: registry.setup(&plugin, &known.settings, instruments, &operator)?,
                    handles: known.handles.clone(),
                }),
                common: running.common().clone(),
                before: running.shown(),
            });
        }
        if places.is_empty() {
            return Ok(None);
        }
        let make = move || {
            let made = places
                .iter()
                .map(|place| (place.ready.name.clone(), place.candidate()));
            let mut candidates: BTreeMap<String, Result<Candidate, Fault>> = made.collect();
            move |question: &Question| -> Answered<Answer> {
                let Question::Moment(name, time, shown) = question else {
                    return Err(super::misplaced());
                };
                let candidate = candidates.get_mut(name).ok_or_else(super::misplaced)?;
                let candidate = candidate.as_mut().map_err(|fault| fault.clone())?;
                clock.set(*time);
                let told = candidate.tell(*time, shown);
                told.map(Answer::Intents).map_err(|error| failed(&error))
            }
        };
        mirror(&beside.compared, make).map(Some)
    }
}

impl Shadows {
    /// A strategy was shown a moment, and answered or failed.
    pub(crate) fn told(
        &self,
        running: &Running,
        (time, seen): (i64, &[Shown]),
        took: Duration,
        wanted: Result<&[Intent], &PluginError>,
    ) {
        let version = running.digest();
        let mut state = locked(&self.0);
        let watched = state.watched.values_mut();
        for (_, counted) in watched.filter(|(watched, _)| *watched == version) {
            counted.calls += 1;
            if let Err(error) = wanted {
                // One that was just promoted has no failure to spare.
                counted.failures += 1;
                counted.breaker = Some(error.to_string());
            }
        }
        let mut of = state.beside.values_mut();
        let Some(beside) = of.find(|it| it.compared.active == version) else {
            return;
        };
        let Some(mirror) = &beside.mirror else {
            return;
        };
        let dropped = mirror.show(&time.to_le_bytes(), took, || {
            let question = Question::Moment(running.name().to_owned(), time, seen.to_vec());
            let answered = wanted.map(|wanted| Answer::Intents(wanted.to_vec()));
            (question, answered.map_err(failed))
        });
        if dropped {
            beside.compared.before = beside.comparison();
            *beside = Beside::new(beside.compared.clone());
        }
    }
}
