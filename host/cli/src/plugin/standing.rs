//! `bulkhead plugin enable`, `disable`, `uninstall` and `history`.

use super::{Why, make, not_installed, request};
use crate::operations;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_registry::Change;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Enable {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Disable {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    /// Why; whoever wants to run it is told
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Uninstall {
    /// The plugin's id, or id and version: by number, or by the first digits of its digest
    #[arg(value_name = "ID[@VERSION]")]
    what: String,
    /// Also what a run needs that has not ended: it cannot be resumed then
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn enable(options: &GlobalOptions, arguments: Enable) -> Result<(), Problem> {
    make(
        options,
        &request(arguments.id, Change::Enable, arguments.why),
    )
}

pub(crate) fn disable(options: &GlobalOptions, arguments: Disable) -> Result<(), Problem> {
    let why = Why::because(&arguments.reason);
    make(options, &request(arguments.id, Change::Disable, why))
}

pub(crate) fn uninstall(options: &GlobalOptions, arguments: Uninstall) -> Result<(), Problem> {
    let (id, version) = match arguments.what.split_once('@') {
        Some((id, version)) => (id, Some(version.to_owned())),
        None => (&*arguments.what, None),
    };
    let force = arguments.force;
    let change = Change::Uninstall { version, force };
    make(options, &request(id, change, arguments.why))
}

pub(crate) fn history(options: &GlobalOptions, arguments: &History) -> Result<(), Problem> {
    let history = match operations::installed(options)? {
        Some(installed) => installed.history(&arguments.id)?,
        None => Vec::new(),
    };
    if history.is_empty() {
        return Err(not_installed(&arguments.id));
    }
    if options.json {
        return output::json(&history);
    }
    output::table(
        ["", "time", "by", "what", "because", "generation", "active"],
        history.into_iter().map(|past| {
            [
                past.number.to_string(),
                past.time.to_string(),
                past.by,
                past.what,
                past.reason,
                past.generation.to_string(),
                past.active.short(),
            ]
        }),
    )
}
