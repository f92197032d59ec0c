//! The tables `pending_rewards`, `arm_events` and `arm_names`.

use super::{Event, Pending};
use crate::arms::Part;
use crate::arms::context::Context;
use crate::tables::{broken, from_json};
use crate::task::Candidate;
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_store::{Row, Statement, Store, StoreError, column, parsed};
use std::collections::BTreeMap;

/// What `arm_events.kind` says of an inheritance; of an observation it names the part.
pub(super) const SUCCEEDED: &str = "succeeded";

/// What `arm_events.kind` says of an observation. Of one part the first is meant unless said otherwise.
const PARTS: [(Part, &str); 4] = [
    (Part::Value, "value"),
    (Part::Cost, "cost"),
    (Part::Latency, MEASURED),
    (Part::Latency, FROM_ELSEWHERE),
];
const MEASURED: &str = "latency";
/// A latency that was not measured here.
pub(super) const FROM_ELSEWHERE: &str = "latency-from-elsewhere";
/// A latency that was measured here and that no arm learns of here.
pub(super) const ASIDE: &str = "latency-aside";

fn text(context: &Context) -> Result<String, StoreError> {
    serde_json::to_string(context).map_err(|error| broken("context", error))
}

pub(super) fn insert_pending(scope: &str, pending: &Pending) -> Result<Statement, StoreError> {
    Ok(Statement::new(
        "INSERT INTO pending_rewards (scope, choice, class, context, candidate, time)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(scope)
    .bind(&pending.choice)
    .bind(&pending.class)
    .bind(text(&pending.context)?)
    .bind(pending.candidate.to_string())
    .bind(pending.time))
}

pub(super) fn delete_pending(scope: &str, choice: &str) -> Statement {
    Statement::new("DELETE FROM pending_rewards WHERE scope = $1 AND choice = $2")
        .bind(scope)
        .bind(choice)
}

/// Everything of a scope.
pub(super) fn delete_scope(scope: &str) -> Vec<Statement> {
    vec![
        Statement::new("DELETE FROM pending_rewards WHERE scope = $1").bind(scope),
        Statement::new("DELETE FROM arm_events WHERE scope = $1").bind(scope),
    ]
}

pub(super) fn insert_name(candidate: &Candidate, label: &str) -> Statement {
    Statement::new(
        "INSERT INTO arm_names (candidate, label, version, digest) VALUES ($1, $2, $3, $4)
         ON CONFLICT (candidate) DO NOTHING",
    )
    .bind(candidate.identity().to_string())
    .bind(label)
    .bind(&candidate.version)
    .bind(candidate.digest.to_string())
}

/// What candidates are called: label and version, by [`Candidate::identity`].
///
/// # Errors
/// When the table cannot be read.
pub async fn names(store: &Store) -> Result<BTreeMap<Digest, (String, String)>, StoreError> {
    const SQL: &str = "SELECT candidate, label, version FROM arm_names";
    let rows = sqlx::query(SQL)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter()
        .map(|row| {
            let name = (column(row, "label")?, column(row, "version")?);
            Ok((parsed(row, "candidate")?, name))
        })
        .collect()
}

/// Scopes in which something was earned, each with its task classes; in order.
///
/// # Errors
/// When the table cannot be read.
pub async fn scopes(store: &Store) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
    const SQL: &str = "SELECT DISTINCT scope, class FROM arm_events ORDER BY scope, class";
    let rows = sqlx::query(SQL)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let mut scopes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in &rows {
        let classes = scopes.entry(column(row, "scope")?).or_default();
        classes.push(column(row, "class")?);
    }
    Ok(scopes)
}

