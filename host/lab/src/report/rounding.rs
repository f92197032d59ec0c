//! Numbers short enough to embed, and still finer than a screen shows.

use serde::{Serialize, Serializer};

/// Significant digits of a share, a probability or a feature.
const DIGITS: usize = 6;
/// Significant digits of money and prices: whole cents up to ten million.
const MONEY_DIGITS: usize = 9;

/// A float that is embedded with six significant digits; one that is not finite becomes `null`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rounded(pub(super) f64);

/// A series of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series<'a>(pub(super) &'a [f64]);

/// A series of money or prices, with nine significant digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Money<'a>(pub(super) &'a [f64]);

/// The same with gaps.
#[derive(Debug, Clone, Copy)]
pub(super) struct GappedMoney<'a>(pub(super) &'a [Option<f64>]);

/// A float to be embedded with so many significant digits.
struct Digits(f64, usize);

/// Moments in nanoseconds, embedded as whole seconds: a browser's numbers do not hold nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seconds<'a>(pub(super) &'a [i64]);

/// Whole seconds of a moment in nanoseconds.
pub(super) fn seconds(nanoseconds: i64) -> i64 {
    nanoseconds.div_euclid(bulkhead_domain::time::SECOND)
}

impl Digits {
    fn value(&self) -> Option<f64> {
        let Digits(value, digits) = self;
        // Going through decimal text is the one rounding to significant digits that is exact everywhere.
        value
            .is_finite()
            .then(|| format!("{value:.*e}", digits - 1).parse().ok())
            .flatten()
    }
}

impl Serialize for Digits {
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

impl Serialize for Rounded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Digits(self.0, DIGITS).serialize(serializer)
    }
}

impl Serialize for Series<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().copied().map(Rounded))
    }
}

impl Serialize for Money<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|value| Digits(*value, MONEY_DIGITS)))
    }
}

impl Serialize for GappedMoney<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let money = |value: &Option<f64>| value.map(|value| Digits(value, MONEY_DIGITS));
        serializer.collect_seq(self.0.iter().map(money))
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
    }

    #[test]
    fn money_keeps_its_cents() {
        let series = [1_234_567.891, 0.1 + 0.2, f64::NAN];
        assert_eq!(
            serde_json::to_string(&Money(&series)).unwrap(),
            "[1234567.89,0.3,null]"
        );
        assert_eq!(
            serde_json::to_string(&GappedMoney(&[None, Some(2.0 / 3.0)])).unwrap(),
            "[null,0.666666667]"
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
