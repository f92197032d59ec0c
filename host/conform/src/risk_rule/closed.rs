//! Failing closed: whatever the rule's verdict turns upon, it must not approve where that is missing or
//! absurd. What it does not turn upon is none of its business: a rule about hours need not look at prices.
//!
//! Whether it does is found by trying: values that could be, in an account where it approves, until one
//! changes its mind.

use super::scene::{OTHER, OWN, approved, approves, ask, position};
use super::seam::Make;
use super::{Case, FEATURES};
use crate::check::{Stop, Tried, counted};
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::risk::Verdict;
use bulkhead_domain::{Decimal, Value};

type Change = Box<dyn Fn(&mut Case)>;

fn change(change: impl Fn(&mut Case) + 'static) -> Change {
    Box::new(change)
}

/// Holds that a rule which one of `possible` makes refuse an order that it approved approves under none of
/// `absurd`.
fn closed(make: Make<'_>, what: &str, possible: &[Change], absurd: &[(String, Change)]) -> Tried {
    closed_from(make, &approved(make)?, what, possible, absurd)
}

/// The same from another case that it approves.
fn closed_from(
    make: Make<'_>,
    calm: &Case,
    what: &str,
    possible: &[Change],
    absurd: &[(String, Change)],
) -> Tried {
    let with = |change: &Change| {
        let mut case = Case {
            order: calm.order.clone(),
            context: calm.context.clone(),
            portfolio: calm.portfolio.clone(),
        };
        change(&mut case);
        case
    };
    let mut turns = false;
    for change in possible {
        turns |= !approves(make, &with(change))?;
    }
    if !turns {
        return Err(Stop::Skip(format!("its verdict does not turn upon {what}")));
    }
    for (name, change) in absurd {
        if approves(make, &with(change))? {
            return Err(Stop::Wrong(format!("it approves with {name}")));
        }
    }
    Ok(format!("{} refused", counted(absurd.len(), "absurd value")))
}

fn named(name: impl Into<String>, what: impl Fn(&mut Case) + 'static) -> (String, Change) {
    (name.into(), change(what))
}

pub(super) fn price(make: Make<'_>) -> Tried {
    let price = |price: Decimal| move |case: &mut Case| case.context.reference_price = price;
    closed(
        make,
        "the price",
        &[
            change(price(Decimal::from(10_000_000))),
            change(price(Decimal::new(5, 2))),
        ],
        &[
            named("a price of 0", price(Decimal::ZERO)),
            named("a price of -1", price(Decimal::NEGATIVE_ONE)),
            named("a multiplier of 0", |case| {
                case.context.multiplier = Decimal::ZERO;
            }),
            named("a multiplier of -1", |case| {
                case.context.multiplier = Decimal::NEGATIVE_ONE;
            }),
        ],
    )
}

