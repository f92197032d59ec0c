//! The six kinds of plugins.

use crate::error::{ManifestError, field};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_parsed_by_their_names() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
        }
        assert!("robot".parse::<Kind>().is_err());
    }
}
