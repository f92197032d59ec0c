//! The way of a plugin from its file into service, and out of it.

use crate::cli::Place;
use crate::components::{remade, version};
use crate::{bad, good, install, json, state, text, two, verified};
use bulkhead_store::{Store, StoreError, column, wait};
use bulkhead_tests::plugin;
use serde_json::{Value, json};

/// What the audit log says of plugins: who, which, what.
fn recorded(place: &Place) -> Vec<(String, String, Value)> {
    wait(async {
        let store = Store::open(place.path("state/bulkhead.db")).await?;
        let sql = "SELECT actor, subject, body FROM audit_log WHERE kind = 'configuration' ORDER BY sequence";
        let rows = sqlx::query(sql).fetch_all(store.pool()).await.unwrap();
        rows.iter()
            .map(|row| {
                let body: String = column(row, "body")?;
                Ok((
                    column(row, "actor")?,
                    column(row, "subject")?,
                    serde_json::from_str(&body).unwrap(),
                ))
            })
            .collect::<Result<_, StoreError>>()
    })
    .unwrap()
}

#[test]
fn a_plugin_goes_from_its_file_into_service_and_another_version_takes_its_place() {
    let place = Place::new();
    let first = plugin("ema-cross");
    let said = good(&place, &["plugin", "install", text(&first)]);
    assert!(said.starts_with("ema-cross: installed 0.1.0 ("), "{said}");
    assert!(
        said.contains("it asks for nothing, and nothing is granted"),
        "{said}"
    );
    assert!(
        said.ends_with("to let it run: bulkhead plugin enable ema-cross\n"),
        "{said}"
    );
    let said = good(
        &place,
        &["plugin", "enable", "ema-cross", "--reason", "tried it"],
    );
    assert!(
        said.starts_with("ema-cross: enabled it, at 0.1.0 ("),
        "{said}"
    );

    place.write("two.wasm", version("ema-cross", "0.2.0"));
    let said = good(&place, &["plugin", "install", "two.wasm"]);
    assert!(
        said.contains("to put it in service: bulkhead plugin swap ema-cross --to "),
        "{said}"
    );
    let swapped = json(
        &place,
        &[
            "plugin",
            "swap",
            "ema-cross",
            "--to",
            "0.2.0",
            "--reason",
            "faster",
        ],
    );
    assert_eq!(swapped["applied"]["generation"], 2);
    assert_eq!(swapped["applied"]["version"], "0.2.0");
    assert_eq!(swapped["owned"], false);
    let said = good(&place, &["plugin", "rollback", "ema-cross"]);
    assert!(
        said.contains("rolled back from 0.2.0 (") && said.contains("generation 3, enabled"),
        "{said}"
    );

    let listed = json(&place, &["plugin", "list"]);
    let states: Vec<_> = (listed.as_array().unwrap().iter())
        .map(|row| {
            (
                row["version"].as_str().unwrap(),
                row["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        states,
        [
            ("0.1.0", "active, generation 3"),
            ("0.2.0", "served before")
        ]
    );

    let history = json(&place, &["plugin", "history", "ema-cross"]);
    let changes: Vec<_> = (history.as_array().unwrap().iter())
        .map(|past| {
            (
                past["change"].as_str().unwrap(),
                past["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        changes,
        [
            ("install", ""),
            ("enable", "tried it"),
            ("install", ""),
            ("swap", "faster"),
            ("rollback", "")
        ]
    );

    // Each of them is in the audit log too, by the same number.
    let records = recorded(&place);
    assert_eq!(records.len(), 5);
    for (record, past) in records.iter().zip(history.as_array().unwrap()) {
        assert_eq!(record.1, "plugin:ema-cross");
        assert_eq!(
            (&record.2["number"], &record.2["active"]),
            (&past["number"], &past["active"])
        );
        assert_eq!(record.0, past["by"].as_str().unwrap());
        assert!(record.0.starts_with("person:"));
    }
    verified(&place);
}

#[test]
fn a_configuration_is_checked_before_it_is_taken_and_goes_with_its_version() {
    let place = Place::new();
    two(&place);
    let said = good(
        &place,
        &[
            "plugin",
            "config",
            "set",
            "ema-cross",
            "fast=3",
            r#"size="7""#,
        ],
    );
    assert!(said.contains("configured fast, size"), "{said}");
    assert_eq!(
        json(&place, &["plugin", "config", "show", "ema-cross"]),
        json!({"fast": 3, "size": "7"})
    );
    let said = bad(&place, &["plugin", "config", "set", "ema-cross", "fats=3"]);
    assert!(
        said.contains("`bulkhead plugin config set ema-cross --unset fats` mends it"),
        "{said}"
    );
    let said = bad(
        &place,
        &["plugin", "config", "set", "ema-cross", "fast=fast"],
    );
    assert!(said.contains("is wrong at /fast"), "{said}");
    place.write("whole.toml", "slow = 50\n");
    good(
        &place,
        &["plugin", "config", "set", "ema-cross", "whole.toml"],
    );
    assert_eq!(
        json(&place, &["plugin", "config", "show", "ema-cross"]),
        json!({"slow": 50})
    );

    // A version that wants more is refused until it is given, and what it is given goes when it does.
    let stricter = remade(&version("ema-cross", "0.9.0"), |manifest| {
        let schema = &mut manifest["config-schema"];
        schema["properties"]["depth"] = json!({ "type": "integer" });
        schema["required"] = json!(["depth"]);
    });
    install(&place, &stricter);
    let before = state(&place);
    let said = bad(&place, &["plugin", "swap", "ema-cross", "--to", "0.9.0"]);
    assert!(said.contains(r#""depth" is a required property"#), "{said}");
    assert!(
        said.contains("or --set depth=VALUE given with this command"),
        "{said}"
    );
    assert_eq!(state(&place), before);
    good(
        &place,
        &[
            "plugin",
            "swap",
            "ema-cross",
            "--to",
            "0.9.0",
            "--set",
            "depth=2",
        ],
    );
    assert_eq!(
        json(&place, &["plugin", "config", "show", "ema-cross"]),
        json!({"slow": 50, "depth": 2})
    );
    good(&place, &["plugin", "rollback", "ema-cross"]);
    assert_eq!(
        json(&place, &["plugin", "config", "show", "ema-cross"]),
        json!({"slow": 50})
    );
}

#[test]
fn what_is_asked_granted_and_in_force_is_shown_and_nothing_is_granted_by_asking() {
    let place = Place::new();
    let asking = remade(&version("csv", "0.2.0"), |manifest| {
        manifest["requests"] = json!({
            "files": true, "hosts": ["*.example.com"], "secrets": ["KEY"], "kv-quota": 4096,
        });
    });
    place.write("csv.wasm", &asking);
    let said = good(&place, &["plugin", "install", "csv.wasm"]);
    let row = |said: &str, name: &str| -> Vec<String> {
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("| {name} ")))
            .unwrap();
        line.split('|')
            .map(|cell| cell.trim().to_owned())
            .filter(|cell| !cell.is_empty())
            .collect()
    };
    assert_eq!(row(&said, "files"), ["files", "one folder", "-", "-"]);
    assert_eq!(row(&said, "storage"), ["storage", "4096 bytes", "-", "-"]);
    assert!(
        said.contains(
            "bulkhead plugin grant csv --files DIR --host '*.example.com' --secret 'KEY' --kv 4096"
        ),
        "{said}"
    );
    assert!(
        said.contains("before it can be enabled: the configuration of plugin csv 0.2.0"),
        "{said}"
    );

    std::fs::create_dir(place.path("data")).unwrap();
    let said = good(
        &place,
        &[
            "plugin",
            "grant",
            "csv",
            "--host",
            "api.example.com",
            "--kv",
            "100",
            "--files",
            "data",
        ],
    );
    assert_eq!(
        row(&said, "hosts"),
        [
            "hosts",
            "*.example.com",
            "api.example.com",
            "api.example.com"
        ]
    );
    assert_eq!(
        row(&said, "storage"),
        ["storage", "4096 bytes", "100 bytes", "100 bytes"]
    );
    let said = good(
        &place,
        &[
            "plugin",
            "revoke",
            "csv",
            "--host",
            "api.example.com",
            "--kv",
        ],
    );
    assert_eq!(row(&said, "hosts"), ["hosts", "*.example.com", "-", "-"]);
    assert_eq!(row(&said, "storage")[3], "-");
    let said = bad(&place, &["plugin", "grant", "csv", "--requested"]);
    assert!(
        said.contains("no folder was named; name one with --files DIR"),
        "{said}"
    );
    good(
        &place,
        &["plugin", "grant", "csv", "--requested", "--files", "data"],
    );
    let shown = json(&place, &["plugin", "inspect", "csv"]);
    assert_eq!(shown["effective"]["secrets"], json!(["KEY"]));
    assert_eq!(shown["effective"]["kv-bytes"], 4096);

    // All in one go, and exactly that.
    let other = Place::new();
    other.write("csv.wasm", &asking);
    std::fs::create_dir(other.path("data")).unwrap();
    let said = bad(
        &other,
        &["plugin", "install", "csv.wasm", "--grant-requested"],
    );
    assert!(said.contains("name one with --files DIR"), "{said}");
    let made = json(
        &other,
        &[
            "plugin",
            "install",
            "csv.wasm",
            "--grant-requested",
            "--files",
            "data",
        ],
    );
    assert_eq!(made["effective"], made["plugin"]["granted"]);
    assert_eq!(made["effective"]["hosts"], json!(["*.example.com"]));
    good(&other, &["plugin", "revoke", "csv", "--all"]);
    assert_eq!(
        json(&other, &["plugin", "inspect", "csv"])["effective"]["kv-bytes"],
        0
    );
}

#[test]
fn a_version_is_compared_and_then_promoted_or_dropped() {
    let place = Place::new();
    two(&place);
    let said = good(
        &place,
        &[
            "plugin",
            "swap",
            "ema-cross",
            "--to",
            "0.2.0",
            "--shadow",
            "100%",
            "--rule",
            r#"{"calls": 100}"#,
        ],
    );
    assert!(
        said.contains("on 100 % of the traffic (generation 1, enabled)"),
        "{said}"
    );
    let shadow = state(&place)["shadow"].clone();
    assert_eq!(
        (&shadow["percent"], &shadow["rule"]),
        (&json!(100), &json!({"calls": 100}))
    );
    let said = bad(&place, &["plugin", "uninstall", "ema-cross@0.2.0"]);
    assert!(said.contains("is being compared"), "{said}");
    good(&place, &["plugin", "stop-shadow", "ema-cross"]);
    assert_eq!(state(&place)["shadow"], Value::Null);
    let unruly = ["--shadow", "5", "--rule", r#"{"after": 100}"#];
    let swap = ["plugin", "swap", "ema-cross", "--to", "0.2.0"];
    let said = bad(&place, &[swap.as_slice(), &unruly].concat());
    assert!(
        said.contains("the rule of promotion is wrong: unknown field `after`"),
        "{said}"
    );
    assert!(
        bad(&place, &["plugin", "promote", "ema-cross"])
            .contains("no version of plugin ema-cross is being compared")
    );
    good(
        &place,
        &[
            "plugin",
            "swap",
            "ema-cross",
            "--to",
            "0.2.0",
            "--shadow",
            "100",
        ],
    );
    let said = good(&place, &["plugin", "promote", "ema-cross"]);
    assert!(
        said.contains("promoted from 0.1.0 (") && said.contains("generation 2"),
        "{said}"
    );
}

#[test]
fn two_components_of_one_version_are_told_apart_by_their_digest() {
    let place = Place::new();
    let (first, second) = two(&place);
    let twin = remade(&version("ema-cross", "0.2.0"), |manifest| {
        manifest["description"] = "Another.".into()
    });
    let twin = install(&place, &twin);
    let said = bad(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    assert!(
        said.contains(&second.short()) && said.contains(&twin.short()),
        "{said}"
    );
    good(
        &place,
        &["plugin", "swap", "ema-cross", "--to", &twin.short()],
    );
    assert_eq!(state(&place)["active"], twin.to_string());
    good(
        &place,
        &[
            "plugin",
            "uninstall",
            &format!("ema-cross@{}", second.short()),
        ],
    );
    let said = bad(&place, &["plugin", "uninstall", "ema-cross@0.2.0"]);
    assert!(said.contains("is the active version"), "{said}");
    let said = bad(&place, &["plugin", "uninstall", "ema-cross"]);
    assert!(
        said.contains("`bulkhead plugin disable ema-cross --reason TEXT` first"),
        "{said}"
    );
    good(
        &place,
        &["plugin", "disable", "ema-cross", "--reason", "no more"],
    );
    good(&place, &["plugin", "uninstall", "ema-cross"]);
    assert_eq!(
        json(&place, &["plugin", "history", "ema-cross"])
            .as_array()
            .unwrap()
            .len(),
        8
    );
    for digest in [first, second, twin] {
        assert!(!place.path(&format!("state/plugins/{digest}.wasm")).exists());
    }
}
