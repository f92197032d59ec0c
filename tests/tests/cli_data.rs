//! `bulkhead data`: what is imported, what is said of it, and every mistake in a file as one line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use bulkhead_tests::root;
use cli::{Place, finish};
use serde_json::Value;
use std::process::Stdio;

const HEADER: &str = "Date,Open,High,Low,Close,Volume\n";
const GOOD: &str = "2000-03-01,1,2,0.5,1.5,100\n2000-03-02,1,2,0.5,1.5,100\n";

fn stocks() -> String {
    let path = root().join("examples/data/stocks-daily.csv");
    path.to_str().unwrap().to_owned()
}

fn symbols(list: &Value) -> Vec<(&str, u64)> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["symbol"].as_str().unwrap(),
                one["rows"].as_u64().unwrap(),
            )
        })
        .collect()
}

#[test]
fn imported_bars_are_listed_and_the_same_file_gives_the_same_digests() {
    let place = Place::new();
    let first = place.run(&["data", "import", &stocks(), "--json"]).json();
    let again = place.run(&["data", "import", &stocks(), "--json"]).json();
    assert_eq!(first, again);
    let list = place.run(&["data", "list", "--json"]).json();
    assert_eq!(
        symbols(&list),
        [
            ("AAPL", 3_270),
            ("FB", 196),
            ("IBM", 3_270),
            ("MSFT", 3_270)
        ]
    );
    let digests = |list: &Value| {
        let mut digests: Vec<_> = (list.as_array().unwrap().iter())
            .map(|one| one["digest"].as_str().unwrap().to_owned())
            .collect();
        digests.sort();
        digests
    };
    assert_eq!(digests(&first), digests(&list));

    let table = place.run(&["data", "list"]).out;
    assert!(
        table.contains("| AAPL   | 1d | 3270 | 2000-03-01 | 2013-03-01 |"),
        "{table}"
    );
}

