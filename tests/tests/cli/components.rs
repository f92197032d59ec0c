//! Further versions of components, made of the project's own.

use bulkhead_manifest::SECTION;
use serde_json::Value;
use std::borrow::Cow;
use wasm_encoder::{ComponentSection as _, CustomSection};

/// A component without its manifest, which is its last section, and the manifest.
fn split(component: &[u8]) -> (&[u8], Value) {
    let name = SECTION.as_bytes();
    let at = component
        .windows(name.len())
        .rposition(|window| window == name)
        .unwrap();
    let manifest = serde_json::from_slice(&component[at + name.len()..]).unwrap();
    // Before the name its length, in one byte; before that the section's, seven bits a byte; before that a zero.
    let (mut length, mut digits) = (component.len() - (at - 1), 1);
    while length >= 0x80 {
        length >>= 7;
        digits += 1;
    }
    let start = at - 1 - digits - 1;
    assert_eq!(component[start], 0);
    (&component[..start], manifest)
}

/// The component with another manifest.
pub(crate) fn remade(component: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (bare, mut manifest) = split(component);
    edit(&mut manifest);
    let mut bytes = bare.to_vec();
    CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Owned(serde_json::to_vec(&manifest).unwrap()),
    }
    .append_to_component(&mut bytes);
    bytes
}

/// A project's plugin in another version.
pub(crate) fn version(id: &str, number: &str) -> Vec<u8> {
    let component = std::fs::read(bulkhead_tests::plugin(id)).unwrap();
    remade(&component, |manifest| manifest["version"] = number.into())
}

/// Another version of `ema-cross` that traps as soon as it is instantiated.
pub(crate) fn traps_at_start(number: &str) -> Vec<u8> {
    let component = wat::parse_str(
        r#"(component
            (core module $trap (func $start unreachable) (start $start))
            (core instance (instantiate $trap))
            (instance $none)
            (export "bulkhead:plugin/strategy@0.1.0" (instance $none)))"#,
    )
    .unwrap();
    let (_, mut manifest) = split_of("ema-cross");
    manifest["version"] = number.into();
    let mut bytes = component;
    CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Owned(serde_json::to_vec(&manifest).unwrap()),
    }
    .append_to_component(&mut bytes);
    bytes
}

fn split_of(id: &str) -> (Vec<u8>, Value) {
    let component = std::fs::read(bulkhead_tests::plugin(id)).unwrap();
    let (bare, manifest) = split(&component);
    (bare.to_vec(), manifest)
}
