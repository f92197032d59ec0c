//! `bulkhead dev`: a save is built and put in service.

use crate::cli::{Ran, command_in, finish};
use bulkhead_tests::target;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Runs in a fixed folder, emptied first: what the compiler keeps depends on the path.
struct Author(PathBuf);

impl Author {
    fn new(name: &str) -> Author {
        let folder = target().join("cli-tests").join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        Author(folder)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command_in(&self.0, &target().join("cli-tests"), arguments);
        command.env(
            "CARGO_TARGET_DIR",
            target().join("cli-tests").join("target"),
        );
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

#[test]
fn a_save_is_built_and_swapped_in_and_one_that_does_not_compile_changes_nothing() {
    let author = Author::new("watched");
    let made = author.run(&["plugin", "new", "--kind", "strategy", "watched"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let mut dev = author
        .command(&["--json", "dev", "watched"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = lines(dev.stdout.take().unwrap());
    let err = lines(dev.stderr.take().unwrap());
    let next = || -> Value {
        let line = out.recv_timeout(Duration::from_secs(300));
        let line = line.unwrap_or_else(|_| panic!("{:?}", err.try_iter().collect::<Vec<_>>()));
        serde_json::from_str(&line).unwrap()
    };
    let first = next();
    assert_eq!(first["applied"]["change"], "enable", "{first}");
    assert_eq!(first["applied"]["generation"], 1);

    let source = author.0.join("watched/src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    let manifest = author.0.join("watched/plugin.toml");
    let description = std::fs::read_to_string(&manifest).unwrap();
    // A change of the manifest alone makes another component without a compiler.
    let describe =
        |word: &str| description.replace("description = \"", &format!("description = \"{word} "));
    std::fs::write(&manifest, describe("Saved")).unwrap();
    let second = next();
    assert_eq!(second["applied"]["change"], "swap", "{second}");
    assert_eq!(second["applied"]["generation"], 2);
    assert!(second["ms"]["build"].as_f64().unwrap() > 0.0, "{second}");

    std::fs::write(&source, format!("{text}\nfn broken( {{}}\n")).unwrap();
    let broken = next();
    assert!(
        broken["error"].as_str().unwrap().contains("compile"),
        "{broken}"
    );
    assert!(
        err.try_iter().any(|line| line.contains("fn broken(")),
        "the compiler's words are shown"
    );
    std::fs::write(&source, &text).unwrap();
    let mended = next();
    assert_eq!(mended["applied"], Value::Null, "{mended}");

    std::fs::write(&manifest, describe("Again")).unwrap();
    assert_eq!(next()["applied"]["generation"], 3);
    let interrupted = Command::new("kill")
        .args(["-INT", &dev.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    assert_eq!(dev.wait().unwrap().code(), Some(0));

    // What is neither active nor next to roll back to is gone again.
    let shown = author
        .run(&["--json", "plugin", "inspect", "watched"])
        .json();
    assert_eq!(shown["installed"]["versions"].as_array().unwrap().len(), 2);
    assert_eq!(shown["installed"]["standing"]["enabled"], true);
    assert_eq!(
        shown["manifest"]["description"]
            .as_str()
            .unwrap()
            .split(' ')
            .next(),
        Some("Again")
    );
    // Whoever disables it means it: a later start says so and leaves it.
    let off = author.run(&["plugin", "disable", "watched", "--reason", "not today"]);
    assert_eq!(off.code, 0, "{}", off.err);
    let mut dev = author
        .command(&["--json", "dev", "watched"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = lines(dev.stdout.take().unwrap());
    let again = out.recv_timeout(Duration::from_secs(300)).unwrap();
    dev.kill().unwrap();
    dev.wait().unwrap();
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["applied"], Value::Null, "{again}");
    let disabled = again["disabled"].as_str().unwrap();
    assert!(disabled.contains(": not today; "), "{disabled}");
    let verified = author.run(&["audit", "verify"]);
    assert_eq!(verified.code, 0, "{}", verified.err);
}

#[test]
fn a_folder_that_is_no_plugin_is_said_to_be() {
    let author = Author::new("unwatched");
    let ran = author.run(&["dev", "."]);
    ran.refused("this is no plugin: there is no plugin.toml (.); name a plugin's folder, or make one with `bulkhead plugin new`");
}
