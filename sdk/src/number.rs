//! Exact decimals and open-ended values, between the contract's form and Rust's.

use crate::wire::types;
use rust_decimal::Decimal;

/// One value of an open-ended list of fields. `Value::from` takes booleans, integers, floats, decimals and
/// texts.
pub use types::Value;

pub use bulkhead_venue::number::{from_f64, to_f64};

/// Named values; names are unique.
pub type Fields = types::Fields;

/// The host handed over a decimal outside the contract's bounds (scale at most 28, magnitude below 2^96).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidDecimal;

impl std::fmt::Display for InvalidDecimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "a decimal is outside the contract's bounds (scale at most 28, magnitude below 2^96)",
        )
    }
}

impl std::error::Error for InvalidDecimal {}

impl From<Decimal> for types::Decimal {
    fn from(value: Decimal) -> Self {
        let mantissa = value.mantissa();
        types::Decimal {
            // The two halves of the 128-bit two's complement integer.
            lo: mantissa as u64,
            hi: (mantissa >> 64) as i64,
            scale: value.scale() as u8,
        }
    }
}

impl TryFrom<types::Decimal> for Decimal {
    type Error = InvalidDecimal;

    fn try_from(value: types::Decimal) -> Result<Self, Self::Error> {
        let mantissa = (i128::from(value.hi) << 64) | i128::from(value.lo);
        Decimal::try_from_i128_with_scale(mantissa, u32::from(value.scale))
            .map_err(|_| InvalidDecimal)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Real(value)
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Value::Number(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}

impl Value {
    /// The truth value, where it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Boolean(value) => Some(*value),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Value::Integer(value) => Some(*value),
            _ => None,
        }
    }

    /// The binary float, where it is one, or a whole number that a float holds exactly.
    #[must_use]
    pub fn as_real(&self) -> Option<f64> {
        match self {
            Value::Real(value) => Some(*value),
            Value::Integer(value) if value.unsigned_abs() <= 1 << 53 => Some(*value as f64),
            _ => None,
        }
    }

    /// The text, where it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(value) => Some(value),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn decimals_cross_the_boundary_unchanged() {
        for text in [
            "0",
            "0.00",
            "-0.01",
            "123456789.987654321",
            "79228162514264337593543950335",
            "-79228162514264337593543950335",
            "0.0000000000000000000000000001",
        ] {
            let value = Decimal::from_str(text).unwrap();
            let back = Decimal::try_from(types::Decimal::from(value)).unwrap();
            assert_eq!(back.to_string(), text);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let whole = |lo, hi, scale| Decimal::try_from(types::Decimal { lo, hi, scale });
        assert_eq!(whole(1, 0, 29), Err(InvalidDecimal));
        assert_eq!(whole(0, 1 << 32, 0), Err(InvalidDecimal));
        assert_eq!(whole(u64::MAX, -1, 0), Ok(Decimal::NEGATIVE_ONE));
    }
}
