//! The manifest itself, and the rules its fields obey.

use crate::error::{ManifestError, field};
use crate::kind::Kind;
use serde::{Deserialize, Serialize};

/// Major and minor version of the contract `bulkhead:plugin` that this crate speaks.
pub const API: &str = "0.1";

/// Longest `id` and longest name of a secret, in bytes; both are ASCII.
const MAX_NAME: usize = 64;

/// Longest text of a line: `licence`, `description`, an entry of `authors`, in characters.
const MAX_LINE: usize = 300;

/// What a plugin says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Lower-case words joined by `-`, such as `ema-cross`.
    pub id: String,
    /// Semantic version.
    pub version: String,
    /// Which world it implements.
    pub kind: Kind,
    /// Version of the contract, [`API`].
    pub api: String,
    /// SPDX expression.
    pub licence: String,
    /// One line for lists.
    pub description: String,
    /// Who made it.
    #[serde(default)]
    pub authors: Vec<String>,
    /// What it asks to be granted.
    #[serde(default)]
    pub requests: Requests,
    /// Limits it would like, within what the host allows.
    #[serde(default)]
    pub limits: Limits,
    /// JSON Schema of its configuration.
    #[serde(default = "no_config")]
    pub config_schema: serde_json::Value,
}

/// What a plugin asks to be granted; nothing is granted by asking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Requests {
    /// Host names it wants to reach.
    pub hosts: Vec<String>,
    /// Names of secrets it refers to; it never sees their values.
    pub secrets: Vec<String>,
    /// Whether it reads files from one granted folder.
    pub files: bool,
    /// Bytes of key-value storage.
    pub kv_quota: u64,
}

/// Limits a plugin would like instead of the defaults of its kind. The host caps each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// Linear memory, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Fuel per outer call, in the engine's units (about one an instruction).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fuel: Option<u64>,
    /// Wall time per outer call, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Bytes that one call may return, in KiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_kib: Option<u32>,
}

