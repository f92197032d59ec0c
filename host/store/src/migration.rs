//! Schema migrations: each crate owns its own, one table remembers them all.
//!
//! A migration is applied once and never edited afterwards: its SQL's SHA-256 is kept and compared. One
//! call applies everything that is missing in one transaction. Where nothing is missing it only reads, and so
//! waits for nobody who writes.

use crate::{Store, StoreError, column};
use bulkhead_domain::Digest;
use std::collections::BTreeMap;

/// One step of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// Rises within the crate.
    pub version: i64,
    /// What it does, in a few words.
    pub name: &'static str,
    /// One or more statements, in the SQL that SQLite and PostgreSQL share.
    pub sql: &'static str,
}

/// The migrations of one crate, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationSet {
    /// The crate that owns the tables.
    pub crate_name: &'static str,
    /// Its migrations, versions rising.
    pub migrations: &'static [Migration],
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS bulkhead_migrations (\
    crate_name TEXT NOT NULL, version BIGINT NOT NULL, name TEXT NOT NULL, checksum TEXT NOT NULL, \
    PRIMARY KEY (crate_name, version))";
const APPLIED: &str = "SELECT crate_name, version, checksum FROM bulkhead_migrations \
    ORDER BY crate_name, version";
const RECORD: &str = "INSERT INTO bulkhead_migrations (crate_name, version, name, checksum) \
    VALUES ($1, $2, $3, $4)";

impl Store {
    /// Brings the tables of the given crates up to date, in the order given. Migrations of crates that
    /// are not given are left alone.
    ///
    /// # Errors
    /// [`StoreError::MigrationChanged`], [`StoreError::MigrationUnknown`],
    /// [`StoreError::MigrationOrder`] or [`StoreError::MigrationFailed`]; nothing is then applied.
    pub async fn migrate(&self, sets: &[MigrationSet]) -> Result<(), StoreError> {
        check_order(sets)?;
        // A file whose table of migrations cannot be read has none yet, or says what is wrong below.
        if let Ok(applied) = applied(self.pool()).await
            && missing(sets, applied)?.is_empty()
        {
            return Ok(());
        }
        let mut transaction = self.begin().await?;
        sqlx::query(CREATE)
            .execute(&mut *transaction)
            .await
            .map_err(|error| StoreError::of_statement(CREATE, &error))?;
        // Another process may have been quicker.
        let applied = applied(&mut *transaction).await?;
        for (crate_name, migration, checksum) in missing(sets, applied)? {
            sqlx::raw_sql(migration.sql)
                .execute(&mut *transaction)
                .await
                .map_err(|error| StoreError::MigrationFailed {
                    crate_name: crate_name.to_owned(),
                    version: migration.version,
                    name: migration.name.to_owned(),
                    text: error.to_string(),
                })?;
            sqlx::query(RECORD)
                .bind(crate_name)
                .bind(migration.version)
                .bind(migration.name)
                .bind(checksum)
                .execute(&mut *transaction)
                .await
                .map_err(|error| StoreError::of_statement(RECORD, &error))?;
        }
        transaction
            .commit()
            .await
            .map_err(|error| StoreError::during("commit the migrations", &error))
    }
}

/// Checksums of what was applied, by crate and version.
type Applied = BTreeMap<(String, i64), String>;

async fn applied<'c>(
    executor: impl sqlx::Executor<'c, Database = crate::Database>,
) -> Result<Applied, StoreError> {
    let mut applied = Applied::new();
    for row in sqlx::query(APPLIED)
        .fetch_all(executor)
        .await
        .map_err(|error| StoreError::of_statement(APPLIED, &error))?
    {
        let key = (column(&row, "crate_name")?, column(&row, "version")?);
        applied.insert(key, column(&row, "checksum")?);
    }
    Ok(applied)
}

/// What is left to apply, in order, each with its crate and checksum.
fn missing(
    sets: &[MigrationSet],
    mut applied: Applied,
) -> Result<Vec<(&'static str, &'static Migration, String)>, StoreError> {
    let mut missing = Vec::new();
    for set in sets {
        for migration in set.migrations {
            let checksum = Digest::of(migration.sql.as_bytes()).to_string();
            match applied.remove(&(set.crate_name.to_owned(), migration.version)) {
                Some(known) if known == checksum => {}
                Some(_) => {
                    return Err(StoreError::MigrationChanged {
                        crate_name: set.crate_name.to_owned(),
                        version: migration.version,
                        name: migration.name.to_owned(),
                    });
                }
                None => missing.push((set.crate_name, migration, checksum)),
            }
        }
    }
    let given = |name: &str| sets.iter().any(|set| set.crate_name == name);
    match applied.into_keys().find(|(name, _)| given(name)) {
        Some((crate_name, version)) => Err(StoreError::MigrationUnknown {
            crate_name,
            version,
        }),
        None => Ok(missing),
    }
}

