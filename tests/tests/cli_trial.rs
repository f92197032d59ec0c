//! `bulkhead trial` with the project's own model plugins: a planted signal is found, noise has no skill, and every
//! mistake is one line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use bulkhead_tests::plugins;
use cli::{Place, Ran};
use serde_json::Value;
use std::fmt::Write as _;

/// Daily bars whose return follows the day before by so much, and is noise otherwise.
fn bars(count: u32, follows: f64) -> String {
    let mut text = "Date,Open,High,Low,Close,Volume\n".to_owned();
    let (mut state, mut price, mut last) = (0x9e37_79b9_7f4a_7c15_u64, 100.0f64, 0.0);
    for day in 0..count {
        // xorshift64; four draws are near enough to a bell.
        let mut noise = 0.0;
        for _ in 0..4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            noise += (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
        }
        last = follows * last + noise * 0.015;
        let (open, close) = (price, price * (1.0 + last));
        // No year of these is a leap year.
        let (mut date, mut month) = (day % 365, 0);
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        while date >= lengths[month] {
            date -= lengths[month];
            month += 1;
        }
        let (year, month, date) = (2001 + day / 365, month + 1, date + 1);
        let (high, low) = (open.max(close), open.min(close));
        writeln!(
            text,
            "{year}-{month:02}-{date:02},{open:.6},{high:.6},{low:.6},{close:.6},1000"
        )
        .unwrap();
        price = close;
    }
    text
}

fn place() -> Place {
    let place = Place::new();
    place.write("signal.csv", bars(900, 0.6));
    place.write("noise.csv", bars(900, 0.0));
    place
}

fn trial(place: &Place, more: &[&str]) -> Ran {
    let plugins = plugins();
    let mut arguments = vec!["trial", "--plugins", plugins.to_str().unwrap()];
    arguments.extend(["--calendar", "24/7", "--features", "return_1,return_3"]);
    arguments.extend(["--label", "horizon:1", "--family", "follow"]);
    arguments.extend(more);
    place.run(&arguments)
}

fn logistic(place: &Place, file: &str, more: &[&str]) -> Value {
    let mut arguments = vec![
        "--model",
        "linfa:logistic-regression",
        "--csv",
        file,
        "--json",
    ];
    arguments.extend(more);
    trial(place, &arguments).json()
}

#[test]
fn a_planted_signal_is_found_and_noise_has_no_skill() {
    let place = place();
    let lower = |file, more: &[&str]| {
        let ran = logistic(&place, file, more);
        let quality = &ran["trial"]["result"]["quality"];
        quality["interval"]["lower"].as_f64().unwrap()
    };
    for more in [&["--cv", "walk-forward:4"][..], &["--cv", "cpcv:5,2"]] {
        assert!(lower("signal.csv", more) > 0.0, "{more:?}");
        assert!(lower("noise.csv", more) < 0.0, "{more:?}");
    }
}

#[test]
fn a_rerun_on_other_threads_is_the_same_trial_and_the_ledger_says_so() {
    let place = place();
    let one = logistic(&place, "signal.csv", &["--threads", "1"]);
    let two = logistic(&place, "signal.csv", &["--threads", "2"]);
    assert_eq!(
        (&one["rerun"], &two["rerun"]),
        (&false.into(), &true.into())
    );
    assert_eq!(one["trial"]["result-digest"], two["trial"]["result-digest"]);
    assert_eq!(two["deflation-now"]["trials"], 1);
    let other = logistic(&place, "signal.csv", &["--param", "alpha=3"]);
    assert_eq!(other["deflation-now"]["trials"], 2);
    let list = place.run(&["trial", "list", "--json"]).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let id = one["trial"]["id"].as_str().unwrap();
    let shown = place.run(&["trial", "show", id]);
    assert!(shown.out.contains(" of 2 trials"), "{}", shown.out);
    let artifact = one["final"]["artifact"].as_str().unwrap();
    let kept = place.path(".bulkhead/artifacts").join(artifact);
    assert!(kept.join("model.bin").is_file());
}

#[test]
fn a_price_is_predicted_and_three_barriers_are_learnt() {
    let place = place();
    let model = ["--csv", "signal.csv", "--json"];
    let price = ["--model", "linfa", "--target", "price"];
    let ran = trial(&place, &[&model[..], &price].concat()).json();
    let quality = &ran["trial"]["result"]["quality"];
    assert!(quality["skill"].as_f64().unwrap() > 0.0, "{quality}");
    assert!(
        quality["figures"]["values"]["rmse"].as_f64().unwrap() > 0.1,
        "in prices"
    );
    let plugins = plugins();
    let triple = place.run(&[
        "trial",
        "--plugins",
        plugins.to_str().unwrap(),
        "--calendar",
        "24/7",
        "--model",
        "linfa:random-forest",
        "--param",
        "trees=10",
        "--csv",
        "signal.csv",
        "--features",
        "return_1",
        "--label",
        "triple:1,1,5",
        "--family",
        "barriers",
        "--open-sealed",
        "--json",
    ]);
    let triple = triple.json();
    assert_eq!(triple["sealed"]["opening"], 1);
    assert_eq!(triple["trial"]["state"], "finished");
}

#[test]
fn every_mistake_is_one_line() {
    let place = place();
    place.write("short.csv", bars(60, 0.0));
    let refused = |more: &[&str], what: &str| {
        let ran = trial(&place, more);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(
            ran.err.lines().count() == 1 && ran.err.contains(what),
            "{what}: {}",
            ran.err
        );
    };
    let signal = ["--csv", "signal.csv", "--model"];
    refused(&[&signal[..], &["nothing"]].concat(), "nothing");
    refused(
        &[&signal[..], &["linfa:oracle"]].concat(),
        "no algorithm oracle",
    );
    refused(
        &[&signal[..], &["linfa"]].concat(),
        "algorithms that learn class probabilities",
    );
    refused(
        &[
            &signal[..],
            &["linfa:logistic-regression", "--param", "trees=3"],
        ]
        .concat(),
        "linfa/logistic-regression has no hyper-parameter trees",
    );
    refused(
        &[
            &signal[..],
            &["linfa:random-forest", "--param", "trees=many"],
        ]
        .concat(),
        "use a whole number from 1 to 1000",
    );
    refused(
        &["--csv", "short.csv", "--model", "linfa:logistic-regression"],
        "samples are too few",
    );
    refused(
        &["--data", "NONE", "--model", "linfa:logistic-regression"],
        "no bars of NONE",
    );
    trial(
        &place,
        &[
            &signal[..],
            &["linfa:logistic-regression", "--cv", "k-fold:5"],
        ]
        .concat(),
    )
    .refused(
        "'k-fold:5' is no way to split; write walk-forward:FOLDS[,anchored|rolling[,TRAIN]], or \
         cpcv:GROUPS,TESTED with fewer tested than there are",
    );
}
