//! `bulkhead plugin …`

pub(crate) mod build;
mod capabilities;
mod config;
mod inspect;
pub(crate) mod install;
mod list;
mod new;
mod settings;
mod standing;
mod swap;
mod test;

use crate::environment::loader;
use crate::operations::{self, Made};
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_registry::{Change, Request};
use bulkhead_sandbox::Loader;
use clap::{Args, Subcommand};
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start a new plugin from the SDK's template for its kind
    New(new::Arguments),
    /// Build a plugin's component
    Build(build::Arguments),
    /// Put a plugin through the host's load, limits and determinism checks
    Test(test::Arguments),
    /// Show what a component or an installed plugin is, asks for and gets
    Inspect(inspect::Arguments),
    /// List what is installed, and the components in the folder of plugins
    List,
    /// Add a version of a plugin to the state folder; the first one is disabled, and granted nothing
    Install(install::Arguments),
    /// Let an installed plugin run
    Enable(standing::Enable),
    /// Keep an installed plugin from running
    Disable(standing::Disable),
    /// Remove an installed version (ID@VERSION), or all of a disabled plugin (ID)
    Uninstall(standing::Uninstall),
    /// Give an installed plugin what it asks for
    Grant(capabilities::Grant),
    /// Take from an installed plugin what was given
    Revoke(capabilities::Revoke),
    /// Show or change an installed plugin's default configuration
    #[command(subcommand)]
    Config(config::Command),
    /// Put another installed version in service, or compare one with what serves (--shadow)
    Swap(swap::Swap),
    /// Put the version back in service that served before
    Rollback(swap::Back),
    /// Put the compared version in service
    Promote(swap::Promote),
    /// Compare no version any more
    StopShadow(swap::StopShadow),
    /// Show what was changed of a plugin, by whom, when and why
    History(standing::History),
}

pub(crate) fn run(options: &GlobalOptions, command: Command) -> Result<(), Problem> {
    match command {
        Command::New(arguments) => new::run(options, arguments),
        Command::Build(arguments) => build::run(options, arguments),
        Command::Test(arguments) => test::run(options, arguments),
        Command::Inspect(arguments) => inspect::run(options, &arguments),
        Command::List => list::run(options),
        Command::Install(arguments) => install::run(options, &arguments),
        Command::Enable(arguments) => standing::enable(options, arguments),
        Command::Disable(arguments) => standing::disable(options, arguments),
        Command::Uninstall(arguments) => standing::uninstall(options, arguments),
        Command::Grant(arguments) => capabilities::grant(options, arguments),
        Command::Revoke(arguments) => capabilities::revoke(options, arguments),
        Command::Config(command) => config::run(options, command),
        Command::Swap(arguments) => swap::swap(options, arguments),
        Command::Rollback(arguments) => swap::rollback(options, arguments),
        Command::Promote(arguments) => swap::promote(options, arguments),
        Command::StopShadow(arguments) => swap::stop_shadow(options, arguments),
        Command::History(arguments) => standing::history(options, &arguments),
    }
}

/// Why, for whoever reads the history.
#[derive(Debug, Clone, Args)]
pub(crate) struct Why {
    /// Why; it is kept in the history and the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Why {
    /// A reason that no person gave.
    pub(crate) fn because(reason: &str) -> Why {
        Why {
            reason: Some(reason.to_owned()),
        }
    }
}

/// A change that was asked for at the command line.
fn request(plugin: impl Into<String>, change: Change, why: Why) -> Request {
    Request {
        plugin: plugin.into(),
        change,
        reason: why.reason.unwrap_or_default(),
        expect: None,
    }
}

/// Has a change made, and says so.
fn make(options: &GlobalOptions, request: &Request) -> Result<(), Problem> {
    let loader = Arc::new(loader(options)?);
    let (made, owned) = made(options, &loader, request)?;
    if options.json {
        return output::json(&json!({ "applied": made, "owned": owned }));
    }
    output::line(said(&made))
}

/// Has a change made. Nothing is asked of a state folder that has never kept anything.
pub(crate) fn made(
    options: &GlobalOptions,
    loader: &Arc<Loader>,
    request: &Request,
) -> Result<(Made, bool), Problem> {
    let installing = matches!(request.change, Change::Install { .. });
    if !installing && operations::installed(options)?.is_none() {
        return Err(not_installed(&request.plugin));
    }
    operations::change(options, loader, request)
}

fn not_installed(id: &str) -> Problem {
    Problem::user(
        format!("no plugin {id} is installed"),
        "`bulkhead plugin list` names what is; `bulkhead plugin install` installs one",
    )
}

/// An installed plugin.
fn installed(
    options: &GlobalOptions,
    id: &str,
) -> Result<bulkhead_registry::InstalledPlugin, Problem> {
    match operations::installed(options)? {
        Some(installed) => installed.plugin(id)?,
        None => None,
    }
    .ok_or_else(|| not_installed(id))
}

/// A change in one line: what was done, what holds now, and for whom.
fn said(made: &Made) -> String {
    let applied = &made.applied;
    let standing = if applied.enabled {
        "enabled"
    } else {
        "disabled"
    };
    let holds = match made.holds.as_str() {
        "" => String::new(),
        holds => format!("; {holds}"),
    };
    format!(
        "{}: {} (generation {}, {standing}){holds}",
        applied.plugin, applied.what, applied.generation
    )
}
