//! A session's configuration: one TOML file, every key known, every default written down.

pub(crate) mod check;
mod validation;

pub use validation::{ContextLevel, ProviderConfig, RegimeConfig, ValidationConfig};

use bulkhead_desk::CheckLimits;
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_domain::{Decimal, Problem, Value};
use bulkhead_orchestrator::dispatch::ClassConfig;
use bulkhead_registry::supervise::SupervisionLimits;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A whole session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SessionConfig {
    /// A name for people.
    pub name: String,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Cash at the start.
    pub cash: Decimal,
    /// Currency of every amount.
    #[serde(default = "dollars")]
    pub currency: String,
    /// What closed units are taken to have cost: the average of those held, or what the oldest had cost.
    #[serde(default, skip_serializing_if = "is_average")]
    pub cost_basis: CostBasis,
    /// First date traded, `YYYY-MM-DD`; the start of the data when absent.
    #[serde(default)]
    pub from: Option<String>,
    /// Last date traded.
    #[serde(default)]
    pub to: Option<String>,
    /// Where bars come from.
    pub data: Vec<DataConfig>,
    /// What to compare the equity with, besides buy-and-hold.
    #[serde(default)]
    pub benchmark: Option<DataConfig>,
    /// Features that models learn from, by name.
    #[serde(default)]
    pub features: Vec<String>,
    /// Models by alias.
    #[serde(default)]
    pub models: BTreeMap<String, ModelConfig>,
    /// Strategies.
    pub strategies: Vec<StrategyConfig>,
    /// Risk rules, asked in this order.
    #[serde(default)]
    pub risk: Vec<PluginConfig>,
    /// Who gives a verdict on entries before they are sent.
    #[serde(default)]
    pub validation: Option<ValidationConfig>,
    /// How the plugin for each call is chosen, by task class: `validation`, `data`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<String, ClassConfig>,
    /// Where orders go.
    pub broker: PluginConfig,
    /// Limits of the host's own checks.
    #[serde(default)]
    pub checks: CheckLimits,
    /// When a strategy or risk rule that fails is started again, and when it is given up.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub supervision: SupervisionLimits,
    /// Versions of plugins that come into service in the middle of the session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub swaps: Vec<SwapConfig>,
    /// Sessions whose right outcome is known, run beside this one.
    #[serde(default)]
    pub controls: Vec<ControlConfig>,
}

/// A version that takes another's place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SwapConfig {
    /// The first date that sees it, `YYYY-MM-DD` in UTC.
    pub at: String,
    /// Id of the plugin, as the session names it: a model, strategy, AI provider, risk rule or broker.
    pub plugin: String,
    /// The version: `id@version` of an installed one, or the path of a `.wasm` file.
    pub to: String,
}

/// A session whose right outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ControlConfig {
    /// A name for people.
    pub name: String,
    /// Its configuration, relative to this file.
    pub config: PathBuf,
    /// What has to come out.
    pub expect: Expect,
}

/// What has to come out of a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    /// A model has to be chosen and the instrument traded.
    FoundAndTraded,
    /// No order may fill.
    NotTraded,
}

/// A configuration that says the default is the same as one that says nothing.
fn is_average(basis: &CostBasis) -> bool {
    *basis == CostBasis::Average
}

fn is_usual(supervision: &SupervisionLimits) -> bool {
    *supervision == SupervisionLimits::default()
}

fn dollars() -> String {
    "USD".to_owned()
}

/// A plugin with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginConfig {
    /// Id of an installed plugin, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings, checked against its own schema.
    #[serde(default)]
    pub config: toml::Table,
}

/// Bars from a data source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataConfig {
    /// What the source is called behind its plugin's id; the data set's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of an installed data source, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings.
    #[serde(default)]
    pub config: toml::Table,
    /// The folder it may read, relative to this file.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Which of its data sets.
    pub dataset: String,
    /// Which symbols of it.
    pub symbols: Vec<String>,
    /// Exchange calendar of the symbols; the source's own when absent.
    #[serde(default)]
    pub calendar: Option<String>,
    /// Others that have the same symbols. The task class `data` chooses among all, and falls back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<SourceConfig>,
}

/// Another source of the same bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SourceConfig {
    /// What it is called behind its plugin's id; the data set's name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id of an installed data source, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings.
    #[serde(default)]
    pub config: toml::Table,
    /// The folder it may read, relative to this file.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// Which of its data sets.
    pub dataset: String,
}

