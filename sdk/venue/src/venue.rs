//! The venue: a book per instrument, and the ids it has taken.
//!
//! Bounds: [`crate::config::bounds`]. Refusals leave everything as it was. Instruments do not influence
//! each other, and updates come sorted by time, then by instrument handle.

use crate::book::Book;
use crate::bracket::exit_ids;
use crate::config::{FillTiming, InstrumentSpec, VenueConfig, bounds};
use crate::error::{AdvanceError, ConfigError, VenueReject};
use crate::order::{
    ActionKind, Bar, InstrumentHandle, Nanos, OpenOrder, Order, OrderKind, OrderUpdate, Outcome,
    Replacement, Step,
};
use crate::validate;
use crate::working::{Link, Working};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// No book under this handle.
const NO_BOOK: u32 = u32::MAX;

/// A simulated venue for one account. Serialising it keeps everything it knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Venue {
    rules: VenueConfig,
    /// By handle.
    books: Vec<Book>,
    /// Handle to index in `books`.
    slots: Vec<u32>,
    /// Every client order id ever taken, exits of brackets included, and its instrument's slot.
    taken: BTreeMap<String, u32>,
    /// Slots with market orders that may fill at the close they were sent at.
    at_close: Vec<u32>,
    #[serde(skip)]
    sequence: Vec<u32>,
}

