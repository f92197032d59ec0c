//! Every mistake is one line, and what serves goes on.

use crate::cli::Place;
use crate::components::{remade, traps_at_start, version};
use crate::{bad, good, install, run, state, two, verified};
use bulkhead_tests::plugin;

/// The component as if it had been built for a later contract.
fn other_api(mut component: Vec<u8>) -> Vec<u8> {
    let api = br#""api":"0.1""#;
    let at = component.windows(api.len()).rposition(|found| found == api);
    component[at.unwrap() + api.len() - 4] = b'9';
    component
}

#[test]
fn a_version_that_cannot_serve_is_not_installed_and_the_old_one_goes_on() {
    let place = Place::new();
    two(&place);
    let before = state(&place);
    let files = || {
        std::fs::read_dir(place.path("state/plugins"))
            .unwrap()
            .count()
    };
    let candidates = [
        (traps_at_start("0.3.0"), "instantiate trapped: "),
        (
            other_api(version("ema-cross", "0.3.0")),
            "built for API 9.1, this host speaks 0.1",
        ),
        (
            remade(&version("ema-cross", "0.3.0"), |manifest| {
                manifest["kind"] = "model".into()
            }),
            "says that it is a model but is a strategy",
        ),
        (
            remade(&version("csv", "0.3.0"), |manifest| {
                manifest["id"] = "ema-cross".into()
            }),
            "is of kind data-source, and plugin ema-cross is installed as strategy",
        ),
        (b"no component".to_vec(), "this is not a WebAssembly file"),
    ];
    for (component, said) in candidates {
        place.write("candidate.wasm", component);
        let refused = bad(&place, &["plugin", "install", "candidate.wasm"]);
        assert!(refused.contains(said), "{said}: {refused}");
        assert_eq!((state(&place), files()), (before.clone(), 2), "{said}");
    }
    verified(&place);
}

