//! Is the candidate's skill no worse, within a margin? A test that may be looked at after every score.
//!
//! The differences `d_t = new_t - old_t` of paired scores lie in `[-b, b]`. Two hypotheses are bet against:
//!
//! * *worse*: `E[d_t | past] <= -margin`. Refuting it shows that the candidate is no worse.
//! * *no worse*: `E[d_t | past] >= -margin`. Refuting it shows that the candidate is worse.
//!
//! Each is brought to `E[x_t | past] <= m` for `x_t` in `[0, 1]`: the first by `x = (d + b) / 2b` and
//! `m = (b - margin) / 2b`, the second by `1 - x` and `1 - m`. A gambler who starts with 1 and stakes the share
//! `l_t` of the wealth has after `t` scores
//!
//! ```text
//! W_t = product over i <= t of (1 + l_i (x_i - m)),     0 <= l_i <= c / m,  c = 1/2
//! ```
//!
//! where `l_t` depends on earlier scores only. Under the hypothesis `W` is a non-negative supermartingale, so the
//! probability that it *ever* reaches `1 / alpha` is at most `alpha` (Ville's inequality), whenever and however
//! often one looks. The stakes are the approximate GRAPA of Waudby-Smith & Ramdas, "Estimating means of bounded
//! random variables by betting" (JRSS B 86, 2024; arXiv 2010.09686), section B.3:
//!
//! ```text
//! l_t = clamp((u - m) / (v + (u - m)^2), 0, c / m),
//! u   = (1/2 + sum of x_i) / t,   v = (1/4 + sum of (x_i - u_i)^2) / t     over i < t
//! ```
//!
//! Undefined cases: without scores both wealths are 1 and the mean is 0. A difference outside of `[-b, b]` is
//! refused, because then nothing here holds. What the hypotheses say of the *conditional* mean matters: scores
//! whose labels overlap are no such sequence, and have to be pushed as one mean per block that does not overlap.
//!
//! Failures are bet on in the same way, see [`surely_above`] and [`surely_below`].

use super::Skill;
use crate::shadow::Pair;
use serde::{Deserialize, Serialize};

/// Largest part of the wealth that one score can take: 1/2, as the source suggests.
const RISKED: f64 = 0.5;

/// What the scores have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The candidate is no worse within the margin.
    NoWorse {
        /// Paired scores until that was shown.
        after: usize,
    },
    /// The candidate is worse by more than the margin.
    Worse {
        /// Paired scores until that was shown.
        after: usize,
    },
}

/// The evidence in a sequence of paired scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// Mean difference, in units of the score.
    pub mean: f64,
    /// Wealth of the bet against *worse*, after the last score.
    pub no_worse: f64,
    /// Wealth of the bet against *no worse*, after the last score.
    pub worse: f64,
    /// What was shown first; it stays shown whatever comes after.
    pub finding: Option<Finding>,
}

/// A difference that the rule's bound says cannot be.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error(
    "paired score {number} differs by {difference}, more than 'skill.bound' {bound} says it can: correct the rule"
)]
pub struct OutOfBounds {
    /// Which, counted from 1.
    pub number: usize,
    /// Its difference.
    pub difference: f64,
    /// The bound.
    pub bound: f64,
}

