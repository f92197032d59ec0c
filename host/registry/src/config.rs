//! A plugin's configuration against the plugin's own schema.

use crate::installed::{Config, Version};
use bulkhead_domain::Problem;
use bulkhead_manifest::Manifest;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

/// Checks a configuration against the JSON Schema in a manifest.
///
/// # Errors
/// One line naming the plugin, the place in the configuration and what is wrong there; or that the
/// manifest's schema is itself none.
pub fn check_config(manifest: &Manifest, config: &Value) -> Result<(), Problem> {
    check(&manifest.id, manifest, config, |_| {
        format!(
            "see `bulkhead plugin inspect` for the settings of {}{}",
            manifest.id,
            known(manifest)
        )
    })
}

/// Checks the default configuration of an installed version, which is the active one already or is to be.
pub(crate) fn check_for(
    version: &Version,
    config: &Config,
    is_active: bool,
) -> Result<(), Problem> {
    let manifest = &version.manifest;
    let id = &manifest.id;
    let mended = |error: &ValidationError<'_>| {
        let option = match error.kind() {
            ValidationErrorKind::Required { property } => {
                set_to(property.as_str().unwrap_or_default())
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unset(unexpected.first().map_or("", String::as_str))
            }
            _ => {
                let place = error.instance_path().to_string();
                set_to(place.split('/').nth(1).unwrap_or("NAME"))
            }
        };
        let with = format!(
            "`bulkhead plugin config set {id} {}` mends it",
            option.for_set
        );
        let or = format!(", or {} given with this command", option.for_swap);
        let or = if is_active { "" } else { &or };
        format!("{with}{or}; settings{}", known(manifest))
    };
    let name = format!("{id} {}", version.label());
    check(&name, manifest, &Value::Object(config.clone()), mended)
}

/// What would mend a configuration, for `config set` and beside a change of the version.
struct Mend {
    for_set: String,
    for_swap: String,
}

fn set_to(name: &str) -> Mend {
    Mend {
        for_set: format!("{name}=VALUE"),
        for_swap: format!("--set {name}=VALUE"),
    }
}

fn unset(name: &str) -> Mend {
    let option = format!("--unset {name}");
    Mend {
        for_set: option.clone(),
        for_swap: option,
    }
}

fn check(
    name: &str,
    manifest: &Manifest,
    config: &Value,
    mend: impl FnOnce(&ValidationError<'_>) -> String,
) -> Result<(), Problem> {
    let validator = jsonschema::validator_for(&manifest.config_schema).map_err(|error| {
        Problem::user(
            format!("plugin {name} carries a configuration schema that is no JSON Schema: {error}"),
            "report it to the plugin's author",
        )
    })?;
    let Some(error) = validator.iter_errors(config).next() else {
        return Ok(());
    };
    let place = error.instance_path().to_string();
    let place = if place.is_empty() {
        "at its top".to_owned()
    } else {
        format!("at {place}")
    };
    Err(Problem::user(
        format!("the configuration of plugin {name} is wrong {place}: {error}"),
        mend(&error),
    ))
}

fn known(manifest: &Manifest) -> String {
    let Some(properties) = manifest
        .config_schema
        .get("properties")
        .and_then(Value::as_object)
    else {
        return String::new();
    };
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    if names.is_empty() {
        "; it has none".to_owned()
    } else {
        format!(": {}", names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest() -> Manifest {
        let section = json!({
            "id": "ema-cross", "version": "1.0.0", "kind": "strategy", "api": "0.1",
            "licence": "Apache-2.0", "description": "d",
            "config-schema": {
                "type": "object",
                "properties": { "fast": { "type": "integer", "minimum": 1 } },
                "additionalProperties": false
            }
        });
        Manifest::from_json(section.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_wrong_setting_is_named_with_its_place() {
        let problem = check_config(&manifest(), &json!({ "fast": 0 }))
            .unwrap_err()
            .to_string();
        assert!(
            problem.contains("plugin ema-cross is wrong at /fast"),
            "{problem}"
        );
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_known_ones() {
        let problem = check_config(&manifest(), &json!({ "fats": 3 }))
            .unwrap_err()
            .to_string();
        assert!(
            problem.contains("fats") && problem.ends_with(": fast"),
            "{problem}"
        );
        assert_eq!(check_config(&manifest(), &json!({ "fast": 3 })), Ok(()));
    }
}