impl DataConfig {
    /// Every source of these symbols, the first one first.
    #[must_use]
    pub fn sources(&self) -> Vec<SourceConfig> {
        let first = SourceConfig {
            name: self.name.clone(),
            plugin: self.plugin.clone(),
            config: self.config.clone(),
            folder: self.folder.clone(),
            dataset: self.dataset.clone(),
        };
        std::iter::once(first)
            .chain(self.alternatives.clone())
            .collect()
    }
}

/// A model alias: what is learnt, how often, and who may learn it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ModelConfig {
    /// The label looks from the next open this many bars ahead.
    #[serde(default = "five")]
    pub horizon: usize,
    /// Matured samples a fit learns from, the calibration tail included.
    #[serde(default = "window")]
    pub window: usize,
    /// Bars between fits.
    #[serde(default = "quarter")]
    pub refit_every: usize,
    /// Share of the window, its newest part, that calibrates and is not learnt from.
    #[serde(default = "three_tenths")]
    pub calibration_tail: f64,
    /// Fewest matured out-of-sample labels before a model can be eligible.
    #[serde(default = "samples")]
    pub min_samples: usize,
    /// Most matured labels a model is judged by, the newest.
    #[serde(default = "judged")]
    pub judged_by: usize,
    /// Two-sided confidence of the skill interval, divided among the candidates (Bonferroni). Looking again
    /// at every fit is not corrected for: the default is strict because of it.
    #[serde(default = "confidence")]
    pub confidence: f64,
    /// Which of those with skill is chosen.
    #[serde(default, skip_serializing_if = "ModelSelection::is_default")]
    pub selection: ModelSelection,
    /// Control: learn from labels drawn at random from all that have ended, and be judged by them. Nothing may
    /// be found then.
    #[serde(default)]
    pub shuffle_labels: bool,
    /// Who may learn it.
    pub candidates: Vec<CandidateConfig>,
}

/// Which of the models with skill is chosen. One without skill never is.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "policy", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ModelSelection {
    /// The best discounted skill.
    #[default]
    DiscountedSkill,
    /// The first named.
    Priority,
    /// This one or none.
    Pinned {
        /// Its label: plugin and algorithm, as `linfa/svm`.
        candidate: String,
    },
}

impl ModelSelection {
    fn is_default(&self) -> bool {
        *self == ModelSelection::DiscountedSkill
    }
}

fn five() -> usize {
    5
}
fn window() -> usize {
    750
}
fn quarter() -> usize {
    63
}
fn three_tenths() -> f64 {
    0.3
}
fn samples() -> usize {
    250
}
fn judged() -> usize {
    1000
}
fn confidence() -> f64 {
    0.99
}

/// One way to learn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CandidateConfig {
    /// Id of an installed model plugin, or the path of a `.wasm` file.
    pub plugin: String,
    /// One of its algorithms.
    pub algorithm: String,
    /// Hyper-parameters; those not named take the plugin's defaults.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}

/// A strategy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StrategyConfig {
    /// Owner of its orders and positions; unique.
    pub name: String,
    /// Id of an installed strategy, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings.
    #[serde(default)]
    pub config: toml::Table,
    /// Symbols it trades; all when absent.
    #[serde(default)]
    pub symbols: Option<Vec<String>>,
    /// How large the host makes its positions; as the strategy says when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizing: Option<SizingMethod>,
}

impl SessionConfig {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// One line naming file, line and what is wrong there.
    pub fn read(path: &Path) -> Result<SessionConfig, Problem> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Problem::user(
                format!("the configuration cannot be read: {error}"),
                "check the path",
            )
            .in_file(path)
        })?;
        SessionConfig::parse(&text).map_err(|problem| problem.in_file(path))
    }

    /// Reads a configuration's text.
    ///
    /// # Errors
    /// As [`SessionConfig::read`].
    pub fn parse(text: &str) -> Result<SessionConfig, Problem> {
        let config: SessionConfig = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map(|span| text[..span.start.min(text.len())].matches('\n').count() as u64 + 1);
            let problem = Problem::user(
                error.message().trim().to_owned(),
                "correct it; README lists every key",
            );
            match line {
                Some(line) => problem.at_line(line),
                None => problem,
            }
        })?;
        config.check()?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
