//! How long calls took, in a histogram of fixed size.
//!
//! Every power of two is cut into 32 equal buckets, so a quantile is at most 1/32 (3.2 %) above the value that
//! it stands for, and never below. Values from 1 ns to 9.2 minutes are told apart; longer ones count as that.
//! The idea is HdrHistogram's (Gil Tene), cut down to what is needed here.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Buckets of one power of two, as a power of two.
const FINE: u32 = 5;
const PER_OCTAVE: u64 = 1 << FINE;
/// Longest that is told apart, nanoseconds: 2^39 - 1.
const LONGEST: u64 = (1 << 39) - 1;

/// A histogram of call times.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Latency {
    count: u64,
    /// Counts by bucket; those that are empty are left out. At most 1,120 of them.
    buckets: BTreeMap<u16, u64>,
}

/// The bucket of a value.
fn bucket(nanoseconds: u64) -> u16 {
    let value = nanoseconds.clamp(1, LONGEST);
    let octave = value.ilog2();
    let index = if octave < FINE {
        value
    } else {
        // The bits below the highest one, as many as tell buckets of an octave apart.
        let within = (value >> (octave - FINE)) - PER_OCTAVE;
        PER_OCTAVE * u64::from(octave - FINE + 1) + within
    };
    u16::try_from(index).unwrap_or(u16::MAX)
}

/// The largest value of a bucket.
fn upper(bucket: u16) -> u64 {
    let index = u64::from(bucket);
    if index < PER_OCTAVE {
        return index;
    }
    let octave = index / PER_OCTAVE - 1;
    let within = index % PER_OCTAVE;
    // A bucket from elsewhere may be anything.
    let Some(width) = 1_u64.checked_shl(u32::try_from(octave).unwrap_or(u32::MAX)) else {
        return LONGEST;
    };
    (PER_OCTAVE + within + 1)
        .saturating_mul(width)
        .saturating_sub(1)
        .min(LONGEST)
}

impl Latency {
    /// Adds a call.
    pub fn record(&mut self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        *self.buckets.entry(bucket(nanoseconds)).or_default() += 1;
        self.count += 1;
    }

    /// Calls so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The time that a share `q` of the calls did not exceed (nearest rank); `None` without calls.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank among counts; a float casts to the nearest integer there is"
        )]
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count.max(1));
        let mut below = 0;
        self.buckets.iter().find_map(|(bucket, count)| {
            below += count;
            (below >= rank).then(|| Duration::from_nanos(upper(*bucket)))
        })
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> Option<Duration> {
        self.quantile(0.5)
    }

    /// The time that one call in a hundred exceeded.
    #[must_use]
    pub fn p99(&self) -> Option<Duration> {
        self.quantile(0.99)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_value_within_a_thirty_second(value in 1..=LONGEST) {
            let upper = upper(bucket(value));
            prop_assert!(upper >= value);
            prop_assert!((upper - value) * PER_OCTAVE <= value, "{value} {upper}");
        }

        #[test]
        fn quantiles_are_those_of_the_sorted_values(
            mut values in proptest::collection::vec(1..10_000_000_u64, 1..300),
            q in 0.01..=1.0_f64,
        ) {
            let mut latency = Latency::default();
            for value in &values {
                latency.record(Duration::from_nanos(*value));
            }
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let found = latency.quantile(q).unwrap().as_nanos() as u64;
            prop_assert!(found >= exact && (found - exact) * PER_OCTAVE <= exact, "{exact} {found}");
        }
    }

    #[test]
    fn nothing_has_no_quantile_and_the_longest_is_the_last() {
        let mut latency = Latency::default();
        assert_eq!(latency.p99(), None);
        latency.record(Duration::MAX);
        latency.record(Duration::ZERO);
        assert_eq!(latency.p99(), Some(Duration::from_nanos(LONGEST)));
        assert_eq!(latency.p50(), Some(Duration::from_nanos(1)));
        let json = serde_json::to_string(&latency).unwrap();
        assert_eq!(serde_json::from_str::<Latency>(&json).unwrap(), latency);
        assert!(bucket(LONGEST) < 1_120, "{}", bucket(LONGEST));
    }
}
