//! Who decides in a backtest: a sandboxed strategy, or whatever else keeps to the same contract.

use super::{Line, Trading};
use crate::feed::Moment;
use crate::past::{Past, Window};
use bulkhead_desk::Desk;
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Delivery, Intent, Prediction, Requirements, Slice, State, Tick};
use bulkhead_domain::{Instrument, Problem, Timestamp};
use bulkhead_sandbox::{Grants, Pulled, StrategyInstance, StrategyPlugin};

/// Decides what it wants at each bar or moment.
pub trait Trader {
    /// What it needs to be given.
    fn requirements(&self) -> &Requirements;

    /// Whether it looks back on earlier bars, which then have to be kept.
    fn looks_back(&self) -> bool {
        false
    }

    /// Gives it the past to look back on.
    fn look_at(&mut self, _past: &Past) {}

    /// One bar of one instrument, where it asked for bars.
    ///
    /// # Errors
    /// It failed, and cannot go on.
    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, Problem>;

    /// Whether it takes bars itself, several in one call: [`Trader::pull`].
    fn pulls(&self) -> bool {
        false
    }

    /// Takes bars in order until it wants something, fails or has them all: the same as [`Trader::on_bar`] with each.
    /// Returns how many it took and what came of the last of them.
    fn pull(&mut self, ticks: &[Tick]) -> (usize, Result<Vec<Intent>, Problem>) {
        for (tick, taken) in ticks.iter().zip(1..) {
            match self.on_bar(tick.instrument, &tick.bar, &tick.state) {
                Ok(wanted) if wanted.is_empty() => {}
                outcome => return (taken, outcome),
            }
        }
        (ticks.len(), Ok(Vec::new()))
    }

    /// The close of the first bar at which it may want something, where it knows that: before, it need not be asked.
    fn quiet_until(&self) -> Option<i64> {
        None
    }

    /// One moment of all its instruments, where it asked for moments.
    ///
    /// # Errors
    /// As [`Trader::on_bar`].
    fn on_slice(&mut self, slice: &Slice) -> Result<Vec<Intent>, Problem>;
}

/// A strategy plugin.
pub struct Sandboxed {
    instance: StrategyInstance,
    window: Window,
    looks_back: bool,
}

impl Sandboxed {
    /// A fresh instance in a store of its own.
    ///
    /// # Errors
    /// When the plugin refuses the configuration, or fails.
    pub fn new(
        plugin: &StrategyPlugin,
        config: &str,
        instruments: &[Instrument],
        grants: &Grants,
    ) -> Result<Sandboxed, Problem> {
        let window = Window::default();
        let history = Some(Box::new(window.clone()) as Box<_>);
        let instance = plugin.create(config, instruments, grants, history)?;
        Ok(Sandboxed {
            instance,
            window,
            looks_back: plugin.looks_back(),
        })
    }
}

impl Trader for Sandboxed {
    fn requirements(&self) -> &Requirements {
        self.instance.requirements()
    }

    fn looks_back(&self) -> bool {
        self.looks_back
    }

    fn look_at(&mut self, past: &Past) {
        self.window.look_at(past.clone());
    }

    #[inline]
    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        Ok(self.instance.on_bar(instrument, bar, state)?)
    }

    fn on_slice(&mut self, slice: &Slice) -> Result<Vec<Intent>, Problem> {
        Ok(self.instance.on_slice(slice)?)
    }

    fn pulls(&self) -> bool {
        // What looks back is shown the past bar by bar.
        self.instance.pulls() && !self.looks_back
    }

    fn pull(&mut self, ticks: &[Tick]) -> (usize, Result<Vec<Intent>, Problem>) {
        let Pulled { taken, wanted } = self.instance.pull(ticks);
        (taken, wanted.map_err(Into::into))
    }
}

/// Why a trader's run ends.
pub(super) struct Failure(Problem);

/// A failure that names who failed.
pub(super) fn unusable(name: &str, what: &str) -> Failure {
    Failure(Problem::user(
        format!("{name}: {what}"),
        "correct the plugin; what was done before this bar stands",
    ))
}

impl Failure {
    /// The same with the bar's time.
    pub(super) fn at(self, time: i64) -> Problem {
        let Failure(problem) = self;
        Problem {
            what: format!("at the bar of {}: {}", Timestamp(time), problem.what),
            ..problem
        }
    }
}

