//! `bulkhead dev`: a plugin is built and put in service each time its sources are saved.
//!
//! What a save cannot do is leave the plugin worse than it was: a version that does not compile, load or start, or whose
//! configuration breaks its schema, is said so, and the one before it goes on. Versions that were put in service here
//! and are neither active nor next to roll back to are uninstalled again, so that saving a hundred times keeps two, and
//! what a run needs that has not ended. A plugin that is installed already and disabled stays so.

use crate::environment::loader;
use crate::operations;
use crate::options::GlobalOptions;
use crate::output;
use crate::plugin::{Why, build, install, made};
use bulkhead_domain::{Digest, Problem};
use bulkhead_registry::{Applied, Capabilities, Change, InstalledPlugin, Request, Settings};
use bulkhead_sandbox::Loader;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Pause between two looks at the sources.
const LOOK: Duration = Duration::from_millis(200);
/// How long the sources have to stay as they are before they are built: editors save in several steps.
const SETTLED: Duration = Duration::from_millis(250);
/// What is looked at, in the plugin's folder.
const WATCHED: [&str; 5] = ["src", "wit", "plugin.toml", "Cargo.toml", "build.rs"];
/// Why, in the history.
const REASON: &str = "bulkhead dev";

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
}

/// Runs the command, until Ctrl-C.
pub(crate) fn run(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let mut dev = Dev {
        options,
        folder: &arguments.folder,
        loader: Arc::new(loader(options)?),
        mine: BTreeSet::new(),
        new: false,
    };
    end_with_ctrl_c()?;
    // A folder that is no plugin's is a mistake at the start; later it may only be half-saved.
    let mut seen = sources(dev.folder);
    if !dev.folder.join("plugin.toml").is_file() {
        return Err(Problem::user(
            "this is no plugin: there is no plugin.toml",
            "name a plugin's folder, or make one with `bulkhead plugin new`",
        )
        .in_file(dev.folder));
    }
    loop {
        dev.turn()?;
        if !options.json {
            output::note("watching; Ctrl-C ends it");
        }
        seen = changed(dev.folder, &seen);
    }
}

/// What is seen of a file: when it was written, and its length.
type Sources = BTreeMap<PathBuf, (SystemTime, u64)>;

/// Waits until the sources are others than `seen`, and stay so.
fn changed(folder: &Path, seen: &Sources) -> Sources {
    let mut now = sources(folder);
    while now == *seen {
        std::thread::sleep(LOOK);
        now = sources(folder);
    }
    loop {
        std::thread::sleep(SETTLED);
        let later = sources(folder);
        if later == now {
            return now;
        }
        now = later;
    }
}

fn sources(folder: &Path) -> Sources {
    let mut found = Sources::new();
    for name in WATCHED {
        collect(&folder.join(name), &mut found);
    }
    found
}

fn collect(path: &Path, found: &mut Sources) {
    // What vanishes while it is looked at is seen to be gone at the next look.
    let Ok(metadata) = path.metadata() else {
        return;
    };
    if metadata.is_dir() {
        for entry in path.read_dir().into_iter().flatten().flatten() {
            collect(&entry.path(), found);
        }
    } else if let Ok(written) = metadata.modified() {
        found.insert(path.to_owned(), (written, metadata.len()));
    }
}

struct Dev<'a> {
    options: &'a GlobalOptions,
    folder: &'a Path,
    loader: Arc<Loader>,
    /// Versions that were installed by this command.
    mine: BTreeSet<Digest>,
    /// Whether the plugin was installed here first and not enabled yet. Whoever disables it later means it.
    new: bool,
}

