//! The books of one account: double entry, append-only, in as many currencies as it has.
//!
//! Promises: the postings of every entry sum to zero exactly in every currency; positions are kept at
//! average cost or first in, first out, as chosen at the opening, and the cost that a sale removes is
//! rounded once, so nothing is lost between cost and profit; a refused event changes nothing.
//!
//! Bounds: amounts and quantities are rounded to [`MONEY_SCALE`] decimal places and amounts stay below
//! [`LARGEST_AMOUNT`]; beyond it every event is refused with [`LedgerError::Overflow`].
//!
//! For callers: debits are above zero, credits below. Entries gather until [`Ledger::take_entries`]
//! hands them to whoever keeps them; balances are kept regardless. Each instrument is booked in its own
//! currency ([`Ledger::list`]); what several currencies are worth together takes rates
//! ([`Ledger::base_equity`]), and without one there is no figure.

mod actions;
mod audit;
mod currency;
mod entry;
mod error;
mod fill;
mod fx;
mod lots;
mod movements;
#[cfg(test)]
mod tests;
mod valuation;

pub use actions::SplitTerms;
pub use currency::Currency;
pub use entry::{
    Account, Entry, EntryKind, LineKey, Movement, MovementKind, OwnerId, Posting, UnitChange,
};
pub use error::LedgerError;
pub use fill::FillEffect;
pub use fx::{FxMark, FxRates};
pub use lots::{ClosedLot, CostBasis, Lot};
pub use movements::FundingTerms;
pub use valuation::Totals;

use bulkhead_domain::order::{InstrumentHandle, Nanos};
use bulkhead_domain::{Decimal, Timestamp};
use lots::unit_price;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Decimal places of an amount of money.
pub const MONEY_SCALE: u32 = 10;
/// Amounts at or beyond it are refused: sums of amounts below it are exact.
pub const LARGEST_AMOUNT: Decimal = Decimal::from_parts(1_569_325_056, 23_283_064, 0, false, 0);

/// What one owner holds of one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Below zero is short.
    pub quantity: Decimal,
    /// Money paid for it, fees excluded; below zero for a short.
    pub cost: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
    /// When the position was last opened from zero or turned around.
    pub opened: Timestamp,
}

/// How books are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LedgerConfig {
    /// The account's own currency. Books whose currency has no name hold no other, and take every fee
    /// to be in it.
    pub base: Currency,
    /// What closed units are taken to have cost.
    pub basis: CostBasis,
}

/// A position and the lots it is made of, oldest first. Their quantities and costs sum to the line's.
#[derive(Debug, Clone)]
struct Holding {
    line: Line,
    lots: VecDeque<Lot>,
}

impl Line {
    /// Average entry price: cost ÷ (quantity × multiplier). Zero when flat.
    #[must_use]
    pub fn average_price(&self) -> Decimal {
        unit_price(self.cost, self.quantity, self.multiplier)
    }
}

/// The books.
#[derive(Debug, Clone)]
pub struct Ledger {
    config: LedgerConfig,
    owners: Vec<String>,
    /// Currencies of the instruments that are not in the base currency.
    listed: BTreeMap<InstrumentHandle, Currency>,
    lines: BTreeMap<LineKey, Holding>,
    balances: BTreeMap<(Account, Currency), Decimal>,
    /// Movements that have an id.
    moved: BTreeSet<Movement>,
    entries: Vec<Entry>,
    sequence: u64,
    /// Entries before the first one still held.
    taken: u64,
}

/// Rounds to [`MONEY_SCALE`] places, ties to even.
pub(crate) fn money(amount: Decimal) -> Decimal {
    amount.round_dp(MONEY_SCALE)
}

fn amount(what: &'static str, amount: Option<Decimal>) -> Result<Decimal, LedgerError> {
    amount
        .filter(|amount| amount.abs() < LARGEST_AMOUNT)
        .map(money)
        .ok_or(LedgerError::Overflow { what })
}

impl Ledger {
    /// Books in one currency, at average cost, with `capital` in cash and nothing else.
    ///
    /// # Errors
    /// [`LedgerError::Overflow`] when the capital is too large.
    pub fn open(capital: Decimal, time: Nanos) -> Result<Self, LedgerError> {
        Self::open_with(LedgerConfig::default(), capital, time)
    }

    /// Books kept as `config` says, with `capital` in the base currency and nothing else.
    ///
    /// # Errors
    /// [`LedgerError::Overflow`] when the capital is too large.
    pub fn open_with(
        config: LedgerConfig,
        capital: Decimal,
        time: Nanos,
    ) -> Result<Self, LedgerError> {
        let mut ledger = Ledger {
            config,
            owners: Vec::new(),
            listed: BTreeMap::new(),
            lines: BTreeMap::new(),
            balances: BTreeMap::new(),
            moved: BTreeSet::new(),
            entries: Vec::new(),
            sequence: 0,
            taken: 0,
        };
        let capital = amount("capital", Some(capital))?;
        ledger.post(
            time,
            EntryKind::Opening,
            None,
            &[
                Posting::new(Account::Cash, config.base, capital),
                Posting::new(Account::Capital, config.base, -capital),
            ],
        )?;
        Ok(ledger)
    }