/// One instrument as its trader sees it.
#[derive(Clone, Copy)]
struct Own {
    handle: InstrumentHandle,
    state: State,
    seen: u32,
}

/// A trader at work.
pub(super) struct Actor {
    trading: Trading,
    delivery: Delivery,
    warm_up: u32,
    /// Where its features are in a row.
    columns: Vec<usize>,
    /// The models it goes by, by alias.
    models: Vec<String>,
    names: Vec<String>,
    own: Vec<Own>,
    /// Where a handle is among its own; `usize::MAX` for none.
    places: Vec<usize>,
    slice: Slice,
}

impl Actor {
    /// Checks that the run has what the trader declares.
    pub(super) fn new(
        mut trading: Trading,
        (features, models): (&[String], &[String]),
        instruments: usize,
        past: &Past,
    ) -> Result<Actor, Problem> {
        let name = &trading.name;
        let requirements = trading.trader.requirements();
        if let Some(missing) = requirements.models.iter().find(|it| !models.contains(it)) {
            return Err(Problem::user(
                format!("strategy {name} needs model {missing}, which this run does not have"),
                format!("give a file with [models.{missing}] by --models"),
            ));
        }
        let models = requirements.models.clone();
        let place = |wanted: &String| {
            features
                .iter()
                .position(|known| known == wanted)
                .ok_or_else(|| {
                    Problem::user(
                        format!("strategy {name} needs feature {wanted}, which is not computed"),
                        format!("add --feature {wanted}"),
                    )
                })
        };
        let columns = requirements
            .features
            .iter()
            .map(place)
            .collect::<Result<_, _>>()?;
        let (delivery, warm_up) = (requirements.delivery, requirements.warm_up);
        let mut handles = trading.handles.clone();
        handles.sort_unstable();
        let mut places = vec![usize::MAX; instruments + 1];
        let mut own = Vec::with_capacity(handles.len());
        for (index, handle) in handles.into_iter().enumerate() {
            if places.len() <= handle as usize {
                places.resize(handle as usize + 1, usize::MAX);
            }
            if let Some(place) = places.get_mut(handle as usize) {
                *place = index;
            }
            own.push(Own {
                handle,
                state: State::default(),
                seen: 0,
            });
        }
        trading.trader.look_at(past);
        Ok(Actor {
            trading,
            delivery,
            warm_up,
            columns,
            models,
            names: features.to_vec(),
            own,
            places,
            slice: Slice::default(),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.trading.name
    }

    pub(super) fn handles(&self) -> &[InstrumentHandle] {
        &self.trading.handles
    }

    /// The models it goes by, by alias.
    pub(super) fn models(&self) -> &[String] {
        &self.models
    }

    pub(super) fn sizing(&self) -> Option<&SizingMethod> {
        self.trading.sizing.as_ref()
    }

    /// Where a feature is in a row.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// Takes its position in an instrument from the books.
    pub(super) fn refresh(&mut self, desk: &Desk, instrument: InstrumentHandle) {
        let place = self.places.get(instrument as usize);
        if let Some(own) = place.and_then(|place| self.own.get_mut(*place)) {
            let holding = desk.holding(&self.trading.name, own.handle);
            own.state.position = to_f64(holding.quantity);
            own.state.entry_price = to_f64(holding.average_price);
            own.state.working = to_f64(holding.working);
        }
    }

    /// Shows it the moment, with cash and equity of the account; `line` gives what else is known of an instrument. Intents
    /// before its warm-up is over do not count.
    pub(super) fn ask<'r>(
        &mut self,
        moment: &Moment,
        (cash, equity): (f64, f64),
        line: impl Fn(InstrumentHandle) -> Option<&'r Line>,
    ) -> Result<Vec<Intent>, Failure> {
        let failed = |problem: Problem| Failure(problem);
        let mut intents = Vec::new();
        let slices = self.delivery == Delivery::Slice;
        if slices {
            self.slice.time = moment.time;
            self.slice.instruments.clear();
            self.slice.bars.clear();
            self.slice.states.clear();
            self.slice.features.clear();
            self.slice.predictions.clear();
        }
        for step in &moment.steps {
            let place = self.places.get(step.instrument as usize);
            let Some(own) = place.and_then(|place| self.own.get_mut(*place)) else {
                continue;
            };
            own.seen = own.seen.saturating_add(1);
            own.state.cash = cash;
            own.state.equity = equity;
            if slices {
                self.slice.instruments.push(step.instrument);
                self.slice.bars.push(step.bar);
                self.slice.states.push(own.state);
                let line = line(step.instrument);
                let row = line.map_or(&[][..], |line| &line.row);
                let features = self.columns.iter();
                self.slice
                    .features
                    .extend(features.map(|column| row.get(*column).copied().unwrap_or(f64::NAN)));
                let models = (0..).zip(&self.models);
                let predictions = models.filter_map(|(model, alias)| {
                    let up = line?.views.get(alias)?.chosen()?;
                    Some(Prediction {
                        instrument: step.instrument,
                        model,
                        values: vec![1.0 - up, up],
                    })
                });
                self.slice.predictions.extend(predictions);
            } else {
                let wanted = self
                    .trading
                    .trader
                    .on_bar(step.instrument, &step.bar, &own.state)
                    .map_err(failed)?;
                if !wanted.is_empty() {
                    intents.extend(wanted);
                }
            }
        }
        if slices && !self.slice.instruments.is_empty() {
            intents = self.trading.trader.on_slice(&self.slice).map_err(failed)?;
        }
        if !intents.is_empty() {
            intents.retain(|intent| self.is_warm(intent));
        }
        Ok(intents)
    }

    /// Whether it takes bars itself.
    pub(super) fn pulls(&self) -> bool {
        self.delivery == Delivery::Bar && self.trading.trader.pulls()
    }

    /// The close of the first bar at which it may want something, where it knows that.
    pub(super) fn quiet_until(&self) -> Option<i64> {
        self.trading.trader.quiet_until()
    }

    /// Takes note of a moment at which it need not be asked.
    pub(super) fn pass(&mut self, moment: &Moment) {
        for step in &moment.steps {
            let place = self.places.get(step.instrument as usize);
            if let Some(own) = place.and_then(|place| self.own.get_mut(*place)) {
                own.seen = own.seen.saturating_add(1);
            }
        }
    }

    /// What it would be told at a moment with this cash and equity, where its positions are what they are now.
    pub(super) fn lay_out(&self, moment: &Moment, (cash, equity): (f64, f64), to: &mut Vec<Tick>) {
        for step in &moment.steps {
            let place = self.places.get(step.instrument as usize);
            if let Some(own) = place.and_then(|place| self.own.get(*place)) {
                to.push(Tick {
                    instrument: step.instrument,
                    bar: step.bar,
                    state: State {
                        cash,
                        equity,
                        ..own.state
                    },
                });
            }
        }
    }

    /// Has it take bars, in order, until it wants something that counts, fails or has them all. How many it took, and
    /// what came of the last of them.
    pub(super) fn pull(&mut self, ticks: &[Tick]) -> (usize, Result<Vec<Intent>, Failure>) {
        let mut done = 0;
        while let Some(left) = ticks.get(done..).filter(|left| !left.is_empty()) {
            let (taken, wanted) = self.trading.trader.pull(left);
            for tick in left.iter().take(taken) {
                let place = self.places.get(tick.instrument as usize);
                if let Some(own) = place.and_then(|place| self.own.get_mut(*place)) {
                    own.seen = own.seen.saturating_add(1);
                }
            }
            done += taken;
            match wanted {
                Err(problem) => return (done, Err(Failure(problem))),
                Ok(mut intents) => {
                    intents.retain(|intent| self.is_warm(intent));
                    if !intents.is_empty() {
                        return (done, Ok(intents));
                    }
                }
            }
        }
        (done, Ok(Vec::new()))
    }

    fn is_warm(&self, intent: &Intent) -> bool {
        let instrument = match intent {
            Intent::Target { instrument, .. }
            | Intent::Weight { instrument, .. }
            | Intent::CancelAll(instrument) => *instrument,
            Intent::Submit(request) => request.instrument,
            Intent::Cancel(_) => return true,
        };
        let place = self.places.get(instrument as usize);
        place
            .and_then(|place| self.own.get(*place))
            .is_none_or(|own| own.seen > self.warm_up)
    }
}