/// A peak below the equity of this moment is no peak: a rule may take that equity for it, so that nothing is
/// missing without one.
pub(super) fn equity(make: Make<'_>) -> Tried {
    type Field = fn(&mut Case) -> &mut Decimal;
    let fields: [(&str, Field); 2] = [
        ("equity", |case| &mut case.portfolio.equity),
        ("the prior session's equity", |case| {
            &mut case.portfolio.prior_session_equity
        }),
    ];
    let mut held = Vec::new();
    for (name, field) in fields {
        let set = |value: Decimal| move |case: &mut Case| *field(case) = value;
        let tried = closed(
            make,
            name,
            &[
                change(set(Decimal::ONE)),
                change(set(Decimal::from(500_000))),
                change(set(Decimal::from(2_000_000))),
                change(set(Decimal::from(1_000_000_000_000i64))),
            ],
            &[
                named(format!("{name} of 0"), set(Decimal::ZERO)),
                named(format!("{name} of -1000"), set(Decimal::from(-1_000))),
            ],
        );
        match tried {
            Ok(_) => held.push(name),
            Err(Stop::Skip(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if held.is_empty() {
        return Err(Stop::Skip(
            "its verdict does not turn upon equity".to_owned(),
        ));
    }
    Ok(format!("{}: zero and negative refused", held.join(", ")))
}

pub(super) fn confidence(make: Make<'_>) -> Tried {
    let set = |value: Option<f64>| move |case: &mut Case| case.context.confidence = value;
    let absurd = [
        ("no confidence", None),
        ("a confidence of no number", Some(f64::NAN)),
        ("an infinite confidence", Some(f64::INFINITY)),
        ("a confidence of minus infinity", Some(f64::NEG_INFINITY)),
        ("a confidence of 1.5", Some(1.5)),
        ("a confidence of -0.5", Some(-0.5)),
    ];
    closed(
        make,
        "confidence",
        &[change(set(Some(0.0))), change(set(Some(0.01)))],
        &absurd.map(|(name, value)| named(name, set(value))),
    )
}

pub(super) fn features(make: Make<'_>) -> Tried {
    let mut held = Vec::new();
    for (name, least, most) in FEATURES {
        let set = |value: f64| {
            move |case: &mut Case| {
                for feature in &mut case.context.features {
                    if feature.0 == name {
                        feature.1 = value;
                    }
                }
            }
        };
        let missing = move |case: &mut Case| {
            case.context.features.retain(|feature| feature.0 != name);
        };
        let tried = closed(
            make,
            name,
            &[
                change(set(least)),
                change(set(most)),
                change(set(most * 1_000.0)),
                change(missing),
            ],
            &[
                named(format!("no {name}"), missing),
                named(format!("a {name} of no number"), set(f64::NAN)),
                named(format!("an infinite {name}"), set(f64::INFINITY)),
                named(
                    format!("a {name} of minus infinity"),
                    set(f64::NEG_INFINITY),
                ),
            ],
        );
        match tried {
            Ok(_) => held.push(name),
            Err(Stop::Skip(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if held.is_empty() {
        return Err(Stop::Skip(
            "its verdict does not turn upon features".to_owned(),
        ));
    }
    Ok(format!(
        "{}: missing and not finite refused",
        held.join(", ")
    ))
}

/// Fields, with a value upon which a rule that looks at them refuses.
fn fields() -> [(&'static str, Value); 5] {
    [
        ("confidence.calibrated", Value::Boolean(false)),
        ("owner.consecutive-losses", Value::Integer(1_000_000)),
        ("instrument.consecutive-losses", Value::Integer(1_000_000)),
        ("correlation.SPLIT", Value::Real(1.0)),
        ("correlation.WALK", Value::Real(1.0)),
    ]
}

fn set_field(name: &'static str, value: Option<Value>) -> impl Fn(&mut Case) + 'static {
    move |case| {
        case.context.extra.retain(|field| field.0 != name);
        if let Some(value) = &value {
            case.context.extra.push((name.to_owned(), value.clone()));
        }
    }
}

/// The calm case with so much of the other instrument that its correlation may count, where that is approved.
fn beside_a_holding(make: Make<'_>) -> Result<Option<Case>, Stop> {
    let mut case = approved(make)?;
    let other = if case.order.request.instrument == OWN {
        OTHER
    } else {
        OWN
    };
    for quantity in [10_000, 5_000, 2_500, 1_000, 500, 100] {
        case.portfolio.positions = vec![position(other, quantity, 100)];
        if approves(make, &case)? {
            return Ok(Some(case));
        }
    }
    Ok(None)
}

pub(super) fn host_fields(make: Make<'_>) -> Tried {
    let calm = match beside_a_holding(make)? {
        Some(case) => case,
        None => approved(make)?,
    };
    let mut held = Vec::new();
    for (name, value) in fields() {
        let tried = closed_from(
            make,
            &calm,
            name,
            &[change(set_field(name, Some(value)))],
            &[
                named(format!("no {name}"), set_field(name, None)),
                named(
                    format!("a {name} that is text"),
                    set_field(name, Some(Value::Text("yes".to_owned()))),
                ),
                named(
                    format!("a {name} of no number"),
                    set_field(name, Some(Value::Real(f64::NAN))),
                ),
            ],
        );
        match tried {
            Ok(_) => held.push(name),
            Err(Stop::Skip(_)) => {}
            Err(other) => return Err(other),
        }
    }
    if held.is_empty() {
        return Err(Stop::Skip(
            "its verdict does not turn upon fields of the host".to_owned(),
        ));
    }
    Ok(format!("{}: missing and mistyped refused", held.join(", ")))
}

pub(super) fn instrument(make: Make<'_>) -> Tried {
    let set = |handle: u32| move |case: &mut Case| case.order.request.instrument = handle;
    closed(
        make,
        "the instrument",
        &[change(set(OWN)), change(set(OTHER))],
        &[
            named("an unknown instrument", set(77)),
            named("the largest handle", set(u32::MAX)),
        ],
    )
}

pub(super) fn holdings(make: Make<'_>) -> Tried {
    // The same instrument's price is the order's; another one's is the account's only.
    let Some(calm) = beside_a_holding(make)? else {
        return Err(Stop::Skip("any other holding is in the way".to_owned()));
    };
    let price = |price: Option<i64>| {
        move |case: &mut Case| {
            for held in &mut case.portfolio.positions {
                held.market_price = price.map(Decimal::from);
            }
        }
    };
    closed_from(
        make,
        &calm,
        "the price of a holding",
        &[
            change(price(Some(10_000_000))),
            change(price(Some(1_000_000_000))),
        ],
        &[named("a holding without a price", price(None))],
    )
}

pub(super) fn quantity(make: Make<'_>) -> Tried {
    let set = |quantity: Decimal| move |case: &mut Case| case.order.request.quantity = quantity;
    closed(
        make,
        "the quantity",
        &[
            change(set(Decimal::from(1_000_000))),
            change(set(Decimal::from(1_000_000_000_000i64))),
        ],
        &[
            named("a quantity of 0", set(Decimal::ZERO)),
            named("a quantity of -10", set(Decimal::from(-10))),
            named("the largest quantity there is", set(Decimal::MAX)),
        ],
    )
}

/// Verdicts on everything absurd at once and one at a time; none of them may be a trap, and what is said is
/// kept for whoever reads denials.
pub(super) fn nonsense(make: Make<'_>) -> Result<Vec<Result<Verdict, String>>, Stop> {
    let extremes = [
        Decimal::ZERO,
        Decimal::NEGATIVE_ONE,
        Decimal::MAX,
        Decimal::MIN,
        Decimal::new(1, 28),
    ];
    let numbers: [fn(&mut Case, Decimal); 9] = [
        |case, value| case.order.request.quantity = value,
        |case, value| case.context.reference_price = value,
        |case, value| case.context.multiplier = value,
        |case, value| case.portfolio.cash = value,
        |case, value| case.portfolio.equity = value,
        |case, value| case.portfolio.prior_session_equity = value,
        |case, value| case.portfolio.peak_equity = value,
        |case, value| {
            let mut held = position(OWN, 10, 100);
            held.quantity = value;
            held.market_price = Some(value);
            held.average_price = value;
            case.portfolio.positions = vec![held.clone(), held];
        },
        |case, value| {
            let request = OrderRequest {
                quantity: value,
                ..case.order.request.clone()
            };
            case.portfolio.open_orders = vec![bulkhead_domain::order::OpenOrder {
                order: super::order("open", request),
                filled: value,
                accepted: i64::MIN,
            }];
        },
    ];
    let mut cases = Vec::new();
    for value in extremes {
        for set in numbers {
            let mut case = super::scene::calm();
            set(&mut case, value);
            cases.push(case);
        }
        let mut all = super::scene::calm();
        numbers.iter().for_each(|set| set(&mut all, value));
        cases.push(all);
    }
    for value in [f64::NAN, f64::INFINITY, f64::MAX, -1.0] {
        let mut case = super::scene::calm();
        case.context.confidence = Some(value);
        case.context
            .features
            .iter_mut()
            .for_each(|one| one.1 = value);
        case.context
            .extra
            .iter_mut()
            .for_each(|one| one.1 = Value::Real(value));
        cases.push(case);
    }
    for time in [i64::MIN, -1, 0, i64::MAX] {
        let mut case = super::scene::calm();
        case.portfolio.time.0 = time;
        case.portfolio.positions = vec![position(OWN, 10, 100)];
        cases.push(case);
    }
    let mut nothing = super::scene::calm();
    nothing.context.features.clear();
    nothing.context.extra.clear();
    nothing.order.owner.clear();
    nothing.order.account.clear();
    nothing.order.client_order_id.clear();
    cases.push(nothing);
    let mut verdicts = Vec::new();
    for case in &cases {
        verdicts.push(ask(make, case)?);
        let mut rule = make(&super::scene::instruments())?;
        // What it answers is its own; that it does is what counts.
        drop(super::answered(rule.review(&case.portfolio))?);
    }
    Ok(verdicts)
}
