//! `bulkhead plugin`: from nothing to a component that passes the host's checks, what the checks find, and
//! every mistake as one line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use bulkhead_tests::{hostile, plugin, plugins, root, target};
use cli::{Place, Ran, command_in, finish};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Number and outcome of every check in a report.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let of = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    (report["checks"].as_array().unwrap().iter())
        .map(|check| (of(check, "number"), of(check, "outcome")))
        .collect()
}

/// The detail of the checks that failed.
fn failures(report: &Value) -> Vec<(String, String)> {
    let of = |check: &Value, key: &str| check[key].as_str().unwrap().to_owned();
    (report["checks"].as_array().unwrap().iter())
        .filter(|check| check["outcome"] == "failed")
        .map(|check| (of(check, "number"), of(check, "detail")))
        .collect()
}

/// Runs in a fixed folder, emptied first: what the compiler keeps depends on the path.
struct Author {
    folder: PathBuf,
}

impl Author {
    fn new(name: &str) -> Self {
        let folder = target().join("cli-tests").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        Author { folder }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let kept = target().join("cli-tests").join("target");
        let mut command = command_in(&self.folder, &target().join("cli-tests"), arguments);
        command.env("CARGO_TARGET_DIR", kept);
        finish(command)
    }
}

#[test]
fn an_author_gets_from_nothing_to_a_component_that_passes_every_check() {
    let author = Author::new("newcomer");
    let made = author.run(&["plugin", "new", "--kind", "strategy", "my-idea"]);
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(
        made.out.starts_with("made my-idea (strategy) in my-idea: "),
        "{}",
        made.out
    );
    assert!(
        made.out.contains("bulkhead plugin test my-idea"),
        "{}",
        made.out
    );

    let built = author.run(&["plugin", "build", "my-idea", "--json"]).json();
    let component = author.folder.join("my-idea/target/plugins/my-idea.wasm");
    assert!(component.is_file());
    assert_eq!(built["digest"].as_str().unwrap().len(), 64);
    assert_eq!(built["bytes"], std::fs::metadata(&component).unwrap().len());

    let report = author.run(&["plugin", "test", "my-idea", "--json"]).json();
    assert_eq!(report["passed"], true);
    assert_eq!(report["digest"], built["digest"]);
    let expected = [
        ("NATIVE-01", "passed"),
        ("LOAD-01", "passed"),
        ("LOAD-02", "passed"),
        ("LOAD-03", "passed"),
        ("LIMITS-01", "passed"),
        ("STRATEGY-01", "passed"),
        ("STRATEGY-02", "passed"),
        ("STRATEGY-03", "passed"),
        ("STRATEGY-04", "passed"),
        ("STRATEGY-05", "skipped"),
    ];
    let expected = expected.map(|(number, outcome)| (number.to_owned(), outcome.to_owned()));
    assert_eq!(outcomes(&report), expected);
    let detail = report["checks"][6]["detail"].as_str().unwrap();
    assert!(!detail.contains("no intent"), "{detail}");

    // It is listed where it was built, without being installed anywhere.
    let listed = author
        .run(&[
            "plugin",
            "list",
            "--plugins",
            "my-idea/target/plugins",
            "--json",
        ])
        .json();
    assert_eq!(listed[0]["id"], "my-idea");
}

#[test]
fn a_plugin_that_looks_ahead_fails_its_check() {
    let author = Author::new("cheat");
    let made = author.run(&["plugin", "new", "--kind", "strategy", "cheat"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let source = author.folder.join("cheat/src/lib.rs");
    let honest = std::fs::read_to_string(&source).unwrap();
    let export = "bulkhead_sdk::export!(strategy: Cheat);";
    assert!(honest.contains(export), "{honest}");
    let cheating = honest.replace(
        export,
        "impl bulkhead_sdk::strategy::Vectorised for Cheat {
            fn targets(
                _: Config,
                _: &bulkhead_sdk::BarColumns,
                chunk: &bulkhead_sdk::BarColumns,
            ) -> Result<Vec<f64>, String> {
                let tomorrow = chunk.close.iter().skip(1).chain(chunk.close.last());
                Ok((chunk.close.iter().zip(tomorrow))
                    .map(|(today, tomorrow)| f64::from(u8::from(tomorrow > today)))
                    .collect())
            }
        }
        bulkhead_sdk::export!(strategy: Cheat, vectorised);",
    );
    std::fs::write(&source, cheating).unwrap();
    let built = author.run(&["plugin", "build", "cheat"]);
    assert_eq!(built.code, 0, "{}", built.err);

    let ran = author.run(&[
        "plugin",
        "test",
        "cheat/target/plugins/cheat.wasm",
        "--json",
    ]);
    assert_eq!(ran.code, 2);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let failed = failures(&report);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0].0, "STRATEGY-05");
    assert!(
        failed[0].1.contains("bars are known") && failed[0].1.contains("the target at bar"),
        "{failed:?}"
    );
    assert!(
        ran.err.starts_with("error: STRATEGY-05 fails: "),
        "{}",
        ran.err
    );
}

