//! A fitted model of any of the algorithms: from a request to predictions, bytes and back.

use crate::learn::bayes::Bayes;
use crate::learn::elastic::Elastic;
use crate::learn::forest::Forest;
use crate::learn::logistic::Logistic;
use crate::learn::svm::Svm;
use crate::offer::{Kind, Settings};
use bulkhead_sdk::Matrix;
use bulkhead_sdk::model::FitRequest;
use bulkhead_tabular::{Fault, MAX_CLASSES, Request, Watch, open, seal, to_predict};
use serde::{Deserialize, Serialize};

/// Marks bytes as a model of this plugin; the last character counts the layouts there have been.
const MARK: [u8; 8] = *b"linfa--1";

/// A fitted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Number of classes; 0 for a regression.
    classes: u32,
    learnt: Learnt,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Learnt {
    Forest(Forest),
    Logistic(Logistic),
    Bayes(Bayes),
    Svm(Svm),
    Elastic(Elastic),
}

impl Fitted {
    /// Checks the request and learns from it.
    pub(crate) fn learn(request: FitRequest, watch: &mut Watch<'_>) -> Result<Self, Fault> {
        let kind = Kind::named(&request.algorithm)?;
        let settings = kind.settings(&request.parameters)?;
        let seed = request.seed;
        let request = Request::check(request)?;
        if !kind.weighted() {
            request.unweighted(kind.name())?;
        }
        if let Settings::Elastic(settings) = settings {
            let (features, targets) = request.regression(kind.name())?;
            return Ok(Self {
                classes: 0,
                learnt: Learnt::Elastic(Elastic::fit(features, targets, settings, watch)?),
            });
        }
        let sample = request.sample(kind.name())?;
        let learnt = match settings {
            Settings::Forest(settings) => {
                Learnt::Forest(Forest::fit(&sample, settings, seed, watch)?)
            }
            Settings::Logistic(settings) => {
                Learnt::Logistic(Logistic::fit(&sample, settings, watch)?)
            }
            Settings::Bayes { var_smoothing } => {
                Learnt::Bayes(Bayes::fit(&sample, var_smoothing, watch)?)
            }
            Settings::Svm(settings) => Learnt::Svm(Svm::fit(&sample, settings, watch)?),
            Settings::Elastic(_) => {
                return Err(Fault::Unsupported("elastic-net learns values".to_owned()));
            }
        };
        Ok(Self {
            classes: sample.classes as u32,
            learnt,
        })
    }

    /// Reads what [`Fitted::write`] wrote.
    pub(crate) fn read(saved: &[u8]) -> Result<Self, Fault> {
        let model: Self = open(MARK, saved)?;
        let classes = model.classes as usize;
        let sound = match &model.learnt {
            Learnt::Forest(m) => m.is_sound(classes),
            Learnt::Logistic(m) => m.is_sound(classes),
            Learnt::Bayes(m) => m.is_sound(classes),
            Learnt::Svm(m) => m.is_sound(classes),
            Learnt::Elastic(m) => m.is_sound() && classes == 0,
        };
        if sound && model.classes <= MAX_CLASSES {
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

    fn columns(&self) -> usize {
        match &self.learnt {
            Learnt::Forest(m) => m.columns(),
            Learnt::Logistic(m) => m.columns(),
            Learnt::Bayes(m) => m.columns(),
            Learnt::Svm(m) => m.columns(),
            Learnt::Elastic(m) => m.columns(),
        }
    }

    /// Probabilities by class, or one value, a row.
    pub(crate) fn probabilities(&self, features: &Matrix) -> Result<Matrix, Fault> {
        let rows = to_predict(features, self.columns())?;
        let classes = self.classes as usize;
        let width = classes.max(1);
        let mut out = Vec::with_capacity(rows.len() * width);
        let mut line = Vec::new();
        let mut codes = Vec::new();
        for row in rows {
            match &self.learnt {
                Learnt::Forest(m) => m.predict(row, &mut codes, classes, &mut out),
                Learnt::Logistic(m) => m.predict(row, &mut line, classes, &mut out),
                Learnt::Bayes(m) => m.predict(row, &mut line, classes, &mut out),
                Learnt::Svm(m) => m.predict(row, &mut line, classes, &mut out),
                Learnt::Elastic(m) => out.push(m.predict(row, &mut line)),
            }
        }
        Ok(Matrix {
            rows: features.rows,
            columns: width as u32,
            values: out,
        })
    }

    /// Importance by feature; empty where the algorithm has none.
    pub(crate) fn shares(&self) -> Vec<f64> {
        match &self.learnt {
            Learnt::Forest(m) => m.importance(),
            Learnt::Logistic(m) => m.importance(),
            Learnt::Elastic(m) => m.importance(),
            Learnt::Bayes(_) | Learnt::Svm(_) => Vec::new(),
        }
    }
}
