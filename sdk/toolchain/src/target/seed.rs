//! Builds the standard library for the target from its sources.
//!
//! cargo builds it as a dependency of an empty crate (`-Zbuild-std`); bitcode stays in, so that plugins
//! can be linked with LTO. Paths of this machine are kept out of what is built. Where the sources
//! bring their own dependencies along, nothing is downloaded.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::TARGET;
use crate::process::{self, ProcessError};
use crate::rustc::Compiler;

/// Why the standard library could not be built.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// cargo failed.
    #[error("building the standard library: {0}")]
    Build(#[from] ProcessError),
    /// A file could not be written or read.
    #[error("building the standard library in {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// cargo ended well but left no libraries.
    #[error("building the standard library left no libraries in {}", .0.display())]
    Nothing(PathBuf),
}

const MANIFEST: &str = r#"[package]
name = "seed"
version = "0.0.0"
edition = "2024"

[lib]
path = "seed.rs"

[profile.release]
panic = "abort"

[workspace]
"#;

/// Compiles the sources in `library` within `work` and leaves the libraries in `out`.
pub(super) fn build(
    compiler: &Compiler,
    library: &Path,
    work: &Path,
    out: &Path,
) -> Result<(), SeedError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| SeedError::Io { path, source }
    };
    let seed = work.join("seed");
    std::fs::create_dir_all(&seed).map_err(at(&seed))?;
    std::fs::write(seed.join("Cargo.toml"), MANIFEST).map_err(at(&seed))?;
    std::fs::write(seed.join("seed.rs"), "").map_err(at(&seed))?;
    let target = seed.join("target");

    let commit = compiler.commit.as_deref().unwrap_or(&compiler.release);
    let vendor = library.join("vendor");
    // The same names as in the libraries that rustup brings.
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let flags = [
        "-Cembed-bitcode=yes".to_owned(),
        remap(library, &format!("/rustc/{commit}/library")),
        remap(&vendor, "/rust/deps"),
    ];
    let mut command = Command::new(compiler.cargo());
    command
        .args(["build", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort")
        .arg("--target-dir")
        .arg(&target)
        .current_dir(&seed)
        // A stable compiler builds its own library with the features it keeps to itself.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", &compiler.rustc)
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", library)
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET");
    if vendor.is_dir() {
        command.arg("--offline").args([
            "--config",
            r#"source.crates-io.replace-with="library""#,
            "--config",
            &format!("source.library.directory={}", quoted(&vendor)),
        ]);
    }
    process::output(&mut command)?;

    let built = target.join(TARGET).join("release").join("deps");
    std::fs::create_dir_all(out).map_err(at(out))?;
    let mut copied = 0;
    for entry in std::fs::read_dir(&built).map_err(at(&built))? {
        let path = entry.map_err(at(&built))?.path();
        let (Some(name), Some("rlib")) = (
            path.file_name().and_then(|name| name.to_str()),
            path.extension().and_then(|extension| extension.to_str()),
        ) else {
            continue;
        };
        if !name.starts_with("libseed-") {
            std::fs::copy(&path, out.join(name)).map_err(at(&path))?;
            copied += 1;
        }
    }
    if copied == 0 {
        return Err(SeedError::Nothing(built));
    }
    Ok(())
}

/// A path as a TOML basic string.
fn quoted(path: &Path) -> String {
    toml::Value::String(path.display().to_string()).to_string()
}
