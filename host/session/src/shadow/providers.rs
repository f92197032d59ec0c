//! AI providers beside the one that is asked: the same proposals, each put as its own version would put it.

use super::{Answer, Beside, Question, Shadows, fault, locked, mirror};
use crate::advisers::Advisers;
use crate::prepare::{Prepared, json};
use crate::validation::{Advice, Provider, Question as Proposal};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::Side;
use bulkhead_domain::{Digest, Problem};
use bulkhead_orchestrator::Candidate;
use bulkhead_orchestrator::call::Failure;
use bulkhead_registry::Registry;
use bulkhead_registry::shadow::{Answered, Fault, Mirror};
use bulkhead_sandbox::{AiProviderPlugin, Plugin, PoolPolicy, SessionClock, Setup};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A place of the task's that the candidate would stand in.
struct Place {
    setup: Setup,
    model: Option<String>,
    name: Option<String>,
    config: Digest,
}

/// The candidate on its thread.
struct Asked {
    runtime: tokio::runtime::Runtime,
    clock: SessionClock,
    places: BTreeMap<usize, Result<Provider, Fault>>,
}

fn at_start(error: impl std::fmt::Display) -> Fault {
    Fault {
        case: "start".to_owned(),
        text: error.to_string(),
    }
}

impl Asked {
    fn new(
        plugin: &Plugin,
        places: BTreeMap<usize, Place>,
        clock: SessionClock,
    ) -> Result<Asked, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(at_start)?;
        let places = places.into_iter().map(|(number, place)| {
            let made = AiProviderPlugin::new(plugin.clone(), place.setup, PoolPolicy::default());
            let made = made.and_then(|made| {
                let (model, name) = (place.model.as_deref(), place.name.as_deref());
                runtime.block_on(Provider::new(made, model, name, place.config))
            });
            (number, made.map_err(at_start))
        });
        let places = places.collect();
        Ok(Asked {
            runtime,
            clock,
            places,
        })
    }

    fn ask(&self, place: usize, proposal: &Proposal) -> Answered<Advice> {
        let provider = match self.places.get(&place) {
            Some(Ok(provider)) => provider,
            Some(Err(fault)) => return Err(fault.clone()),
            None => return Err(super::misplaced()),
        };
        self.clock.set(proposal.time.0);
        let asked = provider.ask(provider.request(proposal), proposal.time);
        let told = self.runtime.block_on(asked);
        told.map(|(advice, _)| advice)
            .map_err(|failure| fault(&failure))
    }
}

/// Probability that the price rises.
fn up(side: Side, advice: &Advice) -> f64 {
    match side {
        Side::Buy => advice.probability(),
        Side::Sell => 1.0 - advice.probability(),
    }
}

impl Prepared {
    /// A mirror for a candidate, where a version of its plugin is asked.
    pub(super) fn beside_provider(
        &self,
        id: &str,
        beside: &Beside,
        advisers: Option<&Advisers>,
        registry: &Registry,
    ) -> Result<Option<Mirror<Question, Answer>>, Problem> {
        let (Some(advisers), Some(table)) = (advisers, &self.config.validation) else {
            return Ok(None);
        };
        let plugin = beside.compared.candidate.clone();
        let (operator, clock) = self.apart();
        let mut places = BTreeMap::new();
        for (number, config) in table.providers().into_iter().enumerate() {
            if config.plugin != id || advisers.candidate(number).is_none() {
                continue;
            }
            let setup = registry.setup(&plugin, &json(&config.config)?, &[], &operator)?;
            let place = Place {
                config: Digest::of(setup.config.as_bytes()),
                setup,
                model: config.model,
                name: config.name,
            };
            places.insert(number, place);
        }
        if places.is_empty() {
            return Ok(None);
        }
        let pairs = Arc::clone(&beside.pairs);
        let make = move || {
            let candidate = Asked::new(&plugin, places, clock);
            move |question: &Question| -> Answered<Answer> {
                let Question::Proposal(place, proposal, pair) = question else {
                    return Err(super::misplaced());
                };
                let candidate = candidate.as_ref().map_err(Fault::clone);
                let told = candidate.and_then(|it| it.ask(*place, proposal));
                if let Some(number) = pair {
                    let new = told.as_ref().ok().map(|advice| up(proposal.side, advice));
                    locked(&pairs).answered(*number, new);
                }
                told.map(Answer::Advice)
            }
        };
        mirror(&beside.compared, make).map(Some)
    }
}

impl Shadows {
    /// A provider answered, or failed, on a proposal that was made on a bar of its instrument, counted from 1.
    pub(crate) fn heard(
        &self,
        (place, asked): (usize, &Candidate),
        (proposal, bar): (&Proposal, u64),
        took: Duration,
        told: Result<&Advice, &Failure>,
    ) {
        let mut state = locked(&self.0);
        let failed = told.is_err_and(|failure| failure.case.is_of_health());
        Shadows::called(&mut state, &asked.plugin, asked.digest, failed);
        let Some(beside) = state.beside.get(&asked.plugin) else {
            return;
        };
        let Some(mirror) =
            (beside.mirror.as_ref()).filter(|_| beside.compared.active == asked.digest)
        else {
            return;
        };
        let key = DigestBuilder::new()
            .part("time", &proposal.time.0.to_le_bytes())
            .part("symbol", proposal.symbol.as_bytes())
            .part("quantity", proposal.quantity.as_bytes())
            .part("place", &place.to_le_bytes())
            .finish();
        let mut pair = None;
        let dropped = mirror.show(key.bytes(), took, || {
            let old = told.ok().map(|advice| up(proposal.side, advice));
            pair = old.and_then(|old| locked(&beside.pairs).expect(proposal.instrument, bar, old));
            let question = Question::Proposal(place, Box::new(proposal.clone()), pair);
            (
                question,
                told.map(|advice| Answer::Advice(advice.clone()))
                    .map_err(fault),
            )
        });
        if let Some(number) = pair.filter(|_| dropped) {
            locked(&beside.pairs).answered(number, None);
        }
    }
}
