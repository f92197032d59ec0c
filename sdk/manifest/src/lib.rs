//! What a plugin says of itself, and where it says it.
//!
//! An author writes `plugin.toml`; the build tool turns it into exactly one *top-level* custom section,
//! [`SECTION`], of the finished component; the host reads that section before it compiles a single
//! function. Everything here is pure: bytes and text in, a [`Manifest`] or a [`ManifestError`] out.
//!
//! Bounds: a section holds at most [`MAX_SECTION_BYTES`]; unknown fields are refused, so a misspelt key is
//! never silently ignored; nested modules and components are skipped, so a section hidden inside one does
//! not count.

mod error;
mod kind;
mod model;
mod section;

pub use error::ManifestError;
pub use kind::Kind;
pub use model::{API, Limits, Manifest, Requests};
pub use section::{MAX_SECTION_BYTES, SECTION, append_section, read_section, replace_section};
