//! The ledger of trials: what was tried, what counts, and what is left of a Sharpe ratio after it.
//!
//! A trial that counts is a distinct configuration whose performance was seen, in a declared family, on a span of
//! time. Its configuration is the [digest](super::TrialSpec::digest) of its specification: refits and folds are part
//! of one trial, an identical rerun is the same trial again. A fold's figures are on record as seen before they are
//! shown, so a trial that is pruned, stopped or killed counts as soon as anything of it was seen; one that crashed
//! before is recorded and does not. Deflation counts the family's trials whose spans share any time, of whatever
//! symbol: another instrument or one more bar is another look at the same hypothesis.
//!
//! What a Sharpe ratio is worth moves as trials are added. So deflation stands outside a result's digest: it is
//! stored as it was when the trial ended, and computed anew whenever it is asked for.

use super::rows::{count, opening, record};
use super::run::{Ending, TrialResult};
use super::spec::{TrialSpec, unwritten};
use super::tables::{
    ALL, ARTIFACT, BEGIN, COMBINATION, COUNTED, CRASH, DEFLATE, END, ONE, OPEN, OPENED, OPENINGS,
    SEAL, SEE,
};
use crate::statistics::{Deflation, deflated_sharpe, expected_maximum_sharpe};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_store::{Database, Row, Store, StoreError, column, wait};
use serde::{Deserialize, Serialize};

type Transaction = sqlx::Transaction<'static, Database>;

/// What a Sharpe ratio is worth among the trials of its family.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Deflated {
    /// The trial's Sharpe ratio per period.
    pub sharpe: Option<f64>,
    /// Trials of the family that count, this one included.
    pub trials: u64,
    /// Variance of their Sharpe ratios per period, `n - 1` in it, of those with bars of the same length; 0 of a
    /// single one.
    pub variance: f64,
    /// The largest Sharpe ratio per period to expect of so many without skill.
    pub expected_maximum: Option<f64>,
    /// Probability that the true Sharpe ratio is above that.
    pub dsr: Option<f64>,
}

/// A trial as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TrialRecord {
    /// Its id.
    pub id: String,
    /// The hypothesis that it belongs to.
    pub family: String,
    /// Digest of its configuration.
    pub digest: Digest,
    /// `running` (or killed), `finished`, `stopped`, `pruned` or `crashed`.
    pub state: String,
    /// Most folds whose figures were shown.
    pub seen: u64,
    /// How often it was begun.
    pub runs: u64,
    /// When it was begun first.
    pub begun: Timestamp,
    /// What it is.
    pub spec: TrialSpec,
    /// What came of it.
    pub result: Option<TrialResult>,
    /// Digest of that.
    pub result_digest: Option<Digest>,
    /// What its Sharpe ratio was worth when it ended.
    pub deflation: Option<Deflated>,
    /// Why it crashed.
    pub failure: Option<String>,
    /// The model that was fitted last, where one is kept.
    pub artifact: Option<Digest>,
}

impl TrialRecord {
    /// Whether it counts.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.seen > 0
    }
}

/// An opening of a family's sealed span.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Opening {
    /// Counted from 1.
    pub number: u64,
    /// By which trial.
    pub trial: String,
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub person: String,
    /// Why, where it had been opened before.
    pub reason: Option<String>,
    /// What was seen.
    pub result: Option<serde_json::Value>,
}

/// How far into time a trial looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// When the last label that is not sealed was known.
    pub open_to: Timestamp,
    /// The first decision that is sealed.
    pub sealed_from: Option<Timestamp>,
}

/// A combination of a sweep that was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Combination {
    /// Of everything that it came of.
    pub digest: Digest,
    /// Close of the first bar it saw, nanoseconds UTC.
    pub first: i64,
    /// Close of the last.
    pub last: i64,
    /// Its Sharpe ratio of a day; `None` where it was given up or has none.
    pub sharpe: Option<f64>,
}

/// A Sharpe ratio that is to be judged among others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged<'a> {
    /// The hypothesis.
    pub family: &'a str,
    /// Close of the first bar, nanoseconds UTC.
    pub first: i64,
    /// Close of the last.
    pub last: i64,
    /// Length of its period in nanoseconds: of others, only those of the same length say how much ratios vary.
    pub interval_ns: i64,
    /// Per period.
    pub sharpe: Option<f64>,
    /// Number of returns.
    pub observations: u64,
    /// Of returns.
    pub skewness: Option<f64>,
    /// Of returns, raw.
    pub kurtosis: Option<f64>,
}

