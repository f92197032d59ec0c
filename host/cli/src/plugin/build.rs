//! `bulkhead plugin build`

use crate::options::GlobalOptions;
use crate::{output, problems};
use bulkhead_domain::Problem;
use bulkhead_toolchain::build::{self, BuiltPlugin, Options};
use bulkhead_toolchain::target;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Folder that receives the component; target/plugins in the plugin's own unless given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Refuse to change the plugin's lock file
    #[arg(long)]
    locked: bool,
}

pub(crate) fn run(options: &GlobalOptions, arguments: Arguments) -> Result<(), Problem> {
    let built = component(&arguments.folder, arguments.out, arguments.locked)?;
    if options.json {
        return output::json(&json!({
            "id": built.manifest.id,
            "version": built.manifest.version,
            "kind": built.manifest.kind,
            "path": built.path,
            "bytes": built.bytes,
            "digest": built.digest,
            "changed": built.changed,
        }));
    }
    output::pairs([
        (
            "plugin",
            format!(
                "{} {} ({})",
                built.manifest.id, built.manifest.version, built.manifest.kind
            ),
        ),
        ("component", built.path.display().to_string()),
        ("size", format!("{} bytes", built.bytes)),
        ("sha-256", built.digest),
    ])
}

/// Builds the component of a plugin's folder.
pub(crate) fn component(
    folder: &Path,
    out: Option<PathBuf>,
    locked: bool,
) -> Result<BuiltPlugin, Problem> {
    if !folder.is_dir() {
        return Err(
            Problem::user("there is no such folder", "name the plugin's folder").in_file(folder),
        );
    }
    let mut how = Options::new(out.unwrap_or_else(|| folder.join("target").join("plugins")));
    how.locked = locked;
    let mut say = |text: &str| output::note(text);
    // A folder that is no plugin is said so before any compiler is fetched for it.
    if folder.join("Cargo.toml").is_file() {
        target::ensure(folder, &mut say).map_err(|error| problems::of_target(&error))?;
    }
    build::plugin(folder, &how, &mut say).map_err(problems::of_build)
}
