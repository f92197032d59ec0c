//! Rows of the ledger's tables as what they say.

use super::ledger::{Opening, TrialRecord};
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_store::{Row, StoreError, column, parsed};
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(row: &Row, name: &str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = column(row, name)?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| StoreError::Column {
            column: name.to_owned(),
            text: error.to_string(),
        })
    };
    text.map(read).transpose()
}

fn digest(row: &Row, name: &str) -> Result<Option<Digest>, StoreError> {
    let text: Option<String> = column(row, name)?;
    text.map(|_| parsed(row, name)).transpose()
}

pub(super) fn count(row: &Row, name: &str) -> Result<u64, StoreError> {
    let value: i64 = column(row, name)?;
    Ok(u64::try_from(value).unwrap_or(0))
}

pub(super) fn record(row: &Row) -> Result<TrialRecord, StoreError> {
    let missing = || StoreError::Column {
        column: "spec".to_owned(),
        text: "there is none".to_owned(),
    };
    Ok(TrialRecord {
        id: column(row, "id")?,
        family: column(row, "family")?,
        digest: parsed(row, "digest")?,
        state: column(row, "state")?,
        seen: count(row, "seen")?,
        runs: count(row, "runs")?,
        begun: Timestamp(column(row, "begun")?),
        spec: read(row, "spec")?.ok_or_else(missing)?,
        result: read(row, "result")?,
        result_digest: digest(row, "result_digest")?,
        deflation: read(row, "deflation")?,
        failure: column(row, "failure")?,
        artifact: digest(row, "artifact")?,
    })
}

pub(super) fn opening(row: &Row) -> Result<Opening, StoreError> {
    Ok(Opening {
        number: count(row, "number")?,
        trial: column(row, "trial")?,
        time: Timestamp(column(row, "time")?),
        person: column(row, "person")?,
        reason: column(row, "reason")?,
        result: read(row, "result")?,
    })
}