#[test]
fn a_component_that_was_tampered_with_in_the_state_folder_is_refused_by_its_digest() {
    let place = Place::new();
    let (first, second) = two(&place);
    let before = state(&place);
    let path = place.path(&format!("state/plugins/{second}.wasm"));
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let said = bad(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    assert!(
        said.contains(&format!(
            "plugin ema-cross 0.2.0 ({}) is not what was installed",
            second.short()
        )),
        "{said}"
    );
    assert_eq!(state(&place), before);
    // A session is given none of it either.
    std::fs::write(place.path(&format!("state/plugins/{first}.wasm")), "x").unwrap();
    let said = bad(&place, &["plugin", "inspect", "ema-cross"]);
    assert!(said.contains("is not what was installed"), "{said}");
    place.write("two.wasm", version("ema-cross", "0.2.0"));
    let said = good(&place, &["plugin", "install", "two.wasm"]);
    assert!(said.contains("put the component of 0.2.0"), "{said}");
    good(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
}

#[test]
fn mistakes_are_one_line_that_says_how_to_mend_them() {
    let place = Place::new();
    for arguments in [
        &["plugin", "enable", "ema-cross"][..],
        &["plugin", "swap", "ema-cross", "--to", "0.2.0"],
        &["plugin", "history", "ema-cross"],
        &["plugin", "config", "show", "ema-cross"],
        &["plugin", "grant", "ema-cross", "--kv", "5"],
        &["plugin", "uninstall", "ema-cross@0.1.0"],
    ] {
        let said = bad(&place, arguments);
        assert!(
            said.contains("no plugin ema-cross is installed; `bulkhead plugin list` names what is"),
            "{said}"
        );
        assert!(
            !place.path("state/bulkhead.db").exists(),
            "asking made a database"
        );
    }
    let first = two(&place).0;
    for (arguments, said) in [
        (
            &["plugin", "install", "component.wasm"][..],
            "is installed already; nothing was changed",
        ),
        (
            &["plugin", "enable", "ema-cross"],
            "is enabled already, since ",
        ),
        (
            &["plugin", "swap", "ema-cross", "--to", "0.1.0"],
            "is the active version of plugin ema-cross already, in generation 1",
        ),
        (
            &["plugin", "swap", "ema-cross", "--to", "7"],
            "no version '7' of plugin ema-cross is installed; installed are 0.1.0 (",
        ),
        (
            &[
                "plugin",
                "swap",
                "ema-cross",
                "--to",
                "0.2.0",
                "--expect",
                "4",
            ],
            "revision 4 was expected and this is 3: plugin ema-cross was changed by person:",
        ),
        (
            &[
                "plugin",
                "swap",
                "ema-cross",
                "--to",
                "0.2.0",
                "--shadow",
                "0%",
            ],
            "a whole number from 1% to 100%",
        ),
        (
            &[
                "plugin",
                "swap",
                "ema-cross",
                "--to",
                "0.2.0",
                "--shadow",
                "5",
                "--rule",
                "soon",
            ],
            "--rule is not JSON",
        ),
        (
            &["plugin", "rollback", "ema-cross"],
            "no version of plugin ema-cross served before 0.1.0 (",
        ),
        (&["plugin", "disable", "ema-cross"], "--reason <TEXT>"),
        (
            &["plugin", "disable", "ema-cross", "--reason", " "],
            "disabling needs a reason",
        ),
        (
            &["plugin", "grant", "ema-cross"],
            "nothing was named to grant",
        ),
        (
            &["plugin", "grant", "ema-cross", "--files", "nowhere"],
            "there is no such folder to grant (nowhere)",
        ),
        (
            &["plugin", "grant", "ema-cross", "--host", "https://a.b"],
            "'https://a.b' is no host name",
        ),
        (
            &["plugin", "config", "set", "ema-cross"],
            "nothing was named to set",
        ),
        (
            &["plugin", "config", "set", "ema-cross", "fast"],
            "'fast' is no setting",
        ),
        (
            &["plugin", "config", "set", "ema-cross", "--unset", "fast"],
            "'fast' is not set",
        ),
        (
            &["plugin", "inspect", "nobody"],
            "there is no file and no plugin `nobody`",
        ),
        (
            &["plugin", "inspect", "ema-cross@0.7.0"],
            "no version '0.7.0' of plugin ema-cross is installed",
        ),
    ] {
        let refused = bad(&place, arguments);
        assert!(refused.contains(said), "{said}: {refused}");
        assert!(
            refused.contains("; "),
            "it does not say how to mend it: {refused}"
        );
    }
    assert_eq!(state(&place)["active"], first.to_string());
    assert_eq!(state(&place)["revision"], 3);
}

#[test]
fn a_session_is_told_who_disabled_its_plugin_and_why() {
    let place = Place::new();
    for id in ["synthetic", "ema-cross", "paper"] {
        install(&place, &std::fs::read(plugin(id)).unwrap());
        good(&place, &["plugin", "enable", id]);
    }
    install(&place, &version("ema-cross", "0.2.0"));
    good(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    place.write(
        "session.toml",
        r#"name = "s"
cash = "1000"
[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["SYN"]
config = { bars = 30 }
[[strategies]]
name = "one"
plugin = "ema-cross"
[broker]
plugin = "paper"
"#,
    );
    let paper = ["paper", "--config", "session.toml", "--out", "out"];
    let ran = run(&place, &paper);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let report = std::fs::read_to_string(place.path("out/report.json")).unwrap();
    assert!(report.contains("ema-cross 0.2.0"), "the active version ran");
    good(
        &place,
        &[
            "plugin",
            "disable",
            "ema-cross",
            "--reason",
            "it lost too much",
        ],
    );
    let said = bad(&place, &paper);
    assert!(
        said.contains("plugin ema-cross is disabled since 20"),
        "{said}"
    );
    assert!(
        said.contains(": it lost too much") && said.contains("`bulkhead plugin enable ema-cross`"),
        "{said}"
    );
    good(&place, &["plugin", "enable", "ema-cross"]);
    assert_eq!(run(&place, &paper).code, 0);
    verified(&place);
}
