use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// The fixture's columns, NaN where TA-Lib gives nothing.
fn fixture() -> BTreeMap<String, Vec<f64>> {
    let text = include_str!("../../tests/fixtures/ta-lib.csv");
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in lines {
        for (name, field) in names.iter().zip(line.split(',')) {
            let value = if field.is_empty() {
                f64::NAN
            } else {
                field.parse().unwrap()
            };
            columns.entry((*name).to_owned()).or_default().push(value);
        }
    }
    columns
}

#[test]
fn every_indicator_agrees_with_ta_lib_to_1e_9() {
    let expected = fixture();
    let (high, low, close) = (&expected["high"], &expected["low"], &expected["close"]);
    assert_eq!(close.len(), 160);
    let seed = Seed::SimpleMean;
    let (mut sma, mut ema, mut rsi) = (Sma::new(10), Ema::new(10, seed), Rsi::new(14, seed));
    let (mut macd, mut bollinger) = (Macd::new(12, 26, 9, seed), Bollinger::new(20, 2.0));
    let (mut stochastic, mut atr) = (Stochastic::new(14, 3, 3), Atr::new(14, seed));
    for row in 0..close.len() {
        let (high, low, close) = (high[row], low[row], close[row]);
        let macd = macd.push(close);
        let bands = bollinger.push(close);
        let lines = stochastic.push(high, low, close);
        let found = [
            ("sma10", sma.push(close)),
            ("ema10", ema.push(close)),
            ("rsi14", rsi.push(close)),
            ("macd", macd.macd),
            ("macd_signal", macd.signal),
            ("macd_hist", macd.histogram),
            ("bb_upper", bands.upper),
            ("bb_middle", bands.middle),
            ("bb_lower", bands.lower),
            ("stoch_k", lines.k),
            ("stoch_d", lines.d),
            ("atr14", atr.push(high, low, close)),
        ];
        for (name, found) in found {
            let expected = expected[name][row];
            if expected.is_nan() {
                // TA-Lib withholds these two until the lines drawn from them are defined as well.
                let earlier = ["macd", "stoch_k"].contains(&name);
                assert!(found.is_nan() || earlier, "{name} in row {row}: {found}");
            } else {
                assert!(
                    (found - expected).abs() <= 1e-9,
                    "{name} in row {row}: {found} {expected}"
                );
            }
        }
    }
}

#[test]
fn a_seed_at_the_first_value_is_defined_at_once() {
    let mut ema = Ema::new(3, Seed::FirstValue);
    assert_eq!(
        [ema.push(10.0), ema.push(20.0), ema.push(20.0)],
        [10.0, 15.0, 17.5]
    );
    let mut ema = Ema::new(3, Seed::SimpleMean);
    assert!(ema.push(10.0).is_nan() && ema.push(20.0).is_nan());
    assert_eq!([ema.push(30.0), ema.push(30.0)], [20.0, 25.0]);
    let mut wilder = Wilder::new(4, Seed::FirstValue);
    assert_eq!([wilder.push(8.0), wilder.push(4.0)], [8.0, 7.0]);
}

#[test]
fn a_series_that_does_not_move_has_the_documented_values() {
    let mut bollinger = Bollinger::new(5, 2.0);
    let mut rsi = Rsi::new(3, Seed::SimpleMean);
    let mut stochastic = Stochastic::new(3, 1, 1);
    let mut last = (0.0, 0.0, 0.0);
    // A jump first: a window that is flat again must forget it entirely.
    for value in [3.0, 90.0].into_iter().chain([70.1; 40]) {
        let bands = bollinger.push(value);
        last = (
            bands.position(value),
            rsi.push(70.1),
            stochastic.push(value, value, value).k,
        );
    }
    assert_eq!(last, (0.5, 0.0, 0.0));
}

proptest! {
    #[test]
    fn rolling_values_equal_those_of_the_window_alone(
        values in prop::collection::vec(-1e3..1e3_f64, 1..200),
        period in 1..30_usize,
        level in prop_oneof![Just(0.0), Just(1e6)],
    ) {
        let values: Vec<f64> = values.iter().map(|value| value + level).collect();
        let mut sma = Sma::new(period);
        let mut moments = Moments::new(period);
        let mut highest = RollingExtreme::new(period, Extreme::Highest);
        let mut lowest = RollingExtreme::new(period, Extreme::Lowest);
        for (row, value) in values.iter().enumerate() {
            let (mean, full) = (sma.push(*value), moments.push(*value));
            let (top, bottom) = (highest.push(*value), lowest.push(*value));
            if row + 1 < period {
                prop_assert!(mean.is_nan() && !full && top.is_nan() && bottom.is_nan());
                continue;
            }
            let window = &values[row + 1 - period..=row];
            let exact = window.iter().sum::<f64>() / period as f64;
            let squares: f64 = window.iter().map(|value| (value - exact) * (value - exact)).sum();
            let scale = 1e-12 * (level + 1e3);
            prop_assert!((mean - exact).abs() <= scale);
            prop_assert!((moments.mean() - exact).abs() <= scale);
            prop_assert!((moments.population_deviation() - (squares / period as f64).sqrt()).abs() <= 1e-3);
            prop_assert_eq!(top, window.iter().copied().fold(f64::MIN, f64::max));
            prop_assert_eq!(bottom, window.iter().copied().fold(f64::MAX, f64::min));
        }
    }
}
