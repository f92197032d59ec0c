//! Gets the libraries of `wasm32-unknown-unknown` for the compiler in use.
//!
//! Three ways, in order: they are there already; `rustup target add` brings them; they are built from
//! the sources of the same compiler version, which come with the compiler or from the package sources
//! that this machine is configured with. After [`ensure`] the compiler is known to build and link for
//! the target, because it was tried.
//!
//! Only the third way writes by itself: it puts a finished folder in its place inside the compiler's
//! sysroot in one step, with a note of where it came from.

mod apt;
mod seed;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{self, ProcessError};
use crate::rustc::{Compiler, RustcError};
use crate::{Progress, TARGET};

pub use apt::AptError;
pub use seed::SeedError;

/// How the target came to be usable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It was there.
    Present,
    /// rustup downloaded it.
    Rustup,
    /// It was built from the library sources in this folder.
    Sources(PathBuf),
    /// It was built from a package of the distribution, named with its version.
    Package(String),
}

/// Why there is no usable target.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The compiler could not be examined.
    #[error(transparent)]
    Rustc(#[from] RustcError),
    /// None of the three ways led anywhere.
    #[error(
        "the {TARGET} target of Rust {release} is missing and none of the three ways got it:\n\
         - rustup: {rustup}\n- sources: {sources}\n\
         mend one of them, or install the target's standard library yourself \
         (`rustup target add {TARGET}`, or on Debian the package libstd-rust-dev-wasm32 together with rustc)"
    )]
    Unavailable {
        /// The compiler's release.
        release: String,
        /// Why rustup did not help.
        rustup: String,
        /// Why building from sources did not help.
        sources: String,
    },
}

/// Name of the note left beside libraries that were built here.
const NOTE: &str = "built-by-bulkhead";

/// Makes the target usable for the compiler that cargo uses in `folder`.
pub fn ensure(folder: &Path, progress: Progress<'_>) -> Result<Origin, TargetError> {
    let compiler = Compiler::in_folder(folder)?;
    ensure_for(&compiler, folder, progress)
}

/// Makes the target usable for `compiler`; `folder` is where rustup is asked.
pub fn ensure_for(
    compiler: &Compiler,
    folder: &Path,
    progress: Progress<'_>,
) -> Result<Origin, TargetError> {
    let Err(missing) = compiler.probe() else {
        return Ok(Origin::Present);
    };
    discard_stale(compiler, progress);
    progress(&format!(
        "target: {TARGET} is not usable with Rust {}, getting it",
        compiler.release
    ));
    let rustup = match by_rustup(compiler, folder, progress) {
        Ok(()) => return Ok(Origin::Rustup),
        Err(why) => why,
    };
    progress(&format!("target: {}", first_line(&rustup)));
    match by_sources(compiler, progress) {
        Ok(origin) => Ok(origin),
        Err(sources) => Err(TargetError::Unavailable {
            release: compiler.release.clone(),
            rustup,
            sources: format!("{sources}\n- the compiler: {missing}"),
        }),
    }
}

/// Removes libraries that were built here for another version of the compiler: neither rustup nor a
/// new build can go over them.
fn discard_stale(compiler: &Compiler, progress: Progress<'_>) {
    let folder = compiler.target_folder();
    if folder.join(NOTE).is_file() && std::fs::remove_dir_all(&folder).is_ok() {
        progress("target: removed libraries built for another version of the compiler");
    }
}

fn by_rustup(compiler: &Compiler, folder: &Path, progress: Progress<'_>) -> Result<(), String> {
    if !process::exists("rustup") {
        return Err("rustup is not installed".to_owned());
    }
    let managed = process::output(
        Command::new("rustup")
            .args(["which", "rustc"])
            .current_dir(folder),
    )
    .map_err(|error| format!("rustup does not know the compiler in use: {error}"))?;
    let same = |path: &Path| path.canonicalize().ok();
    if same(Path::new(managed.trim_end())) != same(&compiler.rustc) {
        return Err("rustup does not manage the compiler in use".to_owned());
    }
    progress(&format!("target: rustup target add {TARGET}"));
    process::output(
        Command::new("rustup")
            .args(["target", "add", TARGET])
            .current_dir(folder),
    )
    .map_err(|error| format!("rustup could not add it: {error}"))?;
    compiler
        .probe()
        .map_err(|error| format!("rustup added it, but it does not work: {error}"))
}

