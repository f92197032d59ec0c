//! Forward adjustment: a factor that makes raw prices continuous across splits and dividends.
//!
//! `F = 1` on the first bar. From the ex-date's bar on, a split of `n` new units for `d` old ones
//! multiplies it by `n / d`, and a dividend `D` with raw previous close `C` by `C / (C - D)`: the reciprocal
//! of the usual back-adjustment `1 - D / C`, taken forward in time. `F` of a bar depends on nothing after
//! that bar's open, so an indicator computed on `price * F` knows no future, however long the file.

use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{ActionKind, CorporateAction};

/// Computes the factor bar by bar.
#[derive(Debug, Clone)]
pub struct FactorCursor<'a> {
    actions: &'a [CorporateAction],
    factor: f64,
    previous_close: Option<f64>,
}

impl<'a> FactorCursor<'a> {
    /// Starts before the first bar. Actions must be sorted as in [`crate::actions::sort`].
    #[must_use]
    pub fn new(actions: &'a [CorporateAction]) -> Self {
        FactorCursor {
            actions,
            factor: 1.0,
            previous_close: None,
        }
    }

    /// Goes on from where another cursor stood: actions not applied yet, its last factor, the last close.
    #[must_use]
    pub fn resume(
        actions: &'a [CorporateAction],
        factor: f64,
        previous_close: Option<f64>,
    ) -> Self {
        FactorCursor {
            actions,
            factor,
            previous_close,
        }
    }

    /// Number of actions not applied yet.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.actions.len()
    }

    /// The next bar's factor, from its opening time and raw close. The close counts for later bars only.
    pub fn push(&mut self, open_time: i64, close: f64) -> f64 {
        while let Some((action, rest)) = self.actions.split_first() {
            if action.time > open_time {
                break;
            }
            self.actions = rest;
            if let Some(previous) = self.previous_close {
                let (step, adjusted) = step(&action.kind, previous);
                self.factor *= step;
                self.previous_close = Some(adjusted);
            }
        }
        self.previous_close = Some(close);
        self.factor
    }
}

/// What an action multiplies the factor by, and the previous close in terms of the units after it.
fn step(kind: &ActionKind, previous_close: f64) -> (f64, f64) {
    match kind {
        ActionKind::Split {
            numerator,
            denominator,
        } if *numerator > 0 && *denominator > 0 => {
            let ratio = f64::from(*numerator) / f64::from(*denominator);
            (ratio, previous_close / ratio)
        }
        ActionKind::Dividend(amount) => {
            let after = previous_close - to_f64(*amount);
            // A dividend of the whole price or more leaves nothing to adjust by.
            if after > 0.0 {
                (previous_close / after, after)
            } else {
                (1.0, previous_close)
            }
        }
        ActionKind::Split { .. } | ActionKind::Other { .. } => (1.0, previous_close),
    }
}

/// Factors of a whole series.
#[must_use]
pub fn factors(open_times: &[i64], closes: &[f64], actions: &[CorporateAction]) -> Vec<f64> {
    let mut cursor = FactorCursor::new(actions);
    open_times
        .iter()
        .zip(closes)
        .map(|(open_time, close)| cursor.push(*open_time, *close))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Decimal;
    use proptest::prelude::*;

    fn split(time: i64, numerator: u32, denominator: u32) -> CorporateAction {
        CorporateAction {
            time,
            kind: ActionKind::Split {
                numerator,
                denominator,
            },
        }
    }

    fn dividend(time: i64, cents: i64) -> CorporateAction {
        CorporateAction {
            time,
            kind: ActionKind::Dividend(Decimal::new(cents, 2)),
        }
    }

    #[test]
    fn price_times_factor_is_continuous_across_a_split_and_a_dividend() {
        // 100 → split 2:1 → 50 → dividend 1 → 49: nobody gained or lost.
        let closes = [100.0, 50.0, 49.0];
        let actions = [split(10, 2, 1), dividend(20, 100)];
        let found = factors(&[0, 10, 20], &closes, &actions);
        assert_eq!(found, [1.0, 2.0, 2.0 * (50.0 / 49.0)]);
        for (close, factor) in closes.iter().zip(&found) {
            assert!((close * factor - 100.0).abs() < 1e-12);
        }
    }

    #[test]
    fn split_and_dividend_on_one_day_count_the_dividend_per_new_unit() {
        let actions = [split(10, 2, 1), dividend(10, 100)];
        let found = factors(&[0, 10], &[100.0, 49.0], &actions);
        assert!((found[1] * 49.0 - 100.0).abs() < 1e-12);
    }

    #[test]
    fn what_happened_up_to_the_first_bar_is_no_news() {
        assert_eq!(
            factors(&[10, 20], &[5.0, 5.0], &[split(10, 2, 1)]),
            [1.0, 1.0]
        );
    }

    fn action() -> impl Strategy<Value = CorporateAction> {
        (0..60_i64, 1..8_u32, 1..4_u32, 1..900_i64, any::<bool>()).prop_map(
            |(time, numerator, denominator, cents, is_split)| {
                if is_split {
                    split(time, numerator, denominator)
                } else {
                    dividend(time, cents)
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_longer_series_changes_no_earlier_factor(
            closes in prop::collection::vec(10.0..500.0_f64, 2..60),
            mut actions in prop::collection::vec(action(), 0..12),
            cut in 1..60_usize,
        ) {
            crate::actions::sort(&mut actions);
            let times: Vec<i64> = (0..closes.len() as i64).collect();
            let cut = cut.min(closes.len());
            let known: Vec<_> = actions
                .iter()
                .filter(|action| action.time < cut as i64)
                .cloned()
                .collect();
            let whole = factors(&times, &closes, &actions);
            // Neither the later bars nor the later actions are known to the shorter series.
            let part = factors(&times[..cut], &closes[..cut], &known);
            prop_assert_eq!(&whole[..cut], &part[..]);
            prop_assert!(whole.iter().all(|factor| *factor > 0.0));
        }
    }
}
