//! A plugin whose calls do not depend on each other: the risk rule `limits`.

use super::load::{Shelf, version};
use super::swap::Swapped;
use anyhow::{Result, ensure};
use bulkhead_domain::order::{Order, OrderRequest, Side};
use bulkhead_domain::risk::{Portfolio, RiskContext, Verdict};
use bulkhead_domain::{Decimal, Instrument, Problem, Timestamp};
use bulkhead_registry::service::{Generation, Instances, Service, install};
use bulkhead_sandbox::{Grants, Plugin, PortfolioView, RiskRulePlugin, Setup};

pub(super) const COMPONENT: &str = "limits";

const CONFIG: &str = r#"{"max-position": 100000, "max-order-notional": 1000000}"#;

/// Instances kept idle.
const WARM: usize = 2;

/// An order, and what it is judged by.
pub(super) struct Question {
    order: Order,
    context: RiskContext,
    portfolio: PortfolioView,
}

impl Question {
    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    pub(super) fn new() -> Self {
        let equity = Decimal::from(1_000_000);
        let portfolio = Portfolio {
            time: Timestamp(1),
            account: "paper".to_owned(),
            currency: "USD".to_owned(),
            cash: equity,
            equity,
            prior_session_equity: equity,
            peak_equity: equity,
            positions: Vec::new(),
            open_orders: Vec::new(),
        };
        Question {
            order: Order {
                client_order_id: "bench-1".to_owned(),
                account: "paper".to_owned(),
                owner: "trend".to_owned(),
                request: OrderRequest::market(1, Side::Buy, Decimal::TEN),
            },
            context: RiskContext {
                reference_price: Decimal::ONE_HUNDRED,
                multiplier: Decimal::ONE,
                confidence: None,
                features: Vec::new(),
                extra: Vec::new(),
            },
            portfolio: (&portfolio).into(),
        }
    }
}

pub(super) fn instance(plugin: &Plugin) -> Result<RiskRulePlugin, Problem> {
    let setup = Setup {
        config: CONFIG.to_owned(),
        instruments: vec![Instrument::us_equity(1, "WALK")],
        grants: Grants::default(),
    };
    RiskRulePlugin::new(plugin.clone(), setup)
}

pub(super) fn assess(rule: &mut RiskRulePlugin, question: &Question) -> Result<(), Problem> {
    let Question {
        order,
        context,
        portfolio,
    } = question;
    match rule.assess(order, context, portfolio)? {
        Verdict::Approve => Ok(()),
        other => Err(Problem::host(format!("not approved: {other:?}"), "")),
    }
}

type Rules = Instances<RiskRulePlugin>;

fn ask(rules: &Rules, question: &Question) -> Result<(), Problem> {
    rules.call(|rule| assess(rule, question))?
}

/// The rule in service.
pub(super) struct InService<'a> {
    shelf: &'a Shelf,
    service: Service<Rules>,
    question: Question,
}

impl<'a> InService<'a> {
    pub(super) fn new(shelf: &'a Shelf) -> Result<Self> {
        shelf.warm(COMPONENT)?;
        Ok(InService {
            service: Service::new(generation(shelf, 1)?, Timestamp(0)),
            shelf,
            question: Question::new(),
        })
    }
}

fn generation(shelf: &Shelf, number: u64) -> Result<Generation<Rules>, Problem> {
    let plugin = shelf.load(COMPONENT)?;
    let (version, interrupter) = (version(&plugin), plugin.interrupter());
    let rules = Instances::start(WARM, move || instance(&plugin))?;
    Ok(Generation::new(number, version, rules).stopped_by(move || interrupter.interrupt()))
}

impl Swapped for InService<'_> {
    fn call(&self, _: u64) -> Result<u64> {
        let lease = self.service.enter();
        ask(lease.get()?, &self.question)?;
        Ok(lease.number())
    }

    fn swap(&self, number: u64) -> Result<()> {
        let first_call = |rules: &Rules| ask(rules, &self.question);
        let load = || generation(self.shelf, number);
        install(&self.service, Timestamp(0), load, first_call)?;
        Ok(())
    }

    fn check(&self, _: u64) -> Result<()> {
        ensure!(
            self.service.draining().is_empty(),
            "somebody is in an old version still"
        );
        Ok(())
    }
}
