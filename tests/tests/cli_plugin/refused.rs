//! Every mistake as one line: files that are no good components, arguments, settings.

use crate::cli::Place;
use crate::{failures, text};
use bulkhead_tests::plugin;
use serde_json::Value;

/// A component with some text of its manifest replaced by other text, as long.
fn forged(id: &str, from: &str, to: &str) -> Vec<u8> {
    let mut bytes = std::fs::read(plugin(id)).unwrap();
    let to = format!("{to:<width$}", width = from.len());
    assert_eq!(from.len(), to.len());
    let place = bytes
        .windows(from.len())
        .rposition(|window| window == from.as_bytes())
        .unwrap();
    bytes[place..place + from.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn a_file_that_is_no_good_component_is_refused_in_one_line() {
    let place = Place::new();
    place.write("text.wasm", "no wasm");
    let whole = std::fs::read(plugin("ema-cross")).unwrap();
    place.write("cut.wasm", &whole[..whole.len() / 2]);
    place.write("core.wasm", b"\0asm\x01\0\0\0");
    place.write(
        "liar.wasm",
        forged("ema-cross", r#""kind":"strategy""#, r#""kind":"model""#),
    );
    place.write(
        "newer.wasm",
        forged("ema-cross", r#""api":"0.1""#, r#""api":"9.1""#),
    );
    let refused = |file: &str, line: &str| {
        let ran = place.run(&["plugin", "inspect", file]);
        ran.refused(line);
    };
    refused(
        "missing.wasm",
        "the plugin cannot be read: No such file or directory (os error 2) (missing.wasm); check the path",
    );
    refused(
        "text.wasm",
        "this is not a WebAssembly file; give the .wasm that `bulkhead plugin build` wrote (text.wasm); \
         rebuild it with `bulkhead plugin build`",
    );
    refused(
        "core.wasm",
        "this is a core WebAssembly module, not a component; build the plugin with `bulkhead plugin \
         build`, which makes one (core.wasm); rebuild it with `bulkhead plugin build`",
    );
    refused(
        "liar.wasm",
        "plugin ema-cross says that it is a model but is a strategy: it does not export \
         bulkhead:plugin/model (liar.wasm); correct `kind` in plugin.toml and rebuild it",
    );
    refused(
        "newer.wasm",
        "the plugin is built for API 9.1, this host speaks 0.1; rebuild the plugin against the matching \
         SDK, or use the matching host (newer.wasm); rebuild it with `bulkhead plugin build`",
    );
    let ran = place.run(&["plugin", "inspect", "cut.wasm"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .starts_with("error: the component is damaged at byte "),
        "{}",
        ran.err
    );
    assert!(
        ran.err.contains("(cut.wasm)") && ran.err.lines().count() == 1,
        "{}",
        ran.err
    );

    // The same files as subjects of a test: the check names what is wrong.
    for (file, number) in [
        ("text.wasm", "LOAD-01"),
        ("newer.wasm", "LOAD-01"),
        ("liar.wasm", "LOAD-02"),
    ] {
        let ran = place.run(&["plugin", "test", file, "--json"]);
        assert_eq!(ran.code, 2, "{file}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(failures(&report)[0].0, number, "{file}");
    }
}

#[test]
fn code_that_was_changed_is_refused() {
    let place = Place::new();
    let mut bytes = std::fs::read(plugin("ema-cross")).unwrap();
    // In the middle lies the code of the core module.
    let middle = bytes.len() / 3;
    bytes[middle..middle + 64].fill(0xff);
    place.write("broken.wasm", bytes);
    let ran = place.run(&["plugin", "inspect", "broken.wasm"]);
    assert_eq!(ran.code, 2, "{}", ran.out);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(
        ran.err
            .starts_with("error: plugin ema-cross is not a valid component: "),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("(broken.wasm)"), "{}", ran.err);
}

#[test]
fn a_tampered_compile_cache_is_reported_and_not_used() {
    let place = Place::new();
    let component = plugin("ema-cross");
    let inspect = ["plugin", "inspect", text(&component), "--json"];
    let first = place.run(&inspect);
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    let cache = place.path("cache/bulkhead/aot");
    let entry = std::fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "cwasm")
        })
        .unwrap();
    let mut bytes = std::fs::read(&entry).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&entry, bytes).unwrap();

    let second = place.run(&inspect);
    assert_eq!(second.json(), first.json());
    assert!(
        second
            .err
            .contains("the compile cache entry of plugin ema-cross did not verify"),
        "{}",
        second.err
    );
    let third = place.run(&inspect);
    assert_eq!(
        (third.code, third.err.as_str()),
        (0, ""),
        "compiled anew and stored"
    );
}

#[test]
fn a_mistake_in_the_arguments_is_one_line() {
    let place = Place::new();
    std::fs::create_dir(place.path("empty")).unwrap();
    std::fs::create_dir(place.path("half")).unwrap();
    place.write(
        "half/Cargo.toml",
        "[package]\nname = \"half\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n",
    );
    place.write("half/lib.rs", "");
    place.write("half/plugin.toml", "id = \"half\"\ncolour = \"red\"\n");
    let component = plugin("ema-cross");
    let component = text(&component);
    let cases: [(&[&str], &str); 12] = [
        (
            &["frobnicate"],
            "unrecognized subcommand 'frobnicate'; usage: bulkhead [OPTIONS] <COMMAND>",
        ),
        (
            &["plugin"],
            "a command is missing; usage: bulkhead plugin [OPTIONS] <COMMAND>; `--help` lists the commands",
        ),
        (
            &["plugin", "new", "--kind", "robot", "my-idea"],
            "invalid value 'robot' for '--kind <KIND>' \
             [possible values: ai-provider, broker, data-source, model, risk-rule, strategy]",
        ),
        (
            &["plugin", "new", "--kind", "strategy", "My_Idea"],
            "`My_Idea` cannot be a plugin's name: it has capital letters; \
             use lower-case words joined by `-`, such as `my-idea`",
        ),
        (
            &["plugin", "new", "--kind", "strategy", "empty"],
            "empty already exists; choose another name or folder",
        ),
        (
            &[
                "plugin", "new", "--kind", "strategy", "my-idea", "--sdk", "empty",
            ],
            "empty: no SDK here (its templates/strategy is missing); give the path of Bulkhead's sdk folder",
        ),
        (
            &["plugin", "build", "nowhere"],
            "there is no such folder (nowhere); name the plugin's folder",
        ),
        (
            &["plugin", "build", "empty"],
            "this is no plugin: there is no Cargo.toml (empty); \
             name a plugin's folder, or make one with `bulkhead plugin new`",
        ),
        (
            &["plugin", "test", component, "--config", "{fast: 3}"],
            "the configuration is not JSON: key must be a string at line 1 column 2; \
             write it as '{\"name\": value}', or name a .json or .toml file",
        ),
        (
            &["plugin", "test", component, "--folder", "nowhere"],
            "there is no such folder (nowhere); correct --folder",
        ),
        (
            &["plugin", "test", "missing.wasm"],
            "the plugin cannot be read: No such file or directory (os error 2) (missing.wasm); \
             check the path",
        ),
        (
            &["plugin", "list", "--plugins", "nowhere"],
            "the plugin folder cannot be read: No such file or directory (os error 2) (nowhere); \
             build the plugins with `cargo xtask plugins`, or name their folder with --plugins",
        ),
    ];
    for (arguments, line) in cases {
        place.run(arguments).refused(line);
    }
    let ran = place.run(&["plugin", "build", "half"]);
    let path = place.path("half/plugin.toml").canonicalize().unwrap();
    ran.refused(&format!(
        "unknown field `colour`, expected one of `id`, `version`, `kind`, `api`, `licence`, \
         `description`, `authors`, `requests`, `limits`, `config-schema` ({}, line 2, column 1); correct it",
        path.display()
    ));
}

#[test]
fn a_setting_that_the_schema_refuses_is_named() {
    let place = Place::new();
    let component = plugin("ema-cross");
    let ran = place.run(&[
        "plugin",
        "test",
        text(&component),
        "--config",
        r#"{"fats": 3}"#,
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.err
            .starts_with("error: LOAD-03 fails: the configuration of plugin ema-cross is wrong")
            && ran.err.contains("fats")
            && ran.err.contains("fast, size, slow"),
        "{}",
        ran.err
    );
}
