//! `bulkhead plugin grant` and `revoke`: what is asked, given and in force.

use super::{Why, installed, make, request};
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_manifest::{Manifest, Requests};
use bulkhead_registry::grants::effective;
use bulkhead_registry::{Capabilities, Change, InstalledPlugin};
use clap::Args;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What is given or taken by name.
#[derive(Debug, Args)]
struct Named {
    /// A folder that it may read, with everything in it; may be repeated
    #[arg(long, value_name = "DIR")]
    files: Vec<PathBuf>,
    /// A host that it may reach, such as api.example.com; may be repeated
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A secret that it may refer to; may be repeated
    #[arg(long, value_name = "NAME")]
    secret: Vec<String>,
}

impl Named {
    fn with_storage(self, kv_bytes: u64) -> Capabilities {
        Capabilities {
            files: self.files.into_iter().collect(),
            hosts: self.host.into_iter().collect(),
            secrets: self.secret.into_iter().collect(),
            kv_bytes,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    named: Named,
    /// Bytes of key-value storage that it may use
    #[arg(long, value_name = "BYTES")]
    kv: Option<u64>,
    /// Everything that the active version asks for; files need --files
    #[arg(long)]
    requested: bool,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    named: Named,
    /// Its key-value storage
    #[arg(long)]
    kv: bool,
    /// Everything
    #[arg(long, conflicts_with_all = ["files", "host", "secret", "kv"])]
    all: bool,
    #[command(flatten)]
    why: Why,
}

pub(crate) fn grant(options: &GlobalOptions, arguments: Grant) -> Result<(), Problem> {
    let mut wanted = arguments.named.with_storage(arguments.kv.unwrap_or(0));
    let plugin = installed(options, &arguments.id)?;
    if arguments.requested
        && let Some(active) = plugin.version(&plugin.active)
    {
        wanted = requested(&active.manifest, wanted)?;
    }
    if wanted.is_empty() {
        return Err(Problem::user(
            "nothing was named to grant",
            "give --files, --host, --secret, --kv or --requested",
        ));
    }
    let change = Change::Grant(wanted.checked()?);
    make(options, &request(&*arguments.id, change, arguments.why))?;
    after(options, &arguments.id)
}

pub(crate) fn revoke(options: &GlobalOptions, arguments: Revoke) -> Result<(), Problem> {
    let plugin = installed(options, &arguments.id)?;
    let less = if arguments.all {
        plugin.granted
    } else {
        let named = arguments.named.with_storage(u64::from(arguments.kv));
        Capabilities {
            // A folder that is gone is revoked by the name it had.
            files: named.files.iter().map(|folder| absolute(folder)).collect(),
            ..named
        }
    };
    if less.is_empty() {
        return Err(Problem::user(
            "nothing was named to revoke",
            "give --files, --host, --secret, --kv or --all",
        ));
    }
    make(
        options,
        &request(&*arguments.id, Change::Revoke(less), arguments.why),
    )?;
    after(options, &arguments.id)
}

fn absolute(folder: &Path) -> PathBuf {
    folder
        .canonicalize()
        .or_else(|_| std::path::absolute(folder))
        .unwrap_or_else(|_| folder.to_owned())
}

/// What a manifest asks for, with the folders that were named for it.
pub(crate) fn requested(manifest: &Manifest, named: Capabilities) -> Result<Capabilities, Problem> {
    let asked = &manifest.requests;
    if asked.files && named.files.is_empty() {
        return Err(Problem::user(
            format!(
                "plugin {} asks for files, and no folder was named",
                manifest.id
            ),
            "name one with --files DIR",
        ));
    }
    Ok(named.with(&Capabilities {
        files: BTreeSet::new(),
        hosts: asked.hosts.iter().cloned().collect(),
        secrets: asked.secrets.iter().cloned().collect(),
        kv_bytes: asked.kv_quota,
    }))
}

/// What the active version has now.
fn after(options: &GlobalOptions, id: &str) -> Result<(), Problem> {
    if options.json {
        return Ok(());
    }
    let plugin = installed(options, id)?;
    match plugin.version(&plugin.active) {
        Some(active) => show(&active.manifest.requests, &plugin.granted),
        None => Ok(()),
    }
}

/// Asked, granted, in force.
pub(super) fn show(asked: &Requests, granted: &Capabilities) -> Result<(), Problem> {
    let in_force = effective(asked, granted);
    let files = |folders: &BTreeSet<PathBuf>| {
        let names = folders.iter().map(|folder| folder.display().to_string());
        joined(names.collect())
    };
    let names = |names: &BTreeSet<String>| joined(names.iter().cloned().collect());
    let bytes = |bytes: u64| match bytes {
        0 => "-".to_owned(),
        bytes => format!("{bytes} bytes"),
    };
    let folder = if asked.files { "one folder" } else { "-" };
    output::table(
        ["capability", "asked", "granted", "effective"],
        [
            [
                "files".to_owned(),
                folder.to_owned(),
                files(&granted.files),
                files(&in_force.files),
            ],
            [
                "hosts".to_owned(),
                joined(asked.hosts.clone()),
                names(&granted.hosts),
                names(&in_force.hosts),
            ],
            [
                "secrets".to_owned(),
                joined(asked.secrets.clone()),
                names(&granted.secrets),
                names(&in_force.secrets),
            ],
            [
                "storage".to_owned(),
                bytes(asked.kv_quota),
                bytes(granted.kv_bytes),
                bytes(in_force.kv_bytes),
            ],
        ],
    )
}

fn joined(names: Vec<String>) -> String {
    if names.is_empty() {
        "-".to_owned()
    } else {
        names.join(", ")
    }
}

/// How to grant what is asked for and not granted yet; `None` where nothing is.
pub(super) fn how(plugin: &InstalledPlugin, asked: &Requests) -> Option<String> {
    let in_force = effective(asked, &plugin.granted);
    let mut options = Vec::new();
    if asked.files && in_force.files.is_empty() {
        options.push("--files DIR".to_owned());
    }
    let missing = |asked: &[String], has: &BTreeSet<String>, option: &str| -> Vec<String> {
        let names = asked.iter().filter(|name| !has.contains(*name));
        names.map(|name| format!("{option} '{name}'")).collect()
    };
    options.extend(missing(&asked.hosts, &in_force.hosts, "--host"));
    options.extend(missing(&asked.secrets, &in_force.secrets, "--secret"));
    if in_force.kv_bytes < asked.kv_quota {
        options.push(format!("--kv {}", asked.kv_quota));
    }
    (!options.is_empty())
        .then(|| format!("bulkhead plugin grant {} {}", plugin.id, options.join(" ")))
}
