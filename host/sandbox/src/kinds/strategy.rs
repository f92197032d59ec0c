//! Strategies: pinned, one resource a store, for as long as the session lasts.

use super::snapshot::stateful;
use super::{accepted, refused};
use crate::bindings::strategy::exports::bulkhead::plugin::strategy as wit;
use crate::bindings::strategy::{StrategyPlugin as Bindings, StrategyPluginIndices};
use crate::bindings::vectorised::{WithVectorised, WithVectorisedPre};
use crate::convert::{Accept, Invalid};
use crate::error::{CallError, Cause, PluginError};
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::state::{DrawKey, Grants, History};
use crate::text::owned_line;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::Columns;
use bulkhead_domain::strategy::{Delivery, Intent, Requirements, Slice, State, Tick};
use bulkhead_domain::{Digest, Instrument, Problem, Refusal};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;
use wasmtime::component::{ResourceAny, TypedFunc};

/// What a failure at a bar is named by, whoever called whom.
const ON_BAR: &str = "instance.on-bar";

/// A loaded strategy.
pub struct StrategyPlugin {
    plugin: Plugin,
}

/// One configured strategy with its running state.
pub struct StrategyInstance {
    instance: Instance<Bindings>,
    resource: ResourceAny,
    requirements: Requirements,
    pull: Option<Pull>,
}

/// What a strategy exports to take its bars itself.
type Pull = TypedFunc<(), (Vec<wit::Intent>,)>;

/// What came of bars that a strategy took itself.
#[derive(Debug)]
pub struct Pulled {
    /// How many it took.
    pub taken: usize,
    /// What it wants at the last of them, or how it failed there: the instance is then retired.
    pub wanted: Result<Vec<Intent>, PluginError>,
}

impl StrategyPlugin {
    /// Takes a plugin as a strategy.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::Strategy)?;
        Ok(StrategyPlugin { plugin })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.plugin.manifest()
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.plugin.digest()
    }

    /// Whether it can look back on earlier bars: whether the component imports `history`.
    #[must_use]
    pub fn looks_back(&self) -> bool {
        self.plugin.core.looks_back
    }

    /// Creates an instance in a store of its own.
    ///
    /// # Errors
    /// When the plugin refuses the configuration, or fails.
    pub fn create(
        &self,
        config: &str,
        instruments: &[Instrument],
        grants: &Grants,
        history: Option<Box<dyn History>>,
    ) -> Result<StrategyInstance, CallError> {
        let core = &self.plugin.core;
        let mut store = core.store(grants);
        store.data_mut().history = history;
        let (bindings, whole) = StrategyPluginIndices::new(&core.pre)
            .and_then(|indices| {
                let whole = core.pre.instantiate(&mut store)?;
                Ok((indices.load(&mut store, &whole)?, whole))
            })
            .map_err(|error| core.instantiation_failure(&mut store, &error))?;
        let pull = core
            .pull
            .map(|pull| whole.get_typed_func(&mut store, pull))
            .transpose()
            .map_err(|error| core.instantiation_failure(&mut store, &error))?;
        let mut instance = Instance::new(Arc::clone(core), store, bindings).with_whole(whole);
        let config = if config.is_empty() { "{}" } else { config };
        let instruments: Vec<_> = instruments.iter().cloned().map(Into::into).collect();
        let created = instance.call("instance.create", DrawKey::default(), |store, bindings| {
            bindings
                .bulkhead_plugin_strategy()
                .instance()
                .call_create(store, config, &instruments)
        })?;
        let resource = refused(core, created)?;
        let requirements = instance.call(
            "instance.requirements",
            DrawKey::default(),
            |store, bindings| {
                bindings
                    .bulkhead_plugin_strategy()
                    .instance()
                    .call_requirements(store, resource)
            },
        )?;
        let requirements = accepted(&mut instance, "instance.requirements", requirements)?;
        Ok(StrategyInstance {
            instance,
            resource,
            requirements,
            pull,
        })
    }
}

/// The whole-series form of a strategy, in a store of its own.
pub struct VectorisedStrategy {
    instance: Instance<WithVectorised>,
}

