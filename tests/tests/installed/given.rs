//! What a session is given: which component, which configuration, which folder.

use crate::components::version;
use crate::{Stand, swap};
use bulkhead_domain::Digest;
use bulkhead_registry::{Capabilities, Change, Operator, Registry, Settings};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn registry(stand: &Stand) -> Registry {
    let loader = bulkhead_sandbox::Loader::new(
        std::sync::Arc::new(bulkhead_sandbox::Engines::start().unwrap()),
        None,
    );
    Registry::open(bulkhead_tests::plugins(), loader)
        .unwrap()
        .with_installed(stand.installed.clone())
}

fn refused<T>(outcome: Result<T, bulkhead_domain::Problem>) -> String {
    outcome.err().unwrap().to_string()
}

#[test]
fn an_installed_plugin_comes_before_the_folders_while_it_is_enabled() {
    let stand = Stand::new();
    let registry = registry(&stand);
    let path = bulkhead_tests::plugin("ema-cross");
    let of_folder = Digest::of(&std::fs::read(&path).unwrap());
    assert_eq!(registry.resolve("ema-cross").unwrap(), of_folder);
    let missing = refused(registry.resolve("ema-cross@0.2.0"));
    assert!(
        missing.starts_with("plugin ema-cross is not installed"),
        "{missing}"
    );

    let second = stand.install(&version("ema-cross", "0.2.0"));
    let third = stand.install(&version("ema-cross", "0.3.0"));
    let disabled = refused(registry.load("ema-cross"));
    assert!(
        disabled.starts_with("plugin ema-cross is disabled since 2023-11-14T22:13:20Z by person:me: it was not enabled yet"),
        "{disabled}"
    );
    stand.does(Change::Enable);
    assert_eq!(registry.load("ema-cross").unwrap().digest(), second);
    assert_eq!(registry.load("ema-cross@0.3.0").unwrap().digest(), third);
    let digits = third.short();
    assert_eq!(
        registry.resolve(&format!("ema-cross@{digits}")).unwrap(),
        third
    );
    assert_eq!(
        registry.load(path.to_str().unwrap()).unwrap().digest(),
        of_folder
    );
    // The same component by its path is the same plugin.
    let by_path = stand.installed.path(&third);
    let load = || registry.load(by_path.to_str().unwrap());
    assert_eq!(load().unwrap().digest(), third);
    stand.does(Change::Disable);
    let disabled = refused(load());
    assert!(disabled.contains("is disabled since"), "{disabled}");
    stand.does(Change::Enable);
    assert!(
        refused(registry.load("ema-cross@9"))
            .contains("no version '9' of plugin ema-cross is installed")
    );
    assert!(refused(registry.load("nobody")).contains("there is no plugin nobody"));
}

#[test]
fn pins_hold_whatever_was_swapped_in_since() {
    let stand = Stand::new();
    let second = stand.install(&version("ema-cross", "0.2.0"));
    let third = stand.install(&version("ema-cross", "0.3.0"));
    stand.does(Change::Enable);
    let registry = registry(&stand);
    let pin = |digest: Digest| registry.pinned(BTreeMap::from([("ema-cross".to_owned(), digest)]));
    let began_with = pin(registry.resolve("ema-cross").unwrap());
    stand.does(swap(&third));
    assert_eq!(registry.load("ema-cross").unwrap().digest(), third);
    assert_eq!(began_with.load("ema-cross").unwrap().digest(), second);
    // The folder's component is as good, where it is the one.
    let path = bulkhead_tests::plugin("ema-cross");
    let of_folder = Digest::of(&std::fs::read(&path).unwrap());
    assert_eq!(
        pin(of_folder).load("ema-cross").unwrap().digest(),
        of_folder
    );
    let gone = refused(pin(Digest::of(b"gone")).load("ema-cross"));
    assert!(gone.contains("ema-cross was used in version"), "{gone}");
    // What is disabled runs in no session, resumed or not.
    stand.does(Change::Disable);
    assert!(refused(began_with.load("ema-cross")).contains("is disabled since"));
}

