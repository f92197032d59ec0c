//! A calm account and a small order in it, and what can be changed about them.

use super::seam::Make;
use super::{Case, FEATURES, answered, order};
use crate::check::Stop;
use bulkhead_domain::order::{OrderRequest, Side};
use bulkhead_domain::risk::{Portfolio, Position, RiskContext, Verdict};
use bulkhead_domain::time::{DAY, SECOND};
use bulkhead_domain::{Decimal, Instrument, Timestamp, Value};

/// What the order is in.
pub(super) const OWN: u32 = 1;
/// What else there is.
pub(super) const OTHER: u32 = 4;

const HOUR: i64 = 3_600 * SECOND;

/// 2024-01-03T15:00:00Z, a Wednesday at ten in New York.
pub(super) const CALM: i64 = 1_704_294_000 * SECOND;

/// Ticks and lots that are not one cent and one unit, so that a rule has to round.
pub(super) fn instruments() -> Vec<Instrument> {
    let listed = |handle, symbol| Instrument {
        tick: Decimal::new(5, 2),
        lot: Decimal::TEN,
        ..Instrument::us_equity(handle, symbol)
    };
    vec![listed(OWN, "WALK"), listed(OTHER, "SPLIT")]
}

/// One lot, worth a thousandth of the account.
pub(super) fn calm() -> Case {
    let equity = Decimal::from(1_000_000);
    let fields = [
        ("confidence.calibrated", Value::Boolean(true)),
        ("owner.consecutive-losses", Value::Integer(0)),
        ("instrument.consecutive-losses", Value::Integer(0)),
        ("correlation.SPLIT", Value::Real(0.1)),
        ("correlation.WALK", Value::Real(0.1)),
    ];
    Case {
        order: order("calm", OrderRequest::market(OWN, Side::Buy, Decimal::TEN)),
        context: RiskContext {
            reference_price: Decimal::ONE_HUNDRED,
            multiplier: Decimal::ONE,
            confidence: Some(0.9),
            // A twentieth of the way into each range from its calm end.
            features: (FEATURES.iter())
                .map(|(name, least, most)| {
                    let calm = if *least < 0.0 {
                        0.0
                    } else {
                        least + (most - least) / 20.0
                    };
                    ((*name).to_owned(), calm)
                })
                .collect(),
            extra: fields
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
        },
        portfolio: Portfolio {
            time: Timestamp(CALM),
            account: "paper".to_owned(),
            currency: "USD".to_owned(),
            cash: equity,
            equity,
            prior_session_equity: equity,
            peak_equity: equity,
            positions: Vec::new(),
            open_orders: Vec::new(),
        },
    }
}

pub(super) fn position(instrument: u32, quantity: i64, price: i64) -> Position {
    Position {
        owner: "strategy".to_owned(),
        instrument,
        quantity: quantity.into(),
        average_price: price.into(),
        market_price: Some(price.into()),
        opened: Timestamp(CALM - 2 * DAY),
    }
}

/// What a fresh rule says of a case: a verdict, or its refusal to judge.
pub(super) fn ask(make: Make<'_>, case: &Case) -> Result<Result<Verdict, String>, Stop> {
    let mut rule = make(&instruments())?;
    Ok(answered(rule.assess(
        &case.order,
        &case.context,
        &case.portfolio,
    ))?)
}

/// Whether a fresh rule approves.
pub(super) fn approves(make: Make<'_>, case: &Case) -> Result<bool, Stop> {
    Ok(ask(make, case)? == Ok(Verdict::Approve))
}

/// The calm case in a setting where the rule approves: its limits may be on instruments, sides or hours.
pub(super) fn approved(make: Make<'_>) -> Result<Case, Stop> {
    let mut first = None;
    for (instrument, side) in [
        (OWN, Side::Buy),
        (OTHER, Side::Buy),
        (OWN, Side::Sell),
        (OTHER, Side::Sell),
    ] {
        for hours in [0, 24, 72, 5, -12] {
            let mut case = calm();
            case.order.request.instrument = instrument;
            case.order.request.side = side;
            case.portfolio.time = Timestamp(CALM + hours * HOUR);
            match ask(make, &case)? {
                Ok(Verdict::Approve) => return Ok(case),
                other => first = first.or(Some(other)),
            }
        }
    }
    let said = match first {
        Some(Ok(verdict)) => format!("{verdict:?}"),
        Some(Err(refusal)) => refusal,
        None => String::new(),
    };
    Err(Stop::Wrong(format!(
        "one lot of 1,000 in an account of 1,000,000 is not approved in any of 20 settings; in the first: {said}"
    )))
}
