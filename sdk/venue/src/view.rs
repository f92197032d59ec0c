//! What a venue can be asked.

use crate::Venue;
use crate::error::VenueReject;
use crate::order::{InstrumentHandle, OpenOrder, Order};
use crate::working::Working;
use rust_decimal::Decimal;

impl Venue {
    pub(crate) fn holder(&self, account: &str) -> Result<usize, VenueReject> {
        let rules = self.config();
        rules.holder(account).ok_or_else(|| {
            let names: Vec<&str> = (0..rules.accounts())
                .map(|holder| rules.account_name(holder))
                .collect();
            VenueReject::Account {
                observed: account.to_owned(),
                expected: names.join("`, `"),
            }
        })
    }

    /// Working orders of all accounts by instrument, time of acceptance, owner and client order id.
    #[must_use]
    pub fn open_orders(&self) -> Vec<OpenOrder> {
        self.books()
            .flat_map(|book| book.orders.iter().map(Working::open_order))
            .collect()
    }

    /// The same without copies: each working order and what it still works for.
    pub fn working_orders(&self) -> impl Iterator<Item = (&Order, Decimal)> {
        self.books()
            .flat_map(|book| book.orders.iter())
            .map(|working| (&working.order, working.leaves()))
    }

    /// Money that all takers' fills so far cost more than the quoted prices: slippage and rounding to the tick, in the
    /// instruments' own currencies added up.
    #[must_use]
    pub fn slippage_paid(&self) -> Decimal {
        self.books().map(|book| book.slipped).sum()
    }

    /// How many orders work in an instrument.
    #[must_use]
    pub fn working_in(&self, instrument: InstrumentHandle) -> usize {
        self.book(instrument).map_or(0, |book| book.orders.len())
    }

    /// The position that the first account's fills have made, below zero when short. Zero for an unknown
    /// instrument.
    #[must_use]
    pub fn position(&self, instrument: InstrumentHandle) -> Decimal {
        self.book(instrument)
            .map_or(Decimal::ZERO, |book| book.positions[0])
    }

    /// [`Self::position`] of any account; zero for an unknown one too.
    #[must_use]
    pub fn position_of(&self, account: &str, instrument: InstrumentHandle) -> Decimal {
        let holder = self.config().holder(account);
        let book = self.book(instrument);
        holder
            .zip(book)
            .map_or(Decimal::ZERO, |(holder, book)| book.positions[holder])
    }

    /// Sets the position that the first account's reduce-only orders are held to, for an account that did not
    /// start flat.
    ///
    /// # Errors
    ///
    /// When the instrument is not traded here.
    pub fn set_position(
        &mut self,
        instrument: InstrumentHandle,
        position: Decimal,
    ) -> Result<(), VenueReject> {
        self.book_mut(instrument)?.positions[0] = position;
        Ok(())
    }

    /// [`Self::set_position`] of any account.
    ///
    /// # Errors
    ///
    /// When the account is none of the venue's or the instrument is not traded here.
    pub fn set_position_of(
        &mut self,
        account: &str,
        instrument: InstrumentHandle,
        position: Decimal,
    ) -> Result<(), VenueReject> {
        let holder = self.holder(account)?;
        self.book_mut(instrument)?.positions[holder] = position;
        Ok(())
    }
}
