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
    },
    /// A stored value is not what its column promises.
    #[error("column {column} cannot be read: {text}")]
    Column {
        /// The column.
        column: String,
        /// What is wrong with it.
        text: String,
    },
    /// The machine gave no thread or runtime, or the writer's thread is gone.
    #[error("the database's thread failed: {text}")]
    Thread {
        /// The system's words.
        text: String,
    },
}

impl StoreError {
    /// A failure outside any particular statement, such as taking a connection or committing.
    #[must_use]
    pub fn during(action: &str, error: &sqlx::Error) -> Self {
        StoreError::Refused {
            statement: action.to_owned(),
            text: error.to_string(),
        }
    }

    /// A failure of a statement, named by its beginning.
    #[must_use]
    pub fn of_statement(sql: &str, error: &sqlx::Error) -> Self {
        let words: Vec<&str> = sql.split_whitespace().collect();
        let beginning: String = words.join(" ").chars().take(60).collect();
        Self::during(&beginning, error)
    }

    fn mend(&self) -> &'static str {
        match self {
            StoreError::Unopenable { .. } => {
                "check that the folder exists and that the file may be read and written"
            }
            StoreError::NotADatabase { .. } | StoreError::Foreign { .. } => {
                "give another path for the database, or move this file away"
            }
            StoreError::Damaged { .. } => {
                "restore it from a backup, or move it away to start afresh"
            }
            StoreError::MigrationUnknown { .. } => "use the newer program that wrote it",
            StoreError::MigrationChanged { .. } => {
                "use the program version that wrote it; an applied migration must never be edited"
            }
            StoreError::Refused { .. } => "check the disk's free space and the file's permissions",
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
            | StoreError::NotADatabase { .. }
            | StoreError::Foreign { .. }
            | StoreError::Damaged { .. }
            | StoreError::MigrationUnknown { .. }
            | StoreError::MigrationChanged { .. } => Problem::user(what, mend),
            StoreError::MigrationOrder { .. }
            | StoreError::MigrationFailed { .. }
            | StoreError::Refused { .. }
            | StoreError::Column { .. }
            | StoreError::Thread { .. } => Problem::host(what, mend),
        }
    }
}
