//! What the host tells beside an order.

use bulkhead_sdk::Decimal;
use bulkhead_sdk::Value;
use bulkhead_sdk::risk_rule::{Context, Error};

/// A feature of the order's instrument, where the host gave it. May be anything a float can be.
#[must_use]
pub fn feature(context: &Context, name: &str) -> Option<f64> {
    context
        .features
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| *value)
}

/// Another field, where the host gave it.
#[must_use]
pub fn extra<'a>(context: &'a Context, name: &str) -> Option<&'a Value> {
    context
        .extra
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// Money per unit of the order's instrument: reference price times multiplier.
///
/// # Errors
/// When either is not above zero or the product does not fit.
pub fn unit_value(context: &Context) -> Result<Decimal, Error> {
    if context.reference_price <= Decimal::ZERO || context.multiplier <= Decimal::ZERO {
        return Err(Error::InvalidInput(format!(
            "reference price {} or multiplier {} is not above 0",
            context.reference_price, context.multiplier
        )));
    }
    crate::times(context.reference_price, context.multiplier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_without_a_price_is_an_error() {
        let context = Context {
            reference_price: Decimal::TEN,
            multiplier: Decimal::TWO,
            ..Context::default()
        };
        assert_eq!(unit_value(&context), Ok(20.into()));
        assert!(unit_value(&Context::default()).is_err());
        let negative = Context {
            reference_price: Decimal::NEGATIVE_ONE,
            ..context
        };
        assert!(unit_value(&negative).is_err());
    }
}
