//! Risk rules: the same orders and portfolios to two fresh instances, and in the whole suite one small case
//! after the other.

mod closed;
mod growth;
mod review;
mod scene;
mod seam;
#[cfg(test)]
mod tests;
mod whole;

use crate::bench::Bench;
use crate::check::{Finding, Suite, compare, counted, cut};
use crate::draws::Draws;
use crate::load::text;
use crate::market::{Market, close_time};
use crate::rules::{RISK_PROTECTS, RISK_REPEATS, RISK_TIGHTENS};
use bulkhead_domain::order::{OpenOrder, Order, OrderKind, OrderRequest, Side, TimeInForce};
use bulkhead_domain::risk::{Portfolio, Position, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Instrument, Timestamp, Value};
use bulkhead_sandbox::{CallError, RiskRulePlugin};
use seam::{Judge, Make};

/// Orders to be judged.
const ORDERS: usize = 120;

/// Features that an order comes with, and the range that their values are drawn from.
const FEATURES: [(&str, f64, f64); 13] = [
    ("return_1", -0.1, 0.1),
    ("return_5", -0.2, 0.2),
    ("volatility_20", 0.0, 0.06),
    ("rsi_14", 0.0, 100.0),
    ("macd_hist", -2.0, 2.0),
    ("bollinger_20", -0.3, 1.3),
    ("stochastic_14", 0.0, 100.0),
    ("atr_14", 0.0, 0.08),
    ("ema_ratio_20", -0.1, 0.1),
    ("sma_ratio_50", -0.2, 0.2),
    ("volume_z_20", -3.0, 3.0),
    ("drawdown_60", -0.4, 0.0),
    ("range_20", 0.0, 1.0),
];

/// One order and the account it meets.
struct Case {
    order: Order,
    context: RiskContext,
    portfolio: Portfolio,
}

/// What a rule made of one case.
struct Judged {
    verdict: Result<Verdict, String>,
    actions: Result<Vec<ProtectiveAction>, String>,
}

/// Runs the quick checks, and with `whole` all others.
pub(crate) fn check(bench: &Bench<'_>, whole: bool, suite: &mut Suite<'_>) {
    let make = |instruments: &[Instrument]| fresh(bench, instruments);
    quick(&make, bench.terms.seed, suite);
    if whole {
        whole::check(&make, bench.terms.seed, suite);
        growth::check(bench, suite);
    }
}

fn fresh(bench: &Bench<'_>, instruments: &[Instrument]) -> Result<Box<dyn Judge>, String> {
    let plugin = bench.plugin()?;
    let setup = bench.setup(plugin.manifest(), instruments);
    let rule = RiskRulePlugin::new(plugin, setup).map_err(text)?;
    Ok(Box::new(rule))
}

fn quick(make: Make<'_>, seed: u64, suite: &mut Suite<'_>) {
    let instruments = Market::new(seed, 0).instruments;
    let cases = cases(seed, &instruments);
    let first = judge(make, &cases, &instruments);
    let repeats = first.as_ref().map_err(Clone::clone).and_then(|first| {
        let second = judge(make, &cases, &instruments)?;
        compare(&lines(first), &lines(&second))?;
        Ok(tried(first))
    });
    suite.note(RISK_REPEATS, "", repeats);
    let Ok(first) = first else {
        suite.skip_all(&[RISK_TIGHTENS, RISK_PROTECTS], "", RISK_REPEATS);
        return;
    };
    match refuses_all(&first) {
        Some(refusal) => suite.skip(
            RISK_TIGHTENS,
            "",
            format!("it judged none of the orders: {}", cut(refusal)),
        ),
        None => {
            suite.note(RISK_TIGHTENS, "", tightens(&cases, &first));
        }
    }
    suite.note(RISK_PROTECTS, "", protects(&cases, &first));
}

/// A refusal is an answer, upon which the host denies; a call that does not return is a failure.
fn answered<T>(outcome: Result<T, CallError>) -> Result<Result<T, String>, String> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(CallError::Refused { refusal, .. }) => Ok(Err(refusal.to_string())),
        Err(CallError::Failed(error)) => Err(error.to_string()),
    }
}

fn judge(
    make: Make<'_>,
    cases: &[Case],
    instruments: &[Instrument],
) -> Result<Vec<Judged>, String> {
    let mut rule = make(instruments)?;
    cases
        .iter()
        .map(|case| {
            Ok(Judged {
                verdict: answered(rule.assess(&case.order, &case.context, &case.portfolio))?,
                actions: answered(rule.review(&case.portfolio))?,
            })
        })
        .collect()
}

fn lines(judged: &[Judged]) -> Vec<String> {
    let line = |one: &Judged| format!("{:?} {:?}", one.verdict, one.actions);
    judged.iter().map(line).collect()
}

