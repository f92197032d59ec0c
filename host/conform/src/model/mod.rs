//! Models: every algorithm learns a planted signal twice, with its default hyper-parameters.

mod lesson;

use crate::bench::Bench;
use crate::check::{Finding, Suite};
use crate::load::text;
use crate::rules::{
    MODEL_IMPORTANCE, MODEL_LOADS, MODEL_OFFERS, MODEL_ORDER, MODEL_REFUSES, MODEL_REPEATS,
    MODEL_SHAPE, MODEL_WEIGHTS,
};
use bulkhead_domain::Value;
use bulkhead_domain::model::{
    Algorithm, Domain, FitRequest, LearningTask, Matrix, Parameter, Targets,
};
use bulkhead_domain::number::to_f64;
use bulkhead_sandbox::{CallError, ModelPlugin};
use lesson::{FEATURES, Lesson, ROWS, lesson};
use std::collections::BTreeSet;

/// How far a row of probabilities may be from summing to 1.
const SUM_TOLERANCE: f64 = 1e-9;

/// Correlation of predictions and outcomes below which a model says the opposite of what it learnt: three
/// standard errors of what noise gives on so many rows. One that reads the signal comes to 0.5 and more.
const OPPOSITE: f64 = -0.4;

/// A name that no algorithm has.
const NO_ALGORITHM: &str = "bulkhead-no-such-algorithm";

/// Checks of one algorithm and task.
const OF_ALGORITHM: [crate::Rule; 6] = [
    MODEL_SHAPE,
    MODEL_LOADS,
    MODEL_IMPORTANCE,
    MODEL_REFUSES,
    MODEL_ORDER,
    MODEL_WEIGHTS,
];

pub(crate) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) {
    let offers = bench.plugin().and_then(|plugin| {
        let setup = bench.setup(plugin.manifest(), &[]);
        let model = ModelPlugin::new(plugin, setup).map_err(text)?;
        let algorithms = model.algorithms().map_err(text)?;
        Ok((model, algorithms))
    });
    let (model, algorithms) = match offers {
        Ok(offers) => offers,
        Err(reason) => {
            suite.note(MODEL_OFFERS, "", Err(reason));
            suite.skip_all(&[MODEL_REPEATS], "", MODEL_OFFERS);
            suite.skip_all(&OF_ALGORITHM, "", MODEL_OFFERS);
            return;
        }
    };
    suite.note(MODEL_OFFERS, "", offered(&algorithms));
    for algorithm in &algorithms {
        for task in &algorithm.tasks {
            let of = match algorithm.tasks.as_slice() {
                [_] => algorithm.name.clone(),
                _ => format!("{} {}", algorithm.name, task_name(*task)),
            };
            one(bench, &model, algorithm, *task, &of, suite);
        }
    }
}

fn task_name(task: LearningTask) -> &'static str {
    match task {
        LearningTask::Classification => "classification",
        LearningTask::Regression => "regression",
    }
}

fn offered(algorithms: &[Algorithm]) -> Finding {
    if algorithms.is_empty() {
        return Err("it offers no algorithm".to_owned());
    }
    let mut names = BTreeSet::new();
    for algorithm in algorithms {
        if !names.insert(algorithm.name.as_str()) {
            return Err(format!("two algorithms are called {}", algorithm.name));
        }
        if algorithm.tasks.is_empty() {
            return Err(format!(
                "{} learns neither classes nor values",
                algorithm.name
            ));
        }
        let mut known = BTreeSet::new();
        for parameter in &algorithm.parameters {
            let name = format!("{}'s hyper-parameter {}", algorithm.name, parameter.name);
            if !known.insert(parameter.name.as_str()) {
                return Err(format!("{name} comes twice"));
            }
            if !default_fits(parameter) {
                return Err(format!(
                    "{name} has the default {:?}, outside of {:?}",
                    parameter.default, parameter.domain
                ));
            }
        }
    }
    Ok(names.into_iter().collect::<Vec<_>>().join(", "))
}

