//! The plugin as its host sees it, without a host.

use crate::Fitted;
use crate::offer::Kind;
use bulkhead_sdk::model::{ClassTargets, FitRequest, Targets};
use bulkhead_sdk::{Matrix, Value};
use bulkhead_tabular::planted::uniform;
use bulkhead_tabular::{Fault, log_loss};

/// Returns of which each keeps its predecessor's sign three times in four, two columns a row: the return
/// and noise. The label says whether the next return is above zero.
fn trending(rows: u64) -> (Matrix, Vec<u32>) {
    let mut up = true;
    let mut values = Vec::new();
    let mut labels = Vec::new();
    for row in 0..rows {
        let size = 0.001 + uniform(3 * row);
        values.extend([if up { size } else { -size }, uniform(3 * row + 1)]);
        up = (uniform(3 * row + 2) < 0.75) == up;
        labels.push(u32::from(up));
    }
    let matrix = Matrix {
        rows: rows as u32,
        columns: 2,
        values,
    };
    (matrix, labels)
}

fn request(algorithm: &str) -> FitRequest {
    let (features, labels) = trending(400);
    FitRequest {
        algorithm: algorithm.to_owned(),
        parameters: Vec::new(),
        feature_names: vec!["return".to_owned(), "noise".to_owned()],
        features,
        targets: Targets::Classes(ClassTargets { classes: 2, labels }),
        weights: Vec::new(),
        times: (0..400).collect(),
        label_ends: (1..401).collect(),
        seed: 0,
    }
}

fn fit(request: FitRequest) -> Result<Fitted, Fault> {
    Fitted::learn(request, &mut |_, _, _| true)
}

/// Mean log-loss on the rows that were learnt from.
fn loss(model: &Fitted) -> f64 {
    let (features, labels) = trending(400);
    let out = model.probabilities(&features).unwrap();
    let rows = out.values.chunks(2).zip(&labels);
    log_loss(rows.map(|(row, label)| row[*label as usize]))
}

#[test]
fn a_trend_is_worth_more_than_the_base_rate() {
    let base = loss(&fit(request("base-rate")).unwrap());
    for algorithm in ["persistence", "momentum"] {
        let found = loss(&fit(request(algorithm)).unwrap());
        assert!(found < base - 0.08, "{algorithm}: {found} of {base}");
    }
    let mut elsewhere = request("persistence");
    elsewhere.parameters = vec![("feature".to_owned(), Value::Integer(1))];
    let noise = loss(&fit(elsewhere).unwrap());
    assert!((noise - base).abs() < 1e-2, "{noise} of {base}");
}

#[test]
fn rows_of_probabilities_sum_to_one_and_keep_the_order_of_classes() {
    for kind in Kind::ALL {
        // Class 1 becomes class 2 of four.
        let mut request = request(kind.name());
        if let Targets::Classes(targets) = &mut request.targets {
            targets.classes = 4;
            targets.labels.iter_mut().for_each(|label| *label *= 2);
        }
        let model = fit(request).unwrap();
        let out = model.probabilities(&trending(50).0).unwrap();
        assert_eq!((out.rows, out.columns), (50, 4));
        for row in out.values.chunks(4) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{row:?}");
            assert!(row[1] < 0.01 && row[3] < 0.01, "{}: {row:?}", kind.name());
        }
    }
}

#[test]
fn the_same_request_gives_the_same_bytes_and_they_load() {
    for kind in Kind::ALL {
        let model = fit(request(kind.name())).unwrap();
        let bytes = model.write().unwrap();
        assert_eq!(bytes, fit(request(kind.name())).unwrap().write().unwrap());
        let loaded = Fitted::read(&bytes).unwrap();
        let bits = |model: &Fitted| -> Vec<u64> {
            let out = model.probabilities(&trending(100).0).unwrap();
            out.values.iter().map(|p| p.to_bits()).collect()
        };
        assert_eq!(bits(&model), bits(&loaded), "{}", kind.name());
        assert_eq!(model.shares(), loaded.shares());
    }
    assert!(matches!(Fitted::read(b"nonsense"), Err(Fault::Invalid(_))));
}

#[test]
fn importance_is_where_the_model_looks() {
    assert!(fit(request("base-rate")).unwrap().shares().is_empty());
    assert_eq!(fit(request("momentum")).unwrap().shares(), [1.0, 0.0]);
}

#[test]
fn what_is_declared_is_what_is_enforced() {
    for kind in Kind::ALL {
        for parameter in kind.declare().parameters {
            let mut request = request(kind.name());
            request.parameters = vec![(parameter.name.clone(), parameter.default.clone())];
            assert!(
                fit(request.clone()).is_ok(),
                "{}: {}",
                kind.name(),
                parameter.name
            );
            request.parameters[0].1 = Value::Integer(-1);
            let fault = fit(request).unwrap_err();
            assert!(matches!(&fault, Fault::Invalid(text) if text.contains(&parameter.name)));
        }
    }
    let mut beyond = request("momentum");
    beyond.parameters = vec![("feature".to_owned(), Value::Integer(2))];
    assert_eq!(
        fit(beyond).unwrap_err().to_string(),
        "parameter `feature` is 2; allowed: below the number of columns, 2"
    );
}

#[test]
fn one_class_and_too_few_rows_are_told_apart_from_bad_input() {
    for kind in Kind::ALL {
        let mut one_class = request(kind.name());
        if let Targets::Classes(targets) = &mut one_class.targets {
            targets.labels.fill(0);
        }
        assert!(
            matches!(fit(one_class), Err(Fault::Insufficient(_))),
            "{}",
            kind.name()
        );
        let mut values = request(kind.name());
        values.targets = Targets::Values(vec![0.0; 400]);
        assert!(
            matches!(fit(values), Err(Fault::Unsupported(_))),
            "{}",
            kind.name()
        );
        let stopped = Fitted::learn(request(kind.name()), &mut |_, _, _| false);
        assert_eq!(stopped.unwrap_err(), Fault::Cancelled, "{}", kind.name());
    }
    let mut constant = request("momentum");
    constant.features.values.fill(0.1);
    assert!(matches!(fit(constant), Err(Fault::Insufficient(_))));
}
