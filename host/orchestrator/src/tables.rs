//! The orchestrator's tables, and what is read and written of `standings` and `decisions`.

use crate::decision::{Decision, Standings};
use crate::task::Task;
use bulkhead_store::{Migration, MigrationSet, Row, Statement, Store, StoreError, Writer, column};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The tables' migrations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "orchestrator",
    migrations: &[STANDINGS, BUDGETS, REWARDS, CHOICES, SCOPES],
};

const STANDINGS: Migration = Migration {
    version: 1,
    name: "standings and decisions",
    sql: "CREATE TABLE standings (
                  id TEXT PRIMARY KEY,
                  session TEXT NOT NULL,
                  time BIGINT NOT NULL,
                  record TEXT NOT NULL
              );
              CREATE TABLE decisions (
                  id TEXT PRIMARY KEY,
                  session TEXT NOT NULL,
                  time BIGINT NOT NULL,
                  standings TEXT NOT NULL REFERENCES standings (id),
                  record TEXT NOT NULL
              );
              CREATE INDEX decisions_by_session ON decisions (session, time);",
};

const BUDGETS: Migration = Migration {
    version: 2,
    name: "budgets",
    sql: "CREATE TABLE budget_use (
              number BIGINT NOT NULL,
              account TEXT NOT NULL,
              day BIGINT NOT NULL,
              calls BIGINT NOT NULL,
              tokens BIGINT NOT NULL,
              money TEXT NOT NULL,
              settled BIGINT NOT NULL,
              PRIMARY KEY (number, account)
          );
          CREATE INDEX budget_use_by_day ON budget_use (day);",
};

const REWARDS: Migration = Migration {
    version: 3,
    name: "rewards",
    sql: "CREATE TABLE pending_rewards (
              choice TEXT PRIMARY KEY,
              class TEXT NOT NULL,
              context TEXT NOT NULL,
              candidate TEXT NOT NULL,
              time BIGINT NOT NULL
          );
          CREATE TABLE arm_events (
              number BIGINT PRIMARY KEY,
              choice TEXT,
              time BIGINT NOT NULL,
              kind TEXT NOT NULL,
              class TEXT NOT NULL,
              context TEXT NOT NULL,
              candidate TEXT NOT NULL,
              value DOUBLE PRECISION,
              predecessor TEXT,
              UNIQUE (choice, kind)
          );",
};

const CHOICES: Migration = Migration {
    version: 4,
    name: "choices",
    sql: "CREATE TABLE slates (
              id TEXT PRIMARY KEY,
              record TEXT NOT NULL
          );
          CREATE TABLE choices (
              id TEXT PRIMARY KEY,
              slate TEXT NOT NULL REFERENCES slates (id),
              sequence BIGINT NOT NULL,
              time BIGINT NOT NULL,
              record BYTEA NOT NULL
          );
          CREATE INDEX choices_by_slate ON choices (slate, sequence);",
};

/// Rewards belong to a scope; what was kept without one is let go.
const SCOPES: Migration = Migration {
    version: 5,
    name: "rewards by scope",
    sql: "DROP TABLE pending_rewards;
          DROP TABLE arm_events;
          CREATE TABLE pending_rewards (
              scope TEXT NOT NULL,
              choice TEXT NOT NULL,
              class TEXT NOT NULL,
              context TEXT NOT NULL,
              candidate TEXT NOT NULL,
              time BIGINT NOT NULL,
              PRIMARY KEY (scope, choice)
          );
          CREATE TABLE arm_events (
              scope TEXT NOT NULL,
              number BIGINT NOT NULL,
              choice TEXT,
              time BIGINT NOT NULL,
              kind TEXT NOT NULL,
              class TEXT NOT NULL,
              context TEXT NOT NULL,
              candidate TEXT NOT NULL,
              value DOUBLE PRECISION,
              predecessor TEXT,
              PRIMARY KEY (scope, number),
              UNIQUE (scope, choice, kind)
          );
          CREATE TABLE arm_names (
              candidate TEXT PRIMARY KEY,
              label TEXT NOT NULL,
              version TEXT NOT NULL,
              digest TEXT NOT NULL
          );",
};

