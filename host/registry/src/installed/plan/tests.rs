use super::*;
use crate::installed::change::Settings;
use crate::installed::state::tests::{plugin, version};
use serde_json::{Value, json};

fn request(change: Change) -> Request {
    Request {
        plugin: "x".to_owned(),
        change,
        reason: "because".to_owned(),
        expect: None,
    }
}

fn asked(new: Option<Version>) -> Asked<'static> {
    Asked {
        by: "person:b",
        time: Timestamp(9),
        new,
        whole: true,
        last: 6,
    }
}

fn does(before: &InstalledPlugin, change: Change) -> Result<InstalledPlugin, String> {
    plan(Some(before), &request(change), asked(None))
        .map(|plan| plan.after.unwrap())
        .map_err(|problem| problem.to_string())
}

fn settings(set: Value) -> Settings {
    Settings {
        set: set.as_object().cloned().unwrap(),
        ..Settings::default()
    }
}

fn swap(to: &str) -> Change {
    Change::Swap {
        to: to.to_owned(),
        settings: Settings::default(),
    }
}

#[test]
fn the_first_version_is_active_disabled_and_granted_nothing() {
    let install = request(Change::Install {
        file: "/x.wasm".into(),
        digest: Digest::of(b"a"),
        grant: Capabilities::default(),
    });
    let made = plan(None, &install, asked(Some(version("1.0.0", "a")))).unwrap();
    let after = made.after.unwrap();
    assert_eq!(
        (after.generation, after.standing.enabled, made.serve),
        (7, false, false)
    );
    assert!(after.granted.is_empty());
    assert!(
        after
            .usable()
            .unwrap_err()
            .to_string()
            .contains("it was not enabled yet")
    );

    let again = plan(Some(&after), &install, asked(Some(version("1.0.0", "a"))));
    assert!(
        again
            .err()
            .unwrap()
            .to_string()
            .contains("is installed already")
    );
    let beside = plan(Some(&after), &install, asked(Some(version("1.0.0", "b")))).unwrap();
    let beside = beside.after.unwrap();
    assert_eq!((beside.versions.len(), beside.active), (2, after.active));
}

#[test]
fn a_swap_and_its_rollback_carry_their_configuration() {
    let mut before = plugin(vec![version("1.0.0", "a"), version("1.1.0", "b")]);
    before.config = settings(json!({"fast": 1})).set;
    let change = Change::Swap {
        to: "1.1.0".to_owned(),
        settings: settings(json!({"fast": 2})),
    };
    let after = does(&before, change).unwrap();
    assert_eq!(
        (after.generation, after.active),
        (2, before.versions[1].digest)
    );
    assert_eq!(after.config["fast"], 2);
    let back = does(&after, Change::Rollback).unwrap();
    assert_eq!((back.generation, back.active), (3, before.active));
    assert_eq!(back.config, before.config);
    let forth = does(&back, Change::Rollback).unwrap();
    assert_eq!((forth.active, forth.config), (after.active, after.config));
}

#[test]
fn a_configuration_that_a_version_refuses_says_what_would_mend_it() {
    let mut stricter = version("2.0.0", "b");
    stricter.manifest.config_schema["required"] = json!(["fast"]);
    let before = plugin(vec![version("1.0.0", "a"), stricter]);
    let problem = does(&before, swap("2.0.0")).unwrap_err();
    assert!(
        problem.contains("\"fast\" is a required property"),
        "{problem}"
    );
    assert!(problem.contains("--set fast=VALUE"), "{problem}");
    assert!(
        problem.contains("bulkhead plugin config set x fast=VALUE"),
        "{problem}"
    );

    let unknown = does(&before, Change::ConfigSet(settings(json!({"fats": 1})))).unwrap_err();
    assert!(
        unknown.contains("--unset fats") && unknown.contains("settings: fast"),
        "{unknown}"
    );
    let wrong = does(&before, Change::ConfigSet(settings(json!({"fast": "x"})))).unwrap_err();
    assert!(
        wrong.contains("bulkhead plugin config set x fast=VALUE"),
        "{wrong}"
    );
}

#[test]
fn a_change_of_the_active_version_ends_a_comparison() {
    let before = plugin(vec![
        version("1.0.0", "a"),
        version("1.1.0", "b"),
        version("1.2.0", "c"),
    ]);
    let shadow = Change::Shadow {
        to: "1.1.0".to_owned(),
        percent: 100,
        rule: json!({"calls": 100}),
        settings: settings(json!({"fast": 5})),
    };
    let compared = does(&before, shadow).unwrap();
    assert_eq!((compared.active, compared.generation), (before.active, 1));
    let refused = does(
        &compared,
        Change::Uninstall {
            version: Some("1.1.0".into()),
            force: false,
        },
    );
    assert!(refused.unwrap_err().contains("is being compared"));
    // What is set meanwhile holds for both sides.
    let change = Change::ConfigSet(settings(json!({"slow": 9})));
    let compared = does(&compared, change).unwrap();
    let promoted = does(&compared, Change::Promote).unwrap();
    assert_eq!(promoted.config["slow"], 9);
    assert_eq!(promoted.config["fast"], 5);
    assert_eq!((promoted.shadow, promoted.generation), (None, 2));
    assert_eq!(does(&compared, swap("1.2.0")).unwrap().shadow, None);
    assert!(does(&before, Change::Promote).is_err());
}

