//! The venue: a book per instrument, and the ids it has taken.
//!
//! Bounds: [`crate::config::bounds`]. Refusals leave everything as it was. Instruments do not influence
//! each other, and updates come sorted by time, then by instrument handle.
//!
//! **What becomes of ids.** A submission and a cancellation are told by their answers alone; whatever the
//! venue does of itself comes as an update. A replacement ends one client order id and begins another, and
//! says both in the stream, with the replacement's time and before anything else that befalls the new id:
//! `cancelled` for the old id with the reason `replaced by NEW`, after which nothing is heard of it, then
//! `accepted` for the new id with the reason `replaces OLD, which filled N` and in `leaves` what the new
//! order still works for, which is the replacement's total quantity less N. Executions stay with the id they
//! came under; an open order states the total and N as `filled`. Both updates come with the next
//! [`Venue::advance_into`], [`Venue::finish`] or fill at the close. An order replaced twice before that tells
//! of each link of the chain in turn, and one cancelled before that tells of the old id only. The exits of a
//! bracket keep the ids they got when it was submitted. A refused replacement tells nothing, and the old order
//! works on.

use crate::book::Book;
use crate::bracket::exit_ids;
use crate::config::{FillTiming, InstrumentSpec, VenueConfig, bounds};
use crate::error::{AdvanceError, ConfigError, VenueReject};
use crate::order::{
    InstrumentHandle, Nanos, Order, OrderKind, OrderUpdate, Outcome, Replacement, Step,
};
use crate::steps::{self, order_by_handle};
use crate::validate;
use crate::working::{Link, Working};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeMap, HashMap};

/// No book under this handle.
const NO_BOOK: u32 = u32::MAX;

/// Whose an id is.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Taken {
    /// Of its instrument.
    slot: u32,
    /// Of its account.
    holder: u32,
}

/// What is known by client order id.
type Ids = HashMap<String, Taken, foldhash::fast::RandomState>;

/// A simulated venue. Serialising it keeps everything it knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Venue {
    rules: VenueConfig,
    /// By handle.
    books: Vec<Book>,
    /// Handle to index in `books`.
    slots: Vec<u32>,
    /// Every client order id ever taken, exits of brackets included.
    #[serde(serialize_with = "by_id")]
    taken: Ids,
    /// Slots with market orders that may fill at the close they were sent at.
    at_close: Vec<u32>,
    /// What replacements have to tell, with the slot it is about, in the order it happened.
    notices: Vec<(u32, OrderUpdate)>,
    #[serde(skip)]
    sequence: Vec<u32>,
}

impl Venue {
    /// A venue that trades `instruments`, in any order.
    ///
    /// # Errors
    ///
    /// When a rate, an increment or a handle is out of bounds, or a handle or an account comes twice.
    pub fn new(rules: VenueConfig, instruments: &[InstrumentSpec]) -> Result<Self, ConfigError> {
        rules.check()?;
        let mut specs = instruments.to_vec();
        specs.sort_by_key(|spec| spec.handle);
        let mut venue = Venue {
            rules,
            books: Vec::with_capacity(specs.len()),
            slots: Vec::new(),
            taken: Ids::default(),
            at_close: Vec::new(),
            notices: Vec::new(),
            sequence: Vec::new(),
        };
        for (slot, spec) in (0u32..).zip(specs) {
            spec.check()?;
            let handle = spec.handle as usize;
            if venue.slots.len() > handle {
                return Err(ConfigError::Twice(spec.handle));
            }
            venue.slots.resize(handle, NO_BOOK);
            venue.slots.push(slot);
            venue.books.push(Book::new(spec, venue.rules.accounts()));
        }
        Ok(venue)
    }

    /// What it was set up with.
    #[must_use]
    pub fn config(&self) -> &VenueConfig {
        &self.rules
    }

    /// What it knows of an instrument.
    #[must_use]
    pub fn instrument(&self, instrument: InstrumentHandle) -> Option<&InstrumentSpec> {
        self.book(instrument).map(|book| &book.spec)
    }