/// The trials of a state folder.
#[derive(Clone)]
pub struct Ledger {
    store: Store,
}

impl Ledger {
    /// The ledger in a store whose tables are up to date ([`super::tables::MIGRATIONS`]).
    #[must_use]
    pub fn new(store: Store) -> Ledger {
        Ledger { store }
    }

    /// Puts a trial down before it runs. Returns it as it then is: with a result where it ran before.
    ///
    /// # Errors
    /// When it would be validated on what its family has sealed and not opened, and the store's.
    pub fn begin(
        &self,
        spec: &TrialSpec,
        reach: Reach,
        now: Timestamp,
    ) -> Result<TrialRecord, Problem> {
        let row = self.rows(SEAL, &spec.family)?;
        if let Some(row) = row.first() {
            let sealed: Option<i64> = column(row, "sealed_from")?;
            if let Some(sealed) = sealed
                && count(row, "openings")? == 0
                && reach.open_to.0 > sealed
            {
                return Err(Problem::user(
                    format!(
                        "the trial would look at data up to {}, and family {} has sealed what comes after {}",
                        reach.open_to.date(),
                        spec.family,
                        Timestamp(sealed).date()
                    ),
                    "seal as much as the family's first trial did, or name another family",
                ));
            }
        }
        let digest = spec.digest()?;
        let id = format!("tr-{}", digest.short());
        let text = json(spec)?;
        wait(async {
            let mut transaction = self.store.begin().await?;
            let query = sqlx::query(BEGIN)
                .bind(id.clone())
                .bind(spec.family.clone())
                .bind(digest.to_string())
                .bind(now.0)
                .bind(spec.data.interval_ns)
                .bind(spec.data.first.0)
                .bind(spec.data.last.0)
                .bind(text)
                .bind(reach.open_to.0)
                .bind(reach.sealed_from.map(|it| it.0));
            execute(&mut transaction, BEGIN, query).await?;
            commit(transaction).await
        })?;
        let record = self.find(&id)?;
        if record.digest != digest {
            return Err(Problem::host(
                format!("two trials have the id {id}"),
                "change the seed of the new one",
            ));
        }
        Ok(record)
    }

    /// Puts down that so many folds are about to be seen.
    ///
    /// # Errors
    /// The store's; then they must not be shown.
    pub fn see(&self, id: &str, folds: usize) -> Result<(), Problem> {
        let folds = i64::try_from(folds).unwrap_or(i64::MAX);
        self.execute(SEE, sqlx::query(SEE).bind(id.to_owned()).bind(folds))
    }

    /// Puts down what came of a trial, and what its Sharpe ratio is worth now. What went to its end before stays as
    /// it was.
    ///
    /// # Errors
    /// The store's, or that an identical trial came to another result before.
    pub fn end(&self, record: &TrialRecord, result: &TrialResult) -> Result<(), Problem> {
        let digest = result.digest()?;
        let before = record.result.as_ref().map(|it| it.ending);
        if before == Some(Ending::Finished) {
            if result.ending == Ending::Finished && record.result_digest != Some(digest) {
                return Err(Problem::host(
                    format!("trial {} came to another result than before", record.id),
                    "report this with both results",
                ));
            }
            return Ok(());
        }
        let state = match result.ending {
            Ending::Finished => "finished",
            Ending::Stopped => "stopped",
            Ending::Pruned => "pruned",
        };
        let query = sqlx::query(END)
            .bind(record.id.clone())
            .bind(state)
            .bind(result.rule.sharpe)
            .bind(json(result)?)
            .bind(digest.to_string());
        self.execute(END, query)?;
        let deflation = json(&self.deflate(&self.find(&record.id)?)?)?;
        let query = sqlx::query(DEFLATE).bind(record.id.clone()).bind(deflation);
        self.execute(DEFLATE, query)
    }

    /// Puts down that a trial crashed.
    ///
    /// # Errors
    /// The store's.
    pub fn crash(&self, id: &str, why: &str) -> Result<(), Problem> {
        let query = sqlx::query(CRASH).bind(id.to_owned()).bind(why.to_owned());
        self.execute(CRASH, query)
    }

    /// Puts down which model was kept.
    ///
    /// # Errors
    /// The store's.
    pub fn keep(&self, id: &str, artifact: Digest) -> Result<(), Problem> {
        let query = sqlx::query(ARTIFACT)
            .bind(id.to_owned())
            .bind(artifact.to_string());
        self.execute(ARTIFACT, query)
    }

