//! Every first-party risk rule in a whole session: what the host tells it arrives, and what it says is done.

use crate::stand::{Stand, plain, small, table};
use bulkhead_session::config::PluginConfig;
use bulkhead_session::record::SessionRecord;
use std::collections::BTreeSet;

fn rule(plugin: &str, settings: &str) -> PluginConfig {
    PluginConfig {
        plugin: plugin.to_owned(),
        config: table(settings),
    }
}

/// A session of both strategies where `models`, of the one that follows averages otherwise, under one rule.
fn under(models: bool, plugin: &str, settings: &str) -> SessionRecord {
    let mut config = if models { small() } else { plain() };
    config.risk = vec![rule(plugin, settings)];
    config.validation = None;
    Stand::new().record(&config)
}

/// Codes that the rule itself gave.
fn codes(record: &SessionRecord, plugin: &str) -> BTreeSet<String> {
    record
        .proposals
        .iter()
        .flat_map(|proposal| &proposal.verdicts)
        .filter(|verdict| verdict.source == plugin && !verdict.code.is_empty())
        .map(|verdict| verdict.code.clone())
        .collect()
}

#[test]
fn rules_judge_entries_by_what_the_host_tells_them() {
    for (plugin, settings, wanted) in [
        (
            "concentration",
            "max-instrument = \"0.10\"",
            "INSTRUMENT_ABOVE_SHARE",
        ),
        (
            "concentration",
            "max-correlated = \"0.16\"\nmin-correlation = \"0\"",
            "CORRELATED_ABOVE_SHARE",
        ),
        ("cooldown", "losses = 1\ndays = 60", "COOLDOWN"),
        (
            "restricted-list",
            "symbols = [{ symbol = \"BBB\", reason = \"merger\" }]",
            "RESTRICTED",
        ),
        (
            "volatility-target",
            "target = \"0.01\"\nfeature = \"volatility_20\"",
            "VOLATILITY_ABOVE_TARGET",
        ),
        (
            "trading-hours",
            "time-zone = \"America/New_York\"\nwindows = [\"09:30-15:00\"]",
            "OUTSIDE_TRADING_HOURS",
        ),
        ("confidence-floor", "floor = 0.6", "MISSING_CONFIDENCE"),
    ] {
        let record = under(false, plugin, settings);
        let codes = codes(&record, plugin);
        assert!(codes.contains(wanted), "{plugin}: {codes:?}");
        let missing: Vec<_> = codes
            .iter()
            .filter(|code| code.starts_with("MISSING") && *code != wanted)
            .collect();
        assert!(missing.is_empty(), "{plugin} was not told: {missing:?}");
    }
}

#[test]
fn a_calibrated_probability_reaches_the_floor_and_passes_it() {
    let record = under(true, "confidence-floor", "floor = 0.56");
    let of = |owner: &'static str| {
        record
            .proposals
            .iter()
            .filter(move |proposal| proposal.owner == owner)
    };
    assert!(of("ml-signal").any(|proposal| proposal.outcome.is_some()));
    assert!(
        of("ml-signal")
            .flat_map(|proposal| &proposal.verdicts)
            .all(|verdict| verdict.code != "NOT_CALIBRATED")
    );
    assert!(
        of("ema-cross")
            .flat_map(|proposal| &proposal.verdicts)
            .any(|verdict| verdict.code == "MISSING_CONFIDENCE")
    );
}

#[test]
fn protective_rules_rest_their_exits_at_the_broker() {
    for (plugin, settings, tag) in [
        ("take-profit", "fraction = \"0.02\"", "take-profit"),
        (
            "stop-loss",
            "mode = \"trailing\"\nfraction = \"0.03\"",
            "stop-loss:trailing",
        ),
        ("stop-loss", "mode = \"time\"\ndays = 5", "stop-loss:time"),
    ] {
        let record = under(false, plugin, settings);
        let filled = record
            .proposals
            .iter()
            .filter(|proposal| proposal.reason.ends_with(tag))
            .filter(|proposal| proposal.outcome == Some(bulkhead_domain::order::Outcome::Filled))
            .count();
        assert!(filled > 0, "{plugin} {settings}: no exit of its own filled");
    }
}
