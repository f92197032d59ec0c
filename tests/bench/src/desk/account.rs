//! The account that is measured: its instruments, its desk, and how orders are wanted and end.

use super::broker::Counting;
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead_desk::audit::{Event, Kind};
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::switch::{Gate, Gated};
use bulkhead_desk::{
    CheckLimits, Desk, DeskConfig, Disposition, GatewayError, Proposal, RiskRule, Ruling, SendError,
};
use bulkhead_domain::order::{
    Execution, InstrumentHandle, Liquidity, Order, OrderRequest, OrderUpdate, Outcome, Side,
    TimeInForce,
};
use bulkhead_domain::risk::RiskContext;
use bulkhead_domain::{Decimal, Instrument, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The feature that sizes are computed from.
pub(crate) const VOLATILITY: &str = "volatility_20";

/// Instruments of the account; each is held.
pub(super) const INSTRUMENTS: u32 = 10;

const CURRENCY: &str = "USD";
const ACCOUNT: &str = "bench";

/// Units of each instrument held, by an owner of its own: the rules have an account to look at.
const HELD: i64 = 200;
/// Price of everything.
const PRICE: i64 = 100;
const CAPITAL: i64 = 1_000_000;

/// 2026-01-02, 15:00 UTC.
const OPENED: i64 = 1_767_366_000_000_000_000;
/// Nanoseconds between two moments of a desk: 5,000 a second.
const MOMENT: i64 = 200_000;

/// A desk behind the gate.
pub(super) struct Account {
    pub(super) desk: Desk,
    pub(super) broker: Gated<Counting>,
    gate: Arc<Gate>,
    session: String,
    now: i64,
    updates: u64,
}

pub(super) fn instruments() -> Vec<Instrument> {
    (1..=INSTRUMENTS)
        .map(|handle| Instrument::us_equity(handle, &format!("I{handle}")))
        .collect()
}

fn context() -> RiskContext {
    RiskContext {
        reference_price: Decimal::ZERO,
        multiplier: Decimal::ONE,
        confidence: Some(0.6),
        features: vec![(VOLATILITY.to_owned(), 0.02)],
        extra: Vec::new(),
    }
}

/// What is wanted at once or not at all.
pub(super) fn proposal(decision: String, owner: &str, request: OrderRequest) -> Proposal {
    Proposal {
        decision_id: decision,
        owner: owner.to_owned(),
        request: OrderRequest {
            time_in_force: TimeInForce::ImmediateOrCancel,
            ..request
        },
        context: context(),
        fitted: None,
    }
}

/// A desk that lets any number of orders pass.
fn desk(session: &str, rules: Vec<Box<dyn RiskRule>>) -> Result<Desk> {
    let limits = CheckLimits {
        max_orders_per_moment: u32::MAX,
        max_orders_per_session: u32::MAX,
        max_order_notional: Some(Decimal::from(CAPITAL)),
        max_position_notional: Some(Decimal::from(CAPITAL)),
        max_position_share: Some(Decimal::ONE),
        max_gross_exposure: Some(Decimal::from(CAPITAL)),
        max_drawdown: Some(Decimal::new(2, 1)),
        ..CheckLimits::default()
    };
    let mut nonce = [0; 32];
    for (byte, from) in nonce.iter_mut().zip(session.bytes()) {
        *byte = from;
    }
    let config = DeskConfig {
        account: ACCOUNT.to_owned(),
        currency: CURRENCY.to_owned(),
        basis: CostBasis::Average,
        capital: Decimal::from(CAPITAL),
        opened: Timestamp(OPENED),
        limits,
        nonce,
        session: session.to_owned(),
        broker: "counting".to_owned(),
        plugins: BTreeMap::new(),
    };
    let mut desk = Desk::new(config, instruments(), rules)?;
    let prices: Vec<_> = (1..=INSTRUMENTS)
        .map(|handle| (handle, Decimal::from(PRICE)))
        .collect();
    desk.mark(Timestamp(OPENED), &prices)?;
    Ok(desk)
}

impl Account {
    /// An account that holds something of everything.
    pub(super) fn new(
        session: &str,
        gate: &Arc<Gate>,
        broker: Counting,
        rules: Vec<Box<dyn RiskRule>>,
    ) -> Result<Self> {
        let desk = desk(session, rules)?;
        let broker = Gated::new(broker, Arc::clone(gate), desk.book());
        let mut account = Account {
            desk,
            broker,
            gate: Arc::clone(gate),
            session: session.to_owned(),
            now: OPENED,
            updates: 0,
        };
        let wanted = (1..=INSTRUMENTS)
            .map(|handle| {
                let request = OrderRequest::market(handle, Side::Buy, Decimal::from(HELD));
                proposal(format!("hold-{handle}"), "holder", request)
            })
            .collect();
        let mut dispositions = account.desk.decide(wanted);
        account.journal(&mut dispositions)?;
        for disposition in dispositions {
            let order = account
                .send(disposition)?
                .context("an order was stopped before anything was halted")?;
            account.end(order, Outcome::Filled)?;
        }
        ensure!(
            account.desk.portfolio().positions.len() == INSTRUMENTS as usize,
            "the account does not hold what it should"
        );
        Ok(account)
    }

    /// Moves time on by one moment and marks one instrument.
    pub(super) fn tick(&mut self, instrument: InstrumentHandle) -> Result<()> {
        self.now += MOMENT;
        let cents = self.now / MOMENT % 3;
        let price = Decimal::new(PRICE * 100 + cents, 2);
        self.desk
            .mark(Timestamp(self.now), &[(instrument, price)])?;
        self.broker.set_time(Timestamp(self.now));
        Ok(())
    }

    /// The time of the last moment.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    pub(super) fn journal(&self, dispositions: &mut [Disposition]) -> Result<()> {
        Ok(self.gate.journal(&self.session, dispositions)?)
    }

    /// Hands a journalled order over, and says whether the gate let it pass.
    pub(super) fn send(&mut self, disposition: Disposition) -> Result<Option<Order>> {
        let Ruling::Send(order) = disposition.ruling else {
            bail!(
                "order {} was not approved: {:?}",
                disposition.client_order_id,
                disposition.ruling
            );
        };
        let sent = Order::clone(&order);
        match self.desk.send(order, &mut self.broker).outcome {
            Ok(()) => Ok(Some(sent)),
            Err(SendError::Gateway(GatewayError::Stopped(_))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What the broker says at last of an order that was sent: recorded and applied as a session does it.
    pub(super) fn end(&mut self, order: Order, outcome: Outcome) -> Result<()> {
        self.updates += 1;
        let Order {
            client_order_id,
            request,
            ..
        } = order;
        let execution = (outcome == Outcome::Filled).then(|| Execution {
            execution_id: self.updates.to_string(),
            client_order_id: client_order_id.clone(),
            account: ACCOUNT.to_owned(),
            instrument: request.instrument,
            side: request.side,
            quantity: request.quantity,
            price: Decimal::from(PRICE),
            fee: Decimal::ZERO,
            fee_currency: CURRENCY.to_owned(),
            liquidity: Liquidity::Taker,
            time: self.now,
        });
        let update = OrderUpdate {
            client_order_id,
            outcome,
            time: self.now,
            execution,
            leaves: Decimal::ZERO,
            reason: String::new(),
        };
        self.gate.append(Event {
            time: Timestamp(self.now),
            session: self.session.clone(),
            actor: "broker:counting".to_owned(),
            kind: Kind::Update,
            subject: update.client_order_id.clone(),
            body: serde_json::to_string(&update)?,
        })?;
        self.desk
            .apply(&update)?
            .context("the end of an order was taken for a repetition")?;
        Ok(())
    }
}