    /// What a trial's Sharpe ratio is worth as the ledger is now (Bailey and López de Prado 2014).
    ///
    /// # Errors
    /// The store's.
    pub fn deflate(&self, record: &TrialRecord) -> Result<Deflated, Problem> {
        let data = &record.spec.data;
        let rule = record.result.as_ref().map(|it| it.rule);
        self.worth(&Judged {
            family: &record.family,
            first: data.first.0,
            last: data.last.0,
            interval_ns: data.interval_ns,
            sharpe: rule.and_then(|it| it.sharpe),
            observations: rule.map_or(0, |it| it.periods as u64),
            skewness: rule.and_then(|it| it.skewness),
            kurtosis: rule.and_then(|it| it.kurtosis),
        })
    }

    /// Puts combinations of a sweep down as seen, all or none. One that is known stays as it is: it counts once.
    ///
    /// # Errors
    /// The store's; then they must not be shown.
    pub fn see_combinations(
        &self,
        family: &str,
        now: Timestamp,
        combinations: &[Combination],
    ) -> Result<(), Problem> {
        if combinations.is_empty() {
            return Ok(());
        }
        wait(async {
            let mut transaction = self.store.begin().await?;
            for combination in combinations {
                let query = sqlx::query(COMBINATION)
                    .bind(family.to_owned())
                    .bind(combination.digest.to_string())
                    .bind(now.0)
                    .bind(DAY)
                    .bind(combination.first)
                    .bind(combination.last)
                    .bind(combination.sharpe);
                execute(&mut transaction, COMBINATION, query).await?;
            }
            commit(transaction).await
        })?;
        Ok(())
    }

    /// What a Sharpe ratio is worth among all trials and combinations of its family whose spans share any time.
    ///
    /// # Errors
    /// The store's.
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    pub fn worth(&self, judged: &Judged<'_>) -> Result<Deflated, Problem> {
        let rows = wait(async {
            sqlx::query(COUNTED)
                .bind(judged.family.to_owned())
                .bind(judged.first)
                .bind(judged.last)
                .fetch_all(self.store.pool())
                .await
                .map_err(|error| StoreError::of_statement(COUNTED, &error))
        })?;
        let mut sharpes = Vec::new();
        for row in &rows {
            let interval: i64 = column(row, "interval_ns")?;
            let sharpe: Option<f64> = column(row, "sharpe")?;
            if interval == judged.interval_ns {
                sharpes.extend(sharpe);
            }
        }
        let variance = if sharpes.len() < 2 {
            0.0
        } else {
            let mean = sharpes.iter().sum::<f64>() / sharpes.len() as f64;
            let squares: f64 = sharpes.iter().map(|it| (it - mean) * (it - mean)).sum();
            squares / (sharpes.len() - 1) as f64
        };
        let trials = rows.len() as u64;
        let deflation = || {
            Some(Deflation {
                sharpe: judged.sharpe?,
                observations: judged.observations,
                skewness: judged.skewness?,
                kurtosis: judged.kurtosis?,
                trials,
                trials_variance: variance,
            })
        };
        Ok(Deflated {
            sharpe: judged.sharpe,
            trials,
            variance,
            expected_maximum: expected_maximum_sharpe(trials, variance),
            dsr: deflation().and_then(|of| deflated_sharpe(&of)),
        })
    }

