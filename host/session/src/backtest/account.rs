//! The account in binary floats, for what needs it at every bar. The books stay the books: it is taken from them
//! again whenever they changed.

use bulkhead_domain::Decimal;
use bulkhead_domain::number::to_f64;

/// The account's part that does not change from bar to bar.
pub(super) struct Account {
    /// Cash.
    pub(super) cash: f64,
    /// Whether anything is held.
    pub(super) exposed: bool,
    /// Whether the books have changed since.
    pub(super) stale: bool,
}

impl Account {
    pub(super) fn new(cash: Decimal) -> Account {
        Account {
            cash: to_f64(cash),
            exposed: false,
            stale: true,
        }
    }
}
