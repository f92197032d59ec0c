use super::*;
use bulkhead_rule_common::testing::{
    AAPL, MSFT, XOM, assert_refused, assess, configured, context, cut, held, order, portfolio,
    refused, rule, said, working,
};
use bulkhead_sdk::Value;
use bulkhead_sdk::order::{OpenOrder, OrderKind, Side};
use bulkhead_sdk::risk_rule::Position;

const INSTRUMENT: &str = r#"{"max-instrument":"0.2"}"#;
const SECTOR: &str = r#"{"max-sector":"0.3","sectors":{"AAPL":"tech","MSFT":"tech"}}"#;
const CORRELATED: &str = r#"{"max-correlated":"0.3","min-correlation":"0.5"}"#;

/// A price of 10, and correlations with other symbols.
fn told(correlations: &[(&str, f64)]) -> Context {
    let mut context = context();
    for (symbol, value) in correlations {
        context
            .extra
            .push((format!("correlation.{symbol}"), Value::Real(*value)));
    }
    context
}

/// An order for AAPL at 10 in an account of 10,000.
fn verdict(
    config: &str,
    context: &Context,
    held: Vec<Position>,
    open: Vec<OpenOrder>,
    (side, quantity): (Side, i64),
) -> Verdict {
    assess(
        &mut rule::<Concentration>(config),
        &order(side, quantity),
        context,
        &portfolio(held, open),
    )
}

#[test]
fn an_instrument_is_cut_to_its_share() {
    let buy = |quantity| {
        verdict(
            INSTRUMENT,
            &context(),
            vec![],
            vec![],
            (Side::Buy, quantity),
        )
    };
    assert_eq!(buy(200), Verdict::Approve);
    let (quantity, denial) = cut(buy(201));
    assert_eq!(quantity, 200.into());
    assert_eq!(said(&denial), ("INSTRUMENT_ABOVE_SHARE", "20.1%", "20%"));
    let sell = verdict(INSTRUMENT, &context(), vec![], vec![], (Side::Sell, 250));
    assert_eq!(cut(sell).0, 200.into());
}

#[test]
fn held_and_working_units_of_the_instrument_count() {
    let busy = |side, quantity| {
        verdict(
            INSTRUMENT,
            &context(),
            vec![held(AAPL, "ema", 100), held(AAPL, "other", 30)],
            vec![working("w", AAPL, Side::Buy, 50)],
            (side, quantity),
        )
    };
    assert_eq!(busy(Side::Buy, 20), Verdict::Approve);
    assert_eq!(cut(busy(Side::Buy, 21)).0, 20.into());
    let full = verdict(
        INSTRUMENT,
        &context(),
        vec![held(AAPL, "ema", 200)],
        vec![],
        (Side::Buy, 1),
    );
    assert_eq!(refused(full).code, "INSTRUMENT_ABOVE_SHARE");
    // An exit is nobody's concentration, and through zero the share counts on the other side.
    assert_eq!(busy(Side::Sell, 100), Verdict::Approve);
    assert_eq!(cut(busy(Side::Sell, 500)).0, 330.into());
}

#[test]
fn a_sector_is_cut_to_its_share() {
    let tech = |held, open| verdict(SECTOR, &context(), held, open, (Side::Buy, 300));
    assert_eq!(tech(vec![held(XOM, "ema", 900)], vec![]), Verdict::Approve);
    for quantity in [100, -100] {
        let (left, denial) = cut(tech(vec![held(MSFT, "ema", quantity)], vec![]));
        assert_eq!(left, 200.into());
        assert_eq!(said(&denial), ("SECTOR_ABOVE_SHARE", "40%", "30%"));
        assert!(denial.text.starts_with("sector tech, "), "{}", denial.text);
    }
    // What works counts at the larger end of where it could lead.
    let limit = |id, side, quantity| {
        let mut open = working(id, MSFT, side, quantity);
        open.order.request.kind = OrderKind::Limit(20.into());
        open
    };
    let open = vec![limit("a", Side::Buy, 40), limit("b", Side::Sell, 120)];
    let (left, _) = cut(tech(vec![held(MSFT, "ema", 20)], open));
    // 100 units short at 20.
    assert_eq!(left, 100.into());
    let mut stop = limit("s", Side::Sell, 100);
    stop.order.request.reduce_only = true;
    assert_eq!(
        cut(tech(vec![held(MSFT, "ema", 100)], vec![stop])).0,
        200.into()
    );
    assert_eq!(
        refused(tech(vec![held(MSFT, "ema", 400)], vec![])).code,
        "SECTOR_ABOVE_SHARE"
    );
}

#[test]
fn a_symbol_without_a_sector_is_one_of_its_own() {
    let config = r#"{"max-sector":"0.3","sectors":{"MSFT":"AAPL"}}"#;
    let verdict = verdict(
        config,
        &context(),
        vec![held(MSFT, "ema", 300)],
        vec![],
        (Side::Buy, 300),
    );
    assert_eq!(verdict, Verdict::Approve);
}

