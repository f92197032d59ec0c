//! The report as a file: whole, self-contained, small, and proof against what plugins write into it.

mod fixture;

use bulkhead_domain::{Blame, Decimal};
use bulkhead_lab::report::{Report, Written, write};
use bulkhead_lab::statistics::Statistics;
use bulkhead_lab::terminal::summary;
use bulkhead_session::record::Ending;
use serde_json::Value;
use std::fs;
use std::path::Path;

const DATA: &str = r#"<script type="application/json" id="report-data">"#;

#[expect(clippy::unwrap_used, reason = "tests")]
fn written(report: &Report, folder: &Path) -> (Written, String) {
    let written = write(report, folder).unwrap();
    let html = fs::read_to_string(&written.html).unwrap();
    (written, html)
}

#[expect(clippy::unwrap_used, reason = "tests")]
fn embedded(html: &str) -> Value {
    let (_, rest) = html.split_once(DATA).unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_report_of_the_demos_size_is_one_small_page_and_the_whole_data() {
    let folder = tempfile::tempdir().unwrap();
    let report = fixture::report(3_300, 2_500);
    assert!(report.main.proposals.len() > 900);
    let (written, html) = written(&report, &folder.path().join("out"));
    assert!(html.len() < 6_000_000, "{} bytes", html.len());

    let page = embedded(&html);
    assert_eq!(page["main"]["times"].as_array().unwrap().len(), 3_300);
    assert_eq!(page["main"]["digest"], report.main.digest.to_string());
    assert_eq!(page["controls"][1]["expectation"], "must not be traded");

    let json = fs::read_to_string(written.json).unwrap();
    let read: Report = serde_json::from_str(&json).unwrap();
    assert_eq!(read.main.fills, report.main.fills);
    assert_eq!(read.main.digest, report.main.digest);
    assert_eq!(read.main.proposals.len(), report.main.proposals.len());
    // The reader's floats may be off in the last bit.
    for (got, want) in read
        .main
        .equity
        .equity
        .iter()
        .zip(&report.main.equity.equity)
    {
        assert!((got - want).abs() < 1e-9, "{got} {want}");
    }
    assert_eq!(read.controls.len(), 2);
}

#[test]
fn equal_sessions_give_equal_bytes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, html) = written(&fixture::report(400, 300), one.path());
    let (second, again) = written(&fixture::report(400, 300), two.path());
    assert_eq!(html, again);
    assert_eq!(
        fs::read(first.json).unwrap(),
        fs::read(second.json).unwrap()
    );
}

/// Keys of a report whose values a plugin, a data file or a configuration words.
const WORDED: [&str; 18] = [
    "title",
    "generated_from",
    "name",
    "symbol",
    "currency",
    "candidate",
    "plugin",
    "text",
    "consequence",
    "owner",
    "reason",
    "task",
    "source",
    "code",
    "observed",
    "limit",
    "verdict",
    "decision",
];
/// Keys whose lists hold such words beside numbers.
const LISTED: [&str; 5] = ["notes", "features", "actions", "cleaning", "failures"];

/// Adds `words` to everything in a report that others than the host word.
fn hostile(value: &mut Value, words: &str, worded: bool) {
    match value {
        Value::String(text) if worded => text.push_str(words),
        Value::Array(values) => {
            for value in values {
                hostile(value, words, worded);
            }
        }
        Value::Object(fields) => {
            // An order's kind is the host's own word, and its prices are numbers.
            for (key, value) in fields.iter_mut().filter(|(key, _)| *key != "kind") {
                let worded = WORDED.contains(&key.as_str()) || LISTED.contains(&key.as_str());
                hostile(value, words, worded);
            }
        }
        _ => {}
    }
}

#[test]
fn what_a_plugin_writes_cannot_become_markup() {
    let words = "</script><script>alert(1)</script><!-- <img src=x onerror=alert(1)> {{script}}";
    let mut report = serde_json::to_value(fixture::report(120, 60)).unwrap();
    hostile(&mut report, words, false);
    let report: Report = serde_json::from_value(report).unwrap();
    for text in [
        &report.title,
        &report.main.proposals[0].features[0].0,
        &report.main.proposals[0].verdicts[0].text,
        &report.main.instruments[0].cleaning[0].0,
        &report.controls[0].session.models[0].candidate,
    ] {
        assert!(text.ends_with(words), "{text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, html) = written(&report, folder.path());

    let plain = written(&fixture::report(120, 60), folder.path()).1;
    for tag in ["<script", "</script", "<!--", "<img"] {
        let expected = plain.matches(tag).count();
        assert_eq!(html.matches(tag).count(), expected, "{tag}");
    }
    let page = embedded(&html);
    assert_eq!(
        page["main"]["incidents"][0]["text"],
        report.main.incidents[0].text
    );
    assert_eq!(page["title"], report.title);
}

#[test]
fn a_session_in_which_nothing_happened_has_a_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = fixture::empty_report();
    let (_, html) = written(&report, folder.path());
    let page = embedded(&html);
    assert_eq!(page["withoutValidation"], Value::Null);
    let rows = page["main"]["statistics"]["rows"].as_array().unwrap();
    let sharpe = rows
        .iter()
        .find(|row| row["label"] == "Sharpe ratio")
        .unwrap();
    assert_eq!(sharpe["value"], Value::Null);
    assert!(sharpe["note"].is_string());
}

#[test]
fn a_folder_that_cannot_be_made_is_the_hosts_problem_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let problem = write(&fixture::empty_report(), &taken).unwrap_err();
    assert_eq!(problem.blame, Blame::Host);
    assert!(problem.to_string().contains("taken"), "{problem}");
}

