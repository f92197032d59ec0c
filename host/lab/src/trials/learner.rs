//! Who learns: a model plugin behind a small trait, each fit in a store of its own.

use super::spec::ModelSpec;
use bulkhead_domain::model::{Algorithm, Domain, FitRequest, LearningTask, Matrix};
use bulkhead_domain::{Problem, Value};
use bulkhead_sandbox::{FittedModel, ModelPlugin};
use std::collections::BTreeMap;

/// Somebody who learns.
pub trait Learner: Sync {
    /// Learns, knowing nothing of any other fit.
    ///
    /// # Errors
    /// In one line, why not.
    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Fitted>, String>;
}

/// Something learnt.
pub trait Fitted: Send {
    /// A row of class probabilities, or of one value, for each row.
    ///
    /// # Errors
    /// In one line, why not.
    fn predict(&mut self, rows: &Matrix) -> Result<Matrix, String>;

    /// What was learnt, for the same version to load.
    ///
    /// # Errors
    /// In one line, why not.
    fn save(&mut self) -> Result<Vec<u8>, String>;
}

/// An algorithm of a model plugin with its hyper-parameters.
pub struct PluginLearner {
    plugin: ModelPlugin,
    spec: ModelSpec,
}

impl PluginLearner {
    /// The plugin's algorithm of that name, or the only one that learns `task`, with hyper-parameters as they were
    /// written, held to what the plugin declares.
    ///
    /// # Errors
    /// No such algorithm, one that does not learn `task`, an unknown hyper-parameter or a value that is not allowed.
    pub fn new(
        plugin: ModelPlugin,
        algorithm: Option<&str>,
        task: LearningTask,
        given: &[(String, String)],
    ) -> Result<PluginLearner, Problem> {
        let id = plugin.manifest().id.clone();
        let algorithms = plugin.algorithms()?;
        let algorithm = pick(&id, &algorithms, algorithm, task)?;
        let mut parameters = BTreeMap::new();
        for (name, text) in given {
            let domain = algorithm.parameters.iter().find(|it| it.name == *name);
            let value = read(domain.map(|it| &it.domain), text);
            if parameters.insert(name.clone(), value).is_some() {
                return Err(Problem::user(
                    format!("hyper-parameter {name} is given twice"),
                    "give it once",
                ));
            }
        }
        algorithm.check(&id, &parameters)?;
        for parameter in &algorithm.parameters {
            let default = || real(&parameter.domain, parameter.default.clone());
            parameters
                .entry(parameter.name.clone())
                .or_insert_with(default);
        }
        let spec = ModelSpec {
            plugin: id,
            version: plugin.manifest().version.clone(),
            digest: plugin.digest(),
            algorithm: algorithm.name.clone(),
            parameters,
        };
        Ok(PluginLearner { plugin, spec })
    }

    /// What a trial's specification says of it.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }
}

fn pick<'a>(
    id: &str,
    algorithms: &'a [Algorithm],
    name: Option<&str>,
    task: LearningTask,
) -> Result<&'a Algorithm, Problem> {
    let able: Vec<&Algorithm> = (algorithms.iter())
        .filter(|algorithm| algorithm.tasks.contains(&task))
        .collect();
    let what = match task {
        LearningTask::Classification => "class probabilities",
        LearningTask::Regression => "a number",
    };
    let names: Vec<&str> = able.iter().map(|it| it.name.as_str()).collect();
    let mend = || {
        if names.is_empty() {
            "choose another model or target".to_owned()
        } else {
            format!("name one of: {}", names.join(", "))
        }
    };
    match (name, able.as_slice()) {
        (Some(name), _) => able
            .iter()
            .find(|algorithm| algorithm.name == name)
            .copied()
            .ok_or_else(|| {
                Problem::user(
                    format!("model plugin {id} has no algorithm {name} that learns {what}"),
                    mend(),
                )
            }),
        (None, [only]) => Ok(only),
        (None, several) => Err(Problem::user(
            format!(
                "model plugin {id} has {} algorithms that learn {what}",
                several.len()
            ),
            mend(),
        )),
    }
}

/// A value as it was written; what does not read stays text, for the check to refuse.
fn read(domain: Option<&Domain>, text: &str) -> Value {
    let value = match domain {
        Some(Domain::Boolean) => text.parse().ok().map(Value::Boolean),
        Some(Domain::Integer { .. }) => text.parse().ok().map(Value::Integer),
        Some(Domain::Real { .. }) => text.parse().ok().map(Value::Real),
        Some(Domain::Choice(_)) | None => None,
    };
    value.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// A default of a real number that is written without a fraction.
#[expect(clippy::cast_precision_loss, reason = "a default that a person wrote")]
fn real(domain: &Domain, value: Value) -> Value {
    match (domain, value) {
        (Domain::Real { .. }, Value::Integer(whole)) => Value::Real(whole as f64),
        (_, value) => value,
    }
}

impl Learner for PluginLearner {
    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Fitted>, String> {
        match self.plugin.fit(request, None) {
            Ok(model) => Ok(Box::new(PluginFitted(model))),
            Err(error) => Err(error.to_string()),
        }
    }
}

struct PluginFitted(FittedModel);

impl Fitted for PluginFitted {
    fn predict(&mut self, rows: &Matrix) -> Result<Matrix, String> {
        self.0.predict(rows).map_err(|error| error.to_string())
    }

    fn save(&mut self) -> Result<Vec<u8>, String> {
        self.0.save().map_err(|error| error.to_string())
    }
}