#[test]
fn correlated_holdings_count_by_their_correlation() {
    let with = |correlations: &[(&str, f64)]| {
        verdict(
            CORRELATED,
            &told(correlations),
            vec![held(MSFT, "ema", -100), held(XOM, "ema", 100)],
            vec![],
            (Side::Buy, 300),
        )
    };
    // 0.5 is not above the least that counts.
    assert_eq!(with(&[("MSFT", 0.5), ("XOM", -0.5)]), Verdict::Approve);
    let (left, denial) = cut(with(&[("MSFT", 0.8), ("XOM", 0.1)]));
    assert_eq!(left, 220.into());
    assert_eq!(said(&denial), ("CORRELATED_ABOVE_SHARE", "38%", "30%"));
    assert_eq!(cut(with(&[("MSFT", -0.8), ("XOM", 0.6)])).0, 160.into());
    // One that is missing counts as 1.
    assert_eq!(cut(with(&[("XOM", 0.0)])).0, 200.into());
    assert_eq!(cut(with(&[])).0, 100.into());
    // Rounding past 1 is 1.
    assert_eq!(
        cut(with(&[("MSFT", 1.000_000_000_1), ("XOM", 0.0)])).0,
        200.into()
    );
}

#[test]
fn an_unknown_instrument_counts_as_correlated() {
    let (left, _) = cut(verdict(
        CORRELATED,
        &told(&[]),
        vec![held(77, "ema", 100)],
        vec![],
        (Side::Buy, 300),
    ));
    assert_eq!(left, 200.into());
}

#[test]
fn the_tightest_share_counts() {
    let config = r#"{"max-instrument":"0.25","max-sector":"0.3","max-correlated":"0.35","sectors":{"AAPL":"t","MSFT":"t"}}"#;
    let (left, denial) = cut(verdict(
        config,
        &told(&[("MSFT", 0.6)]),
        vec![held(MSFT, "ema", 100)],
        vec![],
        (Side::Buy, 400),
    ));
    assert_eq!(
        (left, denial.code.as_str()),
        (200.into(), "SECTOR_ABOVE_SHARE")
    );
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let correlations = [f64::NAN, f64::INFINITY, 1.1, -2.0];
    for absurd in correlations {
        let verdict = verdict(
            CORRELATED,
            &told(&[("MSFT", absurd)]),
            vec![held(MSFT, "ema", 1)],
            vec![],
            (Side::Buy, 1),
        );
        assert_eq!(refused(verdict).code, "INVALID_CORRELATION", "{absurd}");
    }
    let mut broke = portfolio(vec![], vec![]);
    broke.equity = Decimal::ZERO;
    let mut rule: Concentration = rule(INSTRUMENT);
    let denial = refused(assess(&mut rule, &order(Side::Buy, 1), &context(), &broke));
    assert_eq!(denial.code, "EQUITY_NOT_POSITIVE");
    let unpriced = Context {
        reference_price: Decimal::ZERO,
        ..context()
    };
    let flat = portfolio(vec![], vec![]);
    assert!(rule.assess(&order(Side::Buy, 1), &unpriced, &flat).is_err());
}

#[test]
fn a_holding_without_a_price_refuses_until_it_was_judged_itself() {
    let mut first: Concentration = rule(SECTOR);
    let open = vec![working("w", MSFT, Side::Buy, 100)];
    let busy = portfolio(vec![], open);
    let buy = order(Side::Buy, 300);
    let denial = refused(assess(&mut first, &buy, &context(), &busy));
    assert_eq!(
        said(&denial),
        ("MISSING_PRICE", "none", "a price of instrument 2 (MSFT)")
    );
    let mut theirs = order(Side::Buy, 100);
    theirs.request.instrument = MSFT;
    theirs.client_order_id = "w".into();
    assert_eq!(
        assess(&mut first, &theirs, &context(), &busy),
        Verdict::Approve
    );
    assert_eq!(
        cut(assess(&mut first, &buy, &context(), &busy)).0,
        200.into()
    );
    // The price moves to another instance.
    let mut second: Concentration = rule(SECTOR);
    second.restore(&first.save().unwrap()).unwrap();
    assert_eq!(
        cut(assess(&mut second, &buy, &context(), &busy)).0,
        200.into()
    );
    assert!(second.restore(b"{}").is_err());
    // Where only the order's own instrument counts, no other price is needed.
    let mut alone: Concentration = rule(INSTRUMENT);
    assert_eq!(
        cut(assess(&mut alone, &buy, &context(), &busy)).0,
        200.into()
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    assert_refused::<Concentration>(&[
        (r#"{"max-instrument":0}"#, "max-instrument"),
        (r#"{"max-sector":"-0.1"}"#, "max-sector"),
        (r#"{"max-correlated":101}"#, "max-correlated"),
        (
            r#"{"max-correlated":1,"min-correlation":1}"#,
            "min-correlation",
        ),
        (
            r#"{"max-instrument":1,"min-correlation":"-0.1"}"#,
            "min-correlation",
        ),
        (r#"{"max-instrument":1,"sectors":{"A":"b"}}"#, "sectors"),
        (r#"{"max-sector":1,"sectors":{"A":" "}}"#, "sectors"),
    ]);
    let reason = configured::<Concentration>("{}").err().unwrap();
    assert!(reason.starts_with("config: no share is set"), "{reason}");
}