fn default_fits(parameter: &Parameter) -> bool {
    match (&parameter.domain, &parameter.default) {
        (Domain::Boolean, Value::Boolean(_)) => true,
        (Domain::Integer { min, max }, Value::Integer(value)) => (min..=max).contains(&value),
        (Domain::Real { min, max, .. }, Value::Real(value)) => (min..=max).contains(&value),
        (Domain::Real { min, max, .. }, Value::Integer(value)) => {
            (*min..=*max).contains(&(*value as f64))
        }
        (Domain::Real { min, max, .. }, Value::Number(value)) => {
            (*min..=*max).contains(&to_f64(*value))
        }
        (Domain::Choice(names), Value::Text(value)) => names.contains(value),
        _ => false,
    }
}

/// Everything about one fit.
struct Fitted {
    saved: Vec<u8>,
    predicted: Matrix,
    importance: Vec<f64>,
}

fn fit(model: &ModelPlugin, request: &FitRequest, ahead: &Matrix) -> Result<Fitted, String> {
    let mut fitted = model.fit(request, None).map_err(text)?;
    Ok(Fitted {
        saved: fitted.save().map_err(text)?,
        predicted: fitted.predict(ahead).map_err(text)?,
        importance: fitted.importance().map_err(text)?,
    })
}

fn one(
    bench: &Bench<'_>,
    model: &ModelPlugin,
    algorithm: &Algorithm,
    task: LearningTask,
    of: &str,
    suite: &mut Suite<'_>,
) {
    let Lesson {
        request,
        ahead,
        outcomes,
    } = lesson(bench.terms.seed, &algorithm.name, task);
    let first = match fit(model, &request, &ahead) {
        Ok(first) => first,
        Err(reason) => {
            suite.note(MODEL_REPEATS, of, Err(reason));
            suite.skip_all(&OF_ALGORITHM, of, MODEL_REPEATS);
            return;
        }
    };
    let repeats = fit(model, &request, &ahead).and_then(|second| {
        if first.saved != second.saved {
            return Err(format!(
                "the saved bytes of two equal fits differ ({} and {} of them)",
                first.saved.len(),
                second.saved.len()
            ));
        }
        same(&first.predicted, &second.predicted, "two equal fits")?;
        Ok(format!(
            "{ROWS} rows of {} features, {} bytes saved",
            FEATURES.len(),
            first.saved.len()
        ))
    });
    suite.note(MODEL_REPEATS, of, repeats);
    suite.note(MODEL_SHAPE, of, shape(&first.predicted, task));
    let loads = model
        .load(&first.saved)
        .map_err(text)
        .and_then(|mut loaded| {
            let predicted = loaded.predict(&ahead).map_err(text)?;
            same(&first.predicted, &predicted, "the model and its saved form")?;
            let again = loaded.save().map_err(text)?;
            if again == first.saved {
                Ok("and saves the same bytes again".to_owned())
            } else {
                Err("what was loaded saves other bytes than it was loaded from".to_owned())
            }
        });
    suite.note(MODEL_LOADS, of, loads);
    suite.note(MODEL_IMPORTANCE, of, importance(&first.importance));
    suite.note(MODEL_REFUSES, of, refuses(model, &request));
    suite.note(MODEL_ORDER, of, in_order(&first.predicted, &outcomes));
    if algorithm.weighted {
        suite.note(
            MODEL_WEIGHTS,
            of,
            weighs(model, request, &ahead, &first.saved),
        );
    } else {
        suite.skip(MODEL_WEIGHTS, of, "it uses none");
    }
}

