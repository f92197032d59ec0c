//! What the example files are known to hold, found by reading, cleaning and storing them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bulkhead_domain::order::{ActionKind, CorporateAction};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Digest, Instrument, Timestamp};
use bulkhead_market::catalog::Provenance;
use bulkhead_market::clean::{Finding, Treatment};
use bulkhead_market::csv::{CsvOptions, read_bars};
use bulkhead_market::macro_series::{Frequency, MacroOptions, read_macro};
use bulkhead_market::{
    BarSeries, Calendar, Catalog, CleanBars, CleanOptions, CleaningReport, FeatureSet, RawBars,
    clean,
};
use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples/data")
        .join(name)
}

fn xnys() -> Calendar {
    Calendar::named("XNYS").unwrap()
}

fn stock(symbol: &str) -> RawBars {
    let all = read_bars(&data("stocks-daily.csv"), &CsvOptions::symbol("")).unwrap();
    all.into_iter().find(|bars| bars.symbol == symbol).unwrap()
}

fn cleaned(symbol: &str) -> (CleanBars, CleaningReport) {
    clean(stock(symbol), &xnys(), &CleanOptions::default())
}

fn series(symbol: &str) -> BarSeries {
    BarSeries::new(Instrument::us_equity(0, symbol), cleaned(symbol).0).unwrap()
}

fn splits(actions: &[CorporateAction]) -> Vec<(String, u32, u32)> {
    let split = |action: &CorporateAction| match action.kind {
        ActionKind::Split {
            numerator,
            denominator,
        } => Some((Timestamp(action.time).date(), numerator, denominator)),
        _ => None,
    };
    actions.iter().filter_map(split).collect()
}

fn dividends(actions: &[CorporateAction]) -> Vec<(String, Decimal)> {
    let dividend = |action: &CorporateAction| match action.kind {
        ActionKind::Dividend(amount) => Some((Timestamp(action.time).date(), amount)),
        _ => None,
    };
    actions.iter().filter_map(dividend).collect()
}

fn cents(date: &str, cents: i64) -> (String, Decimal) {
    (date.to_owned(), Decimal::new(cents, 2))
}

#[test]
fn every_stock_has_a_bar_for_every_session_and_no_other() {
    let calendar = xnys();
    for (symbol, rows) in [
        ("AAPL", 3_270),
        ("MSFT", 3_270),
        ("IBM", 3_270),
        ("FB", 196),
    ] {
        let (bars, report) = cleaned(symbol);
        assert_eq!(
            (report.rows_read, report.rows_kept),
            (rows, rows),
            "{symbol}"
        );
        let first = calendar.date_of(Timestamp(bars.open_times[0])).unwrap();
        let last = calendar
            .date_of(Timestamp(*bars.open_times.last().unwrap()))
            .unwrap();
        let sessions: Vec<_> = calendar.sessions(first, last).collect();
        let closes: Vec<i64> = sessions.iter().map(|session| session.close.0).collect();
        let opens: Vec<i64> = sessions.iter().map(|session| session.open.0).collect();
        assert_eq!(bars.bars.times, closes, "{symbol}");
        assert_eq!(bars.open_times, opens, "{symbol}");
    }
}

#[test]
fn aapl_split_twice_paid_three_dividends_and_crashed_once() {
    let (bars, report) = cleaned("AAPL");
    let split = |date: &str| (date.to_owned(), 2, 1);
    assert_eq!(
        splits(&bars.actions),
        [split("2000-06-21"), split("2005-02-28")]
    );
    assert_eq!(
        dividends(&bars.actions),
        [
            cents("2012-08-09", 265),
            cents("2012-11-07", 265),
            cents("2013-02-07", 265)
        ]
    );
    let crash: Vec<_> = report.rows.iter().collect();
    assert_eq!(crash.len(), 1, "{crash:?}");
    assert_eq!(
        (crash[0].finding, crash[0].treatment),
        (Finding::LargeMove, Treatment::Kept)
    );
    assert_eq!(crash[0].time.unwrap().date(), "2000-09-29");
    let row = bars
        .bars
        .times
        .iter()
        .position(|time| Some(Timestamp(*time)) == crash[0].time)
        .unwrap();
    assert_eq!(bars.bars.close[row], 25.75);
    assert_eq!(
        bars.bars.factor[row], 2.0,
        "the first split, and nothing for the crash"
    );
}

#[test]
fn msft_split_once_and_paid_its_special_dividend() {
    let (bars, report) = cleaned("MSFT");
    assert_eq!(splits(&bars.actions), [("2003-02-18".to_owned(), 2, 1)]);
    let dividends = dividends(&bars.actions);
    assert_eq!(dividends.len(), 37);
    assert_eq!(dividends[0], cents("2003-02-19", 8));
    // 3 dollars and the quarter's 8 cents on one day.
    assert!(
        dividends.contains(&cents("2004-11-15", 308)),
        "{dividends:?}"
    );
    assert_eq!(dividends.last(), Some(&cents("2013-02-19", 23)));
    assert_eq!(report.rows, []);
}

#[test]
fn ibm_paid_every_quarter_and_never_split() {
    let (bars, report) = cleaned("IBM");
    assert_eq!(splits(&bars.actions), []);
    let dividends = dividends(&bars.actions);
    assert_eq!(dividends.len(), 52);
    assert_eq!(dividends[0], cents("2000-05-08", 13));
    assert_eq!(dividends[51], cents("2013-02-06", 85));
    assert!(
        dividends.iter().all(|(_, amount)| amount.scale() <= 2),
        "{dividends:?}"
    );
    assert_eq!(report.rows, []);
}

