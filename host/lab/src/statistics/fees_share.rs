//! Fees' share of the gross result.

use super::{Figure, Unit};

/// `fees / (net result + fees)`, a fraction: how much of what was earned before fees they took; above one
/// when they took more than there was. All in the session's currency. `None` unless the result before fees
/// is above zero. Fees are those of fills and those for borrowing what was sold short together.
///
/// Source: none; own definition, on the account rather than per trade, so that fees of open trades count.
#[must_use]
pub fn fees_share(net_result: f64, fees: f64) -> Figure {
    let gross = net_result + fees;
    Figure::new(
        (gross > 0.0).then(|| fees / gross),
        Unit::Fraction,
        "fees / (net result + fees), those for borrowing included",
        "nothing was earned before fees",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_fees_took_of_the_gross_result() {
        assert_eq!(fees_share(75.0, 25.0).value, Some(0.25));
        assert_eq!(fees_share(-50.0, 100.0).value, Some(2.0));
        assert_eq!(fees_share(-100.0, 100.0).value, None);
    }
}