fn same(one: &Matrix, other: &Matrix, who: &str) -> Result<(), String> {
    let bits = |matrix: &Matrix| {
        matrix
            .values
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    if (one.rows, one.columns) != (other.rows, other.columns) {
        return Err(format!("{who} predict matrices of different shape"));
    }
    let differs = bits(one).iter().zip(bits(other)).position(|(a, b)| *a != b);
    match differs {
        Some(place) => Err(format!(
            "{who} predict {} and {} in row {}",
            one.values[place],
            other.values[place],
            place / one.columns.max(1) as usize + 1
        )),
        None => Ok(()),
    }
}

/// That there are as many rows, and that they are finite, the sandbox has seen to.
fn shape(predicted: &Matrix, task: LearningTask) -> Finding {
    let columns = match task {
        LearningTask::Classification => 2,
        LearningTask::Regression => 1,
    };
    if predicted.columns != columns {
        return Err(format!(
            "{} columns are predicted, not {columns}",
            predicted.columns
        ));
    }
    if task == LearningTask::Classification {
        for (row, values) in predicted.values.chunks_exact(2).enumerate() {
            let sum: f64 = values.iter().sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(format!("row {} sums to {sum}", row + 1));
            }
            if values.iter().any(|value| !(0.0..=1.0).contains(value)) {
                return Err(format!("row {} is {values:?}", row + 1));
            }
        }
    }
    Ok(format!("{} rows of {columns}", predicted.rows))
}

fn importance(values: &[f64]) -> Finding {
    if values.is_empty() {
        return Ok("it gives none".to_owned());
    }
    if values.len() != FEATURES.len() {
        return Err(format!(
            "{} importances for {} features",
            values.len(),
            FEATURES.len()
        ));
    }
    if let Some(value) = values
        .iter()
        .find(|value| !value.is_finite() || **value < 0.0)
    {
        return Err(format!("an importance is {value}"));
    }
    let sum: f64 = values.iter().sum();
    if (sum - 1.0).abs() > SUM_TOLERANCE {
        return Err(format!("they sum to {sum}"));
    }
    Ok(format!("{} of them", values.len()))
}

/// Whether what is predicted for the last class, or the one value, goes with what happened.
fn in_order(predicted: &Matrix, outcomes: &[f64]) -> Finding {
    let columns = predicted.columns.max(1) as usize;
    let expected: Vec<f64> = (predicted.values.chunks(columns))
        .filter_map(|row| row.last().copied())
        .collect();
    if expected.windows(2).all(|pair| pair[0] == pair[1]) {
        return Ok("it predicts the same for every row".to_owned());
    }
    let together = correlation(&expected, outcomes);
    let found = format!("predictions and outcomes correlate with {together:.2}");
    // Asked this way round, a correlation that is no number does not pass.
    if together >= OPPOSITE {
        Ok(found)
    } else {
        Err(format!("{found}: are the classes in order?"))
    }
}

/// Pearson's correlation coefficient.
fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (a, b) = (mean(one), mean(other));
    let sum = |product: fn(f64, f64) -> f64| -> f64 {
        (one.iter().zip(other))
            .map(|(x, y)| product(x - a, y - b))
            .sum()
    };
    sum(|x, y| x * y) / (sum(|x, _| x * x) * sum(|_, y| y * y)).sqrt()
}

/// Rows of the second class, or with a target above zero, count four times.
fn weighs(model: &ModelPlugin, request: FitRequest, ahead: &Matrix, plain: &[u8]) -> Finding {
    let heavy = |up: bool| if up { 4.0 } else { 1.0 };
    let mut weighted = request;
    weighted.weights = match &weighted.targets {
        Targets::Classes { labels, .. } => labels.iter().map(|label| heavy(*label == 1)).collect(),
        Targets::Values(values) => values.iter().map(|value| heavy(*value > 0.0)).collect(),
    };
    let fitted = fit(model, &weighted, ahead)?;
    if fitted.saved == plain {
        return Err("a fit with weights saves the same bytes as one without".to_owned());
    }
    Ok("half of the rows counted four times".to_owned())
}