#[test]
fn an_import_says_what_cleaning_found_and_what_was_written() {
    let place = Place::new();
    let ran = place.run(&["data", "import", &stocks(), "--catalog", "bars"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .contains("AAPL: 3270 of 3270 rows kept, large-move 1\n"),
        "{}",
        ran.out
    );
    assert!(place.path("bars/bars/AAPL/1d.parquet").is_file());
    assert!(!place.path(".bulkhead").exists(), "the catalog was named");
}

#[test]
fn a_dry_run_shows_every_finding_and_writes_nothing() {
    let place = Place::new();
    place.write(
        "x.csv",
        format!("{HEADER}2000-03-02,1.5,2,0.5,1.5,100\n2000-03-01,1.5,2,0.5,1.5,\n"),
    );
    let ran = place.run(&["data", "clean", "x.csv", "--dry-run"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    for part in [
        "X: 2 of 2 rows kept",
        "| unsorted ",
        "| missing-value ",
        "nothing was written",
    ] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    let reports = place
        .run(&["data", "clean", "x.csv", "--dry-run", "--json"])
        .json();
    let findings: Vec<_> = (reports[0]["rows"].as_array().unwrap().iter())
        .map(|row| (row["line"].as_u64(), row["finding"].as_str().unwrap()))
        .collect();
    assert_eq!(
        findings,
        [(Some(3), "unsorted"), (Some(3), "missing-value")]
    );
    assert!(!place.path(".bulkhead").exists());

    let crash = place.run(&["data", "clean", &stocks(), "--dry-run"]).out;
    let line = crash
        .lines()
        .find(|line| line.contains("large-move") && line.contains('|'));
    let line = line.unwrap();
    assert!(
        line.contains("2000-09-29") && line.contains("kept"),
        "{line}"
    );
}

#[test]
fn cleaning_for_good_writes_the_cleaned_bars() {
    let place = Place::new();
    place.write("x.csv", format!("{HEADER}{GOOD}{GOOD}"));
    let ran = place.run(&["data", "clean", "x.csv"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("duplicate-identical"), "{}", ran.out);
    let list = place.run(&["data", "list", "--json"]).json();
    assert_eq!(symbols(&list), [("X", 2)]);
}

#[test]
fn a_mistake_in_a_file_is_one_line_with_its_place_and_nothing_is_written() {
    let cases = [
        (
            String::new(),
            "the file is empty (x.csv); give it a header and rows of bars",
        ),
        (
            HEADER.to_owned(),
            "there is a header but no row (x.csv, line 1); give the file rows of bars",
        ),
        (
            format!("{HEADER}2000-03-01,1,2,0.5,1.5,100\n"),
            "X has one row only, which is no series (x.csv, line 2); give it at least two bars",
        ),
        (
            format!("Date,Open,High,Low,Volume\n{GOOD}"),
            "no column Close; the header is 'Date,Open,High,Low,Volume' (x.csv, line 1); \
             name the columns Date,Open,High,Low,Close,Volume, separated by commas",
        ),
        (
            format!("{HEADER}{GOOD}2000-03-03,1,2,abc,1.5,100\n"),
            "'abc' is not a number (x.csv, line 4, column Low); \
             write a plain decimal number, or nothing where the value is missing",
        ),
        (
            format!("{HEADER}{GOOD}3/3/2000,1,2,0.5,1.5,100\n"),
            "dates in two formats: '3/3/2000' is month/day/YYYY, but line 2 is YYYY-MM-DD \
             (x.csv, line 4, column Date); write all dates in one format",
        ),
        (
            format!("{HEADER}2000-03-01,,,,,\n2000-03-02,,,,,\n"),
            "the bars of X are all gone: none is usable (x.csv); \
             clean them first and read the cleaning report",
        ),
    ];
    for (text, line) in cases {
        let place = Place::new();
        place.write("x.csv", text);
        place.run(&["data", "import", "x.csv"]).refused(line);
        assert!(!place.path(".bulkhead").exists(), "{line}");
    }
}

#[test]
fn one_bad_series_keeps_the_others_out_of_the_catalog() {
    let place = Place::new();
    place.write(
        "x.csv",
        "Ticker,Date,Open,High,Low,Close,Volume\nA,2000-03-01,1,1,1,1,1\nA,2000-03-02,1,1,1,1,1\n\
         B,2000-03-01,,,,,\nB,2000-03-02,,,,,\n",
    );
    let ran = place.run(&["data", "import", "x.csv"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.starts_with("error: the bars of B are all gone"),
        "{}",
        ran.err
    );
    assert!(!place.path(".bulkhead").exists());
}

#[test]
fn a_mistake_in_the_arguments_is_one_line() {
    let place = Place::new();
    place.write("x.csv", format!("{HEADER}{GOOD}"));
    let cases: [(&[&str], &str); 6] = [
        (
            &["data", "import", "missing.csv"],
            "cannot open the file: No such file or directory (os error 2) (missing.csv); check the path",
        ),
        (
            &["data", "import", "x.csv", "--calendar", "XLON"],
            "there is no exchange calendar 'XLON'; use one of XNYS, 24/7",
        ),
        (
            &["data", "import", "x.csv", "--tick", "0"],
            "--tick is 0; give a number above zero",
        ),
        (
            &["data", "import", "x.csv", "--catalog", "x.csv"],
            "the catalog's path is a file (x.csv); give the path of a folder",
        ),
        (
            &["data", "import"],
            "the following required arguments were not provided: <FILE.csv>; \
             usage: bulkhead data import <FILE.csv>",
        ),
        (
            &["data", "improt"],
            "unrecognized subcommand 'improt'; a similar subcommand exists: 'import'; \
             usage: bulkhead data [OPTIONS] <COMMAND>",
        ),
    ];
    for (arguments, line) in cases {
        place.run(arguments).refused(line);
    }
}

#[test]
fn a_damaged_catalog_is_named() {
    let place = Place::new();
    place.write("x.csv", format!("{HEADER}{GOOD}"));
    assert_eq!(place.run(&["data", "import", "x.csv"]).code, 0);
    place.write(".bulkhead/catalog/bars/X/1d.parquet", "not parquet");
    let ran = place.run(&["data", "list"]);
    assert_ne!(ran.code, 0);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.contains("bars/X/1d.parquet"), "{}", ran.err);
}

#[test]
fn a_reader_that_stops_reading_ends_nothing() {
    let place = Place::new();
    let mut command = place.command(&["data", "import", &stocks()]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stderr).unwrap(), "");
    assert!(done.status.success());
    assert!(
        place
            .path(".bulkhead/catalog/bars/MSFT/1d.parquet")
            .is_file()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_under_the_output_is_our_failure() {
    let place = Place::new();
    let mut command = place.command(&["data", "list"]);
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: the result cannot be written: No space left on device (os error 28); \
         check where the output goes\n"
    );
}

#[test]
fn help_is_an_answer_and_not_an_error() {
    let place = Place::new();
    let ran = finish(place.command(&["data", "--help"]));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out.contains("Import, clean and list bars"),
        "{}",
        ran.out
    );
}
