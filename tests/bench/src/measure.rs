//! How time is taken: whole rounds of many operations, the first ones discarded, the median of the rest.
//!
//! Two ways of doing the same are compared within one run: their rounds alternate, and who goes first
//! alternates too, so that whatever else the machine does meets both alike. Their ratio is the median of the
//! rounds' ratios.

use anyhow::Result;

/// Rounds before the measured ones: caches, branch predictors and the processor's clock settle.
pub(crate) const WARM_UP: usize = 3;

/// Odd, so that the median is a round that happened.
const MEASURED: usize = 21;

/// Two ways compared; seconds an operation.
pub(crate) struct Compared {
    /// The first way.
    pub(crate) ours: f64,
    /// The second way.
    pub(crate) bare: f64,
    /// First over second.
    pub(crate) ratio: f64,
}

/// Median seconds of one operation. A round returns the seconds that one of its operations took.
pub(crate) fn median_of(mut round: impl FnMut() -> Result<f64>) -> Result<f64> {
    let mut taken = Vec::with_capacity(MEASURED);
    for number in 0..WARM_UP + MEASURED {
        let seconds = round()?;
        if number >= WARM_UP {
            taken.push(seconds);
        }
    }
    Ok(median(taken))
}

/// Median seconds of one operation done in two ways. A round returns the seconds of one of its operations.
pub(crate) fn compared(
    mut ours: impl FnMut() -> Result<f64>,
    mut bare: impl FnMut() -> Result<f64>,
) -> Result<Compared> {
    let mut pairs = Vec::with_capacity(MEASURED);
    for number in 0..WARM_UP + MEASURED {
        let pair = if number % 2 == 0 {
            let first = ours()?;
            (first, bare()?)
        } else {
            let first = bare()?;
            (ours()?, first)
        };
        if number >= WARM_UP {
            pairs.push(pair);
        }
    }
    Ok(Compared {
        ours: median(pairs.iter().map(|pair| pair.0).collect()),
        bare: median(pairs.iter().map(|pair| pair.1).collect()),
        ratio: median(pairs.iter().map(|pair| pair.0 / pair.1).collect()),
    })
}

/// The middle value; of an even number, the upper one of the two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value that a share `q` of the values is at most (nearest rank); not a number where there is none.
pub(crate) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_warm_up_is_discarded_and_the_median_kept() {
        let mut round = 0;
        let taken = median_of(|| {
            round += 1;
            Ok(if round <= WARM_UP {
                1e9
            } else {
                f64::from(round as u32)
            })
        });
        let middle = WARM_UP + MEASURED / 2 + 1;
        assert_eq!(taken.unwrap(), middle as f64);
    }

    #[test]
    fn a_disturbance_of_both_ways_leaves_the_ratio_alone() {
        use std::cell::Cell;
        let round = Cell::new(0_u32);
        let slow = |round: u32| {
            if (round / 2).is_multiple_of(2) {
                1.0
            } else {
                10.0
            }
        };
        let way = |cost: f64| {
            let now = round.get();
            round.set(now + 1);
            Ok(cost * slow(now))
        };
        let compared = compared(|| way(3.0), || way(2.0)).unwrap();
        assert_eq!(compared.ratio, 1.5);
    }

    #[test]
    fn a_quantile_is_the_nearest_rank() {
        let values: Vec<f64> = (1..=1_000).rev().map(f64::from).collect();
        assert_eq!(quantile(&values, 0.99), 990.0);
        assert_eq!(quantile(&values, 0.5), 500.0);
        assert_eq!(quantile(&values, 1.0), 1_000.0);
        assert_eq!(quantile(&[7.0], 0.01), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn a_failed_round_ends_the_measurement() {
        assert!(median_of(|| anyhow::bail!("no")).is_err());
        assert!(compared(|| Ok(1.0), || anyhow::bail!("no")).is_err());
    }
}
