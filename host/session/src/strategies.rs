//! Strategies as the session runs them.

use crate::feed::Moment;
use crate::learning::{Handed, View};
use crate::lines::Lines;
use crate::past::{Past, Window};
use bulkhead_desk::Desk;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Delivery, Intent, Prediction, Slice, State};
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_sandbox::{CallError, PluginError, StrategyInstance};
use std::collections::{BTreeMap, VecDeque};

/// What a strategy is shown at a moment.
pub(crate) struct Sight<'a> {
    pub(crate) moment: &'a Moment,
    pub(crate) lines: &'a Lines,
    pub(crate) views: &'a BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    pub(crate) desk: &'a Desk,
}

/// One instrument as a strategy saw it at a moment.
struct Shown {
    instrument: InstrumentHandle,
    bar: Bar,
    state: State,
    /// All features of the session.
    row: Vec<f64>,
    /// The chosen models' probabilities of up, by alias.
    up: Vec<(String, f64)>,
}

/// Most of these that are kept of one strategy, for a new version to be shown them.
const KEPT: usize = 100_000;

/// An instance, and how it is spoken to.
struct Voice {
    digest: Digest,
    instance: StrategyInstance,
    /// Where its features are in a row.
    columns: Vec<usize>,
    /// What it looks back on.
    window: Window,
}

/// One strategy with the instruments it trades.
pub(crate) struct Running {
    name: String,
    handles: Vec<InstrumentHandle>,
    voice: Voice,
    seen: BTreeMap<InstrumentHandle, u32>,
    /// What it was shown, moment by moment.
    shown: VecDeque<(i64, Vec<Shown>)>,
    kept: usize,
}

/// A new version of a strategy that knows what the old one knew.
pub(crate) struct NextVoice(Voice);

impl Voice {
    /// Checks that the session has the features and models a strategy declared.
    fn new(
        name: &str,
        (digest, instance): (Digest, StrategyInstance),
        window: Window,
        features: &[String],
        models: &[&str],
    ) -> Result<Voice, Problem> {
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
        Ok(Voice {
            digest,
            instance,
            columns,
            window,
        })
    }

    /// Shows it a moment and gives what it wants.
    fn tell(&mut self, time: i64, shown: &[Shown]) -> Result<Vec<Intent>, PluginError> {
        match self.instance.requirements().delivery {
            Delivery::Bar => {
                let mut intents = Vec::new();
                for one in shown {
                    intents.extend(self.instance.on_bar(one.instrument, &one.bar, &one.state)?);
                }
                Ok(intents)
            }
            Delivery::Slice if shown.is_empty() => Ok(Vec::new()),
            Delivery::Slice => {
                let mut slice = Slice {
                    time: Timestamp(time).0,
                    ..Slice::default()
                };
                for one in shown {
                    slice.instruments.push(one.instrument);
                    slice.bars.push(one.bar);
                    slice.states.push(one.state);
                    slice.features.extend(
                        self.columns
                            .iter()
                            .map(|column| one.row.get(*column).copied().unwrap_or(f64::NAN)),
                    );
                    slice.predictions.extend(self.predictions(one));
                }
                self.instance.on_slice(&slice)
            }
        }
    }

    fn predictions(&self, shown: &Shown) -> Vec<Prediction> {
        (0..)
            .zip(&self.instance.requirements().models)
            .filter_map(|(model, alias)| {
                let (_, up) = shown.up.iter().find(|(known, _)| known == alias)?;
                Some(Prediction {
                    instrument: shown.instrument,
                    model,
                    values: vec![1.0 - up, *up],
                })
            })
            .collect()
    }
}

