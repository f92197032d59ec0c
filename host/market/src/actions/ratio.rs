//! Simple ratios of splits, and how finely a column of prices is rounded.

/// Terms of a split above which it is no longer simple.
const LARGEST_TERM: u32 = 100;
const LARGEST_DENOMINATOR: u32 = 10;
/// The least change of units that counts as a split; a smaller stock dividend reads as one in cash, which
/// the price series cannot tell from it.
const LEAST_SPLIT: f64 = 1.1;
/// Ratios from which on a cash dividend of the same day is looked for beside the split.
const LEAST_SPLIT_WITH_DIVIDEND: f64 = 1.45;
/// The largest such dividend, as a part of the price.
const LARGEST_DIVIDEND_BESIDE: f64 = 0.015;

/// The simplest split (new units, old units) that the ratio is, within relative `noise`.
pub(super) fn split(ratio: f64, noise: f64) -> Option<(u32, u32)> {
    exact(ratio, noise).or_else(|| {
        let large = ratio.max(1.0 / ratio) >= LEAST_SPLIT_WITH_DIVIDEND;
        // The dividend raises the ratio, whichever way the split goes.
        let below = |(n, d): &(u32, u32)| f64::from(*n) / f64::from(*d) < ratio;
        large
            .then(|| {
                exact(
                    ratio / (1.0 + LARGEST_DIVIDEND_BESIDE / 2.0),
                    LARGEST_DIVIDEND_BESIDE / 2.0,
                )
            })
            .flatten()
            .filter(below)
    })
}

fn exact(ratio: f64, noise: f64) -> Option<(u32, u32)> {
    if ratio < 1.0 {
        return exact(1.0 / ratio, noise).map(|(n, d)| (d, n));
    }
    if ratio < LEAST_SPLIT - noise || ratio > f64::from(LARGEST_TERM) + 0.5 {
        return None;
    }
    (1..=LARGEST_DENOMINATOR).find_map(|denominator| {
        let numerator = (ratio * f64::from(denominator)).round();
        let simple = denominator == 1 || numerator <= 3.0 * f64::from(denominator);
        let candidate = numerator / f64::from(denominator);
        (simple && candidate >= LEAST_SPLIT - 1e-12 && (ratio / candidate - 1.0).abs() <= noise)
            .then_some((numerator as u32, denominator))
    })
}

/// The place value of the last decimal that prices are written with, 0 where they are finer than a
/// billionth.
pub(super) fn last_place(prices: &[f64]) -> f64 {
    let mut scale = 1.0;
    for price in prices.iter().filter(|price| price.is_finite()) {
        loop {
            let scaled = price * scale;
            if (scaled - scaled.round()).abs() < 1e-4 {
                break;
            }
            scale *= 10.0;
            if scale > 1e9 {
                return 0.0;
            }
        }
    }
    1.0 / scale
}

/// How far rounding both prices to multiples of `unit` can move their ratio, relatively; infinite where a
/// price is no larger than its rounding.
pub(super) fn rounding(unit: f64, price: f64, other: f64) -> f64 {
    // The margin is for the last bit of prices that are rounded up to the very half.
    let half = 0.5 * unit * (1.0 + 1e-9);
    let smaller = price.min(other);
    if half >= smaller {
        return f64::INFINITY;
    }
    (1.0 + half / smaller) / (1.0 - half / smaller) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_ratios_are_recovered_in_lowest_terms() {
        for (numerator, denominator) in [
            (2, 1),
            (3, 2),
            (7, 1),
            (1, 10),
            (11, 10),
            (5, 4),
            (1, 8),
            (20, 1),
        ] {
            let ratio = f64::from(numerator) / f64::from(denominator);
            assert_eq!(split(ratio, 1e-6), Some((numerator, denominator)));
            assert_eq!(split(ratio * 1.0009, 1e-3), Some((numerator, denominator)));
        }
    }

    #[test]
    fn a_special_dividend_is_no_simple_ratio() {
        assert_eq!(split(1.11245, 1e-6), None);
        assert_eq!(split(1.05, 1e-6), None);
    }

    #[test]
    fn a_dividend_beside_a_split_leaves_the_split() {
        assert_eq!(split(2.0 * 1.004, 1e-6), Some((2, 1)));
        assert_eq!(split(0.1 * 1.004, 1e-6), Some((1, 10)));
        assert_eq!(split(2.0 * 0.996, 1e-6), None);
    }

    #[test]
    fn the_last_place_is_seen() {
        assert_eq!(last_place(&[10.25, 7.5]), 0.01);
        assert_eq!(last_place(&[3.0, 4.0]), 1.0);
        assert_eq!(last_place(&[4.186_662_803_811, 3.919_675_098_234_3]), 0.0);
    }
}