    /// All trials, or those of a family, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn list(&self, family: Option<&str>) -> Result<Vec<TrialRecord>, Problem> {
        let rows = self.rows(ALL, family.unwrap_or_default())?;
        Ok(rows.iter().map(record).collect::<Result<_, _>>()?)
    }

    /// One trial.
    ///
    /// # Errors
    /// When there is none of that id, and the store's.
    pub fn find(&self, id: &str) -> Result<TrialRecord, Problem> {
        let rows = self.rows(ONE, id)?;
        let Some(row) = rows.first() else {
            return Err(Problem::user(
                format!("there is no trial {id}"),
                "see `bulkhead trial list`",
            ));
        };
        Ok(record(row)?)
    }

    /// Openings of a family's sealed span, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn openings(&self, family: &str) -> Result<Vec<Opening>, Problem> {
        let rows = self.rows(OPENINGS, family)?;
        Ok(rows.iter().map(opening).collect::<Result<_, _>>()?)
    }

    /// Says whether a family may open what lies from a moment on. [`Ledger::open`] asks again.
    ///
    /// # Errors
    /// When it was opened before, or looked at by a trial that had not sealed it, and no reason is given.
    pub fn may_open(
        &self,
        family: &str,
        from: Timestamp,
        reason: Option<&str>,
    ) -> Result<(), Problem> {
        if let Some(reason) = reason {
            return if reason.trim().is_empty() {
                Err(Problem::user(
                    "the sealed span is to be opened again for no reason",
                    "say why after --reopen: it is recorded",
                ))
            } else {
                Ok(())
            };
        }
        if let Some(last) = self.openings(family)?.last() {
            return Err(spent(family, last));
        }
        let rows = self.rows(SEAL, family)?;
        let seen: Option<i64> = rows
            .first()
            .map(|row| column(row, "seen_to"))
            .transpose()?
            .flatten();
        match seen {
            Some(seen) if seen > from.0 => Err(Problem::user(
                format!(
                    "family {family} has looked at data up to {}, and what is to be opened begins on {}",
                    Timestamp(seen).date(),
                    from.date()
                ),
                REOPEN,
            )),
            _ => Ok(()),
        }
    }

    /// Opens the sealed span for a trial, which is put down before anything in it is seen. Returns the number of the
    /// opening.
    ///
    /// # Errors
    /// When the family has opened it before and no reason is given, and the store's.
    pub fn open(
        &self,
        record: &TrialRecord,
        reason: Option<&str>,
        now: Timestamp,
        person: &str,
    ) -> Result<u64, Problem> {
        let reason = reason.map(str::trim);
        let opened = wait(async {
            // Under the write lock, so that two cannot be first.
            let mut transaction = self.store.begin().await?;
            let rows = sqlx::query(OPENINGS)
                .bind(record.family.clone())
                .fetch_all(&mut *transaction)
                .await
                .map_err(|error| StoreError::of_statement(OPENINGS, &error))?;
            let last = rows.last().map(opening).transpose()?;
            let next = last.as_ref().map_or(1, |it| it.number + 1);
            if let (Some(last), None) = (last, reason) {
                return Ok::<_, StoreError>(Err(last));
            }
            let query = sqlx::query(OPEN)
                .bind(record.family.clone())
                .bind(i64::try_from(next).unwrap_or(i64::MAX))
                .bind(record.id.clone())
                .bind(now.0)
                .bind(person.to_owned())
                .bind(reason.map(str::to_owned));
            execute(&mut transaction, OPEN, query).await?;
            commit(transaction).await?;
            Ok(Ok(next))
        })?;
        opened.map_err(|last| spent(&record.family, &last))
    }

    /// Puts down what was seen in an opening.
    ///
    /// # Errors
    /// The store's.
    pub fn opened(&self, family: &str, number: u64, seen: &impl Serialize) -> Result<(), Problem> {
        let query = sqlx::query(OPENED)
            .bind(family.to_owned())
            .bind(i64::try_from(number).unwrap_or(i64::MAX))
            .bind(json(seen)?);
        self.execute(OPENED, query)
    }

    fn rows(&self, sql: &'static str, key: &str) -> Result<Vec<Row>, Problem> {
        let rows = wait(async {
            sqlx::query(sql)
                .bind(key.to_owned())
                .fetch_all(self.store.pool())
                .await
                .map_err(|error| StoreError::of_statement(sql, &error))
        })?;
        Ok(rows)
    }

    fn execute(&self, sql: &'static str, query: Query<'_>) -> Result<(), Problem> {
        wait(async {
            let mut transaction = self.store.begin().await?;
            execute(&mut transaction, sql, query).await?;
            commit(transaction).await
        })?;
        Ok(())
    }
}

const REOPEN: &str = "take data that nobody has looked at under a new family, or give --reopen and a reason that is recorded";

fn spent(family: &str, last: &Opening) -> Problem {
    Problem::user(
        format!(
            "the sealed span of family {family} was opened by trial {} on {}, and opens once",
            last.trial,
            last.time.date()
        ),
        REOPEN,
    )
}

type Query<'q> = sqlx::query::Query<'q, Database, sqlx::sqlite::SqliteArguments>;

async fn execute(
    transaction: &mut Transaction,
    sql: &str,
    query: Query<'_>,
) -> Result<(), StoreError> {
    (query.execute(&mut **transaction).await)
        .map(drop)
        .map_err(|error| StoreError::of_statement(sql, &error))
}

async fn commit(transaction: Transaction) -> Result<(), StoreError> {
    (transaction.commit().await).map_err(|error| StoreError::during("keep a trial", &error))
}

fn json(value: &impl Serialize) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| unwritten(&error))
}
