//! Strategies as the session runs them.
//!
//! Promises: a strategy that fails is started again after a pause, shown all that it had been shown but the bar that it
//! failed at, and given up once its restarts are used up (`[supervision]`); what a new version or a fresh instance wants
//! of bars that are past comes to nothing.
//!
//! Bounds: [`KEPT`] bars of what a strategy was shown; where it was shown more, a replay begins later and says so.

use crate::feed::Moment;
use crate::handed::Handed;
use crate::learning::View;
use crate::lines::Lines;
use crate::past::{Past, Window};
use crate::prepare::ReadyStrategy;
use crate::shadow::Shadows;
use bulkhead_desk::Desk;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Delivery, Intent, Prediction, Slice, State};
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_registry::service::{Stateful, hand_over};
use bulkhead_registry::supervise::{Supervisor, Verdict};
use bulkhead_sandbox::{CallError, PluginError, StrategyInstance};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

pub(crate) mod beside;

/// What a strategy is shown at a moment.
pub(crate) struct Sight<'a> {
    pub(crate) moment: &'a Moment,
    pub(crate) lines: &'a Lines,
    pub(crate) views: &'a BTreeMap<InstrumentHandle, BTreeMap<String, View>>,
    pub(crate) desk: &'a Desk,
    pub(crate) shadows: Option<&'a Shadows>,
}

/// One instrument as a strategy saw it at a moment.
#[derive(Clone)]
pub(crate) struct Shown {
    instrument: InstrumentHandle,
    bar: Bar,
    state: State,
    /// All features of the session.
    row: Vec<f64>,
    /// The chosen models' probabilities of up, model by model of the session; NaN where none was chosen.
    up: Vec<f64>,
}

/// Most of these that are kept of one strategy, for a new version or a fresh instance to be shown them.
const KEPT: usize = 32_768;

/// What strategies of one session have in common.
#[derive(Clone)]
pub(crate) struct Common {
    /// The session's past.
    pub(crate) past: Past,
    /// Its features, by column.
    pub(crate) features: Vec<String>,
    /// Its models, by alias.
    pub(crate) models: Vec<String>,
}

/// An instance, and how it is spoken to.
struct Voice {
    ready: Arc<ReadyStrategy>,
    instance: StrategyInstance,
    /// Where its features are in a row.
    columns: Vec<usize>,
    /// Where its models are among the session's.
    models: Vec<usize>,
    /// What it looks back on.
    window: Window,
}

/// One strategy with the instruments it trades.
pub(crate) struct Running {
    common: Common,
    voice: Voice,
    supervisor: Supervisor,
    /// What a new version is watched by.
    unspent: Supervisor,
    seen: BTreeMap<InstrumentHandle, u32>,
    /// What it was shown, moment by moment.
    shown: VecDeque<(i64, Vec<Shown>)>,
    kept: usize,
    /// Whether it was shown more than is kept.
    cut: bool,
}

/// A new version of a strategy that knows what the old one knew.
pub(crate) struct NextVoice(Voice);

/// Whether a strategy can be asked.
pub(crate) enum Standing {
    /// It can.
    Ready,
    /// It can: a fresh instance took the place of one that failed, and was shown all of what that one was, or what is
    /// kept of it.
    Restarted {
        /// Whether it was all.
        all: bool,
    },
    /// It is out, for a while or for the rest of the session.
    Out,
    /// A fresh instance failed too.
    Failed(Failed),
}

/// A failure, and what follows from it.
pub(crate) struct Failed {
    /// What happened.
    pub(crate) text: String,
    /// What follows.
    pub(crate) consequence: String,
    /// Why it is given up, where it is.
    pub(crate) given_up: Option<String>,
}

