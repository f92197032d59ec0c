//! Models. A fit gets a store of its own and keeps it for as long as the fitted model lives, so that no fit
//! can see what another one left behind.

use super::{Setup, accepted, configured, refused};
use crate::bindings::common::types as types_wit;
use crate::bindings::model::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::model::exports::bulkhead::plugin::model as wit;
use crate::bindings::model::{ModelPlugin as Bindings, ModelPluginIndices};
use crate::convert::{Accept, Invalid, fields, same_cases};
use crate::error::{CallError, Cause, PluginError};
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::state::{DrawKey, Progress};
use bulkhead_domain::model::{
    Algorithm, Domain, FitRequest, LearningTask, Matrix, Parameter, Targets,
};
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;
use wasmtime::component::ResourceAny;

/// A loaded model plugin.
pub struct ModelPlugin {
    plugin: Plugin,
    setup: Setup,
}

/// A fitted model in its own store.
pub struct FittedModel {
    instance: Instance<Bindings>,
    resource: ResourceAny,
    shape: Shape,
}

/// What a prediction's rows must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Probabilities of so many classes.
    Classes(u32),
    /// One value.
    Value,
    /// It was loaded, and what it learnt is its own knowledge.
    Unknown,
}

/// How far a row's probabilities may be from summing to 1: several times the rounding of 32-bit floats.
const SUM_TOLERANCE: f64 = 1e-4;

impl ModelPlugin {
    /// Takes a plugin as a model, with its configuration.
    ///
    /// # Errors
    /// When it is of another kind.
    pub fn new(plugin: Plugin, setup: Setup) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::Model)?;
        Ok(ModelPlugin { plugin, setup })
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

    fn instance(&self) -> Result<Instance<Bindings>, PluginError> {
        configured!(&self.plugin.core, ModelPluginIndices, &self.setup)
    }

    /// Algorithms on offer.
    ///
    /// # Errors
    /// When the plugin refuses its configuration, or fails.
    pub fn algorithms(&self) -> Result<Vec<Algorithm>, PluginError> {
        let mut instance = self.instance()?;
        let algorithms = instance.call("algorithms", DrawKey::default(), |store, bindings| {
            bindings.bulkhead_plugin_model().call_algorithms(store)
        })?;
        accepted(&mut instance, "algorithms", algorithms)
    }

    /// Learns, in a fresh store.
    ///
    /// # Errors
    /// When the plugin refuses the request, or fails.
    pub fn fit(
        &self,
        request: &FitRequest,
        progress: Option<Box<dyn Progress>>,
    ) -> Result<FittedModel, CallError> {
        let mut instance = self.instance()?;
        if let Some(state) = instance.state() {
            state.progress = progress;
        }
        let key = DrawKey {
            time: request.times.last().copied().unwrap_or(0),
            item: request.seed,
        };
        let wit_request = request.into();
        let outcome = instance.call("fit", key, |store, bindings| {
            bindings
                .bulkhead_plugin_model()
                .call_fit(store, &wit_request)
        })?;
        if let Some(state) = instance.state() {
            state.progress = None;
        }
        let resource = refused(&self.plugin.core, outcome)?;
        let shape = match &request.targets {
            Targets::Classes { classes, .. } => Shape::Classes(*classes),
            Targets::Values(_) => Shape::Value,
        };
        Ok(FittedModel {
            instance,
            resource,
            shape,
        })
    }

    /// Takes back what [`FittedModel::save`] gave, in a fresh store.
    ///
    /// # Errors
    /// When the plugin refuses the bytes, or fails.
    pub fn load(&self, saved: &[u8]) -> Result<FittedModel, CallError> {
        let mut instance = self.instance()?;
        let outcome = instance.call("load", DrawKey::default(), |store, bindings| {
            bindings.bulkhead_plugin_model().call_load(store, saved)
        })?;
        let resource = refused(&self.plugin.core, outcome)?;
        Ok(FittedModel {
            instance,
            resource,
            shape: Shape::Unknown,
        })
    }
}

impl FittedModel {
    fn core(&self) -> Arc<Core> {
        Arc::clone(&self.instance.core)
    }

    /// One row a sample: class probabilities in class order, or one value.
    ///
    /// # Errors
    /// When the plugin refuses the features, fails, or returns something else than `features.rows` rows of
    /// finite numbers: as many as there are classes, none negative, summing to 1, or one value.
    pub fn predict(&mut self, features: &Matrix) -> Result<Matrix, CallError> {
        let core = self.core();
        let (key, resource) = (self.instance.moment(), self.resource);
        let input = types_wit::Matrix {
            rows: features.rows,
            columns: features.columns,
            values: features.values.clone(),
        };
        let outcome = self
            .instance
            .call("fitted.predict", key, |store, bindings| {
                bindings
                    .bulkhead_plugin_model()
                    .fitted()
                    .call_predict(store, resource, &input)
            })?;
        let output = refused(&core, outcome)?;
        if let Err(Invalid(what)) = check(&output, features.rows, self.shape) {
            let cause = Cause::Contract(format!("returned {what}"));
            let failure = core.error("fitted.predict", cause, Vec::new());
            return Err(self.instance.retire(failure).into());
        }
        Ok(Matrix {
            rows: output.rows,
            columns: output.columns,
            values: output.values,
        })
    }