#[test]
fn every_plugin_of_the_project_passes_its_checks() {
    let data = root().join("examples/data");
    let place = Place::new();
    let limits =
        r#"{"max-position": "500", "max-order-notional": "20000", "max-gross-exposure": "0.9"}"#;
    let csv = r#"{"file": "stocks-daily.csv"}"#;
    let vix = r#"{"file": "fred-vix.csv"}"#;
    let cases: [(&str, &[&str], &str); 12] = [
        ("baseline", &[], "MODEL-06"),
        ("linfa", &[], "MODEL-06"),
        ("ema-cross", &[], "STRATEGY-05"),
        ("ml-signal", &[], "STRATEGY-04"),
        ("fire-drill", &[], "STRATEGY-04"),
        ("limits", &["--config", limits], "RISK-03"),
        ("stop-loss", &[], "RISK-03"),
        ("paper", &[], "BROKER-04"),
        ("rulebook", &[], "AI-03"),
        ("synthetic", &[], "SOURCE-03"),
        (
            "csv",
            &["--folder", text(&data), "--config", csv],
            "SOURCE-03",
        ),
        (
            "csv",
            &["--folder", text(&data), "--config", vix],
            "SOURCE-03",
        ),
    ];
    for (id, options, last) in cases {
        let component = plugin(id);
        let mut arguments = vec!["plugin", "test", text(&component), "--json"];
        arguments.extend(options);
        let ran = place.run(&arguments);
        assert_eq!(ran.code, 0, "{id}: {}\n{}", ran.err, ran.out);
        let outcomes = outcomes(&ran.json());
        assert!(
            outcomes.contains(&(last.to_owned(), "passed".to_owned())),
            "{id}: {outcomes:?}"
        );
    }
}

#[test]
fn what_a_hostile_plugin_does_is_what_its_check_says() {
    let place = Place::new();
    for (id, number, detail) in [
        ("endless-loop", "STRATEGY-02", "ran out of fuel"),
        ("panic", "STRATEGY-02", "panicked: index out of bounds"),
        ("memory-bomb", "STRATEGY-02", "bytes of memory (limit"),
        ("forbidden-import", "LOAD-02", "bulkhead:plugin/clock"),
        (
            "panic-in-configure",
            "LIMITS-01",
            "panicked: no settings will ever do",
        ),
    ] {
        let ran = place.run(&["plugin", "test", text(&hostile(id)), "--json"]);
        assert_eq!(ran.code, 2, "{id}");
        let report: Value = serde_json::from_str(&ran.out).unwrap();
        let failed = failures(&report);
        assert_eq!(failed[0].0, number, "{id}: {failed:?}");
        assert!(failed[0].1.contains(detail), "{id}: {failed:?}");
        assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    }
}

#[test]
fn a_component_is_shown_with_what_it_asks_for_and_gets() {
    let place = Place::new();
    let component = plugin("ema-cross");
    let shown = place.run(&["plugin", "inspect", text(&component)]);
    assert_eq!((shown.code, shown.err.as_str()), (0, ""));
    for part in [
        "ema-cross 0.1.0",
        "strategy",
        "64 MiB",
        "bulkhead:plugin/strategy@0.1.0",
    ] {
        assert!(shown.out.contains(part), "{part}: {}", shown.out);
    }
    let row = shown.out.lines().find(|line| line.starts_with("| fast "));
    assert!(row.unwrap().contains("integer 1 to 10000"), "{}", shown.out);

    let json = place
        .run(&["plugin", "inspect", text(&component), "--json"])
        .json();
    assert_eq!(json["manifest"]["id"], "ema-cross");
    assert_eq!(json["limits"]["memory-bytes"], 64 << 20);
    assert_eq!(
        json["manifest"]["config-schema"]["properties"]["fast"]["default"],
        10
    );

    let listed = place
        .run(&["plugin", "list", "--json", "--plugins", text(&plugins())])
        .json();
    let found = (listed.as_array().unwrap().iter()).find(|one| one["id"] == "ema-cross");
    assert_eq!(found.unwrap()["digest"], json["digest"]);
}

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
            "--config is not JSON: key must be a string at line 1 column 2; \
             write it as '{\"name\": value}'",
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
