//! What combinations change beside the strategy's parameters: settings of risk rules (`risk.RULE.SETTING`), of models
//! (`model.ALIAS.SETTING`), and hyper-parameters of their candidates (`model.ALIAS.ALGORITHM.PARAMETER`).
//!
//! Promises: a combination with a changed rule or model is the trial that a backtest with the same settings is.

use crate::backtest::Settings;
use crate::backtest::inputs::{learning, operator, ready};
use bulkhead_domain::{Instrument, Problem};
use bulkhead_registry::Registry;
use bulkhead_sandbox::{Plugin, Setup};
use bulkhead_session::backtest::Learning;
use bulkhead_session::config::ModelConfig;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// How a rule's and a model's settings are named.
const RISK: &str = "risk.";
const MODEL: &str = "model.";

/// What of a combination a run is set up with, besides its strategy.
pub(super) struct Variant<'a> {
    pub(super) settings: Cow<'a, Settings>,
    pub(super) rules: Vec<(Plugin, Setup)>,
    pub(super) learning: BTreeMap<String, Learning>,
    pub(super) learners: Value,
}

/// A combination's values apart: the strategy's own parameters, and what is changed beside them.
pub(super) fn apart(all: &Map<String, Value>, schema: &Value) -> [Map<String, Value>; 2] {
    let own = |name: &str| {
        schema
            .pointer("/properties")
            .and_then(|it| it.get(name))
            .is_some()
    };
    let beside = |name: &str| !own(name) && (name.starts_with(RISK) || name.starts_with(MODEL));
    let (beside, own): (Vec<_>, Vec<_>) = all.iter().partition(|(name, _)| beside(name));
    [own, beside].map(|part| {
        let part = part.into_iter();
        part.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    })
}

impl<'a> Variant<'a> {
    /// Nothing changed.
    ///
    /// # Errors
    /// Rules or models that cannot be used.
    pub(super) fn plain(
        registry: &Registry,
        settings: &'a Settings,
        instruments: &[Instrument],
    ) -> Result<Variant<'a>, Problem> {
        let (learning, learners) = learning(registry, settings)?;
        Ok(Variant {
            rules: ready(registry, settings, instruments)?,
            settings: Cow::Borrowed(settings),
            learning,
            learners,
        })
    }

    /// The same with some settings changed.
    ///
    /// # Errors
    /// A rule, model or setting that there is not, or a value that it does not take.
    pub(super) fn with(
        &self,
        changes: &Map<String, Value>,
        registry: &Registry,
        instruments: &[Instrument],
    ) -> Result<Variant<'static>, Problem> {
        let mut settings = self.settings.clone().into_owned();
        let mut learns_otherwise = false;
        for (name, value) in changes {
            if let Some(rest) = name.strip_prefix(RISK) {
                self.change_rule(&mut settings, rest, value)?;
            } else if let Some(rest) = name.strip_prefix(MODEL) {
                change_model(&mut settings, rest, value)?;
                learns_otherwise = true;
            }
        }
        let operator = operator(&settings);
        let rules = self.rules.iter().zip(&settings.risk);
        let rules = rules.map(|((plugin, _), rule)| {
            let config = Value::Object(rule.config.clone());
            let terms = registry.setup(plugin, &config, instruments, &operator)?;
            Ok((plugin.clone(), terms))
        });
        let rules = rules.collect::<Result<_, Problem>>()?;
        let (learning, learners) = match learns_otherwise {
            true => learning(registry, &settings)?,
            false => (self.learning.clone(), self.learners.clone()),
        };
        Ok(Variant {
            settings: Cow::Owned(settings),
            rules,
            learning,
            learners,
        })
    }

    fn change_rule(
        &self,
        settings: &mut Settings,
        rest: &str,
        value: &Value,
    ) -> Result<(), Problem> {
        let Some((id, setting)) = rest.split_once('.') else {
            return Err(Problem::user(
                format!("'{RISK}{rest}' names no setting"),
                "write it as risk.RULE.SETTING",
            ));
        };
        let mut found = false;
        for ((plugin, _), rule) in self.rules.iter().zip(&mut settings.risk) {
            if plugin.manifest().id == id {
                found = true;
                rule.config.insert(setting.to_owned(), value.clone());
            }
        }
        if found {
            return Ok(());
        }
        Err(Problem::user(
            format!("there is no rule {id}"),
            format!("give it with --risk {id}"),
        ))
    }
}

