//! Options that every command takes.

use clap::Args;
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Where things are, and how much is said.
#[derive(Debug, Args)]
pub(crate) struct GlobalOptions {
    /// Folder of the components that plugins are named from
    #[arg(
        long,
        global = true,
        env = "BULKHEAD_PLUGINS",
        value_name = "DIR",
        default_value = "target/plugins"
    )]
    pub(crate) plugins: PathBuf,
    /// Folder of everything that is kept: the catalog of bars and the database
    #[arg(long, global = true, value_name = "DIR", default_value = ".bulkhead")]
    pub(crate) state: PathBuf,
    /// Folder of compiled components; bulkhead/aot in the user's cache unless given
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Print results as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on standard error, plugins' own log lines included; RUST_LOG says it more finely
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

impl GlobalOptions {
    /// The catalog of bars, unless a command names another.
    pub(crate) fn catalog(&self) -> PathBuf {
        self.state.join("catalog")
    }

    /// The folder of compiled components; none where the user has no cache and named none.
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        let folder = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        self.cache.clone().or_else(|| {
            folder("XDG_CACHE_HOME")
                .or_else(|| folder("HOME").map(|home| home.join(".cache")))
                .map(|cache| cache.join("bulkhead").join("aot"))
        })
    }

    /// Starts the log on standard error: warnings, with `--verbose` what happens too, or what RUST_LOG says.
    pub(crate) fn start_log(&self) {
        let default = if self.verbose {
            "warn,bulkhead=info,plugin=info"
        } else {
            "warn"
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        // Fails only where a log was started before, which then goes on.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .without_time()
            .try_init();
    }
}
