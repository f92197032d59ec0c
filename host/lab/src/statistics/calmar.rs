//! Calmar ratio.

use super::{Figure, Unit};

/// CAGR (`growth`) over the maximum drawdown (`fall`) of the same time. `None` without a drawdown or a CAGR.
///
/// Source: Young, "Calmar Ratio: A Smoother Tool", Futures 20 (1991), over the whole time rather than the
/// last 36 months.
#[must_use]
pub fn calmar(growth: &Figure, fall: &Figure) -> Figure {
    let value = growth.value.and_then(|growth| {
        let fall = fall.value?;
        (fall > 0.0).then(|| growth / fall)
    });
    Figure::new(
        value,
        Unit::Ratio,
        "CAGR / max drawdown, whole time",
        "there was no drawdown, or no time passed",
    )
    .noted(growth.note.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::{Curve, cagr, max_drawdown};
    use bulkhead_domain::time::DAY;

    fn of(curve: &Curve) -> Figure {
        calmar(&cagr(curve), &max_drawdown(curve).figure)
    }

    #[test]
    fn it_is_yearly_growth_over_the_worst_fall() {
        let times = [0, 100 * DAY, 365 * DAY];
        let figure = of(&Curve::new(100.0, &times, &[100.0, 80.0, 110.0]));
        assert!((figure.value.unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn without_a_fall_it_is_not_defined() {
        let figure = of(&Curve::new(100.0, &[0, 365 * DAY], &[100.0, 110.0]));
        assert_eq!(figure.value, None);
    }
}
