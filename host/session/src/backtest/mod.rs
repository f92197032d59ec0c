//! A session over history that is made fast: the desk, the venue's rules, the strategies' contract and the order of
//! a moment are those of every session; what only a session with a broker needs (its log, its journal, who advises
//! it, what is kept of every decision) is not there.
//!
//! Promises: at a moment nothing that lies after it has been read by anybody; the order in which instruments, traders
//! and rules' orders are named changes nothing; the same inputs give the same bits. At a moment at which nothing works
//! at the venue, nothing is due and nobody wants anything, only the traders are asked and the equity is taken.
//!
//! Order of a moment, as in [`crate::session`]: corporate actions; the venue matches what works against the bars; what
//! was carried over the session's end is booked; fills are booked; prices are noted; traders are asked; what nothing
//! is left to protect is cancelled; rules review the portfolio while there is exposure; exits, then entries, are judged
//! and sent; the session's end is noted.
//!
//! Bounds: what looks back sees [`crate::past::KEPT`] bars. Memory grows with orders, not with bars. A trader that
//! fails, or wants what cannot be, ends the run at that bar: what was done before stands, and is marked as a part.

mod account;
mod market;
mod trader;

pub use self::trader::{Sandboxed, Trader};
pub use crate::feed::{Feed, Moment};

use self::account::Account;
use self::market::LocalVenue;
use self::trader::Actor;
use crate::intents::Want;
use crate::past::Past;
use crate::record::{FillRecord, TradeRecord};
use crate::session::price;
use crate::sizing::sized;
use crate::trades::Trades;
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::orders::OrderState;
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_desk::{
    Applied, CheckLimits, Desk, DeskConfig, Disposition, Proposal, RiskRule, Ruling, SendError,
    Sent,
};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Execution, InstrumentHandle, OrderUpdate};
use bulkhead_domain::risk::{Denial, RiskContext};
use bulkhead_domain::strategy::Intent;
use bulkhead_domain::{Decimal, Digest, Instrument, Problem, Timestamp};
use bulkhead_market::FeatureSet;
use bulkhead_venue::VenueConfig;
use bulkhead_venue::carry::CarryRates;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// An account at the close of a moment, in its currency.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// Cash plus positions at the last closes.
    pub equity: f64,
    /// Cash.
    pub cash: f64,
    /// Magnitudes of all positions at the last closes, added up.
    pub gross: f64,
}

/// Who is told what happens. Nothing of it is kept by the backtest itself.
pub trait Tape {
    /// A moment is over, and this is how the account stands.
    ///
    /// # Errors
    /// What it is written to fails; the run ends.
    fn moment(&mut self, moment: &Moment, account: Standing) -> Result<(), Problem>;

    /// An order filled.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn fill(&mut self, _fill: &FillRecord) -> Result<(), Problem> {
        Ok(())
    }

    /// A position was closed.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn trade(&mut self, _trade: &TradeRecord) -> Result<(), Problem> {
        Ok(())
    }

    /// An order was refused: by a host check, a rule or the venue.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn denied(
        &mut self,
        _time: i64,
        _owner: &str,
        _instrument: Option<InstrumentHandle>,
        _denial: &Denial,
    ) -> Result<(), Problem> {
        Ok(())
    }
}

/// A trader and what it trades.
pub struct Trading {
    /// Owner of its orders and positions; unique.
    pub name: String,
    /// Which instruments.
    pub handles: Vec<InstrumentHandle>,
    /// How large the host makes its positions; as it says when absent.
    pub sizing: Option<SizingMethod>,
    /// Who decides.
    pub trader: Box<dyn Trader>,
}

/// What a backtest is made of.
pub struct Setup {
    /// Names decisions and orders: the digest of all inputs.
    pub id: Digest,
    /// Currency of every amount.
    pub currency: String,
    /// Cash at the start.
    pub cash: Decimal,
    /// What closed units are taken to have cost.
    pub cost_basis: CostBasis,
    /// Limits of the host's checks.
    pub limits: CheckLimits,
    /// How orders fill and what that costs.
    pub venue: VenueConfig,
    /// What holding costs and earns.
    pub carry: CarryRates,
    /// When the books open: the first bar's open.
    pub opened: Timestamp,
    /// Everything that is traded; handles are unique.
    pub instruments: Vec<Instrument>,
    /// Features by name, computed from each bar.
    pub features: Vec<String>,
    /// Risk rules, asked in this order.
    pub rules: Vec<Box<dyn RiskRule>>,
    /// Who trades.
    pub traders: Vec<Trading>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The data was all used.
    Completed,
    /// Somebody stopped it.
    Interrupted,
    /// Something failed at this moment; what was done before it stands.
    Failed {
        /// The close of the bar at hand.
        time: i64,
        /// What failed.
        problem: Problem,
    },
}

