//! The desk's own tables: what it decided, what became of it, and the books, by session.
//!
//! Promises: what one call records is committed together; rows are only ever added, but for [`forget`]. Money and
//! quantities are text, exactly as they were computed; times are nanoseconds.

mod books;
mod read;
mod write;

pub use books::books;
pub use read::{
    EventRow, FillRow, OrderRow, VerdictRow, denials, fills, order_events, orders, verdicts,
};
pub use write::{Recorder, forget};

use bulkhead_store::{Migration, MigrationSet};

/// The desk's migrations, for [`bulkhead_store::Store::migrate`].
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "bulkhead-desk",
    migrations: &[
        Migration {
            version: 1,
            name: "orders, events, fills, verdicts and the books",
            sql: "
CREATE TABLE orders (
    session_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    decision_id TEXT NOT NULL,
    leg TEXT NOT NULL,
    account TEXT NOT NULL,
    owner TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    kind TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    reduce_only BIGINT NOT NULL,
    tag TEXT NOT NULL,
    approved_at BIGINT NOT NULL,
    PRIMARY KEY (session_id, client_order_id)
);
CREATE TABLE order_events (
    session_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    client_order_id TEXT NOT NULL,
    time BIGINT NOT NULL,
    state TEXT NOT NULL,
    filled TEXT NOT NULL,
    leaves TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (session_id, sequence),
    FOREIGN KEY (session_id, client_order_id) REFERENCES orders (session_id, client_order_id)
);
CREATE INDEX order_events_by_order ON order_events (session_id, client_order_id);
CREATE TABLE fills (
    session_id TEXT NOT NULL,
    execution_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    quantity TEXT NOT NULL,
    price TEXT NOT NULL,
    fee TEXT NOT NULL,
    fee_currency TEXT NOT NULL,
    closed TEXT NOT NULL,
    realised TEXT NOT NULL,
    entry_price TEXT,
    time BIGINT NOT NULL,
    PRIMARY KEY (session_id, execution_id),
    FOREIGN KEY (session_id, client_order_id) REFERENCES orders (session_id, client_order_id)
);
CREATE INDEX fills_by_time ON fills (session_id, time);
CREATE TABLE verdicts (
    session_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    decision_id TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    leg TEXT NOT NULL,
    owner TEXT NOT NULL,
    symbol TEXT NOT NULL,
    source TEXT NOT NULL,
    version BIGINT NOT NULL,
    verdict TEXT NOT NULL,
    quantity TEXT NOT NULL,
    code TEXT,
    observed TEXT,
    allowed TEXT,
    explanation TEXT,
    time BIGINT NOT NULL,
    PRIMARY KEY (session_id, sequence)
);
CREATE INDEX verdicts_by_decision ON verdicts (session_id, decision_id);
CREATE TABLE ledger_postings (
    session_id TEXT NOT NULL,
    entry BIGINT NOT NULL,
    line BIGINT NOT NULL,
    time BIGINT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT,
    account TEXT NOT NULL,
    owner TEXT,
    symbol TEXT,
    amount TEXT NOT NULL,
    PRIMARY KEY (session_id, entry, line)
);
",
        },
        crate::audit::MIGRATION,
        Migration {
            version: 3,
            name: "restrictions on trading",
            sql: "
CREATE TABLE restrictions (
    scope TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    time BIGINT NOT NULL,
    cancel_protection BIGINT NOT NULL
);
",
        },
        Migration {
            version: 4,
            name: "books that can be rebuilt: currencies, units, closes and their prices",
            sql: "
ALTER TABLE ledger_postings ADD COLUMN currency TEXT NOT NULL DEFAULT '';
CREATE TABLE ledgers (
    session_id TEXT PRIMARY KEY,
    currency TEXT NOT NULL,
    basis TEXT NOT NULL
);
CREATE TABLE ledger_entries (
    session_id TEXT NOT NULL,
    entry BIGINT NOT NULL,
    time BIGINT NOT NULL,
    kind TEXT NOT NULL,
    reference TEXT,
    terms TEXT,
    owner TEXT,
    symbol TEXT,
    units TEXT,
    multiplier TEXT,
    PRIMARY KEY (session_id, entry)
);
CREATE TABLE ledger_closes (
    session_id TEXT NOT NULL,
    time BIGINT NOT NULL,
    entry BIGINT NOT NULL,
    cash TEXT NOT NULL,
    equity TEXT NOT NULL,
    PRIMARY KEY (session_id, time, entry)
);
CREATE TABLE ledger_marks (
    session_id TEXT NOT NULL,
    time BIGINT NOT NULL,
    entry BIGINT NOT NULL,
    symbol TEXT NOT NULL,
    price TEXT NOT NULL,
    PRIMARY KEY (session_id, time, entry, symbol)
);
",
        },
        Migration {
            version: 5,
            name: "restrictions are what the audit log says",
            sql: "DROP TABLE restrictions;",
        },
        crate::audit::MIGRATION_OF_RESTRICTIONS,
        crate::audit::MIGRATION_OF_INDEXES,
    ],
};
