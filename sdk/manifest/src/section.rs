//! The custom section that carries a manifest, at the top level of a component.

use crate::error::ManifestError;
use crate::model::{Manifest, one_line};
use std::borrow::Cow;
use std::ops::Range;
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasmparser::{Chunk, Encoding, Parser, Payload};

/// Name of the section.
pub const SECTION: &str = "bulkhead:manifest";

/// Longest content of the section, in bytes.
pub const MAX_SECTION_BYTES: usize = 64 * 1024;

/// Reads and checks the manifest of a component. Only the outermost structure is parsed: what nested
/// modules and components hold is skipped, and nothing is validated beyond what is needed to walk it.
///
/// # Errors
/// Every case of [`ManifestError`] but `Toml`.
pub fn read_section(wasm: &[u8]) -> Result<Manifest, ManifestError> {
    match find(wasm)? {
        Some((data, _)) => {
            if data.len() > MAX_SECTION_BYTES {
                return Err(ManifestError::TooLarge { size: data.len() });
            }
            Manifest::from_json(data)
        }
        None => Err(ManifestError::Missing),
    }
}

/// The component with the manifest appended as its last section.
///
/// # Errors
/// As [`Manifest::validate`] and [`Manifest::to_json`]; [`ManifestError::Duplicate`] when the component has
/// a manifest already; the structural cases when `wasm` is no component.
pub fn append_section(wasm: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    manifest.validate()?;
    if find(wasm)?.is_some() {
        return Err(ManifestError::Duplicate);
    }
    let json = manifest.to_json()?;
    let mut out = wasm.to_vec();
    CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Owned(json),
    }
    .append_to_component(&mut out);
    Ok(out)
}

/// The component with another manifest in place of its own: the same code released anew.
///
/// # Errors
/// As [`read_section`] and [`append_section`].
pub fn replace_section(wasm: &[u8], manifest: &Manifest) -> Result<Vec<u8>, ManifestError> {
    let Some((_, range)) = find(wasm)? else {
        return Err(ManifestError::Missing);
    };
    let bare = [&wasm[..range.start], &wasm[range.end..]].concat();
    append_section(&bare, manifest)
}

/// What there is of the one manifest section: its content, and where the whole section lies.
type Found<'a> = Option<(&'a [u8], Range<usize>)>;

/// The one manifest section, `None` when there is none.
fn find(wasm: &[u8]) -> Result<Found<'_>, ManifestError> {
    if !wasm.starts_with(b"\0asm") {
        return Err(ManifestError::NotWasm);
    }
    let mut parser = Parser::new(0);
    let mut at = 0usize;
    let mut found = None;
    loop {
        let rest = wasm.get(at..).unwrap_or_default();
        let (consumed, payload) = match parser.parse(rest, true) {
            Ok(Chunk::Parsed { consumed, payload }) => (consumed, payload),
            Ok(Chunk::NeedMoreData(_)) => {
                return Err(malformed(wasm.len(), "it ends in the middle of a section"));
            }
            // The parser's own offset leaves out what was skipped, so the place is taken from here.
            Err(error) => return Err(malformed(at, error.message())),
        };
        let begun = at;
        at += consumed;
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => return Err(ManifestError::CoreModule),
            Payload::ModuleSection {
                unchecked_range, ..
            }
            | Payload::ComponentSection {
                unchecked_range, ..
            } => {
                let length = usize::try_from(unchecked_range.end - unchecked_range.start)
                    .unwrap_or(usize::MAX);
                if length > wasm.len().saturating_sub(at) {
                    return Err(malformed(at, "a nested module is longer than the file"));
                }
                at += length;
            }
            Payload::CustomSection(section) if section.name() == SECTION => {
                found = match found {
                    None => Some((section.data(), begun..at)),
                    Some(_) => return Err(ManifestError::Duplicate),
                };
            }
            Payload::End(_) => return Ok(found),
            _ => {}
        }
    }
}