impl Running {
    /// A strategy that has seen nothing yet.
    ///
    /// # Errors
    /// When the session has not the features and models it declared; the line names the ones there are.
    pub(crate) fn new(
        name: &str,
        handles: Vec<InstrumentHandle>,
        instance: (Digest, StrategyInstance),
        window: Window,
        features: &[String],
        models: &[&str],
    ) -> Result<Running, Problem> {
        Ok(Running {
            name: name.to_owned(),
            handles,
            voice: Voice::new(name, instance, window, features, models)?,
            seen: BTreeMap::new(),
            shown: VecDeque::new(),
            kept: 0,
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn handles(&self) -> &[InstrumentHandle] {
        &self.handles
    }

    pub(crate) fn models(&self) -> &[String] {
        &self.voice.instance.requirements().models
    }

    /// SHA-256 of the component that runs.
    pub(crate) fn digest(&self) -> Digest {
        self.voice.digest
    }

    pub(crate) fn is_live(&self) -> bool {
        self.voice.instance.is_live()
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
        let mine = sight.moment.steps.iter();
        let mine = mine.filter(|step| self.handles.contains(&step.instrument));
        let shown: Vec<Shown> = mine
            .map(|step| Shown {
                instrument: step.instrument,
                bar: step.bar,
                state: self.state(step.instrument, sight),
                row: sight.lines.row(step.instrument).to_vec(),
                up: chosen(sight.views.get(&step.instrument)),
            })
            .collect();
        for one in &shown {
            *self.seen.entry(one.instrument).or_insert(0) += 1;
        }
        let time = sight.moment.time;
        let warm_up = self.voice.instance.requirements().warm_up;
        let wanted = self.voice.tell(time, &shown)?;
        self.keep(time, shown);
        Ok(wanted
            .into_iter()
            .filter(|intent| {
                instrument_of(intent).is_none_or(|instrument| self.warm(instrument, warm_up))
            })
            .collect())
    }

    fn keep(&mut self, time: i64, shown: Vec<Shown>) {
        if shown.is_empty() {
            return;
        }
        self.kept += shown.len();
        self.shown.push_back((time, shown));
        while self.kept > KEPT
            && let Some((_, oldest)) = self.shown.pop_front()
        {
            self.kept -= oldest.len();
        }
    }

    fn warm(&self, instrument: InstrumentHandle, warm_up: u32) -> bool {
        self.seen
            .get(&instrument)
            .is_none_or(|seen| *seen > warm_up)
    }

    /// Makes a new version ready: it takes the old one's state where both have `snapshot` and it can use it; else a
    /// fresh instance is shown all that the old one was, with the past as it was then, and what it wants of it comes
    /// to nothing. Nothing changes yet.
    ///
    /// # Errors
    /// When the session has not what it declares, or it fails.
    pub(crate) fn prepare(
        &mut self,
        digest: Digest,
        create: impl Fn(Window) -> Result<StrategyInstance, CallError>,
        features: &[String],
        models: &[&str],
        past: Past,
    ) -> Result<(NextVoice, Handed), Problem> {
        let make = || -> Result<Voice, Problem> {
            let window = Window::on(past.clone());
            let instance = create(window.clone())?;
            Voice::new(&self.name, (digest, instance), window, features, models)
        };
        let mut voice = make()?;
        if let Ok(Some(state)) = self.voice.instance.save() {
            if let Ok(true) = voice.instance.restore(&state) {
                return Ok((NextVoice(voice), Handed::Snapshot));
            }
            // What it made of a state that it could not use is not known.
            voice = make()?;
        }
        let then = Past::new(features);
        voice.window.look_at(then.clone());
        for (time, shown) in &self.shown {
            for one in shown {
                then.push(one.instrument, &one.bar, &one.row);
            }
            voice.tell(*time, shown).map_err(|error| {
                let problem = Problem::from(CallError::from(error));
                Problem {
                    what: format!("strategy {}: {}", self.name, problem.what),
                    ..problem
                }
            })?;
        }
        voice.window.look_at(past);
        Ok((NextVoice(voice), Handed::Replay))
    }

    /// Puts a new version in the old one's place. Positions, orders and what it was shown stay the strategy's.
    pub(crate) fn succeed(&mut self, next: NextVoice) {
        self.voice = next.0;
    }
}

fn chosen(views: Option<&BTreeMap<String, View>>) -> Vec<(String, f64)> {
    let views = views.into_iter().flatten();
    let up = views.filter_map(|(alias, view)| Some((alias.clone(), view.chosen()?)));
    up.collect()
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