fn tried(judged: &[Judged]) -> String {
    let (mut approved, mut reduced, mut denied, mut refused) = (0, 0, 0, 0);
    for one in judged {
        match &one.verdict {
            Ok(Verdict::Approve) => approved += 1,
            Ok(Verdict::ReduceTo(..)) => reduced += 1,
            Ok(Verdict::Reject(_) | Verdict::Halt(_)) => denied += 1,
            Err(_) => refused += 1,
        }
    }
    let actions: usize = judged
        .iter()
        .map(|one| one.actions.as_ref().map_or(0, Vec::len))
        .sum();
    format!(
        "{ORDERS} orders: {approved} approved, {reduced} reduced, {denied} denied, {refused} not judged; {actions} protective actions"
    )
}

/// Why the first order was not judged, where none was.
fn refuses_all(judged: &[Judged]) -> Option<&str> {
    if judged.iter().any(|one| one.verdict.is_ok()) {
        return None;
    }
    let first = judged.first()?;
    first.verdict.as_ref().err().map(String::as_str)
}

fn tightens(cases: &[Case], judged: &[Judged]) -> Finding {
    let mut reduced = 0;
    for (case, one) in cases.iter().zip(judged) {
        if let Ok(Verdict::ReduceTo(quantity, denial)) = &one.verdict {
            let asked = case.order.request.quantity;
            if *quantity < Decimal::ZERO || *quantity > asked {
                return Err(format!(
                    "an order for {asked} was reduced to {quantity} ({denial})"
                ));
            }
            reduced += 1;
        }
    }
    Ok(counted(reduced, "reduction"))
}

fn protects(cases: &[Case], judged: &[Judged]) -> Finding {
    let mut count = 0;
    for (case, one) in cases.iter().zip(judged) {
        for action in one.actions.iter().flatten() {
            protective(action, &case.portfolio).map_err(|wrong| format!("{wrong}: {action:?}"))?;
            count += 1;
        }
    }
    Ok(counted(count, "action"))
}

fn protective(action: &ProtectiveAction, portfolio: &Portfolio) -> Result<(), String> {
    match action {
        ProtectiveAction::Place { owner, request } => {
            if !request.reduce_only {
                return Err("the order is not reduce-only".to_owned());
            }
            if request.quantity <= Decimal::ZERO {
                return Err(format!("quantity {} is not above zero", request.quantity));
            }
            let held = (portfolio.positions.iter())
                .find(|held| held.owner == *owner && held.instrument == request.instrument);
            match held {
                None => Err("the owner holds nothing of it".to_owned()),
                Some(held) if held.quantity.is_sign_positive() == (request.side == Side::Buy) => {
                    Err(format!("it adds to a position of {}", held.quantity))
                }
                Some(_) => Ok(()),
            }
        }
        ProtectiveAction::Cancel(id) => {
            let open = (portfolio.open_orders.iter()).any(|open| open.order.client_order_id == *id);
            open.then_some(())
                .ok_or_else(|| format!("no order {id} is open"))
        }
        ProtectiveAction::Halt(_) => Ok(()),
    }
}

fn cases(seed: u64, instruments: &[Instrument]) -> Vec<Case> {
    let mut draws = Draws::new(seed, 3_000);
    (0..ORDERS)
        .map(|day| case(&mut draws, day, instruments))
        .collect()
}

/// A random account, from small to deep in trouble, and a random order in it.
fn case(draws: &mut Draws, day: usize, instruments: &[Instrument]) -> Case {
    let time = Timestamp(close_time(day));
    let mut positions = Vec::new();
    let mut open_orders = Vec::new();
    let mut held = Decimal::ZERO;
    for instrument in instruments {
        let quantity = Decimal::from(draws.between(-20, 20) * 50);
        let entry = Decimal::new(draws.between(2_000, 20_000), 2);
        let price = entry * Decimal::new(draws.between(60, 140), 2);
        if quantity.is_zero() {
            continue;
        }
        held += quantity * price;
        positions.push(Position {
            owner: "strategy".to_owned(),
            instrument: instrument.handle,
            quantity,
            average_price: entry,
            // A price that is not fresh is withheld: a rule has to say something all the same.
            market_price: (!draws.one_in(10)).then_some(price),
            opened: Timestamp(close_time(day.saturating_sub(5))),
        });
        if draws.one_in(3) {
            let side = if quantity > Decimal::ZERO {
                Side::Sell
            } else {
                Side::Buy
            };
            let request = OrderRequest {
                kind: OrderKind::Stop(entry),
                time_in_force: TimeInForce::GoodTillCancelled,
                reduce_only: true,
                ..OrderRequest::market(instrument.handle, side, quantity.abs())
            };
            open_orders.push(OpenOrder {
                order: order(&format!("open-{day}-{}", instrument.handle), request),
                filled: Decimal::ZERO,
                accepted: time.0,
            });
        }
    }
    let cash = Decimal::from(draws.between(10_000, 200_000));
    let equity = cash + held;
    let portfolio = Portfolio {
        time,
        account: "paper".to_owned(),
        currency: "USD".to_owned(),
        cash,
        equity,
        prior_session_equity: equity * Decimal::new(draws.between(90, 120), 2),
        peak_equity: equity.abs() * Decimal::new(draws.between(120, 150), 2),
        positions,
        open_orders,
    };
    let which = draws.between(0, instruments.len() as i64 - 1) as usize;
    let side = if draws.one_in(2) {
        Side::Sell
    } else {
        Side::Buy
    };
    let quantity = Decimal::from(draws.between(1, 3_000));
    let request = OrderRequest {
        reduce_only: draws.one_in(5),
        ..OrderRequest::market(instruments[which].handle, side, quantity)
    };
    Case {
        order: order(&format!("order-{day}"), request),
        context: RiskContext {
            reference_price: Decimal::new(draws.between(2_000, 20_000), 2),
            multiplier: Decimal::ONE,
            confidence: draws.one_in(2).then(|| draws.unit()),
            features: (FEATURES.iter())
                .map(|(name, least, most)| {
                    ((*name).to_owned(), least + draws.unit() * (most - least))
                })
                .collect(),
            extra: fields(draws, time),
        },
        portfolio,
    }
}

