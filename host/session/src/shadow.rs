//! Calls of a running session, mirrored to versions of its plugins that are being compared.
//!
//! Promises: a candidate is asked after the session has its answer, on a thread of its own, with a clock of its own
//! that stands at the moment of the question. What it answers, takes and fails at goes into the [`Comparison`] and
//! nowhere else: not into the log, the record, the digest, rewards or budgets, so a session comes to the same with a
//! candidate beside it as without. Only what is asked anew is mirrored: a session that is resumed mirrors nothing of
//! what it repeats.
//!
//! What bounds it: [`QUEUE`] calls wait at most, further ones are dropped and counted; a candidate is stopped in the
//! middle of a call when its comparison ends. Whoever runs the session says what is compared ([`Shadows::compare`]),
//! at any time, and reads what it came to ([`Shadows::comparison`]); the session follows at its next moment.

mod pairs;
mod providers;
mod rules;
mod strategies;

use self::pairs::Pairs;
pub(crate) use self::rules::Ruled;
use self::rules::{Judged, Places};
use crate::advisers::Advisers;
use crate::earned::Earned;
use crate::prepare::Prepared;
use crate::session::Session;
use crate::strategies::Shown as Seen;
use crate::validation::{self, Advice};
use bulkhead_domain::order::Step;
use bulkhead_domain::strategy::Intent;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::Kind;
use bulkhead_orchestrator::call::Failure;
use bulkhead_registry::shadow::{Answered, Comparison, Fault, Mirror, Share, Shown};
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{Plugin, SessionClock};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most mirrored calls of one plugin that wait for its candidate.
const QUEUE: usize = 4_096;

/// What a candidate is asked, by kind.
pub(crate) enum Question {
    /// What it makes of a proposal, in the provider's place; the number is that of the paired score.
    Proposal(usize, Box<validation::Question>, Option<u64>),
    /// What it wants at a moment, as the strategy of this name, which saw this.
    Moment(String, i64, Vec<Seen>),
    /// What it makes, as a rule, of an order or of the portfolio.
    Judged(Judged),
}

/// What was answered.
pub(crate) enum Answer {
    /// A verdict, as the session reads it.
    Advice(Advice),
    /// Intents, before any is left out for the strategy's warm-up.
    Intents(Vec<Intent>),
    /// A rule's answer.
    Ruled(Ruled),
}

impl Answer {
    /// Whether two come to the same.
    fn agrees(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::Advice(one), Answer::Advice(other)) => one.opinion == other.opinion,
            (Answer::Intents(one), Answer::Intents(other)) => strategies::same(one, other),
            (Answer::Ruled(one), Answer::Ruled(other)) => rules::same(one, other),
            // A kind answers in one way.
            _ => false,
        }
    }
}

/// A version that is to be compared with the one in service.
#[derive(Clone)]
pub struct Compared {
    /// The version.
    pub candidate: Plugin,
    /// The version in service: only its calls are mirrored.
    pub active: Digest,
    /// How many of them.
    pub share: Share,
    /// What the comparison came to before.
    pub before: Comparison,
}

/// Calls of a version that was promoted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counted {
    /// Calls.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Why its breaker opened, where it did.
    pub breaker: Option<String>,
}

/// A comparison in progress.
struct Beside {
    compared: Compared,
    /// Where a session runs the plugin.
    mirror: Option<Mirror<Question, Answer>>,
    pairs: Arc<Mutex<Pairs>>,
    /// Of risk rules.
    places: Places,
    /// Why no session can ask the candidate.
    refused: Option<String>,
}

#[derive(Default)]
struct State {
    beside: BTreeMap<String, Beside>,
    watched: BTreeMap<String, (Digest, Counted)>,
}

/// What is compared and watched in this process. Shared between a session and whoever takes an operator's commands.
#[derive(Default)]
pub struct Shadows(Mutex<State>);

/// Takes a lock. A panic elsewhere leaves counts and lists whole.
fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Beside {
    fn new(compared: Compared) -> Beside {
        Beside {
            compared,
            mirror: None,
            pairs: Arc::default(),
            places: Places::default(),
            refused: None,
        }
    }

    fn comparison(&self) -> Comparison {
        let Some(mirror) = &self.mirror else {
            return self.compared.before.clone();
        };
        self.score();
        mirror.comparison()
    }

    /// Adds the paired score that is ready, where one is.
    fn score(&self) {
        if let Some(mirror) = &self.mirror
            && let Some(pair) = locked(&self.pairs).take()
        {
            // It fails where there are enough of them.
            let _ = mirror.score(pair);
        }
    }
}

impl Shadows {
    /// Compares a version of a plugin from now on, in place of what was compared before; nothing any more where
    /// there is none.
    pub fn compare(&self, plugin: &str, compared: Option<Compared>) {
        let mut state = locked(&self.0);
        // Dropped outside of the lock: that stops a candidate's call.
        let _before = match compared {
            Some(compared) => state
                .beside
                .insert(plugin.to_owned(), Beside::new(compared)),
            None => state.beside.remove(plugin),
        };
        drop(state);
    }

    /// What a comparison has come to; `None` where nothing is compared.
    #[must_use]
    pub fn comparison(&self, plugin: &str) -> Option<Comparison> {
        locked(&self.0).beside.get(plugin).map(Beside::comparison)
    }

