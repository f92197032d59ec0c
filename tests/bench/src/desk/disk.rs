//! What the disk itself takes, in the very folder and run of the figures that wait for it.

use super::state::State;
use crate::figure::{Figure, Spec};
use crate::measure::quantile;
use anyhow::{Context as _, Result};
use bulkhead_store::Statement;
use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

pub(crate) static FDATASYNC: Spec = Spec::informative("desk.disk.fdatasync_us", "us");
pub(crate) static FDATASYNC_P99: Spec = Spec::informative("desk.disk.fdatasync_p99_us", "us");
/// Through the journal of the gate's writer, as an order does.
pub(crate) static JOURNAL: Spec = Spec::informative("desk.disk.journal_sync_us", "us");
pub(crate) static JOURNAL_P99: Spec = Spec::informative("desk.disk.journal_sync_p99_us", "us");
pub(crate) static COMMIT: Spec = Spec::informative("desk.disk.sqlite_commit_us", "us");
pub(crate) static COMMIT_P99: Spec = Spec::informative("desk.disk.sqlite_commit_p99_us", "us");

const INSERT: &str = "INSERT INTO probe (id, text) VALUES ($1, $2)";

const TIMES: usize = 1_000;
const WARM_UP: usize = 100;

/// Bytes of one append, and of one row's text.
const BYTES: usize = 256;

/// A small append and its `fdatasync`; one small row and its commit through the store's writer; one more that becomes
/// durable in the journal, with the database following.
pub(super) fn disk(state: &State) -> Result<Vec<Figure>> {
    let mut file = File::create(state.folder().join("probe"))?;
    let bytes = [b'x'; BYTES];
    let synced = times(|_| {
        file.write_all(&bytes)?;
        Ok(file.sync_data()?)
    })?;
    let writer = state.store().writer()?;
    let text = "x".repeat(BYTES);
    let committed = times(|id| {
        writer.write(Statement::new(INSERT).bind(id).bind(text.as_str()))?;
        Ok(writer.flush()?)
    })?;
    let journalled = state.gate().writer().context("nothing is kept")?;
    let journal = times(|id| {
        let statement = Statement::new(INSERT).bind(-1 - id).bind(text.as_str());
        journalled.write(statement)?;
        Ok(journalled.sync()?)
    })?;
    Ok(vec![
        FDATASYNC.is(quantile(&synced, 0.5)),
        FDATASYNC_P99.is(quantile(&synced, 0.99)),
        JOURNAL.is(quantile(&journal, 0.5)),
        JOURNAL_P99.is(quantile(&journal, 0.99)),
        COMMIT.is(quantile(&committed, 0.5)),
        COMMIT_P99.is(quantile(&committed, 0.99)),
    ])
}

/// Microseconds of every time but the first ones.
fn times(mut once: impl FnMut(i64) -> Result<()>) -> Result<Vec<f64>> {
    let mut taken = Vec::with_capacity(TIMES);
    for number in 0..WARM_UP + TIMES {
        let begun = Instant::now();
        once(number as i64)?;
        if number >= WARM_UP {
            taken.push(begun.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(taken)
}
