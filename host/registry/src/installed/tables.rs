//! The registry's tables, and what is read from and written to them.

use super::compared::Kept;
use super::state::{Config, InstalledPlugin, Past, Served, Shadow, Standing, Version};
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_manifest::Manifest;
use bulkhead_store::{Database, Migration, MigrationSet, Row, Store, StoreError, column, parsed};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The tables' migrations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "registry",
    migrations: &[
        Migration {
            version: 1,
            name: "installed plugins",
            sql: "
CREATE TABLE installed_plugins (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    enabled BIGINT NOT NULL,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    actor TEXT NOT NULL,
    active TEXT NOT NULL,
    previous TEXT,
    previous_config TEXT,
    generation BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    shadow TEXT,
    shadow_config TEXT,
    shadow_percent BIGINT,
    shadow_rule TEXT,
    config TEXT NOT NULL,
    granted TEXT NOT NULL
);
CREATE TABLE installed_versions (
    plugin TEXT NOT NULL REFERENCES installed_plugins (id),
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    installed BIGINT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (plugin, digest)
);
CREATE TABLE plugin_history (
    number BIGINT PRIMARY KEY,
    time BIGINT NOT NULL,
    actor TEXT NOT NULL,
    plugin TEXT NOT NULL,
    change TEXT NOT NULL,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    generation BIGINT NOT NULL,
    active TEXT NOT NULL
);
CREATE INDEX plugin_history_by_plugin ON plugin_history (plugin, number);
",
        },
        Migration {
            version: 2,
            name: "comparisons of versions",
            sql: "
CREATE TABLE plugin_comparisons (
    plugin TEXT PRIMARY KEY,
    begun BIGINT NOT NULL,
    candidate TEXT NOT NULL,
    comparison TEXT NOT NULL,
    rule TEXT NOT NULL,
    watched TEXT
);
",
        },
    ],
};

const PLUGINS: &str = "SELECT id, kind, enabled, reason, since, actor, active, previous, previous_config, \
    generation, revision, shadow, shadow_config, shadow_percent, shadow_rule, config, granted \
    FROM installed_plugins WHERE id = $1 OR $1 = '' ORDER BY id";
const VERSIONS: &str = "SELECT plugin, digest, manifest, bytes, installed, actor FROM installed_versions \
    WHERE plugin = $1 OR $1 = '' ORDER BY installed, digest";
const HISTORY: &str = "SELECT number, time, actor, plugin, change, what, reason, generation, active \
    FROM plugin_history WHERE plugin = $1 ORDER BY number";
const REVISION: &str = "SELECT revision FROM installed_plugins WHERE id = $1";
const NEXT: &str = "SELECT COALESCE(MAX(number), 0) + 1 AS number FROM plugin_history";

const INSERT: &str = "INSERT INTO installed_plugins (kind, enabled, reason, since, actor, active, previous, \
    previous_config, generation, shadow, shadow_config, shadow_percent, shadow_rule, config, granted, revision, id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const UPDATE: &str = "UPDATE installed_plugins SET kind = $1, enabled = $2, reason = $3, since = $4, actor = $5, \
    active = $6, previous = $7, previous_config = $8, generation = $9, shadow = $10, shadow_config = $11, \
    shadow_percent = $12, shadow_rule = $13, config = $14, granted = $15, revision = $16 + 1 \
    WHERE id = $17 AND revision = $16";
const DELETE: &str = "DELETE FROM installed_plugins WHERE id = $1 AND revision = $2";
const ADD: &str = "INSERT INTO installed_versions (plugin, digest, manifest, bytes, installed, actor) \
    VALUES ($1, $2, $3, $4, $5, $6)";
const DROP: &str = "DELETE FROM installed_versions WHERE plugin = $1 AND digest = $2";
const LOG: &str = "INSERT INTO plugin_history (number, time, actor, plugin, change, what, reason, generation, active) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const KEPT: &str =
    "SELECT begun, candidate, comparison, rule, watched FROM plugin_comparisons WHERE plugin = $1";
const KEEP: &str = "INSERT INTO plugin_comparisons (plugin, begun, candidate, comparison, rule, watched) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (plugin) DO UPDATE SET begun = excluded.begun, \
    candidate = excluded.candidate, comparison = excluded.comparison, rule = excluded.rule, watched = excluded.watched";

type Transaction = sqlx::Transaction<'static, Database>;

/// Installed plugins as of one moment, in the order of their ids: one of them, or all.
pub(super) async fn plugins(
    store: &Store,
    id: Option<&str>,
) -> Result<Vec<InstalledPlugin>, StoreError> {
    // One transaction: a plugin and its versions belong together.
    let mut snapshot = (store.pool().begin().await)
        .map_err(|error| StoreError::during("read the installed plugins", &error))?;
    let id = id.unwrap_or_default().to_owned();
    let rows = fetch(&mut snapshot, PLUGINS, &id).await?;
    let mut plugins = rows.iter().map(plugin).collect::<Result<Vec<_>, _>>()?;
    for row in fetch(&mut snapshot, VERSIONS, &id).await? {
        let owner: String = column(&row, "plugin")?;
        if let Some(plugin) = plugins.iter_mut().find(|plugin| plugin.id == owner) {
            plugin.versions.push(version(&row)?);
        }
    }
    Ok(plugins)
}

