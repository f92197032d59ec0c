//! Instruments as the session follows them: features, models and the past.

use crate::learning::{Learner, Sample, View};
use crate::past::Past;
use crate::session::consult;
use bulkhead_domain::Problem;
use bulkhead_domain::order::{Bar, InstrumentHandle, Step};
use bulkhead_market::FeatureSet;
use bulkhead_sandbox::History as _;
use std::collections::{BTreeMap, VecDeque};

/// Bars that a correlation looks back on.
pub(crate) const CORRELATED: usize = 60;
/// Fewest returns that a correlation is computed from.
pub(crate) const CORRELATED_LEAST: usize = 20;

/// Whoever says what the models of one alias think of one instrument.
pub(crate) trait Oracle: Send {
    /// Takes one closed bar.
    fn observe(&mut self, sample: &Sample<'_>) -> View;

    /// The learner behind it, where it learns.
    fn learner(&self) -> Option<&Learner> {
        None
    }

    /// The same, to be changed.
    fn learner_mut(&mut self) -> Option<&mut Learner> {
        None
    }
}

impl Oracle for Learner {
    fn observe(&mut self, sample: &Sample<'_>) -> View {
        Learner::observe(self, sample)
    }

    fn learner(&self) -> Option<&Learner> {
        Some(self)
    }

