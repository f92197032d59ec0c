//! Turnover.

use super::{Curve, Figure, Unit, mean};

/// Half of everything bought and sold over mean equity, a year: `traded / 2 / mean equity * 365 / calendar days`, one
/// being the whole account once. `traded` is the notional of all fills in the account's currency. `None` when it was
/// not recorded, no time passed or mean equity is not above zero.
///
/// Source: the turnover of fund reports, with the mean of both sides for the lesser of them.
#[must_use]
pub fn turnover(curve: &Curve, traded: Option<f64>) -> Figure {
    let values: Vec<f64> = curve.day_ends().map(|(_, value)| value).collect();
    let days = curve.days();
    let value = traded
        .zip(mean(&values))
        .filter(|(_, equity)| *equity > 0.0 && days > 0.0)
        .map(|(traded, equity)| traded / 2.0 / equity * 365.0 / days);
    Figure::new(
        value,
        Unit::Ratio,
        "(bought + sold) / 2 / mean equity at session closes * 365 / calendar days",
        "what was traded was not recorded, no time passed, or equity was not above zero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::time::DAY;

    #[test]
    fn the_account_bought_and_sold_once_in_a_year_is_one() {
        let curve = Curve::new(100.0, &[0, 365 * DAY], &[100.0, 100.0]);
        assert_eq!(turnover(&curve, Some(200.0)).value, Some(1.0));
        assert_eq!(turnover(&curve, None).value, None);
        let moment = Curve::new(100.0, &[0], &[100.0]);
        assert_eq!(turnover(&moment, Some(200.0)).value, None);
    }
}
