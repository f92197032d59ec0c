//! Values of open-ended fields, and the passage between decimals and binary floats.

pub use bulkhead_venue::number::{from_f64, to_f64};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize, Serializer};

/// One value of an open-ended list of fields.
///
/// It is written as it stands, an exact decimal as `{"decimal": "1.50"}`: text of digits stays text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A binary float; one that is not finite is written as text, because JSON has no number for it.
    Real(#[serde(serialize_with = "finite_or_text")] f64),
    /// An exact decimal.
    Number(#[serde(with = "exact")] Decimal),
    /// Text.
    Text(String),
}

fn finite_or_text<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else {
        serializer.collect_str(value)
    }
}

mod exact {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Exact {
        decimal: Decimal,
    }

    pub(super) fn serialize<S: Serializer>(
        value: &Decimal,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        Exact { decimal: *value }.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Decimal, D::Error> {
        Exact::deserialize(deserializer).map(|exact| exact.decimal)
    }
}

/// The decimal nearest to `value` that is a multiple of `increment`, ties away from zero. `None` when
/// `value` is not finite, does not fit, or `increment` is not above zero.
#[must_use]
pub fn nearest_multiple(value: f64, increment: Decimal) -> Option<Decimal> {
    multiple(value, increment, |units| {
        units.round_dp_with_strategy(0, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
    })
}

/// Like [`nearest_multiple`], rounded towards zero: a quantity is never rounded up.
#[must_use]
pub fn multiple_towards_zero(value: f64, increment: Decimal) -> Option<Decimal> {
    multiple(value, increment, |units| units.trunc())
}

fn multiple(value: f64, increment: Decimal, round: fn(Decimal) -> Decimal) -> Option<Decimal> {
    if !value.is_finite() || increment <= Decimal::ZERO {
        return None;
    }
    let units = from_f64(value)?.checked_div(increment)?;
    round(units).checked_mul(increment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_never_rounded_up() {
        let lot = Decimal::ONE;
        assert_eq!(multiple_towards_zero(9.99, lot), Some(Decimal::from(9)));
        assert_eq!(multiple_towards_zero(-9.99, lot), Some(Decimal::from(-9)));
        assert_eq!(nearest_multiple(9.5, lot), Some(Decimal::from(10)));
    }

    #[test]
    fn what_is_not_a_number_has_no_multiple() {
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(nearest_multiple(bad, Decimal::ONE), None, "{bad}");
        }
        assert_eq!(nearest_multiple(1.0, Decimal::ZERO), None);
    }
}
