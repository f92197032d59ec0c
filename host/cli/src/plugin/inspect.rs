//! `bulkhead plugin inspect`

use super::capabilities;
use super::settings::settings;
use crate::environment::loader;
use crate::options::GlobalOptions;
use crate::{compared, operations, output};
use bulkhead_domain::Problem;
use bulkhead_manifest::{Kind, Manifest};
use bulkhead_registry::grants::effective;
use bulkhead_registry::{InstalledPlugin, Kept, Registry, Version};
use bulkhead_sandbox::{Limits, Loader, Plugin};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// An installed plugin, or one of its versions; a plugin of the folder of plugins; or a component
    #[arg(value_name = "ID[@VERSION]|FILE.wasm")]
    what: String,
}

/// What is looked into.
struct Subject {
    plugin: Plugin,
    file: PathBuf,
    installed: Option<InstalledPlugin>,
    kept: Option<Kept>,
}

pub(crate) fn run(options: &GlobalOptions, arguments: &Arguments) -> Result<(), Problem> {
    let subject = subject(options, &arguments.what)?;
    let Subject { plugin, file, .. } = &subject;
    let bytes = std::fs::metadata(file).map_err(|error| {
        Problem::user(
            format!("the component cannot be looked at: {error}"),
            "repeat the command",
        )
        .in_file(file)
    })?;
    let bytes = bytes.len();
    let manifest = plugin.manifest();
    if options.json {
        let mut shown = json!({
            "path": file,
            "bytes": bytes,
            "digest": plugin.digest(),
            "manifest": manifest,
            "imports": plugin.imports(),
            "exports": plugin.exports(),
            "limits": limits_json(plugin.limits(), manifest.kind),
        });
        if let Some(installed) = &subject.installed {
            shown["installed"] = json!(installed);
            shown["effective"] = json!(effective(&manifest.requests, &installed.granted));
            shown["config"] = json!(installed.config_of(&plugin.digest()));
        }
        if let Some(kept) = &subject.kept {
            shown["comparison"] = compared::value(kept)?;
        }
        return output::json(&shown);
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
    if let Some(installed) = &subject.installed {
        rows.extend(standing(installed, plugin));
    }
    if let Some(kept) = &subject.kept {
        rows.extend(compared::rows(kept)?);
    }
    rows.extend(limits(plugin.limits(), manifest.kind));
    output::pairs(rows)?;
    output::line("")?;
    if let Some(installed) = &subject.installed {
        capabilities::show(&manifest.requests, &installed.granted)?;
        if let Some(how) = capabilities::how(installed, &manifest.requests) {
            output::line(format!("to grant what it asks for: {how}"))?;
        }
        output::line("")?;
    }
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

/// A file is what ends like one or is there; anything else is a plugin's id.
fn subject(options: &GlobalOptions, what: &str) -> Result<Subject, Problem> {
    let loader = loader(options)?;
    let file = Path::new(what);
    if what.ends_with(".wasm") || file.is_file() {
        return Ok(Subject {
            plugin: loader.load_file(file)?,
            file: file.to_owned(),
            installed: None,
            kept: None,
        });
    }
    let id = what.split('@').next().unwrap_or(what);
    let found = match operations::installed(options)? {
        Some(installed) => installed.plugin(id)?.map(|plugin| (installed, plugin)),
        None => None,
    };
    let Some((installed, of)) = found else {
        return of_folder(options, what, loader);
    };
    let version = match what.split_once('@') {
        Some((_, wanted)) => Some(of.find(wanted)?),
        None => of.version(&of.active),
    };
    let version = version.ok_or_else(|| {
        Problem::host(
            format!("the active version of plugin {id} is not among those installed"),
            "restore the database from a backup",
        )
    })?;
    let path = installed.path(&version.digest);
    let component = installed.component(id, version)?;
    Ok(Subject {
        plugin: loader
            .load(&component)
            .map_err(|problem| problem.in_file(&path))?,
        file: path,
        kept: compared::of(&installed, &of)?,
        installed: Some(of),
    })
}

fn of_folder(options: &GlobalOptions, what: &str, loader: Loader) -> Result<Subject, Problem> {
    let nobody = || {
        Problem::user(
            format!("there is no file and no plugin `{what}`"),
            "`bulkhead plugin list` names the plugins; --plugins names their folder",
        )
    };
    if !options.plugins.is_dir() {
        return Err(nobody());
    }
    let registry = Registry::open(&options.plugins, loader)?;
    let entry = registry.entries().find(|entry| entry.manifest.id == what);
    let file = entry.map(|entry| entry.path.clone()).ok_or_else(nobody)?;
    Ok(Subject {
        plugin: registry.loader().load_file(&file)?,
        file,
        installed: None,
        kept: None,
    })
}

/// What an installed plugin does, as rows.
fn standing(installed: &InstalledPlugin, plugin: &Plugin) -> Vec<(&'static str, String)> {
    let now = &installed.standing;
    let because = if now.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", now.reason)
    };
    let word = if now.enabled { "enabled" } else { "disabled" };
    let label = |digest| {
        installed
            .version(digest)
            .map_or_else(String::new, Version::label)
    };
    let mut rows = vec![
        (
            "state",
            format!("{word} since {} by {}{because}", now.since, now.by),
        ),
        (
            "active",
            format!(
                "{}, generation {}, revision {}",
                label(&installed.active),
                installed.generation,
                installed.revision
            ),
        ),
    ];
    if let Some(previous) = &installed.previous {
        rows.push(("served before", label(&previous.digest)));
    }
    if let Some(shadow) = &installed.shadow {
        let compared = format!(
            "{} on {} % of the traffic",
            label(&shadow.digest),
            shadow.percent
        );
        rows.push(("compared", compared));
        if !shadow.rule.is_null() {
            rows.push(("promoted when", shadow.rule.to_string()));
        }
    }
    let all: Vec<String> = installed.versions.iter().map(Version::label).collect();
    rows.push(("installed", all.join(", ")));
    let config = Value::Object(installed.config_of(&plugin.digest()).clone());
    rows.push(("configured", config.to_string()));
    rows
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
