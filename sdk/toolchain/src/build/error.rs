//! Why a plugin was not built, each in one line that says what to mend.

use std::path::{Path, PathBuf};

use bulkhead_manifest::ManifestError;

use super::MAX_COMPONENT_BYTES;
use crate::process::ProcessError;
use crate::rustc::RustcError;

/// Why a plugin was not built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The folder is no plugin.
    #[error("{}: no {missing} here; a plugin's folder holds Cargo.toml and plugin.toml (`bulkhead plugin new` makes one)", folder.display())]
    NotAPlugin {
        /// The folder given.
        folder: PathBuf,
        /// The file that is missing.
        missing: &'static str,
    },
    /// The workspace holds no plugin.
    #[error("{}: no member of this workspace has a plugin.toml", .0.display())]
    NoPlugins(PathBuf),
    /// The manifest does not parse, or a value in it is refused.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The `plugin.toml`.
        path: PathBuf,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The crate makes no module.
    #[error("{}: the library must have `crate-type = [\"cdylib\", \"rlib\"]`, or there is no module to load", .0.display())]
    NoCdylib(PathBuf),
    /// Two plugins of one workspace share an id.
    #[error("{} and {} both have the id `{id}`", first.display(), second.display())]
    SameId {
        /// The id.
        id: String,
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// The compiler could not be examined.
    #[error(transparent)]
    Rustc(#[from] RustcError),
    /// cargo could not be run, or could not read the workspace.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// cargo said something that is not understood.
    #[error("cargo's answer about {} is not understood: {reason}", folder.display())]
    Answer {
        /// The folder asked about.
        folder: PathBuf,
        /// What was wrong with the answer.
        reason: String,
    },
    /// The sources do not compile. cargo has said why on standard error.
    #[error("{} did not compile; cargo's messages are above", .0.display())]
    Compile(PathBuf),
    /// The module is no plugin of this contract.
    #[error("{id}: the module cannot become a component: {reason}")]
    Componentize {
        /// The plugin.
        id: String,
        /// What was wrong with the module.
        reason: String,
    },
    /// The component is too large.
    #[error(
        "{id}: the component has {bytes} bytes, more than the {MAX_COMPONENT_BYTES} allowed; leave out what it does not need"
    )]
    TooLarge {
        /// The plugin.
        id: String,
        /// Its size.
        bytes: usize,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
}

pub(super) fn io_at(path: &Path) -> impl FnOnce(std::io::Error) -> BuildError {
    let path = path.to_owned();
    move |source| BuildError::Io { path, source }
}