    fn learner_mut(&mut self) -> Option<&mut Learner> {
        Some(self)
    }
}

/// Repeats what was said in an earlier session over the same bars, so that two sessions that differ in what
/// comes after the models need not learn twice.
pub(crate) struct Tape(pub VecDeque<View>);

impl Oracle for Tape {
    fn observe(&mut self, sample: &Sample<'_>) -> View {
        loop {
            match self.0.pop_front() {
                Some(view) if view.decision.time.0 == sample.time => return view,
                Some(_) => {}
                None => return View::silent(sample.time),
            }
        }
    }
}

struct Line {
    symbol: String,
    features: FeatureSet,
    row: Vec<f64>,
    last: Option<Bar>,
    oracles: BTreeMap<String, Box<dyn Oracle>>,
}

/// Pearson's correlation of two instruments' log returns, adjusted, over the last [`CORRELATED`] bars that
/// both have at the same time; `None` with fewer than [`CORRELATED_LEAST`] returns, or where one did not
/// move.
#[must_use]
pub(crate) fn correlation(past: &Past, a: InstrumentHandle, b: InstrumentHandle) -> Option<f64> {
    let closes = |handle| {
        let bars = past.bars(handle, CORRELATED + 1).ok()?;
        Some(
            bars.into_iter()
                .map(|bar| (bar.time, bar.close * bar.factor))
                .collect::<BTreeMap<_, _>>(),
        )
    };
    let (a, b) = (closes(a)?, closes(b)?);
    let both: Vec<(f64, f64)> = a
        .iter()
        .filter_map(|(time, a)| Some((*a, *b.get(time)?)))
        .collect();
    let returns: Vec<(f64, f64)> = both
        .windows(2)
        .map(|pair| {
            (
                libm::log(pair[1].0 / pair[0].0),
                libm::log(pair[1].1 / pair[0].1),
            )
        })
        .collect();
    if returns.len() < CORRELATED_LEAST {
        return None;
    }
    let count = returns.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| returns.iter().map(of).sum::<f64>() / count;
    let (mean_a, mean_b) = (mean(|pair| pair.0), mean(|pair| pair.1));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in &returns {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let correlation = ab / (aa * bb).sqrt();
    correlation
        .is_finite()
        .then(|| correlation.clamp(-1.0, 1.0))
}

/// All instruments of a session.
pub(crate) struct Lines {
    names: Vec<String>,
    lines: BTreeMap<InstrumentHandle, Line>,
    past: Past,
}

impl Lines {
    /// No instruments yet; every one will have these features.
    #[must_use]
    pub(crate) fn new(names: &[String]) -> Lines {
        Lines {
            names: names.to_vec(),
            lines: BTreeMap::new(),
            past: Past::new(names),
        }
    }

    /// Adds an instrument.
    ///
    /// # Errors
    /// When a feature's name is not known.
    pub(crate) fn add(
        &mut self,
        handle: InstrumentHandle,
        symbol: &str,
        oracles: BTreeMap<String, Box<dyn Oracle>>,
    ) -> Result<(), Problem> {
        let features = FeatureSet::new(&self.names)?;
        let row = vec![f64::NAN; self.names.len()];
        self.lines.insert(
            handle,
            Line {
                symbol: symbol.to_owned(),
                features,
                row,
                last: None,
                oracles,
            },
        );
        Ok(())
    }

    /// The past, for strategies to look back on.
    #[must_use]
    pub(crate) fn past(&self) -> Past {
        self.past.clone()
    }

    /// Names of the features, in the order of rows.
    #[must_use]
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// An instrument's symbol.
    #[must_use]
    pub(crate) fn symbol(&self, handle: InstrumentHandle) -> String {
        self.lines
            .get(&handle)
            .map_or_else(String::new, |line| line.symbol.clone())
    }

    /// The last raw close.
    #[must_use]
    pub(crate) fn last_close(&self, handle: InstrumentHandle) -> Option<f64> {
        self.lines.get(&handle)?.last.map(|bar| bar.close)
    }

    /// The current row of features.
    #[must_use]
    pub(crate) fn row(&self, handle: InstrumentHandle) -> &[f64] {
        self.lines.get(&handle).map_or(&[], |line| &line.row)
    }

    /// One current feature; `None` where there is none or it is not defined.
    #[must_use]
    pub(crate) fn feature(&self, handle: InstrumentHandle, name: &str) -> Option<f64> {
        let column = self.names.iter().position(|known| known == name)?;
        self.row(handle)
            .get(column)
            .copied()
            .filter(|value| value.is_finite())
    }

    /// The current features by name; `None` where not defined.
    #[must_use]
    pub(crate) fn features(&self, handle: InstrumentHandle) -> Vec<(String, Option<f64>)> {
        let defined = |value: &f64| value.is_finite().then_some(*value);
        self.names
            .iter()
            .cloned()
            .zip(self.row(handle).iter().map(defined))
            .collect()
    }

    /// Takes one closed bar and says what the models of each alias make of it.
    pub(crate) fn observe(&mut self, step: &Step) -> BTreeMap<String, View> {
        let Some(line) = self.lines.get_mut(&step.instrument) else {
            return BTreeMap::new();
        };
        line.row.clear();
        line.row.extend_from_slice(line.features.push(&step.bar));
        line.last = Some(step.bar);
        self.past.push(step.instrument, &step.bar, &line.row);
        let sample = Sample {
            time: step.bar.time,
            open_time: step.open_time,
            open: step.bar.open * step.bar.factor,
            features: &line.row,
        };
        consult(&mut line.oracles, &sample)
    }

    /// [`correlation`] of two of the session's instruments.
    #[must_use]
    pub(crate) fn correlation(&self, a: InstrumentHandle, b: InstrumentHandle) -> Option<f64> {
        correlation(&self.past, a, b)
    }

    /// Every instrument with its symbol.
    pub(crate) fn instruments(&self) -> Vec<(InstrumentHandle, String)> {
        let named = |(handle, line): (&InstrumentHandle, &Line)| (*handle, line.symbol.clone());
        self.lines.iter().map(named).collect()
    }

    /// The learner of an instrument and alias, where one learns.
    pub(crate) fn learner_mut(
        &mut self,
        instrument: InstrumentHandle,
        alias: &str,
    ) -> Option<&mut Learner> {
        let line = self.lines.get_mut(&instrument)?;
        line.oracles.get_mut(alias)?.learner_mut()
    }

    /// Every learner with its alias and symbol.
    pub(crate) fn learners(&self) -> impl Iterator<Item = (&str, &str, &Learner)> {
        self.lines.values().flat_map(|line| {
            line.oracles.iter().filter_map(|(alias, oracle)| {
                Some((alias.as_str(), line.symbol.as_str(), oracle.learner()?))
            })
        })
    }
}
