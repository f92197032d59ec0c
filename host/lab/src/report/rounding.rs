//! Numbers short enough to embed: six significant digits, which is finer than a screen shows.

use serde::{Serialize, Serializer};

/// A float that is embedded with six significant digits; one that is not finite becomes `null`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rounded(pub(super) f64);

/// A series of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a>(pub(super) &'a [f64]);

/// A series with gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gapped<'a>(pub(super) &'a [Option<f64>]);

/// Moments in nanoseconds, embedded as whole seconds: a browser's numbers do not hold nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds<'a>(pub(super) &'a [i64]);

/// Whole seconds of a moment in nanoseconds.
pub(super) fn seconds(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(bulkhead_domain::time::SECOND)
}

impl Rounded {
    fn value(self) -> Option<f64> {
        // Going through decimal text is the one rounding to significant digits that is exact everywhere.
        self.0
            .is_finite()
            .then(|| format!("{:.5e}", self.0).parse().ok())
            .flatten()
    }
}

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value() {
            None => serializer.serialize_none(),
            Some(value) if value.trunc() == value && value.abs() < 1e15 => {
                serializer.serialize_i64(value as i64)
            }
            Some(value) => serializer.serialize_f64(value),
        }
    }
}

impl Serialize for Series<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(Rounded))
    }
}

impl Serialize for Gapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|value| value.map(Rounded)))
    }
}

impl Serialize for Seconds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_embedded_short() {
        let series = [
            100_012.345_678,
            0.1 + 0.2,
            -1.5,
            26.0,
            0.0,
            1e-9,
            f64::NAN,
            f64::INFINITY,
        ];
        assert_eq!(
            serde_json::to_string(&Series(&series)).unwrap(),
            "[100012,0.3,-1.5,26,0,1e-9,null,null]"
        );
        assert_eq!(
            serde_json::to_string(&Gapped(&[None, Some(2.0 / 3.0)])).unwrap(),
            "[null,0.666667]"
        );
    }

    #[test]
    fn moments_are_embedded_in_seconds() {
        assert_eq!(
            serde_json::to_string(&Seconds(&[951_944_400_000_000_001, -1])).unwrap(),
            "[951944400,-1]"
        );
    }
}
