//! From nothing to a component.

use crate::cli::{Ran, command_in, finish};
use crate::{failures, outcomes};
use bulkhead_tests::target;
use serde_json::Value;
use std::path::PathBuf;

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
