//! What the end-to-end tests share: where the checkout and the built components are.
//!
//! Components are built by `cargo xtask plugins`, which `cargo xtask test` runs first; a test that finds
//! none says so instead of being skipped.

use std::path::{Path, PathBuf};

/// Root of the checkout.
pub fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// The finished component of the project's plugin `id`.
///
/// # Panics
/// When it has not been built.
pub fn plugin(id: &str) -> PathBuf {
    component("BULKHEAD_PLUGINS", "plugins", id)
}

/// The finished component of the hostile plugin `id`.
///
/// # Panics
/// When it has not been built.
pub fn hostile(id: &str) -> PathBuf {
    component("BULKHEAD_HOSTILE", "hostile", id)
}

/// Folder of the project's finished components.
pub fn plugins() -> PathBuf {
    folder("BULKHEAD_PLUGINS", "plugins")
}

fn component(variable: &str, name: &str, id: &str) -> PathBuf {
    let path = folder(variable, name).join(format!("{id}.wasm"));
    assert!(
        path.is_file(),
        "{} is missing; build it with `cargo xtask plugins`",
        path.display()
    );
    path
}

/// cargo's target folder: this test lies in a profile's folder within it.
pub fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|test| test.ancestors().nth(3).map(Path::to_owned))
        .unwrap_or_else(|| root().join("target"))
}

/// The host's command, built beside this test.
///
/// # Panics
/// When it has not been built.
pub fn bulkhead() -> PathBuf {
    let profile = std::env::current_exe()
        .ok()
        .and_then(|test| test.ancestors().nth(2).map(Path::to_owned))
        .unwrap_or_else(|| target().join("debug"));
    let path = profile
        .join("bulkhead")
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "{} is missing; build it with `cargo build --package bulkhead-cli`",
        path.display()
    );
    path
}

/// What `cargo xtask test` says in the environment, or else where it would have built.
fn folder(variable: &str, name: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| target().join(name), PathBuf::from)
}