    #[inline]
    fn slot(&self, instrument: InstrumentHandle) -> Option<usize> {
        let slot = *self.slots.get(instrument as usize)?;
        (slot != NO_BOOK).then_some(slot as usize)
    }

    pub(crate) fn book(&self, instrument: InstrumentHandle) -> Option<&Book> {
        self.books.get(self.slot(instrument)?)
    }

    pub(crate) fn book_mut(
        &mut self,
        instrument: InstrumentHandle,
    ) -> Result<&mut Book, VenueReject> {
        self.slot(instrument)
            .map(|slot| &mut self.books[slot])
            .ok_or(VenueReject::Instrument(instrument))
    }

    pub(crate) fn books(&self) -> impl Iterator<Item = &Book> {
        self.books.iter()
    }

    /// The account of an order that was ever taken.
    #[must_use]
    pub fn account_of(&self, client_order_id: &str) -> Option<&str> {
        let taken = self.taken.get(client_order_id)?;
        Some(self.rules.account_name(taken.holder as usize))
    }

    /// Takes an order at time `now`, the close of the bar it was decided on.
    ///
    /// # Errors
    ///
    /// A refusal; nothing was taken.
    pub fn submit(&mut self, order: &Order, now: Nanos) -> Result<(), VenueReject> {
        let request = &order.request;
        validate::client_order_id(&order.client_order_id)?;
        let holder = self.holder(&order.account)?;
        let slot = self
            .slot(request.instrument)
            .ok_or(VenueReject::Instrument(request.instrument))?;
        let exits: Vec<String> = exit_ids(order).collect();
        for id in std::iter::once(&order.client_order_id).chain(&exits) {
            if self.taken.contains_key(id) {
                return Err(VenueReject::Duplicate(id.clone()));
            }
        }
        let book = &mut self.books[slot];
        validate::request(request, &book.spec, now)?;
        if book.orders.len() >= bounds::WORKING_ORDERS {
            return Err(VenueReject::TooMany {
                instrument: request.instrument,
                limit: bounds::WORKING_ORDERS,
            });
        }
        let link = match request.bracket {
            Some(_) => Link::Entry {
                group: order.client_order_id.clone(),
                placed: false,
            },
            None => Link::None,
        };
        let last_price = book.last_close;
        book.insert(Working::new(order.clone(), holder, now, link, last_price));
        let taken = Taken {
            slot: slot as u32,
            holder: holder as u32,
        };
        for id in std::iter::once(order.client_order_id.clone()).chain(exits) {
            self.taken.insert(id, taken);
        }
        self.note_market_order(slot, request.kind, now);
        Ok(())
    }

    /// Changes a working order's quantity and price condition. It keeps what has filled and its place in a
    /// bracket, and takes its place in time anew: a post-only order is judged anew at its first open. Where
    /// the price condition stays as it is, a stop that was triggered stays so, and a trailing stop keeps its
    /// best price. The module says what is told of it.
    ///
    /// # Errors
    ///
    /// A refusal; the order works on unchanged. The quantity is the total and must exceed what has filled;
    /// an exit of a bracket is not made larger than what it or its sibling covers.
    pub fn replace(&mut self, replacement: &Replacement, now: Nanos) -> Result<(), VenueReject> {
        let new_id = &replacement.new_client_order_id;
        validate::client_order_id(new_id)?;
        let (slot, index) = self.working(&replacement.client_order_id)?;
        if self.taken.contains_key(new_id) {
            return Err(VenueReject::Duplicate(new_id.clone()));
        }
        let book = &mut self.books[slot];
        let old = &book.orders[index];
        if old.filled > Decimal::ZERO && replacement.quantity <= old.filled {
            return Err(VenueReject::Filled {
                observed: replacement.quantity,
                filled: old.filled,
            });
        }
        let mut order = old.order.clone();
        order.client_order_id.clone_from(new_id);
        order.request.kind = replacement.kind;
        order.request.quantity = replacement.quantity.saturating_sub(old.filled);
        validate::request(&order.request, &book.spec, now)?;
        if matches!(old.link, Link::Exit { .. }) && order.request.quantity > book.covered(index) {
            return Err(VenueReject::Contradiction(
                "an exit of a bracket covers no more than its entry has filled",
            ));
        }
        order.request.quantity = replacement.quantity;
        let last_price = book.last_close;
        let old = book.orders.remove(index);
        let same = old.order.request.kind == replacement.kind;
        let best = if same { old.best } else { last_price };
        let gone = format!("replaced by {new_id}");
        let gone = old.update(Outcome::Cancelled, now, gone);
        let mut working = Working::new(order, old.holder, now, old.link, best);
        working.triggered = same && old.triggered;
        working.filled = old.filled;
        working.fills = old.fills;
        working.fees = old.fees;
        let came = format!(
            "replaces {}, which filled {}",
            replacement.client_order_id,
            working.filled.normalize()
        );
        let came = working.update(Outcome::Accepted, now, came);
        let taken = Taken {
            slot: slot as u32,
            holder: working.holder as u32,
        };
        book.insert(working);
        self.notices
            .extend([(taken.slot, gone), (taken.slot, came)]);
        self.taken.insert(new_id.clone(), taken);
        self.note_market_order(slot, replacement.kind, now);
        Ok(())
    }

