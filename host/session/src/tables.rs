//! The session's own tables: sessions, equity, proposals and trials.

use crate::record::{ModelRecord, ProposalRecord, SessionRecord};
use crate::recorder::Ink;
use bulkhead_domain::risk::Portfolio;
use bulkhead_domain::{Digest, Problem};
use bulkhead_store::{Migration, MigrationSet, Statement, Store, StoreError, column};

/// The tables' migrations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "session",
    migrations: &[Migration {
        version: 1,
        name: "sessions, equity, proposals and trials",
        sql: "CREATE TABLE sessions (
                  run TEXT PRIMARY KEY,
                  session TEXT NOT NULL,
                  name TEXT NOT NULL,
                  mode TEXT NOT NULL,
                  state TEXT NOT NULL,
                  digest TEXT,
                  totals TEXT
              );
              CREATE INDEX sessions_by_session ON sessions (session);
              CREATE TABLE equity (
                  run TEXT NOT NULL,
                  time BIGINT NOT NULL,
                  cash TEXT NOT NULL,
                  equity TEXT NOT NULL,
                  PRIMARY KEY (run, time)
              );
              CREATE TABLE proposals (
                  run TEXT NOT NULL,
                  decision TEXT NOT NULL,
                  time BIGINT NOT NULL,
                  owner TEXT NOT NULL,
                  record TEXT NOT NULL,
                  PRIMARY KEY (run, decision)
              );
              CREATE INDEX proposals_by_decision ON proposals (decision);
              CREATE TABLE trials (
                  run TEXT NOT NULL,
                  family TEXT NOT NULL,
                  configuration TEXT NOT NULL,
                  candidate TEXT NOT NULL,
                  symbol TEXT NOT NULL,
                  first BIGINT NOT NULL,
                  last BIGINT NOT NULL,
                  samples BIGINT NOT NULL,
                  skill DOUBLE PRECISION,
                  record TEXT NOT NULL,
                  PRIMARY KEY (run, family, configuration, symbol)
              );",
    }],
};

/// A new run of a session: `SESSION.N`, N counted from 1 in this store.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn next_run(store: &Store, session: &str) -> Result<String, StoreError> {
    const SQL: &str = "SELECT COUNT(*) AS runs FROM sessions WHERE session = $1";
    let row = sqlx::query(SQL)
        .bind(session)
        .fetch_one(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let runs: i64 = column(&row, "runs")?;
    Ok(format!("{session}.{}", runs + 1))
}

pub(crate) fn write_start(
    ink: &Ink,
    session: &str,
    name: &str,
    mode: &str,
) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new("INSERT INTO sessions (run, session, name, mode, state) VALUES ($1, $2, $3, $4, 'running')")
            .bind(ink.run.clone())
            .bind(session.to_owned())
            .bind(name.to_owned())
            .bind(mode.to_owned()),
    )?;
    // Durable before the first order can be.
    ink.writer.flush()
}

/// Marks a session that could not go on; what it wrote until then is kept.
pub(crate) fn write_failed(ink: &Ink) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new("UPDATE sessions SET state = 'failed' WHERE run = $1").bind(ink.run.clone()),
    )?;
    ink.writer.flush()
}

pub(crate) fn write_equity(ink: &Ink, time: i64, portfolio: &Portfolio) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new("INSERT INTO equity (run, time, cash, equity) VALUES ($1, $2, $3, $4)")
            .bind(ink.run.clone())
            .bind(time)
            .bind(portfolio.cash.to_string())
            .bind(portfolio.equity.to_string()),
    )
}

fn text(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Column {
        column: "record".to_owned(),
        text: error.to_string(),
    })
}

/// Keeps what is only known at the end: proposals with their outcomes, trials, the digest and totals.
pub(crate) fn write_end(ink: &Ink, record: &SessionRecord, family: &str) -> Result<(), Problem> {
    for proposal in &record.proposals {
        ink.writer.write(
            Statement::new("INSERT INTO proposals (run, decision, time, owner, record) VALUES ($1, $2, $3, $4, $5)")
                .bind(ink.run.clone())
                .bind(proposal.decision.clone())
                .bind(proposal.time)
                .bind(proposal.owner.clone())
                .bind(text(proposal)?),
        )?;
    }
    let span = (
        record.equity.times.first().copied().unwrap_or(0),
        record.equity.times.last().copied().unwrap_or(0),
    );
    for model in &record.models {
        write_trial(ink, family, span, model)?;
    }
    let state = text(&record.ending)?.trim_matches('"').to_owned();
    ink.writer.write(
        Statement::new("UPDATE sessions SET state = $1, digest = $2, totals = $3 WHERE run = $4")
            .bind(state)
            .bind(record.digest.to_string())
            .bind(text(&record.totals)?)
            .bind(ink.run.clone()),
    )?;
    Ok(ink.writer.flush()?)
}

fn write_trial(
    ink: &Ink,
    family: &str,
    span: (i64, i64),
    model: &ModelRecord,
) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new(
            "INSERT INTO trials (run, family, configuration, candidate, symbol, first, last, samples, skill, record)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        )
        .bind(ink.run.clone())
        .bind(family.to_owned())
        .bind(Digest::of(model.candidate.as_bytes()).to_string())
        .bind(model.candidate.clone())
        .bind(model.symbol.clone())
        .bind(span.0)
        .bind(span.1)
        .bind(i64::try_from(model.samples).unwrap_or(i64::MAX))
        .bind(model.skill.map(|skill| skill.value))
        .bind(text(model)?),
    )
}

/// Finds a proposal by its decision, newest run first.
///
/// # Errors
/// When the store cannot be read, or the record in it is broken.
pub async fn find_proposal(
    store: &Store,
    decision: &str,
) -> Result<Option<ProposalRecord>, StoreError> {
    // A decision belongs to one session, whose runs are numbered: the tenth comes after the ninth.
    const SQL: &str = "SELECT record FROM proposals WHERE decision = $1
         ORDER BY LENGTH(run) DESC, run DESC LIMIT 1";
    let row = sqlx::query(SQL)
        .bind(decision)
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let Some(row) = row else { return Ok(None) };
    let record: String = column(&row, "record")?;
    serde_json::from_str(&record)
        .map(Some)
        .map_err(|error| StoreError::Column {
            column: "record".to_owned(),
            text: error.to_string(),
        })
}
