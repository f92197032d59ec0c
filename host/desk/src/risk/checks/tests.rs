//! Every denial, with what it says.

use super::super::basis::{AccountView, Basis, Listing, Mark};
use super::super::exposure::After;
use super::super::flow::Flow;
use super::super::{CheckLimits, TradingState};
use super::{HOST_CHECKS, HostCheck};
use crate::ledger::{Ledger, OwnerId};
use bulkhead_domain::order::{Bracket, OrderKind, OrderRequest, Side, TimeInForce, Trail};
use bulkhead_domain::{Decimal, Instrument, Timestamp};

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

struct Case {
    limits: CheckLimits,
    listing: Option<Listing>,
    flow: Flow,
    owner: OwnerId,
    account: AccountView,
    after: After,
    fitted: Option<Timestamp>,
    state: TradingState,
    reconciled: bool,
    reducing: bool,
    now: Timestamp,
    request: OrderRequest,
}

const NOW: Timestamp = Timestamp(1_000_000 * bulkhead_domain::time::SECOND);

/// A buy of ten at a price of 100, with 10,000 of equity and nothing held.
fn case() -> Case {
    let equity = dec("10000");
    Case {
        limits: CheckLimits::default(),
        listing: Some(Listing {
            instrument: Instrument::us_equity(1, "AAPL"),
            restricted: false,
            blocked: None,
            mark: Some(Mark {
                time: NOW,
                price: dec("100"),
            }),
        }),
        flow: Flow::default(),
        owner: Ledger::open(equity, 0).unwrap().owner("ema"),
        account: AccountView {
            equity,
            prior_session_equity: equity,
            peak_equity: equity,
        },
        after: After {
            increase: dec("1000"),
            instrument: dec("1000"),
            gross: dec("1000"),
        },
        fitted: None,
        state: TradingState::Running,
        reconciled: true,
        reducing: false,
        now: NOW,
        request: OrderRequest::market(1, Side::Buy, dec("10")),
    }
}

impl Case {
    fn with(mut self, change: impl FnOnce(&mut Case)) -> Self {
        change(&mut self);
        self
    }

    /// The first denial as one line, or `pass`.
    fn verdict(&self) -> String {
        let oldest = self.limits.max_price_age_seconds;
        let basis = Basis {
            owner: self.owner,
            reducing: self.reducing,
            flatten: false,
            listing: self.listing.as_ref(),
            price: self
                .listing
                .as_ref()
                .and_then(|listing| listing.fresh_price(self.now, oldest)),
            now: self.now,
            limits: &self.limits,
            account: self.account,
            after: self.after,
            flow: &self.flow,
            fitted: self.fitted,
            state: self.state,
            reconciled: self.reconciled,
        };
        let asked = |check: &&HostCheck| !(self.reducing && check.spares_reducing);
        HOST_CHECKS
            .iter()
            .filter(asked)
            .find_map(|check| (check.run)(&self.request, &basis).err())
            .map_or_else(|| "pass".to_owned(), |denial| denial.to_string())
    }
}

fn kind(kind: OrderKind) -> impl FnOnce(&mut Case) {
    move |case| case.request.kind = kind
}

#[test]
fn an_ordinary_order_passes() {
    assert_eq!(case().verdict(), "pass");
}

#[test]
fn quantities_and_prices_must_be_above_zero_and_not_absurd() {
    for (change, expected) in [
        ("0", "QUANTITY_NOT_POSITIVE: observed 0, limit above 0"),
        ("-5", "QUANTITY_NOT_POSITIVE: observed -5, limit above 0"),
        (
            "2000000000000",
            "QUANTITY_ABSURD: observed 2000000000000, limit 1000000000000",
        ),
    ] {
        let verdict = case()
            .with(|case| case.request.quantity = dec(change))
            .verdict();
        assert_eq!(verdict, expected);
    }
    let limit = |price| case().with(kind(OrderKind::Limit(dec(price)))).verdict();
    assert_eq!(limit("0"), "PRICE_NOT_POSITIVE: observed 0, limit above 0");
    assert_eq!(
        limit("79228162514264337593543950335"),
        "PRICE_ABSURD: observed 79228162514264337593543950335, limit 1000000000000"
    );
    let trail = Trail::Fraction(Decimal::ONE);
    assert_eq!(
        case().with(kind(OrderKind::TrailingStop(trail))).verdict(),
        "TRAIL_ABSURD: observed 1, limit below 1 (trailing distance)"
    );
    let bracket = Bracket {
        take_profit: None,
        stop_loss: Some(dec("-1")),
    };
    assert_eq!(
        case()
            .with(|case| case.request.bracket = Some(bracket))
            .verdict(),
        "PRICE_NOT_POSITIVE: observed -1, limit above 0"
    );
}

#[test]
fn the_instrument_must_be_known_and_alive() {
    assert_eq!(
        case().with(|case| case.listing = None).verdict(),
        "INSTRUMENT_UNKNOWN: observed 1, limit an instrument of this session"
    );
    let expired = case().with(|case| {
        case.listing.as_mut().unwrap().instrument.expiry = Some(NOW);
    });
    assert_eq!(
        expired.verdict(),
        "INSTRUMENT_EXPIRED: observed 1970-01-12T13:46:40Z, limit before 1970-01-12T13:46:40Z (AAPL)"
    );
}

