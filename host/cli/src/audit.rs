//! `bulkhead audit`: the log of everything that was decided, sent and changed.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line};
use bulkhead_desk::audit::{Anchor, AuditKey, records_since, verify, write_json_lines};
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
    let path = kept::path(&options.state);
    if !path.is_file() {
        return Err(Problem::user(
            "there is no database, and so no audit log",
            "name the state folder with --state",
        )
        .in_file(path));
    }
    let store = kept::open(&options.state)?;
    match command {
        Command::Verify(arguments) => check(&arguments, &store, options),
        Command::Export(arguments) => export(&arguments, &store, options),
    }
}

fn check(arguments: &VerifyArgs, store: &Store, options: &GlobalOptions) -> Result<(), Problem> {
    let key = AuditKey::open(&options.state.join("audit.key"))?;
    let verified = bulkhead_store::wait(verify(store, &key, &arguments.anchor))?;
    let findings: Vec<String> = verified.findings.iter().map(ToString::to_string).collect();
    if options.json {
        output::json(&json!({
            "records": verified.records,
            "head": verified.head.to_string(),
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
    let records = bulkhead_store::wait(records_since(store, arguments.from))?;
    let failed = |error: std::io::Error| {
        Problem::host(
            format!("the log cannot be written: {error}"),
            "check the folder and its free space",
        )
        .in_file(&arguments.out)
    };
    // Whole or not at all: beside the target first.
    let partial = arguments.out.with_extension("partial");
    let written = File::create(&partial).and_then(|file| {
        let mut out = BufWriter::new(file);
        write_json_lines(&records, &mut out)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        std::fs::rename(&partial, &arguments.out)
    });
    if let Err(error) = written {
        let _ = std::fs::remove_file(&partial);
        return Err(failed(error));
    }
    if options.json {
        return output::json(&json!({ "records": records.len(), "file": arguments.out }));
    }
    line(format!(
        "{} records: {}",
        records.len(),
        arguments.out.display()
    ))
}