pub(super) fn insert_event(
    (scope, number): (&str, i64),
    choice: &str,
    kind: &'static str,
    event: &Event,
    now: Timestamp,
) -> Result<Statement, StoreError> {
    let statement = Statement::new(
        "INSERT INTO arm_events (scope, number, choice, time, kind, class, context, candidate, value, predecessor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(scope)
    .bind(number)
    .bind((!choice.is_empty()).then(|| choice.to_owned()))
    .bind(now);
    Ok(match event {
        Event::Observed {
            class,
            context,
            candidate,
            value,
            ..
        } => statement
            .bind(kind)
            .bind(class)
            .bind(text(context)?)
            .bind(candidate.to_string())
            .bind(*value)
            .bind(None::<String>),
        Event::Succeeded {
            class,
            candidate,
            predecessor,
        } => statement
            .bind(kind)
            .bind(class)
            .bind(text(&Context::default())?)
            .bind(candidate.to_string())
            .bind(None::<f64>)
            .bind(predecessor.to_string()),
    })
}

/// What an observation of a part is called.
pub(super) fn kind(part: Part) -> &'static str {
    let found = PARTS.iter().find(|(own, _)| *own == part);
    found.map_or("", |(_, name)| name)
}

/// Mean latency in seconds, over all scopes, of every candidate of a class that was timed, by
/// [`Candidate::identity`].
///
/// # Errors
/// When the table cannot be read.
pub async fn measured_latencies(
    store: &Store,
    class: &str,
) -> Result<BTreeMap<Digest, f64>, StoreError> {
    const SQL: &str =
        "SELECT candidate, value FROM arm_events WHERE class = $1 AND kind IN ($2, $3)
         ORDER BY scope, number";
    let rows = sqlx::query(SQL)
        .bind(class.to_owned())
        .bind(MEASURED)
        .bind(ASIDE)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let mut sums: BTreeMap<Digest, (f64, f64)> = BTreeMap::new();
    for row in &rows {
        let (count, total) = sums.entry(parsed(row, "candidate")?).or_default();
        *count += 1.0;
        *total += column::<f64>(row, "value")?;
    }
    Ok(sums
        .into_iter()
        .map(|(candidate, (count, total))| (candidate, total / count))
        .collect())
}

pub(super) async fn pending(store: &Store, scope: &str) -> Result<Vec<Pending>, StoreError> {
    const SQL: &str =
        "SELECT choice, class, context, candidate, time FROM pending_rewards WHERE scope = $1";
    let rows = sqlx::query(SQL)
        .bind(scope.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter()
        .map(|row| {
            Ok(Pending {
                choice: column(row, "choice")?,
                class: column(row, "class")?,
                context: from_json(row, "context")?,
                candidate: parsed(row, "candidate")?,
                time: Timestamp(column(row, "time")?),
            })
        })
        .collect()
}

/// Number, choice and event of every row, in order; no event where no arm learns of it.
pub(super) async fn events(
    store: &Store,
    scope: &str,
) -> Result<Vec<(i64, String, Option<Event>)>, StoreError> {
    const SQL: &str = "SELECT number, choice, kind, class, context, candidate, value, predecessor
         FROM arm_events WHERE scope = $1 ORDER BY number";
    let rows = sqlx::query(SQL)
        .bind(scope.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter()
        .map(|row| {
            let choice: Option<String> = column(row, "choice")?;
            Ok((
                column(row, "number")?,
                choice.unwrap_or_default(),
                event(row)?,
            ))
        })
        .collect()
}

fn event(row: &Row) -> Result<Option<Event>, StoreError> {
    let kind: String = column(row, "kind")?;
    let class: String = column(row, "class")?;
    let candidate: Digest = parsed(row, "candidate")?;
    if kind == SUCCEEDED {
        return Ok(Some(Event::Succeeded {
            class,
            candidate,
            predecessor: parsed(row, "predecessor")?,
        }));
    }
    if kind == ASIDE {
        return Ok(None);
    }
    let part = PARTS.iter().find(|(_, name)| *name == kind);
    let (part, _) = part.ok_or_else(|| broken("kind", format!("'{kind}' is no event")))?;
    Ok(Some(Event::Observed {
        class,
        context: from_json(row, "context")?,
        candidate,
        part: *part,
        value: column(row, "value")?,
    }))
}
