//! What the names of scopes may be: what the sessions of a state folder traded with. A restriction is raised on any
//! name, since a kill switch refuses nobody; this tells whoever mistyped it.
//!
//! Bounds: the newest 256 runs count, as far as they say what they traded with.

use super::gated::Book;
use super::latch::Scope;
use crate::audit::beginnings;
use bulkhead_store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Runs whose names are known.
const SESSIONS: u32 = 256;

/// Names that scopes can have, by their sort.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    accounts: BTreeSet<String>,
    strategies: BTreeSet<String>,
    plugins: BTreeSet<String>,
    instruments: BTreeSet<String>,
    sessions: BTreeSet<String>,
}

impl From<&Book> for Known {
    fn from(book: &Book) -> Known {
        let plugins = book.strategies.values().chain([&book.broker]);
        Known {
            accounts: [book.account.clone()].into(),
            strategies: book.strategies.keys().cloned().collect(),
            plugins: plugins.cloned().collect(),
            instruments: book.symbols.values().cloned().collect(),
            sessions: [book.session.clone()].into(),
        }
    }
}

impl Known {
    /// Adds another session's.
    pub fn add(&mut self, mut other: Known) {
        self.accounts.append(&mut other.accounts);
        self.strategies.append(&mut other.strategies);
        self.plugins.append(&mut other.plugins);
        self.instruments.append(&mut other.instruments);
        self.sessions.append(&mut other.sessions);
    }

    /// What there is of a scope's sort, where the scope names none of it. `None` where it does, and where nothing
    /// of its sort is known.
    #[must_use]
    pub fn instead_of(&self, scope: &Scope) -> Option<&BTreeSet<String>> {
        let (names, name) = match scope {
            Scope::Global => return None,
            Scope::Account(name) => (&self.accounts, name),
            Scope::Strategy(name) => (&self.strategies, name),
            Scope::Plugin(name) => (&self.plugins, name),
            Scope::Instrument(name) => (&self.instruments, name),
            Scope::Session(name) => (&self.sessions, name),
        };
        (!names.is_empty() && !names.contains(name)).then_some(names)
    }
}

/// What the record of a session's beginning says of it.
#[derive(Deserialize)]
struct Beginning {
    #[serde(default)]
    known: Known,
}

/// The names that the newest runs of a store traded with.
///
/// # Errors
/// [`StoreError`] when the log cannot be read. A record that says nothing of names adds none.
pub async fn known(store: &Store) -> Result<Known, StoreError> {
    let mut all = Known::default();
    for record in beginnings(store, SESSIONS).await? {
        if let Ok(beginning) = serde_json::from_str::<Beginning>(&record.event.body) {
            all.add(beginning.known);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_is_told_from_one_that_somebody_has() {
        let book = Book {
            session: "s-1.1".to_owned(),
            account: "paper".to_owned(),
            broker: "paper-broker".to_owned(),
            symbols: [(1, "AAPL".to_owned()), (2, "MSFT".to_owned())].into(),
            strategies: [("trend".to_owned(), "ema-cross".to_owned())].into(),
        };
        let mut known = Known::default();
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        assert_eq!(known.instead_of(&scope("instrument:APPL")), None);
        known.add(Known::from(&book));
        for right in [
            "global",
            "account:paper",
            "strategy:trend",
            "plugin:ema-cross",
            "plugin:paper-broker",
            "instrument:MSFT",
            "session:s-1.1",
        ] {
            assert_eq!(known.instead_of(&scope(right)), None, "{right}");
        }
        let there = known.instead_of(&scope("instrument:APPL")).unwrap();
        assert_eq!(there.iter().collect::<Vec<_>>(), ["AAPL", "MSFT"]);
        // A name of another sort is not one of this.
        assert!(known.instead_of(&scope("strategy:ema-cross")).is_some());
        assert!(known.instead_of(&scope("session:s-1.2")).is_some());
    }
}