/// Everything that was ever changed of a plugin, oldest first.
pub(super) async fn history(store: &Store, id: &str) -> Result<Vec<Past>, StoreError> {
    let rows = sqlx::query(HISTORY)
        .bind(id.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(HISTORY, &error))?;
    rows.iter().map(past).collect()
}

/// What is kept of a plugin's last comparison.
pub(super) async fn kept(store: &Store, id: &str) -> Result<Option<Kept>, StoreError> {
    let row = sqlx::query(KEPT)
        .bind(id.to_owned())
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(KEPT, &error))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let watched = column::<Option<String>>(&row, "watched")?;
    Ok(Some(Kept {
        begun: unsigned(&row, "begun")?,
        candidate: parsed(&row, "candidate")?,
        comparison: read(&row, "comparison")?,
        rule: read(&row, "rule")?,
        watched: watched.map(|_| read(&row, "watched")).transpose()?,
    }))
}

/// Keeps it in place of what was kept before.
pub(super) async fn keep(store: &Store, id: &str, kept: &Kept) -> Result<(), StoreError> {
    let mut transaction = store.begin().await?;
    let begun = i64::try_from(kept.begun).map_err(|error| broken("begun", error))?;
    let query = sqlx::query(KEEP)
        .bind(id.to_owned())
        .bind(begun)
        .bind(kept.candidate.to_string())
        .bind(json(&kept.comparison)?)
        .bind(json(&kept.rule)?)
        .bind(kept.watched.as_ref().map(json).transpose()?);
    execute(&mut transaction, KEEP, query).await?;
    (transaction.commit().await).map_err(|error| StoreError::during("keep a comparison", &error))
}

/// Under the write lock: the number of the next change, where the plugin is still of `revision`.
pub(super) async fn next(
    transaction: &mut Transaction,
    id: &str,
    revision: Option<u64>,
) -> Result<Option<u64>, StoreError> {
    let found = fetch(transaction, REVISION, id).await?;
    let found = found
        .first()
        .map(|row| unsigned(row, "revision"))
        .transpose()?;
    if found != revision {
        return Ok(None);
    }
    let row = sqlx::query(NEXT)
        .fetch_one(&mut **transaction)
        .await
        .map_err(|error| StoreError::of_statement(NEXT, &error))?;
    unsigned(&row, "number").map(Some)
}

/// Writes a change, where the plugin is still as it was `before`. Tells whether it was.
pub(super) async fn write(
    mut transaction: Transaction,
    before: Option<&InstalledPlugin>,
    after: Option<&InstalledPlugin>,
    past: &Past,
) -> Result<bool, StoreError> {
    if next(
        &mut transaction,
        &past.plugin,
        before.map(|plugin| plugin.revision),
    )
    .await?
        != Some(past.number)
    {
        return Ok(false);
    }
    let of = |plugin: Option<&InstalledPlugin>| -> Vec<Version> {
        plugin
            .map(|plugin| plugin.versions.clone())
            .unwrap_or_default()
    };
    let (old, new) = (of(before), of(after));
    let is_in = |versions: &[Version], version: &Version| {
        versions.iter().any(|one| one.digest == version.digest)
    };
    for version in old.iter().filter(|version| !is_in(&new, version)) {
        let drop = sqlx::query(DROP)
            .bind(past.plugin.clone())
            .bind(version.digest.to_string());
        execute(&mut transaction, DROP, drop).await?;
    }
    match (before, after) {
        (None, Some(after)) => put(&mut transaction, INSERT, after).await?,
        (Some(_), Some(after)) => put(&mut transaction, UPDATE, after).await?,
        (_, None) => {
            let revision = before.map_or(0, |plugin| plugin.revision);
            let delete = sqlx::query(DELETE)
                .bind(past.plugin.clone())
                .bind(signed("revision", revision)?);
            execute(&mut transaction, DELETE, delete).await?;
        }
    }
    for version in new.iter().filter(|version| !is_in(&old, version)) {
        let add = sqlx::query(ADD)
            .bind(past.plugin.clone())
            .bind(version.digest.to_string())
            .bind(json(&version.manifest)?)
            .bind(signed("bytes", version.bytes)?)
            .bind(version.installed.0)
            .bind(version.by.clone());
        execute(&mut transaction, ADD, add).await?;
    }
    let log = sqlx::query(LOG)
        .bind(signed("number", past.number)?)
        .bind(past.time.0)
        .bind(past.by.clone())
        .bind(past.plugin.clone())
        .bind(past.change.clone())
        .bind(past.what.clone())
        .bind(past.reason.clone())
        .bind(signed("generation", past.generation)?)
        .bind(past.active.to_string());
    execute(&mut transaction, LOG, log).await?;
    (transaction.commit().await)
        .map(|()| true)
        .map_err(|error| StoreError::during("commit the change", &error))
}

