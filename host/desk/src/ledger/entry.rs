//! What a line in the books is made of.

use super::Currency;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};

/// The ledger's number for an owner, valid within one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(pub(super) usize);

/// One owner's matter in one instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineKey {
    /// What is held.
    pub instrument: InstrumentHandle,
    /// By whom.
    pub owner: OwnerId,
}

/// An account of the books. Each has a balance in every currency that was ever posted to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// Money at hand.
    Cash,
    /// What was put in, less what was taken out; a credit.
    Capital,
    /// Cost of what is held.
    Position(LineKey),
    /// Profit realised; a credit.
    Realised(LineKey),
    /// Fees paid.
    Fees(LineKey),
    /// Dividends received; a credit.
    Dividends(LineKey),
    /// Funding of perpetuals received; a credit.
    Funding(LineKey),
    /// Fees paid for borrowing what was sold short.
    Borrow(LineKey),
    /// Interest received; a credit.
    Interest,
    /// The other side of exchanges between currencies: a credit in what was bought, a debit in what was
    /// sold.
    Conversion,
}

impl Account {
    /// The account's name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Account::Cash => "cash",
            Account::Capital => "capital",
            Account::Position(_) => "position",
            Account::Realised(_) => "realised",
            Account::Fees(_) => "fees",
            Account::Dividends(_) => "dividends",
            Account::Funding(_) => "funding",
            Account::Borrow(_) => "borrow",
            Account::Interest => "interest",
            Account::Conversion => "fx-conversion",
        }
    }

    /// Whose matter in which instrument it is; `None` for an account of the whole books.
    #[must_use]
    pub fn line(&self) -> Option<LineKey> {
        match self {
            Account::Cash | Account::Capital | Account::Interest | Account::Conversion => None,
            Account::Position(key)
            | Account::Realised(key)
            | Account::Fees(key)
            | Account::Dividends(key)
            | Account::Funding(key)
            | Account::Borrow(key) => Some(*key),
        }
    }
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// Of what.
    pub currency: Currency,
    /// A debit is above zero.
    pub amount: Decimal,
}

impl Posting {
    pub(super) fn new(account: Account, currency: Currency, amount: Decimal) -> Self {
        Posting {
            account,
            currency,
            amount,
        }
    }
}

/// Why an entry was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// Cash of the account as a whole: the capital paid in, or what [`Entry::movement`] says.
    Opening,
    /// An execution, named by its id.
    Fill(String),
    /// Cash for what is held: per unit on the ex-date, or what [`Entry::movement`] says.
    Dividend,
    /// A split of units.
    Split {
        /// New units.
        numerator: u32,
        /// Old units.
        denominator: u32,
    },
}

impl EntryKind {
    /// The kind's name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            EntryKind::Opening => "opening",
            EntryKind::Fill(_) => "fill",
            EntryKind::Dividend => "dividend",
            EntryKind::Split { .. } => "split",
        }
    }
}

/// How cash moved without an order and without a corporate action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MovementKind {
    /// Cash paid in.
    Deposit,
    /// Cash taken out.
    Withdrawal,
    /// One currency exchanged for another.
    Conversion,
    /// Funding of a perpetual.
    Funding,
    /// The fee for borrowing what was sold short.
    BorrowFee,
    /// Interest on cash.
    Interest,
}

impl MovementKind {
    /// The kind's name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MovementKind::Deposit => "deposit",
            MovementKind::Withdrawal => "withdrawal",
            MovementKind::Conversion => "conversion",
            MovementKind::Funding => "funding",
            MovementKind::BorrowFee => "borrow-fee",
            MovementKind::Interest => "interest",
        }
    }
}

/// A movement of cash and whoever reported it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Movement {
    /// What moved it.
    pub kind: MovementKind,
    /// The reporter's id of it; empty where there is none. Within a kind it is booked once.
    pub reference: String,
}

/// One event in the books. Its postings sum to zero in every currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// When it happened.
    pub time: Nanos,
    /// Why.
    pub kind: EntryKind,
    /// What it was, where it was no opening, fill or corporate action.
    pub movement: Option<Movement>,
    /// Accounts touched, each once a currency; none where only units changed.
    pub postings: Vec<Posting>,
}

impl Entry {
    /// What happened, in records: the movement's name, else the kind's.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.movement
            .as_ref()
            .map_or(self.kind.name(), |movement| movement.kind.name())
    }

    /// What the event is known by elsewhere: an execution's or a movement's id, a split's ratio.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        if let Some(movement) = &self.movement {
            return (!movement.reference.is_empty()).then(|| movement.reference.clone());
        }
        match &self.kind {
            EntryKind::Fill(execution_id) => Some(execution_id.clone()),
            EntryKind::Split {
                numerator,
                denominator,
            } => Some(format!("{numerator}:{denominator}")),
            EntryKind::Opening | EntryKind::Dividend => None,
        }
    }
}
