//! Total return.

use super::{Curve, Figure, Unit};

/// `E_end / E_start - 1`, a fraction, where `E_start` is what there was before the first close. `None` when
/// there is no close or `E_start` is not above zero.
///
/// Source: the holding-period return of any textbook.
#[must_use]
pub fn total_return(curve: &Curve) -> Figure {
    let value = curve
        .last()
        .filter(|_| curve.base() > 0.0)
        .map(|last| last / curve.base() - 1.0);
    Figure::new(
        value,
        Unit::Fraction,
        "final equity / starting equity - 1",
        "there is no starting equity or no close",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_growth_over_the_start() {
        let curve = Curve::new(80.0, &[0, 1], &[90.0, 100.0]);
        assert_eq!(total_return(&curve).value, Some(0.25));
        assert_eq!(total_return(&Curve::new(0.0, &[0], &[1.0])).value, None);
        assert_eq!(total_return(&Curve::new(1.0, &[], &[])).value, None);
    }
}
