//! The embedded database: opening it safely, schema migrations, and durable writes from synchronous code.
//!
//! Promises: what [`Writer::flush`] acknowledged is in the database and on disk, and what [`Writer::sync`] did is there
//! or in the journal that the next opening applies; a statement that fails is reported at the latest by the next
//! flush and nothing sent after it is written; a file that is not ours is refused before a byte of it changes;
//! migrations are applied in one transaction or not at all.
//!
//! Bounds: a writer queues at most [`writer::QUEUE`] statements, then its callers wait; a reader waits at
//! most [`BUSY_TIMEOUT`] for a lock.
//!
//! For callers: this crate knows no table but its own two (migrations, the journal). Each crate owns its tables,
//! hands its [`MigrationSet`] to [`Store::migrate`] and writes its own SQL, portable between SQLite and
//! PostgreSQL: `$n` placeholders, decimals as `TEXT`, times as `BIGINT` nanoseconds. [`Store`] is
//! asynchronous; synchronous code writes through a [`Writer`] and drives anything else with [`wait`]. A database has up
//! to three files beside it (`-wal`, `-shm`, `-redo`): they are moved, copied and restored with it, all or none.

mod error;
mod migration;
mod open;
mod redo;
mod row;
mod statement;
mod turns;
mod wait;
pub mod writer;

pub use error::StoreError;
pub use migration::{Migration, MigrationSet};
pub use open::{BUSY_TIMEOUT, Store};
pub use row::{column, decimal, optional_decimal, parsed};
pub use statement::{Argument, Statement};
pub use wait::wait;
pub use writer::Writer;

/// The database that SQL here is written against.
pub type Database = sqlx::Sqlite;
/// Its connection pool, for readers.
pub type Pool = sqlx::Pool<Database>;
/// One row of an answer.
pub type Row = <Database as sqlx::Database>::Row;
