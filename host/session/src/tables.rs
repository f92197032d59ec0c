//! The session's own tables: sessions, equity, proposals and trials.

use crate::record::{ModelRecord, ProposalRecord, SessionRecord};
use crate::recorder::Ink;
use bulkhead_domain::risk::Portfolio;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_store::{Migration, MigrationSet, Row, Statement, Store, StoreError, Writer, column};
use serde::Serialize;

/// The tables' migrations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "session",
    migrations: &[
        Migration {
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
        },
        Migration {
            version: 2,
            name: "symbols of proposals",
            sql: "ALTER TABLE proposals ADD COLUMN symbol TEXT NOT NULL DEFAULT ''",
        },
        Migration {
            version: 3,
            name: "calls of simulated brokers",
            sql: "CREATE TABLE broker_calls (
                  run TEXT NOT NULL,
                  sequence BIGINT NOT NULL,
                  time BIGINT NOT NULL,
                  call TEXT NOT NULL,
                  PRIMARY KEY (run, sequence)
              );",
        },
        Migration {
            version: 4,
            name: "when runs were started",
            sql: "ALTER TABLE sessions ADD COLUMN started BIGINT NOT NULL DEFAULT 0",
        },
        Migration {
            version: 5,
            name: "what runs were configured by",
            sql: "ALTER TABLE sessions ADD COLUMN source TEXT NOT NULL DEFAULT ''",
        },
    ],
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

/// The run of a session that began and did not end, the newest.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn unfinished(store: &Store, session: &str) -> Result<Option<String>, StoreError> {
    const SQL: &str = "SELECT run FROM sessions WHERE session = $1 AND state = 'running'
         ORDER BY LENGTH(run) DESC, run DESC LIMIT 1";
    let row = sqlx::query(SQL)
        .bind(session.to_owned())
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    row.map(|row| column(&row, "run")).transpose()
}

/// Unfinished runs of sessions of this name, the newest first.
pub(crate) async fn unfinished_of(store: &Store, name: &str) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT run FROM sessions WHERE name = $1 AND state = 'running'
         ORDER BY started DESC, LENGTH(run) DESC, run DESC";
    let rows = sqlx::query(SQL)
        .bind(name.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter().map(|row| column(row, "run")).collect()
}

/// Every unfinished run.
pub(crate) async fn all_unfinished(store: &Store) -> Result<Vec<String>, StoreError> {
    const SQL: &str = "SELECT run FROM sessions WHERE state = 'running' ORDER BY run";
    let rows = sqlx::query(SQL)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter().map(|row| column(row, "run")).collect()
}

/// Leaves an unfinished run as it is, for good.
pub(crate) fn write_abandoned(writer: &Writer, run: &str) -> Result<(), StoreError> {
    writer.write(Statement::new("UPDATE sessions SET state = 'abandoned' WHERE run = $1").bind(run))
}

/// Takes away what can be derived again of a run that is resumed: everything but its journal.
pub(crate) fn forget_derived(writer: &Writer, run: &str) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM equity WHERE run = $1",
        "DELETE FROM proposals WHERE run = $1",
        "DELETE FROM trials WHERE run = $1",
    ] {
        writer.write(Statement::new(sql).bind(run))?;
    }
    Ok(())
}