fn check_order(sets: &[MigrationSet]) -> Result<(), StoreError> {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for set in sets {
        for migration in set.migrations {
            let before = last.insert(set.crate_name, migration.version);
            if before.is_some_and(|before| before >= migration.version) {
                return Err(StoreError::MigrationOrder {
                    crate_name: set.crate_name.to_owned(),
                    version: migration.version,
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wait;

    const FIRST: Migration = Migration {
        version: 1,
        name: "create",
        sql: "CREATE TABLE a (x BIGINT NOT NULL); INSERT INTO a (x) VALUES (1);",
    };
    const SECOND: Migration = Migration {
        version: 2,
        name: "more",
        sql: "INSERT INTO a (x) VALUES (2)",
    };
    const BROKEN: Migration = Migration {
        version: 3,
        name: "broken",
        sql: "INSERT INTO a (x) VALUES (3); INSERT INTO nowhere VALUES (1)",
    };

    fn set(migrations: &'static [Migration]) -> MigrationSet {
        MigrationSet {
            crate_name: "crate-a",
            migrations,
        }
    }

    async fn sum(store: &Store) -> i64 {
        sqlx::query_scalar("SELECT sum(x) FROM a")
            .fetch_one(store.pool())
            .await
            .unwrap()
    }

    #[test]
    fn tables_that_are_up_to_date_wait_for_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        wait(async {
            let store = Store::open(&path).await?;
            store.migrate(&[set(&[FIRST])]).await?;
            let lock = store.begin().await?;
            let begun = std::time::Instant::now();
            let other = Store::open(&path).await?;
            other.migrate(&[set(&[FIRST])]).await?;
            assert!(begun.elapsed() < crate::BUSY_TIMEOUT);
            // What is missing does wait.
            let error = other.migrate(&[set(&[FIRST, SECOND])]).await.unwrap_err();
            assert!(error.to_string().contains("locked"), "{error}");
            drop(lock);
            other.migrate(&[set(&[FIRST, SECOND])]).await
        })
        .unwrap();
    }

    #[test]
    fn migrations_are_applied_once_each() {
        wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[set(&[FIRST])]).await?;
            store.migrate(&[set(&[FIRST])]).await?;
            assert_eq!(sum(&store).await, 1);
            store.migrate(&[set(&[FIRST, SECOND])]).await?;
            store.migrate(&[set(&[FIRST, SECOND])]).await?;
            assert_eq!(sum(&store).await, 3);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    #[test]
    fn an_edited_migration_is_refused() {
        const EDITED: Migration = Migration {
            version: 1,
            name: "create",
            sql: "CREATE TABLE a (x BIGINT)",
        };
        wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[set(&[FIRST])]).await?;
            let error = store.migrate(&[set(&[EDITED])]).await.unwrap_err();
            assert!(
                matches!(error, StoreError::MigrationChanged { version: 1, .. }),
                "{error}"
            );
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    #[test]
    fn a_database_of_a_newer_program_is_refused_and_other_crates_are_ignored() {
        wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[set(&[FIRST, SECOND])]).await?;
            let error = store.migrate(&[set(&[FIRST])]).await.unwrap_err();
            assert!(
                matches!(error, StoreError::MigrationUnknown { version: 2, .. }),
                "{error}"
            );
            let other = MigrationSet {
                crate_name: "crate-b",
                migrations: &[],
            };
            store.migrate(&[other]).await
        })
        .unwrap();
    }

    #[test]
    fn a_failing_migration_leaves_nothing_behind() {
        wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[set(&[FIRST])]).await?;
            let error = store
                .migrate(&[set(&[FIRST, SECOND, BROKEN])])
                .await
                .unwrap_err();
            assert!(
                matches!(error, StoreError::MigrationFailed { version: 3, .. }),
                "{error}"
            );
            assert_eq!(sum(&store).await, 1);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    }

    #[test]
    fn versions_must_rise() {
        let error = wait(async {
            Store::in_memory()
                .await?
                .migrate(&[set(&[SECOND, FIRST])])
                .await
        })
        .unwrap_err();
        assert!(
            matches!(error, StoreError::MigrationOrder { .. }),
            "{error}"
        );
    }
}