impl StrategyPlugin {
    /// The strategy's whole-series form in a fresh store; `None` where the plugin has none.
    ///
    /// # Errors
    /// When the instance cannot be made.
    pub fn vectorised(&self, grants: &Grants) -> Result<Option<VectorisedStrategy>, PluginError> {
        let core = &self.plugin.core;
        // The plugin exports the interface or it does not: that is the probe.
        let Ok(pre) = WithVectorisedPre::new(core.pre.clone()) else {
            return Ok(None);
        };
        let mut store = core.store(grants);
        let bindings = pre
            .instantiate(&mut store)
            .map_err(|error| core.instantiation_failure(&mut store, &error))?;
        Ok(Some(VectorisedStrategy {
            instance: Instance::new(Arc::clone(core), store, bindings),
        }))
    }
}

impl VectorisedStrategy {
    /// Target quantities, one a bar of `chunk`; `warm_up` holds the bars before it.
    ///
    /// # Errors
    /// When the plugin refuses, fails, or returns something else than one finite target a bar.
    pub fn targets(
        &mut self,
        config: &str,
        warm_up: Columns,
        chunk: Columns,
    ) -> Result<Vec<f64>, CallError> {
        let core = Arc::clone(&self.instance.core);
        let bars = chunk.times.len();
        let (warm_up, chunk) = (warm_up.into(), chunk.into());
        let outcome = self.instance.call(
            "vectorised.targets",
            DrawKey::default(),
            |store, bindings| {
                bindings
                    .bulkhead_plugin_vectorised()
                    .call_targets(store, config, &warm_up, &chunk)
            },
        )?;
        let targets = refused(&core, outcome.map_err(Refusal::InvalidInput))?;
        if let Err(Invalid(breach)) = whole(&targets, bars) {
            let cause = Cause::Contract(format!("returned {breach}"));
            let failure = core.error("vectorised.targets", cause, Vec::new());
            return Err(self.instance.retire(failure).into());
        }
        Ok(targets)
    }
}

/// Holds the targets of a whole series to the contract.
fn whole(targets: &[f64], bars: usize) -> Result<(), Invalid> {
    if targets.len() != bars {
        let found = targets.len();
        return Err(Invalid(format!("{found} targets for {bars} bars")));
    }
    match targets.iter().find(|target| !target.is_finite()) {
        Some(target) => Err(Invalid(format!("a target of {target}"))),
        None => Ok(()),
    }
}

stateful!(StrategyInstance);

impl StrategyInstance {
    /// What it asked for when it was created.
    #[must_use]
    pub fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// Whether it can still be called.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.instance.is_live()
    }

    /// One bar of one instrument.
    ///
    /// # Errors
    /// When the call does not return; the instance is then retired.
    #[inline]
    pub fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, PluginError> {
        let key = DrawKey {
            time: bar.time,
            item: u64::from(instrument),
        };
        let resource = self.resource;
        let (bar, state) = (bar.into(), state.into());
        let intents = self.instance.call(ON_BAR, key, |store, bindings| {
            bindings
                .bulkhead_plugin_strategy()
                .instance()
                .call_on_bar(store, resource, instrument, bar, state)
        })?;
        if intents.is_empty() {
            return Ok(Vec::new());
        }
        accepted(&mut self.instance, ON_BAR, intents)
    }

    /// Whether it takes bars itself.
    #[must_use]
    pub fn pulls(&self) -> bool {
        self.pull.is_some() && self.requirements.delivery == Delivery::Bar
    }

    /// Has it take bars in order until it wants something, fails or has them all: what [`StrategyInstance::on_bar`] comes to
    /// with each of them, in one call. Takes none where it does not take bars itself.
    pub fn pull(&mut self, ticks: &[Tick]) -> Pulled {
        let Some(pull) = self.pull.filter(|_| !ticks.is_empty()) else {
            return Pulled {
                taken: 0,
                wanted: Ok(Vec::new()),
            };
        };
        let mut taken = 0;
        let wanted = self
            .instance
            .call(ON_BAR, DrawKey::default(), |store, _| {
                store.data_mut().ticks.lay_out(ticks);
                let wanted = pull.call(&mut *store, ());
                taken = store.data().ticks.taken();
                wanted
            })
            .and_then(|(wanted,)| match taken {
                0 => {
                    let cause = Cause::Contract("took none of its bars".to_owned());
                    let failure = self.instance.core.error(ON_BAR, cause, Vec::new());
                    Err(self.instance.retire(failure))
                }
                _ => accepted(&mut self.instance, ON_BAR, wanted),
            });
        Pulled { taken, wanted }
    }

    /// One moment with all instruments.
    ///
    /// # Errors
    /// When the call does not return; the instance is then retired.
    pub fn on_slice(&mut self, slice: &Slice) -> Result<Vec<Intent>, PluginError> {
        let key = DrawKey {
            time: slice.time,
            item: 0,
        };
        let resource = self.resource;
        let slice = slice.into();
        let intents = self
            .instance
            .call("instance.on-slice", key, |store, bindings| {
                bindings
                    .bulkhead_plugin_strategy()
                    .instance()
                    .call_on_slice(store, resource, &slice)
            })?;
        accepted(&mut self.instance, "instance.on-slice", intents)
    }
}