impl Voice {
    /// A fresh instance; checks that the session has the features and models it declares.
    fn new(ready: &Arc<ReadyStrategy>, common: &Common) -> Result<Voice, Problem> {
        let name = &ready.name;
        let window = Window::on(common.past.clone());
        let instance = ready
            .plugin
            .create(
                &ready.setup.config,
                &ready.setup.instruments,
                &ready.setup.grants,
                Some(Box::new(window.clone())),
            )
            .map_err(|error| named(name, error))?;
        let requirements = instance.requirements();
        let columns = found(&requirements.features, &common.features).map_err(|wanted| {
            Problem::user(
                format!(
                    "strategy {name} needs feature {wanted}, which this session does not compute"
                ),
                format!("add it to `features`: {}", common.features.join(", ")),
            )
        })?;
        let models = found(&requirements.models, &common.models).map_err(|missing| {
            Problem::user(
                format!("strategy {name} needs model {missing}, which this session does not have"),
                format!(
                    "add [models.{missing}]; there is: {}",
                    common.models.join(", ")
                ),
            )
        })?;
        Ok(Voice {
            ready: Arc::clone(ready),
            instance,
            columns,
            models,
            window,
        })
    }

    /// Shows it what is past, with the past as it was then. What it wants of it comes to nothing.
    fn see(&mut self, shown: &VecDeque<(i64, Vec<Shown>)>, common: &Common) -> Result<(), Problem> {
        let then = Past::new(&common.features);
        self.window.look_at(then.clone());
        for (time, shown) in shown {
            for one in shown {
                then.push(one.instrument, &one.bar, &one.row);
            }
            self.tell(*time, shown)
                .map_err(|error| named(&self.ready.name, error.into()))?;
        }
        self.window.look_at(common.past.clone());
        Ok(())
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

    fn predictions(&self, shown: &Shown) -> impl Iterator<Item = Prediction> {
        (0..).zip(&self.models).filter_map(|(model, place)| {
            let up = shown.up.get(*place).copied().filter(|up| !up.is_nan())?;
            Some(Prediction {
                instrument: shown.instrument,
                model,
                values: vec![1.0 - up, up],
            })
        })
    }
}

impl Stateful for Voice {
    fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        self.instance.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
        self.instance.restore(state)
    }
}

/// Where names are among those that there are; the first that is not there otherwise.
fn found<'a>(wanted: &'a [String], there: &[String]) -> Result<Vec<usize>, &'a str> {
    let place = |name: &'a String| there.iter().position(|known| known == name).ok_or(name);
    wanted
        .iter()
        .map(|name| place(name).map_err(String::as_str))
        .collect()
}

fn named(name: &str, error: CallError) -> Problem {
    let problem = Problem::from(error);
    Problem {
        what: format!("strategy {name}: {}", problem.what),
        ..problem
    }
}

impl Running {
    /// A strategy that has seen nothing yet.
    ///
    /// # Errors
    /// When it does not start, or the session has not the features and models it declares; the line names the ones
    /// there are.
    pub(crate) fn new(
        ready: &Arc<ReadyStrategy>,
        common: Common,
        supervisor: Supervisor,
    ) -> Result<Running, Problem> {
        Ok(Running {
            voice: Voice::new(ready, &common)?,
            common,
            unspent: supervisor.clone(),
            supervisor,
            seen: BTreeMap::new(),
            shown: VecDeque::new(),
            kept: 0,
            cut: false,
        })
    }

    pub(crate) fn common(&self) -> &Common {
        &self.common
    }

    /// What it runs on.
    pub(crate) fn ready(&self) -> &ReadyStrategy {
        &self.voice.ready
    }

    pub(crate) fn name(&self) -> &str {
        &self.voice.ready.name
    }

    pub(crate) fn handles(&self) -> &[InstrumentHandle] {
        &self.voice.ready.handles
    }

    pub(crate) fn models(&self) -> &[String] {
        &self.voice.instance.requirements().models
    }

    /// SHA-256 of the component that runs.
    pub(crate) fn digest(&self) -> Digest {
        self.voice.ready.plugin.digest()
    }

