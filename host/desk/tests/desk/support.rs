//! A desk beside the real matching engine, and rules that say what a test wants.

use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::{
    Applied, BrokerPosition, Cancelled, CheckLimits, Desk, DeskConfig, Disposition, ExecutionPage,
    Gateway, GatewayError, Proposal, RiskApproved, RiskRule, RuleFailure, Ruling,
};
use bulkhead_domain::order::{
    Bar, CorporateAction, Execution, InstrumentHandle, Liquidity, OpenOrder, Order, OrderRequest,
    OrderUpdate, Outcome, Replacement, Side, Step,
};
use bulkhead_domain::risk::{Denial, Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Instrument, Timestamp};
use bulkhead_venue::{FeeModel, InstrumentSpec, Venue, VenueConfig};
use std::sync::Arc;

pub(crate) fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

pub(crate) fn denial(code: &str) -> Denial {
    Denial {
        code: code.to_owned(),
        observed: "1".to_owned(),
        limit: "0".to_owned(),
        text: String::new(),
    }
}

pub(crate) fn context() -> RiskContext {
    RiskContext {
        reference_price: Decimal::ZERO,
        multiplier: Decimal::ONE,
        confidence: None,
        features: Vec::new(),
        extra: Vec::new(),
    }
}

pub(crate) fn proposal(decision: &str, owner: &str, request: OrderRequest) -> Proposal {
    Proposal {
        decision_id: decision.to_owned(),
        owner: owner.to_owned(),
        request,
        context: context(),
        fitted: None,
    }
}

type Assess = dyn FnMut(&Order, &RiskContext) -> Result<Verdict, RuleFailure> + Send;
type Review = dyn FnMut(&Portfolio) -> Result<Vec<ProtectiveAction>, RuleFailure> + Send;

/// A rule made of two closures.
pub(crate) struct Scripted {
    name: String,
    assess: Box<Assess>,
    review: Box<Review>,
}

impl Scripted {
    pub(crate) fn new(
        name: &str,
        assess: impl FnMut(&Order, &RiskContext) -> Result<Verdict, RuleFailure> + Send + 'static,
    ) -> Box<Self> {
        Box::new(Scripted {
            name: name.to_owned(),
            assess: Box::new(assess),
            review: Box::new(|_| Ok(Vec::new())),
        })
    }

    pub(crate) fn reviewing(
        name: &str,
        review: impl FnMut(&Portfolio) -> Result<Vec<ProtectiveAction>, RuleFailure> + Send + 'static,
    ) -> Box<Self> {
        let mut rule = Scripted::new(name, |_, _| Ok(Verdict::Approve));
        rule.review = Box::new(review);
        rule
    }
}

impl RiskRule for Scripted {
    fn name(&self) -> &str {
        &self.name
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        _: &Arc<Portfolio>,
    ) -> Result<Verdict, RuleFailure> {
        (self.assess)(order, context)
    }

    fn review(&mut self, portfolio: &Arc<Portfolio>) -> Result<Vec<ProtectiveAction>, RuleFailure> {
        (self.review)(portfolio)
    }
}

/// Sends to the matching engine, and remembers what it executed.
pub(crate) struct VenueGateway<'a> {
    pub(crate) venue: &'a mut Venue,
    pub(crate) executions: &'a [Execution],
    pub(crate) now: i64,
}

fn rejected(reject: &bulkhead_venue::VenueReject) -> GatewayError {
    GatewayError::Rejected {
        code: reject.code().to_owned(),
        text: reject.to_string(),
    }
}

impl Gateway for VenueGateway<'_> {
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError> {
        self.venue
            .submit(&order, self.now)
            .map_err(|reject| rejected(&reject))
    }

    fn replace(&mut self, _: &str, change: RiskApproved<Replacement>) -> Result<(), GatewayError> {
        self.venue
            .replace(&change, self.now)
            .map_err(|reject| rejected(&reject))
    }

    fn cancel(&mut self, _: &str, client_order_id: &str) -> Result<Cancelled, GatewayError> {
        self.venue
            .cancel(client_order_id)
            .map(|()| Cancelled::Confirmed)
            .map_err(|reject| GatewayError::Unavailable(reject.to_string()))
    }

    fn open_orders(&mut self, _: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        Ok(self.venue.open_orders())
    }

    fn executions(&mut self, _: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        let start: usize = cursor.parse().unwrap_or(0);
        Ok(ExecutionPage {
            executions: self.executions[start..].to_vec(),
            cursor: self.executions.len().to_string(),
        })
    }

    fn positions(&mut self, _: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        let mut held = std::collections::BTreeMap::new();
        for execution in self.executions {
            *held.entry(execution.instrument).or_insert(Decimal::ZERO) +=
                execution.side.sign() * execution.quantity;
        }
        Ok(held
            .into_iter()
            .map(|(instrument, quantity)| BrokerPosition {
                instrument,
                quantity,
            })
            .collect())
    }
}

