//! `bulkhead plugin list`

use crate::environment::Environment;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use serde_json::json;

pub(crate) fn run(options: &GlobalOptions) -> Result<(), Problem> {
    let environment = Environment::open(options)?;
    let registry = &environment.registry;
    let mut found = Vec::new();
    for entry in registry.entries() {
        found.push((entry, registry.digest(entry)?));
    }
    if options.json {
        let found: Vec<_> = found
            .iter()
            .map(|(entry, digest)| {
                json!({
                    "id": entry.manifest.id,
                    "version": entry.manifest.version,
                    "kind": entry.manifest.kind,
                    "description": entry.manifest.description,
                    "digest": digest,
                    "path": entry.path,
                })
            })
            .collect();
        return output::json(&found);
    }
    if found.is_empty() {
        return output::line(format!("no components in {}", options.plugins.display()));
    }
    output::table(
        ["plugin", "version", "kind", "sha-256", "description"],
        found.into_iter().map(|(entry, digest)| {
            [
                entry.manifest.id.clone(),
                entry.manifest.version.clone(),
                entry.manifest.kind.to_string(),
                digest.short(),
                entry.manifest.description.clone(),
            ]
        }),
    )
}