/// `source` is the configuration and where its relative paths start, for whoever runs it again.
pub(crate) fn write_start(
    ink: &Ink,
    (session, name): (&str, &str),
    mode: &str,
    started: Timestamp,
    source: &str,
) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new("INSERT INTO sessions (run, session, name, mode, state, started, source) VALUES ($1, $2, $3, $4, 'running', $5, $6) ON CONFLICT DO NOTHING")
            .bind(ink.run.clone())
            .bind(session.to_owned())
            .bind(name.to_owned())
            .bind(mode.to_owned())
            .bind(started)
            .bind(source.to_owned()),
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
///
/// `configurations` says what each of the record's models was a trial of.
pub(crate) fn write_end(
    ink: &Ink,
    record: &SessionRecord,
    family: &str,
    configurations: &[Digest],
) -> Result<(), Problem> {
    for proposal in &record.proposals {
        let symbol = record
            .instruments
            .iter()
            .find(|instrument| instrument.handle == proposal.instrument)
            .map_or("", |instrument| instrument.symbol.as_str());
        ink.writer.write(
            Statement::new(
                "INSERT INTO proposals (run, decision, time, owner, symbol, record)
                 VALUES ($1, $2, $3, $4, $5, $6)",
            )
            .bind(ink.run.clone())
            .bind(proposal.decision.clone())
            .bind(proposal.time)
            .bind(proposal.owner.clone())
            .bind(symbol.to_owned())
            .bind(text(proposal)?),
        )?;
    }
    let span = (
        record.equity.times.first().copied().unwrap_or(0),
        record.equity.times.last().copied().unwrap_or(0),
    );
    for (model, configuration) in record.models.iter().zip(configurations) {
        write_trial(ink, family, configuration, span, model)?;
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
    configuration: &Digest,
    span: (i64, i64),
    model: &ModelRecord,
) -> Result<(), StoreError> {
    ink.writer.write(
        Statement::new(
            "INSERT INTO trials (run, family, configuration, candidate, symbol, first, last, samples, skill, record)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(ink.run.clone())
        .bind(family.to_owned())
        .bind(configuration.to_string())
        .bind(model.candidate.clone())
        .bind(model.symbol.clone())
        .bind(span.0)
        .bind(span.1)
        .bind(i64::try_from(model.samples).unwrap_or(i64::MAX))
        .bind(model.skill.map(|skill| skill.value))
        .bind(text(model)?),
    )
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptRun {
    /// Names it: `SESSION.N`.
    pub run: String,
    /// The session's name in its configuration.
    pub name: String,
    /// `running`, `completed`, `interrupted`, `failed` or `abandoned`.
    pub state: String,
    /// When it was started, by the clock; 1970 in what was kept by an early version.
    pub started: Timestamp,
}

/// Every run that is kept, the newest first.
///
/// # Errors
/// When the store cannot be read.
pub async fn runs(store: &Store) -> Result<Vec<KeptRun>, StoreError> {
    const SQL: &str = "SELECT run, name, state, started FROM sessions
         ORDER BY started DESC, LENGTH(run) DESC, run DESC";
    let rows = sqlx::query(SQL)
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter()
        .map(|row| {
            Ok(KeptRun {
                run: column(row, "run")?,
                name: column(row, "name")?,
                state: column(row, "state")?,
                started: Timestamp(column(row, "started")?),
            })
        })
        .collect()
}

/// A run as it is kept, for whoever runs it again.
pub(crate) struct KeptSource {
    pub(crate) run: String,
    pub(crate) session: String,
    pub(crate) state: String,
    /// What it was configured by; empty in what was kept by an early version.
    pub(crate) source: String,
    /// Its totals as JSON, once it ended.
    pub(crate) totals: Option<String>,
}

/// The newest run of this name: a run's, a session's, or that of a configuration.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn find_run(store: &Store, name: &str) -> Result<Option<KeptSource>, StoreError> {
    const SQL: &str = "SELECT run, session, state, source, totals FROM sessions
         WHERE run = $1 OR session = $1 OR name = $1
         ORDER BY started DESC, LENGTH(run) DESC, run DESC LIMIT 1";
    let row = sqlx::query(SQL)
        .bind(name.to_owned())
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    row.map(|row| {
        Ok(KeptSource {
            run: column(&row, "run")?,
            session: column(&row, "session")?,
            state: column(&row, "state")?,
            source: column(&row, "source")?,
            totals: column(&row, "totals")?,
        })
    })
    .transpose()
}

/// Every proposal of a run that ended, by its decision.
///
/// # Errors
/// When the store cannot be read, or a record in it is broken.
pub(crate) async fn proposals_of(
    store: &Store,
    run: &str,
) -> Result<Vec<ProposalRecord>, StoreError> {
    const SQL: &str = "SELECT record FROM proposals WHERE run = $1 ORDER BY time, decision";
    let rows = sqlx::query(SQL)
        .bind(run.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    rows.iter().map(proposal).collect()
}

fn proposal(row: &Row) -> Result<ProposalRecord, StoreError> {
    let record: String = column(row, "record")?;
    serde_json::from_str(&record).map_err(|error| StoreError::Column {
        column: "record".to_owned(),
        text: error.to_string(),
    })
}

/// A proposal as it is kept.
#[derive(Debug, Clone)]
pub struct KeptProposal {
    /// Symbol of its instrument, whose number means something in its session only. Empty in what was kept by
    /// an early version.
    pub symbol: String,
    /// The proposal.
    pub proposal: ProposalRecord,
}

/// Finds a proposal by its decision, newest run first.
///
/// # Errors
/// When the store cannot be read, or the record in it is broken.
pub async fn find_kept_proposal(
    store: &Store,
    decision: &str,
) -> Result<Option<KeptProposal>, StoreError> {
    // A decision belongs to one session, whose runs are numbered: the tenth comes after the ninth.
    const SQL: &str = "SELECT symbol, record FROM proposals WHERE decision = $1
         ORDER BY LENGTH(run) DESC, run DESC LIMIT 1";
    let row = sqlx::query(SQL)
        .bind(decision)
        .fetch_optional(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(SQL, &error))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(KeptProposal {
        symbol: column(&row, "symbol")?,
        proposal: proposal(&row)?,
    }))
}

/// [`find_kept_proposal`] without the symbol.
///
/// # Errors
/// As there.
pub async fn find_proposal(
    store: &Store,
    decision: &str,
) -> Result<Option<ProposalRecord>, StoreError> {
    let kept = find_kept_proposal(store, decision).await?;
    Ok(kept.map(|kept| kept.proposal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn model() -> Value {
        json!({
            "symbol": "IBM", "candidate": "linfa/svm", "fits": 1, "failures": null, "samples": 7,
            "skill": null, "log_loss": null, "base_log_loss": null, "reliability": [],
            "eligible_bars": 0, "gated_bars": 0, "chosen_bars": 0
        })
    }

    fn record() -> SessionRecord {
        let proposal = json!({
            "decision": "t-1", "client_order_id": null, "time": 5, "owner": "s", "instrument": 2,
            "side": "buy", "quantity": "1", "sent": "0", "kind": "market", "reason": "r",
            "confidence": null, "features": [], "models": [], "verdicts": [], "outcome": null
        });
        let instrument = |handle: u32, symbol: &str| {
            json!({
                "handle": handle, "symbol": symbol, "times": [], "close": [], "continuous": [],
                "actions": [], "cleaning": []
            })
        };
        let value = json!({
            "id": "s-1", "name": "n", "ending": "completed", "seed": 1, "currency": "USD",
            "starting_cash": "10", "validation": false, "digest": Digest::of(b"x"), "inputs": [],
            "instruments": [instrument(1, "AAPL"), instrument(2, "IBM")],
            "equity": { "times": [], "equity": [], "cash": [], "gross_exposure": [] },
            "benchmarks": [], "proposals": [proposal], "fills": [], "trades": [],
            "models": [model(), model()], "incidents": [], "notes": [],
            "totals": {
                "bars": 0, "final_equity": "10", "total_return": 0.0, "max_drawdown": 0.0, "fees": "0",
                "dividends": "0", "proposals": 1, "orders": 0, "fills": 0, "vetoed": 0, "denied": 0
            }
        });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn the_run_started_last_comes_first() {
        let runs = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[MIGRATIONS]).await?;
            for (session, started) in [("s-2", 5), ("s-1", 9), ("s-1", 7)] {
                let ink = Ink {
                    writer: store.writer()?,
                    run: next_run(&store, session).await?,
                };
                write_start(&ink, (session, "n"), "test", Timestamp(started), "")?;
                // A run that is resumed was started when it was.
                write_start(&ink, (session, "n"), "test", Timestamp(100), "")?;
            }
            runs(&store).await
        })
        .unwrap();
        let order: Vec<_> = runs.iter().map(|run| run.run.as_str()).collect();
        assert_eq!(order, ["s-1.1", "s-1.2", "s-2.1"]);
        assert_eq!(runs[0].started, Timestamp(9));
    }

    #[test]
    fn a_proposal_is_kept_with_its_symbol_and_every_trial_counts() {
        let (kept, trials) = bulkhead_store::wait(async {
            let store = Store::in_memory().await?;
            store.migrate(&[MIGRATIONS]).await?;
            let ink = Ink {
                writer: store.writer()?,
                run: next_run(&store, "s-1").await?,
            };
            write_start(&ink, ("s-1", "n"), "test", Timestamp(7), "")?;
            // One algorithm with two sets of parameters is two trials, whatever they are called.
            let configurations = [Digest::of(b"shallow"), Digest::of(b"deep")];
            write_end(&ink, &record(), "n", &configurations).unwrap();
            let row = sqlx::query("SELECT COUNT(*) AS trials FROM trials")
                .fetch_one(store.pool())
                .await
                .unwrap();
            let trials: i64 = column(&row, "trials")?;
            Ok::<_, StoreError>((find_kept_proposal(&store, "t-1").await?, trials))
        })
        .unwrap();
        let kept = kept.unwrap();
        assert_eq!(kept.symbol, "IBM");
        assert_eq!(kept.proposal.instrument, 2);
        assert_eq!(trials, 2);
    }
}
