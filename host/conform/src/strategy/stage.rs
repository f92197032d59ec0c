//! One strategy instance on an artificial market: bars, features, predictions and an account that takes
//! every market wish at the next open. No fees, no limits: what is tested is the strategy, not the fills.

use super::Wants;
use crate::bench::Bench;
use crate::draws::Draws;
use crate::load::text;
use crate::market::Market;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Bar, InstrumentHandle, OrderKind};
use bulkhead_domain::strategy::{Delivery, Intent, Prediction, Requirements, Slice, State};
use bulkhead_market::FeatureSet;
use bulkhead_sandbox::{History, HistoryError, StrategyInstance, StrategyPlugin};
use std::sync::{Arc, Mutex, PoisonError};

/// Cash to begin with.
const CASH: f64 = 1_000_000.0;

/// Streams of draws that predictions begin at; markets use those below.
const PREDICTIONS: u64 = 1_000;

/// One instrument's past, as of the moment.
struct Line {
    instrument: InstrumentHandle,
    bars: Vec<Bar>,
    features: Vec<Vec<f64>>,
}

#[derive(Clone)]
struct Past {
    names: Arc<Vec<String>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Past {
    fn look<T>(
        &self,
        instrument: InstrumentHandle,
        look: impl FnOnce(&Line) -> T,
    ) -> Result<T, HistoryError> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.iter().find(|line| line.instrument == instrument);
        line.map(look)
            .ok_or(HistoryError::UnknownInstrument(instrument))
    }
}

impl History for Past {
    fn bars(&self, instrument: InstrumentHandle, count: usize) -> Result<Vec<Bar>, HistoryError> {
        self.look(instrument, |line| {
            line.bars[line.bars.len().saturating_sub(count)..].to_vec()
        })
    }

    fn feature(
        &self,
        instrument: InstrumentHandle,
        name: &str,
        count: usize,
    ) -> Result<Vec<f64>, HistoryError> {
        let column = self
            .names
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| HistoryError::UnknownFeature(name.to_owned()))?;
        self.look(instrument, |line| {
            line.features[line.features.len().saturating_sub(count)..]
                .iter()
                .map(|row| row[column])
                .collect()
        })
    }
}

/// What the account holds of one instrument, and what it is to hold from the next open on.
#[derive(Default, Clone, Copy)]
struct Holding {
    position: f64,
    entry_price: f64,
    wanted: Option<f64>,
}

pub(super) struct Stage {
    instance: StrategyInstance,
    requirements: Requirements,
    features: Vec<FeatureSet>,
    predictions: Vec<Draws>,
    past: Past,
    holdings: Vec<Holding>,
    cash: f64,
}

impl Stage {
    pub(super) fn new(
        bench: &Bench<'_>,
        strategy: &StrategyPlugin,
        market: &Market,
    ) -> Result<Self, String> {
        let setup = bench.setup(strategy.manifest(), &market.instruments);
        // What it asks for is known only once it is created, and what it may look back on before.
        let requirements = strategy
            .create(&setup.config, &market.instruments, &setup.grants, None)
            .map_err(text)?
            .requirements()
            .clone();
        let past = Past {
            names: Arc::new(requirements.features.clone()),
            lines: Arc::new(Mutex::new(
                (market.instruments.iter())
                    .map(|instrument| Line {
                        instrument: instrument.handle,
                        bars: Vec::new(),
                        features: Vec::new(),
                    })
                    .collect(),
            )),
        };
        let history: Box<dyn History> = Box::new(past.clone());
        let instance = strategy
            .create(
                &setup.config,
                &market.instruments,
                &setup.grants,
                Some(history),
            )
            .map_err(text)?;
        let features = (market.instruments.iter())
            .map(|_| FeatureSet::new(&requirements.features))
            .collect::<Result<_, _>>()
            .map_err(text)?;
        let predictions = (market.instruments.iter())
            .map(|one| Draws::new(bench.terms.seed, PREDICTIONS + u64::from(one.handle)))
            .collect();
        Ok(Stage {
            instance,
            requirements,
            features,
            predictions,
            past,
            holdings: vec![Holding::default(); market.instruments.len()],
            cash: CASH,
        })
    }