#[test]
fn when_the_second_file_cannot_be_written_the_first_does_not_appear() {
    let folder = tempfile::tempdir().unwrap();
    let unfinished = format!(".report.json.{}.unfinished", std::process::id());
    fs::create_dir(folder.path().join(&unfinished)).unwrap();
    let problem = write(&fixture::empty_report(), folder.path()).unwrap_err();
    assert!(problem.to_string().contains("report.json"), "{problem}");
    let left: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [unfinished]);
}

#[test]
fn a_folder_in_the_place_of_the_second_file_keeps_the_first_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let old = folder.path().join("report.html");
    fs::write(&old, "old").unwrap();
    fs::create_dir(folder.path().join("report.json")).unwrap();
    let problem = write(&fixture::empty_report(), folder.path()).unwrap_err();
    assert!(problem.to_string().contains("report.json"), "{problem}");
    assert_eq!(fs::read_to_string(old).unwrap(), "old");
}

#[test]
fn the_controls_are_judged_by_what_came_out() {
    let report = fixture::report(700, 700);
    assert!(report.controls.iter().all(|control| control.passed));
    let traded = report.controls[0].session.clone();
    let flat = report.controls[1].session.clone();
    let [found, not] = [
        report.controls[0].expectation,
        report.controls[1].expectation,
    ];
    assert!(!found.holds(&flat));
    assert!(!not.holds(&traded));
}

#[test]
fn the_terminal_gets_the_totals_every_model_and_every_control() {
    let report = fixture::report(700, 700);
    let summary = summary(&report);
    let value = |label: &str| {
        let row = summary.rows.iter().find(|(name, _)| name == label);
        row.map(|(_, value)| value.as_str()).unwrap()
    };
    assert_eq!(value("Simulated"), "historical replay");
    assert_eq!(value("Ended"), "with its feed");
    assert_eq!(value("Digest"), report.main.digest.to_string());
    assert!(value("Final equity").ends_with(" USD"));
    assert_eq!(summary.models.len(), report.main.models.len());
    let svm = summary
        .models
        .iter()
        .find(|model| model.candidate == "linfa/svm")
        .unwrap();
    assert_eq!(svm.skill, "too few labels");
    assert!(svm.fits.contains("52 failed"));
    assert_eq!(summary.controls.len(), 2);
    assert_eq!(summary.incidents.len(), 1);
}

#[test]
fn the_terminal_says_what_limits_a_figure_and_that_a_session_was_cut_short() {
    let mut report = fixture::report(40, 40);
    report.main.ending = Ending::Interrupted;
    let summary = summary(&report);
    let value = |label: &str| {
        let row = summary.rows.iter().find(|(name, _)| name == label);
        row.map(|(_, value)| value.as_str()).unwrap()
    };
    assert!(value("Ended").starts_with("stopped before"));
    let growth = value("CAGR");
    assert!(
        growth.ends_with("% (annualised from a short sample)"),
        "{growth}"
    );
}

#[test]
fn what_holding_cost_and_earned_stands_among_the_costs_where_there_is_any() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = fixture::report(40, 40);
    let page = |report: &Report| embedded(&written(report, &folder.path().join("out")).1);
    let costs = |report: &Report| -> Vec<(String, String)> {
        let labels = ["Borrow fees", "Interest, net"];
        let rows = summary(report).rows.into_iter();
        rows.filter(|(label, _)| labels.contains(&label.as_str()))
            .collect()
    };
    assert_eq!(costs(&report), []);
    assert_eq!(page(&report)["main"]["totals"].get("borrowFees"), None);

    report.main.totals.borrow_fees = Decimal::new(1_250, 2);
    report.main.totals.interest = Decimal::new(-375, 2);
    let told = costs(&report);
    assert!(told[0].1.starts_with("12.50"), "{told:?}");
    assert!(told[1].1.contains("3.75"), "{told:?}");
    let totals = &page(&report)["main"]["totals"];
    assert_eq!(totals["borrowFees"], "12.50");
    assert_eq!(totals["interest"], "-3.75");

    // Of a session that earned something.
    let mut session = fixture::report(40, 40).main;
    *session.equity.equity.last_mut().unwrap() = 1e6;
    let share = |session: &_| Statistics::of(session).fees_share.value.unwrap();
    let before = share(&session);
    session.totals.borrow_fees = report.main.totals.borrow_fees;
    let after = share(&session);
    assert!(after > before, "{after} {before}");
}