    /// Whether it can be asked at a moment. One that failed is started again when its pause is over.
    pub(crate) fn stand(&mut self, now: Timestamp) -> Standing {
        if self.voice.instance.is_live() {
            return Standing::Ready;
        }
        if self.supervisor.admit(None, now).is_err() {
            return Standing::Out;
        }
        let ready = Arc::clone(&self.voice.ready);
        match self.replayed(&ready) {
            Ok(voice) => {
                self.voice = voice;
                Standing::Restarted { all: !self.cut }
            }
            Err(problem) => Standing::Failed(self.failed(problem.what, now)),
        }
    }

    /// Takes note of a failure: when it is started again, or that it is not.
    pub(crate) fn failed(&mut self, text: String, now: Timestamp) -> Failed {
        const STAY: &str =
            "its working entries are cancelled and its positions stay under the risk rules";
        let reported = self.supervisor.failed(None, "failed", now);
        let (consequence, given_up) = match reported.verdict {
            Verdict::Disable { reason } => (
                format!("it is out for the rest of the session: {reason}; {STAY}"),
                Some(format!("{reason}: {text}")),
            ),
            Verdict::Restart { .. } => (format!("it is started again; until then {STAY}"), None),
            Verdict::Nothing => (STAY.to_owned(), None),
        };
        Failed {
            text,
            consequence,
            given_up,
        }
    }

    fn state(&self, instrument: InstrumentHandle, sight: &Sight<'_>) -> State {
        let holding = sight.desk.holding(self.name(), instrument);
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
        let mine = mine.filter(|step| self.handles().contains(&step.instrument));
        let shown: Vec<Shown> = mine
            .map(|step| Shown {
                instrument: step.instrument,
                bar: step.bar,
                state: self.state(step.instrument, sight),
                row: sight.lines.row(step.instrument).to_vec(),
                up: self.chosen(sight.views.get(&step.instrument)),
            })
            .collect();
        for one in &shown {
            *self.seen.entry(one.instrument).or_insert(0) += 1;
        }
        let time = sight.moment.time;
        let warm_up = self.voice.instance.requirements().warm_up;
        let begun = Instant::now();
        let wanted = self.voice.tell(time, &shown);
        if let Some(shadows) = sight.shadows {
            let told = wanted.as_deref();
            shadows.told(self, (time, &shown), begun.elapsed(), told);
        }
        let wanted = wanted?;
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
            self.cut = true;
        }
    }

    /// What it was shown, moment by moment, as far as that is kept.
    pub(crate) fn shown(&self) -> Vec<beside::Moment> {
        self.shown.iter().cloned().collect()
    }

    fn warm(&self, instrument: InstrumentHandle, warm_up: u32) -> bool {
        self.seen
            .get(&instrument)
            .is_none_or(|seen| *seen > warm_up)
    }

    /// Makes a new version ready: it takes the old one's state where both have `snapshot` and it can use it; else a
    /// fresh instance is shown all that the old one was, with the past as it was then. Nothing changes yet.
    ///
    /// # Errors
    /// When the session has not what it declares, or it fails.
    pub(crate) fn prepare(
        &mut self,
        next: &Arc<ReadyStrategy>,
    ) -> Result<(NextVoice, Handed), Problem> {
        let (common, shown) = (&self.common, &self.shown);
        let make = || Voice::new(next, common);
        let handed = hand_over(&mut self.voice, make, |voice| voice.see(shown, common))?;
        Ok((NextVoice(handed.instance), Handed::by(handed.way, self.cut)))
    }

    /// A fresh instance that was shown all that is kept.
    fn replayed(&self, ready: &Arc<ReadyStrategy>) -> Result<Voice, Problem> {
        let mut voice = Voice::new(ready, &self.common)?;
        voice.see(&self.shown, &self.common)?;
        Ok(voice)
    }

    /// Puts a new version in the old one's place. Positions, orders and what it was shown stay the strategy's.
    pub(crate) fn succeed(&mut self, next: NextVoice) {
        self.voice = next.0;
        self.supervisor = self.unspent.clone();
    }

    fn chosen(&self, views: Option<&BTreeMap<String, View>>) -> Vec<f64> {
        let up = |alias| views?.get(alias)?.chosen();
        let models = self.common.models.iter();
        models.map(|alias| up(alias).unwrap_or(f64::NAN)).collect()
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
