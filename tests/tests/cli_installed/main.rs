//! `bulkhead plugin install` and what follows: every command, every mistake, and what a kill, a full disk and a
//! second operator leave behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/mod.rs"]
mod cli;
#[path = "../cli/components.rs"]
mod components;

mod dev;
mod faults;
mod lifecycle;
mod owner;
mod refused;
mod shadowed;

use crate::cli::{Place, Ran};
use bulkhead_domain::Digest;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Arguments on a state folder of its own; compiled code is shared by all tests here.
fn all<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/aot");
    let mut all = vec!["--cache", cache, "--state", "state"];
    all.extend(arguments);
    all
}

/// The command, with no folder of plugins.
pub(crate) fn command(place: &Place, arguments: &[&str]) -> Command {
    place.command(&all(arguments))
}

pub(crate) fn run(place: &Place, arguments: &[&str]) -> Ran {
    place.run(&all(arguments))
}

/// A command that succeeds, and says nothing on standard error.
#[track_caller]
pub(crate) fn good(place: &Place, arguments: &[&str]) -> String {
    let ran = run(place, arguments);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    ran.out
}

#[track_caller]
pub(crate) fn json(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["--json"];
    all.extend(arguments);
    run(place, &all).json()
}

/// A command that is refused: its one line.
#[track_caller]
pub(crate) fn bad(place: &Place, arguments: &[&str]) -> String {
    let ran = run(place, arguments);
    assert_ne!(ran.code, 0, "{}", ran.out);
    assert_eq!(
        (ran.out.as_str(), ran.err.lines().count()),
        ("", 1),
        "{}",
        ran.err
    );
    ran.err
}

/// Installs a component and gives its digest.
pub(crate) fn install(place: &Place, component: &[u8]) -> Digest {
    place.write("component.wasm", component);
    good(place, &["plugin", "install", "component.wasm"]);
    Digest::of(component)
}

/// Two versions of `ema-cross`, the first of which serves.
pub(crate) fn two(place: &Place) -> (Digest, Digest) {
    let first = install(place, &components::version("ema-cross", "0.1.0"));
    let second = install(place, &components::version("ema-cross", "0.2.0"));
    good(place, &["plugin", "enable", "ema-cross"]);
    (first, second)
}

/// What is installed of `ema-cross`.
pub(crate) fn state(place: &Place) -> Value {
    json(place, &["plugin", "inspect", "ema-cross"])["installed"].clone()
}

pub(crate) fn verified(place: &Place) {
    let ran = run(place, &["audit", "verify"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}