impl Venue {
    /// A venue that trades `instruments`, in any order.
    ///
    /// # Errors
    ///
    /// When a rate, an increment or a handle is out of bounds, or a handle comes twice.
    pub fn new(rules: VenueConfig, instruments: &[InstrumentSpec]) -> Result<Self, ConfigError> {
        rules.check()?;
        let mut specs = instruments.to_vec();
        specs.sort_by_key(|spec| spec.handle);
        let mut venue = Venue {
            rules,
            books: Vec::with_capacity(specs.len()),
            slots: Vec::new(),
            taken: BTreeMap::new(),
            at_close: Vec::new(),
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
            venue.books.push(Book::new(spec));
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

    fn book(&self, instrument: InstrumentHandle) -> Option<&Book> {
        self.books.get(self.slot(instrument)?)
    }

    /// Takes an order at time `now`, the close of the bar it was decided on.
    ///
    /// # Errors
    ///
    /// A refusal; nothing was taken.
    pub fn submit(&mut self, order: &Order, now: Nanos) -> Result<(), VenueReject> {
        let request = &order.request;
        validate::client_order_id(&order.client_order_id)?;
        if order.account != self.rules.account {
            return Err(VenueReject::Account {
                observed: order.account.clone(),
                expected: self.rules.account.clone(),
            });
        }
        let slot = self
            .slot(request.instrument)
            .ok_or(VenueReject::Instrument(request.instrument))?;
        for id in std::iter::once(order.client_order_id.clone()).chain(exit_ids(order)) {
            if self.taken.contains_key(&id) {
                return Err(VenueReject::Duplicate(id));
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
        book.insert(Working::new(order.clone(), now, link, last_price));
        for id in std::iter::once(order.client_order_id.clone()).chain(exit_ids(order)) {
            self.taken.insert(id, slot as u32);
        }
        self.note_market_order(slot, request.kind, now);
        Ok(())
    }

    /// Changes a working order's quantity and price condition. It keeps what has filled and its place in a
    /// bracket, and takes its place in time anew; a trailing stop whose trail stays keeps its best price.
    ///
    /// # Errors
    ///
    /// A refusal; the order works on unchanged.
    pub fn replace(&mut self, replacement: &Replacement, now: Nanos) -> Result<(), VenueReject> {
        validate::client_order_id(&replacement.new_client_order_id)?;
        let (slot, index) = self.working(&replacement.client_order_id)?;
        if self.taken.contains_key(&replacement.new_client_order_id) {
            return Err(VenueReject::Duplicate(
                replacement.new_client_order_id.clone(),
            ));
        }
        let book = &mut self.books[slot];
        let old = &book.orders[index];
        let mut order = old.order.clone();
        order
            .client_order_id
            .clone_from(&replacement.new_client_order_id);
        order.request.kind = replacement.kind;
        order.request.quantity = replacement.quantity - old.filled;
        if old.filled > Decimal::ZERO && order.request.quantity <= Decimal::ZERO {
            return Err(VenueReject::Filled {
                observed: replacement.quantity,
                filled: old.filled,
            });
        }
        validate::request(&order.request, &book.spec, now)?;
        order.request.quantity = replacement.quantity;
        let last_price = book.last_close;
        let old = book.orders.remove(index);
        let best = if old.order.request.kind == replacement.kind {
            old.best
        } else {
            last_price
        };
        let mut working = Working::new(order, now, old.link, best);
        working.filled = old.filled;
        working.fills = old.fills;
        working.fees = old.fees;
        book.insert(working);
        self.taken
            .insert(replacement.new_client_order_id.clone(), slot as u32);
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
        Ok(())
    }

    fn working(&self, client_order_id: &str) -> Result<(usize, usize), VenueReject> {
        let slot = *self
            .taken
            .get(client_order_id)
            .ok_or_else(|| VenueReject::Unknown(client_order_id.to_owned()))?
            as usize;
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

    /// Working orders by instrument, time of acceptance and client order id.
    #[must_use]
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        self.books
            .iter()
            .flat_map(|book| book.orders.iter().map(Working::open_order))
            .collect()
    }

    /// How many orders work in an instrument.
    #[must_use]
    pub fn working_in(&self, instrument: InstrumentHandle) -> usize {
        self.book(instrument).map_or(0, |book| book.orders.len())
    }

    /// The position its fills have made, below zero when short. Zero for an unknown instrument.
    #[must_use]
    pub fn position(&self, instrument: InstrumentHandle) -> Decimal {
        self.book(instrument)
            .map_or(Decimal::ZERO, |book| book.position)
    }

    /// Sets the position that reduce-only orders are held to, for an account that did not start flat.
    ///
    /// # Errors
    ///
    /// When the instrument is not traded here.
    pub fn set_position(
        &mut self,
        instrument: InstrumentHandle,
        position: Decimal,
    ) -> Result<(), VenueReject> {
        let slot = self
            .slot(instrument)
            .ok_or(VenueReject::Instrument(instrument))?;
        self.books[slot].position = position;
        Ok(())
    }

    /// Fills the market orders that were sent at the last close, where [`FillTiming::Close`] says so; does
    /// nothing otherwise. A session calls it after its decisions; [`Self::advance_into`] does if it did not.
    pub fn settle_close_into(&mut self, out: &mut Vec<OrderUpdate>) {
        if self.at_close.is_empty() {
            return;
        }
        let start = out.len();
        let mut slots = std::mem::take(&mut self.at_close);
        slots.sort_unstable();
        for slot in slots {
            self.books[slot as usize].match_close(&self.rules, out);
        }
        in_order_of_time(&mut out[start..]);
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
        let ascending = self.check(steps)?;
        self.settle_close_into(out);
        let start = out.len();
        if ascending {
            for step in steps {
                self.step(step, out);
            }
        } else {
            let mut sequence = std::mem::take(&mut self.sequence);
            order_by_handle(steps, &mut sequence);
            for index in &sequence {
                self.step(&steps[*index as usize], out);
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
        for book in &mut self.books {
            for working in &mut book.orders {
                working.end(Outcome::Cancelled, time, "the book is closed", &mut out);
            }
            book.orders.clear();
        }
        out
    }

    #[inline]
    fn step(&mut self, step: &Step, out: &mut Vec<OrderUpdate>) {
        if let Some(slot) = self.slot(step.instrument) {
            self.books[slot].step(&self.rules, step, out);
        }
    }

    /// Checks all steps; says whether their handles ascend.
    fn check(&mut self, steps: &[Step]) -> Result<bool, AdvanceError> {
        let Some(first) = steps.first() else {
            return Ok(true);
        };
        let mut ascending = true;
        let mut before = None;
        for step in steps {
            let instrument = step.instrument;
            let book = self
                .book(instrument)
                .ok_or(AdvanceError::Instrument(instrument))?;
            let time = step.bar.time;
            if time != first.bar.time {
                return Err(AdvanceError::Apart {
                    instrument,
                    observed: time,
                    expected: first.bar.time,
                });
            }
            if step.open_time > time || time <= book.last_time || step.open_time < book.last_time {
                let (open, last) = (step.open_time, book.last_time);
                return Err(AdvanceError::Backwards {
                    instrument,
                    open,
                    close: time,
                    last,
                });
            }
            if !is_bar(&step.bar) {
                return Err(AdvanceError::Bar { instrument, time });
            }
            for action in &step.actions {
                if let ActionKind::Split {
                    numerator,
                    denominator,
                } = action.kind
                    && (numerator == 0 || denominator == 0)
                {
                    return Err(AdvanceError::Split {
                        instrument,
                        time,
                        numerator,
                        denominator,
                    });
                }
            }
            ascending &= before.is_none_or(|before| before < instrument);
            before = Some(instrument);
        }
        if !ascending {
            order_by_handle(steps, &mut self.sequence);
            for pair in self.sequence.windows(2) {
                let handle = steps[pair[0] as usize].instrument;
                if handle == steps[pair[1] as usize].instrument {
                    return Err(AdvanceError::Twice(handle));
                }
            }
        }
        Ok(ascending)
    }
}

#[inline]
fn is_bar(bar: &Bar) -> bool {
    let limit = bounds::PRICE;
    bar.low > -limit
        && bar.high < limit
        && bar.low <= bar.open
        && bar.open <= bar.high
        && bar.low <= bar.close
        && bar.close <= bar.high
        && bar.volume >= 0.0
        && bar.volume < bounds::VOLUME
}

fn order_by_handle(steps: &[Step], sequence: &mut Vec<u32>) {
    sequence.clear();
    sequence.extend((0u32..).take(steps.len()));
    sequence.sort_unstable_by_key(|index| steps[*index as usize].instrument);
}

fn in_order_of_time(updates: &mut [OrderUpdate]) {
    if !updates.is_sorted_by_key(|update| update.time) {
        updates.sort_by_key(|update| update.time);
    }
}