pub(crate) const OPENED: i64 = 10_000 * DAY;

/// A desk, a venue, and days of bars.
pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) venue: Venue,
    pub(crate) day: i64,
    pub(crate) decisions: u32,
    pub(crate) closes: Vec<(InstrumentHandle, Decimal)>,
    pub(crate) executions: Vec<Execution>,
}

/// Names of the instruments, by handle from 1.
pub(crate) fn instruments(symbols: &[&str]) -> Vec<Instrument> {
    (1..)
        .zip(symbols)
        .map(|(handle, symbol)| Instrument::us_equity(handle, symbol))
        .collect()
}

pub(crate) fn desk(limits: CheckLimits, symbols: &[&str], rules: Vec<Box<dyn RiskRule>>) -> Desk {
    desk_kept(CostBasis::Average, limits, symbols, rules)
}

/// A desk whose books are kept on a basis.
pub(crate) fn desk_kept(
    basis: CostBasis,
    limits: CheckLimits,
    symbols: &[&str],
    rules: Vec<Box<dyn RiskRule>>,
) -> Desk {
    let config = DeskConfig {
        account: "paper".to_owned(),
        currency: "USD".to_owned(),
        basis,
        capital: dec("100000"),
        opened: Timestamp(OPENED),
        limits,
        nonce: [1; 32],
        session: "s-1.1".to_owned(),
        broker: "paper".to_owned(),
        plugins: [("ema".to_owned(), "ema-cross".to_owned())].into(),
    };
    Desk::new(config, instruments(symbols), rules).unwrap()
}

impl World {
    pub(crate) fn new(
        limits: CheckLimits,
        symbols: &[&str],
        rules: Vec<Box<dyn RiskRule>>,
    ) -> Self {
        let specs: Vec<InstrumentSpec> = instruments(symbols)
            .iter()
            .map(|instrument| InstrumentSpec {
                handle: instrument.handle,
                tick: instrument.tick,
                lot: instrument.lot,
                multiplier: instrument.multiplier,
            })
            .collect();
        let config = VenueConfig {
            max_volume_share: None,
            fees: FeeModel::None,
            ..VenueConfig::default()
        };
        World {
            desk: desk(limits, symbols, rules),
            venue: Venue::new(config, &specs).unwrap(),
            day: 0,
            decisions: 0,
            closes: Vec::new(),
            executions: Vec::new(),
        }
    }

    /// One instrument called AAPL and the default limits.
    pub(crate) fn plain(rules: Vec<Box<dyn RiskRule>>) -> Self {
        let mut world = World::new(CheckLimits::default(), &["AAPL"], rules);
        world.bar(&[[100.0; 4]]);
        world
    }

    pub(crate) fn now(&self) -> i64 {
        OPENED + self.day * DAY
    }

    /// A day's bars (open, high, low, close) of all instruments; updates go to the desk.
    pub(crate) fn bar(&mut self, bars: &[[f64; 4]]) -> Vec<Applied> {
        self.bar_after(bars, &[])
    }

    /// The same after corporate actions of the first instrument.
    pub(crate) fn bar_after(
        &mut self,
        bars: &[[f64; 4]],
        actions: &[CorporateAction],
    ) -> Vec<Applied> {
        if !actions.is_empty() {
            let prior_close = self.closes[0].1;
            self.desk.on_actions(1, actions, prior_close).unwrap();
            self.desk.ledger().audit().unwrap();
        }
        self.day += 1;
        let time = self.now();
        let steps: Vec<Step> = (1..)
            .zip(bars)
            .map(|(instrument, [open, high, low, close])| Step {
                instrument,
                open_time: time - DAY,
                bar: Bar {
                    time,
                    open: *open,
                    high: *high,
                    low: *low,
                    close: *close,
                    volume: 1e9,
                    factor: 1.0,
                },
                session_end: true,
                actions: if instrument == 1 {
                    actions.to_vec()
                } else {
                    Vec::new()
                },
            })
            .collect();
        let updates = self.venue.advance(&steps).unwrap();
        self.executions
            .extend(updates.iter().filter_map(|update| update.execution.clone()));
        let applied = updates
            .iter()
            .filter_map(|update| self.apply(update))
            .collect();
        self.closes = steps
            .iter()
            .map(|step| {
                let price = bulkhead_venue::number::from_f64(step.bar.close).unwrap();
                (step.instrument, price)
            })
            .collect();
        self.desk.mark(Timestamp(time), &self.closes).unwrap();
        applied
    }

