use super::*;
use proptest::prelude::*;

fn dividend_of(action: &CorporateAction) -> Option<Decimal> {
    match action.kind {
        ActionKind::Dividend(amount) => Some(amount),
        _ => None,
    }
}

/// Back-adjusted closes of a series in which each row's dividend and units are known.
fn adjusted(
    closes: &[f64],
    events: &[(usize, f64, f64)],
    convention: DividendConvention,
) -> Vec<f64> {
    let mut adjusted = closes.to_vec();
    for &(row, units, amount) in events {
        let previous = closes[row - 1] / units;
        let dividend = match convention {
            DividendConvention::ExDateClose => (closes[row] + amount) / closes[row],
            _ => previous / (previous - amount),
        };
        for price in &mut adjusted[..row] {
            *price /= units * dividend;
        }
    }
    adjusted
}

#[test]
fn both_conventions_give_the_declared_amount() {
    let closes = [50.3, 51.7, 49.9, 50.8, 52.3, 51.1, 50.2];
    let events = [(2, 1.0, 0.375), (4, 1.0, 0.3775), (6, 1.0, 0.38)];
    for convention in [
        DividendConvention::PriorClose,
        DividendConvention::ExDateClose,
    ] {
        let adjusted = adjusted(&closes, &events, convention);
        let times: Vec<i64> = (0..7).collect();
        let found = derive(&times, &closes, &adjusted, DividendConvention::Detect);
        assert_eq!(found.convention, convention);
        let amounts: Vec<_> = found
            .actions
            .iter()
            .map(|a| (a.time, dividend_of(a)))
            .collect();
        let expected = [(2, 375), (4, 3775), (6, 38)].map(|(time, digits)| {
            let decimals = [0, 0, 2, 3, 4][digits.to_string().len()];
            (time, Some(Decimal::new(digits, decimals)))
        });
        assert_eq!(amounts, expected);
        assert_eq!(found.doubts, []);
    }
}

#[test]
fn a_split_with_a_dividend_on_the_same_day_gives_both() {
    let closes = [100.0, 101.0, 50.0, 50.5];
    let adjusted = adjusted(&closes, &[(2, 2.0, 0.25)], DividendConvention::PriorClose);
    let found = derive(
        &[0, 1, 2, 3],
        &closes,
        &adjusted,
        DividendConvention::PriorClose,
    );
    let kinds: Vec<_> = found
        .actions
        .into_iter()
        .map(|action| action.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            ActionKind::Split {
                numerator: 2,
                denominator: 1
            },
            ActionKind::Dividend(Decimal::new(25, 2)),
        ]
    );
}

#[test]
fn a_reverse_split_is_one() {
    let closes = [0.5, 0.52, 5.1];
    let adjusted = adjusted(&closes, &[(2, 0.1, 0.0)], DividendConvention::PriorClose);
    let found = derive(&[0, 1, 2], &closes, &adjusted, DividendConvention::Detect);
    assert_eq!(
        found.actions[0].kind,
        ActionKind::Split {
            numerator: 1,
            denominator: 10
        }
    );
}

#[test]
fn a_split_on_a_day_without_an_adjusted_close_is_dated_by_the_price() {
    let closes = [100.0, 101.0, 50.0, 51.0, 50.5];
    let mut adjusted = adjusted(&closes, &[(2, 2.0, 0.0)], DividendConvention::PriorClose);
    adjusted[2] = f64::NAN;
    let times = [0, 1, 2, 3, 4];
    let found = derive(&times, &closes, &adjusted, DividendConvention::Detect);
    let split = CorporateAction {
        time: 2,
        kind: ActionKind::Split {
            numerator: 2,
            denominator: 1,
        },
    };
    assert_eq!((found.actions, found.doubts), (vec![split], vec![]));
}

#[test]
fn a_jump_that_the_price_does_not_follow_is_doubted_not_applied() {
    // The adjusted close doubles against a raw close that stays: already adjusted prices, most likely.
    let found = derive(
        &[0, 1],
        &[50.0, 50.5],
        &[25.0, 50.5],
        DividendConvention::Detect,
    );
    assert_eq!(found.actions, []);
    assert_eq!(found.doubts[0].row, 1);
    // A fall that is no reverse split.
    let closes = [50.2513, 50.2513];
    let found = derive(
        &[0, 1],
        &closes,
        &[50.2513, 49.1837],
        DividendConvention::Detect,
    );
    assert_eq!((found.actions.len(), found.doubts.len()), (0, 1));
}

#[test]
fn a_crash_without_a_move_of_the_ratio_is_no_split() {
    let found = derive(
        &[0, 1],
        &[53.5, 25.75],
        &[53.5 / 7.0, 25.75 / 7.0],
        DividendConvention::Detect,
    );
    assert_eq!((found.actions.len(), found.doubts.len()), (0, 0));
}

proptest! {
    #[test]
    fn rounded_adjusted_closes_give_no_false_action(
        closes in prop::collection::vec(2.0..300.0_f64, 2..80),
        divisor in 1.0..60.0_f64,
        unit in prop::sample::select(vec![1e2, 1e3, 1e4, 1e6]),
    ) {
        let cents = |price: &f64| (price * 100.0).round() / 100.0;
        let closes: Vec<f64> = closes.iter().map(cents).collect();
        let adjusted: Vec<f64> =
            closes.iter().map(|close| (close / divisor * unit).round() / unit).collect();
        let times: Vec<i64> = (0..closes.len() as i64).collect();
        let found = derive(&times, &closes, &adjusted, DividendConvention::Detect);
        prop_assert_eq!(found.actions, vec![]);
        prop_assert_eq!(found.doubts, vec![]);
    }
}
