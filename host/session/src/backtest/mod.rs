//! A session over history that is made fast: the desk, the venue's rules, the strategies' contract and the order of
//! a moment are those of every session; what only a session with a broker needs (its log, its journal, who advises
//! it, what is kept of every decision) is not there.
//!
//! Promises: at a moment nothing that lies after it has been read by anybody; the order in which instruments, traders
//! and rules' orders are named changes nothing; the same inputs give the same bits. At a moment at which nothing works
//! at the venue, nothing is due and nobody wants anything, only the traders are asked and the equity is taken.
//!
//! Order of a moment, as in every session: corporate actions; the venue matches what works against the bars; what
//! was carried over the session's end is booked; fills are booked; prices are noted; traders are asked; what nothing
//! is left to protect is cancelled; rules review the portfolio while there is exposure; exits, then entries, are judged
//! and sent; the session's end is noted.
//!
//! Bounds: what looks back sees [`crate::past::KEPT`] bars. Memory grows with orders, not with bars. A trader that
//! fails, or wants what cannot be, ends the run at that bar: what was done before stands, and is marked as a part.

mod account;
mod again;
mod ahead;
mod market;
mod orders;
mod setup;
mod trader;

pub use self::setup::{Ended, Learning, OrderTotals, Outcome, Setup, Standing, Tape, Trading};
pub use self::trader::{Sandboxed, Trader};
pub use crate::feed::{Detailed, Feed, Moment};

pub(crate) use self::again::{Again, run_again};

use self::account::Account;
use self::ahead::{Ahead, Answer};
use self::market::LocalVenue;
use self::orders::Behind;
use self::trader::Actor;
use crate::intents::Want;
use crate::learning::{Learner, Sample, View};
use crate::lines::Oracle;
use crate::past::Past;
use crate::session::{consult, price};
use crate::sizing::sized;
use crate::trades::Trades;
use bulkhead_desk::{Desk, DeskConfig};
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{InstrumentHandle, OrderUpdate};
use bulkhead_domain::strategy::Intent;
use bulkhead_domain::time::SECOND;
use bulkhead_domain::{Decimal, Instrument, Problem, Timestamp};
use bulkhead_market::FeatureSet;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An instrument as the run follows it.
struct Line {
    instrument: Instrument,
    multiplier: f64,
    close: f64,
    time: i64,
    /// Whether the desk has seen the last price.
    marked: bool,
    /// Whether a bar has been seen.
    seen: bool,
    /// Whether its orders or positions changed since they were last taken from the books.
    touched: bool,
    /// What all owners together hold, in units times multiplier: added up, and in magnitude.
    held: f64,
    gross: f64,
    features: Option<FeatureSet>,
    row: Vec<f64>,
    /// Whoever says what the models think of it, by alias, and what they said last.
    oracles: BTreeMap<String, Box<dyn Oracle>>,
    views: BTreeMap<String, View>,
}

/// A run.
pub struct Backtest<'a> {
    desk: Desk,
    venue: LocalVenue,
    /// In the order of symbols.
    lines: Vec<Line>,
    /// Where a handle's line is; `usize::MAX` for none.
    slots: Vec<usize>,
    actors: Vec<Actor>,
    rules: bool,
    /// Nanoseconds after which the price of what is held is no price any more.
    oldest_mark: i64,
    account: Account,
    past: Option<Past>,
    trades: Trades,
    /// What is behind each order that may still fill.
    decisions: HashMap<String, Behind, foldhash::fast::RandomState>,
    tape: &'a mut dyn Tape,
    /// The session that is run again, where one is.
    again: Option<Again>,
    updates: Vec<OrderUpdate>,
    wants: Vec<Want>,
    /// Whether orders or positions changed since the desk was last asked what is left over.
    changed: bool,
    /// Whether the desk has restricted itself.
    restricted: bool,
    now: i64,
    bars: u64,
    moments: u64,
    orders: OrderTotals,
    fills: u64,
    traded: Decimal,
}