#[test]
fn adjusted_closes_rounded_to_cents_lose_no_split_and_invent_no_action() {
    for symbol in ["AAPL", "MSFT", "IBM"] {
        let exact = cleaned(symbol).0;
        let mut rounded = stock(symbol);
        for row in &mut rounded.rows {
            row.adjusted_close = (row.adjusted_close * 100.0).round() / 100.0;
        }
        let (bars, _) = clean(rounded, &xnys(), &CleanOptions::default());
        assert_eq!(splits(&bars.actions), splits(&exact.actions), "{symbol}");
        let known: Vec<String> = dividends(&exact.actions)
            .into_iter()
            .map(|(date, _)| date)
            .collect();
        for (date, _) in dividends(&bars.actions) {
            assert!(known.contains(&date), "{symbol}: no dividend on {date}");
        }
    }
}

#[test]
fn without_adjusted_closes_a_split_is_suspected_and_nothing_is_changed() {
    let mut raw = stock("AAPL");
    for row in &mut raw.rows {
        row.adjusted_close = f64::NAN;
    }
    let (bars, report) = clean(raw, &xnys(), &CleanOptions::default());
    let dates: Vec<_> = report
        .rows
        .iter()
        .map(|row| row.time.unwrap().date())
        .collect();
    assert_eq!(dates, ["2000-06-21", "2000-09-29", "2005-02-28"]);
    assert!(
        report
            .rows
            .iter()
            .all(|row| row.finding == Finding::SuspectedSplit)
    );
    assert_eq!(bars.bars.close, cleaned("AAPL").0.bars.close);
}

#[test]
fn the_adjusted_series_follows_the_total_return_of_the_source() {
    for symbol in ["AAPL", "MSFT", "IBM"] {
        let (raw, bars) = (stock(symbol), cleaned(symbol).0.bars);
        for row in 1..bars.len() {
            let ours =
                bars.close[row] * bars.factor[row] / (bars.close[row - 1] * bars.factor[row - 1]);
            let theirs = raw.rows[row].adjusted_close / raw.rows[row - 1].adjusted_close;
            // They reinvest a dividend at the ex-date's close, we take it off the close before: the
            // difference is the dividend's yield times the day's return.
            assert!(
                (ours / theirs - 1.0).abs() < 0.01,
                "{symbol} row {row}: {ours} {theirs}"
            );
        }
    }
}

#[test]
fn a_longer_file_changes_no_earlier_bar_factor_or_feature() {
    let names = [
        "return_1",
        "volatility_20",
        "rsi_14",
        "macd_hist",
        "atr_14",
        "volume_z_20",
    ];
    let features = FeatureSet::new(&names).unwrap();
    let whole = series("MSFT");
    let rows = features.matrix(&whole.bars).unwrap();
    // Before, on and after the split, and on the special dividend's ex-date.
    for cut in [742, 743, 744, 745, 1_184, 2_000] {
        let mut raw = stock("MSFT");
        raw.rows.truncate(cut);
        let (part, _) = clean(raw, &xnys(), &CleanOptions::default());
        assert_eq!(part.bars, whole.bars.slice(0..cut), "{cut}");
        let known: Vec<_> = part.actions.iter().collect();
        assert_eq!(
            known,
            whole.actions.iter().take(known.len()).collect::<Vec<_>>()
        );
        let bits = |values: &[f64]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        let short = features.matrix(&part.bars).unwrap();
        assert_eq!(bits(&short), bits(&rows[..short.len()]), "{cut}");
    }
}

#[test]
fn the_index_reads_with_its_own_dates_and_has_every_session() {
    let options = CsvOptions::symbol("^GSPC");
    let raw = read_bars(&data("sp500-daily.csv"), &options)
        .unwrap()
        .remove(0);
    let (bars, report) = clean(raw, &xnys(), &CleanOptions::default());
    assert_eq!(bars.bars.len(), 5_031);
    assert_eq!(bars.actions, []);
    assert_eq!(report.rows, []);
}

#[test]
fn a_stock_survives_the_catalog_with_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    let (bars, report) = cleaned("AAPL");
    let stored = BarSeries::new(Instrument::us_equity(0, "AAPL"), bars).unwrap();
    let provenance = Provenance {
        source: "stocks-daily.csv".to_owned(),
        source_digest: Some(Digest::of(
            &std::fs::read(data("stocks-daily.csv")).unwrap(),
        )),
        caveats: vec!["survivors only".to_owned()],
    };
    catalog
        .import_bars(&stored, &provenance, Some(&report))
        .unwrap();
    assert_eq!(catalog.load("AAPL", DAY).unwrap(), stored);
    assert_eq!(
        catalog.read("AAPL", DAY).unwrap().verify().unwrap(),
        stored.digest
    );
    let again = series("AAPL");
    assert_eq!(
        again.digest, stored.digest,
        "the same file gives the same digest"
    );
}

#[test]
fn vix_of_a_day_is_known_at_the_next_session() {
    let options = MacroOptions {
        calendar: xnys(),
        frequency: None,
        lag: None,
    };
    let vix = read_macro(&data("fred-vix.csv"), &options)
        .unwrap()
        .remove(0);
    assert_eq!((vix.name(), vix.frequency()), ("vix", Frequency::Daily));
    assert_eq!(
        vix.observations().len(),
        1_259,
        "46 of 1,305 rows are holidays without a value"
    );
    let calendar = xnys();
    for observation in vix.observations() {
        let seen = vix.as_of(observation.visible).unwrap();
        assert_eq!(seen.period, observation.period);
        let session = calendar.session_of(observation.period).unwrap();
        assert!(observation.visible > session.close);
        let before = vix.as_of(Timestamp(observation.visible.0 - 1));
        assert!(before.is_none_or(|before| before.period < observation.period));
    }
}
