//! One fit: the window's older part is learnt from, its newer part calibrates, nothing of one is in the other.

use super::{Fitted, Kept, Trainer};
use crate::calibration::{Calibration, clip};
use crate::config::ModelConfig;
use bulkhead_domain::model::{FitRequest, Matrix, Targets};
use bulkhead_market::horizon;
use std::collections::VecDeque;

/// Fewest samples a fit learns from after purging.
pub(crate) const MIN_FIT: usize = 30;

/// Samples of a window, of this length, that calibrate.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count"
)]
pub(crate) fn tail_length(window: usize, share: f64) -> usize {
    ((window as f64 * share).ceil() as usize).max(1)
}

/// A window of samples whose labels have ended, as indices into the bars kept.
pub(super) struct Window<'a> {
    bars: &'a VecDeque<Kept>,
    names: &'a [String],
    horizon: usize,
    head: Vec<usize>,
    tail: Vec<usize>,
    /// Base rate of up in the whole of it.
    pub(super) base: f64,
}

impl<'a> Window<'a> {
    /// Splits the newest of `samples`.
    pub(super) fn new(
        bars: &'a VecDeque<Kept>,
        names: &'a [String],
        samples: &[usize],
        config: &ModelConfig,
    ) -> Window<'a> {
        let window = &samples[samples.len().saturating_sub(config.window)..];
        let calibrating = tail_length(window.len(), config.calibration_tail);
        let (head, tail) = window.split_at(window.len().saturating_sub(calibrating));
        let calibrated_from = tail.first().map_or(i64::MAX, |index| bars[*index].time);
        // A label that ends inside the calibration tail would tell the model of it.
        let head = head
            .iter()
            .copied()
            .filter(|index| {
                bars[horizon::exit(*index, config.horizon)].open_time <= calibrated_from
            })
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let base = clip((ups(bars, window) as f64 + 1.0) / (window.len() as f64 + 2.0));
        Window {
            bars,
            names,
            horizon: config.horizon,
            head,
            tail: tail.to_vec(),
            base,
        }
    }

    /// Why nobody can learn from it.
    pub(super) fn unfit(&self) -> Option<String> {
        let (all, up) = (self.head.len(), ups(self.bars, &self.head));
        (all < MIN_FIT || up == 0 || up == all)
            .then(|| format!("{all} samples left to learn from, {up} of them up"))
    }

    /// What a trainer learns from.
    pub(super) fn request(&self, trainer: &dyn Trainer, seed: u64) -> FitRequest {
        let labels = self
            .head
            .iter()
            .map(|index| u32::from(self.bars[*index].up == Some(true)))
            .collect();
        FitRequest {
            algorithm: trainer.candidate().offering.clone(),
            parameters: trainer.parameters(),
            feature_names: self.names.to_vec(),
            features: self.matrix(&self.head),
            targets: Targets::Classes { classes: 2, labels },
            weights: Vec::new(),
            times: self
                .head
                .iter()
                .map(|index| self.bars[*index].time)
                .collect(),
            label_ends: self
                .head
                .iter()
                .map(|index| self.bars[horizon::exit(*index, self.horizon)].open_time)
                .collect(),
            seed,
        }
    }

    /// What a fit is calibrated on.
    pub(super) fn calibration(&self) -> Tail {
        Tail {
            rows: self.matrix(&self.tail),
            up: self
                .tail
                .iter()
                .map(|index| self.bars[*index].up == Some(true))
                .collect(),
            base: self.base,
            overlap: self.horizon,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "a window's rows and columns"
    )]
    fn matrix(&self, indices: &[usize]) -> Matrix {
        Matrix {
            rows: indices.len() as u32,
            columns: self.names.len() as u32,
            values: indices
                .iter()
                .flat_map(|index| self.bars[*index].row.iter().copied())
                .collect(),
        }
    }
}

fn ups(bars: &VecDeque<Kept>, indices: &[usize]) -> usize {
    indices
        .iter()
        .filter(|index| bars[**index].up == Some(true))
        .count()
}

/// What a fit is calibrated on.
pub(super) struct Tail {
    rows: Matrix,
    up: Vec<bool>,
    base: f64,
    overlap: usize,
}

/// Learns, then calibrates on what was not learnt from.
pub(super) fn fit_one(
    trainer: &dyn Trainer,
    request: &FitRequest,
    tail: &Tail,
) -> Result<Fitted, String> {
    let mut predictor = trainer.fit(request)?;
    let raw = predictor.predict(&tail.rows)?;
    let calibration = Calibration::fit(&raw, &tail.up, tail.base, tail.overlap)
        .ok_or_else(|| format!("{} samples are too few to calibrate on", tail.up.len()))?;
    Ok(Fitted {
        predictor,
        calibration,
    })
}
