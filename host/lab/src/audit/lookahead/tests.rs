use super::*;
use crate::audit::recursive;

/// Gives what a function makes of past and bars, a value a bar.
struct Made<F> {
    make: F,
    warm_up: Option<usize>,
    columns: [String; 1],
}

fn made<F: Fn(&[Bar], &[Bar]) -> Vec<f64>>(warm_up: Option<usize>, make: F) -> Made<F> {
    Made {
        make,
        warm_up,
        columns: ["value".to_owned()],
    }
}

impl<F: Fn(&[Bar], &[Bar]) -> Vec<f64>> Subject for Made<F> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn warm_up(&self) -> Option<usize> {
        self.warm_up
    }

    fn is_divisible(&self) -> bool {
        self.warm_up.is_some()
    }

    fn rows(&self, past: &[Bar], bars: &[Bar]) -> Result<Vec<f64>, Problem> {
        Ok((self.make)(past, bars))
    }
}

fn bars(count: i32) -> Vec<Bar> {
    (0..count)
        .map(|day| {
            let swing = f64::from((day * 7) % 23) - 11.0;
            let close = 100.0 + swing + 0.01 * f64::from(day);
            Bar {
                time: i64::from(day + 1) * 86_400_000_000_000,
                open: close - 0.5,
                high: close + 1.0,
                low: close - 1.0,
                close,
                volume: 1_000.0,
                factor: 1.0,
            }
        })
        .collect()
}

/// Means of the four closes up to each bar.
fn means(past: &[Bar], bars: &[Bar]) -> Vec<f64> {
    let all: Vec<f64> = past.iter().chain(bars).map(|bar| bar.close).collect();
    (past.len()..all.len())
        .map(|bar| {
            let seen = &all[bar.saturating_sub(3)..=bar];
            seen.iter().sum::<f64>() / seen.len() as f64
        })
        .collect()
}

/// Whether each bar closed above that.
fn honest(past: &[Bar], bars: &[Bar]) -> Vec<f64> {
    let above = |(bar, mean): (&Bar, f64)| f64::from(u8::from(bar.close > mean));
    bars.iter().zip(means(past, bars)).map(above).collect()
}

/// Whether the bar after each closed above it.
fn peeking(_: &[Bar], bars: &[Bar]) -> Vec<f64> {
    let next = |bar: usize| bars.get(bar + 1).unwrap_or(&bars[bar]).close;
    (0..bars.len())
        .map(|bar| f64::from(u8::from(next(bar) > bars[bar].close)))
        .collect()
}

/// Each close over the mean of all.
fn normalised(_: &[Bar], bars: &[Bar]) -> Vec<f64> {
    let mean = bars.iter().map(|bar| bar.close).sum::<f64>() / bars.len() as f64;
    bars.iter().map(|bar| bar.close / mean).collect()
}

/// How many bars there were, which no warm-up tells.
fn counting(past: &[Bar], bars: &[Bar]) -> Vec<f64> {
    (past.len()..past.len() + bars.len())
        .map(|bar| bar as f64)
        .collect()
}

#[test]
fn who_knows_nothing_later_passes() {
    for warm_up in [None, Some(3)] {
        let report = audit(&made(warm_up, honest), &bars(10_000), 20, 7).unwrap();
        assert_eq!(report.findings, []);
        assert!(report.cuts.len() > 15, "{:?}", report.cuts);
    }
}

#[test]
fn a_look_at_the_next_bar_is_found_at_the_bar_that_looked() {
    let bars = bars(500);
    let report = audit(&made(None, peeking), &bars, 20, 7).unwrap();
    assert!(!report.findings.is_empty());
    for finding in &report.findings {
        assert_eq!(finding.time, finding.cut);
        let line = finding.to_string();
        assert!(line.starts_with("value at the bar of "), "{line}");
    }
}

#[test]
fn a_mean_of_everything_is_found_at_the_first_bar() {
    let bars = bars(500);
    let report = audit(&made(None, normalised), &bars, 4, 7).unwrap();
    assert_eq!(report.findings.len(), report.cuts.len());
    assert!(report.findings.iter().all(|one| one.time == bars[0].time));
}

#[test]
fn what_depends_on_how_its_bars_are_divided_is_told_apart() {
    let report = audit(&made(Some(100), counting), &bars(10_000), 8, 7).unwrap();
    assert!(!report.findings.is_empty());
    assert!(
        report
            .findings
            .iter()
            .all(|one| one.change == Change::Divided)
    );
    // With a warm-up of three bars the mean of four is the same wherever it begins; with two it is not.
    let short = audit(&made(Some(2), means), &bars(10_000), 8, 7).unwrap();
    assert!(
        short
            .findings
            .iter()
            .any(|one| one.change == Change::Divided)
    );
}

#[test]
fn half_of_the_cuts_lie_behind_a_change_where_values_change_seldom() {
    let mut whole = vec![0.0; 1_000];
    whole[600..].fill(1.0);
    let cuts = places(&whole, 1, whole.len(), 6, 3);
    assert!(cuts.contains(&601), "{cuts:?}");
    assert!(cuts.iter().all(|cut| (1..1_000).contains(cut)), "{cuts:?}");
    assert_eq!(cuts, places(&whole, 1, whole.len(), 6, 3));
    assert_eq!(places(&whole[..2], 1, 2, 6, 3), Vec::<usize>::new());
}

#[test]
fn bars_that_cannot_be_cut_are_refused() {
    let problem = audit(&made(None, honest), &bars(2), 4, 7).unwrap_err();
    assert!(
        problem.to_string().starts_with("2 bars are too few"),
        "{problem}"
    );
}

/// An exponential average with a period of nine.
fn average(past: &[Bar], bars: &[Bar]) -> Vec<f64> {
    let mut value = f64::NAN;
    let all = past.iter().chain(bars).map(|bar| {
        value = match value.is_nan() {
            true => bar.close,
            false => value + 0.2 * (bar.close - value),
        };
        value
    });
    all.skip(past.len()).collect()
}

#[test]
fn how_many_bars_an_average_needs_is_told() {
    let report =
        recursive::audit(&made(Some(9), average), &bars(2_000), &[20, 50, 100, 200]).unwrap();
    let column = &report.columns[0];
    assert_eq!(column.off.len(), 5);
    assert!(column.off[0].1.unwrap() > 1e-3, "{column:?}");
    // 0.8 to the power of 50 is 1.4e-5, of a swing of some per cent; to the power of 20 it is 1e-2.
    assert_eq!(column.enough, Some(50), "{column:?}");
    assert_eq!(report.short(), Some(column));
    let enough = recursive::audit(&made(Some(120), average), &bars(2_000), &[50]).unwrap();
    assert_eq!(enough.short(), None);
    let few = recursive::audit(&made(None, average), &bars(10), &[50]).unwrap_err();
    assert!(few.to_string().starts_with("10 bars are too few"), "{few}");
}
