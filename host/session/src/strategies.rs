//! Strategies as the session runs them.

use crate::feed::Moment;
use crate::learning::View;
use crate::lines::Lines;
use bulkhead_desk::Desk;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::strategy::{Delivery, Intent, Prediction, Slice, State};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_sandbox::{PluginError, StrategyInstance};
use std::collections::BTreeMap;

/// What a strategy is shown at a moment.
pub(crate) struct Sight<'a> {
    pub(crate) moment: &'a Moment,
    pub(crate) lines: &'a Lines,
    pub(crate) views: &'a BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    pub(crate) desk: &'a Desk,
}

/// One strategy with the instruments it trades.
pub(crate) struct Running {
    name: String,
    handles: Vec<InstrumentHandle>,
    instance: StrategyInstance,
    /// Where its features are in a row.
    columns: Vec<usize>,
    seen: BTreeMap<InstrumentHandle, u32>,
}

impl Running {
    /// Checks that the session has the features and models a strategy declared.
    ///
    /// # Errors
    /// When it does not; the line names the ones there are.
    pub(crate) fn new(
        name: &str,
        handles: Vec<InstrumentHandle>,
        instance: StrategyInstance,
        features: &[String],
        models: &[&str],
    ) -> Result<Running, Problem> {
        let requirements = instance.requirements();
        let mut columns = Vec::with_capacity(requirements.features.len());
        for wanted in &requirements.features {
            let Some(column) = features.iter().position(|name| name == wanted) else {
                return Err(Problem::user(
                    format!(
                        "strategy {name} needs feature {wanted}, which this session does not compute"
                    ),
                    format!("add it to `features`: {}", features.join(", ")),
                ));
            };
            columns.push(column);
        }
        if let Some(missing) = requirements
            .models
            .iter()
            .find(|alias| !models.contains(&alias.as_str()))
        {
            return Err(Problem::user(
                format!("strategy {name} needs model {missing}, which this session does not have"),
                format!("add [models.{missing}]; there is: {}", models.join(", ")),
            ));
        }
        Ok(Running {
            name: name.to_owned(),
            handles,
            instance,
            columns,
            seen: BTreeMap::new(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn handles(&self) -> &[InstrumentHandle] {
        &self.handles
    }

    pub(crate) fn models(&self) -> &[String] {
        &self.instance.requirements().models
    }

    pub(crate) fn is_live(&self) -> bool {
        self.instance.is_live()
    }

    fn state(&self, instrument: InstrumentHandle, sight: &Sight<'_>) -> State {
        let holding = sight.desk.holding(&self.name, instrument);
        State {
            position: to_f64(holding.quantity),
            entry_price: to_f64(holding.average_price),
            working: to_f64(holding.working),
            cash: to_f64(sight.desk.ledger().cash()),
            equity: to_f64(sight.desk.equity()),
        }
    }

    /// Shows the moment to the strategy. Intents before its warm-up is over do not count.
    pub(crate) fn ask(&mut self, sight: &Sight<'_>) -> Result<Vec<Intent>, PluginError> {
        let mine: Vec<_> = sight
            .moment
            .steps
            .iter()
            .filter(|step| self.handles.contains(&step.instrument))
            .collect();
        let warm_up = self.instance.requirements().warm_up;
        for step in &mine {
            *self.seen.entry(step.instrument).or_insert(0) += 1;
        }
        let mut intents = Vec::new();
        match self.instance.requirements().delivery {
            Delivery::Bar => {
                for step in mine {
                    let state = self.state(step.instrument, sight);
                    let wanted = self.instance.on_bar(step.instrument, &step.bar, &state)?;
                    if self.warm(step.instrument, warm_up) {
                        intents.extend(wanted);
                    }
                }
            }
            Delivery::Slice if mine.is_empty() => {}
            Delivery::Slice => {
                let mut slice = Slice {
                    time: Timestamp(sight.moment.time).0,
                    ..Slice::default()
                };
                for step in mine {
                    slice.instruments.push(step.instrument);
                    slice.bars.push(step.bar);
                    slice.states.push(self.state(step.instrument, sight));
                    let row = sight.lines.row(step.instrument);
                    slice.features.extend(
                        self.columns
                            .iter()
                            .map(|column| row.get(*column).copied().unwrap_or(f64::NAN)),
                    );
                    slice
                        .predictions
                        .extend(self.predictions(step.instrument, sight));
                }
                let wanted = self.instance.on_slice(&slice)?;
                intents.extend(wanted.into_iter().filter(|intent| {
                    instrument_of(intent).is_none_or(|instrument| self.warm(instrument, warm_up))
                }));
            }
        }
        Ok(intents)
    }

    fn warm(&self, instrument: InstrumentHandle, warm_up: u32) -> bool {
        self.seen
            .get(&instrument)
            .is_none_or(|seen| *seen > warm_up)
    }

    fn predictions(&self, instrument: InstrumentHandle, sight: &Sight<'_>) -> Vec<Prediction> {
        let Some(views) = sight.views.get(&instrument) else {
            return Vec::new();
        };
        (0..)
            .zip(self.models())
            .filter_map(|(model, alias)| {
                let up = views.get(alias)?.chosen()?;
                Some(Prediction {
                    instrument,
                    model,
                    values: vec![1.0 - up, up],
                })
            })
            .collect()
    }
}

fn instrument_of(intent: &Intent) -> Option<InstrumentHandle> {
    match intent {
        Intent::Target { instrument, .. }
        | Intent::Weight { instrument, .. }
        | Intent::CancelAll(instrument) => Some(*instrument),
        Intent::Submit(request) => Some(request.instrument),
        Intent::Cancel(_) => None,
    }
}
