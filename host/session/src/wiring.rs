//! Model plugins behind the traits that the learner declares.

use crate::config::{CandidateConfig, ModelConfig};
use crate::learning::{Predictor, Trainer, Trainers};
use bulkhead_domain::digest::Digest;
use bulkhead_domain::model::{FitRequest, LearningTask, Matrix};
use bulkhead_domain::{Problem, Value};
use bulkhead_manifest::Kind;
use bulkhead_orchestrator::Candidate;
use bulkhead_registry::{Operator, Registry};
use bulkhead_sandbox::{FittedModel, ModelPlugin, Plugin};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who can learn each model, by alias. Each component is loaded once; `found` is told of it.
///
/// # Errors
/// A plugin that is not there or is no model, or an algorithm or hyper-parameters that it has not.
pub fn trainers(
    models: &BTreeMap<String, ModelConfig>,
    registry: &Registry,
    operator: &Operator,
    mut found: impl FnMut(&Plugin, &str) -> Result<(), Problem>,
) -> Result<BTreeMap<String, Trainers>, Problem> {
    let mut loaded: BTreeMap<String, Arc<ModelPlugin>> = BTreeMap::new();
    let mut all = BTreeMap::new();
    for (alias, model) in models {
        let mut trainers: Vec<Arc<dyn Trainer>> = Vec::new();
        for candidate in &model.candidates {
            let plugin = match loaded.get(&candidate.plugin) {
                Some(plugin) => Arc::clone(plugin),
                None => {
                    let plugin = registry.load(&candidate.plugin)?;
                    plugin.expect_kind(Kind::Model)?;
                    let settings = serde_json::Value::Object(Default::default());
                    let setup = registry.setup(&plugin, &settings, &[], operator)?;
                    found(&plugin, &candidate.plugin)?;
                    let plugin = Arc::new(ModelPlugin::new(plugin, setup)?);
                    loaded.insert(candidate.plugin.clone(), Arc::clone(&plugin));
                    plugin
                }
            };
            trainers.push(Arc::new(PluginTrainer::new(plugin, candidate)?));
        }
        all.insert(alias.clone(), Arc::new(trainers));
    }
    Ok(all)
}

/// A model plugin as a trainer of one candidate.
pub(crate) struct PluginTrainer {
    plugin: Arc<ModelPlugin>,
    candidate: Candidate,
    parameters: Vec<(String, Value)>,
}

impl PluginTrainer {
    /// Checks the algorithm and its hyper-parameters against what the plugin offers.
    pub(crate) fn new(plugin: Arc<ModelPlugin>, config: &CandidateConfig) -> Result<Self, Problem> {
        let id = plugin.manifest().id.clone();
        let algorithms = plugin.algorithms()?;
        let classifiers: Vec<_> = algorithms
            .iter()
            .filter(|a| a.tasks.contains(&LearningTask::Classification))
            .collect();
        let Some(algorithm) = classifiers
            .iter()
            .find(|algorithm| algorithm.name == config.algorithm)
        else {
            let names: Vec<&str> = classifiers
                .iter()
                .map(|algorithm| algorithm.name.as_str())
                .collect();
            return Err(Problem::user(
                format!("model plugin {id} has no classifier {}", config.algorithm),
                format!("use one of: {}", names.join(", ")),
            ));
        };
        algorithm.check(&id, &config.parameters)?;
        let parameters: Vec<(String, Value)> = config
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let text = serde_json::to_string(&parameters).unwrap_or_default();
        let candidate = Candidate {
            plugin: id,
            version: plugin.manifest().version.clone(),
            digest: plugin.digest(),
            offering: config.algorithm.clone(),
            config: Digest::of(text.as_bytes()),
        };
        Ok(PluginTrainer {
            plugin,
            candidate,
            parameters,
        })
    }
}

impl Trainer for PluginTrainer {
    fn candidate(&self) -> &Candidate {
        &self.candidate
    }

    fn parameters(&self) -> Vec<(String, Value)> {
        self.parameters.clone()
    }

    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Predictor>, String> {
        match self.plugin.fit(request, None) {
            Ok(model) => Ok(Box::new(PluginPredictor(model))),
            Err(error) => Err(error.to_string()),
        }
    }

    fn load(&self, saved: &[u8]) -> Result<Box<dyn Predictor>, String> {
        match self.plugin.load(saved) {
            Ok(model) => Ok(Box::new(PluginPredictor(model))),
            Err(error) => Err(error.to_string()),
        }
    }
}

struct PluginPredictor(FittedModel);

impl Predictor for PluginPredictor {
    fn predict(&mut self, rows: &Matrix) -> Result<Vec<f64>, String> {
        let answer = self.0.predict(rows).map_err(|error| error.to_string())?;
        if answer.columns != 2 {
            return Err(format!("it gave {} classes, not 2", answer.columns));
        }
        Ok(answer.values.chunks_exact(2).map(|row| row[1]).collect())
    }

    fn save(&mut self) -> Result<Vec<u8>, String> {
        self.0.save().map_err(|error| error.to_string())
    }
}
