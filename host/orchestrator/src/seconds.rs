//! Durations in configurations: people write seconds, the code counts nanoseconds.

use bulkhead_domain::time::SECOND;
use serde::{Deserialize, Deserializer, Serializer};

/// Nanoseconds as seconds.
#[expect(clippy::cast_precision_loss, reason = "a duration for people")]
pub(crate) fn of(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(crate) fn serialize<S: Serializer>(nanoseconds: &i64, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_f64(of(*nanoseconds))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "out of range it saturates, and the checks refuse what is no number"
)]
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<i64, D::Error> {
    let seconds = f64::deserialize(input)?;
    if !seconds.is_finite() {
        return Err(serde::de::Error::custom("is no finite number of seconds"));
    }
    Ok((seconds * SECOND as f64).round() as i64)
}