impl From<&State> for wit::State {
    #[inline]
    fn from(state: &State) -> Self {
        wit::State {
            position: state.position,
            entry_price: state.entry_price,
            working: state.working,
            cash: state.cash,
            equity: state.equity,
        }
    }
}

impl From<&Slice> for wit::Slice {
    fn from(slice: &Slice) -> Self {
        wit::Slice {
            time: slice.time,
            instruments: slice.instruments.clone(),
            bars: slice.bars.iter().map(Into::into).collect(),
            states: slice.states.iter().map(Into::into).collect(),
            features: slice.features.clone(),
            predictions: slice
                .predictions
                .iter()
                .map(|prediction| wit::Prediction {
                    instrument: prediction.instrument,
                    model: prediction.model,
                    values: prediction.values.clone(),
                })
                .collect(),
        }
    }
}

impl Accept<Requirements> for wit::Requirements {
    fn accept(self) -> Result<Requirements, Invalid> {
        Ok(Requirements {
            delivery: match self.delivery {
                wit::Delivery::Bar => Delivery::Bar,
                wit::Delivery::Slice => Delivery::Slice,
            },
            warm_up: self.warm_up,
            features: self.features,
            models: self.models,
            extra: self.extra.accept()?,
        })
    }
}

/// A confidence is a probability: what compares one with a threshold must not meet a NaN.
fn probability(confidence: Option<f64>) -> Result<Option<f64>, Invalid> {
    match confidence {
        Some(value) if !(0.0..=1.0).contains(&value) => Err(Invalid(format!(
            "a confidence of {value}, which is no probability"
        ))),
        other => Ok(other),
    }
}

impl Accept<Intent> for wit::Intent {
    fn accept(self) -> Result<Intent, Invalid> {
        Ok(match self {
            wit::Intent::Target(target) => Intent::Target {
                instrument: target.instrument,
                quantity: target.quantity.accept()?,
                confidence: probability(target.confidence)?,
                reason: owned_line(target.reason),
            },
            wit::Intent::Weight(target) => Intent::Weight {
                instrument: target.instrument,
                weight: target.weight,
                confidence: probability(target.confidence)?,
                reason: owned_line(target.reason),
            },
            wit::Intent::Submit(request) => Intent::Submit(request.accept()?),
            wit::Intent::Cancel(id) => Intent::Cancel(id),
            wit::Intent::CancelAll(instrument) => Intent::CancelAll(instrument),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_series_has_one_finite_target_a_bar() {
        assert_eq!(whole(&[1.0, -2.0], 2), Ok(()));
        let breach = |targets: &[f64]| whole(targets, 2).unwrap_err().0;
        assert_eq!(breach(&[1.0]), "1 targets for 2 bars");
        assert_eq!(breach(&[1.0, f64::NAN]), "a target of NaN");
        assert_eq!(breach(&[f64::INFINITY, 1.0]), "a target of inf");
    }
}
