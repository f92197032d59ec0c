use super::*;
use proptest::prelude::*;

const NAMES: [&str; 14] = [
    "return_1",
    "return_5",
    "volatility_20",
    "rsi_14",
    "macd_hist",
    "bollinger_20",
    "stochastic_14",
    "atr_14",
    "ema_ratio_10",
    "sma_ratio_50",
    "volume_z_20",
    "drawdown_60",
    "range_20",
    "return_20",
];

fn bar(row: usize, close: f64, spread: f64, volume: f64) -> Bar {
    Bar {
        time: row as i64,
        open: close,
        high: close * (1.0 + spread),
        low: close * (1.0 - spread),
        close,
        volume,
        factor: 1.0,
    }
}

fn columns(bars: &[Bar]) -> BarColumns {
    let mut columns = BarColumns::default();
    bars.iter().for_each(|bar| columns.push(*bar));
    columns
}

#[test]
fn a_row_holds_the_documented_values() {
    let names = [
        "return_2",
        "volatility_2",
        "sma_ratio_3",
        "drawdown_3",
        "volume_z_3",
        "range_3",
    ];
    let mut set = FeatureSet::new(&names).unwrap();
    assert_eq!((set.len(), set.warm_up()), (6, 3));
    let closes = [100.0, 110.0, 99.0];
    let mut row = Vec::new();
    for (index, close) in closes.iter().enumerate() {
        assert!(row.iter().all(|value: &f64| value.is_nan()));
        row = set
            .push(&bar(index, *close, 0.0, [1.0, 2.0, 3.0][index]))
            .to_vec();
    }
    let (first, second) = (libm::log(1.1), libm::log(0.9));
    let expected = [
        -0.01,
        (first - second).abs() / 2.0_f64.sqrt(),
        99.0 / 103.0 - 1.0,
        -0.1,
        1.0,
        0.0,
    ];
    for ((name, found), expected) in names.iter().zip(row).zip(expected) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{name}: {found} {expected}"
        );
    }
}

#[test]
fn every_definition_can_be_asked_for_and_is_defined_after_its_warm_up() {
    for definition in DEFINITIONS {
        let name = definition.name.replace('N', "7");
        let mut set = FeatureSet::new(&[&name]).unwrap();
        for row in 1..=set.warm_up() + 5 {
            let close = 100.0 + (row * row % 7) as f64;
            let value = set.push(&bar(row, close, 0.01, row as f64))[0];
            assert_eq!(
                value.is_finite(),
                row >= set.warm_up(),
                "{name} in row {row}"
            );
        }
    }
}

#[test]
fn an_unknown_name_lists_those_there_are() {
    let complaint = |name: &str| FeatureSet::new(&[name]).unwrap_err().to_string();
    assert!(
        complaint("rsy_14")
            .starts_with("there is no feature 'rsy_14'; the features are return_N, ")
    );
    for name in [
        "rsi",
        "rsi_",
        "rsi_0",
        "rsi_x",
        "rsi_014",
        "rsi_99999",
        "volatility_1",
    ] {
        assert!(
            complaint(name).contains("needs a period from"),
            "{name}: {}",
            complaint(name)
        );
    }
    assert!(complaint("macd_hist_3").starts_with("there is no feature"));
    let twice = FeatureSet::new(&["rsi_14", "rsi_14"]).unwrap_err();
    assert_eq!(Problem::from(twice).exit_code(), 2);
}

fn walk() -> impl Strategy<Value = Vec<Bar>> {
    prop::collection::vec((-0.1..0.1_f64, 0.001..0.05_f64, 1.0..1e6_f64), 70..140).prop_map(
        |steps| {
            let mut close = 100.0;
            let rows = steps.into_iter().enumerate();
            rows.map(|(row, (step, spread, volume))| {
                close *= 1.0 + step;
                bar(row, close, spread, volume)
            })
            .collect()
        },
    )
}

proptest! {
    #[test]
    fn a_longer_series_changes_no_earlier_row(bars in walk(), cut in 1..70_usize) {
        let set = FeatureSet::new(&NAMES).unwrap();
        let whole = set.matrix(&columns(&bars)).unwrap();
        let part = set.matrix(&columns(&bars[..cut])).unwrap();
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&whole[..part.len()]), bits(&part));
    }

    #[test]
    fn a_split_shows_in_no_feature(bars in walk(), at in 1..60_usize) {
        let set = FeatureSet::new(&NAMES).unwrap();
        let mut split = bars.clone();
        for bar in &mut split[at..] {
            for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
                *price /= 4.0;
            }
            bar.volume *= 4.0;
            bar.factor = 4.0;
        }
        let plain = set.matrix(&columns(&bars)).unwrap();
        let split = set.matrix(&columns(&split)).unwrap();
        for (plain, split) in plain.iter().zip(&split) {
            prop_assert!((plain - split).abs() < 1e-9 || (plain.is_nan() && split.is_nan()));
        }
    }
}
