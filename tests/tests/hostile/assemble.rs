//! Components from a hostile plugin's folder, and the errors that its `expected.txt` foretells.

use std::borrow::Cow;
use std::fs;
use std::path::PathBuf;

use bulkhead_manifest::SECTION;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

pub(crate) fn folder(name: &str) -> PathBuf {
    bulkhead_tests::root().join("tests/hostile").join(name)
}

fn text(name: &str, file: &str) -> String {
    let path = folder(name).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A plugin in WebAssembly text, with its `plugin.toml` as the manifest.
pub(crate) fn assembled(name: &str) -> Vec<u8> {
    with_section(&bare(name), &section(name))
}

/// The same without a manifest: from `component.wat`, or from `module.wat` in the world of `world.wit`.
pub(crate) fn bare(name: &str) -> Vec<u8> {
    if folder(name).join("component.wat").is_file() {
        return wat::parse_str(text(name, "component.wat")).unwrap();
    }
    let mut module = wat::parse_str(text(name, "module.wat")).unwrap();
    let mut resolve = Resolve::default();
    resolve
        .push_dir(bulkhead_tests::root().join("wit"))
        .unwrap();
    let package = resolve
        .push_str(format!("{name}/world.wit"), &text(name, "world.wit"))
        .unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .unwrap()
}

/// What the manifest's section would hold; nothing in it is checked.
pub(crate) fn section(name: &str) -> Vec<u8> {
    let manifest: serde_json::Value = toml::from_str(&text(name, "plugin.toml")).unwrap();
    serde_json::to_vec(&manifest).unwrap()
}

/// The component with one more section that says it is the manifest.
pub(crate) fn with_section(component: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Borrowed(data),
    }
    .append_to_component(&mut bytes);
    bytes
}

/// Holds an error to the one line of the plugin's `expected.txt`.
pub(crate) fn expect(name: &str, error: &str) {
    let lines = text(name, "expected.txt");
    let [expected] = lines.lines().collect::<Vec<_>>()[..] else {
        panic!("{name}/expected.txt has several cases; say which");
    };
    hold(name, expected, error);
}

/// Holds an error to the line `case: text` of the plugin's `expected.txt`.
pub(crate) fn expect_case(name: &str, case: &str, error: &str) {
    let lines = text(name, "expected.txt");
    let expected = lines
        .lines()
        .find_map(|line| line.strip_prefix(case)?.strip_prefix(": "))
        .unwrap_or_else(|| {
            panic!("{name}/expected.txt has no case `{case}`; the error was\n{error}")
        });
    hold(&format!("{name}, {case}"), expected, error);
}

fn hold(what: &str, expected: &str, error: &str) {
    assert!(
        !expected.is_empty() && error.contains(expected),
        "{what}\n  error:    {error}\n  expected: {expected}"
    );
    assert_eq!(error.lines().count(), 1, "{what}: not one line\n{error}");
}

#[test]
fn every_hostile_plugin_has_its_expected_text() {
    // Those that do no harm, and those whose harm other tests look at.
    let harmless = [
        "deaf-broker",
        "fold-memory",
        "hoarder",
        "innocent",
        "innocent-source",
        "mortal-broker",
        "mortal-rule",
        "polls-at-start",
        "random-draws",
        "wasi",
        "wasi-printer",
        "wasi-snoop",
    ];
    for entry in folder("").read_dir().unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() && name != "target" && !harmless.contains(&name.as_str()) {
            assert!(!text(&name, "expected.txt").trim().is_empty(), "{name}");
        }
    }
}
