//! The tables `pending_rewards` and `arm_events`.

use super::{Event, Pending};
use crate::arms::Part;
use crate::arms::context::Context;
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_store::{Row, Statement, Store, StoreError, column, parsed};

/// What `arm_events.kind` says of an inheritance; of an observation it names the part.
const SUCCEEDED: &str = "succeeded";

const PARTS: [(Part, &str); 3] = [
    (Part::Value, "value"),
    (Part::Cost, "cost"),
    (Part::Latency, "latency"),
];

fn unreadable(column: &str, text: impl ToString) -> StoreError {
    StoreError::Column {
        column: column.to_owned(),
        text: text.to_string(),
    }
}

fn text(context: &Context) -> Result<String, StoreError> {
    serde_json::to_string(context).map_err(|error| unreadable("context", error))
}

fn context(row: &Row) -> Result<Context, StoreError> {
    let text: String = column(row, "context")?;
    serde_json::from_str(&text).map_err(|error| unreadable("context", error))
}

pub(super) fn insert_pending(pending: &Pending) -> Result<Statement, StoreError> {
    Ok(Statement::new(
        "INSERT INTO pending_rewards (choice, class, context, candidate, time)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&pending.choice)
    .bind(&pending.class)
    .bind(text(&pending.context)?)
    .bind(pending.candidate.to_string())
    .bind(pending.time))
}

pub(super) fn delete_pending(choice: &str) -> Statement {
    Statement::new("DELETE FROM pending_rewards WHERE choice = $1").bind(choice)
}

pub(super) fn insert_event(
    number: i64,
    choice: &str,
    event: &Event,
    now: Timestamp,
) -> Result<Statement, StoreError> {
    let statement = Statement::new(
        "INSERT INTO arm_events (number, choice, time, kind, class, context, candidate, value, predecessor)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(number)
    .bind((!choice.is_empty()).then(|| choice.to_owned()))
    .bind(now);
    Ok(match event {
        Event::Observed {
            class,
            context,
            candidate,
            part,
            value,
        } => statement
            .bind(kind(*part))
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
            .bind(SUCCEEDED)
            .bind(class)
            .bind(text(&Context::default())?)
            .bind(candidate.to_string())
            .bind(None::<f64>)
            .bind(predecessor.to_string()),
    })
}

fn kind(part: Part) -> &'static str {
    PARTS
        .iter()
        .find(|(own, _)| *own == part)
        .map_or("", |(_, name)| name)
}

pub(super) async fn pending(store: &Store) -> Result<Vec<Pending>, StoreError> {
    const SQL: &str = "SELECT choice, class, context, candidate, time FROM pending_rewards";
    let rows = sqlx::query(SQL)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter()
        .map(|row| {
            Ok(Pending {
                choice: column(row, "choice")?,
                class: column(row, "class")?,
                context: context(row)?,
                candidate: parsed(row, "candidate")?,
                time: Timestamp(column(row, "time")?),
            })
        })
        .collect()
}

/// Number, choice and event of every row, in order.
pub(super) async fn events(store: &Store) -> Result<Vec<(i64, String, Event)>, StoreError> {
    const SQL: &str = "SELECT number, choice, kind, class, context, candidate, value, predecessor
         FROM arm_events ORDER BY number";
    let rows = sqlx::query(SQL)
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

fn event(row: &Row) -> Result<Event, StoreError> {
    let kind: String = column(row, "kind")?;
    let class: String = column(row, "class")?;
    let candidate: Digest = parsed(row, "candidate")?;
    if kind == SUCCEEDED {
        return Ok(Event::Succeeded {
            class,
            candidate,
            predecessor: parsed(row, "predecessor")?,
        });
    }
    let part = PARTS.iter().find(|(_, name)| *name == kind);
    let (part, _) = part.ok_or_else(|| unreadable("kind", format!("'{kind}' is no event")))?;
    Ok(Event::Observed {
        class,
        context: context(row)?,
        candidate,
        part: *part,
        value: column(row, "value")?,
    })
}
