//! Exact arithmetic that refuses rather than panics.

use bulkhead_sdk::Decimal;
use bulkhead_sdk::risk_rule::Error;

fn out_of_range() -> Error {
    Error::InvalidInput("a product of prices and quantities is out of range".to_owned())
}

/// The product.
///
/// # Errors
/// When it does not fit.
pub fn times(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_mul(b).ok_or_else(out_of_range)
}

/// The quotient.
///
/// # Errors
/// When it does not fit, or the divisor is zero.
pub fn dividing(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_div(b).ok_or_else(out_of_range)
}

/// The sum.
///
/// # Errors
/// When it does not fit.
pub fn plus(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_add(b).ok_or_else(out_of_range)
}

/// The difference.
///
/// # Errors
/// When it does not fit.
pub fn minus(a: Decimal, b: Decimal) -> Result<Decimal, Error> {
    a.checked_sub(b).ok_or_else(out_of_range)
}

/// A number of people's size, for a denial: six decimal places.
#[must_use]
pub fn text(value: Decimal) -> String {
    value.round_dp(6).normalize().to_string()
}

/// A fraction as a percentage, for a denial.
#[must_use]
pub fn share(value: Decimal) -> String {
    match value.checked_mul(Decimal::ONE_HUNDRED) {
        Some(percent) => format!("{}%", percent.round_dp(4).normalize()),
        None => text(value),
    }
}

/// The price nearest to `price` that is a multiple of the tick, at least one tick.
///
/// # Errors
/// When it does not fit.
pub fn at_tick(price: Decimal, tick: Decimal) -> Result<Decimal, Error> {
    let ticks = dividing(price, tick)?.round();
    Ok(times(ticks, tick)?.max(tick).normalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_an_error_not_a_panic() {
        assert!(times(Decimal::MAX, Decimal::TWO).is_err());
        assert!(plus(Decimal::MAX, Decimal::ONE).is_err());
        assert!(minus(Decimal::MIN, Decimal::ONE).is_err());
        assert!(dividing(Decimal::ONE, Decimal::ZERO).is_err());
        assert!(at_tick(Decimal::MAX, Decimal::new(1, 2)).is_err());
        assert_eq!(share(Decimal::MAX), Decimal::MAX.to_string());
    }

    #[test]
    fn prices_lie_on_the_tick() {
        let cent = Decimal::new(1, 2);
        assert_eq!(
            at_tick(Decimal::new(30_033, 3), cent),
            Ok(Decimal::new(3_003, 2))
        );
        assert_eq!(at_tick(Decimal::new(-5, 0), cent), Ok(cent));
    }

    #[test]
    fn shares_read_as_percentages() {
        assert_eq!(share(Decimal::new(123_456, 6)), "12.3456%");
    }
}