/// Rows that do not fit together, no rows at all and an algorithm that there is not are the caller's
/// mistakes.
fn refuses(model: &ModelPlugin, request: &FitRequest) -> Finding {
    let mut short = request.clone();
    match &mut short.targets {
        Targets::Classes { labels, .. } => labels.truncate(ROWS / 2),
        Targets::Values(values) => values.truncate(ROWS / 2),
    }
    let mut empty = request.clone();
    empty.features.rows = 0;
    empty.features.values.clear();
    (empty.times, empty.label_ends) = (Vec::new(), Vec::new());
    match &mut empty.targets {
        Targets::Classes { labels, .. } => labels.clear(),
        Targets::Values(values) => values.clear(),
    }
    let mut unknown = request.clone();
    unknown.algorithm = NO_ALGORITHM.to_owned();
    for (what, hopeless) in [
        ("half as many targets as rows", short),
        ("no rows", empty),
        ("an algorithm that it does not offer", unknown),
    ] {
        match model.fit(&hopeless, None) {
            Ok(_) => return Err(format!("given {what}, it returns a model all the same")),
            Err(CallError::Refused { .. }) => {}
            Err(CallError::Failed(error)) => return Err(format!("given {what}: {error}")),
        }
    }
    Ok("half as many targets as rows, no rows, an unknown algorithm".to_owned())
}

#[cfg(test)]
mod tests {
    use super::lesson::AHEAD;
    use super::*;

    fn parameter(domain: Domain, default: Value) -> Parameter {
        Parameter {
            name: "p".to_owned(),
            description: String::new(),
            domain,
            default,
        }
    }

    #[test]
    fn a_default_outside_its_own_bounds_is_found() {
        let real = Domain::Real {
            min: 0.0,
            max: 1.0,
            logarithmic: false,
        };
        assert!(default_fits(&parameter(real.clone(), Value::Real(1.0))));
        assert!(default_fits(&parameter(real.clone(), Value::Integer(1))));
        assert!(!default_fits(&parameter(
            real.clone(),
            Value::Real(f64::NAN)
        )));
        assert!(!default_fits(&parameter(real, Value::Text("a".into()))));
        let integer = Domain::Integer { min: 2, max: 3 };
        assert!(!default_fits(&parameter(integer, Value::Integer(1))));
        let choice = Domain::Choice(vec!["a".into()]);
        assert!(!default_fits(&parameter(choice, Value::Text("b".into()))));
    }

    #[test]
    fn rows_that_are_no_probabilities_are_found() {
        let matrix = |values: &[f64]| Matrix {
            rows: (values.len() / 2) as u32,
            columns: 2,
            values: values.to_vec(),
        };
        let found = |values: &[f64]| shape(&matrix(values), LearningTask::Classification);
        assert_eq!(found(&[0.4, 0.6, 1.0, 0.0]), Ok("2 rows of 2".to_owned()));
        assert_eq!(
            found(&[0.4, 0.6, 0.4, 0.5]),
            Err("row 2 sums to 0.9".to_owned())
        );
        assert_eq!(found(&[-0.5, 1.5]), Err("row 1 is [-0.5, 1.5]".to_owned()));
        assert!(shape(&matrix(&[1.0, 0.0]), LearningTask::Regression).is_err());
    }

    #[test]
    fn importances_that_are_no_shares_are_found() {
        assert!(importance(&[]).is_ok());
        assert!(importance(&[0.25; 4]).is_ok());
        assert!(importance(&[0.5; 2]).is_err());
        assert!(importance(&[0.5, 0.5, 0.5, -0.5]).is_err());
        assert_eq!(importance(&[0.5; 4]), Err("they sum to 2".to_owned()));
    }

    #[test]
    fn classes_the_wrong_way_round_are_found() {
        let outcomes = lesson(1, "a", LearningTask::Classification).outcomes;
        let predicted = |up: fn(f64) -> f64| Matrix {
            rows: AHEAD as u32,
            columns: 2,
            values: (outcomes.iter())
                .flat_map(|outcome| [1.0 - up(*outcome), up(*outcome)])
                .collect(),
        };
        let right: fn(f64) -> f64 = |outcome| if outcome > 0.0 { 0.8 } else { 0.3 };
        let wrong: fn(f64) -> f64 = |outcome| if outcome > 0.0 { 0.3 } else { 0.8 };
        assert!(in_order(&predicted(right), &outcomes).is_ok());
        let found = in_order(&predicted(wrong), &outcomes).unwrap_err();
        assert!(found.contains("correlate with -0."), "{found}");
        assert!(in_order(&predicted(|_| 0.5), &outcomes).is_ok());
        assert!(in_order(&predicted(|_| f64::NAN), &outcomes).is_err());
    }
}
