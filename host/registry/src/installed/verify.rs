//! Whether a version may serve: it is what it says, compiles, links, and starts. It is configured where it is put to
//! work: with a session's settings, and for its instruments.

use bulkhead_domain::{Digest, Problem};
use bulkhead_sandbox::{Grants, Loader, Plugin};

/// Loads a component and starts an instance of it once, on a thread that is no runtime's.
pub(super) fn verified(
    loader: &Loader,
    wasm: &[u8],
    id: &str,
    digest: &Digest,
) -> Result<Plugin, Problem> {
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
    let no_thread = |text: &dyn std::fmt::Display| {
        Problem::host(
            format!("no thread to start plugin {}: {text}", plugin.manifest().id),
            "free some threads",
        )
    };
    let work = || -> Result<(), Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| no_thread(&error))?;
        Ok(runtime.block_on(plugin.start(&Grants::default()))?)
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("bulkhead-verify".to_owned())
            .spawn_scoped(scope, work)
            .map_err(|error| no_thread(&error))?
            .join()
            .unwrap_or_else(|_| Err(no_thread(&"it panicked")))
    })
}
