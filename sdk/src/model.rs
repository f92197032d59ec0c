//! Models: learning algorithms, and what they learnt.

use crate::entry::{self, configured};
use crate::wire::model::exports::bulkhead::plugin::model as wire;
use crate::wire::partial_fit::exports::bulkhead::plugin::partial_fit;
use crate::{Instrument, Matrix};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub use wire::{
    Algorithm, ClassTargets, Domain, Error, FitRequest, IntegerRange, Parameter, RealRange,
    Targets, Task,
};

/// A collection of learning algorithms. Export it with `export!(model: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a model, but does not implement `bulkhead_sdk::model::Model`"
)]
pub trait Model: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// What `fit` returns.
    type Fitted: Fitted;

    /// Takes the configuration and the instruments whose handles later calls use.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// The algorithms on offer, with their hyper-parameters.
    fn algorithms(&self) -> Vec<Algorithm>;

    /// Learns from samples. The same request gives the same model, bit for bit.
    ///
    /// # Errors
    /// See [`Error`].
    fn fit(&self, request: FitRequest) -> Result<Self::Fitted, Error>;

    /// Takes back what [`Fitted::save`] gave.
    ///
    /// # Errors
    /// See [`Error`].
    fn load(&self, saved: &[u8]) -> Result<Self::Fitted, Error>;
}

/// A fitted model.
pub trait Fitted: 'static {
    /// Classification: one row a sample, one column a class in order, each row summing to 1. Regression:
    /// one column.
    ///
    /// # Errors
    /// See [`Error`].
    fn predict(&self, features: &Matrix) -> Result<Matrix, Error>;

    /// A form that [`Model::load`] of the same plugin version takes back.
    ///
    /// # Errors
    /// See [`Error`].
    fn save(&self) -> Result<Vec<u8>, Error>;

    /// Importance by feature, non-negative and summing to 1; empty where the algorithm has none.
    fn importance(&self) -> Vec<f64> {
        Vec::new()
    }
}

/// Optional: continue learning from where a saved model stands. Add it with
/// `export!(model: MyType, partial_fit)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported with `partial_fit`, but does not implement `bulkhead_sdk::model::PartialFit`"
)]
pub trait PartialFit: Model {
    /// Takes a saved model and new samples; returns the new model in saved form.
    ///
    /// # Errors
    /// See [`Error`].
    fn update(&self, saved: &[u8], request: FitRequest) -> Result<Vec<u8>, Error>;
}

configured!(Model);

/// A fitted model in the host's hands.
#[doc(hidden)]
pub struct Resource<F>(F);

impl<T: Model> wire::Guest for Adapter<T> {
    type Fitted = Resource<T::Fitted>;

    fn algorithms() -> Vec<Algorithm> {
        entry::with::<T, _>(|model| model.algorithms())
    }

    fn fit(request: FitRequest) -> Result<wire::Fitted, Error> {
        entry::with::<T, _>(|model| model.fit(request))
            .map(|fitted| wire::Fitted::new(Resource(fitted)))
    }

    fn load(saved: Vec<u8>) -> Result<wire::Fitted, Error> {
        entry::with::<T, _>(|model| model.load(&saved))
            .map(|fitted| wire::Fitted::new(Resource(fitted)))
    }
}

impl<F: Fitted> wire::GuestFitted for Resource<F> {
    fn predict(&self, features: Matrix) -> Result<Matrix, Error> {
        self.0.predict(&features)
    }

    fn save(&self) -> Result<Vec<u8>, Error> {
        self.0.save()
    }

    fn importance(&self) -> Vec<f64> {
        self.0.importance()
    }
}

impl<T: PartialFit> partial_fit::Guest for Adapter<T> {
    fn update(saved: Vec<u8>, request: FitRequest) -> Result<Vec<u8>, Error> {
        entry::with::<T, _>(|model| model.update(&saved, request))
    }
}
