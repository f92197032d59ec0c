//! Kelly criterion.

use super::{Figure, Unit, mean};

/// `W - (1 - W) / (average win / average loss)`: the share of capital that a bet of these odds would grow fastest by;
/// negative where it should not be made. The win rate `W` leaves breakevens out. `None` unless trades were both won
/// and lost.
///
/// Source: Kelly, "A New Interpretation of Information Rate", Bell System Technical Journal 35 (1956), for two
/// outcomes, as backtesting.py, which counts breakevens as losses in `W`.
#[must_use]
pub fn kelly(results: &[f64]) -> Figure {
    let wins: Vec<f64> = results.iter().copied().filter(|r| *r > 0.0).collect();
    let losses: Vec<f64> = results.iter().copied().filter(|r| *r < 0.0).collect();
    let value = mean(&wins).zip(mean(&losses)).map(|(win, loss)| {
        let rate = wins.len() as f64 / (wins.len() + losses.len()) as f64;
        rate - (1.0 - rate) * -loss / win
    });
    Figure::new(
        value,
        Unit::Fraction,
        "win rate - (1 - win rate) / (average win / average loss), breakevens left out",
        "trades were not both won and lost",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_odds_at_sixty_per_cent_are_worth_a_fifth() {
        let got = kelly(&[5.0, 5.0, 5.0, -5.0, -5.0, 0.0]).value.unwrap();
        assert!((got - 0.2).abs() < 1e-15, "{got}");
        assert!((kelly(&[1.0, -2.0]).value.unwrap() + 0.5).abs() < 1e-15);
        assert_eq!(kelly(&[1.0]).value, None);
    }
}