/// What became of a run's orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderTotals {
    /// Sent to the venue.
    pub sent: u64,
    /// Filled in whole.
    pub filled: u64,
    /// Cancelled; what was left of them at the end too.
    pub cancelled: u64,
    /// Whose time ran out.
    pub expired: u64,
    /// Refused by the venue.
    pub rejected: u64,
    /// Refused by host checks or risk rules before they were sent.
    pub denied: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Bars over all instruments.
    pub bars: u64,
    /// Moments.
    pub moments: u64,
    /// Cash at the end.
    pub cash: Decimal,
    /// Equity at the end.
    pub equity: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// Dividends received less paid.
    pub dividends: Decimal,
    /// Paid for borrowing what was sold short.
    pub borrow_fees: Decimal,
    /// Interest received less paid.
    pub interest: Decimal,
    /// Money that fills cost more than the quoted prices: slippage and rounding to the tick.
    pub slippage: Decimal,
    /// Notional of all fills, both sides.
    pub traded: Decimal,
    /// What became of orders.
    pub orders: OrderTotals,
    /// Fills.
    pub fills: u64,
    /// Positions still open at the end, valued at the last prices.
    pub open: Vec<TradeRecord>,
}

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
    /// What all owners together hold, in units times multiplier.
    held: f64,
    features: Option<FeatureSet>,
    row: Vec<f64>,
}

/// A run.
pub struct Backtest<'a> {
    id: Digest,
    desk: Desk,
    venue: LocalVenue,
    /// In the order of symbols.
    lines: Vec<Line>,
    /// Where a handle's line is; `usize::MAX` for none.
    slots: Vec<usize>,
    actors: Vec<Actor>,
    rules: bool,
    account: Account,
    past: Option<Past>,
    trades: Trades,
    /// Decision behind each order that may still fill.
    decisions: BTreeMap<String, String>,
    tape: &'a mut dyn Tape,
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