    /// A form that [`ModelPlugin::load`] of the same version takes back.
    ///
    /// # Errors
    /// When the plugin refuses, or fails.
    pub fn save(&mut self) -> Result<Vec<u8>, CallError> {
        let core = self.core();
        let resource = self.resource;
        let outcome =
            self.instance
                .call("fitted.save", DrawKey::default(), |store, bindings| {
                    bindings
                        .bulkhead_plugin_model()
                        .fitted()
                        .call_save(store, resource)
                })?;
        refused(&core, outcome)
    }

    /// Importance by feature, summing to 1; empty where the algorithm has none.
    ///
    /// # Errors
    /// When the plugin fails.
    pub fn importance(&mut self) -> Result<Vec<f64>, PluginError> {
        let resource = self.resource;
        self.instance.call(
            "fitted.importance",
            DrawKey::default(),
            |store, bindings| {
                bindings
                    .bulkhead_plugin_model()
                    .fitted()
                    .call_importance(store, resource)
            },
        )
    }
}

/// Holds a prediction to the contract.
fn check(output: &types_wit::Matrix, rows: u32, shape: Shape) -> Result<(), Invalid> {
    let length = u64::from(output.rows) * u64::from(output.columns);
    let right_columns = match shape {
        Shape::Classes(classes) => output.columns == classes,
        Shape::Value => output.columns == 1,
        Shape::Unknown => output.columns > 0,
    };
    if output.rows != rows || !right_columns || length != output.values.len() as u64 {
        let wanted = match shape {
            Shape::Classes(classes) => format!("{rows}x{classes}"),
            Shape::Value => format!("{rows}x1"),
            Shape::Unknown => format!("{rows} rows"),
        };
        return Err(Invalid(format!(
            "a prediction of {}x{} with {} values where {wanted} was due",
            output.rows,
            output.columns,
            output.values.len()
        )));
    }
    for (row, values) in output.values.chunks(output.columns as usize).enumerate() {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Invalid(format!("a prediction of {value} in row {row}")));
        }
        if shape == Shape::Unknown || shape == Shape::Value {
            continue;
        }
        if let Some(value) = values.iter().find(|value| **value < 0.0) {
            return Err(Invalid(format!("a probability of {value} in row {row}")));
        }
        let sum: f64 = values.iter().sum();
        if (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(Invalid(format!(
                "probabilities that sum to {sum} in row {row}"
            )));
        }
    }
    Ok(())
}

same_cases!(LearningTask, wit::Task, [Classification, Regression]);

impl From<&FitRequest> for wit::FitRequest {
    fn from(request: &FitRequest) -> Self {
        wit::FitRequest {
            algorithm: request.algorithm.clone(),
            parameters: fields(request.parameters.clone()),
            feature_names: request.feature_names.clone(),
            features: types_wit::Matrix {
                rows: request.features.rows,
                columns: request.features.columns,
                values: request.features.values.clone(),
            },
            targets: match &request.targets {
                Targets::Classes { classes, labels } => wit::Targets::Classes(wit::ClassTargets {
                    classes: *classes,
                    labels: labels.clone(),
                }),
                Targets::Values(values) => wit::Targets::Values(values.clone()),
            },
            weights: request.weights.clone(),
            times: request.times.clone(),
            label_ends: request.label_ends.clone(),
            seed: request.seed,
        }
    }
}

impl Accept<Parameter> for wit::Parameter {
    fn accept(self) -> Result<Parameter, Invalid> {
        Ok(Parameter {
            name: self.name,
            description: self.description,
            domain: match self.domain {
                wit::Domain::Boolean => Domain::Boolean,
                wit::Domain::Integer(range) => Domain::Integer {
                    min: range.min,
                    max: range.max,
                },
                wit::Domain::Real(range) => Domain::Real {
                    min: range.min,
                    max: range.max,
                    logarithmic: range.logarithmic,
                },
                wit::Domain::Choice(names) => Domain::Choice(names),
            },
            default: self.default.accept()?,
        })
    }
}

impl Accept<Algorithm> for wit::Algorithm {
    fn accept(self) -> Result<Algorithm, Invalid> {
        Ok(Algorithm {
            name: self.name,
            description: self.description,
            tasks: self.tasks.into_iter().map(Into::into).collect(),
            parameters: self.parameters.accept()?,
            weighted: self.weighted,
            extra: self.extra.accept()?,
        })
    }
}
