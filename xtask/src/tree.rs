//! Where things are, and how cargo is run on them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use bulkhead_toolchain::{process, rustc};
use serde::Deserialize;

/// The checkout and its target folder.
pub(crate) struct Tree {
    /// Root of the checkout.
    pub(crate) root: PathBuf,
    /// cargo's target folder of the host's workspace.
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

impl Tree {
    /// The checkout that this program was run from.
    pub(crate) fn find() -> Result<Self> {
        let package = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = package
            .parent()
            .context("xtask has no parent folder")?
            .to_owned();
        let text = process::output(
            rustc::cargo_command()
                .args(["metadata", "--no-deps", "--format-version", "1"])
                .current_dir(&root),
        )?;
        let metadata: Metadata =
            serde_json::from_str(&text).context("`cargo metadata` is not understood")?;
        Ok(Self {
            root,
            target: metadata.target_directory,
        })
    }

    /// cargo, to be run in the checkout's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = rustc::cargo_command();
        command.current_dir(&self.root);
        command
    }

    /// The finished plugins.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The finished hostile plugins of the tests.
    pub(crate) fn hostile(&self) -> PathBuf {
        self.target.join("hostile")
    }

    /// The host's binary.
    pub(crate) fn bulkhead(&self) -> PathBuf {
        self.target
            .join("debug")
            .join("bulkhead")
            .with_extension(std::env::consts::EXE_EXTENSION)
    }
}

/// Says what is being done.
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Runs a command with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot run `{name}`"))?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program())
        .file_stem()
        .unwrap_or_default();
    std::iter::once(program)
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
