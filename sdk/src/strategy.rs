//! Strategies: what is known at a bar's close becomes intents.
//!
//! The per-bar path converts nothing: a bar and a state are flat records of numbers on both sides, and an
//! empty list of intents does not allocate. Every strategy is exported so that it takes its bars itself where the host
//! has them ready (`pulled`): that spares a call a bar, and changes nothing for the author.

use crate::entry;
use crate::order::OrderRequest;
use crate::wire::strategy::bulkhead::plugin::bars;
use crate::wire::strategy::exports::bulkhead::plugin::pulled;
use crate::wire::strategy::exports::bulkhead::plugin::strategy as wire;
use crate::wire::types;
use crate::wire::vectorised::exports::bulkhead::plugin::vectorised;
use crate::{Bar, BarColumns, Instrument, InstrumentHandle};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

pub use wire::{Delivery, Error, Prediction, Requirements, Slice, State};

/// One configured strategy with its running state. Export it with `export!(strategy: MyType)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported as a strategy, but does not implement `bulkhead_sdk::strategy::Strategy`"
)]
pub trait Strategy: Sized + 'static {
    /// The configuration; its JSON Schema goes into `plugin.toml`.
    type Config: DeserializeOwned + JsonSchema;

    /// Takes the configuration and the instruments whose handles later calls use.
    ///
    /// # Errors
    /// One line that names the key and says what is wrong with it.
    fn new(config: Self::Config, instruments: &[Instrument]) -> Result<Self, String>;

    /// What the strategy needs to be given.
    fn requirements(&self) -> Requirements;

    /// One bar of one instrument, under [`Delivery::Bar`].
    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, state: &State) -> Vec<Intent> {
        let _ = (instrument, bar, state);
        panic!("`requirements` asks for bars, but `on_bar` is not implemented");
    }

    /// One moment of all instruments, under [`Delivery::Slice`].
    fn on_slice(&mut self, slice: &Slice) -> Vec<Intent> {
        let _ = slice;
        panic!("`requirements` asks for slices, but `on_slice` is not implemented");
    }
}

/// Optional: the whole series at once. Add it with `export!(strategy: MyType, vectorised)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is exported with `vectorised`, but does not implement `bulkhead_sdk::strategy::Vectorised`"
)]
pub trait Vectorised: Strategy {
    /// Target quantities, one a bar of `chunk`; `warm_up` holds the bars before it. They equal what the
    /// strategy would come to want bar by bar.
    ///
    /// # Errors
    /// One line saying what is wrong with the configuration or the columns.
    fn targets(
        config: Self::Config,
        warm_up: &BarColumns,
        chunk: &BarColumns,
    ) -> Result<Vec<f64>, String>;
}

/// What a strategy wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    /// Hold this quantity: the host works out the order.
    Target {
        /// Of what.
        instrument: InstrumentHandle,
        /// Signed.
        quantity: Decimal,
        /// Calibrated probability behind it, where there is one.
        confidence: Option<f64>,
        /// One line for records and reports.
        reason: String,
    },
    /// Hold this share of equity: the host sizes it and rounds to whole lots.
    Weight {
        /// Of what.
        instrument: InstrumentHandle,
        /// Signed fraction of the account's equity.
        weight: f64,
        /// Calibrated probability behind it, where there is one.
        confidence: Option<f64>,
        /// One line for records and reports.
        reason: String,
    },
    /// Send this order.
    Submit(OrderRequest),
    /// Cancel an own order by its client order id.
    Cancel(String),
    /// Cancel all own orders of an instrument.
    CancelAll(InstrumentHandle),
}

impl Intent {
    /// Hold `quantity`, signed.
    #[must_use]
    pub fn target(
        instrument: InstrumentHandle,
        quantity: Decimal,
        reason: impl Into<String>,
    ) -> Self {
        Intent::Target {
            instrument,
            quantity,
            confidence: None,
            reason: reason.into(),
        }
    }

    /// Hold `weight` of the account's equity, signed.
    #[must_use]
    pub fn weight(instrument: InstrumentHandle, weight: f64, reason: impl Into<String>) -> Self {
        Intent::Weight {
            instrument,
            weight,
            confidence: None,
            reason: reason.into(),
        }
    }

    /// Names the calibrated probability behind a target or weight; orders carry none.
    #[must_use]
    pub fn with_confidence(mut self, probability: f64) -> Self {
        if let Intent::Target { confidence, .. } | Intent::Weight { confidence, .. } = &mut self {
            *confidence = Some(probability);
        }
        self
    }
}

impl From<Intent> for wire::Intent {
    fn from(intent: Intent) -> Self {
        match intent {
            Intent::Target {
                instrument,
                quantity,
                confidence,
                reason,
            } => wire::Intent::Target(wire::Target {
                instrument,
                quantity: quantity.into(),
                confidence,
                reason,
            }),
            Intent::Weight {
                instrument,
                weight,
                confidence,
                reason,
            } => wire::Intent::Weight(wire::WeightTarget {
                instrument,
                weight,
                confidence,
                reason,
            }),
            Intent::Submit(request) => wire::Intent::Submit(request.into()),
            Intent::Cancel(client_order_id) => wire::Intent::Cancel(client_order_id),
            Intent::CancelAll(instrument) => wire::Intent::CancelAll(instrument),
        }
    }
}

