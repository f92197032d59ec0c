//! A fitted model of any of the algorithms: from a request to predictions, bytes and back.

use crate::counts::{BaseRate, Persistence};
use crate::momentum::Momentum;
use crate::offer::{Kind, Settings};
use bulkhead_sdk::Matrix;
use bulkhead_sdk::model::FitRequest;
use bulkhead_tabular::{Fault, MAX_CLASSES, Request, Watch, open, seal, to_predict};
use serde::{Deserialize, Serialize};

/// Marks bytes as a model of this plugin; the last character counts the layouts there have been.
const MARK: [u8; 8] = *b"baselin1";

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    classes: u32,
    columns: u32,
    learnt: Learnt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Learnt {
    BaseRate(BaseRate),
    Persistence(Persistence),
    Momentum(Momentum),
}

impl Fitted {
    /// Checks the request and learns from it.
    pub(crate) fn learn(request: FitRequest, watch: &mut Watch<'_>) -> Result<Self, Fault> {
        let kind = Kind::named(&request.algorithm)?;
        let columns = request.features.columns;
        let settings = kind.settings(&request.parameters, columns)?;
        let request = Request::check(request)?;
        let sample = request.sample(kind.name())?;
        let learnt = match settings {
            Settings::Momentum { column, alpha } => {
                Learnt::Momentum(Momentum::fit(&sample, column, alpha, watch)?)
            }
            _ if !watch(0, 1, &[]) => return Err(Fault::Cancelled),
            Settings::BaseRate { smoothing } => Learnt::BaseRate(BaseRate::fit(&sample, smoothing)),
            Settings::Persistence { column, smoothing } => {
                Learnt::Persistence(Persistence::fit(&sample, column, smoothing))
            }
        };
        Ok(Self {
            classes: sample.classes as u32,
            columns,
            learnt,
        })
    }

    /// Reads what [`Fitted::write`] wrote.
    pub(crate) fn read(saved: &[u8]) -> Result<Self, Fault> {
        let model: Self = open(MARK, saved)?;
        let classes = model.classes as usize;
        let sound = match &model.learnt {
            Learnt::BaseRate(m) => m.is_sound(classes),
            Learnt::Persistence(m) => m.is_sound(classes) && m.column() < model.columns,
            Learnt::Momentum(m) => m.is_sound(classes) && m.column() < model.columns,
        };
        if sound && (2..=MAX_CLASSES).contains(&model.classes) {
            Ok(model)
        } else {
            Err(Fault::Invalid(
                "not a model saved by this plugin: its parts do not fit together".to_owned(),
            ))
        }
    }

    /// Bytes for [`Fitted::read`].
    pub(crate) fn write(&self) -> Result<Vec<u8>, Fault> {
        seal(MARK, self)
    }

    /// Probabilities by class, a row.
    pub(crate) fn probabilities(&self, features: &Matrix) -> Result<Matrix, Fault> {
        let rows = to_predict(features, self.columns as usize)?;
        let mut out = Vec::with_capacity(rows.len() * self.classes as usize);
        for row in rows {
            match &self.learnt {
                Learnt::BaseRate(m) => m.predict(&mut out),
                Learnt::Persistence(m) => m.predict(row, &mut out),
                Learnt::Momentum(m) => m.predict(row, &mut out),
            }
        }
        Ok(Matrix {
            rows: features.rows,
            columns: self.classes,
            values: out,
        })
    }

    /// All of it on the one feature that is looked at; empty for the base rate, which looks at none.
    pub(crate) fn shares(&self) -> Vec<f64> {
        let column = match &self.learnt {
            Learnt::BaseRate(_) => return Vec::new(),
            Learnt::Persistence(m) => m.column(),
            Learnt::Momentum(m) => m.column(),
        };
        (0..self.columns).map(|c| f64::from(c == column)).collect()
    }
}