#[test]
fn a_missing_or_stale_price_denies_an_entry_but_not_an_exit_at_market() {
    let stale =
        || case().with(|case| case.now = Timestamp(NOW.0 + 61 * bulkhead_domain::time::SECOND));
    assert_eq!(
        stale().verdict(),
        "PRICE_STALE: observed of 1970-01-12T13:46:40Z, limit at most 60 s old"
    );
    assert_eq!(stale().with(|case| case.reducing = true).verdict(), "pass");
    assert_eq!(
        stale()
            .with(|case| case.reducing = true)
            .with(kind(OrderKind::Limit(dec("100"))))
            .verdict(),
        "COLLAR_WITHOUT_PRICE: observed 100, limit a fresh reference price"
    );
    let missing = case().with(|case| case.listing.as_mut().unwrap().mark = None);
    assert_eq!(
        missing.verdict(),
        "PRICE_MISSING: observed none, limit at most 60 s old"
    );
}

#[test]
fn quantities_are_whole_lots_and_prices_whole_ticks() {
    assert_eq!(
        case()
            .with(|case| case.request.quantity = dec("1.5"))
            .verdict(),
        "QUANTITY_OFF_LOT: observed 1.5, limit a multiple of 1"
    );
    assert_eq!(
        case().with(kind(OrderKind::Stop(dec("100.001")))).verdict(),
        "PRICE_OFF_TICK: observed 100.001, limit a multiple of 0.01"
    );
    assert!(
        case()
            .with(|case| case.request.post_only = true)
            .verdict()
            .starts_with("POST_ONLY_WITHOUT_LIMIT")
    );
    assert!(
        case()
            .with(|case| case.request.time_in_force = TimeInForce::GoodTillDate(NOW.0))
            .verdict()
            .starts_with("EXPIRES_IN_THE_PAST")
    );
}

#[test]
fn a_limit_far_worse_than_the_market_is_outside_the_collar() {
    let verdict = |side, price| {
        case()
            .with(|case| case.request.side = side)
            .with(kind(OrderKind::Limit(dec(price))))
            .verdict()
    };
    assert_eq!(verdict(Side::Buy, "110"), "pass");
    assert_eq!(
        verdict(Side::Buy, "110.01"),
        "PRICE_OUTSIDE_COLLAR: observed 110.01, limit at most 110"
    );
    assert_eq!(verdict(Side::Buy, "50"), "pass");
    assert_eq!(
        verdict(Side::Sell, "89.99"),
        "PRICE_OUTSIDE_COLLAR: observed 89.99, limit at least 90"
    );
    let stop_limit = OrderKind::StopLimit {
        stop: dec("150"),
        limit: dec("166"),
    };
    assert_eq!(
        case().with(kind(stop_limit)).verdict(),
        "PRICE_OUTSIDE_COLLAR: observed 166, limit at most 165"
    );
}

#[test]
fn an_order_is_neither_too_large_nor_too_small() {
    assert_eq!(
        case()
            .with(|case| case.limits.max_order_quantity = Some(dec("9")))
            .verdict(),
        "QUANTITY_ABOVE_LIMIT: observed 10, limit 9"
    );
    assert_eq!(
        case()
            .with(|case| case.limits.max_order_notional = Some(dec("999")))
            .verdict(),
        "NOTIONAL_ABOVE_LIMIT: observed 1000, limit 999"
    );
    assert_eq!(
        case()
            .with(|case| case.limits.min_order_notional = dec("1001"))
            .verdict(),
        "NOTIONAL_BELOW_LIMIT: observed 1000, limit 1001"
    );
}

#[test]
fn exposure_is_limited_by_position_gross_leverage_and_buying_power() {
    for (change, expected) in [
        (
            Box::new(|case: &mut Case| case.limits.max_position_notional = Some(dec("999")))
                as Box<dyn FnOnce(&mut Case)>,
            "POSITION_ABOVE_LIMIT: observed 1000, limit 999",
        ),
        (
            Box::new(|case| case.limits.max_position_share = Some(dec("0.05"))),
            "CONCENTRATION_ABOVE_LIMIT: observed 1000, limit 500 (a position may be 0.05 of equity)",
        ),
        (
            Box::new(|case| case.limits.max_gross_exposure = Some(dec("999"))),
            "GROSS_EXPOSURE_ABOVE_LIMIT: observed 1000, limit 999",
        ),
        (
            Box::new(|case| case.after.gross = dec("10001")),
            "LEVERAGE_ABOVE_LIMIT: observed gross exposure 10001, limit 1 × equity 10000",
        ),
        (
            Box::new(|case| case.after.gross = dec("9801")),
            "BUYING_POWER_EXCEEDED: observed 1000, limit 999",
        ),
    ] {
        assert_eq!(case().with(change).verdict(), expected);
    }
}

