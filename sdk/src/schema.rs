//! The JSON Schema of a configuration type, in the form that fits `plugin.toml`.

use schemars::JsonSchema;
use serde_json::Value;

/// The table of `plugin.toml` that holds the schema.
pub(crate) const TABLE: &str = "config-schema";

/// The schema of `C` without what TOML cannot say (a default of null, which means "absent" anyway) and
/// without `$schema`, which is the same for all.
pub(crate) fn of<C: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(C).to_value();
    if let Value::Object(root) = &mut schema {
        root.remove("$schema");
    }
    drop_nulls(&mut schema);
    schema
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// The schema a `plugin.toml` states; the schema of an empty table where it states none.
///
/// # Errors
/// One line with the parser's reason.
pub(crate) fn stated(plugin_toml: &str) -> Result<Value, String> {
    let table: toml::Table =
        toml::from_str(plugin_toml).map_err(|error| error.message().to_owned())?;
    match table.get(TABLE) {
        Some(schema) => serde_json::to_value(schema).map_err(|error| error.to_string()),
        None => Ok(serde_json::json!({})),
    }
}

/// `plugin.toml` with its schema replaced; everything else stays byte for byte.
///
/// # Errors
/// One line when the schema cannot be said in TOML, or the file states one in a form other than a table
/// `[config-schema]`.
pub(crate) fn replaced(plugin_toml: &str, schema: &Value) -> Result<String, String> {
    let mut kept = String::new();
    let mut inside = false;
    for line in plugin_toml.split_inclusive('\n') {
        let start = line.trim_start();
        if start.starts_with('[') {
            let name = start.trim_start_matches('[');
            inside = name
                .strip_prefix(TABLE)
                .is_some_and(|rest| rest.starts_with([']', '.']));
        }
        if !inside {
            kept.push_str(line);
        }
    }
    let written = toml::to_string(&serde_json::json!({ TABLE: schema }))
        .map_err(|error| error.to_string())?;
    let replaced = format!("{}\n\n{written}", kept.trim_end());
    match stated(&replaced) {
        Ok(found) if found == *schema => Ok(replaced),
        _ => Err(format!(
            "it has more of `{TABLE}` than the table [{TABLE}]; remove it and run the test again"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
    struct Config {
        /// Bars.
        fast: u32,
        limit: Option<crate::config::Number>,
        inner: Inner,
    }

    impl Default for Config {
        fn default() -> Self {
            Config {
                fast: 10,
                limit: None,
                inner: Inner { name: "x".into() },
            }
        }
    }

    #[derive(Deserialize, Serialize, JsonSchema)]
    struct Inner {
        name: String,
    }

    #[test]
    fn a_replaced_schema_is_read_back_and_the_rest_stays() {
        let before = "# mine\nid = \"x\"\n\n[config-schema]\ntype = \"array\"\n\n[config-schema.properties]\na = 1\n\n[limits]\nfuel = 3\n";
        let schema = of::<Config>();
        let after = replaced(before, &schema).unwrap();
        assert!(
            after.starts_with("# mine\nid = \"x\"\n\n[limits]\nfuel = 3\n\n"),
            "{after}"
        );
        assert_eq!(stated(&after).unwrap(), schema);
        assert_eq!(replaced(&after, &schema).unwrap(), after);
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn a_schema_in_another_form_is_left_for_its_author_to_remove() {
        for other in [
            "id = \"x\"\nconfig-schema = { type = \"object\" }\n",
            "id = \"x\"\nconfig-schema.type = \"object\"\n",
            "id = \"x\"\n[\"config-schema\"]\ntype = \"object\"\n",
        ] {
            let reason = replaced(other, &of::<Config>()).unwrap_err();
            assert!(reason.contains("remove it"), "{reason}");
        }
    }

    #[test]
    fn a_file_without_a_schema_states_none() {
        assert_eq!(stated("id = \"x\"\n").unwrap(), serde_json::json!({}));
        assert!(stated("id = ").is_err());
    }
}
