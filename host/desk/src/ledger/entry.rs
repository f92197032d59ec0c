//! What a line in the books is made of.

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

/// An account of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Account {
    /// Money at hand.
    Cash,
    /// What was put in; a credit.
    Capital,
    /// Cost of what is held.
    Position(LineKey),
    /// Profit realised; a credit.
    Realised(LineKey),
    /// Fees paid.
    Fees(LineKey),
    /// Dividends received; a credit.
    Dividends(LineKey),
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
        }
    }

    /// Whose matter in which instrument it is; `None` for cash and capital.
    #[must_use]
    pub fn line(&self) -> Option<LineKey> {
        match self {
            Account::Cash | Account::Capital => None,
            Account::Position(key)
            | Account::Realised(key)
            | Account::Fees(key)
            | Account::Dividends(key) => Some(*key),
        }
    }
}

/// One side of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Where.
    pub account: Account,
    /// A debit is above zero.
    pub amount: Decimal,
}

impl Posting {
    pub(super) fn new(account: Account, amount: Decimal) -> Self {
        Posting { account, amount }
    }
}

/// Why an entry was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// The capital was paid in.
    Opening,
    /// An execution, named by its id.
    Fill(String),
    /// Cash per unit on the ex-date.
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

/// One event in the books. Its postings sum to zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// When it happened.
    pub time: Nanos,
    /// Why.
    pub kind: EntryKind,
    /// Accounts touched, each once; none where only units changed.
    pub postings: Vec<Posting>,
}
