//! Configuration: from the host's JSON to the author's type.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{DeserializeOwned, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The configuration of a plugin that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// Parses a configuration; the empty text counts as the empty object.
///
/// # Errors
/// One line that names the key and says what is wrong with it.
pub fn parse<C: DeserializeOwned>(json: &str) -> Result<C, String> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let config = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        // What is no JSON at some place has no key there, which the path shows as `?`.
        let path = path.trim_end_matches(['?', '.']);
        let reason = without_position(error.inner());
        if path.is_empty() {
            format!("config: {reason}")
        } else {
            format!("config key `{path}`: {reason}")
        }
    })?;
    deserializer
        .end()
        .map_err(|error| format!("config: {}", without_position(&error)))?;
    Ok(config)
}

/// The parser's reason without its line and column, which count in JSON that nobody wrote by hand.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text[..end].split_whitespace().collect::<Vec<_>>().join(" ")
}

/// An exact decimal in a configuration, written as a number (`100`, `0.25`) or as text (`"0.25"`). A number
/// comes as the shortest decimal that reads as the same binary float, so more than 15 digits want text. What
/// does not fit a decimal is refused, never rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Number(pub rust_decimal::Decimal);

impl From<rust_decimal::Decimal> for Number {
    fn from(value: rust_decimal::Decimal) -> Self {
        Number(value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Number(value.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number of at most 28 digits")
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Number, E> {
        Ok(Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Number, E> {
        Ok(Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Number, E> {
        // The shortest text that reads back as the same float is what the author of the config wrote.
        decimal(&value.to_string()).ok_or_else(|| E::invalid_value(Unexpected::Float(value), &self))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Number, E> {
        decimal(value).ok_or_else(|| E::invalid_value(Unexpected::Str(value), &self))
    }
}

fn decimal(text: &str) -> Option<Number> {
    rust_decimal::Decimal::from_str_exact(text).ok().map(Number)
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["number", "string"],
            "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    struct Config {
        fast: u32,
        #[serde(default)]
        size: Number,
        #[serde(default)]
        limits: Vec<Limit>,
    }

    #[derive(Debug, Deserialize)]
    struct Limit {
        #[expect(dead_code, reason = "only parsed")]
        at: u32,
    }

    #[test]
    fn errors_name_key_and_reason() {
        for (json, expected) in [
            (
                r#"{"fast":"ten"}"#,
                "config key `fast`: invalid type: string \"ten\", expected u32",
            ),
            (
                r#"{"fast":1,"slow":2}"#,
                "config key `slow`: unknown field `slow`",
            ),
            ("", "config: missing field `fast`"),
            (
                r#"{"fast":1,"limits":[{"at":1},{"at":-1}]}"#,
                "config key `limits[1].at`: invalid value",
            ),
            (
                r#"{"fast":1,"size":"much"}"#,
                "config key `size`: invalid value: string \"much\", expected a decimal number",
            ),
            ("[", "config: "),
            ("fast", "config: expected "),
            ("{fast: 1}", "config: key must be a string"),
            (
                r#"{"fast":1,"limits":[{at}]}"#,
                "config key `limits[0]`: key must be a string",
            ),
            (r#"{"fast":1} x"#, "config: trailing characters"),
        ] {
            let error = parse::<Config>(json).unwrap_err();
            assert!(error.starts_with(expected), "{json}: {error}");
            assert!(!error.contains(" at line "), "{error}");
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_refused_rather_than_rounded() {
        for size in ["1e-30", "\"0.00000000000000000000000000001\"", "1e40"] {
            let error = parse::<Config>(&format!(r#"{{"fast":1,"size":{size}}}"#)).unwrap_err();
            assert!(
                error.starts_with("config key `size`: invalid value"),
                "{error}"
            );
        }
    }

    #[test]
    fn numbers_may_be_written_either_way_and_stay_exact() {
        for size in ["0.1", "\"0.1\""] {
            let config: Config = parse(&format!(r#"{{"fast":1,"size":{size}}}"#)).unwrap();
            assert_eq!(config.fast, 1);
            assert_eq!(config.size.to_string(), "0.1");
            assert!(config.limits.is_empty());
        }
    }
}
