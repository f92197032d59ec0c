//! `bulkhead plugin inspect`

use super::settings::settings;
use crate::environment::loader;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_manifest::{Kind, Manifest};
use bulkhead_sandbox::Limits;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

pub(crate) fn run(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let file = &arguments.file;
    let plugin = loader(options)?.load_file(file)?;
    let bytes = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
    let manifest = plugin.manifest();
    if options.json {
        return output::json(&json!({
            "path": file,
            "bytes": bytes,
            "digest": plugin.digest(),
            "manifest": manifest,
            "imports": plugin.imports(),
            "exports": plugin.exports(),
            "limits": limits_json(plugin.limits(), manifest.kind),
        }));
    }
    let mut rows = vec![
        ("plugin", format!("{} {}", manifest.id, manifest.version)),
        ("kind", manifest.kind.to_string()),
        ("description", manifest.description.clone()),
        ("licence", manifest.licence.clone()),
        ("authors", list(&manifest.authors)),
        ("API", manifest.api.clone()),
        ("file", format!("{}, {bytes} bytes", file.display())),
        ("sha-256", plugin.digest().to_string()),
        ("imports", list(&plugin.imports())),
        ("exports", list(&plugin.exports())),
        ("asks for", asks(manifest)),
    ];
    rows.extend(limits(plugin.limits(), manifest.kind));
    output::pairs(rows)?;
    output::line("")?;
    let rows = settings(&manifest.config_schema);
    if rows.is_empty() {
        return output::line("it has no settings");
    }
    output::table(
        ["setting", "type", "default", "description"],
        rows.into_iter()
            .map(|one| [one.name, one.kind, one.default, one.description]),
    )
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// What it asks to be granted.
fn asks(manifest: &Manifest) -> String {
    let requests = &manifest.requests;
    let mut asks = Vec::new();
    if requests.files {
        asks.push("files of one folder".to_owned());
    }
    if !requests.hosts.is_empty() {
        asks.push(format!("hosts {}", requests.hosts.join(", ")));
    }
    if !requests.secrets.is_empty() {
        asks.push(format!("secrets {}", requests.secrets.join(", ")));
    }
    if requests.kv_quota > 0 {
        asks.push(format!("{} bytes of storage", requests.kv_quota));
    }
    if asks.is_empty() {
        "nothing".to_owned()
    } else {
        asks.join("; ")
    }
}

/// The fuel of one call. Plugins of the I/O engine have none: they are bounded by time alone.
fn fuel(limits: &Limits, kind: Kind) -> Option<u64> {
    let timed = matches!(kind, Kind::DataSource | Kind::AiProvider);
    (!timed).then_some(limits.fuel)
}

fn limits(limits: &Limits, kind: Kind) -> [(&'static str, String); 9] {
    [
        ("memory", format!("{} MiB", limits.memory_bytes >> 20)),
        (
            "fuel",
            fuel(limits, kind).map_or_else(
                || "none; bounded by wall time".to_owned(),
                |fuel| format!("{fuel} a call"),
            ),
        ),
        ("wall time", format!("{:?} a call", limits.wall)),
        ("host calls", format!("{} a call", limits.host_calls)),
        ("host time", format!("{:?} a call", limits.host_time)),
        (
            "result",
            format!("{} KiB a call", limits.result_bytes >> 10),
        ),
        ("log lines", format!("{} a call", limits.log_lines)),
        ("table", format!("{} elements", limits.table_elements)),
        ("handles", limits.handles.to_string()),
    ]
}

fn limits_json(limits: &Limits, kind: Kind) -> Value {
    json!({
        "memory-bytes": limits.memory_bytes,
        "table-elements": limits.table_elements,
        "handles": limits.handles,
        "fuel": fuel(limits, kind),
        "wall-ms": limits.wall.as_millis(),
        "host-calls": limits.host_calls,
        "host-time-ms": limits.host_time.as_millis(),
        "result-bytes": limits.result_bytes,
        "log-lines": limits.log_lines,
    })
}