#[test]
fn the_same_order_twice_at_a_moment_is_a_duplicate() {
    let twice = |change: fn(&mut OrderRequest)| {
        let mut case = case();
        let owner = case.owner;
        case.flow.see(owner, false, &case.request);
        change(&mut case.request);
        case.verdict()
    };
    assert_eq!(
        twice(|_| {}),
        "DUPLICATE_ORDER: observed a second order to buy 10, limit one at a moment \
         (same owner, instrument, side, quantity and price)"
    );
    assert_eq!(twice(|request| request.quantity = dec("11")), "pass");
    assert_eq!(twice(|request| request.side = Side::Sell), "pass");
}

#[test]
fn orders_are_counted_by_moment_and_session_and_exits_apart() {
    let flooded = |limit: fn(&mut CheckLimits)| {
        case().with(|case| {
            limit(&mut case.limits);
            case.flow.count(false);
            case.flow.count(false);
        })
    };
    let moment = |limits: &mut CheckLimits| limits.max_orders_per_moment = 2;
    let session = |limits: &mut CheckLimits| limits.max_orders_per_session = 2;
    assert_eq!(
        flooded(moment).verdict(),
        "MOMENT_RATE_ABOVE_LIMIT: observed 3, limit 2 (orders at one moment)"
    );
    assert_eq!(
        flooded(session).verdict(),
        "SESSION_RATE_ABOVE_LIMIT: observed 3, limit 2 (orders in one session)"
    );
    assert_eq!(
        flooded(moment).with(|case| case.reducing = true).verdict(),
        "pass"
    );
}

#[test]
fn losses_stop_entries_and_never_exits() {
    let losing = || case().with(|case| case.account.equity = dec("9400"));
    assert_eq!(
        losing().verdict(),
        "DAILY_LOSS_ABOVE_LIMIT: observed 600, limit 500 \
         (0.05 of the prior session's closing equity 10000)"
    );
    assert_eq!(losing().with(|case| case.reducing = true).verdict(), "pass");
    let fallen = || {
        case().with(|case| {
            case.limits.max_drawdown = Some(dec("0.2"));
            case.account.peak_equity = dec("13000");
        })
    };
    assert_eq!(
        fallen().verdict(),
        "DRAWDOWN_ABOVE_LIMIT: observed 3000, limit 2600 (0.2 of the highest closing equity 13000)"
    );
    assert_eq!(fallen().with(|case| case.reducing = true).verdict(), "pass");
}

#[test]
fn a_restricted_or_misunderstood_instrument_may_be_left_but_not_entered() {
    let restricted = || case().with(|case| case.listing.as_mut().unwrap().restricted = true);
    assert_eq!(
        restricted().verdict(),
        "INSTRUMENT_RESTRICTED: observed AAPL, limit not on the restricted list"
    );
    assert_eq!(
        restricted().with(|case| case.reducing = true).verdict(),
        "pass"
    );
    let blocked =
        case().with(|case| case.listing.as_mut().unwrap().blocked = Some("spin-off".to_owned()));
    assert!(
        blocked
            .verdict()
            .starts_with("CORPORATE_ACTION_UNKNOWN: observed spin-off")
    );
}

#[test]
fn an_order_may_rest_on_a_recent_fit_or_on_none() {
    let fitted = |seconds: i64| {
        case().with(|case| {
            case.limits.max_model_age_seconds = Some(86_400);
            case.fitted = Some(Timestamp(NOW.0 - seconds * bulkhead_domain::time::SECOND));
        })
    };
    assert_eq!(fitted(86_400).verdict(), "pass");
    assert_eq!(
        fitted(86_401).verdict(),
        "MODEL_STALE: observed fitted 86401 s ago, limit at most 86400 s ago"
    );
    assert!(fitted(-1).verdict().starts_with("MODEL_STALE"));
    assert_eq!(
        fitted(86_401).with(|case| case.reducing = true).verdict(),
        "pass"
    );
    assert_eq!(fitted(0).with(|case| case.fitted = None).verdict(), "pass");
}

#[test]
fn books_that_could_not_be_compared_may_shrink_and_not_grow() {
    let unsettled = || case().with(|case| case.reconciled = false);
    assert_eq!(
        unsettled().verdict(),
        "NOT_RECONCILED: observed no answer to what it holds, limit an account that was compared with the \
         broker (until it answers, positions can be reduced only)"
    );
    assert_eq!(
        unsettled().with(|case| case.reducing = true).verdict(),
        "pass"
    );
}

#[test]
fn the_trading_state_lets_through_what_it_says() {
    let verdict = |state, reducing| {
        case()
            .with(|case| {
                case.state = state;
                case.reducing = reducing;
            })
            .verdict()
    };
    assert_eq!(
        verdict(TradingState::ReduceOnly, false),
        "TRADING_STATE: observed reduce-only, limit orders that reduce a position"
    );
    assert_eq!(verdict(TradingState::ReduceOnly, true), "pass");
    for reducing in [false, true] {
        assert_eq!(
            verdict(TradingState::NoNewOrders, reducing),
            "TRADING_STATE: observed no-new-orders, limit no orders"
        );
        assert_eq!(
            verdict(TradingState::Halted, reducing),
            "TRADING_STATE: observed halted, limit no orders"
        );
    }
}
