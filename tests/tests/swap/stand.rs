//! Risk rules in service, and a stream of orders for them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bulkhead_domain::order::{OpenOrder, Order, OrderRequest, Side};
use bulkhead_domain::risk::{Portfolio, RiskContext, Verdict};
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_registry::service::{Generation, Instances, Service, Version, install};
use bulkhead_sandbox::{
    AotCache, CallError, Engines, Loader, PluginError, PortfolioView, RiskRulePlugin, Setup,
};

pub(crate) type Rules = Instances<RiskRulePlugin>;

pub(crate) const NOW: Timestamp = Timestamp(1);

pub(crate) fn loader() -> Loader {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("swap-aot");
    let cache = AotCache::open(folder).unwrap();
    Loader::new(Arc::new(Engines::start().unwrap()), Some(cache))
}

/// A version of the hostile rule with a fault, loaded anew.
pub(crate) fn successor(
    loader: &Loader,
    number: u64,
    fault: &str,
) -> Result<Generation<Rules>, Problem> {
    let plugin = loader.load_file(&bulkhead_tests::hostile("successor"))?;
    let version = Version {
        plugin: plugin.manifest().id.clone(),
        version: plugin.manifest().version.clone(),
        digest: plugin.digest(),
    };
    let interrupter = plugin.interrupter();
    let setup = Setup {
        config: format!(r#"{{"fault": "{fault}"}}"#),
        ..Setup::default()
    };
    let make = move || RiskRulePlugin::new(plugin.clone(), setup.clone());
    let rules = Instances::start(4, make)?;
    Ok(Generation::new(number, version, rules).stopped_by(move || interrupter.interrupt()))
}

pub(crate) fn order(number: u64, quantity: u64) -> Order {
    Order {
        client_order_id: format!("o-{number}"),
        account: "paper".to_owned(),
        owner: "stream".to_owned(),
        request: OrderRequest::market(1, Side::Buy, quantity.into()),
    }
}

/// An account with so many orders that work.
pub(crate) fn portfolio(open: u64) -> PortfolioView {
    let equity = Decimal::from(1_000_000);
    let working = |number| OpenOrder {
        order: order(number, 10),
        filled: Decimal::ZERO,
        accepted: 0,
    };
    let portfolio = Portfolio {
        time: NOW,
        account: "paper".to_owned(),
        currency: "USD".to_owned(),
        cash: equity,
        equity,
        prior_session_equity: equity,
        peak_equity: equity,
        positions: Vec::new(),
        open_orders: (0..open).map(working).collect(),
    };
    (&portfolio).into()
}

fn context() -> RiskContext {
    RiskContext {
        reference_price: Decimal::ONE_HUNDRED,
        multiplier: Decimal::ONE,
        confidence: None,
        features: Vec::new(),
        extra: Vec::new(),
    }
}

/// One order judged by some version's rules.
pub(crate) fn assess(
    rules: &Rules,
    order: &Order,
    portfolio: &PortfolioView,
) -> Result<Verdict, CallError> {
    rules
        .call(|rule| rule.assess(order, &context(), portfolio))
        .unwrap()
}

/// One order judged by one rule, in an account without others.
pub(crate) fn judge(rule: &mut RiskRulePlugin, order: &Order) -> Result<Verdict, CallError> {
    rule.assess(order, &context(), &portfolio(0))
}

/// The failure of a call that did not return.
pub(crate) fn failure(error: CallError) -> PluginError {
    match error {
        CallError::Failed(error) => error,
        CallError::Refused { .. } => panic!("the plugin answered: {error}"),
    }
}

/// Puts a version in service as an operator does: load, one call, swap.
pub(crate) fn replace(
    service: &Service<Rules>,
    loader: &Loader,
    number: u64,
    fault: &str,
) -> Result<(), String> {
    let first_call = |rules: &Rules| {
        assess(rules, &order(0, 1), &portfolio(0))
            .map(drop)
            .map_err(Problem::from)
    };
    install(
        service,
        NOW,
        || successor(loader, number, fault),
        first_call,
    )
    .map(drop)
    .map_err(|error| error.to_string())
}

/// What a stream of calls came to.
#[derive(Default)]
pub(crate) struct Stream {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    over: AtomicBool,
}

/// Calls from two threads while something is done; what became of them is read from the stream. No call is
/// made on an order of thirteen units.
pub(crate) fn under_calls<T>(
    service: &Service<Rules>,
    meanwhile: impl FnOnce(&Stream) -> T,
) -> (T, Stream) {
    let stream = Stream::default();
    let value = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let account = portfolio(2);
                let mut number = 0;
                while !stream.over.load(Ordering::SeqCst) {
                    number += 1;
                    let lease = service.enter();
                    let order = order(number, 20 + number % 50);
                    let count = match assess(lease.get().unwrap(), &order, &account) {
                        Ok(Verdict::Approve) => &stream.answered,
                        Ok(other) => panic!("{other:?}"),
                        Err(_) => &stream.failed,
                    };
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        stream.answers(100);
        let value = meanwhile(&stream);
        stream.over.store(true, Ordering::SeqCst);
        value
    });
    (value, stream)
}

impl Stream {
    /// Waits for so many more answers.
    pub(crate) fn answers(&self, more: u64) {
        let enough = self.calls() + more;
        while self.calls() < enough {
            std::thread::yield_now();
        }
    }

    fn calls(&self) -> u64 {
        self.answered.load(Ordering::SeqCst) + self.failed.load(Ordering::SeqCst)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failed.load(Ordering::SeqCst)
    }
}
