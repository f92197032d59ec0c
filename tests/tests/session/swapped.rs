//! New versions of plugins that take their predecessors' places in the middle of a session.

use crate::stand::{Stand, assert_same_session, decisions, plain, small, table};
use bulkhead_manifest::{read_section, replace_section};
use bulkhead_session::SessionConfig;
use bulkhead_session::config::{PluginConfig, SwapConfig};
use bulkhead_session::record::SessionRecord;
use bulkhead_tests::{hostile, plugin};
use std::path::{Path, PathBuf};

/// The component in `file`, released as a version of `id`.
fn released(file: &Path, id: &str, version: &str, folder: &Path) -> PathBuf {
    let wasm = std::fs::read(file).unwrap();
    let mut manifest = read_section(&wasm).unwrap();
    manifest.id = id.to_owned();
    manifest.version = version.to_owned();
    let path = folder.join(format!("{id}-{version}.wasm"));
    std::fs::write(&path, replace_section(&wasm, &manifest).unwrap()).unwrap();
    path
}

/// About the middle of the small session.
const MIDDLE: &str = "2001-04-02";

fn with_swap(mut config: SessionConfig, id: &str, to: &Path) -> SessionConfig {
    config.swaps.push(SwapConfig {
        at: MIDDLE.to_owned(),
        plugin: id.to_owned(),
        to: to.display().to_string(),
    });
    config
}

fn middle(record: &SessionRecord) -> i64 {
    let times = &record.equity.times;
    let at = bulkhead_domain::Timestamp::of_date(MIDDLE).unwrap().0;
    assert!(
        times[0] < at && at < *times.last().unwrap(),
        "not its middle"
    );
    at
}

#[test]
fn a_model_takes_over_what_its_predecessor_learnt_and_no_bar_goes_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let next = released(&plugin("linfa"), "linfa", "0.1.1", folder.path());
    let stand = Stand::new();
    let config = with_swap(small(), "linfa", &next);
    let ran = stand.ran(&stand.prepare(&config), true, None);
    let [swap] = ran.record.swaps.as_slice() else {
        panic!("{:?}", ran.record.swaps);
    };
    assert_eq!(
        (swap.plugin.as_str(), swap.version.as_str()),
        ("linfa", "0.1.1")
    );
    let taken: Vec<&str> = swap.places.iter().map(|(_, how)| how.as_str()).collect();
    assert_eq!(taken, ["snapshot"; 2], "{:?}", swap.places);
    assert!(swap.time >= middle(&ran.record));

    let undisturbed = stand.ran(&stand.prepare(&small()), true, None);
    for (key, views) in &ran.views {
        let before = &undisturbed.views[key];
        assert_eq!(views.len(), before.len(), "a decision of {key:?} was lost");
        for (view, other) in views.iter().zip(before) {
            // The same code says the same to the next fit, and says something at every bar.
            let (own, theirs) = (&view.probabilities, &other.probabilities);
            let said = |all: &[Option<f64>]| all.iter().map(Option::is_some).collect::<Vec<_>>();
            assert_eq!(
                said(own),
                said(theirs),
                "{key:?} at {:?}",
                view.decision.time
            );
        }
    }
}

#[test]
fn a_strategy_released_anew_wants_what_its_predecessor_would_have() {
    let folder = tempfile::tempdir().unwrap();
    let next = released(&plugin("ema-cross"), "ema-cross", "9.0.0", folder.path());
    let stand = Stand::new();
    let swapped = stand.record(&with_swap(plain(), "ema-cross", &next));
    let [swap] = swapped.swaps.as_slice() else {
        panic!("{:?}", swapped.incidents);
    };
    assert_eq!(
        swap.places,
        [("strategy ema-cross".to_owned(), "snapshot".to_owned())]
    );
    assert!(swapped.incidents.is_empty(), "{:?}", swapped.incidents);
    let undisturbed = stand.record(&plain());
    let after = |record: &SessionRecord| {
        record
            .fills
            .iter()
            .filter(|f| f.time > swapped.swaps[0].time)
            .count()
    };
    assert!(after(&undisturbed) > 0, "nothing was traded after the swap");
    assert_eq!(
        decisions(&swapped, |_| true),
        decisions(&undisturbed, |_| true)
    );
    assert_eq!(swapped.totals.final_equity, undisturbed.totals.final_equity);
    // It is another session all the same, and the same one when it is repeated.
    assert_ne!(swapped.digest, undisturbed.digest);
    let again = stand.record(&with_swap(plain(), "ema-cross", &next));
    assert_eq!(again.digest, swapped.digest);
}