    /// Cancels a working order; a bracket's other exit works on.
    ///
    /// # Errors
    ///
    /// When there is no such order or it no longer works.
    pub fn cancel(&mut self, client_order_id: &str) -> Result<(), VenueReject> {
        let (slot, index) = self.working(client_order_id)?;
        self.books[slot].orders.remove(index);
        self.notices.retain(|(_, notice)| {
            notice.outcome != Outcome::Accepted || notice.client_order_id != client_order_id
        });
        Ok(())
    }

    /// Cancels a working order of the venue's own accord, and says so and why. Does nothing where there is no
    /// such order.
    pub fn withdraw(
        &mut self,
        client_order_id: &str,
        time: Nanos,
        reason: &str,
        out: &mut Vec<OrderUpdate>,
    ) {
        if let Ok((slot, index)) = self.working(client_order_id) {
            let working = self.books[slot].orders.remove(index);
            out.push(working.update(Outcome::Cancelled, time, reason.to_owned()));
        }
    }

    /// Makes a working order arrive later than it was sent: not before `time`, and then it sits out `bars`
    /// bars (at most [`bounds::DELAY_BARS`]) that it could have met. It does not fill at the close it was
    /// sent at, and a day order's session is the one it arrives in. It can be cancelled and replaced on its
    /// way; a replacement travels on its own.
    ///
    /// # Errors
    ///
    /// When there is no such order or it no longer works.
    pub fn delay(
        &mut self,
        client_order_id: &str,
        time: Nanos,
        bars: u32,
    ) -> Result<(), VenueReject> {
        let (slot, index) = self.working(client_order_id)?;
        let book = &mut self.books[slot];
        let mut working = book.orders.remove(index);
        working.accepted = working.accepted.max(time);
        working.waits = bars.min(bounds::DELAY_BARS);
        book.insert(working);
        Ok(())
    }

    fn working(&self, client_order_id: &str) -> Result<(usize, usize), VenueReject> {
        let taken = self
            .taken
            .get(client_order_id)
            .ok_or_else(|| VenueReject::Unknown(client_order_id.to_owned()))?;
        let slot = taken.slot as usize;
        let index = self.books[slot].find(client_order_id);
        index
            .map(|index| (slot, index))
            .ok_or_else(|| VenueReject::Closed(client_order_id.to_owned()))
    }

    fn note_market_order(&mut self, slot: usize, kind: OrderKind, now: Nanos) {
        let here = self.rules.fill == FillTiming::Close && kind == OrderKind::Market;
        if here && self.books[slot].last_time == now && !self.at_close.contains(&(slot as u32)) {
            self.at_close.push(slot as u32);
        }
    }

