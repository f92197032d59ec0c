//! Formulas for probabilities.

/// Turns scores into probabilities, in place: `exp(s_k) / sum_j exp(s_j)`, shifted by the largest score so
/// that nothing overflows.
pub fn softmax(scores: &mut [f64]) {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for score in scores.iter_mut() {
        *score = libm::exp(*score - top);
    }
    normalise(scores);
}

/// Scales non-negative numbers to sum to 1; leaves all-zero ones alone.
pub fn normalise(shares: &mut [f64]) {
    let total: f64 = shares.iter().sum();
    if total > 0.0 {
        for share in shares.iter_mut() {
            *share /= total;
        }
    }
}

/// Mean negative natural logarithm of the probabilities given to what happened, each clipped to
/// [1e-12, 1]; 0 for none.
pub fn log_loss(probabilities: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    for p in probabilities {
        sum -= libm::log(p.clamp(1e-12, 1.0));
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_stands_any_size_of_score() {
        let mut scores = [1e300, 1e300, -1e300];
        softmax(&mut scores);
        assert_eq!(scores, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn log_loss_of_even_odds_is_ln_2() {
        let loss = log_loss([0.5, 0.5].into_iter());
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-15);
        assert!(log_loss([0.0].into_iter()).is_finite());
    }
}
