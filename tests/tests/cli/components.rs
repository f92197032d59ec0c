//! Further versions of components, made of the project's own.

use bulkhead_manifest::{Manifest, append_section, read_section, replace_section};
use serde_json::Value;

/// The component with another manifest.
pub(crate) fn remade(component: &[u8], edit: impl FnOnce(&mut Value)) -> Vec<u8> {
    let manifest = read_section(component).unwrap();
    let mut manifest = serde_json::to_value(manifest).unwrap();
    edit(&mut manifest);
    let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
    replace_section(component, &manifest).unwrap()
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
    let manifest = read_section(&version("ema-cross", number)).unwrap();
    append_section(&component, &manifest).unwrap()
}
