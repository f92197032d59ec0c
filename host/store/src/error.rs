//! What can go wrong with the database, sorted by what a person can do about it.

use bulkhead_domain::Problem;
use std::path::PathBuf;

/// A failure of the store. Turns into a [`Problem`] of one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or created.
    #[error("the database {} cannot be opened: {text}", path.display())]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        text: String,
    },
    /// Another process holds the file.
    #[error("the database {} is in use by another process: {text}", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// The system's words.
        text: String,
    },
    /// The file holds something else.
    #[error("{} is not a SQLite database", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite database of another program.
    #[error("{} is a database of another program (application id {application_id:#x})", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its header says.
        application_id: i64,
    },
    /// The file is a database, but its content is broken.
    #[error("the database {} is damaged: {text}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the check found.
        text: String,
    },
    /// An applied migration is not what it was when it was applied.
    #[error(
        "migration {version} '{name}' of {crate_name} differs from the one applied to this database"
    )]
    MigrationChanged {
        /// Owner of the migration.
        crate_name: String,
        /// Its version.
        version: i64,
        /// Its name.
        name: String,
    },
    /// The database has a migration that this program does not know.
    #[error(
        "the database has migration {version} of {crate_name}, which this program does not know"
    )]
    MigrationUnknown {
        /// Owner of the migration.
        crate_name: String,
        /// Its version.
        version: i64,
    },
    /// A set of migrations whose versions do not rise, or a set given twice.
    #[error("the migrations of {crate_name} are not in rising order at version {version}")]
    MigrationOrder {
        /// Owner of the migrations.
        crate_name: String,
        /// Where the order breaks.
        version: i64,
    },
    /// A migration's SQL failed; nothing of the call was applied.
    #[error("migration {version} '{name}' of {crate_name} failed: {text}")]
    MigrationFailed {
        /// Owner of the migration.
        crate_name: String,
        /// Its version.
        version: i64,
        /// Its name.
        name: String,
        /// The database's words.
        text: String,
    },
    /// A statement failed; its transaction was rolled back.
    #[error("the database refused '{statement}': {text}")]
    Refused {
        /// The beginning of the statement.
        statement: String,
        /// The database's words.
        text: String,
        /// What to do about it.
        mend: &'static str,
    },
    /// A stored value is not what its column promises.
    #[error("column {column} cannot be read: {text}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        text: String,
    },
    /// The journal cannot be made, read or written.
    #[error("the database's journal {} cannot be used: {text}", path.display())]
    Journal {
        /// The journal's file.
        path: PathBuf,
        /// The system's words.
        text: String,
        /// Whether it is for want of space.
        full: bool,
    },
    /// The journal is broken before its end, or not of the database beside it; nothing of it was applied.
    #[error("the database's journal {} cannot be applied: {text}", path.display())]
    JournalDamaged {
        /// The journal's file.
        path: PathBuf,
        /// What is wrong with it.
        text: String,
    },
    /// The database refuses what the journal holds; what came before it was applied.
    #[error(
        "the last {groups} writes of the journal {} cannot be applied, the database refused '{statement}': {text}",
        path.display()
    )]
    JournalRefused {
        /// The journal's file.
        path: PathBuf,
        /// The beginning of the statement.
        statement: String,
        /// The database's words.
        text: String,
        /// Groups of statements that were acknowledged and are in the journal alone.
        groups: usize,
    },
    /// The machine gave no thread or runtime, or the writer's thread is gone.
    #[error("the database's thread failed: {text}")]
    Thread {
        /// The system's words.
        text: String,
    },
}

const START_AFRESH: &str = "restore it from a backup, or move it away to start afresh";
const FREE_SPACE: &str = "free some space and repeat";
const CHECK_DISK: &str = "check the disk, the file's permissions and its folder's";
const LET_IT_END: &str = "let the other process end and repeat, or give another path";

/// SQLite's primary result codes that are told apart here (sqlite3.h).
pub(crate) mod code {
    pub(crate) const ERROR: i32 = 1;
    pub(crate) const BUSY: i32 = 5;
    pub(crate) const LOCKED: i32 = 6;
    pub(crate) const READ_ONLY: i32 = 8;
    pub(crate) const IO: i32 = 10;
    pub(crate) const CORRUPT: i32 = 11;
    pub(crate) const FULL: i32 = 13;
    pub(crate) const CANNOT_OPEN: i32 = 14;
    pub(crate) const TOO_BIG: i32 = 18;
    pub(crate) const CONSTRAINT: i32 = 19;
    pub(crate) const MISMATCH: i32 = 20;
    pub(crate) const NOT_A_DATABASE: i32 = 26;
}

