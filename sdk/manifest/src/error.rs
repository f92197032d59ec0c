//! What can be wrong with a manifest, each in one line that says how to mend it.

use crate::model::API;
use crate::section::{MAX_SECTION_BYTES, SECTION};

/// A manifest, or the component that should carry one, is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The bytes do not start as WebAssembly does.
    #[error("this is not a WebAssembly file; give the .wasm that `bulkhead plugin build` wrote")]
    NotWasm,
    /// A core module was given.
    #[error(
        "this is a core WebAssembly module, not a component; build the plugin with `bulkhead plugin build`, which makes one"
    )]
    CoreModule,
    /// The component's outermost structure does not parse.
    #[error("the component is damaged at byte {offset}: {reason}; build or download it again")]
    Malformed {
        /// Position in the file, in bytes.
        offset: u64,
        /// The parser's reason.
        reason: String,
    },
    /// There is no manifest.
    #[error(
        "the component has no `{SECTION}` section; build it with `bulkhead plugin build`, which adds the manifest"
    )]
    Missing,
    /// There is more than one manifest.
    #[error(
        "the component has more than one `{SECTION}` section, so it is not clear which one holds; build it again from its source"
    )]
    Duplicate,
    /// The manifest does not fit.
    #[error(
        "the manifest is {size} bytes long, at most {MAX_SECTION_BYTES} fit; shorten the description or the config schema"
    )]
    TooLarge {
        /// Length found, in bytes.
        size: usize,
    },
    /// The section is not the JSON form of a manifest.
    #[error(
        "the manifest does not parse: {reason}; build the plugin again with `bulkhead plugin build`"
    )]
    Json {
        /// The parser's reason; names the field and the place.
        reason: String,
    },
    /// `plugin.toml` does not parse as a manifest. Whoever knows the file names it.
    #[error("line {line}, column {column}: {reason}")]
    Toml {
        /// Counted from 1; 0 when unknown.
        line: usize,
        /// Counted from 1; 0 when unknown.
        column: usize,
        /// The parser's reason; names the field.
        reason: String,
    },
    /// The plugin was made for another contract.
    #[error(
        "the plugin is built for API {found}, this host speaks {API}; rebuild the plugin against the matching SDK, or use the matching host"
    )]
    UnsupportedApi {
        /// What the manifest says.
        found: String,
    },
    /// A field's value cannot be accepted.
    #[error("manifest field `{field}`: {reason}")]
    Field {
        /// Path of the field, as it is written in `plugin.toml`.
        field: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
}

/// A field whose value cannot be accepted.
pub(crate) fn field(name: &str, reason: impl Into<String>) -> ManifestError {
    ManifestError::Field {
        field: name.to_owned(),
        reason: reason.into(),
    }
}