    pub(crate) fn apply(&mut self, update: &OrderUpdate) -> Option<Applied> {
        let applied = self.desk.apply(update).unwrap();
        self.desk.ledger().audit().unwrap();
        applied
    }

    /// Judges and sends; gives back what was judged.
    pub(crate) fn decide(&mut self, proposals: Vec<Proposal>) -> Vec<Verdicted> {
        let dispositions = self.desk.decide(proposals);
        self.carry_out(dispositions)
    }

    /// Does what the kill switch wants.
    pub(crate) fn obey(&mut self) -> Vec<Verdicted> {
        let dispositions = self.desk.obey();
        self.carry_out(dispositions)
    }

    /// The way to the venue.
    pub(crate) fn gateway(&mut self) -> (&mut Desk, VenueGateway<'_>) {
        let now = self.now();
        let gateway = VenueGateway {
            venue: &mut self.venue,
            executions: &self.executions,
            now,
        };
        (&mut self.desk, gateway)
    }

    /// Reviews and carries it out.
    pub(crate) fn review(&mut self) -> Vec<Verdicted> {
        let review = self.desk.review();
        self.carry_out(review.dispositions)
    }

    pub(crate) fn carry_out(&mut self, dispositions: Vec<Disposition>) -> Vec<Verdicted> {
        dispositions
            .into_iter()
            .map(|disposition| {
                let seen = Verdicted::of(&disposition);
                let (desk, mut gateway) = self.gateway();
                match disposition.ruling {
                    Ruling::Send(order) => {
                        desk.send(order, &mut gateway).outcome.unwrap();
                    }
                    Ruling::Replace(change) => {
                        desk.send_change(change, &mut gateway).outcome.unwrap();
                    }
                    Ruling::Cancel => {
                        desk.cancel(&disposition.client_order_id, &mut gateway)
                            .unwrap();
                    }
                    Ruling::Deny(_) => {}
                }
                seen
            })
            .collect()
    }

    /// One market order of the owner `ema`.
    pub(crate) fn order(&mut self, side: Side, quantity: &str) -> Vec<Verdicted> {
        self.request(OrderRequest::market(1, side, dec(quantity)))
    }

    pub(crate) fn request(&mut self, request: OrderRequest) -> Vec<Verdicted> {
        self.decisions += 1;
        let decision = format!("decision-{}", self.decisions);
        self.decide(vec![proposal(&decision, "ema", request)])
    }

    pub(crate) fn held(&self) -> Decimal {
        self.desk.holding("ema", 1).quantity
    }
}

/// What tests look at of a disposition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdicted {
    pub(crate) what: String,
    pub(crate) id: String,
    pub(crate) sources: Vec<String>,
}

impl Verdicted {
    pub(crate) fn of(disposition: &Disposition) -> Self {
        let what = match &disposition.ruling {
            Ruling::Send(order) => {
                let request = &order.request;
                format!(
                    "{} {:?} {}{}",
                    disposition.leg.name(),
                    request.side,
                    request.quantity.normalize(),
                    if request.reduce_only {
                        " reduce-only"
                    } else {
                        ""
                    },
                )
            }
            Ruling::Replace(change) => format!(
                "{} becomes {} {:?}",
                disposition.leg.name(),
                change.quantity.normalize(),
                change.kind
            ),
            Ruling::Cancel => "cancel".to_owned(),
            Ruling::Deny(denial) => denial.to_string(),
        };
        Verdicted {
            what,
            id: disposition.client_order_id.clone(),
            sources: disposition
                .verdicts
                .iter()
                .map(|record| format!("{} {}", record.source, record.verdict.name()))
                .collect(),
        }
    }
}

pub(crate) fn whats(verdicted: &[Verdicted]) -> Vec<&str> {
    verdicted.iter().map(|seen| seen.what.as_str()).collect()
}

/// A buy of the first instrument at 100.
pub(crate) fn execution(id: &str, order: &str, quantity: &str) -> Execution {
    Execution {
        execution_id: id.to_owned(),
        client_order_id: order.to_owned(),
        account: "paper".to_owned(),
        instrument: 1,
        side: Side::Buy,
        quantity: dec(quantity),
        price: dec("100"),
        fee: Decimal::ZERO,
        fee_currency: "USD".to_owned(),
        liquidity: Liquidity::Taker,
        time: OPENED + DAY,
    }
}

/// What the venue says of an order, with nothing left of it.
pub(crate) fn update(order: &str, outcome: Outcome, execution: Option<Execution>) -> OrderUpdate {
    OrderUpdate {
        client_order_id: order.to_owned(),
        outcome,
        time: OPENED + DAY,
        execution,
        leaves: Decimal::ZERO,
        reason: String::new(),
    }
}