/// What the host tells beside an order; now and then it does not.
fn fields(draws: &mut Draws, time: Timestamp) -> Vec<(String, Value)> {
    let losses = draws.between(0, 5);
    let fields = [
        ("confidence.calibrated", Value::Boolean(!draws.one_in(10))),
        ("owner.consecutive-losses", Value::Integer(losses)),
        (
            "owner.last-loss-time",
            Value::Integer(time.0 - draws.between(0, 12) * DAY),
        ),
        ("instrument.consecutive-losses", Value::Integer(losses / 2)),
        (
            "instrument.last-loss-time",
            Value::Integer(time.0 - draws.between(12, 20) * DAY),
        ),
        ("correlation.WALK", Value::Real(draws.unit() * 2.0 - 1.0)),
        ("correlation.SPLIT", Value::Real(draws.unit() * 2.0 - 1.0)),
    ];
    let told = fields.into_iter().filter(|_| !draws.one_in(10));
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn order(id: &str, request: OrderRequest) -> Order {
    Order {
        client_order_id: id.to_owned(),
        account: "paper".to_owned(),
        owner: "strategy".to_owned(),
        request,
    }
}

#[cfg(test)]
mod quick_tests {
    use super::*;
    use bulkhead_domain::risk::Denial;

    fn sample() -> Vec<Case> {
        cases(1, &Market::new(1, 0).instruments)
    }

    #[test]
    fn the_features_are_ones_that_the_host_has() {
        let names = FEATURES.map(|(name, ..)| name);
        assert!(bulkhead_market::FeatureSet::new(&names).is_ok());
    }

    #[test]
    fn a_rule_that_judges_nothing_has_not_passed() {
        let judged = |verdicts: [Result<Verdict, String>; 2]| {
            verdicts.map(|verdict| Judged {
                verdict,
                actions: Ok(Vec::new()),
            })
        };
        let refused = || Err("no price".to_owned());
        assert_eq!(
            refuses_all(&judged([refused(), refused()])),
            Some("no price")
        );
        assert_eq!(
            refuses_all(&judged([refused(), Ok(Verdict::Approve)])),
            None
        );
    }

    #[test]
    fn a_reduction_above_the_ask_is_found() {
        let cases = sample();
        let denial = Denial {
            code: "X".to_owned(),
            observed: String::new(),
            limit: String::new(),
            text: String::new(),
        };
        let judged = |extra: i64| {
            let quantity = cases[0].order.request.quantity + Decimal::from(extra);
            vec![Judged {
                verdict: Ok(Verdict::ReduceTo(quantity, denial.clone())),
                actions: Ok(Vec::new()),
            }]
        };
        assert_eq!(tightens(&cases, &judged(0)), Ok("1 reduction".to_owned()));
        assert!(tightens(&cases, &judged(1)).is_err());
    }

    #[test]
    fn a_protective_action_that_opens_is_found() {
        let cases = sample();
        let case = (cases.iter())
            .find(|case| {
                !case.portfolio.positions.is_empty() && !case.portfolio.open_orders.is_empty()
            })
            .unwrap();
        let position = &case.portfolio.positions[0];
        let place = |side, reduce_only| ProtectiveAction::Place {
            owner: position.owner.clone(),
            request: OrderRequest {
                reduce_only,
                ..OrderRequest::market(position.instrument, side, Decimal::ONE)
            },
        };
        let closing = if position.quantity > Decimal::ZERO {
            Side::Sell
        } else {
            Side::Buy
        };
        let found = |action| protective(&action, &case.portfolio);
        assert_eq!(found(place(closing, true)), Ok(()));
        assert!(found(place(closing, false)).is_err());
        assert!(found(place(closing.opposite(), true)).is_err());
        let open = case.portfolio.open_orders[0].order.client_order_id.clone();
        assert_eq!(found(ProtectiveAction::Cancel(open)), Ok(()));
        assert!(found(ProtectiveAction::Cancel("none".to_owned())).is_err());
    }
}
