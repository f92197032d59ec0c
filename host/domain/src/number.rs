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
    let exact = from_f64(value)?;
    if let Some(places) = places(increment)
        && exact.scale() <= places
    {
        return fixed(exact, places);
    }
    round(exact.checked_div(increment)?).checked_mul(increment)
}

/// Decimal places of an increment that is one unit of its last: 0.01 has two. What has no more places is a multiple.
fn places(increment: Decimal) -> Option<u32> {
    (increment.mantissa() == 1).then(|| increment.scale())
}

/// A decimal with so many places. `None` where it does not fit with them.
fn fixed(value: Decimal, places: u32) -> Option<Decimal> {
    let more = places.checked_sub(value.scale())?;
    let units = 10_i128.checked_pow(more)?.checked_mul(value.mantissa())?;
    Decimal::try_from_i128_with_scale(units, places).ok()
}

/// [`nearest_multiple`] of an increment of so many decimal places, without zeros at its end.
#[must_use]
pub fn to_places(value: f64, places: u32) -> Option<Decimal> {
    match from_f64(value) {
        // It has the fewest places there are already.
        Some(exact) if exact.scale() <= places => Some(exact),
        _ => nearest_multiple(value, Decimal::try_new(1, places).ok()?)
            .map(|value| value.normalize()),
    }
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

    /// The multiple by its definition, with every step in decimals.
    fn divided(value: f64, increment: Decimal) -> Option<Decimal> {
        let units = from_f64(value)?.checked_div(increment)?;
        let strategy = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
        units
            .round_dp_with_strategy(0, strategy)
            .checked_mul(increment)
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_to_a_multiple_gives_what_dividing_gives(
            units in -99_999_999_999_i64..=99_999_999_999,
            scale in 0_u32..=9,
            places in 0_u32..=8,
        ) {
            let value = to_f64(Decimal::new(units, scale));
            let increment = Decimal::new(1, places);
            let (short, long) = (nearest_multiple(value, increment), divided(value, increment));
            proptest::prop_assert_eq!(short, long);
            // To the last zero: texts of amounts go into digests.
            let text = |value: Option<Decimal>| value.map(|value| value.to_string());
            proptest::prop_assert_eq!(text(short), text(long));
            let plain = long.map(|value| value.normalize());
            proptest::prop_assert_eq!(text(to_places(value, places)), text(plain));
        }
    }

    #[test]
    fn what_is_not_a_number_has_no_multiple() {
        for bad in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(nearest_multiple(bad, Decimal::ONE), None, "{bad}");
        }
        assert_eq!(nearest_multiple(1.0, Decimal::ZERO), None);
    }
}
