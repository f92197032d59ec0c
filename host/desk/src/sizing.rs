//! From what an owner wants to hold to the order that gets there.

use bulkhead_domain::Decimal;
use bulkhead_domain::order::Side;
use bulkhead_venue::number::{from_f64, towards_zero};

/// Why a size could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// The weight is no number.
    #[error("the weight is {0}, which is not a finite number")]
    Weight(f64),
    /// The price is not above zero, or there is none.
    #[error("the price is {0}, which is not above 0")]
    Price(Decimal),
    /// The result does not fit.
    #[error("the quantity is too large")]
    Overflow,
}

/// Signed quantity that is worth `weight` of `equity`: weight × equity ÷ (price × multiplier), in whole
/// lots towards zero. Nothing where the equity is not above zero.
///
/// # Errors
/// [`SizingError`].
pub fn quantity_for_weight(
    weight: f64,
    equity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    lot: Decimal,
) -> Result<Decimal, SizingError> {
    let share = from_f64(weight).ok_or(SizingError::Weight(weight))?;
    if price <= Decimal::ZERO {
        return Err(SizingError::Price(price));
    }
    let quantity = share
        .checked_mul(equity.max(Decimal::ZERO))
        .and_then(|value| value.checked_div(price.checked_mul(multiplier)?))
        .ok_or(SizingError::Overflow)?;
    Ok(towards_zero(quantity, lot))
}

/// How to get from a position to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Whether the working orders lead elsewhere and have to be cancelled first.
    pub cancel_working: bool,
    /// What to trade then; `None` when nothing.
    pub trade: Option<(Side, Decimal)>,
}

/// The step from `position` to `target`, both signed, in whole lots towards zero.
///
/// `buying` and `selling` are the quantities of the owner's working orders, protective ones left out.
/// Where they lead part of the way, the step adds the rest; where they lead beyond or away, they are to
/// be cancelled and the step is sized without them.
#[must_use]
pub fn step(
    target: Decimal,
    position: Decimal,
    buying: Decimal,
    selling: Decimal,
    lot: Decimal,
) -> Step {
    let gap = target.saturating_sub(position);
    let side = if gap < Decimal::ZERO {
        Side::Sell
    } else {
        Side::Buy
    };
    let (with, against) = match side {
        Side::Buy => (buying, selling),
        Side::Sell => (selling, buying),
    };
    let cancel_working = !against.is_zero() || with > gap.abs();
    let rest = if cancel_working {
        gap.abs()
    } else {
        gap.abs() - with
    };
    let quantity = towards_zero(rest, lot);
    Step {
        cancel_working,
        trade: (quantity > Decimal::ZERO).then_some((side, quantity)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_weight_becomes_whole_lots_towards_zero() {
        let size = |weight| {
            quantity_for_weight(
                weight,
                dec("10000"),
                dec("33.10"),
                Decimal::ONE,
                Decimal::ONE,
            )
        };
        assert_eq!(size(0.5), Ok(dec("151")));
        assert_eq!(size(-0.5), Ok(dec("-151")));
        assert_eq!(size(0.0), Ok(dec("0")));
        assert!(matches!(size(f64::NAN), Err(SizingError::Weight(_))));
    }

    #[test]
    fn without_equity_nothing_is_bought_and_without_a_price_nothing_is_sized() {
        let size = |equity, price| {
            quantity_for_weight(1.0, dec(equity), dec(price), Decimal::ONE, Decimal::ONE)
        };
        assert_eq!(size("-5", "10"), Ok(Decimal::ZERO));
        assert_eq!(size("5", "0"), Err(SizingError::Price(Decimal::ZERO)));
    }

    #[test]
    fn a_step_counts_what_already_works_towards_the_target() {
        let step = |target, position, buying, selling| {
            let step = step(
                dec(target),
                dec(position),
                dec(buying),
                dec(selling),
                Decimal::ONE,
            );
            (step.cancel_working, step.trade)
        };
        let buy = |quantity| Some((Side::Buy, dec(quantity)));
        let sell = |quantity| Some((Side::Sell, dec(quantity)));
        assert_eq!(step("100", "0", "0", "0"), (false, buy("100")));
        assert_eq!(step("100", "20", "30", "0"), (false, buy("50")));
        assert_eq!(step("100", "20", "80", "0"), (false, None));
        assert_eq!(step("0", "40", "60", "0"), (true, sell("40")));
        assert_eq!(step("100", "20", "90", "0"), (true, buy("80")));
        assert_eq!(step("-10", "20", "0", "0"), (false, sell("30")));
        assert_eq!(step("20", "20", "5", "0"), (true, None));
    }
}
