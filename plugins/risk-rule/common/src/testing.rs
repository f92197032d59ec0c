//! Accounts and orders for native tests of rules.

use bulkhead_sdk::Decimal;
use bulkhead_sdk::Instrument;
use bulkhead_sdk::config;
use bulkhead_sdk::order::{OpenOrder, Order, OrderRequest, Side};
use bulkhead_sdk::risk_rule::{Context, Denial, Portfolio, Position, RiskRule, Verdict};

/// Handle of the first instrument.
pub const AAPL: u32 = 1;
/// Handle of the second instrument.
pub const MSFT: u32 = 2;
/// Handle of the third instrument.
pub const XOM: u32 = 3;

/// Three US shares.
#[must_use]
pub fn instruments() -> [Instrument; 3] {
    [
        Instrument::us_equity(AAPL, "AAPL"),
        Instrument::us_equity(MSFT, "MSFT"),
        Instrument::us_equity(XOM, "XOM"),
    ]
}

/// A rule of the configuration as the host hands it over.
///
/// # Errors
/// The line that its user would see.
pub fn configured<R: RiskRule>(json: &str) -> Result<R, String> {
    R::new(config::parse(json)?, &instruments())
}

/// A rule of a configuration that is right.
///
/// # Panics
/// When it is not.
#[must_use]
pub fn rule<R: RiskRule>(json: &str) -> R {
    match configured(json) {
        Ok(rule) => rule,
        Err(reason) => panic!("{json}: {reason}"),
    }
}

/// Holds that every configuration is refused in one line that names the key beside it.
///
/// # Panics
/// When one is taken, or its line does not name the key.
pub fn assert_refused<R: RiskRule>(cases: &[(&str, &str)]) {
    for (json, key) in cases {
        match configured::<R>(json) {
            Ok(_) => panic!("{json} is taken"),
            Err(reason) => {
                assert!(
                    reason.starts_with(&format!("config key `{key}`: "))
                        && reason.lines().count() == 1,
                    "{json}: {reason}"
                );
            }
        }
    }
}

/// The owner `ema`'s market order in [`AAPL`].
#[must_use]
pub fn order(side: Side, quantity: i64) -> Order {
    Order {
        client_order_id: "new".into(),
        account: "main".into(),
        owner: "ema".into(),
        request: OrderRequest::market(AAPL, side, quantity.into()),
    }
}

/// A working order.
#[must_use]
pub fn placed(id: &str, owner: &str, request: OrderRequest) -> OpenOrder {
    OpenOrder {
        order: Order {
            client_order_id: id.into(),
            account: "main".into(),
            owner: owner.into(),
            request,
        },
        filled: Decimal::ZERO,
        accepted: 0,
    }
}

/// The owner `ema`'s working market order.
#[must_use]
pub fn working(id: &str, instrument: u32, side: Side, quantity: i64) -> OpenOrder {
    placed(
        id,
        "ema",
        OrderRequest::market(instrument, side, quantity.into()),
    )
}

/// A position bought at 10 and worth 10 a unit.
#[must_use]
pub fn held(instrument: u32, owner: &str, quantity: i64) -> Position {
    Position {
        owner: owner.into(),
        instrument,
        quantity: quantity.into(),
        average_price: Decimal::TEN,
        market_price: Some(Decimal::TEN),
        opened: 0,
    }
}

/// An account of 10,000 that never was worth anything else.
#[must_use]
pub fn portfolio(positions: Vec<Position>, open_orders: Vec<OpenOrder>) -> Portfolio {
    Portfolio {
        equity: 10_000.into(),
        prior_session_equity: 10_000.into(),
        peak_equity: 10_000.into(),
        positions,
        open_orders,
        ..Portfolio::default()
    }
}

/// A price of 10, and nothing else.
#[must_use]
pub fn context() -> Context {
    Context {
        reference_price: Decimal::TEN,
        multiplier: Decimal::ONE,
        ..Context::default()
    }
}

/// The verdict on an order.
///
/// # Panics
/// When there is none.
pub fn assess<R: RiskRule>(
    rule: &mut R,
    order: &Order,
    context: &Context,
    portfolio: &Portfolio,
) -> Verdict {
    match rule.assess(order, context, portfolio) {
        Ok(verdict) => verdict,
        Err(error) => panic!("{error:?}"),
    }
}

/// The units that a verdict leaves, and why.
///
/// # Panics
/// When it is no reduction.
#[must_use]
pub fn cut(verdict: Verdict) -> (Decimal, Denial) {
    match verdict {
        Verdict::ReduceTo(quantity, denial) => (quantity, denial),
        other => panic!("{other:?}"),
    }
}

/// Why a verdict refuses.
///
/// # Panics
/// When it does not.
pub fn refused(verdict: Verdict) -> Denial {
    match verdict {
        Verdict::Reject(denial) => denial,
        other => panic!("{other:?}"),
    }
}

/// Code, observed and limit of a denial.
#[must_use]
pub fn said(denial: &Denial) -> (&str, &str, &str) {
    (&denial.code, &denial.observed, &denial.limit)
}
