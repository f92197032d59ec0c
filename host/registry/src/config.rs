//! A plugin's configuration against the plugin's own schema.

use bulkhead_domain::Problem;
use bulkhead_manifest::Manifest;
use serde_json::Value;

/// Checks a configuration against the JSON Schema in a manifest.
///
/// # Errors
/// One line naming the plugin, the place in the configuration and what is wrong there; or that the
/// manifest's schema is itself none.
pub fn check_config(manifest: &Manifest, config: &Value) -> Result<(), Problem> {
    let validator = jsonschema::validator_for(&manifest.config_schema).map_err(|error| {
        Problem::user(
            format!(
                "plugin {} carries a configuration schema that is no JSON Schema: {error}",
                manifest.id
            ),
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
        format!(
            "the configuration of plugin {} is wrong {place}: {error}",
            manifest.id
        ),
        format!(
            "see `bulkhead plugin inspect` for the settings of {}{}",
            manifest.id,
            known(manifest)
        ),
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
