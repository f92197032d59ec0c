use super::*;
use bulkhead_rule_common::testing::{
    AAPL, assert_refused, assess, context, cut, held, order, portfolio, refused, rule, said,
};
use bulkhead_sdk::order::Side;

fn told(confidence: Option<f64>, calibrated: Option<bool>) -> Context {
    let mut context = context();
    context.confidence = confidence;
    if let Some(calibrated) = calibrated {
        context
            .extra
            .push(("confidence.calibrated".to_owned(), calibrated.into()));
    }
    context
}

fn verdict(context: &Context) -> Verdict {
    assess(
        &mut rule::<ConfidenceFloor>(r#"{"floor":0.6}"#),
        &order(Side::Buy, 10),
        context,
        &portfolio(vec![], vec![]),
    )
}

#[test]
fn a_calibrated_probability_at_the_floor_enters() {
    for confidence in [0.6, 0.75, 1.0] {
        assert_eq!(
            verdict(&told(Some(confidence), Some(true))),
            Verdict::Approve
        );
    }
    let denial = refused(verdict(&told(Some(0.599_999), Some(true))));
    assert_eq!(said(&denial), ("CONFIDENCE_BELOW_FLOOR", "0.599999", "0.6"));
}

#[test]
fn without_a_calibrated_probability_nothing_enters() {
    assert_eq!(
        refused(verdict(&told(None, Some(true)))).code,
        "MISSING_CONFIDENCE"
    );
    assert_eq!(
        refused(verdict(&told(Some(0.9), None))).code,
        "NOT_CALIBRATED"
    );
    assert_eq!(
        refused(verdict(&told(Some(0.9), Some(false)))).code,
        "NOT_CALIBRATED"
    );
    let mut worded = told(Some(0.9), None);
    worded
        .extra
        .push(("confidence.calibrated".to_owned(), "true".into()));
    assert_eq!(refused(verdict(&worded)).code, "NOT_CALIBRATED");
}

#[test]
fn what_is_no_probability_does_not_enter() {
    for absurd in [f64::NAN, f64::INFINITY, -0.1, 1.000_001] {
        let denial = refused(verdict(&told(Some(absurd), Some(true))));
        assert_eq!(denial.code, "INVALID_CONFIDENCE", "{absurd}");
    }
}

#[test]
fn an_exit_needs_no_confidence() {
    let account = portfolio(vec![held(AAPL, "ema", 10)], vec![]);
    let mut rule: ConfidenceFloor = rule("{}");
    let exit = order(Side::Sell, 10);
    assert_eq!(
        assess(&mut rule, &exit, &context(), &account),
        Verdict::Approve
    );
    let turn = order(Side::Sell, 30);
    assert_eq!(
        cut(assess(&mut rule, &turn, &context(), &account)).0,
        10.into()
    );
    // Another owner's position makes no exit of an entry.
    let theirs = portfolio(vec![held(AAPL, "other", 10)], vec![]);
    refused(assess(&mut rule, &exit, &context(), &theirs));
}

#[test]
fn a_floor_that_cannot_work_is_refused() {
    assert_refused::<ConfidenceFloor>(&[
        (r#"{"floor":1.1}"#, "floor"),
        (r#"{"floor":-0.1}"#, "floor"),
        (r#"{"floor":"high"}"#, "floor"),
    ]);
}