#[test]
fn a_strategy_without_a_snapshot_is_shown_all_that_its_predecessor_was() {
    let folder = tempfile::tempdir().unwrap();
    let next = released(&plugin("ml-signal"), "ml-signal", "9.0.0", folder.path());
    let stand = Stand::new();
    let swapped = stand.record(&with_swap(small(), "ml-signal", &next));
    let how: Vec<&str> = swapped.swaps[0]
        .places
        .iter()
        .map(|(_, how)| how.as_str())
        .collect();
    assert_eq!(how, ["replay, because the old version exports no snapshot"]);
    assert_eq!(
        decisions(&swapped, |_| true),
        decisions(&stand.record(&small()), |_| true)
    );
}

#[test]
fn an_ai_provider_released_anew_answers_the_next_question() {
    let folder = tempfile::tempdir().unwrap();
    let next = released(&plugin("rulebook"), "rulebook", "0.2.0", folder.path());
    let stand = Stand::new();
    let swapped = stand.record(&with_swap(plain(), "rulebook", &next));
    assert_eq!(swapped.swaps.len(), 1);
    assert_eq!(
        decisions(&swapped, |_| true),
        decisions(&stand.record(&plain()), |_| true)
    );
}

#[test]
fn a_version_that_fails_is_not_swapped_in_and_the_one_in_service_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let broken = released(&hostile("panic"), "ema-cross", "6.6.6", folder.path());
    let stand = Stand::new();
    let swapped = stand.record(&with_swap(plain(), "ema-cross", &broken));
    assert!(swapped.swaps.is_empty());
    let [incident] = swapped.incidents.as_slice() else {
        panic!("{:?}", swapped.incidents);
    };
    assert_eq!(incident.plugin, "ema-cross 6.6.6");
    assert!(
        incident
            .consequence
            .contains("the version in service goes on")
    );
    assert_eq!(
        decisions(&swapped, |_| true),
        decisions(&stand.record(&plain()), |_| true)
    );
}

#[test]
fn a_risk_rule_and_the_broker_take_over_what_their_predecessors_knew() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new();
    let mut cooled = plain();
    cooled.risk = vec![PluginConfig {
        plugin: "cooldown".to_owned(),
        config: table("losses = 1\ndays = 60"),
    }];
    let cases = [
        (plugin("limits"), "limits", "snapshot", plain()),
        (plugin("cooldown"), "cooldown", "replay", cooled),
        (plugin("paper"), "paper", "snapshot", plain()),
    ];
    for (file, id, how, config) in cases {
        let next = released(&file, id, "9.0.0", folder.path());
        let swapped = stand.record(&with_swap(config.clone(), id, &next));
        let ways: Vec<_> = swapped.swaps.iter().flat_map(|swap| &swap.places).collect();
        let [(_, way)] = ways.as_slice() else {
            panic!("{id}: {ways:?} {:?}", swapped.incidents);
        };
        assert!(way.starts_with(how), "{id}: {way}");
        let undisturbed = stand.record(&config);
        assert!(swapped.swaps[0].time >= middle(&undisturbed));
        assert_same_session(&swapped, &undisturbed);
        assert_ne!(swapped.digest, undisturbed.digest, "{id}");
    }
}

#[test]
fn a_broker_that_holds_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let other = released(&hostile("deaf-broker"), "paper", "6.6.6", folder.path());
    let stand = Stand::new();
    let mut config = with_swap(plain(), "paper", &other);
    // Settings that both know.
    config.broker.config.clear();
    let swapped = stand.record(&config);
    assert!(swapped.swaps.is_empty());
    let [incident] = swapped.incidents.as_slice() else {
        panic!("{:?}", swapped.incidents);
    };
    assert!(
        incident.text.contains("told everything again") || incident.text.contains("are not those"),
        "{incident:?}"
    );
}

#[test]
fn what_a_session_does_not_name_by_its_id_alone_is_not_swapped() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::new();
    let next = released(&plugin("ema-cross"), "ema-cross", "0.9.0", folder.path());
    let mut by_path = with_swap(plain(), "ema-cross", &next);
    by_path.strategies[0].plugin = plugin("ema-cross").display().to_string();
    let other = released(&plugin("limits"), "limits", "0.9.1", folder.path());
    let nobody = released(&plugin("limits"), "nobody", "0.9.0", folder.path());
    let disguised = released(&plugin("limits"), "ema-cross", "0.9.2", folder.path());
    for (config, complaint) in [
        (
            by_path,
            "[[swaps]] swaps ema-cross, and nothing in this session is named so",
        ),
        (
            with_swap(plain(), "nobody", &nobody),
            "[[swaps]] swaps nobody, and nothing in this session is named so",
        ),
        (
            with_swap(plain(), "stop-loss", &other),
            "puts limits in the place of stop-loss",
        ),
        (
            with_swap(plain(), "ema-cross", &disguised),
            "is a risk-rule, not a strategy",
        ),
    ] {
        let problem = stand.try_prepare(config).err().unwrap().to_string();
        assert!(problem.contains(complaint), "{problem}");
    }
}