/// A column that holds, or would hold, what it cannot.
pub(crate) fn broken(column: &str, text: impl ToString) -> StoreError {
    StoreError::Column {
        column: column.to_owned(),
        text: text.to_string(),
    }
}

/// The value that a column holds as JSON.
pub(crate) fn from_json<T: DeserializeOwned>(row: &Row, name: &str) -> Result<T, StoreError> {
    let text: String = column(row, name)?;
    serde_json::from_str(&text).map_err(|error| broken(name, error))
}

/// Keeps standings. The same standings twice are kept once.
///
/// # Errors
/// When an earlier write failed.
pub fn write_standings(
    writer: &Writer,
    session: &str,
    standings: &Standings,
) -> Result<(), StoreError> {
    let record = serde_json::to_string(standings).map_err(|error| broken("record", error))?;
    writer.write(
        Statement::new(
            "INSERT INTO standings (id, session, time, record) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(standings.id.to_string())
        .bind(session.to_owned())
        .bind(standings.time.0)
        .bind(record),
    )
}

/// Keeps a decision. The same decision twice is kept once.
///
/// # Errors
/// When an earlier write failed.
pub fn write_decision(
    writer: &Writer,
    session: &str,
    decision: &Decision,
) -> Result<(), StoreError> {
    let record = serde_json::to_string(decision).map_err(|error| broken("record", error))?;
    writer.write(
        Statement::new(
            "INSERT INTO decisions (id, session, time, standings, record) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(decision.id.clone())
        .bind(session.to_owned())
        .bind(decision.time.0)
        .bind(decision.standings.to_string())
        .bind(record),
    )
}

/// Finds a decision by its id, with the standings it was made on.
///
/// # Errors
/// When the database cannot be read, or a record in it is broken.
pub async fn find_decision(
    store: &Store,
    id: &str,
) -> Result<Option<(Decision, Standings)>, StoreError> {
    const SQL: &str = "SELECT d.record AS decision, s.record AS standings
         FROM decisions d JOIN standings s ON s.id = d.standings WHERE d.id = $1";
    let row = sqlx::query(SQL)
        .bind(id)
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some((
        from_json(&row, "decision")?,
        from_json(&row, "standings")?,
    )))
}

/// The newest standings of every task of a run, by task.
///
/// # Errors
/// When the database cannot be read, or a record in it is broken.
pub async fn latest_standings(store: &Store, run: &str) -> Result<Vec<Standings>, StoreError> {
    const SQL: &str = "SELECT record FROM standings WHERE session = $1 ORDER BY time, id";
    let rows = sqlx::query(SQL)
        .bind(run.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let mut newest: BTreeMap<Task, Standings> = BTreeMap::new();
    for row in &rows {
        let standings: Standings = from_json(row, "record")?;
        newest.insert(standings.task.clone(), standings);
    }
    Ok(newest.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::task::{Standing, TaskKind};
    use crate::{Rederived, SkillGate};
    use bulkhead_domain::{Digest, Timestamp};

    #[test]
    fn a_decision_is_found_again_and_rederives_to_itself() {
        let task = Task {
            kind: TaskKind::Predict,
            class: "direction".to_owned(),
            context: "IBM".to_owned(),
        };
        let standing = Standing {
            candidate: "linfa/random-forest".to_owned(),
            identity: Digest::of(b"x"),
            unavailable: None,
            samples: 12,
            skill: None,
            score: None,
        };
        let policy = Policy::DiscountedSkill(SkillGate { above: 0.0 });
        let standings = Standings::new("s", Timestamp(5), task, policy, vec![standing]);
        let decision = Decision::make("s", Timestamp(6), &standings);

        let found = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[MIGRATIONS]).await?;
            let writer = store.writer()?;
            write_standings(&writer, "s", &standings)?;
            write_decision(&writer, "s", &decision)?;
            write_decision(&writer, "s", &decision)?;
            writer.flush()?;
            find_decision(&store, &decision.id).await
        });
        let (kept, on) = found.unwrap().unwrap();
        assert_eq!(kept, decision);
        assert_eq!(kept.rederive(&on), Rederived::Same);

        let mut forged = kept;
        forged.choice.winner = Some(0);
        assert!(matches!(forged.rederive(&on), Rederived::Different(_)));
    }
}