    /// Why the session cannot ask a plugin's candidate, where it cannot.
    #[must_use]
    pub fn refused(&self, plugin: &str) -> Option<String> {
        locked(&self.0).beside.get(plugin)?.refused.clone()
    }

    /// Calls that candidates have still to answer.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let state = locked(&self.0);
        let mirrors = state
            .beside
            .values()
            .filter_map(|beside| beside.mirror.as_ref());
        mirrors.map(Mirror::waiting).sum()
    }

    /// Counts a version's calls from now on; nothing of the plugin any more where there is none.
    pub fn watch(&self, plugin: &str, version: Option<Digest>) {
        let mut state = locked(&self.0);
        match version {
            Some(version) => {
                let counted = (version, Counted::default());
                state.watched.insert(plugin.to_owned(), counted);
            }
            None => drop(state.watched.remove(plugin)),
        }
    }

    /// The calls of a version that is watched.
    #[must_use]
    pub fn watched(&self, plugin: &str) -> Option<Counted> {
        let state = locked(&self.0);
        let (_, counted) = state.watched.get(plugin)?;
        Some(counted.clone())
    }

    /// A session begins: candidates are made ready for it anew, and go on where they were.
    pub(crate) fn begin(&self) {
        for beside in locked(&self.0).beside.values_mut() {
            beside.compared.before = beside.comparison();
            *beside = Beside::new(beside.compared.clone());
        }
    }

    /// A version in service was called.
    fn called(state: &mut State, plugin: &str, version: Digest, failed: bool) {
        if let Some((watched, counted)) = state.watched.get_mut(plugin)
            && *watched == version
        {
            counted.calls += 1;
            counted.failures += u64::from(failed);
        }
    }

    /// A version's breaker opened.
    pub(crate) fn opened(&self, plugin: &str, version: Digest, why: &str) {
        if let Some((watched, counted)) = locked(&self.0).watched.get_mut(plugin)
            && *watched == version
        {
            counted.breaker = Some(why.to_owned());
        }
    }

    /// Bars have closed: labels that ended score what was said of them.
    pub(crate) fn observe(&self, steps: &[Step], earned: &Earned) {
        let state = locked(&self.0);
        for beside in state.beside.values().filter(|it| it.mirror.is_some()) {
            let mut pairs = locked(&beside.pairs);
            for step in steps {
                if let Some((bar, rose)) = earned.ended(step.instrument) {
                    pairs.ended(step.instrument, bar, rose);
                }
            }
            drop(pairs);
            beside.score();
        }
    }
}

impl Prepared {
    /// The terms of a candidate: those of the session, with a clock of its own.
    fn apart(&self) -> (Operator, SessionClock) {
        let clock = SessionClock::default();
        let operator = Operator {
            clock: clock.clone(),
            ..self.operator()
        };
        (operator, clock)
    }

    /// Makes candidates ready that are to be compared and are not asked yet, where the session runs their plugins.
    pub(crate) fn shadow_due(
        &self,
        shadows: &Shadows,
        session: &Session,
        advisers: Option<&Advisers>,
        registry: &Registry,
    ) {
        if !session.gate.is_live() {
            return;
        }
        let mut state = locked(&shadows.0);
        for (id, beside) in &mut state.beside {
            if beside.mirror.is_some() || beside.refused.is_some() {
                continue;
            }
            let made = match beside.compared.candidate.manifest().kind {
                Kind::AiProvider => self.beside_provider(id, beside, advisers, registry),
                Kind::Strategy => self.beside_strategy(id, beside, session, registry),
                Kind::RiskRule => self.beside_rules(id, beside, registry),
                kind => Err(Problem::user(
                    format!("a {kind}'s calls are not mirrored"),
                    "swap it in without --shadow",
                )),
            };
            match made {
                Ok(mirror) => beside.mirror = mirror,
                Err(problem) => beside.refused = Some(problem.to_string()),
            }
        }
    }
}

/// A mirror that goes on with a comparison. `make` makes what asks the candidate, on the candidate's thread.
fn mirror<F: FnMut(&Question) -> Answered<Answer>>(
    compared: &Compared,
    make: impl FnOnce() -> F + Send + 'static,
) -> Result<Mirror<Question, Answer>, Problem> {
    let shown = Shown {
        share: compared.share,
        salt: compared.candidate.digest().to_string(),
        queue: QUEUE,
    };
    let interrupter = compared.candidate.interrupter();
    let made = Mirror::made(shown, make, Answer::agrees).map_err(|error| {
        Problem::host(
            format!("there is no thread for the compared version: {error}"),
            "free some threads",
        )
    })?;
    Ok(made
        .continuing(compared.before.clone())
        .stopped_by(move || interrupter.interrupt()))
}

/// What is asked of a candidate that has no such place; no session does.
fn misplaced() -> Fault {
    Fault {
        case: "start".to_owned(),
        text: "it has no such place".to_owned(),
    }
}

/// A failure as it is compared: by its case.
fn fault(failure: &Failure) -> Fault {
    let case = serde_json::to_value(failure.case).ok();
    // Some cases carry a figure: then the name is its key.
    let case = case.and_then(|case| match case {
        serde_json::Value::String(name) => Some(name),
        serde_json::Value::Object(one) => one.into_iter().next().map(|(name, _)| name),
        _ => None,
    });
    Fault {
        case: case.unwrap_or_else(|| "other".to_owned()),
        text: failure.text.clone(),
    }
}
