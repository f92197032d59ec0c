use super::*;
use crate::clean::{CleanBars, Finding, ReportRow, Treatment};
use bulkhead_domain::order::{ActionKind, Bar, CorporateAction};
use bulkhead_domain::{Decimal, Value};
use proptest::prelude::*;

/// Distance of the bars here: a day each would leave the range of time stamps.
const STEP: i64 = 3_600 * SECOND;

fn bars(count: usize, price: f64) -> CleanBars {
    let mut clean = CleanBars {
        interval_ns: STEP,
        ..CleanBars::default()
    };
    for row in 0..count as i64 {
        let close = price + (row % 17) as f64 / 8.0;
        clean.open_times.push(row * STEP);
        clean.bars.push(Bar {
            time: (row + 1) * STEP,
            open: price,
            high: close + 1.0,
            low: price - 0.5,
            close,
            volume: 1e6 + row as f64,
            factor: 1.0,
        });
    }
    clean
}

fn series(count: usize, actions: Vec<CorporateAction>) -> BarSeries {
    let clean = CleanBars {
        actions,
        ..bars(count, 100.0)
    };
    BarSeries::new(Instrument::us_equity(7, "X"), clean).unwrap()
}

fn split(row: i64) -> CorporateAction {
    CorporateAction {
        time: row * STEP,
        kind: ActionKind::Split {
            numerator: 2,
            denominator: 1,
        },
    }
}

fn catalog() -> (tempfile::TempDir, Catalog) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(folder.path()).unwrap();
    (folder, catalog)
}

fn provenance() -> Provenance {
    Provenance {
        source: "x.csv".to_owned(),
        source_digest: Some(Digest::of(b"x")),
        caveats: vec!["survivors only".to_owned()],
    }
}

#[test]
fn what_is_stored_comes_back_with_everything_beside_it() {
    let (_folder, catalog) = catalog();
    let dividend = CorporateAction {
        time: 40 * STEP,
        kind: ActionKind::Dividend(Decimal::new(265, 2)),
    };
    let stored = series(100, vec![split(30), dividend]);
    let report = CleaningReport {
        symbol: "X".to_owned(),
        rows_read: 101,
        rows_kept: 100,
        rows: vec![ReportRow {
            line: Some(3),
            time: None,
            finding: Finding::OutsideSession,
            treatment: Treatment::Dropped,
            detail: "closed".to_owned(),
        }],
        rows_left_off: 0,
    };
    let path = catalog
        .import_bars(&stored, &provenance(), Some(&report))
        .unwrap();
    assert!(path.ends_with("bars/X/1h.parquet"), "{}", path.display());
    let mut loaded = catalog.load("X", STEP).unwrap();
    assert_eq!(loaded.instrument.handle, 0);
    loaded.instrument.handle = 7;
    assert_eq!(loaded, stored);
    let reader = catalog.read("X", STEP).unwrap();
    assert_eq!(reader.report(), Some(&report));
    let mut long = report.clone();
    long.rows = vec![report.rows[0].clone(); STORED_REPORT_ROWS + 3];
    catalog
        .import_bars(&stored, &provenance(), Some(&long))
        .unwrap();
    let kept = catalog.read("X", STEP).unwrap().report().cloned().unwrap();
    assert_eq!(
        (kept.rows.len(), kept.rows_left_off),
        (STORED_REPORT_ROWS, 3)
    );
    let entries = catalog.list().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].rows, 100);
    assert_eq!(
        (entries[0].first, entries[0].last),
        (Timestamp(STEP), Timestamp(100 * STEP))
    );
    assert_eq!(entries[0].digest, stored.digest);
    assert_eq!(entries[0].provenance, provenance());
}

