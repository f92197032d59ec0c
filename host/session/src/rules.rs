//! Risk-rule plugins as the desk's rules.
//!
//! Promises: whoever is not answered by a rule is denied. A rule that fails is started again after a pause with what it
//! knew, and given up once its restarts are used up: from then on it denies without being asked; an order of a form that
//! ended its instance twice is denied without asking it. A new version takes the
//! old one's place between two moments with its state, or is asked all that the old one was. The rules of a chain are
//! shown the same portfolio one after the other, so it is brought into the contract's form once for all of them.
//!
//! Bounds: the last [`KEPT`] calls of a rule without `snapshot` are repeated; of one that has it, those since its state
//! was last kept, which it is every [`KEPT`] calls.

use crate::handed::Handed;
use crate::shadow::{Ruled, Shadows};
use crate::swap::GivenUp;
use bulkhead_desk::{RiskRule, RuleFailure};
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_registry::service::hand_over;
use bulkhead_registry::supervise::{Supervisor, Verdict as Supervised};
use bulkhead_sandbox::{CallError, PortfolioView, RiskRulePlugin};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

/// Calls of a rule that are kept, to be repeated.
const KEPT: usize = 1_024;

/// The portfolio that was shown last, and its form for plugins. The weak reference keeps the address from
/// being given to another portfolio.
type Shown = Option<(Weak<Portfolio>, PortfolioView)>;

/// What a rule was asked.
enum Asked {
    Assess(Box<(Order, RiskContext)>, Arc<Portfolio>),
    Review(Arc<Portfolio>),
}

impl Asked {
    fn portfolio(&self) -> &Arc<Portfolio> {
        match self {
            Asked::Assess(_, portfolio) | Asked::Review(portfolio) => portfolio,
        }
    }

    /// What tells orders apart that would end an instance each time: what is asked for, whatever its name.
    fn input(&self) -> Option<Digest> {
        let (order, _) = self.order()?;
        let text = serde_json::to_vec(&(&order.owner, &order.request)).ok()?;
        Some(Digest::of(&text))
    }

    fn order(&self) -> Option<(&Order, &RiskContext)> {
        match self {
            Asked::Assess(order, _) => Some((&order.0, &order.1)),
            Asked::Review(_) => None,
        }
    }

    fn ask(&self, plugin: &mut RiskRulePlugin, view: &PortfolioView) -> Result<(), CallError> {
        match self {
            Asked::Assess(order, _) => plugin.assess(&order.0, &order.1, view).map(drop),
            Asked::Review(_) => plugin.review(view).map(drop),
        }
    }
}

/// What a rule knew, as far as it can be given to another instance.
#[derive(Default)]
struct Memory {
    /// Its state before `asked`.
    state: Option<Vec<u8>>,
    asked: VecDeque<Asked>,
    /// Whether it was asked more than is kept, without a state to begin from.
    cut: bool,
}

impl Memory {
    fn keep(&mut self, asked: Asked, plugin: &mut RiskRulePlugin) {
        if self.asked.len() == KEPT {
            if !self.cut
                && let Ok(Some(state)) = plugin.save()
            {
                self.state = Some(state);
                self.asked.clear();
            } else {
                self.asked.pop_front();
                self.cut = true;
            }
        }
        self.asked.push_back(asked);
    }

    /// Has a fresh instance know it.
    fn teach(&self, plugin: &mut RiskRulePlugin) -> Result<(), CallError> {
        if let Some(state) = &self.state {
            plugin.restore(state)?;
        }
        let mut shown: Shown = None;
        for asked in &self.asked {
            asked.ask(plugin, view(&mut shown, asked.portfolio()))?;
        }
        Ok(())
    }
}

struct Inner {
    plugin: RiskRulePlugin,
    memory: Memory,
    supervisor: Supervisor,
    /// What a new version is watched by.
    unspent: Supervisor,
    given_up: Option<GivenUp>,
}

/// One rule of a session.
#[derive(Clone)]
pub struct Rule {
    name: String,
    inner: Arc<Mutex<Inner>>,
    shown: Arc<Mutex<Shown>>,
    /// Who is told of every call, and as whose: its place in the chain.
    shadows: Option<(Arc<Shadows>, usize)>,
}

/// The plugins as rules of one desk, in their order.
#[must_use]
pub fn rules(plugins: Vec<RiskRulePlugin>, supervisor: &Supervisor) -> Vec<Rule> {
    beside(plugins, supervisor, None)
}

/// The same, with their calls mirrored.
pub(crate) fn beside(
    plugins: Vec<RiskRulePlugin>,
    supervisor: &Supervisor,
    shadows: Option<&Arc<Shadows>>,
) -> Vec<Rule> {
    let shown = Arc::new(Mutex::new(None));
    let rule = |(place, plugin): (usize, RiskRulePlugin)| Rule {
        name: plugin.manifest().id.clone(),
        inner: Arc::new(Mutex::new(Inner {
            plugin,
            memory: Memory::default(),
            supervisor: supervisor.clone(),
            unspent: supervisor.clone(),
            given_up: None,
        })),
        shown: Arc::clone(&shown),
        shadows: shadows.map(|shadows| (Arc::clone(shadows), place)),
    };
    plugins.into_iter().enumerate().map(rule).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in between leaves nothing half-done here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The form of a portfolio; made anew only where it is another one.
fn view<'a>(shown: &'a mut Shown, portfolio: &Arc<Portfolio>) -> &'a PortfolioView {
    let same = |(last, _): &&(Weak<Portfolio>, PortfolioView)| {
        std::ptr::eq(last.as_ptr(), Arc::as_ptr(portfolio))
    };
    if shown.as_ref().filter(same).is_none() {
        *shown = None;
    }
    let (_, view) =
        shown.get_or_insert_with(|| (Arc::downgrade(portfolio), portfolio.as_ref().into()));
    view
}