#[test]
fn a_sessions_settings_lie_over_the_installed_ones_key_by_key() {
    let stand = Stand::new();
    stand.install(&version("ema-cross", "0.2.0"));
    let set = json!({ "fast": 7, "size": "5" })
        .as_object()
        .cloned()
        .unwrap();
    stand.does(Change::ConfigSet(Settings {
        set,
        ..Settings::default()
    }));
    stand.does(Change::Enable);
    let registry = registry(&stand);
    let plugin = registry.load("ema-cross").unwrap();
    let given = |config: Value| {
        let setup = registry.setup(&plugin, &config, &[], &Operator::default());
        setup.map(|setup| serde_json::from_str::<Value>(&setup.config).unwrap())
    };
    assert_eq!(given(json!({})).unwrap(), json!({ "fast": 7, "size": "5" }));
    assert_eq!(
        given(json!({ "fast": 3, "slow": 9 })).unwrap(),
        json!({ "fast": 3, "slow": 9, "size": "5" })
    );
    let wrong = refused(given(json!({ "fats": 1 })));
    assert!(wrong.contains("fats"), "{wrong}");
    // The folder's component has no installed configuration.
    let path = bulkhead_tests::plugin("ema-cross");
    let of_folder = registry.load(path.to_str().unwrap()).unwrap();
    let setup = registry.setup(&of_folder, &json!({}), &[], &Operator::default());
    assert_eq!(setup.unwrap().config, "{}");
}

#[test]
fn a_folder_is_given_only_where_it_lies_within_a_granted_one() {
    let stand = Stand::new();
    let component = version("csv", "0.2.0");
    let make = |change: Change| {
        let request = bulkhead_registry::Request {
            plugin: "csv".to_owned(),
            change,
            reason: String::new(),
            expect: None,
        };
        let terms = bulkhead_registry::Terms {
            by: "person:me",
            time: bulkhead_domain::Timestamp(1),
            loader: &stand.loader,
            live: &crate::NobodyLive,
            needed: &|| Ok(BTreeMap::new()),
            record: &|_| Ok(()),
        };
        stand.installed.apply(&request, &terms)
    };
    let installed = make(stand.installing(&component)).unwrap();
    let lacks = installed.lacks.unwrap();
    assert!(
        lacks.contains("`bulkhead plugin config set csv file=VALUE` mends it"),
        "{lacks}"
    );
    assert!(refused(make(Change::Enable)).contains("config set csv file=VALUE"));
    let set = json!({ "file": "x.csv" }).as_object().cloned().unwrap();
    make(Change::ConfigSet(Settings {
        set,
        ..Settings::default()
    }))
    .unwrap();
    make(Change::Enable).unwrap();

    let registry = registry(&stand);
    let plugin = registry.load("csv").unwrap();
    let (data, inner) = (stand.path("data"), stand.path("data/inner"));
    std::fs::create_dir_all(&inner).unwrap();
    let operator = Operator {
        folder: Some(inner.clone()),
        ..Operator::default()
    };
    let given = || registry.setup(&plugin, &json!({}), &[], &operator);
    let problem = refused(given().map(drop));
    assert!(
        problem.starts_with("plugin csv is not granted this folder"),
        "{problem}"
    );
    assert!(
        problem.contains("bulkhead plugin grant csv --files"),
        "{problem}"
    );
    let granted = Capabilities {
        files: [data].into(),
        ..Capabilities::default()
    };
    make(Change::Grant(granted.clone().checked().unwrap())).unwrap();
    assert_eq!(
        given().unwrap().grants.folder,
        Some(inner.canonicalize().unwrap())
    );
    make(Change::Revoke(granted.checked().unwrap())).unwrap();
    assert!(given().is_err());
    // By its path the session's configuration is the grant.
    let by_path = registry
        .load(bulkhead_tests::plugin("csv").to_str().unwrap())
        .unwrap();
    let setup = registry.setup(&by_path, &json!({ "file": "x.csv" }), &[], &operator);
    assert_eq!(setup.unwrap().grants.folder, Some(inner));
}
