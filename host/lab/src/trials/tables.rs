//! The tables of trials, and the SQL over them. Rules of counting are [`super::ledger`]'s.

use bulkhead_store::{Migration, MigrationSet};

/// The tables' migrations.
pub const MIGRATIONS: MigrationSet = MigrationSet {
    crate_name: "lab",
    migrations: &[
        Migration {
            version: 1,
            name: "trials",
            sql: "
CREATE TABLE lab_trials (
    id TEXT PRIMARY KEY,
    family TEXT NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    seen BIGINT NOT NULL,
    runs BIGINT NOT NULL,
    begun BIGINT NOT NULL,
    interval_ns BIGINT NOT NULL,
    first_bar BIGINT NOT NULL,
    last_bar BIGINT NOT NULL,
    open_to BIGINT NOT NULL,
    sealed_from BIGINT,
    spec TEXT NOT NULL,
    sharpe DOUBLE PRECISION,
    result TEXT,
    result_digest TEXT,
    deflation TEXT,
    failure TEXT,
    artifact TEXT
);
CREATE INDEX lab_trials_by_family ON lab_trials (family, begun);
CREATE TABLE lab_openings (
    family TEXT NOT NULL,
    number BIGINT NOT NULL,
    trial TEXT NOT NULL REFERENCES lab_trials (id),
    time BIGINT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT,
    result TEXT,
    PRIMARY KEY (family, number)
);
",
        },
        Migration {
            version: 2,
            name: "combinations of sweeps",
            sql: "
CREATE TABLE lab_combinations (
    family TEXT NOT NULL,
    digest TEXT NOT NULL,
    begun BIGINT NOT NULL,
    interval_ns BIGINT NOT NULL,
    first_bar BIGINT NOT NULL,
    last_bar BIGINT NOT NULL,
    sharpe DOUBLE PRECISION,
    PRIMARY KEY (family, digest)
);
",
        },
    ],
};

pub(super) const ONE: &str = "SELECT id, family, digest, state, seen, runs, begun, spec, result, result_digest, \
    deflation, failure, artifact FROM lab_trials WHERE id = $1";
pub(super) const ALL: &str = "SELECT id, family, digest, state, seen, runs, begun, spec, result, result_digest, \
    deflation, failure, artifact FROM lab_trials WHERE family = $1 OR $1 = '' ORDER BY begun, id";
pub(super) const BEGIN: &str = "INSERT INTO lab_trials (id, family, digest, state, seen, runs, begun, interval_ns, \
    first_bar, last_bar, spec, open_to, sealed_from) \
    VALUES ($1, $2, $3, 'running', 0, 1, $4, $5, $6, $7, $8, $9, $10) \
    ON CONFLICT (id) DO UPDATE SET runs = lab_trials.runs + 1";
/// What a family sealed first, and how far into time its trials looked.
pub(super) const SEAL: &str = "SELECT MIN(sealed_from) AS sealed_from, \
    MAX(CASE WHEN seen > 0 THEN open_to END) AS seen_to, \
    (SELECT COUNT(*) FROM lab_openings WHERE family = $1) AS openings FROM lab_trials WHERE family = $1";
pub(super) const SEE: &str = "UPDATE lab_trials SET seen = $2 WHERE id = $1 AND seen < $2";
pub(super) const END: &str = "UPDATE lab_trials SET state = $2, sharpe = $3, result = $4, result_digest = $5, \
    failure = NULL WHERE id = $1";
pub(super) const CRASH: &str =
    "UPDATE lab_trials SET state = 'crashed', failure = $2 WHERE id = $1 AND result IS NULL";
pub(super) const DEFLATE: &str = "UPDATE lab_trials SET deflation = $2 WHERE id = $1";
pub(super) const ARTIFACT: &str = "UPDATE lab_trials SET artifact = $2 WHERE id = $1";
pub(super) const COUNTED: &str = "SELECT sharpe, interval_ns, digest FROM lab_trials \
    WHERE family = $1 AND seen > 0 AND first_bar <= $3 AND last_bar >= $2 \
    UNION ALL SELECT sharpe, interval_ns, digest FROM lab_combinations \
    WHERE family = $1 AND first_bar <= $3 AND last_bar >= $2 ORDER BY digest";
/// A combination that was seen to its end keeps what came of it; one that was seen further is known as far as that.
pub(super) const COMBINATION: &str = "INSERT INTO lab_combinations (family, digest, begun, interval_ns, first_bar, \
    last_bar, sharpe) VALUES ($1, $2, $3, $4, $5, $6, $7) \
    ON CONFLICT (family, digest) DO UPDATE SET sharpe = COALESCE(lab_combinations.sharpe, excluded.sharpe), \
    first_bar = CASE WHEN excluded.first_bar < lab_combinations.first_bar THEN excluded.first_bar \
    ELSE lab_combinations.first_bar END, \
    last_bar = CASE WHEN excluded.last_bar > lab_combinations.last_bar THEN excluded.last_bar \
    ELSE lab_combinations.last_bar END";
pub(super) const OPENINGS: &str = "SELECT number, trial, time, person, reason, result FROM lab_openings \
    WHERE family = $1 ORDER BY number";
pub(super) const OPEN: &str = "INSERT INTO lab_openings (family, number, trial, time, person, reason) \
    VALUES ($1, $2, $3, $4, $5, $6)";
pub(super) const OPENED: &str =
    "UPDATE lab_openings SET result = $3 WHERE family = $1 AND number = $2";