/// An instrument's current features.
fn row_of<'r>(slots: &[usize], lines: &'r [Line], handle: InstrumentHandle) -> &'r [f64] {
    let line = slots.get(handle as usize).and_then(|slot| lines.get(*slot));
    line.map_or(&[], |line| &line.row)
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
        let mistaken = |error: &dyn std::fmt::Display| {
            Problem::user(error.to_string(), "correct the settings")
        };
        let mut instruments = setup.instruments;
        instruments.sort_by(|a, b| a.symbol.cmp(&b.symbol));
        let rules = !setup.rules.is_empty();
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
            lines.push(Line {
                multiplier: to_f64(instrument.multiplier),
                instrument,
                close: f64::NAN,
                time: i64::MIN,
                marked: true,
                seen: false,
                held: 0.0,
                features,
                row: vec![f64::NAN; setup.features.len()],
            });
        }
        let past = Past::new(&setup.features);
        let mut actors = Vec::with_capacity(setup.traders.len());
        let mut looks_back = false;
        for trading in setup.traders {
            looks_back |= trading.trader.looks_back();
            actors.push(Actor::new(trading, &setup.features, lines.len(), &past)?);
        }
        actors.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Backtest {
            id: setup.id,
            account: Account::new(setup.cash),
            desk,
            venue,
            lines,
            slots,
            actors,
            rules,
            past: looks_back.then_some(past),
            trades: Trades::watched(),
            decisions: BTreeMap::new(),
            tape,
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
        mut progress: impl FnMut(u64, i64),
    ) -> Result<Outcome, Problem> {
        /// Moments between two looks at who wants to know or stop.
        const EVERY: u64 = 4_096;
        let mut moment = Moment::default();
        let mut ended = Ended::Completed;
        loop {
            match feed.advance(&mut moment) {
                Ok(true) => {}
                Ok(false) => break,
                Err(problem) if self.moments == 0 => return Err(problem),
                Err(problem) => {
                    let time = self.now;
                    ended = Ended::Failed { time, problem };
                    break;
                }
            }
            if let Err(problem) = self.step(&moment) {
                let time = moment.time;
                ended = Ended::Failed { time, problem };
                break;
            }
            if self.moments.is_multiple_of(EVERY) {
                progress(self.bars, moment.time);
                if stop.load(Ordering::Relaxed) {
                    ended = Ended::Interrupted;
                    break;
                }
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

    /// One moment.
    fn step(&mut self, moment: &Moment) -> Result<(), Problem> {
        self.now = moment.time;
        let session_end = moment.steps.iter().any(|step| step.session_end);
        if moment.steps.iter().any(|step| !step.actions.is_empty()) {
            self.act(moment)?;
        }
        let busy = self.changed || self.restricted;
        if busy {
            let withdrawn = self.desk.withdraw();
            self.carry_out(withdrawn)?;
        }
        let mut updates = std::mem::take(&mut self.updates);
        updates.clear();
        self.venue
            .advance(&moment.steps, &mut updates)
            .map_err(|error| {
                Problem::user(format!("a bar is unusable: {error}"), "correct the data")
            })?;
        if session_end && self.venue.carries() {
            let account = self.venue.carried(self.now);
            if self.desk.is_carry_due(&account) {
                let now = Timestamp(self.now);
                self.desk.on_carry(now, &account).map_err(broken)?;
                self.account.stale = true;
            }
        }
        for update in &updates {
            self.apply(update)?;
        }
        self.updates = updates;
        if self.account.stale {
            self.refresh();
        }
        self.note(moment);
        let (equity, gross) = self.value();
        self.ask(moment, equity)?;
        let exposed = self.rules && (gross > 0.0 || self.desk.orders().iter().next().is_some());
        if !self.wants.is_empty() || exposed || self.changed || self.restricted {
            self.trade(exposed)?;
        }
        if session_end {
            self.mark()?;
            self.venue.close_session(self.now, &self.desk);
            self.desk
                .session_close(Timestamp(self.now))
                .map_err(broken)?;
        }
        // What was sent at this close fills later: only a venue that refuses changes nothing of it.
        self.moments += 1;
        self.bars += moment.steps.len() as u64;
        let cash = self.account.cash;
        let standing = Standing {
            equity,
            cash,
            gross,
        };
        self.tape.moment(moment, standing)
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
        }
        self.account.stale = true;
        self.changed = true;
        Ok(())
    }

    /// Takes the moment's prices.
    fn note(&mut self, moment: &Moment) {
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
            if line.held != 0.0 {
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
        }
    }

    /// Equity and gross exposure at the last closes. Instruments are added up in the order of their symbols.
    fn value(&self) -> (f64, f64) {
        let mut equity = self.account.cash;
        let mut gross = 0.0;
        if self.account.exposed {
            for line in self.lines.iter().filter(|line| line.held != 0.0) {
                let value = line.held * line.close;
                equity += value;
                gross += value.abs();
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

    /// Takes the account and the traders' positions from the books again.
    fn refresh(&mut self) {
        for line in &mut self.lines {
            line.held = 0.0;
        }
        let mut exposed = false;
        for (key, held) in self.desk.ledger().lines() {
            exposed = true;
            if let Some(line) = self
                .slots
                .get(key.instrument as usize)
                .and_then(|slot| self.lines.get_mut(*slot))
            {
                line.held += to_f64(held.quantity) * line.multiplier;
            }
        }
        self.account.cash = to_f64(self.desk.ledger().cash());
        self.account.exposed = exposed;
        self.account.stale = false;
        // The balances stay; nobody keeps the entries.
        drop(self.desk.take_entries());
        for actor in &mut self.actors {
            actor.refresh(&self.desk);
        }
    }

    /// Asks every trader.
    fn ask(&mut self, moment: &Moment, equity: f64) -> Result<(), Problem> {
        let mut actors = std::mem::take(&mut self.actors);
        let asked = actors
            .iter_mut()
            .try_for_each(|actor| self.ask_one(actor, moment, equity));
        self.actors = actors;
        asked
    }

    fn ask_one(&mut self, actor: &mut Actor, moment: &Moment, equity: f64) -> Result<(), Problem> {
        let intents = {
            let row = |handle| row_of(&self.slots, &self.lines, handle);
            actor
                .ask(moment, (self.account.cash, equity), row)
                .map_err(|failed| failed.at(self.now))?
        };
        if intents.is_empty() {
            return Ok(());
        }
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
                        let value = *row_of(&self.slots, &self.lines, handle).get(column)?;
                        value.is_finite().then_some(value)
                    };
                    sized(intent, method, actor.name(), &self.desk, &feature, &|_| {
                        Vec::new()
                    })
                    .map_err(|error| unusable(error.to_string()))?
                }
            };
            let want =
                Want::of(intent, actor.name(), actor.handles(), &self.desk).map_err(unusable)?;
            if let Some(mut want) = want {
                want.decision = self.decision(actor.name(), &want, number);
                self.wants.push(want);
            }
        }
        Ok(())
    }

    /// Names a decision. One owner's decisions on one instrument at one moment have names that sort as they were made.
    fn decision(&self, owner: &str, want: &Want, number: usize) -> String {
        let symbol = want
            .request
            .as_ref()
            .and_then(|request| self.slot(request.instrument))
            .and_then(|slot| self.lines.get(slot))
            .map_or("", |line| line.instrument.symbol.as_str());
        let digest = DigestBuilder::new()
            .part("session", self.id.bytes())
            .part("trade", owner.as_bytes())
            .part("symbol", symbol.as_bytes())
            .part("time", &self.now.to_le_bytes())
            .finish();
        let mut name = String::with_capacity(24);
        name.push_str("t-");
        for byte in digest.bytes().iter().take(8) {
            let _ = write!(name, "{byte:02x}");
        }
        let _ = write!(name, "{number:03x}");
        name
    }

    /// Cancels, judges and sends.
    fn trade(&mut self, exposed: bool) -> Result<(), Problem> {
        self.mark()?;
        if self.changed || self.restricted {
            self.changed = false;
            self.obey()?;
        }
        let wants = std::mem::take(&mut self.wants);
        let mut proposals = Vec::with_capacity(wants.len());
        for want in wants {
            for id in &want.cancel {
                self.cancel(id)?;
            }
            let Some(request) = want.request else {
                continue;
            };
            let features = self.features(request.instrument);
            proposals.push(Proposal {
                fitted: None,
                decision_id: want.decision,
                owner: want.owner,
                request,
                context: RiskContext {
                    reference_price: Decimal::ZERO,
                    multiplier: Decimal::ONE,
                    confidence: want.confidence,
                    features,
                    extra: Vec::new(),
                },
            });
        }
        let mut raised = false;
        if exposed {
            let review = self.desk.review();
            if let Some(failure) = review.failures.first() {
                return Err(trader::unusable(&failure.plugin, &failure.text).at(self.now));
            }
            raised |= !self.desk.take_raised().is_empty();
            self.carry_out(review.dispositions)?;
        }
        if !proposals.is_empty() {
            let dispositions = self.desk.decide(proposals);
            raised |= !self.desk.take_raised().is_empty();
            self.carry_out(dispositions)?;
        }
        if raised {
            self.restricted = true;
            self.obey()?;
        }
        Ok(())
    }

    fn features(&self, handle: InstrumentHandle) -> Vec<(String, f64)> {
        let Some(line) = self.slot(handle).and_then(|slot| self.lines.get(slot)) else {
            return Vec::new();
        };
        let Some(features) = &line.features else {
            return Vec::new();
        };
        let names = features.names().iter().cloned();
        names
            .zip(line.row.iter().copied())
            .filter(|(_, value)| value.is_finite())
            .collect()
    }

    fn obey(&mut self) -> Result<(), Problem> {
        /// How often a moment asks what is left over: cancel, then close.
        const ROUNDS: usize = 2;
        for _ in 0..ROUNDS {
            let dispositions = self.desk.obey();
            if dispositions.is_empty() {
                break;
            }
            self.carry_out(dispositions)?;
        }
        Ok(())
    }

    fn carry_out(&mut self, dispositions: Vec<Disposition>) -> Result<(), Problem> {
        for disposition in dispositions {
            match disposition.ruling {
                Ruling::Deny(denial) => {
                    self.orders.denied += 1;
                    self.tape.denied(
                        self.now,
                        &disposition.owner,
                        disposition.instrument,
                        &denial,
                    )?;
                }
                Ruling::Cancel => self.cancel(&disposition.client_order_id)?,
                Ruling::Replace(change) => {
                    self.changed = true;
                    let Sent { applied, .. } = self.desk.send_change(change, &mut self.venue);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                }
                Ruling::Send(order) => {
                    self.changed = true;
                    self.account.stale = true;
                    self.orders.sent += 1;
                    self.decisions
                        .insert(order.client_order_id.clone(), disposition.decision_id);
                    let Sent { applied, outcome } = self.desk.send(order, &mut self.venue);
                    if let Some(applied) = applied {
                        self.record(&applied, None)?;
                    }
                    if let Err(error) = outcome {
                        if matches!(error, SendError::Order(_)) {
                            return Err(broken(error));
                        }
                        self.refused(&disposition.owner, disposition.instrument, &error)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The venue, or the desk at the last moment, did not take an order.
    fn refused(
        &mut self,
        owner: &str,
        instrument: Option<InstrumentHandle>,
        error: &SendError,
    ) -> Result<(), Problem> {
        let denial = Denial {
            code: "VENUE_REJECTED".to_owned(),
            observed: error.to_string(),
            limit: "an order that the venue takes".to_owned(),
            text: String::new(),
        };
        self.tape.denied(self.now, owner, instrument, &denial)
    }

    fn cancel(&mut self, client_order_id: &str) -> Result<(), Problem> {
        self.changed = true;
        self.account.stale = true;
        match self.desk.cancel(client_order_id, &mut self.venue) {
            Ok(Some(applied)) => self.record(&applied, None),
            // It is over already: the host and a trader may both want one order cancelled.
            Ok(None) | Err(_) => Ok(()),
        }
    }

    fn apply(&mut self, update: &OrderUpdate) -> Result<(), Problem> {
        self.changed = true;
        self.account.stale = true;
        match self.desk.apply(update).map_err(broken)? {
            Some(applied) => self.record(&applied, update.execution.as_ref()),
            None => Ok(()),
        }
    }

    fn record(&mut self, applied: &Applied, execution: Option<&Execution>) -> Result<(), Problem> {
        if let Some(execution) = execution {
            self.fills += 1;
            let id = &applied.order.client_order_id;
            let fill = FillRecord {
                client_order_id: id.clone(),
                decision: self.decisions.get(id).cloned().unwrap_or_default(),
                time: applied.time,
                owner: applied.order.owner.clone(),
                instrument: execution.instrument,
                side: execution.side,
                quantity: execution.quantity,
                price: execution.price,
                fee: execution.fee,
            };
            let multiplier = self
                .desk
                .instrument(execution.instrument)
                .map_or(Decimal::ONE, |found| found.multiplier);
            self.traded += fill.quantity * fill.price * multiplier;
            self.tape.fill(&fill)?;
            self.trades.fill(&fill, multiplier);
            let bracket = applied.order.request.bracket;
            if let Some(stop) = bracket.and_then(|bracket| bracket.stop_loss) {
                let risk = (fill.price - stop).abs() * fill.quantity * multiplier;
                self.trades.risk(&fill.owner, fill.instrument, risk);
            }
            self.tell_closed()?;
        }
        let orders = &mut self.orders;
        match applied.state {
            OrderState::Filled => orders.filled += 1,
            OrderState::Cancelled => orders.cancelled += 1,
            OrderState::Expired => orders.expired += 1,
            OrderState::Rejected => orders.rejected += 1,
            _ => {}
        }
        if applied.state.is_over() {
            self.decisions.remove(&applied.order.client_order_id);
        }
        Ok(())
    }

    /// Tells of trades that have just ended, and lets them go.
    fn tell_closed(&mut self) -> Result<(), Problem> {
        for closed in self.trades.take_closed() {
            self.tape.trade(&closed.record)?;
        }
        Ok(())
    }

    fn finish(mut self, ended: Ended) -> Result<Outcome, Problem> {
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
