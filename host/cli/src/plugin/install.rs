//! `bulkhead plugin install`

use super::{Why, build, capabilities, made, request, said};
use crate::environment::loader;
use crate::operations::Made;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_registry::grants::effective;
use bulkhead_registry::{Applied, Capabilities, Change, InstalledPlugin};
use bulkhead_sandbox::{Loader, Plugin};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component, or the plugin's folder, which is built first
    #[arg(value_name = "FILE.wasm|DIR")]
    what: PathBuf,
    /// Grant exactly what it asks for; files need --files
    #[arg(long)]
    grant_requested: bool,
    /// A folder that it may read, with everything in it; may be repeated
    #[arg(long, value_name = "DIR", requires = "grant_requested")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    why: Why,
}

pub(crate) fn run(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let file = if arguments.what.is_dir() {
        build::component(&arguments.what, None, false)?.path
    } else {
        arguments.what.clone()
    };
    let loader = Arc::new(loader(options)?);
    // Loaded here first: what is wrong with the file is said before anything is asked of anybody, and whoever
    // owns the state folder finds it compiled.
    let plugin = loader.load_file(&file)?;
    let manifest = plugin.manifest();
    let wanted = arguments
        .grant_requested
        .then(|| {
            let files = arguments.files.iter().cloned().collect();
            let named = Capabilities {
                files,
                ..Capabilities::default()
            };
            capabilities::requested(manifest, named)?.checked()
        })
        .transpose()?
        .unwrap_or_default();
    let why = arguments.why.clone();
    let (made, owned) = install(options, &loader, &file, &plugin, wanted, why)?;
    let plugin_now = super::installed(options, &manifest.id)?;
    if options.json {
        return output::json(&json!({
            "applied": made,
            "owned": owned,
            "digest": plugin.digest(),
            "manifest": manifest,
            "plugin": plugin_now,
            "effective": effective(&manifest.requests, &plugin_now.granted),
        }));
    }
    output::line(said(&made))?;
    capabilities::show(&manifest.requests, &plugin_now.granted)?;
    next(&plugin_now, &plugin, &made.applied)
}

/// Has a component installed, and granted what is given with it.
pub(crate) fn install(
    options: &GlobalOptions,
    loader: &Arc<Loader>,
    file: &Path,
    plugin: &Plugin,
    grant: Capabilities,
    why: Why,
) -> Result<(Made, bool), Problem> {
    let whole = file.canonicalize().map_err(|error| {
        Problem::user(
            format!("the plugin cannot be read: {error}"),
            "check the path",
        )
        .in_file(file)
    })?;
    let change = Change::Install {
        file: whole,
        digest: plugin.digest(),
        grant,
    };
    made(
        options,
        loader,
        &request(&*plugin.manifest().id, change, why),
    )
}

/// What is left to do.
fn next(plugin: &InstalledPlugin, version: &Plugin, applied: &Applied) -> Result<(), Problem> {
    let id = &plugin.id;
    match capabilities::how(plugin, &version.manifest().requests) {
        Some(how) => output::line(format!(
            "not all that it asks for is granted; to grant it: {how}"
        ))?,
        None if plugin.granted.is_empty() => {
            output::line("it asks for nothing, and nothing is granted")?
        }
        None => {}
    }
    if plugin.active != version.digest() {
        return output::line(format!(
            "to put it in service: bulkhead plugin swap {id} --to {}",
            version.digest().short()
        ));
    }
    if let Some(lacks) = &applied.lacks {
        output::line(format!("before it can be enabled: {lacks}"))?;
    }
    if plugin.standing.enabled {
        return Ok(());
    }
    output::line(format!("to let it run: bulkhead plugin enable {id}"))
}
