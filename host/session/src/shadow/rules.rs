//! Risk rules beside those that judge: the same orders and the same portfolios.
//!
//! A rule that has a `snapshot` keeps state: it is compared at 100 % only (the command says so), and its candidate
//! begins with the state that the rule in service had before the first call that is mirrored. Any other one begins
//! fresh.

use super::{Answer, Beside, Question, Shadows, fault, locked, mirror, misplaced};
use crate::prepare::{Prepared, json};
use crate::validation::failure;
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Denial, Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::{Digest, Problem};
use bulkhead_registry::Registry;
use bulkhead_registry::shadow::{Answered, Fault, Mirror};
use bulkhead_sandbox::{CallError, Plugin, PortfolioView, RiskRulePlugin, SessionClock, Setup};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// A call of a rule.
pub(crate) struct Judged {
    /// Where the rule stands in the chain, from 0.
    place: usize,
    /// The state that the candidate begins with, with its first call.
    begins: Option<Vec<u8>>,
    /// An order; none where the whole portfolio is looked at.
    order: Option<Box<(Order, RiskContext)>>,
    portfolio: Arc<Portfolio>,
}

/// What a rule answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruled {
    /// To an order.
    Verdict(Verdict),
    /// To the whole portfolio.
    Actions(Vec<ProtectiveAction>),
}

/// Without the words for people.
fn bare(ruled: &Ruled) -> Ruled {
    let clear = |denial: &mut Denial| denial.text.clear();
    let mut ruled = ruled.clone();
    match &mut ruled {
        Ruled::Verdict(Verdict::Approve) => {}
        Ruled::Verdict(
            Verdict::ReduceTo(_, denial) | Verdict::Reject(denial) | Verdict::Halt(denial),
        ) => clear(denial),
        Ruled::Actions(actions) => {
            for action in actions {
                if let ProtectiveAction::Halt(denial) = action {
                    clear(denial);
                }
            }
        }
    }
    ruled
}

/// Whether two answers come to the same, in everything but the words for people.
pub(super) fn same(one: &Ruled, other: &Ruled) -> bool {
    bare(one) == bare(other)
}

/// The places of the chain in which a candidate would stand, and in which it was begun.
#[derive(Default)]
pub(super) struct Places {
    setups: BTreeSet<usize>,
    begun: BTreeSet<usize>,
}

/// The candidate on its thread.
struct Asked {
    plugin: Plugin,
    setups: BTreeMap<usize, Setup>,
    clock: SessionClock,
    rules: BTreeMap<usize, RiskRulePlugin>,
}

impl Asked {
    fn begin(&mut self, judged: &Judged) -> Result<&mut RiskRulePlugin, Fault> {
        let at_start = |text: String| Fault {
            case: "start".to_owned(),
            text,
        };
        if !self.rules.contains_key(&judged.place) {
            let setup = self.setups.get(&judged.place).ok_or_else(misplaced)?;
            let mut rule = RiskRulePlugin::new(self.plugin.clone(), setup.clone())
                .map_err(|problem| at_start(problem.to_string()))?;
            if let Some(state) = &judged.begins {
                rule.restore(state)
                    .map_err(|error| at_start(error.to_string()))?;
            }
            self.rules.insert(judged.place, rule);
        }
        self.rules.get_mut(&judged.place).ok_or_else(misplaced)
    }

    fn ask(&mut self, judged: &Judged) -> Answered<Ruled> {
        self.clock.set(judged.portfolio.time.0);
        let rule = self.begin(judged)?;
        let view = PortfolioView::from(judged.portfolio.as_ref());
        let told = match judged.order.as_deref() {
            Some((order, context)) => rule.assess(order, context, &view).map(Ruled::Verdict),
            None => rule.review(&view).map(Ruled::Actions),
        };
        told.map_err(|error| fault(&failure(&error)))
    }
}

