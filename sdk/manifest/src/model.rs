//! The manifest itself, and the rules its fields obey.

use crate::error::ManifestError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Major and minor version of the contract `bulkhead:plugin` that this crate speaks.
pub const API: &str = "0.1";

/// Longest text of an `id`, an `authors` entry or a secret's name, in characters.
const MAX_NAME: usize = 64;

/// What sort of plugin it is; decides its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Market data, page by page.
    DataSource,
    /// A language model, or what answers in its place.
    AiProvider,
    /// Where orders go.
    Broker,
    /// Learning algorithms.
    Model,
    /// A rule that can only tighten.
    RiskRule,
    /// Turns what is known into intents.
    Strategy,
}

impl Kind {
    /// Every kind, in the order of their names.
    pub const ALL: [Kind; 6] = [
        Kind::AiProvider,
        Kind::Broker,
        Kind::DataSource,
        Kind::Model,
        Kind::RiskRule,
        Kind::Strategy,
    ];

    /// The name, as it is written in `plugin.toml` and in paths.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::DataSource => "data-source",
            Kind::AiProvider => "ai-provider",
            Kind::Broker => "broker",
            Kind::Model => "model",
            Kind::RiskRule => "risk-rule",
            Kind::Strategy => "strategy",
        }
    }

    /// Whether the kind talks to the outside world, and may ask for hosts, secrets and storage.
    #[must_use]
    pub fn does_io(self) -> bool {
        matches!(self, Kind::DataSource | Kind::AiProvider | Kind::Broker)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                field(
                    "kind",
                    format!("`{text}` is no kind; use one of {}", known.join(", ")),
                )
            })
    }
}

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
        for (name, text) in [
            ("licence", &self.licence),
            ("description", &self.description),
        ] {
            if text.trim().is_empty() {
                return Err(field(name, "is empty; say something"));
            }
            if text.contains(['\n', '\r']) {
                return Err(field(name, "spans several lines; use one"));
            }
        }
        if !self.config_schema.is_object() {
            return Err(field("config-schema", "is not a table"));
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

fn field(name: &str, reason: impl Into<String>) -> ManifestError {
    ManifestError::Field {
        field: name.to_owned(),
        reason: reason.into(),
    }
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

/// Folds a text into one line of bounded length, for error messages.
pub(crate) fn one_line(text: &str) -> String {
    const LONGEST: usize = 300;
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
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
        assert!(
            error.starts_with("plugin.toml, line 6, column 1:"),
            "{error}"
        );
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
    fn a_url_is_not_a_host() {
        let text = EMA.replace("\"strategy\"", "\"data-source\"").replace(
            "[limits]",
            "[requests]\nhosts = [\"https://example.com\"]\n[limits]",
        );
        assert!(reason(&text).contains("leave scheme and path out"));
    }

    #[test]
    fn kinds_are_parsed_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
        }
        assert!("robot".parse::<Kind>().is_err());
    }
}