    /// Fills the market orders that were sent at the last close, where [`FillTiming::Close`] says so, and
    /// tells what replacements have to tell; does nothing where nothing fills. A session calls it after its
    /// decisions; [`Self::advance_into`] does if it did not.
    pub fn settle_close_into(&mut self, out: &mut Vec<OrderUpdate>) {
        if self.at_close.is_empty() {
            return;
        }
        let start = out.len();
        self.tell_into(out);
        let mut slots = std::mem::take(&mut self.at_close);
        slots.sort_unstable();
        for slot in slots {
            self.books[slot as usize].match_close(&self.rules, out);
        }
        in_order_of_time(&mut out[start..]);
    }

    fn tell_into(&mut self, out: &mut Vec<OrderUpdate>) {
        // Stable: within an instrument the order of the calls stays, between instruments it does not count.
        self.notices
            .sort_by_key(|(slot, notice)| (notice.time, *slot));
        out.extend(self.notices.drain(..).map(|(_, notice)| notice));
    }

    /// Moves on by one bar for each instrument in `steps`, all closing at the same time, and appends what
    /// became of the working orders. The order of `steps` changes nothing.
    ///
    /// # Errors
    ///
    /// When a step is no such thing; nothing has moved.
    pub fn advance_into(
        &mut self,
        steps: &[Step],
        out: &mut Vec<OrderUpdate>,
    ) -> Result<(), AdvanceError> {
        self.advance_withholding_into(steps, |_| false, out)
    }

    /// [`Self::advance_into`], with bars withheld: orders do not match against them, nothing triggers or
    /// trails, and immediate orders find no quote. Times run out, and actions are applied, as ever.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn advance_withholding_into(
        &mut self,
        steps: &[Step],
        withheld: impl Fn(&Step) -> bool,
        out: &mut Vec<OrderUpdate>,
    ) -> Result<(), AdvanceError> {
        let ascending = self.check(steps)?;
        self.settle_close_into(out);
        let start = out.len();
        if !self.notices.is_empty() {
            self.tell_into(out);
        }
        if ascending {
            for step in steps {
                self.step(step, withheld(step), out);
            }
        } else {
            let mut sequence = std::mem::take(&mut self.sequence);
            order_by_handle(steps, &mut sequence);
            for index in &sequence {
                let step = &steps[*index as usize];
                self.step(step, withheld(step), out);
            }
            self.sequence = sequence;
        }
        if out.len() > start {
            in_order_of_time(&mut out[start..]);
        }
        Ok(())
    }

    /// [`Self::advance_into`] with a buffer of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, AdvanceError> {
        let mut out = Vec::new();
        self.advance_into(steps, &mut out)?;
        Ok(out)
    }

    /// Closes the books at `time`: working orders are cancelled.
    pub fn finish(&mut self, time: Nanos) -> Vec<OrderUpdate> {
        let mut out = Vec::new();
        self.settle_close_into(&mut out);
        self.tell_into(&mut out);
        for book in &mut self.books {
            for working in &mut book.orders {
                working.end(Outcome::Cancelled, time, "the book is closed", &mut out);
            }
            book.orders.clear();
        }
        out
    }

    #[inline]
    fn step(&mut self, step: &Step, withheld: bool, out: &mut Vec<OrderUpdate>) {
        if let Some(slot) = self.slot(step.instrument) {
            self.books[slot].step(&self.rules, step, withheld, out);
        }
    }

    fn check(&mut self, steps: &[Step]) -> Result<bool, AdvanceError> {
        let last_time = |instrument| {
            let slot = *self.slots.get(instrument as usize)?;
            self.books.get(slot as usize).map(|book| book.last_time)
        };
        steps::check(steps, last_time, &mut self.sequence)
    }
}

/// What is kept of equal venues is equal.
fn by_id<S: Serializer>(taken: &Ids, serializer: S) -> Result<S::Ok, S::Error> {
    taken
        .iter()
        .collect::<BTreeMap<_, _>>()
        .serialize(serializer)
}

fn in_order_of_time(updates: &mut [OrderUpdate]) {
    if !updates.is_sorted_by_key(|update| update.time) {
        updates.sort_by_key(|update| update.time);
    }
}
