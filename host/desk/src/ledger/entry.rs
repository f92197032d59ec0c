//! What a line in the books is made of.

use super::{Currency, SplitTerms};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};

/// The ledger's number for an owner, valid within one ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(pub(crate) usize);

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

    /// The account with this name, of the whole books or of a line.
    #[must_use]
    pub fn named(name: &str, line: Option<LineKey>) -> Option<Account> {
        let of_books = [
            Account::Cash,
            Account::Capital,
            Account::Interest,
            Account::Conversion,
        ];
        let of_line = |key| {
            [
                Account::Position(key),
                Account::Realised(key),
                Account::Fees(key),
                Account::Dividends(key),
                Account::Funding(key),
                Account::Borrow(key),
            ]
        };
        of_books
            .into_iter()
            .filter(|_| line.is_none())
            .chain(line.into_iter().flat_map(of_line))
            .find(|account| account.name() == name)
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

/// Units of a position that an entry added, or took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitChange {
    /// Whose, of what.
    pub key: LineKey,
    /// Above zero towards long; zero where a split left the number as it was.
    pub change: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
}

/// Why an entry was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// The capital paid in when the books were opened.
    Opening,
    /// An execution, named by its id.
    Fill(String),
    /// Cash per unit held, on the ex-date.
    Dividend,
    /// A split of units.
    Split(SplitTerms),
    /// Cash that moved without an order and without a corporate action.
    Movement(Movement),
}

impl EntryKind {
    /// The kind's name in records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            EntryKind::Opening => "opening",
            EntryKind::Fill(_) => "fill",
            EntryKind::Dividend => "dividend",
            EntryKind::Split(_) => "split",
            EntryKind::Movement(movement) => movement.kind.name(),
        }
    }

    /// What the event is known by elsewhere: an execution's or a movement's id, a split's ratio.
    #[must_use]
    pub fn reference(&self) -> Option<String> {
        match self {
            EntryKind::Fill(execution_id) => Some(execution_id.clone()),
            EntryKind::Split(terms) => Some(format!("{}:{}", terms.numerator, terms.denominator)),
            EntryKind::Movement(movement) => {
                (!movement.reference.is_empty()).then(|| movement.reference.clone())
            }
            EntryKind::Opening | EntryKind::Dividend => None,
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
    const ALL: [MovementKind; 6] = [
        MovementKind::Deposit,
        MovementKind::Withdrawal,
        MovementKind::Conversion,
        MovementKind::Funding,
        MovementKind::BorrowFee,
        MovementKind::Interest,
    ];

    /// The kind with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<MovementKind> {
        MovementKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
    }

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
    /// What it did to a position's units, where it was a fill or a split.
    pub units: Option<UnitChange>,
    /// Accounts touched, each once a currency; none where only units changed.
    pub postings: Vec<Posting>,
}