/// Whether a failure is of the statement or its values, which would fail again, and not of the file, its locks or
/// its disk.
pub(crate) fn is_of_statement(error: &sqlx::Error) -> bool {
    matches!(
        primary_code(error),
        Some(code::ERROR | code::TOO_BIG | code::CONSTRAINT | code::MISMATCH)
    )
}

/// SQLite's primary result code, the low byte of the extended one.
pub(crate) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(database) = error else {
        return None;
    };
    let extended: i32 = database.code()?.parse().ok()?;
    Some(extended & 0xff)
}

/// The beginning of a statement, to name it by.
pub(crate) fn named(sql: &str) -> String {
    let words: Vec<&str> = sql.split_whitespace().collect();
    words.join(" ").chars().take(60).collect()
}

impl StoreError {
    /// A failure outside any particular statement, such as taking a connection or committing.
    #[must_use]
    pub fn during(action: &str, error: &sqlx::Error) -> Self {
        StoreError::Refused {
            statement: action.to_owned(),
            text: error.to_string(),
            mend: match primary_code(error) {
                Some(code::CORRUPT | code::NOT_A_DATABASE) => START_AFRESH,
                Some(code::FULL) => FREE_SPACE,
                Some(code::BUSY | code::LOCKED) => LET_IT_END,
                Some(code::READ_ONLY | code::IO | code::CANNOT_OPEN) => CHECK_DISK,
                _ => "please report it",
            },
        }
    }

    /// A failure of the disk outside any statement.
    pub(crate) fn of_disk(action: &str, error: &std::io::Error) -> Self {
        StoreError::Refused {
            statement: action.to_owned(),
            text: error.to_string(),
            mend: CHECK_DISK,
        }
    }

    /// A failure of a statement, named by its beginning.
    #[must_use]
    pub fn of_statement(sql: &str, error: &sqlx::Error) -> Self {
        Self::during(&named(sql), error)
    }

    fn mend(&self) -> &'static str {
        match self {
            StoreError::Unopenable { .. } => {
                "check that the folder exists and that the file may be read and written"
            }
            StoreError::NotADatabase { .. } | StoreError::Foreign { .. } => {
                "give another path for the database, or move this file away"
            }
            StoreError::InUse { .. } => LET_IT_END,
            StoreError::Damaged { .. } => START_AFRESH,
            StoreError::MigrationUnknown { .. } => "use the newer program that wrote it",
            StoreError::MigrationChanged { .. } => {
                "use the program version that wrote it; an applied migration must never be edited"
            }
            StoreError::Refused { mend, .. } => mend,
            StoreError::Journal { full: true, .. } => FREE_SPACE,
            StoreError::Journal { full: false, .. } => CHECK_DISK,
            StoreError::JournalDamaged { .. } => {
                "restore database and journal from one backup, or move the journal away to go on without what only it holds"
            }
            StoreError::JournalRefused { .. } => {
                "use the program version that wrote it, or move the journal away to go on without these writes"
            }
            StoreError::Column { .. } => "restore the database from a backup",
            StoreError::MigrationOrder { .. }
            | StoreError::MigrationFailed { .. }
            | StoreError::Thread { .. } => "please report it",
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (what, mend) = (error.to_string(), error.mend());
        match error {
            StoreError::Unopenable { .. }
            | StoreError::InUse { .. }
            | StoreError::NotADatabase { .. }
            | StoreError::Foreign { .. }
            | StoreError::Damaged { .. }
            | StoreError::MigrationUnknown { .. }
            | StoreError::MigrationChanged { .. } => Problem::user(what, mend),
            StoreError::MigrationOrder { .. }
            | StoreError::MigrationFailed { .. }
            | StoreError::Refused { .. }
            | StoreError::Column { .. }
            | StoreError::Journal { .. }
            | StoreError::JournalDamaged { .. }
            | StoreError::JournalRefused { .. }
            | StoreError::Thread { .. } => Problem::host(what, mend),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, wait};

    #[test]
    fn a_refusal_names_the_statement_and_what_helps() {
        let problem: Problem = wait(async {
            let store = Store::in_memory().await?;
            let sql = "SELECT  x FROM nowhere";
            let refused = sqlx::query(sql).execute(store.pool()).await.unwrap_err();
            Err::<(), _>(StoreError::of_statement(sql, &refused))
        })
        .unwrap_err()
        .into();
        let text = problem.to_string();
        assert!(
            text.starts_with("the database refused 'SELECT x FROM nowhere'")
                && text.ends_with("please report it"),
            "{text}"
        );
        assert_eq!(problem.exit_code(), 1);
    }
}