impl Dev<'_> {
    /// Builds, installs and swaps once. What is wrong with the plugin is said, and the next save may mend it.
    fn turn(&mut self) -> Result<(), Problem> {
        match self.build_and_swap() {
            Ok(()) => Ok(()),
            Err(problem) if self.options.json => {
                output::line(json!({ "error": problem.to_string() }).to_string())
            }
            Err(problem) => {
                output::error(&problem);
                Ok(())
            }
        }
    }

    fn build_and_swap(&mut self) -> Result<(), Problem> {
        let begun = Instant::now();
        let built = build::component(self.folder, None, false)?;
        let built_in = begun.elapsed();

        let begun = Instant::now();
        let plugin = self.loader.load_file(&built.path)?;
        let (id, digest) = (plugin.manifest().id.clone(), plugin.digest());
        let compiled_in = begun.elapsed();

        let begun = Instant::now();
        let known = self.installed(&id)?;
        let mut applied = None;
        if known
            .as_ref()
            .and_then(|known| known.version(&digest))
            .is_none()
        {
            let (made, _) = install::install(
                self.options,
                &self.loader,
                &built.path,
                &plugin,
                Capabilities::default(),
                Why::because(REASON),
            )?;
            self.mine.insert(digest);
            self.new |= known.is_none();
            applied = Some(made.applied);
        }
        let installed_in = begun.elapsed();

        let begun = Instant::now();
        if known.as_ref().is_some_and(|known| known.active != digest) {
            let settings = Settings::default();
            let to = digest.to_string();
            applied = Some(self.make(&id, Change::Swap { to, settings })?);
        }
        if self.new {
            let enabled = self.installed(&id)?.is_some_and(|now| now.standing.enabled);
            if !enabled {
                applied = Some(self.make(&id, Change::Enable)?);
            }
            self.new = false;
        }
        let swapped_in = begun.elapsed();
        self.clear(&id)?;
        let steps = [
            ("build", built_in),
            ("compile", compiled_in),
            ("install", installed_in),
            ("swap", swapped_in),
        ];
        self.say(&id, applied.as_ref(), steps)
    }

    fn say(
        &self,
        id: &str,
        applied: Option<&Applied>,
        steps: [(&str, Duration); 4],
    ) -> Result<(), Problem> {
        let ms = |took: Duration| took.as_secs_f64() * 1e3;
        let now = self.installed(id)?;
        let disabled = now.and_then(|now| now.usable().err());
        let disabled = disabled.map(|problem| problem.to_string());
        if self.options.json {
            let took: BTreeMap<_, _> = steps.map(|(step, took)| (step, ms(took))).into();
            return output::line(
                json!({ "plugin": id, "applied": applied, "disabled": disabled, "ms": took })
                    .to_string(),
            );
        }
        if let Some(disabled) = disabled {
            output::warning(&disabled);
        }
        let took = steps.map(|(step, took)| format!("{step} {:.0} ms", ms(took)));
        let what = applied.map_or_else(
            || "nothing has changed".to_owned(),
            |applied| format!("{}, generation {}", applied.what, applied.generation),
        );
        output::line(format!("{id}: {what} ({})", took.join(", ")))
    }

    fn installed(&self, id: &str) -> Result<Option<InstalledPlugin>, Problem> {
        match operations::installed(self.options)? {
            Some(installed) => installed.plugin(id),
            None => Ok(None),
        }
    }

    fn make(&self, id: &str, change: Change) -> Result<Applied, Problem> {
        let request = Request {
            plugin: id.to_owned(),
            change,
            reason: REASON.to_owned(),
            expect: None,
        };
        made(self.options, &self.loader, &request).map(|(made, _)| made.applied)
    }

    /// Uninstalls what was installed here and is of no use any more.
    fn clear(&mut self, id: &str) -> Result<(), Problem> {
        let Some(now) = self.installed(id)? else {
            return Ok(());
        };
        let previous = now.previous.as_ref().map(|previous| previous.digest);
        let shadow = now.shadow.as_ref().map(|shadow| shadow.digest);
        let kept = |digest: &Digest| {
            *digest == now.active || Some(*digest) == previous || Some(*digest) == shadow
        };
        let mut old: Vec<Digest> = (self.mine.iter().copied())
            .filter(|digest| !kept(digest))
            .collect();
        if !old.is_empty() {
            let needed = operations::needed(self.options)?;
            old.retain(|digest| !needed.contains_key(digest));
        }
        for digest in old {
            self.mine.remove(&digest);
            if now.version(&digest).is_some() {
                let version = Some(digest.to_string());
                let force = false;
                self.make(id, Change::Uninstall { version, force })?;
            }
        }
        Ok(())
    }
}

/// Ends the process at the first Ctrl-C, whatever it is at: a change is made whole or not at all.
fn end_with_ctrl_c() -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::host(
            format!("no thread to wait for Ctrl-C on: {error}"),
            "free some threads",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    std::thread::Builder::new()
        .name("bulkhead-ctrl-c".to_owned())
        .spawn(move || {
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                std::process::exit(0);
            }
        })
        .map(drop)
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_save_is_seen_wherever_it_is_and_the_build_itself_is_not() {
        let folder = std::env::temp_dir().join(format!("bh-dev-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("src/deep")).unwrap();
        std::fs::write(folder.join("src/deep/a.rs"), "1").unwrap();
        std::fs::write(folder.join("plugin.toml"), "1").unwrap();
        let before = sources(&folder);
        assert_eq!(before.len(), 2);
        std::fs::create_dir_all(folder.join("target")).unwrap();
        std::fs::write(folder.join("target/x.wasm"), "1").unwrap();
        std::fs::write(folder.join("Cargo.lock"), "1").unwrap();
        assert_eq!(sources(&folder), before);
        std::fs::write(folder.join("src/deep/a.rs"), "12").unwrap();
        let after = sources(&folder);
        assert_ne!(after, before);
        assert_eq!(changed(&folder, &before), after);
        std::fs::remove_file(folder.join("src/deep/a.rs")).unwrap();
        assert_ne!(sources(&folder), after);
        std::fs::remove_dir_all(folder).unwrap();
    }
}
