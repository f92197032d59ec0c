//! What can be audited: features, a strategy's whole-series form, a model's predictions.

use super::Subject;
use crate::labels::{LabelSpec, label};
use crate::trials::{Learner, PluginLearner};
use bulkhead_domain::Problem;
use bulkhead_domain::model::{FitRequest, Matrix, Targets as Classes};
use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::Columns;
use bulkhead_market::{BarSeries, FeatureSet};
use bulkhead_sandbox::{Grants, StrategyPlugin};

/// What models are asked to learn.
const LABEL: &str = "horizon:5";

/// Features of the host, each bar's row from the bars up to it.
pub struct Features {
    names: Vec<String>,
}

impl Features {
    /// Features by name.
    ///
    /// # Errors
    /// A name that is no feature's.
    pub fn new(names: &[String]) -> Result<Features, Problem> {
        FeatureSet::new(names)?;
        Ok(Features {
            names: names.to_vec(),
        })
    }
}

impl Subject for Features {
    fn columns(&self) -> &[String] {
        &self.names
    }

    /// From when on they are defined is known; from when on they have forgotten where they began, nobody says.
    fn warm_up(&self) -> Option<usize> {
        None
    }

    fn rows(&self, past: &[Bar], bars: &[Bar]) -> Result<Vec<f64>, Problem> {
        let mut set = FeatureSet::new(&self.names)?;
        for bar in past {
            set.push(bar);
        }
        let mut rows = Vec::with_capacity(bars.len() * self.names.len());
        for bar in bars {
            rows.extend_from_slice(set.push(bar));
        }
        Ok(rows)
    }
}

/// The targets of a strategy's whole-series form, a fresh instance each time.
pub struct Targets<'a> {
    plugin: &'a StrategyPlugin,
    config: &'a str,
    grants: &'a Grants,
    warm_up: Option<usize>,
    columns: [String; 1],
}

impl<'a> Targets<'a> {
    /// The targets of a plugin with this configuration; `warm_up` is what it says is enough.
    #[must_use]
    pub fn new(
        plugin: &'a StrategyPlugin,
        config: &'a str,
        grants: &'a Grants,
        warm_up: Option<usize>,
    ) -> Targets<'a> {
        Targets {
            plugin,
            config,
            grants,
            warm_up,
            columns: ["target".to_owned()],
        }
    }
}

impl Subject for Targets<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn warm_up(&self) -> Option<usize> {
        self.warm_up
    }

    fn is_divisible(&self) -> bool {
        true
    }

    fn rows(&self, past: &[Bar], bars: &[Bar]) -> Result<Vec<f64>, Problem> {
        let mut fresh = self.plugin.vectorised(self.grants)?.ok_or_else(|| {
            Problem::user(
                format!(
                    "strategy {} has no whole-series form",
                    self.plugin.manifest().id
                ),
                "export it with `vectorised`, or run it bar by bar",
            )
        })?;
        Ok(fresh.targets(self.config, columns(past), columns(bars))?)
    }
}

/// Bars by column.
pub(crate) fn columns(bars: &[Bar]) -> Columns {
    let column = |field: fn(&Bar) -> f64| bars.iter().map(field).collect();
    Columns {
        times: bars.iter().map(|bar| bar.time).collect(),
        open: column(|bar| bar.open),
        high: column(|bar| bar.high),
        low: column(|bar| bar.low),
        close: column(|bar| bar.close),
        volume: column(|bar| bar.volume),
        factor: column(|bar| bar.factor),
    }
}

/// What a model predicts of bars, from features of the host: learnt on earlier bars, and asked for all rows at once, as
/// whoever tests a model does. It is learnt anew for each question.
pub struct Predictions<'a> {
    learner: &'a dyn Learner,
    request: FitRequest,
    features: Features,
    columns: Vec<String>,
}

impl<'a> Predictions<'a> {
    /// What an algorithm predicts with these features once it has learnt whether the close five bars on was higher, from
    /// the first half of the bars. Gives the other half's bars too.
    ///
    /// # Errors
    /// A name that is no feature's, or bars that are too few to learn from.
    pub fn new(
        learner: &'a PluginLearner,
        series: &BarSeries,
        features: &[String],
        seed: u64,
    ) -> Result<(Predictions<'a>, Vec<Bar>), Problem> {
        let half = series.len() / 2;
        let spec: LabelSpec = LABEL.parse()?;
        let mut samples = label(series, features, &spec)?.samples;
        samples.retain(|sample| sample.span.end < half);
        let first = samples.first().map(|sample| sample.class);
        if samples.iter().all(|sample| Some(sample.class) == first) {
            return Err(Problem::user(
                format!(
                    "{} bars are too few to learn from and to test",
                    series.len()
                ),
                "give a longer series",
            ));
        }
        let classes = spec.classes();
        let request = FitRequest {
            algorithm: learner.spec().algorithm.clone(),
            parameters: learner.spec().parameters.clone().into_iter().collect(),
            feature_names: features.to_vec(),
            features: matrix(
                features.len(),
                samples.iter().flat_map(|it| it.row.iter().copied()),
            ),
            targets: Classes::Classes {
                classes,
                labels: samples.iter().map(|it| it.class).collect(),
            },
            weights: Vec::new(),
            times: samples.iter().map(|it| it.time).collect(),
            label_ends: samples.iter().map(|it| it.label_end).collect(),
            seed,
        };
        let bars = (half..series.len())
            .filter_map(|bar| series.bars.get(bar))
            .collect();
        let predictions = Predictions {
            learner,
            request,
            features: Features::new(features)?,
            columns: (0..classes)
                .map(|class| format!("probability of class {class}"))
                .collect(),
        };
        Ok((predictions, bars))
    }
}

impl Subject for Predictions<'_> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn warm_up(&self) -> Option<usize> {
        None
    }

    fn rows(&self, past: &[Bar], bars: &[Bar]) -> Result<Vec<f64>, Problem> {
        let failed = |what: String| Problem::user(what, "correct the model's plugin");
        let rows = self.features.rows(past, bars)?;
        let width = self.features.names.len();
        let row = |bar: usize| rows.get(bar * width..(bar + 1) * width).unwrap_or_default();
        let asked: Vec<usize> = (0..bars.len())
            .filter(|bar| row(*bar).iter().all(|value| value.is_finite()))
            .collect();
        let values = asked.iter().flat_map(|bar| row(*bar).iter().copied());
        let mut fitted = self.learner.fit(&self.request).map_err(failed)?;
        let predicted = fitted.predict(&matrix(width, values)).map_err(failed)?;
        let outputs = self.columns.len();
        if predicted.values.len() != asked.len() * outputs {
            let (found, due) = (predicted.values.len(), asked.len() * outputs);
            return Err(failed(format!(
                "it gave {found} values where {due} were due"
            )));
        }
        let mut all = vec![f64::NAN; bars.len() * outputs];
        for (bar, row) in asked.into_iter().zip(predicted.values.chunks(outputs)) {
            if let Some(place) = all.get_mut(bar * outputs..(bar + 1) * outputs) {
                place.copy_from_slice(row);
            }
        }
        Ok(all)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no more rows than bars in memory, and a handful of features"
)]
fn matrix(columns: usize, values: impl Iterator<Item = f64>) -> Matrix {
    let values: Vec<f64> = values.collect();
    Matrix {
        rows: (values.len() / columns.max(1)) as u32,
        columns: columns as u32,
        values,
    }
}