    /// How the books are kept.
    #[must_use]
    pub fn config(&self) -> LedgerConfig {
        self.config
    }

    /// Number of the last entry.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Says which currency an instrument is traded in; the base currency where nothing is said.
    ///
    /// # Errors
    /// [`LedgerError::Currency`] when it is not the one in which the instrument has been booked, or when
    /// the base currency has no name.
    pub fn list(
        &mut self,
        instrument: InstrumentHandle,
        currency: Currency,
    ) -> Result<(), LedgerError> {
        self.hold("an instrument", currency)?;
        let expected = self.currency(instrument);
        let booked = |account: &Account| {
            account
                .line()
                .is_some_and(|key| key.instrument == instrument)
        };
        if currency != expected && self.balances.keys().any(|(account, _)| booked(account)) {
            return Err(LedgerError::Currency {
                what: "an instrument",
                observed: currency,
                expected,
            });
        }
        self.listed.insert(instrument, currency);
        Ok(())
    }

    /// The currency an instrument is booked in.
    #[must_use]
    pub fn currency(&self, instrument: InstrumentHandle) -> Currency {
        self.listed
            .get(&instrument)
            .copied()
            .unwrap_or(self.config.base)
    }

    /// Whether the books can hold a currency.
    fn hold(&self, what: &'static str, currency: Currency) -> Result<(), LedgerError> {
        let base = self.config.base;
        let named = base != Currency::UNNAMED && currency != Currency::UNNAMED;
        if currency == base || named {
            Ok(())
        } else {
            Err(LedgerError::Currency {
                what,
                observed: currency,
                expected: base,
            })
        }
    }

    /// The number of an owner, given on first sight.
    pub fn owner(&mut self, name: &str) -> OwnerId {
        self.find_owner(name).unwrap_or_else(|| {
            self.owners.push(name.to_owned());
            OwnerId(self.owners.len() - 1)
        })
    }

    /// The number of an owner that has been seen.
    #[must_use]
    pub fn find_owner(&self, name: &str) -> Option<OwnerId> {
        self.owners
            .iter()
            .position(|owner| owner == name)
            .map(OwnerId)
    }

    /// The name of an owner.
    #[must_use]
    pub fn owner_name(&self, owner: OwnerId) -> &str {
        self.owners.get(owner.0).map_or("", String::as_str)
    }

    /// What an owner holds of an instrument; `None` when flat.
    #[must_use]
    pub fn line(&self, instrument: InstrumentHandle, owner: OwnerId) -> Option<&Line> {
        self.lines
            .get(&LineKey { instrument, owner })
            .map(|holding| &holding.line)
    }

    /// Every position that is not flat.
    pub fn lines(&self) -> impl Iterator<Item = (LineKey, &Line)> {
        self.lines
            .iter()
            .map(|(key, holding)| (*key, &holding.line))
    }

    /// The positions in one instrument that are not flat, one an owner.
    pub fn lines_of(&self, instrument: InstrumentHandle) -> impl Iterator<Item = &Line> {
        let first = LineKey {
            instrument,
            owner: OwnerId(0),
        };
        self.lines
            .range(first..)
            .take_while(move |(key, _)| key.instrument == instrument)
            .map(|(_, holding)| &holding.line)
    }

    /// The open lots of a position, oldest first; one at average cost, none when flat.
    pub fn lots(&self, key: LineKey) -> impl Iterator<Item = &Lot> {
        self.lines.get(&key).into_iter().flat_map(|held| &held.lots)
    }

    /// Hands over the entries since the last call, oldest first.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        self.taken = self.sequence;
        std::mem::take(&mut self.entries)
    }

    /// Books an entry whole or not at all. Each account occurs at most once a currency in `postings`.
    fn post(
        &mut self,
        time: Nanos,
        kind: EntryKind,
        units: Option<UnitChange>,
        postings: &[Posting],
    ) -> Result<(), LedgerError> {
        for posting in postings {
            let sum = sum_of(postings, posting.currency);
            if !sum.is_zero() {
                return Err(LedgerError::Unbalanced {
                    what: format!("the sum of a {} entry", kind.name()),
                    observed: sum,
                    expected: Decimal::ZERO,
                });
            }
            let after = self
                .balance_in(posting.account, posting.currency)
                .checked_add(posting.amount);
            amount("a balance", after)?;
        }
        for posting in postings {
            if !posting.amount.is_zero() {
                *self
                    .balances
                    .entry((posting.account, posting.currency))
                    .or_default() += posting.amount;
            }
        }
        self.sequence += 1;
        self.entries.push(Entry {
            sequence: self.sequence,
            time,
            kind,
            units,
            postings: postings
                .iter()
                .filter(|posting| !posting.amount.is_zero())
                .copied()
                .collect(),
        });
        Ok(())
    }
}

/// What an entry's postings in one currency sum to.
fn sum_of(postings: &[Posting], currency: Currency) -> Decimal {
    postings
        .iter()
        .filter(|posting| posting.currency == currency)
        .map(|posting| posting.amount)
        .sum()
}