    pub(super) fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    /// One day: what was wanted is done at the open, then the strategy sees the close.
    pub(super) fn moment(
        &mut self,
        market: &Market,
        day: usize,
        wants: &mut Wants,
    ) -> Result<(), String> {
        let bars: Vec<Bar> = market.bars.iter().map(|bars| bars[day]).collect();
        self.fill(&bars);
        let rows = self.remember(market, &bars);
        let states = self.states(&bars);
        match self.requirements.delivery {
            Delivery::Bar => {
                for (which, (bar, state)) in bars.iter().zip(&states).enumerate() {
                    let handle = market.instruments[which].handle;
                    let intents = self.instance.on_bar(handle, bar, state).map_err(text)?;
                    self.take(market, intents, &bars, wants);
                }
            }
            Delivery::Slice => {
                let slice = Slice {
                    time: bars.first().map_or(0, |bar| bar.time),
                    instruments: market.instruments.iter().map(|one| one.handle).collect(),
                    states,
                    features: rows.concat(),
                    predictions: self.predict(market),
                    bars: bars.clone(),
                };
                let intents = self.instance.on_slice(&slice).map_err(text)?;
                self.take(market, intents, &bars, wants);
            }
        }
        Ok(())
    }

    fn fill(&mut self, bars: &[Bar]) {
        for (holding, bar) in self.holdings.iter_mut().zip(bars) {
            if let Some(wanted) = holding.wanted.take() {
                self.cash -= (wanted - holding.position) * bar.open;
                holding.position = wanted;
                holding.entry_price = if wanted == 0.0 { 0.0 } else { bar.open };
            }
        }
    }

    /// Puts the bars and their features into the past; gives the features.
    fn remember(&mut self, market: &Market, bars: &[Bar]) -> Vec<Vec<f64>> {
        let mut lines = self
            .past
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut rows = Vec::with_capacity(bars.len());
        for (which, bar) in bars.iter().enumerate() {
            let row = self.features[which].push(bar).to_vec();
            let handle = market.instruments[which].handle;
            if let Some(line) = lines.iter_mut().find(|line| line.instrument == handle) {
                line.bars.push(*bar);
                line.features.push(row.clone());
            }
            rows.push(row);
        }
        rows
    }

    fn states(&self, bars: &[Bar]) -> Vec<State> {
        let held: f64 = (self.holdings.iter().zip(bars))
            .map(|(holding, bar)| holding.position * bar.close)
            .sum();
        (self.holdings.iter())
            .map(|holding| State {
                position: holding.position,
                entry_price: holding.entry_price,
                working: 0.0,
                cash: self.cash,
                equity: self.cash + held,
            })
            .collect()
    }

    /// Probabilities of two classes, wide enough to pass thresholds; now and then no model is eligible.
    fn predict(&mut self, market: &Market) -> Vec<Prediction> {
        let mut predictions = Vec::new();
        for (draws, instrument) in self.predictions.iter_mut().zip(&market.instruments) {
            for model in 0..self.requirements.models.len() {
                let up = 0.25 + draws.unit() / 2.0;
                if !draws.one_in(6) {
                    predictions.push(Prediction {
                        instrument: instrument.handle,
                        model: u32::try_from(model).unwrap_or(u32::MAX),
                        values: vec![1.0 - up, up],
                    });
                }
            }
        }
        predictions
    }

    /// Notes what is wanted, and what the account is to hold because of it.
    fn take(&mut self, market: &Market, intents: Vec<Intent>, bars: &[Bar], wants: &mut Wants) {
        if intents.is_empty() {
            return;
        }
        let equity = self.states(bars).first().map_or(CASH, |state| state.equity);
        for intent in &intents {
            let handle = match intent {
                Intent::Target { instrument, .. } | Intent::Weight { instrument, .. } => {
                    *instrument
                }
                Intent::Submit(request) if request.kind == OrderKind::Market => request.instrument,
                Intent::Submit(_) | Intent::Cancel(_) | Intent::CancelAll(_) => continue,
            };
            let place = (market.instruments.iter()).position(|one| one.handle == handle);
            let Some(place) = place else { continue };
            let holding = &mut self.holdings[place];
            let held = holding.wanted.unwrap_or(holding.position);
            let wanted = match intent {
                Intent::Target { quantity, .. } => to_f64(*quantity),
                Intent::Weight { weight, .. } => (weight * equity / bars[place].close).trunc(),
                Intent::Submit(request) => held + to_f64(request.signed_quantity()),
                Intent::Cancel(_) | Intent::CancelAll(_) => held,
            };
            holding.wanted = wanted.is_finite().then_some(wanted);
        }
        wants.push((bars.first().map_or(0, |bar| bar.time), intents));
    }
}
