//! Whether a version may serve: it is what it says, compiles, links, and starts. It is configured where it is put to
//! work: with a session's settings, and for its instruments.

use crate::background;
use bulkhead_domain::{Digest, Problem};
use bulkhead_sandbox::{Grants, Loader, Plugin};

/// Loads a component and starts an instance of it once, on a thread that is no runtime's. A compiler may run: whoever
/// trades in this process meanwhile goes first.
pub(super) fn verified(
    loader: &Loader,
    wasm: &[u8],
    id: &str,
    digest: &Digest,
) -> Result<Plugin, Problem> {
    background(|| started(loader, wasm, id, digest))
}

fn started(loader: &Loader, wasm: &[u8], id: &str, digest: &Digest) -> Result<Plugin, Problem> {
    let plugin = loader.load(wasm)?;
    if plugin.digest() != *digest {
        return Err(Problem::user(
            format!(
                "the component of plugin {id} has SHA-256 {}, and {} was asked for",
                plugin.digest().short(),
                digest.short()
            ),
            "it was changed meanwhile; repeat the command",
        ));
    }
    if plugin.manifest().id != id {
        return Err(Problem::user(
            format!(
                "the component calls itself {}, not {id}",
                plugin.manifest().id
            ),
            "name it by its own id",
        ));
    }
    start(&plugin)?;
    Ok(plugin)
}

fn start(plugin: &Plugin) -> Result<(), Problem> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| {
            Problem::host(
                format!("plugin {} cannot be started: {error}", plugin.manifest().id),
                "free some file descriptors",
            )
        })?;
    Ok(runtime.block_on(plugin.start(&Grants::default()))?)
}
