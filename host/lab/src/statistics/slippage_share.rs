//! Slippage's share of the gross result.

use super::{Figure, Unit};

/// `slippage / (net result + fees + slippage)`, a fraction: how much of what would have been earned at the prices seen
/// slippage took. All in the account's currency. `None` when slippage was not recorded, or unless the result before
/// costs is above zero.
///
/// Source: none; own definition, beside that of fees.
#[must_use]
pub fn slippage_share(net_result: f64, fees: f64, slippage: Option<f64>) -> Figure {
    let value = slippage.and_then(|slippage| {
        let gross = net_result + fees + slippage;
        (gross > 0.0).then(|| slippage / gross)
    });
    Figure::new(
        value,
        Unit::Fraction,
        "slippage / (net result + fees + slippage)",
        "slippage was not recorded, or nothing was earned before costs",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_slippage_took_of_the_result_before_costs() {
        assert_eq!(slippage_share(60.0, 20.0, Some(20.0)).value, Some(0.2));
        assert_eq!(slippage_share(60.0, 20.0, None).value, None);
        assert_eq!(slippage_share(-60.0, 20.0, Some(20.0)).value, None);
    }
}