impl Requirements {
    /// Called per bar and instrument, after `warm_up` bars.
    #[must_use]
    pub fn bars(warm_up: u32) -> Self {
        Requirements {
            delivery: Delivery::Bar,
            warm_up,
            features: Vec::new(),
            models: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Called per moment with all instruments, after `warm_up` bars.
    #[must_use]
    pub fn slices(warm_up: u32) -> Self {
        Requirements {
            delivery: Delivery::Slice,
            ..Requirements::bars(warm_up)
        }
    }

    /// Names the features, in the order they arrive.
    #[must_use]
    pub fn with_features<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.features = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names the models by alias, in the order predictions refer to them.
    #[must_use]
    pub fn with_models<S: Into<String>>(mut self, aliases: impl IntoIterator<Item = S>) -> Self {
        self.models = aliases.into_iter().map(Into::into).collect();
        self
    }
}

impl Requirements {
    /// Says how many bars before a chunk are enough for [`Vectorised::targets`]: with them it comes to the same targets as
    /// with all bars there are. Without it a host gives the series in one piece, up to a bound of its own.
    #[must_use]
    pub fn with_vectorised_warm_up(mut self, bars: u32) -> Self {
        let name = "vectorised-warm-up".to_owned();
        self.extra.push((name, types::Value::Integer(bars.into())));
        self
    }
}

impl Slice {
    /// The features of the instrument in row `row`, in declared order; empty when none were declared.
    #[must_use]
    pub fn features_of(&self, row: usize) -> &[f64] {
        let columns = self
            .features
            .len()
            .checked_div(self.instruments.len())
            .unwrap_or(0);
        self.features
            .get(row * columns..(row + 1) * columns)
            .unwrap_or_default()
    }

    /// The prediction of the `model`-th declared model, where one is eligible.
    #[must_use]
    pub fn prediction(&self, instrument: InstrumentHandle, model: u32) -> Option<&Prediction> {
        self.predictions
            .iter()
            .find(|prediction| prediction.instrument == instrument && prediction.model == model)
    }
}

impl Default for State {
    /// Flat, with nothing in the account.
    fn default() -> Self {
        State {
            position: 0.0,
            entry_price: 0.0,
            working: 0.0,
            cash: 0.0,
            equity: 0.0,
        }
    }
}

/// What the generated exports are attached to.
#[doc(hidden)]
pub struct Adapter<T>(PhantomData<T>);

/// A live strategy.
#[doc(hidden)]
pub struct Instance<T>(Rc<RefCell<T>>);

impl<T: Strategy> wire::Guest for Adapter<T> {
    type Instance = Instance<T>;
}

fn to_wire(intents: Vec<Intent>) -> Vec<wire::Intent> {
    intents.into_iter().map(Into::into).collect()
}

impl<T: Strategy> wire::GuestInstance for Instance<T> {
    fn create(
        config: String,
        instruments: Vec<types::Instrument>,
    ) -> Result<wire::Instance, Error> {
        let made = entry::setup::<T::Config>(&config, instruments)
            .and_then(|(config, instruments)| T::new(config, &instruments))
            .map_err(Error::InvalidInput)?;
        let strategy = Rc::new(RefCell::new(made));
        entry::now_live(&strategy);
        Ok(wire::Instance::new(Instance(strategy)))
    }

    fn requirements(&self) -> Requirements {
        self.0.borrow().requirements()
    }

    fn on_bar(&self, instrument: InstrumentHandle, bar: Bar, state: State) -> Vec<wire::Intent> {
        to_wire(self.0.borrow_mut().on_bar(instrument, &bar, &state))
    }

    fn on_slice(&self, slice: Slice) -> Vec<wire::Intent> {
        to_wire(self.0.borrow_mut().on_slice(&slice))
    }
}

impl<T: Strategy> pulled::Guest for Adapter<T> {
    fn pull() -> Vec<wire::Intent> {
        entry::with(|strategy: &mut T| {
            while let Some(tick) = bars::next() {
                let state = State {
                    position: tick.position,
                    entry_price: tick.entry_price,
                    working: tick.working,
                    cash: tick.cash,
                    equity: tick.equity,
                };
                let wanted = strategy.on_bar(tick.instrument, &tick.bar, &state);
                if !wanted.is_empty() {
                    return to_wire(wanted);
                }
            }
            Vec::new()
        })
    }
}

impl<T: Vectorised> vectorised::Guest for Adapter<T> {
    fn targets(config: String, warm_up: BarColumns, chunk: BarColumns) -> Result<Vec<f64>, String> {
        entry::begin();
        T::targets(crate::config::parse(&config)?, &warm_up, &chunk)
    }
}
