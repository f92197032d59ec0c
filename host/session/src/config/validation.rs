//! `[validation]`: who judges entries, and what tells their tasks apart.

use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};

/// Who gives a verdict on entries: one provider, or several among which the task class `validation` chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ValidationConfig {
    /// Id of an installed AI provider, or the path of a `.wasm` file, where there is one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
    /// Its settings.
    #[serde(default)]
    pub config: toml::Table,
    /// Which of its models; the first when absent.
    #[serde(default)]
    pub model: Option<String>,
    /// The providers, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<ProviderConfig>,
    /// Whether a disagreement keeps the order back; otherwise it is only recorded.
    #[serde(default = "yes")]
    pub veto: bool,
    /// Bars from the next open to the open by which a verdict proves right or wrong, and its provider earns.
    #[serde(default = "five", skip_serializing_if = "is_five")]
    pub judged_after: usize,
    /// What tells what providers earn apart, broad before narrow.
    #[serde(default = "by_instrument", skip_serializing_if = "is_by_instrument")]
    pub contexts: Vec<ContextLevel>,
    /// What `regime` means as a context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regime: Option<RegimeConfig>,
}

/// An AI provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProviderConfig {
    /// What it is called behind its plugin's id; the model's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of an installed AI provider, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings.
    #[serde(default)]
    pub config: toml::Table,
    /// Which of its models; the first when absent.
    #[serde(default)]
    pub model: Option<String>,
}

/// What tells tasks of one class apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContextLevel {
    /// The instrument's symbol.
    Instrument,
    /// Where a feature lies among some edges.
    Regime,
}

/// A regime: where a feature lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegimeConfig {
    /// One of the session's features.
    pub feature: String,
    /// Where one regime ends and the next begins, ascending.
    pub edges: Vec<f64>,
}

impl ValidationConfig {
    /// Everybody who may be asked.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderConfig> {
        let alone = self.plugin.as_ref().map(|plugin| ProviderConfig {
            name: None,
            plugin: plugin.clone(),
            config: self.config.clone(),
            model: self.model.clone(),
        });
        alone.into_iter().chain(self.candidates.clone()).collect()
    }
}

fn is_five(bars: &usize) -> bool {
    *bars == 5
}

fn by_instrument() -> Vec<ContextLevel> {
    vec![ContextLevel::Instrument]
}

fn is_by_instrument(levels: &Vec<ContextLevel>) -> bool {
    *levels == by_instrument()
}

fn yes() -> bool {
    true
}

fn five() -> usize {
    5
}

impl ValidationConfig {
    /// The first thing that is wrong, in one line. `features` are the session's.
    pub(super) fn check(&self, features: &[String]) -> Result<(), Problem> {
        let wrong = |what: String, mend: &str| {
            Err(Problem::user(
                format!("[validation] {what}"),
                mend.to_owned(),
            ))
        };
        if self.plugin.is_some() && !self.candidates.is_empty() {
            return wrong(
                "has both `plugin` and `candidates`".to_owned(),
                "name one provider by `plugin`, or several by [[validation.candidates]]",
            );
        }
        if self.plugin.is_none() && self.candidates.is_empty() {
            return wrong(
                "names nobody".to_owned(),
                "name a provider by `plugin`, or several by [[validation.candidates]]",
            );
        }
        if self.plugin.is_none() && (self.model.is_some() || !self.config.is_empty()) {
            return wrong(
                "has settings for no `plugin`".to_owned(),
                "move them to the [[validation.candidates]] they are for",
            );
        }
        if self.judged_after == 0 {
            return wrong("judged-after is 0 bars".to_owned(), "use at least 1");
        }
        let by_regime = self.contexts.contains(&ContextLevel::Regime);
        match &self.regime {
            None if by_regime => wrong(
                "tells contexts apart by `regime`, and says not what that is".to_owned(),
                "add regime = { feature = \"…\", edges = […] }",
            ),
            Some(_) if !by_regime => wrong(
                "has a `regime` that no context uses".to_owned(),
                "add \"regime\" to `contexts`, or remove it",
            ),
            Some(regime) if !features.contains(&regime.feature) => wrong(
                format!(
                    "has regimes by feature {}, which this session does not compute",
                    regime.feature
                ),
                "add it to `features`",
            ),
            Some(regime)
                if regime.edges.is_empty()
                    || regime.edges.iter().any(|edge| !edge.is_finite())
                    || regime.edges.windows(2).any(|pair| pair[0] >= pair[1]) =>
            {
                wrong(
                    format!("regime edges are {:?}", regime.edges),
                    "give at least one, each above the one before",
                )
            }
            _ => Ok(()),
        }
    }
}

impl RegimeConfig {
    /// Which regime a value of the feature is in, in words.
    #[must_use]
    pub fn of(&self, value: Option<f64>) -> String {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            return format!("{} not defined", self.feature);
        };
        let above = self.edges.iter().rposition(|edge| value >= *edge);
        let next = above.map_or(0, |place| place + 1);
        match (above.map(|place| self.edges[place]), self.edges.get(next)) {
            (None, Some(edge)) => format!("{} below {edge}", self.feature),
            (Some(edge), None) => format!("{} from {edge}", self.feature),
            (Some(low), Some(high)) => format!("{} from {low} to {high}", self.feature),
            (None, None) => self.feature.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regime_is_named_by_the_edges_it_lies_between() {
        let regime = RegimeConfig {
            feature: "volatility_20".to_owned(),
            edges: vec![0.01, 0.02],
        };
        for (value, name) in [
            (Some(0.005), "volatility_20 below 0.01"),
            (Some(0.01), "volatility_20 from 0.01 to 0.02"),
            (Some(0.5), "volatility_20 from 0.02"),
            (Some(f64::NAN), "volatility_20 not defined"),
            (None, "volatility_20 not defined"),
        ] {
            assert_eq!(regime.of(value), name);
        }
    }
}