/// The evidence in the scores, in their order.
///
/// # Errors
/// When a difference is out of bounds.
pub fn evidence(skill: &Skill, scores: &[Pair]) -> Result<Evidence, OutOfBounds> {
    let Skill {
        margin,
        bound,
        alpha,
        ..
    } = *skill;
    let m = (bound - margin) / (2.0 * bound);
    let enough = -libm::log(alpha);
    let mut no_worse = Bet::against(m);
    let mut worse = Bet::against(1.0 - m);
    let mut finding = None;
    let mut sum = 0.0;
    for (number, difference) in (1..).zip(scores.iter().map(|pair| pair.difference())) {
        if difference.abs() > bound {
            return Err(OutOfBounds {
                number,
                difference,
                bound,
            });
        }
        sum += difference;
        let x = (difference + bound) / (2.0 * bound);
        no_worse.take(x);
        worse.take(1.0 - x);
        let after = number;
        finding = finding.or(if no_worse.wealth >= enough {
            Some(Finding::NoWorse { after })
        } else if worse.wealth >= enough {
            Some(Finding::Worse { after })
        } else {
            None
        });
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of scores")]
    let count = scores.len().max(1) as f64;
    Ok(Evidence {
        mean: sum / count,
        no_worse: libm::exp(no_worse.wealth),
        worse: libm::exp(worse.wealth),
        finding,
    })
}

/// Probability with which a share of failures that is within its bound is ever found to be above, and one that is
/// not is ever found to be below.
pub const DOUBT: f64 = 0.05;

/// Whether so many failures among so many calls show that calls fail with a probability above `share`, in `[0, 1]`.
///
/// A bet that stakes `(q - m) / (m (1 - m))` on every call's failure multiplies its wealth by `q / m` where the call
/// failed and by `(1 - q) / (1 - m)` where it did not. That is a non-negative supermartingale for every `q > m`
/// where calls fail with a probability of at most `m`, given what came before, and so is the mean over several `q`
/// (here `m + (1 - m) / 2^j`, `j` from 1 to 8). It depends on the counts alone and may be looked at after every call:
/// by Ville's inequality it ever reaches `1 / DOUBT` with a probability of at most [`DOUBT`].
#[must_use]
pub(super) fn surely_above(share: f64, failures: u64, calls: u64) -> bool {
    let rates = [1, 2, 3, 4, 5, 6, 7, 8].map(|j| share + (1.0 - share) / f64::from(1 << j));
    share < 1.0 && refuted(share, &rates, failures, calls)
}

/// Whether they show that it is below `share`, in the same way, over `q` of 0, `m / 4` and `m / 2`. Without a failure
/// that takes about `3.7 / share` calls.
#[must_use]
pub(super) fn surely_below(share: f64, failures: u64, calls: u64) -> bool {
    let rates = [0.0, share / 4.0, share / 2.0];
    share >= 1.0 || refuted(share, &rates, failures, calls)
}

/// Whether the mean of the bets on `rates` refutes the rate `m`.
#[expect(clippy::cast_precision_loss, reason = "counts of calls")]
fn refuted(m: f64, rates: &[f64], failures: u64, calls: u64) -> bool {
    let (failures, passed) = (failures as f64, calls.saturating_sub(failures) as f64);
    // Nothing staked on what did not happen: 0 times an infinite logarithm is 0.
    let won = |count: f64, q: f64, m: f64| {
        if count > 0.0 {
            count * (libm::log(q) - libm::log(m))
        } else {
            0.0
        }
    };
    let count = rates.len() as f64;
    let wealth: f64 = rates
        .iter()
        .map(|q| libm::exp(won(failures, *q, m) + won(passed, 1.0 - q, 1.0 - m)))
        .sum();
    wealth / count >= 1.0 / DOUBT
}

/// The bet against a mean of at most `m`.
struct Bet {
    m: f64,
    /// Logarithm of the wealth.
    wealth: f64,
    /// Scores so far, and one.
    count: f64,
    sum: f64,
    squares: f64,
}

impl Bet {
    fn against(m: f64) -> Self {
        Bet {
            m,
            wealth: 0.0,
            count: 1.0,
            sum: 0.5,
            squares: 0.25,
        }
    }

    fn take(&mut self, x: f64) {
        let (mean, variance) = (self.sum / self.count, self.squares / self.count);
        let ahead = mean - self.m;
        let stake = (ahead / (variance + ahead * ahead)).clamp(0.0, RISKED / self.m);
        self.wealth += libm::log1p(stake * (x - self.m));
        self.count += 1.0;
        self.sum += x;
        let off = x - self.sum / self.count;
        self.squares += off * off;
    }
}
