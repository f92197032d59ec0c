//! The passage between decimals and binary floats, and rounding to ticks and lots. Integer arithmetic and
//! correctly rounded divisions only, so the results are the same on every machine.

use crate::order::Side;
use rust_decimal::Decimal;

/// Powers of ten that a double holds exactly.
const POWERS_OF_TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// Integers up to this magnitude are exact as doubles.
const EXACT_INTEGER: u128 = 1 << 53;

/// The binary float nearest to a decimal: what parsing the decimal's text gives.
#[must_use]
pub fn to_f64(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    match POWERS_OF_TEN.get(value.scale() as usize) {
        Some(power) if mantissa.unsigned_abs() <= EXACT_INTEGER => mantissa as f64 / power,
        _ => value.to_string().parse().unwrap_or(f64::NAN),
    }
}

/// The decimal with the fewest decimal places whose nearest binary float is `value`: `0.1` is one tenth.
/// [`to_f64`] gives `value` back unless it has digits beyond the 28 places that a decimal keeps, and a decimal
/// of up to 15 significant digits comes back from the float it became. `None` for what is not finite or too
/// large.
#[must_use]
pub fn from_f64(value: f64) -> Option<Decimal> {
    for (scale, power) in POWERS_OF_TEN.iter().enumerate() {
        let units = (value * power).round();
        // What is not finite is too large as well.
        if units.is_nan() || units.abs() > EXACT_INTEGER as f64 {
            break;
        }
        // Both are exact, so the division gives what the decimal's text parses to.
        if units / power == value {
            return Decimal::try_from_i128_with_scale(units as i128, scale as u32).ok();
        }
    }
    // The shortest text that parses to it, without an exponent.
    value.to_string().parse().ok()
}

/// Whether `value` is a multiple of `increment`. False when `increment` is zero.
#[must_use]
pub fn is_multiple(value: Decimal, increment: Decimal) -> bool {
    value
        .checked_rem(increment)
        .is_some_and(|rest| rest.is_zero())
}

/// The multiple of `increment` nearest to `value` on the way to zero.
#[must_use]
pub fn towards_zero(value: Decimal, increment: Decimal) -> Decimal {
    value
        .checked_rem(increment)
        .map_or(value, |rest| value - rest)
}

/// A price rounded to the tick against the trader: up for a buy, down for a sell.
#[must_use]
pub fn against_trader(price: Decimal, tick: Decimal, side: Side) -> Decimal {
    let Some(rest) = price.checked_rem(tick) else {
        return price;
    };
    let inner = price - rest;
    match side {
        Side::Buy if rest > Decimal::ZERO => inner + tick,
        Side::Sell if rest < Decimal::ZERO => inner - tick,
        _ => inner,
    }
}

/// Units after a split of `numerator` new for `denominator` old ones: whole lots, and the rest in new
/// units (paid in cash for a position, cancelled for an order). Both towards zero, so a short's rest is
/// negative. `None` on overflow or a zero `denominator`.
#[must_use]
pub fn split_units(
    units: Decimal,
    numerator: u32,
    denominator: u32,
    lot: Decimal,
) -> Option<(Decimal, Decimal)> {
    let exact = units
        .checked_mul(Decimal::from(numerator))?
        .checked_div(Decimal::from(denominator))?;
    let whole = towards_zero(exact, lot);
    Some((whole, exact - whole))
}

/// Floats written as their bits, so that they are read as they were, NaN included, in every format.
pub(crate) mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        value.to_bits().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        u64::deserialize(from).map(f64::from_bits)
    }

    /// The same for several.
    pub(crate) mod each {
        use super::{Deserialize, Deserializer, Serialize, Serializer};

        pub(crate) fn serialize<S: Serializer, const N: usize>(
            values: &[f64; N],
            to: S,
        ) -> Result<S::Ok, S::Error> {
            let bits: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            bits.serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
            from: D,
        ) -> Result<[f64; N], D::Error> {
            let bits = Vec::<u64>::deserialize(from)?;
            let mut values = [0.0; N];
            if bits.len() != N {
                return Err(serde::de::Error::invalid_length(
                    bits.len(),
                    &"as many floats as were written",
                ));
            }
            for (value, bits) in values.iter_mut().zip(bits) {
                *value = f64::from_bits(bits);
            }
            Ok(values)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_buy_rounds_up_and_a_sell_down_to_the_tick() {
        let tick = dec("0.05");
        for (price, buy, sell) in [
            ("10.01", "10.05", "10.00"),
            ("10.05", "10.05", "10.05"),
            ("-10.01", "-10.00", "-10.05"),
            ("0", "0", "0"),
        ] {
            assert_eq!(
                against_trader(dec(price), tick, Side::Buy),
                dec(buy),
                "{price}"
            );
            assert_eq!(
                against_trader(dec(price), tick, Side::Sell),
                dec(sell),
                "{price}"
            );
        }
    }

    #[test]
    fn a_split_leaves_whole_lots_and_a_rest_towards_zero() {
        assert_eq!(
            split_units(dec("101"), 3, 2, Decimal::ONE),
            Some((dec("151"), dec("0.5")))
        );
        assert_eq!(
            split_units(dec("-101"), 3, 2, Decimal::ONE),
            Some((dec("-151"), dec("-0.5")))
        );
        assert_eq!(
            split_units(dec("3"), 1, 10, Decimal::ONE),
            Some((dec("0"), dec("0.3")))
        );
        assert_eq!(split_units(dec("3"), 1, 0, Decimal::ONE), None);
    }

    #[test]
    fn floats_become_the_shortest_decimals_that_stand_for_them() {
        for (value, text) in [
            (0.1, "0.1"),
            (4_231_921.23, "4231921.23"),
            (4_282.779_9, "4282.7799"),
            (-4_099.820_878, "-4099.820878"),
            (100.0, "100"),
            (-0.0, "0"),
            (1e-9, "0.000000001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e22, "10000000000000000000000"),
        ] {
            assert_eq!(from_f64(value).unwrap().to_string(), text);
        }
        assert_eq!(from_f64(1e-40), Some(Decimal::ZERO));
        for value in [f64::NAN, f64::INFINITY, 1e29] {
            assert_eq!(from_f64(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_becomes_the_float_its_text_parses_to(mantissa in any::<i64>(), scale in 0u32..=28) {
            let value = Decimal::from_i128_with_scale(i128::from(mantissa), scale);
            let parsed: f64 = value.to_string().parse().unwrap();
            prop_assert_eq!(to_f64(value), parsed);
        }

        #[test]
        fn a_decimal_of_fifteen_digits_survives_the_float(
            mantissa in -999_999_999_999_999i64..=999_999_999_999_999,
            scale in 0u32..=22,
        ) {
            let value = Decimal::new(mantissa, scale);
            prop_assert_eq!(from_f64(to_f64(value)), Some(value));
        }

        #[test]
        fn a_float_survives_the_decimal(value in -1e12..1e12f64) {
            let decimal = from_f64(value).unwrap();
            prop_assert_eq!(to_f64(decimal), value);
            prop_assert!(decimal.normalize().scale() == decimal.scale());
        }
    }
}