#[test]
fn an_instruments_own_fields_come_back_as_they_were() {
    let (_folder, catalog) = catalog();
    let mut instrument = Instrument::us_equity(0, "X");
    instrument.extra = [
        ("cik", Value::Text("0000320193".to_owned())),
        ("shares", Value::Number(Decimal::new(150, 2))),
        ("beta", Value::Real(0.1 + 0.2)),
        ("odd", Value::Real(5e-324)),
        ("listed", Value::Integer(1980)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    let stored = BarSeries::new(instrument, bars(3, 1.0)).unwrap();
    catalog.import_bars(&stored, &provenance(), None).unwrap();
    assert_eq!(catalog.load("X", STEP).unwrap(), stored);

    let mut without = stored.instrument.clone();
    without.extra = vec![("beta".to_owned(), Value::Real(f64::NAN))];
    let stored = BarSeries::new(without, bars(3, 1.0)).unwrap();
    catalog.import_bars(&stored, &provenance(), None).unwrap();
    let loaded = catalog.load("X", STEP).unwrap();
    assert_eq!(loaded.instrument.extra[0].1, Value::Text("NaN".to_owned()));
    assert_eq!(loaded.digest, stored.digest);
}

#[test]
fn a_file_in_anothers_place_is_not_taken_for_it() {
    let (_folder, catalog) = catalog();
    let path = catalog
        .import_bars(&series(3, Vec::new()), &provenance(), None)
        .unwrap();
    let other = catalog.path("Y", STEP);
    std::fs::create_dir_all(other.parent().unwrap()).unwrap();
    std::fs::copy(path, &other).unwrap();
    let problem = catalog.load("Y", STEP).unwrap_err();
    assert!(
        problem
            .to_string()
            .starts_with("the bar file is damaged: it holds 1h bars of X"),
        "{problem}"
    );
}

#[test]
fn a_long_series_streams_in_row_groups_with_the_factor_carried_over() {
    let (_folder, catalog) = catalog();
    let rows = 2 * ROW_GROUP + 10;
    let late = ROW_GROUP as i64 + 5;
    let stored = series(rows, vec![split(30), split(late)]);
    catalog.import_bars(&stored, &provenance(), None).unwrap();
    let batches: Vec<BarBatch> = catalog
        .read("X", STEP)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let lengths: Vec<usize> = batches.iter().map(|batch| batch.bars.len()).collect();
    assert_eq!(lengths, [ROW_GROUP, ROW_GROUP, 10]);
    let factors: Vec<f64> = batches
        .into_iter()
        .flat_map(|batch| batch.bars.factor)
        .collect();
    assert_eq!(factors, stored.bars.factor);
    assert_eq!(
        (factors[late as usize - 1], factors[late as usize]),
        (2.0, 4.0)
    );

    let wanted = Timestamp((late - 1) * STEP)..=Timestamp((late + 2) * STEP);
    let reader = catalog.read("X", STEP).unwrap().between(wanted.clone());
    let part: Vec<BarBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(part.len(), 1);
    assert_eq!(part[0].bars.factor, [2.0, 2.0, 4.0, 4.0]);
    let part = catalog
        .read("X", STEP)
        .unwrap()
        .between(wanted)
        .collect_series()
        .unwrap();
    assert_eq!(part.bars.factor, [1.0, 1.0, 2.0, 2.0]);
}

#[test]
fn the_digest_is_of_the_content_not_of_the_handle() {
    let one = series(50, vec![split(30)]);
    let other = BarSeries::new(
        Instrument::us_equity(99, "X"),
        CleanBars {
            actions: vec![split(30)],
            ..bars(50, 100.0)
        },
    )
    .unwrap();
    assert_eq!(one.digest, other.digest);
    assert_ne!(one.digest, series(50, vec![split(31)]).digest);
    assert_ne!(one.digest, series(51, vec![split(30)]).digest);
    let mut moved = bars(50, 100.0);
    moved.actions = vec![split(30)];
    moved.open_times[7] += 1;
    let moved = BarSeries::new(Instrument::us_equity(7, "X"), moved).unwrap();
    assert_ne!(one.digest, moved.digest);
}

#[test]
fn any_damage_to_a_file_is_one_clear_problem() {
    let (_folder, catalog) = catalog();
    let path = catalog
        .import_bars(&series(400, vec![split(30)]), &provenance(), None)
        .unwrap();
    let good = std::fs::read(&path).unwrap();
    let mut unnoticed = Vec::new();
    // Some of these flips make the Parquet decoder panic, which is to be one problem among others.
    let flips = (0..good.len()).flat_map(|place| [(place, 0x5a), (place, 0x80)]);
    for (place, flip) in flips {
        let mut bad = good.clone();
        bad[place] ^= flip;
        std::fs::write(&path, &bad).unwrap();
        match catalog.load("X", STEP) {
            Ok(series) => unnoticed.push((place, series.digest)),
            Err(problem) => {
                assert!(
                    problem.to_string().starts_with("the bar file is damaged"),
                    "{problem}"
                );
                assert_eq!(problem.exit_code(), 2);
            }
        }
    }
    for length in [0, 4, 100, good.len() / 2, good.len() - 1] {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(catalog.load("X", STEP).is_err(), "cut to {length}");
    }
    // Flips in padding, statistics and provenance change no bar: whatever was read is what was written.
    let digest = series(400, vec![split(30)]).digest;
    assert!(
        unnoticed.iter().all(|(_, found)| *found == digest),
        "{unnoticed:?}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_says_so() {
    let mut full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let path = Path::new("/dev/full");
    let stored = series(400, Vec::new());
    let mut writer = BarWriter::new(&mut full, path, &stored.instrument, STEP).unwrap();
    for (bar, open_time) in stored.bars.iter().zip(&stored.open_times) {
        writer.push(*open_time, bar).unwrap();
    }
    let problem = writer.finish(&[], &provenance(), None).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "cannot write the file: no storage space (/dev/full); free some space and repeat"
    );
    assert_eq!(problem.exit_code(), 1);
}

#[test]
fn a_series_that_is_not_there_says_how_to_get_it() {
    let (folder, catalog) = catalog();
    assert_eq!(catalog.list().unwrap(), []);
    let problem = catalog.load("NONE", STEP).unwrap_err();
    assert!(
        problem
            .to_string()
            .starts_with("the catalog has no 1h bars of NONE"),
        "{problem}"
    );
    let file = folder.path().join("file");
    std::fs::write(&file, b"x").unwrap();
    assert!(Catalog::open(file).is_err());
}

#[test]
fn symbols_and_intervals_make_safe_different_names() {
    assert_eq!(folder_name("BRK.B"), "BRK.B");
    assert_eq!(folder_name("../x"), "%2E.%2Fx");
    assert_eq!(folder_name("^GSPC"), "%5EGSPC");
    assert_eq!(folder_name(".."), "%2E.");
    let names = [DAY, 4 * 3600 * SECOND, 300 * SECOND, 30 * SECOND, 250].map(interval_name);
    assert_eq!(names, ["1d", "4h", "5m", "30s", "250ns"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_series_survives_the_catalog(
        prices in prop::collection::vec((1e-6..1e9_f64, 0.0..1e12_f64), 1..300),
        splits in prop::collection::vec(1..300_i64, 0..4),
        symbol in "[A-Za-z0-9./^ ]{1,12}",
    ) {
        let (_folder, catalog) = catalog();
        let mut clean = bars(prices.len(), 1.0);
        for (row, (price, volume)) in prices.iter().enumerate() {
            clean.bars.close[row] = *price;
            clean.bars.volume[row] = *volume;
        }
        clean.actions = splits.into_iter().map(split).collect();
        let stored = BarSeries::new(Instrument::us_equity(0, &symbol), clean).unwrap();
        catalog.import_bars(&stored, &Provenance::default(), None).unwrap();
        prop_assert_eq!(catalog.load(&symbol, STEP).unwrap(), stored);
    }
}

#[test]
fn a_length_is_read_as_it_is_written() {
    for name in ["1d", "4h", "5m", "30s", "250ns"] {
        assert_eq!(super::interval_name(super::interval(name).unwrap()), name);
    }
    for wrong in ["", "d", "5", "0m", "-1d", "1w", "99999999999999d"] {
        let line = super::interval(wrong).unwrap_err().to_string();
        assert!(line.contains("no length of bars"), "{line}");
    }
}