impl Manifest {
    /// Parses and checks the text of a `plugin.toml`.
    ///
    /// # Errors
    /// [`ManifestError::Toml`] with line and column where the text does not parse or a field is unknown or
    /// missing; otherwise as [`Manifest::validate`].
    pub fn from_toml(text: &str) -> Result<Self, ManifestError> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| {
            let (line, column) = error
                .span()
                .map_or((0, 0), |span| line_and_column(text, span.start));
            ManifestError::Toml {
                line,
                column,
                reason: one_line(error.message()),
            }
        })?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Parses and checks the JSON of a manifest section.
    ///
    /// # Errors
    /// [`ManifestError::Json`] where it does not parse; otherwise as [`Manifest::validate`].
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        let manifest: Manifest =
            serde_json::from_slice(json).map_err(|error| ManifestError::Json {
                reason: one_line(&error.to_string()),
            })?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// The JSON that goes into the section.
    ///
    /// # Errors
    /// [`ManifestError::Json`] when it cannot be written, [`ManifestError::TooLarge`] when it is too long.
    pub fn to_json(&self) -> Result<Vec<u8>, ManifestError> {
        let json = serde_json::to_vec(self).map_err(|error| ManifestError::Json {
            reason: one_line(&error.to_string()),
        })?;
        if json.len() > crate::MAX_SECTION_BYTES {
            return Err(ManifestError::TooLarge { size: json.len() });
        }
        Ok(json)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// [`ManifestError::UnsupportedApi`] for another contract, [`ManifestError::Field`] for the first field
    /// that cannot be accepted.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if self.api != API {
            return Err(ManifestError::UnsupportedApi {
                found: one_line(&self.api),
            });
        }
        if !is_kebab(&self.id) {
            return Err(field(
                "id",
                format!(
                    "`{}` is not lower-case words of letters and digits joined by `-`, such as `ema-cross`, of at most {MAX_NAME} characters",
                    one_line(&self.id)
                ),
            ));
        }
        if let Err(error) = semver::Version::parse(&self.version) {
            return Err(field(
                "version",
                format!(
                    "`{}` is not a semantic version such as `0.1.0`: {error}",
                    one_line(&self.version)
                ),
            ));
        }
        let authors = self.authors.iter().map(|author| ("authors", author));
        for (name, text) in [
            ("licence", &self.licence),
            ("description", &self.description),
        ]
        .into_iter()
        .chain(authors)
        {
            if text.trim().is_empty() {
                return Err(field(name, "is empty; say something"));
            }
            if text.contains(['\n', '\r']) {
                return Err(field(name, "spans several lines; use one"));
            }
            if text.chars().any(char::is_control) {
                return Err(field(name, "has control characters; leave them out"));
            }
            if text.chars().count() > MAX_LINE {
                return Err(field(
                    name,
                    format!("is longer than {MAX_LINE} characters; shorten it"),
                ));
            }
        }
        if !self.config_schema.is_object() {
            return Err(field("config-schema", "is not a table"));
        }
        if !is_printable(&self.config_schema) {
            return Err(field(
                "config-schema",
                "has control characters in a text; leave them out",
            ));
        }
        self.validate_requests()?;
        self.validate_limits()
    }

    fn validate_requests(&self) -> Result<(), ManifestError> {
        let requests = &self.requests;
        for host in &requests.hosts {
            let right = !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | ':'));
            if !right {
                return Err(field(
                    "requests.hosts",
                    format!(
                        "`{}` is not a host name; leave scheme and path out",
                        one_line(host)
                    ),
                ));
            }
        }
        for secret in &requests.secrets {
            let right = !secret.is_empty()
                && secret.len() <= MAX_NAME
                && secret
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            if !right {
                return Err(field(
                    "requests.secrets",
                    format!(
                        "`{}` is not a name of upper-case letters, digits and `_`",
                        one_line(secret)
                    ),
                ));
            }
        }
        let wants_io =
            !requests.hosts.is_empty() || !requests.secrets.is_empty() || requests.kv_quota > 0;
        if wants_io && !self.kind.does_io() {
            return Err(field(
                "requests",
                format!(
                    "a {} computes only; hosts, secrets and kv-quota are for data sources, AI providers and brokers",
                    self.kind
                ),
            ));
        }
        if requests.files && self.kind != Kind::DataSource {
            return Err(field(
                "requests.files",
                format!("a {} gets no files; only a data-source may ask", self.kind),
            ));
        }
        Ok(())
    }

    fn validate_limits(&self) -> Result<(), ManifestError> {
        let limits = self.limits;
        let zeros = [
            ("limits.memory-mib", limits.memory_mib == Some(0)),
            ("limits.fuel", limits.fuel == Some(0)),
            ("limits.timeout-ms", limits.timeout_ms == Some(0)),
            ("limits.result-kib", limits.result_kib == Some(0)),
        ];
        match zeros.into_iter().find(|(_, zero)| *zero) {
            Some((name, _)) => Err(field(
                name,
                "is 0; leave it out for the default of the kind",
            )),
            None => Ok(()),
        }
    }
}

/// The schema of a plugin that takes no configuration.
fn no_config() -> serde_json::Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

fn is_kebab(text: &str) -> bool {
    text.len() <= MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        })
}

/// Whether no text in it could command a terminal: texts and names are shown to people. Line ends and tabs
/// may be in a description.
fn is_printable(value: &serde_json::Value) -> bool {
    let plain = |text: &str| {
        text.chars()
            .all(|c| !c.is_control() || matches!(c, '\n' | '\t'))
    };
    match value {
        serde_json::Value::String(text) => plain(text),
        serde_json::Value::Array(items) => items.iter().all(is_printable),
        serde_json::Value::Object(map) => map
            .iter()
            .all(|(name, inner)| plain(name) && is_printable(inner)),
        _ => true,
    }
}

