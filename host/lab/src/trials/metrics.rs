//! How good predictions were, beside what the training samples' base rate or mean would have said.

use bulkhead_orchestrator::{Interval, log_loss, skill, skill_interval};
use serde::{Deserialize, Serialize};

/// Smallest probability a model is held to: one surprise costs a bounded loss. As in sessions.
const FLOOR: f64 = 0.001;
/// Resamples behind an interval.
const RESAMPLES: usize = 1_000;
/// Probability left out at each side of it.
const TAIL: f64 = 0.025;

/// What would be said without looking at any feature.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Baseline {
    /// Class frequencies among what was learnt from, each counted once more than it was.
    Rates(Vec<f64>),
    /// Mean and sample deviation of the returns learnt from.
    Mean {
        /// Mean.
        mean: f64,
        /// Deviation.
        deviation: f64,
    },
}

/// One prediction held against what happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    /// The sample.
    pub(super) sample: usize,
    /// Log-loss in nats, or squared error.
    pub(super) loss: f64,
    /// The baseline's.
    pub(super) base: f64,
    /// Brier score, or absolute error.
    pub(super) second: f64,
    /// Whether the likeliest class came true.
    pub(super) hit: bool,
}

/// Scores class probabilities.
pub(super) fn score_class(sample: usize, row: &[f64], rates: &[f64], class: u32) -> Scored {
    let given = |row: &[f64]| row.get(class as usize).copied().unwrap_or(0.0);
    let likeliest = (row.iter().enumerate())
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map_or(0, |(place, _)| place);
    let brier = row.iter().enumerate().map(|(place, p)| {
        let truth = f64::from(u8::from(place == class as usize));
        (p - truth) * (p - truth)
    });
    Scored {
        sample,
        loss: log_loss(given(row).max(FLOOR)),
        base: log_loss(given(rates).max(FLOOR)),
        second: brier.sum(),
        hit: likeliest == class as usize,
    }
}

/// Scores a value; `scale` turns a return into the unit that is judged in.
pub(super) fn score_value(sample: usize, given: f64, mean: f64, truth: f64, scale: f64) -> Scored {
    let (error, base) = ((given - truth) * scale, (mean - truth) * scale);
    Scored {
        sample,
        loss: error * error,
        base: base * base,
        second: error.abs(),
        hit: (given > 0.0) == (truth > 0.0),
    }
}

/// How good a set of predictions was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Quality {
    /// Predictions judged.
    pub predictions: usize,
    /// Of classes, 1 less the log-loss over that of the base rate (Murphy 1988). Of values, R² out of sample: 1 less
    /// the squared error over that of the training mean (Campbell and Thompson 2008). 0 is no better than knowing
    /// nothing.
    pub skill: Option<f64>,
    /// Its interval of 95 %, by a circular block bootstrap with blocks as long as a label; `None` of too few blocks.
    pub interval: Option<Interval>,
    /// The figures of the kind.
    pub figures: Figures,
}

/// Figures by kind of target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figures {
    /// Of class probabilities.
    #[serde(rename_all = "kebab-case")]
    Classes {
        /// Mean log-loss in nats.
        log_loss: f64,
        /// That of the base rate.
        base_log_loss: f64,
        /// Brier score: mean of the squared errors, summed over the classes (Brier 1950).
        brier: f64,
        /// Share of samples whose likeliest class came true.
        accuracy: f64,
    },
    /// Of values: returns as fractions, or prices.
    #[serde(rename_all = "kebab-case")]
    Values {
        /// Root of the mean squared error.
        rmse: f64,
        /// Mean absolute error.
        mae: f64,
        /// Share of predictions of the right sign of the return.
        direction: f64,
    },
}

/// Judges predictions. A sample that was predicted more than once counts by its mean. `None` without any.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(super) fn judge(
    mut scored: Vec<Scored>,
    classes: bool,
    block: usize,
    seed: u64,
) -> Option<Quality> {
    if scored.is_empty() {
        return None;
    }
    scored.sort_by_key(|it| it.sample);
    let count = scored.len() as f64;
    let mean = |of: fn(&Scored) -> f64| scored.iter().map(of).sum::<f64>() / count;
    let (loss, base, second) = (mean(|it| it.loss), mean(|it| it.base), mean(|it| it.second));
    let hits = mean(|it| f64::from(u8::from(it.hit)));
    let (losses, bases): (Vec<f64>, Vec<f64>) = scored
        .chunk_by(|a, b| a.sample == b.sample)
        .map(|same| {
            let of = |f: fn(&Scored) -> f64| same.iter().map(f).sum::<f64>() / same.len() as f64;
            (of(|it| it.loss), of(|it| it.base))
        })
        .unzip();
    Some(Quality {
        predictions: scored.len(),
        skill: skill(&losses, &bases),
        interval: skill_interval(&losses, &bases, block, RESAMPLES, TAIL, seed),
        figures: if classes {
            Figures::Classes {
                log_loss: loss,
                base_log_loss: base,
                brier: second,
                accuracy: hits,
            }
        } else {
            Figures::Values {
                rmse: loss.sqrt(),
                mae: second,
                direction: hits,
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_scored_by_hand() {
        let one = score_class(0, &[0.2, 0.5, 0.3], &[0.25, 0.5, 0.25], 2);
        assert!((one.loss + libm::log(0.3)).abs() < 1e-15);
        assert!((one.base + libm::log(0.25)).abs() < 1e-15);
        assert!((one.second - (0.04 + 0.25 + 0.49)).abs() < 1e-15);
        assert!(!one.hit);
        let sure = score_class(1, &[1.0, 0.0, 0.0], &[0.25, 0.5, 0.25], 2);
        assert!((sure.loss + libm::log(FLOOR)).abs() < 1e-12, "bounded");
    }

    #[test]
    fn values_are_scored_by_hand_and_r2_is_against_the_training_mean() {
        let scored = vec![
            score_value(0, 0.02, 0.01, 0.03, 100.0),
            score_value(1, -0.01, 0.01, 0.01, 100.0),
        ];
        let quality = judge(scored, false, 1, 0).unwrap();
        let Figures::Values {
            rmse,
            mae,
            direction,
        } = quality.figures
        else {
            panic!("values");
        };
        assert!((rmse - 2.5f64.sqrt()).abs() < 1e-12);
        assert!((mae - 1.5).abs() < 1e-12);
        assert_eq!(direction, 0.5);
        assert!((quality.skill.unwrap() - (1.0 - 5.0 / 4.0)).abs() < 1e-9);
        assert_eq!(quality.interval, None, "two blocks say nothing");
        assert_eq!(judge(Vec::new(), true, 1, 0), None);
    }
}
