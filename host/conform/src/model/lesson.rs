//! What every algorithm is given to learn: a planted signal, and noise beside it.

use crate::draws::Draws;
use crate::market::{close_time, open_time};
use bulkhead_domain::model::{FitRequest, LearningTask, Matrix, Targets};

/// Rows to learn from.
pub(super) const ROWS: usize = 240;

/// Rows to predict, none of them learnt from.
pub(super) const AHEAD: usize = 60;

/// The features' names; the first two carry the signal.
pub(super) const FEATURES: [&str; 4] = ["return_1", "rsi_14", "volatility_20", "volume_z_20"];

/// Rows to learn from, rows to predict, and what came of those.
pub(super) struct Lesson {
    pub(super) request: FitRequest,
    pub(super) ahead: Matrix,
    /// Above zero where the second class happened.
    pub(super) outcomes: Vec<f64>,
}

/// The first two features push the target, the others are noise.
pub(super) fn lesson(seed: u64, algorithm: &str, task: LearningTask) -> Lesson {
    let mut draws = Draws::new(seed, 2_000);
    let mut values = Vec::with_capacity((ROWS + AHEAD) * FEATURES.len());
    let mut targets = Vec::with_capacity(ROWS + AHEAD);
    for _ in 0..ROWS + AHEAD {
        let row = [
            draws.unit() * 0.08 - 0.04,
            draws.unit() * 100.0,
            draws.unit() * 0.05,
            draws.unit() * 4.0 - 2.0,
        ];
        let signal = row[0] / 0.04 + (row[1] - 50.0) / 50.0;
        targets.push(signal + draws.unit() * 1.5 - 0.75);
        values.extend(row);
    }
    let columns = FEATURES.len() as u32;
    let ahead = Matrix {
        rows: AHEAD as u32,
        columns,
        values: values.split_off(ROWS * FEATURES.len()),
    };
    let outcomes = targets.split_off(ROWS);
    let request = FitRequest {
        algorithm: algorithm.to_owned(),
        parameters: Vec::new(),
        feature_names: FEATURES.map(str::to_owned).to_vec(),
        features: Matrix {
            rows: ROWS as u32,
            columns,
            values,
        },
        targets: match task {
            LearningTask::Classification => Targets::Classes {
                classes: 2,
                labels: targets.iter().map(|y| u32::from(*y > 0.0)).collect(),
            },
            LearningTask::Regression => Targets::Values(targets),
        },
        weights: Vec::new(),
        times: (0..ROWS).map(close_time).collect(),
        label_ends: (0..ROWS).map(|row| open_time(row + 2)).collect(),
        seed,
    };
    Lesson {
        request,
        ahead,
        outcomes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lesson_has_both_classes_and_its_own_ends() {
        let Lesson {
            request,
            ahead,
            outcomes,
        } = lesson(1, "a", LearningTask::Classification);
        assert_eq!(outcomes.len(), AHEAD);
        let Targets::Classes { labels, .. } = &request.targets else {
            panic!("classes were asked for");
        };
        let up = labels.iter().filter(|label| **label == 1).count();
        assert!((ROWS / 4..ROWS * 3 / 4).contains(&up), "{up}");
        assert_eq!(ahead.values.len(), AHEAD * FEATURES.len());
        assert!((request.times.iter().zip(&request.label_ends)).all(|(time, end)| time < end));
    }
}