/// Folds a text into one line of bounded length without control characters, for error messages.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if let Some((end, _)) = line.char_indices().nth(MAX_LINE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before
        .get(start..)
        .map_or(1, |rest| rest.chars().count() + 1);
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMA: &str = r#"
id = "ema-cross"
version = "0.1.0"
kind = "strategy"
api = "0.1"
licence = "Apache-2.0"
description = "Holds a fixed quantity while the fast average is above the slow one."
authors = ["Somebody"]

[limits]
memory-mib = 16

[config-schema]
type = "object"
additionalProperties = false

[config-schema.properties.fast]
type = "integer"
default = 10
"#;

    fn reason(text: &str) -> String {
        Manifest::from_toml(text).unwrap_err().to_string()
    }

    #[test]
    fn plugin_toml_becomes_a_manifest_and_survives_json() {
        let manifest = Manifest::from_toml(EMA).unwrap();
        assert_eq!(manifest.kind, Kind::Strategy);
        assert_eq!(manifest.limits.memory_mib, Some(16));
        assert_eq!(
            manifest.config_schema["properties"]["fast"]["default"],
            serde_json::json!(10)
        );
        let json = manifest.to_json().unwrap();
        assert_eq!(Manifest::from_json(&json).unwrap(), manifest);
    }

    #[test]
    fn a_misspelt_field_is_named_with_its_line() {
        let text = EMA.replace("licence", "license");
        let error = reason(&text);
        assert!(error.starts_with("line 6, column 1:"), "{error}");
        assert!(error.contains("license"), "{error}");
    }

    #[test]
    fn wrong_fields_say_what_would_be_right() {
        for (from, to, expected) in [
            ("\"ema-cross\"", "\"EMA_Cross\"", "`id`"),
            ("\"ema-cross\"", "\"ema--cross\"", "`id`"),
            ("\"0.1.0\"", "\"one\"", "`version`"),
            (
                "api = \"0.1\"",
                "api = \"0.2\"",
                "API 0.2, this host speaks 0.1",
            ),
            (
                "\"strategy\"",
                "\"indicator\"",
                "unknown variant `indicator`",
            ),
            ("\"Apache-2.0\"", "\"\"", "`licence`: is empty"),
            ("\"Somebody\"", "\" \"", "`authors`: is empty"),
            (
                "\"Somebody\"",
                "\"\\u001b[2J\"",
                "`authors`: has control characters",
            ),
            (
                "default = 10",
                "title = \"\\u001b[2J\"",
                "`config-schema`: has control characters",
            ),
            (
                "\"0.1.0\"",
                "\"\\u001b[2J\"",
                "`version`: `[2J` is not a semantic version",
            ),
            ("memory-mib = 16", "memory-mib = 0", "`limits.memory-mib`"),
            (
                "[limits]",
                "[requests]\nhosts = [\"api.example.com\"]\n[limits]",
                "a strategy computes only",
            ),
            (
                "[limits]",
                "[requests]\nfiles = true\n[limits]",
                "`requests.files`",
            ),
        ] {
            let error = reason(&EMA.replacen(from, to, 1));
            assert!(error.contains(expected), "{to}: {error}");
            assert!(!error.contains('\n'), "{to}: {error}");
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let long = "x".repeat(MAX_LINE + 1);
        let error = reason(&EMA.replace("Somebody", &long));
        assert!(error.contains("longer than 300 characters"), "{error}");
        assert!(Manifest::from_toml(&EMA.replace("Somebody", &long[1..])).is_ok());
    }

    #[test]
    fn a_url_is_not_a_host() {
        let text = EMA.replace("\"strategy\"", "\"data-source\"").replace(
            "[limits]",
            "[requests]\nhosts = [\"https://example.com\"]\n[limits]",
        );
        assert!(reason(&text).contains("leave scheme and path out"));
    }
}
