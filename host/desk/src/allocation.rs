//! Sharing what is there when entries at one moment ask for more.
//!
//! Each gets the same fraction of what it asked for, in whole lots rounded towards zero, so the order in
//! which they ask changes nothing.

use bulkhead_domain::Decimal;
use bulkhead_venue::number::towards_zero;

/// Decimal places of the fraction; it is cut there, never rounded up.
const FRACTION_SCALE: u32 = 18;

/// The fraction of everything asked for that `budget` allows: 1 where it suffices, 0 where there is none.
#[must_use]
pub fn fraction(needed: Decimal, budget: Decimal) -> Decimal {
    if needed <= budget {
        return Decimal::ONE;
    }
    budget
        .max(Decimal::ZERO)
        .checked_div(needed)
        .map_or(Decimal::ZERO, |share| {
            share.trunc_with_scale(FRACTION_SCALE)
        })
}

/// A quantity's share, in whole lots towards zero.
#[must_use]
pub fn share(quantity: Decimal, fraction: Decimal, lot: Decimal) -> Decimal {
    quantity
        .checked_mul(fraction)
        .map_or(Decimal::ZERO, |quantity| towards_zero(quantity, lot))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everybody_gets_the_same_fraction() {
        let half = fraction(Decimal::from(200), Decimal::from(100));
        assert_eq!(half, Decimal::new(5, 1));
        assert_eq!(
            share(Decimal::from(9), half, Decimal::ONE),
            Decimal::from(4)
        );
    }

    #[test]
    fn nothing_is_shared_when_there_is_enough_and_all_is_lost_when_there_is_nothing() {
        let hundred = Decimal::from(100);
        assert_eq!(fraction(hundred, hundred), Decimal::ONE);
        assert_eq!(fraction(hundred, Decimal::ZERO), Decimal::ZERO);
        assert_eq!(fraction(hundred, -hundred), Decimal::ZERO);
    }

    proptest! {
        #[test]
        fn shares_never_cost_more_than_the_budget(
            asked in proptest::collection::vec((1u32..100_000, 1u32..1_000_000), 1..8),
            budget in 0u64..10_000_000_000,
        ) {
            let asked: Vec<(Decimal, Decimal)> = asked
                .into_iter()
                .map(|(quantity, cents)| (quantity.into(), Decimal::new(cents.into(), 2)))
                .collect();
            let needed: Decimal = asked.iter().map(|(quantity, price)| quantity * price).sum();
            let budget = Decimal::new(budget as i64, 2);
            let fraction = fraction(needed, budget);
            let spent: Decimal = asked
                .iter()
                .map(|(quantity, price)| share(*quantity, fraction, Decimal::ONE) * price)
                .sum();
            prop_assert!(spent <= budget.max(Decimal::ZERO) || fraction == Decimal::ONE);
            prop_assert!(spent <= needed);
        }
    }
}
