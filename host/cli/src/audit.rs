//! `bulkhead audit`: the log of everything that was decided, sent and changed; and whether something looks ahead.

mod ahead;

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line};
use bulkhead_desk::audit::{Anchor, AuditKey, records_after, verify, write_json_lines};
use bulkhead_domain::Problem;
use bulkhead_store::Store;
use clap::Subcommand;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look for records that were edited, removed, moved or cut off
    Verify(VerifyArgs),
    /// Write the log as JSON Lines
    Export(ExportArgs),
    /// Look whether features, a model or a strategy's whole-series form know later bars
    Lookahead(ahead::LookaheadArgs),
    /// Say how many bars before a bar features, a model or a strategy's whole-series form need
    Recursive(ahead::RecursiveArgs),
}

/// What to hold the log against.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// A point of the log that was kept elsewhere, as an earlier `audit verify` printed it. May be given
    /// several times.
    #[arg(long, value_name = "NUMBER:HASH")]
    anchor: Vec<Anchor>,
}

/// What to write where.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// The file to make.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// First record.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    from: u64,
}

/// Runs the command.
pub(crate) fn run(command: Command, options: &GlobalOptions) -> Result<(), Problem> {
    match command {
        Command::Verify(arguments) => check(&arguments, &log(options)?, options),
        Command::Export(arguments) => export(&arguments, &log(options)?, options),
        Command::Lookahead(arguments) => ahead::lookahead(&arguments, options),
        Command::Recursive(arguments) => ahead::recursive(&arguments, options),
    }
}

/// The database with the log.
fn log(options: &GlobalOptions) -> Result<Store, Problem> {
    let path = kept::path(&options.state);
    if !path.is_file() {
        return Err(Problem::user(
            "there is no database, and so no audit log",
            "name the state folder with --state",
        )
        .in_file(path));
    }
    kept::open(&options.state)
}

fn check(arguments: &VerifyArgs, store: &Store, options: &GlobalOptions) -> Result<(), Problem> {
    let key = AuditKey::read(&options.state.join("audit.key"))?;
    let verified = bulkhead_store::wait(verify(store, &key, &arguments.anchor))?;
    let findings: Vec<String> = verified.findings.iter().map(ToString::to_string).collect();
    if options.json {
        output::json(&json!({
            "records": verified.records,
            "head": verified.head.to_string(),
            "unsealed": verified.unsealed,
            "findings": findings,
        }))?;
    } else {
        for finding in &findings {
            line(finding)?;
        }
        line(format!(
            "{} records, the last one {}",
            verified.records, verified.head
        ))?;
        if verified.unsealed > 0 {
            line(format!(
                "the last {} are chained but not sealed yet: a process writes them now, or was killed as it did",
                verified.unsealed
            ))?;
        }
    }
    match findings.first() {
        None if options.json => Ok(()),
        None => line(
            "every record is as it was written; keep the last one's number and hash elsewhere to prove it later",
        ),
        Some(first) => Err(Problem::host(
            format!("the audit log was tampered with or damaged: {first}"),
            "keep the database as it is for whoever looks into it, and restore a backup elsewhere",
        )
        .in_file(kept::path(&options.state))),
    }
}

fn export(arguments: &ExportArgs, store: &Store, options: &GlobalOptions) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        Problem::host(
            format!("the log cannot be written: {error}"),
            "check the folder and its free space",
        )
        .in_file(&arguments.out)
    };
    let mut count = 0;
    // Whole or not at all: beside the target first.
    let partial = arguments.out.with_extension("partial");
    let mut write = || -> Result<(), Problem> {
        let mut out = BufWriter::new(File::create(&partial).map_err(failed)?);
        let mut last = arguments.from.saturating_sub(1);
        loop {
            let page = bulkhead_store::wait(records_after(store, last))?;
            let Some(end) = page.last() else { break };
            last = end.sequence;
            count += page.len();
            write_json_lines(&page, &mut out).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        out.get_ref().sync_all().map_err(failed)?;
        std::fs::rename(&partial, &arguments.out).map_err(failed)
    };
    if let Err(problem) = write() {
        let _ = std::fs::remove_file(&partial);
        return Err(problem);
    }
    if options.json {
        return output::json(&json!({ "records": count, "file": arguments.out }));
    }
    line(format!("{count} records: {}", arguments.out.display()))
}