impl Inner {
    /// Starts it again where it failed and its pause is over.
    fn stand(&mut self, asked: &Asked, now: Timestamp) -> Result<(), String> {
        let marked = self.supervisor.is_marked();
        let input = marked.then(|| asked.input()).flatten();
        let admitted = self.supervisor.admit(input.as_ref(), now);
        admitted.map_err(|refused| refused.to_string())?;
        if self.plugin.is_live() {
            return Ok(());
        }
        match self.taught() {
            Ok(plugin) => self.plugin = plugin,
            Err(error) => return Err(self.fell(None, error.to_string(), now)),
        }
        Ok(())
    }

    fn taught(&self) -> Result<RiskRulePlugin, CallError> {
        let mut plugin = self.plugin.fresh()?;
        self.memory.teach(&mut plugin)?;
        Ok(plugin)
    }

    /// What a call came to that gave no answer. One that the rule refuses ends nothing.
    fn failed(&mut self, asked: &Asked, error: &CallError, now: Timestamp) -> String {
        let text = error.to_string();
        if self.plugin.is_live() {
            text
        } else {
            self.fell(asked.input(), text, now)
        }
    }

    fn fell(&mut self, input: Option<Digest>, text: String, now: Timestamp) -> String {
        match self.supervisor.failed(input, "failed", now).verdict {
            Supervised::Disable { reason } => {
                self.given_up = Some(GivenUp {
                    plugin: self.plugin.manifest().id.clone(),
                    digest: self.plugin.digest(),
                    reason: format!("{reason}: {text}"),
                });
                format!(
                    "{text}; it is out for the rest of the session and denies from now on: {reason}"
                )
            }
            Supervised::Restart { .. } | Supervised::Nothing => text,
        }
    }
}

impl Rule {
    /// SHA-256 of the component that runs.
    pub(crate) fn digest(&self) -> Digest {
        lock(&self.inner).plugin.digest()
    }

    /// Why it is given up, the first time that it is asked for.
    pub(crate) fn take_given_up(&self) -> Option<GivenUp> {
        lock(&self.inner).given_up.take()
    }

    /// Has a fresh instance of a new version know what this one knows. Nothing changes yet.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn prepare(
        &self,
        make: impl Fn() -> Result<RiskRulePlugin, Problem>,
    ) -> Result<(RiskRulePlugin, Handed), Problem> {
        let inner = &mut *lock(&self.inner);
        let memory = &inner.memory;
        let handed = hand_over(&mut inner.plugin, make, |next| Ok(memory.teach(next)?))?;
        Ok((handed.instance, Handed::by(handed.way, memory.cut)))
    }

    /// Puts a new version in the old one's place.
    pub(crate) fn succeed(&self, next: RiskRulePlugin) {
        let mut inner = lock(&self.inner);
        inner.plugin = next;
        inner.supervisor = inner.unspent.clone();
        // The old version's state may say nothing to the new one: what it has by itself is kept from here on.
        inner.memory.state = inner.plugin.save().ok().flatten();
        if inner.memory.state.is_some() {
            inner.memory.asked.clear();
            inner.memory.cut = false;
        }
    }

    /// Asks it; `ruled` makes its answer comparable.
    fn ask<T: Clone>(
        &self,
        asked: Asked,
        ruled: fn(T) -> Ruled,
        ask: impl FnOnce(&mut RiskRulePlugin, &PortfolioView) -> Result<T, CallError>,
    ) -> Result<T, RuleFailure> {
        let inner = &mut *lock(&self.inner);
        let failure = |text: String| RuleFailure {
            plugin: self.name.clone(),
            text,
        };
        let now = asked.portfolio().time;
        let shadows = self.shadows.as_ref();
        let due = shadows.and_then(|(shadows, place)| shadows.due(*place, &mut inner.plugin));
        inner.stand(&asked, now).map_err(failure)?;
        let mut shown = lock(&self.shown);
        let begun = Instant::now();
        let answer = ask(&mut inner.plugin, view(&mut shown, asked.portfolio()));
        if let (Some((shadows, _)), Some(due)) = (shadows, due) {
            let took = begun.elapsed();
            let comparable = answer.as_ref().map(|answer| ruled(answer.clone()));
            shadows.ruled(due, (asked.portfolio(), asked.order()), took, comparable);
        }
        match answer {
            Ok(answer) => {
                inner.memory.keep(asked, &mut inner.plugin);
                Ok(answer)
            }
            Err(error) => Err(failure(inner.failed(&asked, &error, now))),
        }
    }
}

impl RiskRule for Rule {
    fn name(&self) -> &str {
        &self.name
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Arc<Portfolio>,
    ) -> Result<Verdict, RuleFailure> {
        let asked = Asked::Assess(
            Box::new((order.clone(), context.clone())),
            portfolio.clone(),
        );
        self.ask(asked, Ruled::Verdict, |plugin, view| {
            plugin.assess(order, context, view)
        })
    }

    fn review(&mut self, portfolio: &Arc<Portfolio>) -> Result<Vec<ProtectiveAction>, RuleFailure> {
        let asked = Asked::Review(portfolio.clone());
        self.ask(asked, Ruled::Actions, RiskRulePlugin::review)
    }
}
