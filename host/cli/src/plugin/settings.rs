//! A plugin's settings as rows, out of its JSON Schema.
//!
//! Tables within tables become dotted names. What the schema says in ways that no row can hold is shown as
//! its JSON type only; the schema itself is in `--json`.

use serde_json::Value;

/// How deep tables within tables are followed; a schema may refer to itself.
const DEPTH: usize = 4;

/// One setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) default: String,
    pub(super) description: String,
}

/// Every setting that the schema describes, in the order of names.
pub(super) fn settings(schema: &Value) -> Vec<Setting> {
    let mut rows = Vec::new();
    collect(schema, schema, "", 0, &mut rows);
    rows
}

fn collect(root: &Value, table: &Value, prefix: &str, depth: usize, rows: &mut Vec<Setting>) {
    let Some(properties) = resolve(root, table)["properties"].as_object() else {
        return;
    };
    let required = |name: &str| {
        resolve(root, table)["required"]
            .as_array()
            .is_some_and(|names| names.iter().any(|one| one == name))
    };
    for (name, property) in properties {
        let meaning = resolve(root, property);
        let default = match property.get("default").or_else(|| meaning.get("default")) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None if required(name) => "required".to_owned(),
            None => String::new(),
        };
        let text = |key: &str| {
            let found = property.get(key).or_else(|| meaning.get(key));
            found.and_then(Value::as_str).unwrap_or_default()
        };
        let full = format!("{prefix}{name}");
        rows.push(Setting {
            kind: kind(root, property, 0),
            default,
            description: text("description")
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" "),
            name: full.clone(),
        });
        if depth < DEPTH {
            let (inner, mark) = match meaning.get("items") {
                Some(items) => (items, "[]."),
                None => (meaning, "."),
            };
            collect(root, inner, &format!("{full}{mark}"), depth + 1, rows);
        }
    }
}

/// What a reference within the schema refers to, or the value itself.
fn resolve<'a>(root: &'a Value, value: &'a Value) -> &'a Value {
    let mut value = value;
    for _ in 0..DEPTH {
        let target = value
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|path| path.strip_prefix('#'))
            .and_then(|path| root.pointer(path));
        match target {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

fn kind(root: &Value, value: &Value, depth: usize) -> String {
    if depth > DEPTH {
        return "…".to_owned();
    }
    let value = resolve(root, value);
    if let Some(constant) = value.get("const") {
        return constant.to_string();
    }
    if let Some(values) = value["enum"].as_array() {
        return join(values.iter().map(Value::to_string));
    }
    for key in ["oneOf", "anyOf"] {
        if let Some(cases) = value[key].as_array() {
            return join(cases.iter().map(|case| kind(root, case, depth + 1)));
        }
    }
    let named = match &value["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return "any".to_owned(),
    };
    join(named.into_iter().map(|name| match name {
        "array" => match value.get("items") {
            Some(items) => format!("list of {}", kind(root, items, depth + 1)),
            None => "list".to_owned(),
        },
        "object" => fields(root, value, depth),
        "integer" | "number" => format!("{name}{}", range(value)),
        other => other.to_owned(),
    }))
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" or ")
}

fn range(value: &Value) -> String {
    match (value.get("minimum"), value.get("maximum")) {
        (Some(least), Some(most)) => format!(" {least} to {most}"),
        (Some(least), None) => format!(" from {least}"),
        (None, Some(most)) => format!(" to {most}"),
        (None, None) => String::new(),
    }
}

/// A case of a tagged choice by its tag and fields; any other table by the word.
fn fields(root: &Value, value: &Value, depth: usize) -> String {
    let tagged = value["properties"].as_object().filter(|properties| {
        (properties.values()).any(|property| resolve(root, property).get("const").is_some())
    });
    let Some(properties) = tagged else {
        return "table".to_owned();
    };
    let fields =
        properties.iter().map(
            |(name, property)| match resolve(root, property).get("const") {
                Some(constant) => format!("{name}: {constant}"),
                None => format!("{name}: {}", kind(root, property, depth + 1)),
            },
        );
    format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(schema: &Value) -> Vec<[String; 4]> {
        settings(schema)
            .into_iter()
            .map(|one| [one.name, one.kind, one.default, one.description])
            .collect()
    }

    #[test]
    fn settings_are_named_with_type_default_and_description() {
        let schema = json!({
            "type": "object",
            "required": ["file"],
            "properties": {
                "fast": { "type": "integer", "minimum": 1, "maximum": 9, "default": 3, "description": "Period,\nin bars." },
                "file": { "type": "string" },
                "fill": { "$ref": "#/$defs/Fill", "default": "close" },
                "regimes": { "type": "array", "items": { "$ref": "#/$defs/Regime" } },
            },
            "$defs": {
                "Fill": { "oneOf": [{ "const": "open" }, { "const": "close" }], "description": "When." },
                "Regime": { "type": "object", "properties": { "drift": { "type": ["number", "null"] } } },
            },
        });
        let expected = [
            ["fast", "integer 1 to 9", "3", "Period, in bars."],
            ["file", "string", "required", ""],
            ["fill", "\"open\" or \"close\"", "close", "When."],
            ["regimes", "list of table", "", ""],
            ["regimes[].drift", "number or null", "", ""],
        ];
        assert_eq!(rows(&schema), expected);
    }

    #[test]
    fn a_tagged_choice_shows_its_cases() {
        let schema = json!({
            "properties": { "fees": { "oneOf": [
                { "type": "object", "properties": { "model": { "const": "none" } } },
                { "type": "object", "properties": { "model": { "const": "part" }, "rate": { "type": "number" } } },
            ] } },
        });
        assert_eq!(
            rows(&schema)[0][1],
            "{model: \"none\"} or {model: \"part\", rate: number}"
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({
            "properties": { "next": { "$ref": "#" } },
        });
        assert_eq!(rows(&schema).len(), DEPTH + 1);
        let circle = json!({ "properties": { "a": { "$ref": "#/$defs/A" } }, "$defs": { "A": { "$ref": "#/$defs/A" } } });
        assert_eq!(rows(&circle)[0][1], "any");
    }
}