type Query = sqlx::query::Query<'static, Database, sqlx::sqlite::SqliteArguments>;

async fn put(
    transaction: &mut Transaction,
    sql: &'static str,
    plugin: &InstalledPlugin,
) -> Result<(), StoreError> {
    let (previous, shadow) = (plugin.previous.as_ref(), plugin.shadow.as_ref());
    let query = sqlx::query(sql)
        .bind(plugin.kind.to_string())
        .bind(i64::from(plugin.standing.enabled))
        .bind(plugin.standing.reason.clone())
        .bind(plugin.standing.since.0)
        .bind(plugin.standing.by.clone())
        .bind(plugin.active.to_string())
        .bind(previous.map(|previous| previous.digest.to_string()))
        .bind(
            previous
                .map(|previous| json(&previous.config))
                .transpose()?,
        )
        .bind(signed("generation", plugin.generation)?)
        .bind(shadow.map(|shadow| shadow.digest.to_string()))
        .bind(shadow.map(|shadow| json(&shadow.config)).transpose()?)
        .bind(shadow.map(|shadow| i64::from(shadow.percent)))
        .bind(shadow.map(|shadow| json(&shadow.rule)).transpose()?)
        .bind(json(&plugin.config)?)
        .bind(json(&plugin.granted)?)
        .bind(signed("revision", plugin.revision)?)
        .bind(plugin.id.clone());
    execute(transaction, sql, query).await
}

/// Changes one row, as every statement here does.
async fn execute(
    transaction: &mut Transaction,
    sql: &'static str,
    query: Query,
) -> Result<(), StoreError> {
    let done = query
        .execute(&mut **transaction)
        .await
        .map_err(|error| StoreError::of_statement(sql, &error))?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Column {
        column: "revision".to_owned(),
        text: format!("{} rows were changed, not one", done.rows_affected()),
    })
}

async fn fetch(
    transaction: &mut Transaction,
    sql: &'static str,
    id: &str,
) -> Result<Vec<Row>, StoreError> {
    sqlx::query(sql)
        .bind(id.to_owned())
        .fetch_all(&mut **transaction)
        .await
        .map_err(|error| StoreError::of_statement(sql, &error))
}

fn plugin(row: &Row) -> Result<InstalledPlugin, StoreError> {
    let digest = |name: &str| -> Result<Option<Digest>, StoreError> {
        column::<Option<String>>(row, name)?
            .map(|_| parsed(row, name))
            .transpose()
    };
    Ok(InstalledPlugin {
        id: column(row, "id")?,
        kind: parsed(row, "kind")?,
        standing: Standing {
            enabled: column::<i64>(row, "enabled")? != 0,
            reason: column(row, "reason")?,
            since: Timestamp(column(row, "since")?),
            by: column(row, "actor")?,
        },
        active: parsed(row, "active")?,
        previous: match digest("previous")? {
            Some(digest) => Some(Served {
                digest,
                config: read(row, "previous_config")?,
            }),
            None => None,
        },
        generation: unsigned(row, "generation")?,
        revision: unsigned(row, "revision")?,
        shadow: match digest("shadow")? {
            Some(digest) => Some(Shadow {
                digest,
                config: read(row, "shadow_config")?,
                percent: u8::try_from(unsigned(row, "shadow_percent")?)
                    .map_err(|error| broken("shadow_percent", error))?,
                rule: read::<Value>(row, "shadow_rule")?,
            }),
            None => None,
        },
        config: read::<Config>(row, "config")?,
        granted: read(row, "granted")?,
        versions: Vec::new(),
    })
}

fn version(row: &Row) -> Result<Version, StoreError> {
    Ok(Version {
        digest: parsed(row, "digest")?,
        manifest: read::<Manifest>(row, "manifest")?,
        bytes: unsigned(row, "bytes")?,
        installed: Timestamp(column(row, "installed")?),
        by: column(row, "actor")?,
    })
}

fn past(row: &Row) -> Result<Past, StoreError> {
    Ok(Past {
        number: unsigned(row, "number")?,
        time: Timestamp(column(row, "time")?),
        by: column(row, "actor")?,
        plugin: column(row, "plugin")?,
        change: column(row, "change")?,
        what: column(row, "what")?,
        reason: column(row, "reason")?,
        generation: unsigned(row, "generation")?,
        active: parsed(row, "active")?,
    })
}

fn broken(column: &str, text: impl std::fmt::Display) -> StoreError {
    StoreError::Column {
        column: column.to_owned(),
        text: text.to_string(),
    }
}

fn read<T: DeserializeOwned>(row: &Row, name: &str) -> Result<T, StoreError> {
    serde_json::from_str(&column::<String>(row, name)?).map_err(|error| broken(name, error))
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| broken("JSON", error))
}

fn unsigned(row: &Row, name: &str) -> Result<u64, StoreError> {
    u64::try_from(column::<i64>(row, name)?).map_err(|error| broken(name, error))
}

fn signed(name: &str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|error| broken(name, error))
}
