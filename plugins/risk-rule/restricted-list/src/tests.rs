use super::*;
use bulkhead_rule_common::testing::{
    AAPL, MSFT, XOM, assert_refused, assess, context, cut, held, order, portfolio, refused, rule,
    said,
};
use bulkhead_sdk::DAY;
use bulkhead_sdk::order::Side;

const CONFIG: &str = r#"{"symbols":[
    {"symbol":"AAPL","reason":"under review"},
    {"symbol":"MSFT","reason":"results","from":"1970-01-03","until":"1970-01-04"},
    {"symbol":"MSFT","reason":"merger","from":"1970-01-10"}
]}"#;

fn verdict(instrument: u32, side: Side, time: i64) -> Verdict {
    let mut order = order(side, 10);
    order.request.instrument = instrument;
    let mut account = portfolio(vec![], vec![]);
    account.time = time;
    assess(
        &mut rule::<RestrictedList>(CONFIG),
        &order,
        &context(),
        &account,
    )
}

#[test]
fn a_listed_symbol_is_entered_neither_way() {
    for side in [Side::Buy, Side::Sell] {
        let denial = refused(verdict(AAPL, side, 0));
        assert_eq!(said(&denial), ("RESTRICTED", "AAPL", "no entries"));
        assert_eq!(denial.text, "under review");
        assert_eq!(verdict(XOM, side, 0), Verdict::Approve);
    }
}

#[test]
fn dates_bound_a_listing_by_whole_days_in_utc() {
    for time in [0, 2 * DAY - 1, 4 * DAY, 9 * DAY - 1] {
        assert_eq!(verdict(MSFT, Side::Buy, time), Verdict::Approve, "{time}");
    }
    for time in [2 * DAY, 4 * DAY - 1] {
        let denial = refused(verdict(MSFT, Side::Buy, time));
        assert_eq!(
            said(&denial),
            ("RESTRICTED", "MSFT", "no entries until 1970-01-04")
        );
        assert_eq!(denial.text, "results");
    }
    assert_eq!(refused(verdict(MSFT, Side::Buy, 900 * DAY)).text, "merger");
}

#[test]
fn what_is_held_may_be_closed() {
    let account = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    let mut rule: RestrictedList = rule(CONFIG);
    let exit = order(Side::Sell, 10);
    assert_eq!(
        assess(&mut rule, &exit, &context(), &account),
        Verdict::Approve
    );
    let turn = order(Side::Sell, 12);
    assert_eq!(
        cut(assess(&mut rule, &turn, &context(), &account)).0,
        10.into()
    );
}

#[test]
fn an_unknown_instrument_is_not_entered() {
    assert_eq!(
        refused(verdict(99, Side::Buy, 0)).code,
        "UNKNOWN_INSTRUMENT"
    );
}

#[test]
fn lists_that_cannot_work_are_refused() {
    assert_refused::<RestrictedList>(&[
        ("{}", "symbols"),
        (
            r#"{"symbols":[{"symbol":" ","reason":"x"}]}"#,
            "symbols[0].symbol",
        ),
        (
            r#"{"symbols":[{"symbol":"A","reason":""}]}"#,
            "symbols[0].reason",
        ),
        (
            r#"{"symbols":[{"symbol":"A","reason":"x"},{"symbol":"B","reason":"x","from":"soon"}]}"#,
            "symbols[1].from",
        ),
        (
            r#"{"symbols":[{"symbol":"A","reason":"x","until":"2026-02-30"}]}"#,
            "symbols[0].until",
        ),
        (
            r#"{"symbols":[{"symbol":"A","reason":"x","from":"2026-02-02","until":"2026-02-01"}]}"#,
            "symbols[0].until",
        ),
        (r#"{"symbols":[{"symbol":"A"}]}"#, "symbols[0]"),
        (r#"{"mode":"warn"}"#, "mode"),
    ]);
}