/// An instrument as the run follows it.
fn line_of<'r>(slots: &[usize], lines: &'r [Line], handle: InstrumentHandle) -> Option<&'r Line> {
    slots.get(handle as usize).and_then(|slot| lines.get(*slot))
}

fn broken(error: impl std::fmt::Display) -> Problem {
    Problem::host(
        format!("the books cannot follow the venue: {error}"),
        "report it with the command and its data",
    )
}

impl<'a> Backtest<'a> {
    /// A run that has seen nothing yet.
    ///
    /// # Errors
    /// Settings, instruments, features or rules that make no sense together.
    pub fn new(setup: Setup, tape: &'a mut dyn Tape) -> Result<Backtest<'a>, Problem> {
        Backtest::made(setup, tape, None)
    }

    fn made(
        setup: Setup,
        tape: &'a mut dyn Tape,
        again: Option<Again>,
    ) -> Result<Backtest<'a>, Problem> {
        let mistaken = |error: &dyn std::fmt::Display| {
            Problem::user(error.to_string(), "correct the settings")
        };
        let mut instruments = setup.instruments;
        instruments.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let rules = !setup.rules.is_empty();
        let oldest_mark = i64::from(setup.limits.max_mark_age_seconds) * SECOND;
        let config = DeskConfig {
            account: setup.venue.account.clone(),
            currency: setup.currency,
            basis: setup.cost_basis,
            capital: setup.cash,
            opened: setup.opened,
            limits: setup.limits,
            nonce: *setup.id.bytes(),
            session: String::new(),
            broker: String::new(),
            plugins: BTreeMap::new(),
        };
        let desk = Desk::new(config, instruments.clone(), setup.rules)
            .map_err(|error| mistaken(&error))?;
        let venue = LocalVenue::new(setup.venue, setup.carry, &instruments)
            .map_err(|error| mistaken(&error))?;
        if !setup.models.is_empty() && setup.features.is_empty() {
            return Err(Problem::user(
                "there are models, and no feature to learn from",
                "name features with --feature",
            ));
        }
        let session = match &again {
            Some(again) => again.session().to_owned(),
            None => setup.id.to_string(),
        };
        let models: Vec<String> = setup.models.keys().cloned().collect();
        let mut slots = Vec::new();
        let mut lines = Vec::with_capacity(instruments.len());
        for (slot, instrument) in instruments.into_iter().enumerate() {
            let handle = instrument.handle as usize;
            if slots.len() <= handle {
                slots.resize(handle + 1, usize::MAX);
            }
            if let Some(place) = slots.get_mut(handle) {
                *place = slot;
            }
            let features = match setup.features.as_slice() {
                [] => None,
                names => Some(FeatureSet::new(names)?),
            };
            let learns = setup.models.iter().map(|(alias, learning)| {
                let learner = Learner::new(
                    &session,
                    setup.seed,
                    alias,
                    &instrument.symbol,
                    &learning.config,
                    &setup.features,
                    Arc::clone(&learning.trainers),
                );
                (alias.clone(), Box::new(learner) as Box<dyn Oracle>)
            });
            let oracles = learns.collect();
            lines.push(Line {
                multiplier: to_f64(instrument.multiplier),
                instrument,
                close: f64::NAN,
                time: i64::MIN,
                marked: true,
                seen: false,
                touched: true,
                held: 0.0,
                gross: 0.0,
                features,
                row: vec![f64::NAN; setup.features.len()],
                oracles,
                views: BTreeMap::new(),
            });
        }
        let past = Past::new(&setup.features);
        let mut actors = Vec::with_capacity(setup.traders.len());
        // Rules are told of correlations.
        let mut looks_back = rules;
        for trading in setup.traders {
            looks_back |= trading.trader.looks_back();
            actors.push(Actor::new(
                trading,
                (&setup.features, &models),
                lines.len(),
                &past,
            )?);
        }
        actors.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Backtest {
            account: Account::new(setup.cash),
            desk,
            venue,
            lines,
            slots,
            actors,
            rules,
            oldest_mark,
            past: looks_back.then_some(past),
            trades: Trades::watched(),
            decisions: HashMap::default(),
            tape,
            again,
            updates: Vec::new(),
            wants: Vec::new(),
            changed: false,
            restricted: false,
            now: setup.opened.0,
            bars: 0,
            moments: 0,
            orders: OrderTotals::default(),
            fills: 0,
            traded: Decimal::ZERO,
        })
    }

    /// Runs to the end of the data, or until `stop`.
    ///
    /// # Errors
    /// Data that holds no bar. Whatever fails later is how the run ended.
    pub fn run(
        mut self,
        feed: &mut Feed<'_>,
        stop: &AtomicBool,
        progress: impl FnMut(u64, i64),
    ) -> Result<Outcome, Problem> {
        self.drive(feed, stop, progress)
    }

    fn drive(
        &mut self,
        feed: &mut Feed<'_>,
        stop: &AtomicBool,
        mut progress: impl FnMut(u64, i64),
    ) -> Result<Outcome, Problem> {
        /// Moments between two words to who wants to know.
        const EVERY: u64 = 4_096;
        let mut ahead = Ahead::new();
        let mut ended = Ended::Completed;
        loop {
            let (moment, answer) = match ahead.next(self, feed) {
                Ok(Some(next)) => next,
                Ok(None) => break,
                Err(problem) if self.moments == 0 => return Err(problem),
                Err(problem) => {
                    let time = self.now;
                    ended = Ended::Failed { time, problem };
                    break;
                }
            };
            if let Err(problem) = self.step(&moment, answer) {
                let time = moment.time;
                ended = Ended::Failed { time, problem };
                break;
            }
            if self.moments.is_multiple_of(EVERY) {
                progress(self.bars, moment.time);
            }
            ahead.done(moment);
            if stop.load(Ordering::Relaxed) {
                ended = Ended::Interrupted;
                break;
            }
        }
        if self.moments == 0 && ended == Ended::Completed {
            return Err(Problem::user(
                "no bar lies between the first and the last date",
                "widen --from and --to, or correct the data",
            ));
        }
        progress(self.bars, self.now);
        self.finish(ended)
    }

    fn slot(&self, handle: InstrumentHandle) -> Option<usize> {
        let slot = *self.slots.get(handle as usize)?;
        (slot != usize::MAX).then_some(slot)
    }

    /// Whether nothing but the one trader has a say in what comes next, and it takes its bars itself.
    fn waits_for_nobody(&self) -> bool {
        let [actor] = self.actors.as_slice() else {
            return false;
        };
        actor.pulls()
            && !(self.changed || self.restricted || self.account.stale)
            && !(self.rules && self.account.exposed)
            && self.desk.orders().iter().next().is_none()
    }

    /// Cash and equity at a moment that lies ahead if nothing is traded until then, from the closes and times of all lines
    /// before it, which go on to it. Nothing where the host has to come first.
    fn foreseen(
        &self,
        moment: &Moment,
        closes: &mut [f64],
        times: &mut [i64],
    ) -> Option<(f64, f64)> {
        if !ahead::is_plain(moment, self.venue.carries()) {
            return None;
        }
        for step in &moment.steps {
            let slot = self.slot(step.instrument)?;
            *closes.get_mut(slot)? = step.bar.close;
            if let Some(time) = times.get_mut(slot) {
                *time = step.bar.time;
            }
        }
        let mut equity = self.account.cash;
        if self.account.exposed {
            let oldest = moment.time.saturating_sub(self.oldest_mark);
            for (slot, line) in self.lines.iter().enumerate() {
                if line.gross != 0.0 {
                    equity += line.held * closes.get(slot)?;
                    if times.get(slot).is_some_and(|time| *time < oldest) {
                        return None;
                    }
                }
            }
        }
        Some((self.account.cash, equity))
    }

    fn line(&self, handle: InstrumentHandle) -> Option<&Line> {
        self.lines.get(self.slot(handle)?)
    }

    /// One moment, with the trader's answer where it was asked before.
    fn step(&mut self, moment: &Moment, answer: Option<Answer>) -> Result<(), Problem> {
        self.now = moment.time;
        let session_end = moment.steps.iter().any(|step| step.session_end);
        if moment.steps.iter().any(|step| !step.actions.is_empty()) {
            self.act(moment)?;
        }
        if self.changed || self.restricted {
            let withdrawn = self.desk.withdraw();
            self.carry_out(withdrawn)?;
        }
        let mut updates = std::mem::take(&mut self.updates);
        updates.clear();
        let within = match moment.finer.as_slice() {
            [] => std::slice::from_ref(moment),
            finer => finer,
        };
        for part in within {
            let advanced = self.venue.advance(&part.steps, &mut updates);
            advanced.map_err(|error| {
                Problem::user(format!("a bar is unusable: {error}"), "correct the data")
            })?;
        }
        if session_end && self.venue.carries() {
            let account = self.venue.carried(self.now);
            if self.desk.is_carry_due(&account) {
                let now = Timestamp(self.now);
                self.desk.on_carry(now, &account).map_err(broken)?;
                self.account.stale = true;
            }
        }
        updates.iter().try_for_each(|update| self.apply(update))?;
        if self.account.stale {
            self.refresh();
        }
        self.note(moment)?;
        let (equity, _) = self.value();
        match answer {
            None => self.ask(moment, equity)?,
            Some(intents) => {
                let intents = intents.map_err(|failed| failed.at(self.now))?;
                if !intents.is_empty() {
                    let mut actors = std::mem::take(&mut self.actors);
                    let taken = match actors.first_mut() {
                        Some(actor) => self.take((0, actor), intents),
                        None => Ok(()),
                    };
                    self.actors = actors;
                    taken?;
                }
            }
        }
        let working = || self.desk.orders().iter().next().is_some();
        let exposed = self.rules && (self.account.exposed || self.changed || working());
        let unvalued = self.account.exposed && self.is_anything_unvalued();
        if !self.wants.is_empty() || exposed || unvalued || self.changed || self.restricted {
            self.trade(exposed, unvalued)?;
        }
        // Where orders fill at the close they were sent at, they do before anything of the next bar is known.
        updates.clear();
        self.venue.settle(&mut updates);
        updates.iter().try_for_each(|update| self.apply(update))?;
        self.updates = updates;
        if self.account.stale {
            self.refresh();
        }
        if session_end {
            self.mark()?;
            self.venue.close_session(self.now, &self.desk);
            self.desk
                .session_close(Timestamp(self.now))
                .map_err(broken)?;
        }
        self.moments += 1;
        self.bars += moment.steps.len() as u64;
        let (equity, gross) = self.value();
        let cash = self.account.cash;
        let standing = Standing {
            equity,
            cash,
            gross,
        };
        self.tape.moment(moment, standing)
    }

    /// Whether something is held whose last price is too old to compute any risk by: the desk halts then.
    fn is_anything_unvalued(&self) -> bool {
        let oldest = self.now.saturating_sub(self.oldest_mark);
        let mut held = self.lines.iter().filter(|line| line.gross != 0.0);
        held.any(|line| line.time < oldest)
    }

    /// Corporate actions before the open.
    fn act(&mut self, moment: &Moment) -> Result<(), Problem> {
        self.mark()?;
        for step in moment.steps.iter().filter(|step| !step.actions.is_empty()) {
            let Some(line) = self
                .slot(step.instrument)
                .and_then(|slot| self.lines.get(slot))
            else {
                continue;
            };
            if !line.seen {
                continue;
            }
            let close =
                price(line.close).ok_or_else(|| broken(format!("a close of {}", line.close)))?;
            let (lot, multiplier) = (line.instrument.lot, line.instrument.multiplier);
            self.desk
                .on_actions(step.instrument, &step.actions, close)
                .map_err(broken)?;
            self.trades
                .actions(step.instrument, &step.actions, close, lot, multiplier);
            self.tell_closed()?;
            self.touch(step.instrument);
        }
        Ok(())
    }

    /// Takes the moment's prices, and asks the models about them.
    fn note(&mut self, moment: &Moment) -> Result<(), Problem> {
        for step in &moment.steps {
            let Some(line) = self
                .slots
                .get(step.instrument as usize)
                .and_then(|slot| self.lines.get_mut(*slot))
            else {
                continue;
            };
            line.close = step.bar.close;
            line.time = step.bar.time;
            line.marked = false;
            line.seen = true;
            if line.gross != 0.0 {
                self.trades
                    .look(step.instrument, step.bar.high, step.bar.low);
            }
            if let Some(features) = &mut line.features {
                line.row.clear();
                line.row.extend_from_slice(features.push(&step.bar));
            }
            if let Some(past) = &self.past {
                past.push(step.instrument, &step.bar, &line.row);
            }
            if line.oracles.is_empty() {
                continue;
            }
            let sample = Sample {
                time: step.bar.time,
                open_time: step.open_time,
                open: step.bar.open * step.bar.factor,
                features: &line.row,
            };
            line.views = consult(&mut line.oracles, &sample);
            for (candidate, why) in line.views.values().flat_map(|view| &view.failures) {
                self.tape
                    .failed(moment.time, candidate, step.instrument, why)?;
            }
        }
        Ok(())
    }

    /// Equity and gross exposure at the last closes. Instruments are added up in the order of their symbols.
    fn value(&self) -> (f64, f64) {
        let mut equity = self.account.cash;
        let mut gross = 0.0;
        if self.account.exposed {
            for line in self.lines.iter().filter(|line| line.gross != 0.0) {
                equity += line.held * line.close;
                gross += (line.gross * line.close).abs();
            }
        }
        (equity, gross)
    }

    /// Shows the desk the prices that it has not seen, each at its own time.
    fn mark(&mut self) -> Result<(), Problem> {
        let mut unseen: Vec<(i64, InstrumentHandle, Decimal)> = Vec::new();
        for line in self.lines.iter_mut().filter(|line| !line.marked) {
            let close =
                price(line.close).ok_or_else(|| broken(format!("a close of {}", line.close)))?;
            unseen.push((line.time, line.instrument.handle, close));
            line.marked = true;
        }
        unseen.sort_unstable();
        for same in unseen.chunk_by(|a, b| a.0 == b.0) {
            let prices: Vec<_> = same
                .iter()
                .map(|(_, handle, close)| (*handle, *close))
                .collect();
            let time = same.first().map_or(self.now, |first| first.0);
            self.desk.mark(Timestamp(time), &prices).map_err(broken)?;
        }
        if self.desk.now().0 < self.now {
            self.desk.mark(Timestamp(self.now), &[]).map_err(broken)?;
        }
        Ok(())
    }

    /// Takes the account, and the positions in what was touched, from the books again.
    fn refresh(&mut self) {
        for line in self.lines.iter_mut().filter(|line| line.touched) {
            line.touched = false;
            line.held = 0.0;
            line.gross = 0.0;
            let instrument = line.instrument.handle;
            for held in self.desk.ledger().lines_of(instrument) {
                let units = to_f64(held.quantity) * line.multiplier;
                line.held += units;
                line.gross += units.abs();
            }
            for actor in &mut self.actors {
                actor.refresh(&self.desk, instrument);
            }
        }
        self.account.cash = to_f64(self.desk.ledger().cash());
        self.account.exposed = self.lines.iter().any(|line| line.gross != 0.0);
        self.account.stale = false;
        // The balances stay; nobody keeps the entries.
        drop(self.desk.take_entries());
    }

    /// An instrument's orders or positions have changed, or may have.
    fn touch(&mut self, instrument: InstrumentHandle) {
        self.account.stale = true;
        self.changed = true;
        if let Some(slot) = self.slot(instrument)
            && let Some(line) = self.lines.get_mut(slot)
        {
            line.touched = true;
        }
    }

    /// Asks every trader.
    fn ask(&mut self, moment: &Moment, equity: f64) -> Result<(), Problem> {
        let mut actors = std::mem::take(&mut self.actors);
        let asked = actors
            .iter_mut()
            .enumerate()
            .try_for_each(|(place, actor)| self.ask_one((place, actor), moment, equity));
        self.actors = actors;
        asked
    }

    fn ask_one(
        &mut self,
        (place, actor): (usize, &mut Actor),
        moment: &Moment,
        equity: f64,
    ) -> Result<(), Problem> {
        let intents = {
            let line = |handle| line_of(&self.slots, &self.lines, handle);
            actor
                .ask(moment, (self.account.cash, equity), line)
                .map_err(|failed| failed.at(self.now))?
        };
        if intents.is_empty() {
            return Ok(());
        }
        self.take((place, actor), intents)
    }

    /// Takes what a trader wants.
    fn take(
        &mut self,
        (place, actor): (usize, &mut Actor),
        intents: Vec<Intent>,
    ) -> Result<(), Problem> {
        self.mark()?;
        for (number, intent) in intents.into_iter().enumerate() {
            let unusable = |what: String| trader::unusable(actor.name(), &what).at(self.now);
            if let Intent::Submit(request) = &intent
                && request.quantity <= Decimal::ZERO
            {
                return Err(unusable(format!(
                    "an order of {} units, which is not above 0",
                    request.quantity
                )));
            }
            let intent = match actor.sizing() {
                None => intent,
                Some(method) => {
                    let feature = |handle, name: &str| {
                        let column = actor.column(name)?;
                        let value = *self.line(handle)?.row.get(column)?;
                        value.is_finite().then_some(value)
                    };
                    let up = |handle| {
                        let views = self.line(handle).map(|line| &line.views);
                        let heeded = views.into_iter().flatten();
                        heeded
                            .filter(|(alias, _)| actor.models().contains(alias))
                            .filter_map(|(_, view)| view.chosen())
                            .collect()
                    };
                    sized(intent, method, actor.name(), &self.desk, &feature, &up)
                        .map_err(|error| unusable(error.to_string()))?
                }
            };
            let want =
                Want::of(intent, actor.name(), actor.handles(), &self.desk).map_err(unusable)?;
            if let Some(mut want) = want {
                want.decision = self.decision(place, number, &want);
                if let Some(request) = &want.request
                    && let Some(line) = self.line(request.instrument)
                {
                    if self.again.is_some() {
                        want.features = self.all_features(line);
                    }
                    let views = line.views.iter();
                    want.views = views
                        .map(|(alias, view)| (view.clone(), actor.models().contains(alias)))
                        .collect();
                }
                self.wants.push(want);
            }
        }
        Ok(())
    }

    fn finish(&mut self, ended: Ended) -> Result<Outcome, Problem> {
        if !matches!(ended, Ended::Failed { .. }) {
            for update in self.venue.finish(self.now) {
                self.apply(&update)?;
            }
        }
        self.mark()?;
        let desk = &self.desk;
        let totals = desk.ledger().totals(desk.ledger().config().base);
        let multiplier = |handle| {
            desk.instrument(handle)
                .map_or(Decimal::ONE, |found| found.multiplier)
        };
        let open =
            std::mem::take(&mut self.trades).finish(|handle| desk.last_price(handle), multiplier);
        Ok(Outcome {
            ended,
            bars: self.bars,
            moments: self.moments,
            cash: desk.ledger().cash(),
            equity: desk.equity(),
            fees: totals.fees,
            dividends: totals.dividends,
            borrow_fees: totals.borrow_fees,
            interest: totals.interest,
            slippage: self.venue.slippage(),
            traded: self.traded,
            orders: self.orders,
            fills: self.fills,
            open,
        })
    }
}
