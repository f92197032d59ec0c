//! A strategy that takes its bars itself comes to what it would come to if it were called for each.

use crate::backtest::{All, eventful, markets, run, setup, told, trading};
use crate::stand::Stand;
use bulkhead_domain::order::{Bar, InstrumentHandle, OrderKind, OrderRequest, Side};
use bulkhead_domain::strategy::{Delivery, Intent, Requirements, Slice, State};
use bulkhead_domain::{Decimal, Problem};
use bulkhead_market::BarSeries;
use bulkhead_session::backtest::{Ended, Outcome, Sandboxed, Setup, Trader};
use bulkhead_venue::carry::CarryRates;
use std::cell::RefCell;
use std::rc::Rc;

/// A strategy that is called for each bar, whatever it could do.
struct Called(Sandboxed);

impl Trader for Called {
    fn requirements(&self) -> &Requirements {
        self.0.requirements()
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        self.0.on_bar(instrument, bar, state)
    }

    fn on_slice(&mut self, slice: &Slice) -> Result<Vec<Intent>, Problem> {
        self.0.on_slice(slice)
    }
}

fn rates() -> CarryRates {
    CarryRates {
        borrow: Decimal::new(3, 2),
        interest: Decimal::new(2, 2),
    }
}

fn same((one, first): &(Outcome, All), (other, second): &(Outcome, All)) {
    assert_eq!(one, other);
    assert_eq!(told(&first.fills), told(&second.fills));
    assert_eq!(first.standings, second.standings);
    assert_eq!(first.denied, second.denied);
}

#[test]
fn a_sandboxed_strategy_wants_the_same_whoever_calls_whom() {
    const CROSS: &str = r#"{"fast": 5, "slow": 20, "size": "50"}"#;
    let stand = Stand::new();
    let all = markets(&stand);
    for (series, carry) in [
        (&all[..1], CarryRates::default()),
        (&all[..], CarryRates::default()),
        (&all[..], rates()),
    ] {
        let strategy = || stand.ema_cross(CROSS, series);
        assert!(strategy().pulls());
        let ran = |trader: Box<dyn Trader>| {
            let mut trading = trading(strategy(), series);
            trading.trader = trader;
            let traders = vec![trading];
            run(
                Setup {
                    traders,
                    carry,
                    ..setup(series)
                },
                series,
            )
        };
        let pulled = ran(Box::new(strategy()));
        assert!(pulled.0.fills > 15, "{}", pulled.0.fills);
        same(&pulled, &ran(Box::new(Called(strategy()))));
    }
}

/// What a strategy was told at each bar.
type Told = Vec<(InstrumentHandle, Bar, State)>;
type Seen = Rc<RefCell<Told>>;

/// Wants something at bars that follow from a seed and from what it is told, and writes down what that is.
struct Erratic {
    requirements: Requirements,
    pulls: bool,
    seed: u64,
    fails_at: Option<usize>,
    seen: Seen,
}

impl Erratic {
    fn intents(&self, instrument: InstrumentHandle, bar: &Bar, state: &State) -> Vec<Intent> {
        let mut draw = self.seed ^ bar.time.cast_unsigned() ^ u64::from(instrument) << 50;
        draw = (draw ^ (draw >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        draw ^= draw >> 29;
        let request = |kind, side, quantity: i64| {
            Intent::Submit(OrderRequest {
                kind,
                ..OrderRequest::market(instrument, side, quantity.into())
            })
        };
        let limit = Decimal::try_from(bar.low * 0.99).unwrap().round_dp(2);
        match draw % 40 {
            0 => vec![Intent::target(instrument, 30.into())],
            1 => vec![Intent::target(instrument, 0.into())],
            2 => vec![Intent::target(instrument, (-20).into())],
            3 => vec![request(OrderKind::Limit(limit), Side::Buy, 5)],
            4 if state.working != 0.0 => vec![Intent::CancelAll(instrument)],
            _ => Vec::new(),
        }
    }
}

/// A target as tests write it.
trait Target {
    fn target(instrument: InstrumentHandle, quantity: Decimal) -> Intent;
}

impl Target for Intent {
    fn target(instrument: InstrumentHandle, quantity: Decimal) -> Intent {
        Intent::Target {
            instrument,
            quantity,
            confidence: None,
            reason: String::new(),
        }
    }
}

impl Trader for Erratic {
    fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    fn pulls(&self) -> bool {
        self.pulls
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        self.seen.borrow_mut().push((instrument, *bar, *state));
        if self.fails_at == Some(self.seen.borrow().len()) {
            return Err(Problem::user("it fails", "nothing"));
        }
        Ok(self.intents(instrument, bar, state))
    }

    fn on_slice(&mut self, _: &Slice) -> Result<Vec<Intent>, Problem> {
        unreachable!("it asked for bars")
    }
}

fn erratic(
    series: &[BarSeries],
    carry: CarryRates,
    (seed, fails_at, warm_up): (u64, Option<usize>, u32),
    pulls: bool,
) -> ((Outcome, All), Told) {
    let seen = Seen::default();
    let trader = Erratic {
        requirements: Requirements {
            delivery: Delivery::Bar,
            warm_up,
            features: Vec::new(),
            models: Vec::new(),
            extra: Vec::new(),
        },
        pulls,
        seed,
        fails_at,
        seen: Rc::clone(&seen),
    };
    let ran = run(
        Setup {
            traders: vec![trading(trader, series)],
            carry,
            ..setup(series)
        },
        series,
    );
    (ran, seen.take())
}

#[test]
fn at_each_bar_the_same_is_told_and_comes_of_it() {
    let stand = Stand::new();
    let all = markets(&stand);
    let events = eventful();
    let mut fills = 0;
    for seed in 0..12 {
        for (series, carry) in [
            (&all[..1], CarryRates::default()),
            (&all[..], CarryRates::default()),
            (&all[..], rates()),
            (&events[..], CarryRates::default()),
        ] {
            for (fails_at, warm_up) in [(None, 0), (None, 90), (Some(333), 0)] {
                let run = |pulls| erratic(series, carry, (seed, fails_at, warm_up), pulls);
                let (pulled, told) = run(true);
                let (called, as_well) = run(false);
                same(&pulled, &called);
                assert_eq!(told, as_well);
                fills += pulled.0.fills;
                let failed = matches!(pulled.0.ended, Ended::Failed { .. });
                assert_eq!(failed, fails_at.is_some() && told.len() == 333);
            }
        }
    }
    assert!(fills > 1_000, "{fills}");
}