fn change_model(settings: &mut Settings, rest: &str, value: &Value) -> Result<(), Problem> {
    let (alias, setting) = rest.split_once('.').unwrap_or((rest, ""));
    let aliases: Vec<String> = settings.models.keys().cloned().collect();
    let Some(model) = settings.models.get_mut(alias) else {
        return Err(Problem::user(
            format!("there is no model {alias}"),
            match aliases.as_slice() {
                [] => "give a file with models by --models".to_owned(),
                known => format!("use one of: {}", known.join(", ")),
            },
        ));
    };
    let unusable = |error: serde_json::Error| {
        Problem::user(
            format!("[models.{alias}] {setting}: {error}"),
            "use a setting of models, as a session's configuration has them",
        )
    };
    let Some((algorithm, parameter)) = setting.split_once('.') else {
        let mut written = serde_json::to_value(&*model).map_err(unusable)?;
        if let Some(object) = written.as_object_mut() {
            object.insert(setting.to_owned(), value.clone());
        }
        *model = serde_json::from_value::<ModelConfig>(written).map_err(unusable)?;
        return Ok(());
    };
    let mut found = false;
    for candidate in &mut model.candidates {
        if candidate.algorithm == algorithm {
            found = true;
            let value = serde_json::from_value(value.clone()).map_err(unusable)?;
            candidate.parameters.insert(parameter.to_owned(), value);
        }
    }
    if found {
        return Ok(());
    }
    let known: Vec<&str> = (model.candidates.iter())
        .map(|candidate| candidate.algorithm.as_str())
        .collect();
    Err(Problem::user(
        format!("model {alias} has no candidate {algorithm}"),
        format!("use one of: {}", known.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_strategy_s_own_parameters_go_before_names_that_look_like_others() {
        let all = json!({"fast": 1, "risk.limits.share": 2, "model.up.window": 3, "risk.mine": 4});
        let schema = json!({"properties": {"fast": {}, "risk.mine": {}}});
        let [own, beside] = apart(all.as_object().unwrap(), &schema);
        assert_eq!(Value::Object(own), json!({"fast": 1, "risk.mine": 4}));
        let others = json!({"risk.limits.share": 2, "model.up.window": 3});
        assert_eq!(Value::Object(beside), others);
    }

    fn models() -> Settings {
        let models = json!({"up": {
            "candidates": [
                {"plugin": "linfa", "algorithm": "svm"},
                {"plugin": "linfa", "algorithm": "random-forest", "parameters": {"trees": 5}},
            ],
        }});
        Settings {
            models: serde_json::from_value(models).unwrap(),
            ..Settings::default()
        }
    }

    #[test]
    fn settings_and_hyper_parameters_of_models_are_changed_in_their_places() {
        let mut settings = models();
        change_model(&mut settings, "up.window", &json!(90)).unwrap();
        change_model(&mut settings, "up.random-forest.trees", &json!(7)).unwrap();
        let model = &settings.models["up"];
        assert_eq!(model.window, 90);
        assert!(model.candidates[0].parameters.is_empty());
        let trees = serde_json::to_value(&model.candidates[1].parameters).unwrap();
        assert_eq!(trees, json!({"trees": 7}));
    }

    #[test]
    fn what_no_model_has_is_refused_in_one_line() {
        for (rest, value, says) in [
            (
                "down.window",
                json!(9),
                "there is no model down; use one of: up",
            ),
            ("up.breadth", json!(9), "unknown field `breadth`"),
            ("up.window", json!("wide"), "[models.up] window: "),
            (
                "up.tree.depth",
                json!(9),
                "no candidate tree; use one of: svm, random-forest",
            ),
        ] {
            let problem = change_model(&mut models(), rest, &value)
                .unwrap_err()
                .to_string();
            assert!(problem.contains(says), "{problem}");
            assert_eq!(problem.lines().count(), 1);
        }
    }
}
