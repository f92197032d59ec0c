//! The Rust compiler that a folder uses.
//!
//! Which compiler that is depends on the folder (`rust-toolchain.toml`, rustup's overrides), so
//! everything asks from within it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::TARGET;
use crate::process::{self, ProcessError};

/// Why the compiler could not be examined.
#[derive(Debug, thiserror::Error)]
pub enum RustcError {
    /// `rustc` could not be run, or failed.
    #[error("{0}; install Rust with rustup or with the distribution's packages")]
    Process(#[from] ProcessError),
    /// `rustc -vV` did not say something that is needed.
    #[error("`rustc -vV` does not name its {0}")]
    Unknown(&'static str),
}

/// A compiler, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiler {
    /// The compiler to run.
    pub rustc: PathBuf,
    /// The folder that holds its libraries.
    pub sysroot: PathBuf,
    /// Its release, such as `1.95.0` or `1.97.0-nightly`.
    pub release: String,
    /// The commit it was built from, where it says so.
    pub commit: Option<String>,
}

impl Compiler {
    /// The compiler that cargo would use in `folder`.
    pub fn in_folder(folder: &Path) -> Result<Self, RustcError> {
        let rustc = std::env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from);
        Self::describe(rustc, folder)
    }

    /// The compiler at `rustc`, run in `folder`.
    pub fn describe(rustc: PathBuf, folder: &Path) -> Result<Self, RustcError> {
        let about = process::output(Command::new(&rustc).arg("-vV").current_dir(folder))?;
        let field = |name: &str| {
            about
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let sysroot = process::output(
            Command::new(&rustc)
                .args(["--print", "sysroot"])
                .current_dir(folder),
        )?;
        let sysroot = PathBuf::from(sysroot.trim_end());
        // The compiler inside the sysroot is the same one without rustup in between.
        let inside = sysroot.join("bin").join("rustc");
        Ok(Self {
            rustc: if inside.is_file() { inside } else { rustc },
            release: field("release")
                .ok_or(RustcError::Unknown("release"))?
                .to_owned(),
            commit: field("commit-hash")
                .filter(|hash| *hash != "unknown")
                .map(str::to_owned),
            sysroot,
        })
    }

    /// The cargo that belongs to this compiler.
    pub fn cargo(&self) -> PathBuf {
        let inside = self.sysroot.join("bin").join("cargo");
        if inside.is_file() { inside } else { cargo() }
    }

    /// The folder that holds the libraries of [`TARGET`].
    pub fn target_folder(&self) -> PathBuf {
        self.sysroot.join("lib").join("rustlib").join(TARGET)
    }

    /// Compiles and links an empty library for [`TARGET`]: libraries that are missing, left over from
    /// another compiler version or without a linker all show here.
    pub fn probe(&self) -> Result<(), ProcessError> {
        let folder = tempfile::tempdir().map_err(|source| ProcessError::Start {
            program: "rustc".to_owned(),
            source,
        })?;
        process::output_with_input(
            Command::new(&self.rustc)
                .args(["--crate-name", "probe", "--crate-type", "cdylib"])
                .args(["--edition", "2024", "--target", TARGET, "-o"])
                .arg(folder.path().join("probe.wasm"))
                .arg("-")
                .current_dir(folder.path()),
            b"pub fn probe() -> String { String::new() }",
        )
        .map(drop)
    }
}

/// The cargo that runs this process, or else the one on the search path.
fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// A command that runs cargo as from a terminal: started by `cargo run`, this process has variables
/// about its own package, and a build that saw them would do work again that is done.
pub fn cargo_command() -> Command {
    let mut command = Command::new(cargo());
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        let package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| text.starts_with(prefix));
        if package || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"].contains(&text) {
            command.env_remove(&name);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_in_use_describes_itself() {
        let compiler = Compiler::in_folder(Path::new(".")).unwrap();
        assert!(compiler.release.starts_with("1."), "{compiler:?}");
        assert!(compiler.sysroot.join("lib/rustlib").is_dir());
    }
}