impl Prepared {
    /// A mirror for a candidate, where the session has rules of its plugin.
    pub(super) fn beside_rules(
        &self,
        id: &str,
        beside: &mut Beside,
        registry: &Registry,
    ) -> Result<Option<Mirror<Question, Answer>>, Problem> {
        let plugin = beside.compared.candidate.clone();
        let (operator, clock) = self.apart();
        let mut setups = BTreeMap::new();
        for (place, table) in self.config.risk.iter().enumerate() {
            if table.plugin == id {
                let settings = json(&table.config)?;
                let setup = registry.setup(&plugin, &settings, &self.instruments(), &operator)?;
                setups.insert(place, setup);
            }
        }
        if setups.is_empty() {
            return Ok(None);
        }
        beside.places = Places {
            setups: setups.keys().copied().collect(),
            begun: BTreeSet::new(),
        };
        let make = move || {
            let mut asked = Asked {
                plugin,
                setups,
                clock,
                rules: BTreeMap::new(),
            };
            move |question: &Question| -> Answered<Answer> {
                let Question::Judged(judged) = question else {
                    return Err(misplaced());
                };
                asked.ask(judged).map(Answer::Ruled)
            }
        };
        mirror(&beside.compared, make).map(Some)
    }
}

/// A call of a rule that is about to be made.
pub(crate) struct Due {
    place: usize,
    version: Digest,
    begins: Option<Vec<u8>>,
}

impl Shadows {
    /// Before a rule is called: keeps the state that its candidate begins with. `None` where no call of it is mirrored
    /// or counted.
    pub(crate) fn due(&self, place: usize, rule: &mut RiskRulePlugin) -> Option<Due> {
        let version = rule.digest();
        let mut state = locked(&self.0);
        let watched = state
            .watched
            .values()
            .any(|(watched, _)| *watched == version);
        let mut of = state.beside.values_mut();
        let beside = of.find(|it| it.mirror.is_some() && it.compared.active == version);
        let places = beside.map(|beside| &mut beside.places);
        let places = places.filter(|places| places.setups.contains(&place));
        if places.is_none() && !watched {
            return None;
        }
        let first = places.is_some_and(|places| places.begun.insert(place));
        // One that has no state to give is begun fresh.
        let begins = first.then(|| rule.save().ok().flatten()).flatten();
        Some(Due {
            place,
            version,
            begins,
        })
    }

    /// A rule answered, or failed.
    pub(crate) fn ruled(
        &self,
        due: Due,
        (portfolio, order): (&Arc<Portfolio>, Option<(&Order, &RiskContext)>),
        took: Duration,
        told: Result<Ruled, &CallError>,
    ) {
        let mut state = locked(&self.0);
        let watched = state.watched.values_mut();
        for (_, counted) in watched.filter(|(watched, _)| *watched == due.version) {
            counted.calls += 1;
            counted.failures += u64::from(told.is_err());
        }
        let mut of = state.beside.values_mut();
        let Some(beside) = of.find(|it| it.compared.active == due.version) else {
            return;
        };
        let Some(mirror) = &beside.mirror else {
            return;
        };
        let id = order.map_or("", |(order, _)| order.client_order_id.as_str());
        let key = DigestBuilder::new()
            .part("time", &portfolio.time.0.to_le_bytes())
            .part("order", id.as_bytes())
            .part("place", &due.place.to_le_bytes())
            .finish();
        let dropped = mirror.show(key.bytes(), took, || {
            let order = order.map(|(order, context)| Box::new((order.clone(), context.clone())));
            let judged = Judged {
                place: due.place,
                begins: due.begins,
                order,
                portfolio: Arc::clone(portfolio),
            };
            let answered = told.map(Answer::Ruled);
            (
                Question::Judged(judged),
                answered.map_err(|error| fault(&failure(error))),
            )
        });
        if dropped {
            beside.compared.before = beside.comparison();
            *beside = Beside::new(beside.compared.clone());
        }
    }
}