#[test]
fn what_serves_is_not_uninstalled() {
    let before = plugin(vec![version("1.0.0", "a"), version("1.1.0", "b")]);
    let active = does(
        &before,
        Change::Uninstall {
            version: Some("1.0.0".into()),
            force: false,
        },
    );
    assert!(active.unwrap_err().contains("is the active version"));
    let enabled = does(
        &before,
        Change::Uninstall {
            version: None,
            force: false,
        },
    );
    assert!(
        enabled
            .unwrap_err()
            .contains("is enabled, so it is not uninstalled")
    );
    let swapped = does(&before, swap("1.1.0")).unwrap();
    let left = does(
        &swapped,
        Change::Uninstall {
            version: Some("1.0.0".into()),
            force: false,
        },
    )
    .unwrap();
    assert_eq!((left.versions.len(), left.previous), (1, None));
}

#[test]
fn what_changes_nothing_is_said_to() {
    let before = plugin(vec![version("1.0.0", "a")]);
    for change in [
        Change::Enable,
        Change::Rollback,
        Change::StopShadow,
        Change::Grant(Capabilities::default()),
        Change::ConfigSet(Settings::default()),
        swap("1.0.0"),
    ] {
        let problem = does(&before, change.clone()).unwrap_err();
        assert!(
            problem.ends_with("; nothing was changed"),
            "{change:?}: {problem}"
        );
    }
    let mut unexplained = request(Change::Disable);
    unexplained.reason.clear();
    let problem = plan(Some(&before), &unexplained, asked(None))
        .err()
        .unwrap();
    assert!(problem.to_string().contains("needs a reason"), "{problem}");
}

fn capabilities(hosts: &[&str], kv_bytes: u64) -> Capabilities {
    Capabilities {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        kv_bytes,
        ..Capabilities::default()
    }
}

fn said(before: &InstalledPlugin, change: Change) -> (String, Capabilities) {
    let plan = plan(Some(before), &request(change), asked(None)).unwrap();
    (plan.what, plan.after.unwrap().granted)
}

#[test]
fn what_is_said_to_be_granted_or_revoked_is_what_was() {
    let mut before = plugin(vec![version("1.0.0", "a")]);
    before.granted = capabilities(&["a.com"], 4096);
    let (what, granted) = said(&before, Change::Grant(capabilities(&["a.com", "b.com"], 5)));
    assert_eq!(what, "granted b.com");
    assert_eq!(granted, capabilities(&["a.com", "b.com"], 4096));
    let (what, granted) = said(&before, Change::Grant(capabilities(&[], 9000)));
    assert_eq!(
        (what.as_str(), granted.kv_bytes),
        ("granted 9000 bytes of storage", 9000)
    );

    let (what, granted) = said(&before, Change::Revoke(capabilities(&["a.com"], 1)));
    assert_eq!(what, "revoked a.com, 4096 bytes of storage");
    assert!(granted.is_empty());
    let problem = does(
        &before,
        Change::Revoke(capabilities(&["a.com", "c.com"], 0)),
    )
    .unwrap_err();
    assert_eq!(
        problem,
        "plugin x is not granted c.com, but a.com, 4096 bytes of storage; nothing was changed"
    );
    before.granted.kv_bytes = 0;
    let problem = does(&before, Change::Revoke(capabilities(&["a.com"], 1))).unwrap_err();
    assert!(problem.contains("is not granted any storage"), "{problem}");
}

#[test]
fn what_is_granted_with_an_installation_is_given_to_the_active_version_only() {
    let install = |seed: &str, grant| {
        request(Change::Install {
            file: "/x.wasm".into(),
            digest: Digest::of(seed.as_bytes()),
            grant,
        })
    };
    let grant = capabilities(&["a.com"], 0);
    let first = asked(Some(version("1.0.0", "a")));
    let made = plan(None, &install("a", grant.clone()), first).unwrap();
    assert!(made.what.ends_with(" and granted a.com"), "{}", made.what);
    let before = made.after.unwrap();
    assert_eq!(before.granted, grant);

    let beside = |grant| {
        let second = asked(Some(version("1.1.0", "b")));
        plan(Some(&before), &install("b", grant), second)
    };
    assert_eq!(beside(grant.clone()).unwrap().after.unwrap().granted, grant);
    let problem = beside(capabilities(&["b.com"], 0))
        .err()
        .unwrap()
        .to_string();
    assert!(
        problem.starts_with("1.1.0 (") && problem.contains("would be given b.com"),
        "{problem}"
    );
}

#[test]
fn a_rule_of_promotion_is_read_before_it_is_kept() {
    let before = plugin(vec![version("1.0.0", "a"), version("1.1.0", "b")]);
    let shadow = |rule| {
        does(
            &before,
            Change::Shadow {
                to: "1.1.0".to_owned(),
                percent: 100,
                rule,
                settings: Settings::default(),
            },
        )
    };
    for (rule, said) in [
        (json!({"after": 100}), "unknown field `after`"),
        (
            json!({"error-rate": 2.0}),
            "'error-rate' is 2; it is 0 to 1",
        ),
        (json!({"automatic": true}), "'skill' or by 'agreement'"),
        (json!([1]), "it is no JSON object"),
    ] {
        let problem = shadow(rule).unwrap_err();
        assert!(
            problem.starts_with("the rule of promotion is wrong: "),
            "{problem}"
        );
        assert!(
            problem.contains(said) && problem.lines().count() == 1,
            "{problem}"
        );
    }
    assert!(shadow(Value::Null).is_ok());
}
