//! Models in a backtest: learnt, judged and chosen on the way as in a session, and heeded by strategies and checks.

use crate::backtest::{numbered, run, setup, told, trading};
use crate::stand::{Stand, small};
use bulkhead_domain::Instrument;
use bulkhead_market::BarSeries;
use bulkhead_registry::Operator;
use bulkhead_sandbox::{Grants, SessionClock, StrategyPlugin};
use bulkhead_session::backtest::{Ended, Learning, Sandboxed};
use bulkhead_session::trainers;
use bulkhead_venue::{FeeModel, SlippageModel};

#[test]
fn a_backtest_with_models_does_what_the_session_does() {
    let stand = Stand::new();
    let mut config = small();
    config.validation = None;
    config.strategies.retain(|table| table.name == "ml-signal");
    config.risk.clear();
    let session = stand.record(&config);
    let series: Vec<BarSeries> = numbered(&stand, &["AAA", "BBB"]);
    let instruments: Vec<Instrument> = series.iter().map(|one| one.instrument.clone()).collect();
    let operator = Operator {
        folder: None,
        clock: SessionClock::default(),
        seed: config.seed,
    };
    let trained = trainers(&config.models, stand.registry(), &operator, |_, _| Ok(())).unwrap();
    let mut setup = setup(&series);
    setup.features = config.features.clone();
    setup.seed = config.seed;
    setup.models = config
        .models
        .iter()
        .map(|(alias, config)| {
            let learning = Learning {
                config: config.clone(),
                trainers: trained[alias].clone(),
            };
            (alias.clone(), learning)
        })
        .collect();
    setup.venue.fees = FeeModel::PerShare {
        rate: bulkhead_domain::Decimal::new(5, 3),
        minimum: bulkhead_domain::Decimal::ONE,
    };
    setup.venue.slippage = SlippageModel::Bps {
        bps: bulkhead_domain::Decimal::TWO,
    };
    let plugin = StrategyPlugin::new(stand.load("ml-signal")).unwrap();
    let told_to = serde_json::to_string(&config.strategies[0].config).unwrap();
    let trader = Sandboxed::new(&plugin, &told_to, &instruments, &Grants::default()).unwrap();
    let mut trades = trading(trader, &series);
    trades.name = "ml-signal".to_owned();
    setup.traders = vec![trades];
    let (outcome, tape) = run(setup, &series);
    assert_eq!(outcome.ended, Ended::Completed);
    assert!(session.fills.len() > 10, "{}", session.fills.len());
    assert_eq!(told(&tape.fills), told(&session.fills));
    assert_eq!(outcome.equity, session.totals.final_equity);
}