fn malformed(offset: usize, reason: &str) -> ManifestError {
    ManifestError::Malformed {
        offset: offset as u64,
        reason: one_line(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::model::{API, Limits, Requests};
    use wasm_encoder::{Component, Module, ModuleSection, NestedComponentSection};

    fn manifest() -> Manifest {
        Manifest {
            id: "ema-cross".into(),
            version: "1.2.3".into(),
            kind: Kind::Strategy,
            api: API.into(),
            licence: "Apache-2.0".into(),
            description: "An example.".into(),
            authors: vec![],
            requests: Requests::default(),
            limits: Limits::default(),
            config_schema: serde_json::json!({ "type": "object" }),
        }
    }

    fn custom(data: &[u8]) -> CustomSection<'_> {
        CustomSection {
            name: Cow::Borrowed(SECTION),
            data: Cow::Borrowed(data),
        }
    }

    #[test]
    fn what_was_appended_is_read_back() {
        let component = append_section(&Component::new().finish(), &manifest()).unwrap();
        assert_eq!(read_section(&component).unwrap(), manifest());
        assert_eq!(
            append_section(&component, &manifest()),
            Err(ManifestError::Duplicate)
        );
    }

    #[test]
    fn the_same_code_is_released_anew_under_another_manifest() {
        let old = append_section(&Component::new().finish(), &manifest()).unwrap();
        let next = Manifest {
            version: "2.0.0-a.longer.one".into(),
            ..manifest()
        };
        let new = replace_section(&old, &next).unwrap();
        assert_eq!(read_section(&new).unwrap(), next);
        assert_eq!(replace_section(&new, &manifest()).unwrap(), old);
        let bare = Component::new().finish();
        assert_eq!(replace_section(&bare, &next), Err(ManifestError::Missing));
    }

    #[test]
    fn only_a_component_with_one_top_level_section_is_accepted() {
        assert_eq!(read_section(b"#!/bin/sh"), Err(ManifestError::NotWasm));
        assert_eq!(
            read_section(&Module::new().finish()),
            Err(ManifestError::CoreModule)
        );
        let bare = Component::new().finish();
        assert_eq!(read_section(&bare), Err(ManifestError::Missing));

        let mut two = append_section(&bare, &manifest()).unwrap();
        custom(b"{}").append_to_component(&mut two);
        assert_eq!(read_section(&two), Err(ManifestError::Duplicate));
    }

    #[test]
    fn a_section_inside_a_nested_module_or_component_does_not_count() {
        let json = manifest().to_json().unwrap();
        let mut module = Module::new();
        module.section(&custom(&json));
        let mut nested = Component::new();
        nested.section(&custom(&json));
        let mut outer = Component::new();
        outer.section(&ModuleSection(&module));
        outer.section(&NestedComponentSection(&nested));
        let bytes = outer.finish();
        assert_eq!(read_section(&bytes), Err(ManifestError::Missing));
        let whole = append_section(&bytes, &manifest()).unwrap();
        assert_eq!(read_section(&whole).unwrap(), manifest());
    }

    #[test]
    fn content_that_is_too_long_broken_or_unknown_is_named() {
        let with = |data: &[u8]| {
            let mut bytes = Component::new().finish();
            custom(data).append_to_component(&mut bytes);
            read_section(&bytes).unwrap_err()
        };
        let long = vec![b' '; MAX_SECTION_BYTES + 1];
        assert_eq!(
            with(&long),
            ManifestError::TooLarge {
                size: MAX_SECTION_BYTES + 1
            }
        );
        assert!(with(b"{").to_string().contains("does not parse"));

        let mut unknown = serde_json::to_value(manifest()).unwrap();
        unknown["colour"] = "red".into();
        let error = with(unknown.to_string().as_bytes()).to_string();
        assert!(error.contains("unknown field `colour`"), "{error}");

        let mut newer = serde_json::to_value(manifest()).unwrap();
        newer["api"] = "9.0".into();
        assert_eq!(
            with(newer.to_string().as_bytes()),
            ManifestError::UnsupportedApi {
                found: "9.0".into()
            }
        );
    }

    #[test]
    fn a_cut_off_component_is_damaged_wherever_it_was_cut() {
        let mut outer = Component::new();
        let module = Module::new();
        outer.section(&ModuleSection(&module));
        let bytes = append_section(&outer.finish(), &manifest()).unwrap();
        for length in 8..bytes.len() {
            let error = read_section(&bytes[..length]).unwrap_err();
            assert!(
                matches!(
                    error,
                    ManifestError::Malformed { .. } | ManifestError::Missing
                ),
                "cut at {length}: {error}"
            );
        }
    }
}
