use super::*;
use bulkhead_domain::Instrument;
use bulkhead_domain::order::{ActionKind, Bar, CorporateAction};
use bulkhead_domain::time::DAY;
use bulkhead_market::{BarColumns, CleanBars};

/// Bars of (open, high, low, close), closing at the end of successive days.
fn series(rows: &[[f64; 4]], actions: Vec<CorporateAction>) -> BarSeries {
    let mut bars = BarColumns::default();
    let mut open_times = Vec::new();
    for (day, [open, high, low, close]) in (0i64..).zip(rows.iter().copied()) {
        open_times.push(day * DAY + DAY / 3);
        bars.push(Bar {
            time: day * DAY + DAY / 2,
            open,
            high,
            low,
            close,
            volume: 1.0,
            factor: 1.0,
        });
    }
    let clean = CleanBars {
        interval_ns: DAY,
        open_times,
        bars,
        actions,
    };
    BarSeries::new(Instrument::us_equity(0, "X"), clean).unwrap()
}

fn flat(price: f64) -> [f64; 4] {
    [price; 4]
}

fn spec(text: &str) -> LabelSpec {
    text.parse().unwrap()
}

fn features() -> Vec<String> {
    vec!["return_1".to_owned()]
}

#[test]
fn a_fixed_horizon_runs_from_the_next_open_to_the_open_after_it() {
    let opens = [10.0, 11.0, 12.0, 9.0, 10.0, 12.0];
    let rows: Vec<_> = opens.map(|it| [it, it + 1.0, it - 1.0, it + 0.5]).to_vec();
    let samples = label(&series(&rows, vec![]), &features(), &spec("horizon:2")).unwrap();
    // Bar 0 has no return yet; the labels of 3, 4 and 5 have not ended.
    assert_eq!((samples.undefined, samples.unresolved), (1, 3));
    let [one, two] = samples.samples.try_into().unwrap();
    assert_eq!(
        one.span,
        Span {
            decision: 1,
            end: 4
        }
    );
    assert_eq!((one.class, one.value), (0, 10.0 / 12.0 - 1.0));
    assert_eq!((two.class, two.value), (1, 12.0 / 9.0 - 1.0));
    assert_eq!(one.label_end, 4 * DAY + DAY / 3);
    assert_eq!(one.next, 9.0 / 12.0 - 1.0);
}

#[test]
fn a_split_inside_a_label_does_not_show_in_it() {
    let before = vec![flat(100.0); 3];
    let rows: Vec<_> = before.into_iter().chain(vec![flat(50.0); 3]).collect();
    let split = CorporateAction {
        time: 3 * DAY,
        kind: ActionKind::Split {
            numerator: 2,
            denominator: 1,
        },
    };
    let samples = label(&series(&rows, vec![split]), &features(), &spec("horizon:2")).unwrap();
    assert!(
        samples.samples.iter().all(|it| it.value == 0.0),
        "{samples:?}"
    );
    assert_eq!(samples.samples[0].close, 100.0);
}

/// Twenty-odd bars that move, so that there is a volatility, then what is to be labelled.
fn with_past(future: &[[f64; 4]]) -> (BarSeries, usize, f64) {
    let mut rows: Vec<_> = (0..24)
        .map(|day| flat(if day % 2 == 0 { 100.0 } else { 101.0 }))
        .collect();
    rows.extend_from_slice(future);
    let step = libm::log(1.01);
    // Ten returns up and ten down of one size: their sample deviation.
    (series(&rows, vec![]), 23, step * (20.0f64 / 19.0).sqrt())
}

fn decided(future: &[[f64; 4]], text: &str) -> Option<Sample> {
    let (series, decision, _) = with_past(future);
    let samples = label(&series, &features(), &spec(text)).unwrap();
    let found = samples.samples.into_iter();
    found.into_iter().find(|it| it.span.decision == decision)
}

#[test]
fn the_first_barrier_that_is_touched_ends_the_label() {
    let (_, _, volatility) = with_past(&[]);
    let reach = 100.0 * 2.0 * volatility;
    let quiet = flat(100.0);
    let up = [100.0, 100.0 + reach + 0.01, 100.0, 100.0];
    let both = [100.0, 100.0 + reach + 0.01, 100.0 - reach - 0.01, 100.0];
    let gap = [90.0, 91.0, 89.0, 90.0];
    let almost = [100.0, 100.0 + reach - 0.01, 100.0 - reach + 0.01, 100.0];

    let it = decided(&[quiet, almost, up, quiet, quiet], "triple:2,2,4").unwrap();
    assert_eq!((it.class, it.span.end), (2, 26));
    assert!((it.value - 2.0 * volatility).abs() < 1e-12);
    assert_eq!(it.label_end, 26 * DAY + DAY / 2, "known at the close");

    let it = decided(&[quiet, both, quiet, quiet, quiet], "triple:2,2,4").unwrap();
    assert_eq!((it.class, it.span.end), (0, 25), "the lower one wins");

    let it = decided(&[quiet, gap, quiet, quiet, quiet], "triple:2,2,4").unwrap();
    assert_eq!((it.class, it.value), (0, 90.0 / 100.0 - 1.0), "at the open");
    assert_eq!(it.label_end, 25 * DAY + DAY / 3);

    let it = decided(&[quiet, quiet, almost, quiet, quiet], "triple:2,2,4").unwrap();
    assert_eq!((it.class, it.span.end, it.value), (1, 28, 0.0));
}

#[test]
fn a_label_that_has_not_ended_with_the_series_is_dropped() {
    let quiet = flat(100.0);
    assert!(decided(&[quiet; 4], "triple:2,2,4").is_none());
    assert!(decided(&[quiet; 5], "triple:2,2,4").is_some());
}

#[test]
fn what_comes_after_a_label_changes_no_sample() {
    let path = |days: usize| -> Vec<[f64; 4]> {
        (0..days)
            .map(|day| {
                let price = 100.0 + (day * day % 17) as f64;
                [price, price + 2.0, price - 2.0, price + 1.0]
            })
            .collect()
    };
    for text in ["horizon:3", "triple:1,1,5"] {
        let short = label(&series(&path(80), vec![]), &features(), &spec(text)).unwrap();
        let long = label(&series(&path(120), vec![]), &features(), &spec(text)).unwrap();
        assert!(short.samples.len() > 40, "{text}");
        assert_eq!(
            short.samples[..],
            long.samples[..short.samples.len()],
            "{text}"
        );
    }
}

#[test]
fn bad_labels_are_one_line_each() {
    let of = |text: &str| text.parse::<LabelSpec>().unwrap_err().to_string();
    assert!(of("horizon:0").starts_with("'horizon:0' is no label"));
    assert!(of("triple:2,-1,20").contains("above zero"));
    assert!(of("triple:NaN,1,20").contains("is no label"));
    let rows = vec![flat(1.0); 5];
    let refused = label(&series(&rows, vec![]), &features(), &spec("horizon:5"));
    assert_eq!(
        refused.unwrap_err().what,
        "a label of 5 bars does not fit into the 5 bars of X"
    );
    let mut broken = series(&rows, vec![]);
    broken.bars.close[2] = f64::NAN;
    let refused = label(&broken, &features(), &spec("horizon:1"));
    assert!(refused.unwrap_err().what.contains("no number above zero"));
}
