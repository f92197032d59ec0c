//! Expectancy: what a trade brought on average.

use super::{Figure, Unit, mean};

/// Mean net result of a closed trade, in the session's currency, breakevens included. `None` without a
/// closed trade.
///
/// Source: Tharp, "Trade Your Way to Financial Freedom".
#[must_use]
pub fn expectancy(results: &[f64]) -> Figure {
    Figure::new(
        mean(results),
        Unit::Currency,
        "mean result of a closed trade, net of fees",
        "no trade was closed",
    )
}

/// `(1 + average win / average loss) * win rate - 1`: what a unit of average loss brought. The win rate
/// here leaves breakevens out, so that the ratio is zero exactly where wins and losses balance. `None`
/// unless trades were both won and lost.
///
/// Source: freqtrade's `calculate_expectancy`.
#[must_use]
pub fn expectancy_ratio(results: &[f64]) -> Figure {
    let wins: Vec<f64> = results.iter().copied().filter(|r| *r > 0.0).collect();
    let losses: Vec<f64> = results.iter().copied().filter(|r| *r < 0.0).collect();
    let value = mean(&wins).zip(mean(&losses)).map(|(win, loss)| {
        let rate = wins.len() as f64 / (wins.len() + losses.len()) as f64;
        (1.0 + win / -loss) * rate - 1.0
    });
    Figure::new(
        value,
        Unit::Ratio,
        "(1 + average win / average loss) * win rate - 1, breakevens left out",
        "trades were not both won and lost",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_result() {
        assert_eq!(expectancy(&[10.0, -4.0, 0.0]).value, Some(2.0));
        assert_eq!(expectancy(&[]).value, None);
    }

    #[test]
    fn the_ratio_is_zero_where_wins_and_losses_balance() {
        assert_eq!(expectancy_ratio(&[10.0, -5.0, -5.0, 0.0]).value, Some(0.0));
        assert_eq!(expectancy_ratio(&[10.0, -5.0]).value, Some(0.5));
        assert_eq!(expectancy_ratio(&[10.0]).value, None);
    }
}