/// Why building the target from sources did not work.
#[derive(Debug, thiserror::Error)]
enum SourcesError {
    #[error("Rust {0} is not a release, so no package holds its sources; use a stable compiler")]
    NotARelease(String),
    #[error(transparent)]
    Apt(#[from] AptError),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error("cannot put the libraries into {}: {source}", folder.display())]
    Install {
        folder: PathBuf,
        source: std::io::Error,
    },
    #[error("the libraries were built but do not work: {0}")]
    Useless(ProcessError),
}

fn by_sources(compiler: &Compiler, progress: Progress<'_>) -> Result<Origin, SourcesError> {
    let parent = compiler.sysroot.join("lib").join("rustlib");
    let at_parent = |source| SourcesError::Install {
        folder: parent.clone(),
        source,
    };
    // Also finds out, before anything is downloaded, whether the sysroot can be written.
    let staging = tempfile::Builder::new()
        .prefix(".bulkhead-")
        .tempdir_in(&parent)
        .map_err(at_parent)?;
    let work = tempfile::tempdir().map_err(|source| SourcesError::Install {
        folder: std::env::temp_dir(),
        source,
    })?;
    let (library, origin) = match local_library(compiler) {
        Some(library) => (library.clone(), Origin::Sources(library)),
        None => {
            if compiler.release.contains('-') {
                return Err(SourcesError::NotARelease(compiler.release.clone()));
            }
            let package = apt::library(&compiler.release, work.path(), progress)?;
            (package.library, Origin::Package(package.name))
        }
    };
    progress(&format!(
        "target: building {TARGET} from {} (about half a minute)",
        match &origin {
            Origin::Package(name) => name.clone(),
            _ => library.display().to_string(),
        }
    ));
    let built = staging.path().join("target");
    seed::build(compiler, &library, work.path(), &built.join("lib"))?;
    std::fs::write(
        built.join(NOTE),
        format!("Standard library of Rust {}.\n", compiler.release),
    )
    .and_then(|()| replace(&built, &compiler.target_folder()))
    .map_err(at_parent)?;
    compiler.probe().map_err(SourcesError::Useless)?;
    Ok(origin)
}

/// The standard library's sources of the same version, where they are on this machine already.
fn local_library(compiler: &Compiler) -> Option<PathBuf> {
    let component = compiler.sysroot.join("lib/rustlib/src/rust/library");
    let package = Path::new("/usr/src").join(format!("rustc-{}/library", compiler.release));
    [component, package]
        .into_iter()
        .find(|library| library.join("Cargo.lock").is_file())
}

/// Moves the folder `from` to `to`; what is at `to` goes.
fn replace(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to)?;
    }
    std::fs::rename(from, to)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A compiler that fails at everything, in a sysroot of its own.
    fn broken(sysroot: &Path, release: &str) -> Compiler {
        Compiler {
            rustc: PathBuf::from("false"),
            sysroot: sysroot.to_owned(),
            release: release.to_owned(),
            commit: None,
        }
    }

    #[test]
    fn when_nothing_helps_every_way_says_why() {
        let sysroot = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(sysroot.path().join("lib/rustlib")).unwrap();
        let compiler = broken(sysroot.path(), "1.0.0-nightly");
        let mut said = Vec::new();
        let error = ensure_for(&compiler, sysroot.path(), &mut |line| {
            said.push(line.to_owned());
        })
        .unwrap_err()
        .to_string();
        assert!(error.contains("- rustup: "), "{error}");
        assert!(error.contains("1.0.0-nightly is not a release"), "{error}");
        assert!(
            said[0].contains("not usable with Rust 1.0.0-nightly"),
            "{said:?}"
        );
        let left = std::fs::read_dir(sysroot.path().join("lib/rustlib")).unwrap();
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn a_sysroot_that_cannot_be_written_is_named() {
        let sysroot = tempfile::tempdir().unwrap();
        let compiler = broken(&sysroot.path().join("gone"), "1.0.0");
        let error = ensure_for(&compiler, sysroot.path(), &mut |_| {}).unwrap_err();
        assert!(
            error.to_string().contains("cannot put the libraries into"),
            "{error}"
        );
    }

    #[test]
    fn only_libraries_that_were_built_here_are_removed() {
        let sysroot = tempfile::tempdir().unwrap();
        let compiler = broken(sysroot.path(), "1.0.0-nightly");
        let folder = compiler.target_folder();
        std::fs::create_dir_all(folder.join("lib")).unwrap();
        ensure_for(&compiler, sysroot.path(), &mut |_| {}).unwrap_err();
        assert!(folder.is_dir(), "what rustup installed is rustup's");
        std::fs::write(folder.join(NOTE), "").unwrap();
        ensure_for(&compiler, sysroot.path(), &mut |_| {}).unwrap_err();
        assert!(!folder.exists());
    }

    #[test]
    fn sources_that_came_with_the_compiler_are_preferred() {
        let sysroot = tempfile::tempdir().unwrap();
        let compiler = broken(sysroot.path(), "1.0.0");
        assert_eq!(local_library(&compiler), None);
        let library = sysroot.path().join("lib/rustlib/src/rust/library");
        std::fs::create_dir_all(&library).unwrap();
        std::fs::write(library.join("Cargo.lock"), "").unwrap();
        assert_eq!(local_library(&compiler), Some(library));
    }
}