name = "small"
cash = "1000"
[[data]]
plugin = "csv"
dataset = "d"
symbols = ["A"]
[[strategies]]
name = "s"
plugin = "ema-cross"
[broker]
plugin = "paper"
"#;

    #[test]
    fn defaults_fill_what_is_not_said() {
        let config = SessionConfig::parse(SMALL).unwrap();
        assert_eq!(config.currency, "USD");
        assert!(config.validation.is_none());
    }

    #[test]
    fn the_cost_basis_is_the_average_unless_said() {
        let with = |line: &str| SessionConfig::parse(&SMALL.replace("[[data]]", line));
        assert_eq!(with("[[data]]").unwrap().cost_basis, CostBasis::Average);
        let fifo = with("cost-basis = \"fifo\"\n[[data]]").unwrap();
        assert_eq!(fifo.cost_basis, CostBasis::Fifo);
        let problem = with("cost-basis = \"lifo\"\n[[data]]").unwrap_err();
        assert_eq!(problem.line, Some(4), "{problem}");
        for part in ["lifo", "average", "fifo"] {
            assert!(problem.to_string().contains(part), "{problem}");
        }
        // What a digest is made of does not change by a default that is spelt out.
        let average = with("cost-basis = \"average\"\n[[data]]").unwrap();
        assert_eq!(
            toml::to_string(&average).unwrap(),
            toml::to_string(&with("[[data]]").unwrap()).unwrap()
        );
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let problem = SessionConfig::parse(&SMALL.replace("[broker]", "[broker]\nplugn = \"x\""))
            .unwrap_err();
        assert_eq!(problem.line, Some(12), "{problem}");
        assert!(problem.to_string().contains("plugn"), "{problem}");
        assert_eq!(problem.exit_code(), 2);
    }

    #[test]
    fn two_strategies_of_one_name_are_refused() {
        let twice = format!("{SMALL}\n[[strategies]]\nname = \"s\"\nplugin = \"x\"\n");
        assert!(
            SessionConfig::parse(&twice)
                .unwrap_err()
                .to_string()
                .contains("two strategies are named s")
        );
    }

    fn refusal(model: &str) -> String {
        let text = SMALL.replace("[[data]]", "features = [\"rsi_14\"]\n[[data]]");
        let candidate =
            "[[models.m.candidates]]\nplugin = \"linfa\"\nalgorithm = \"svm\"\n".to_owned();
        let extra = if model == "twice" {
            candidate.as_str()
        } else {
            ""
        };
        let keys = model.trim_start_matches("twice");
        SessionConfig::parse(&format!("{text}\n[models.m]\n{keys}\n{candidate}{extra}"))
            .err()
            .map_or_else(String::new, |problem| problem.to_string())
    }

    #[test]
    fn a_model_that_could_never_be_fitted_or_judged_is_refused() {
        assert_eq!(refusal(""), "");
        for (keys, complaint) in [
            (
                "window = 50\ncalibration-tail = 0.5",
                "leaves 20 to learn from and 25",
            ),
            (
                "window = 60\ncalibration-tail = 0.1",
                "49 to learn from and 6 to calibrate",
            ),
            (
                "judged-by = 300\nhorizon = 30",
                "fewer than 10 blocks of 31 labels",
            ),
            (
                "confidence = 0.99999",
                "leaves less than 0.00001 at each side",
            ),
            ("twice", "linfa/svm is named twice with the same parameters"),
            (
                "selection = { policy = \"pinned\", candidate = \"linfa/swm\" }",
                "linfa/swm is pinned and no candidate; pin one of: linfa/svm",
            ),
        ] {
            let said = refusal(keys);
            assert!(said.contains(complaint), "{keys}: {said}");
        }
    }

    #[test]
    fn a_date_that_is_none_and_a_strategy_without_symbols_are_refused() {
        for (from, to, complaint) in [
            (
                "cash =",
                "to = \"2001-02-30\"\ncash =",
                "to: '2001-02-30' is not a date",
            ),
            (
                "plugin = \"ema-cross\"",
                "plugin = \"ema-cross\"\nsymbols = []",
                "strategy s has no symbol to trade",
            ),
        ] {
            let problem = SessionConfig::parse(&SMALL.replace(from, to)).unwrap_err();
            assert!(problem.to_string().contains(complaint), "{problem}");
        }
    }

    #[test]
    fn a_model_without_features_is_refused() {
        let text = format!(
            "{SMALL}\n[models.direction]\n[[models.direction.candidates]]\nplugin = \"linfa\"\nalgorithm = \"svm\"\n"
        );
        assert!(
            SessionConfig::parse(&text)
                .unwrap_err()
                .to_string()
                .contains("nothing to learn from")
        );
    }
}
