//! The plugin as its host sees it, without a host.

use crate::Fitted;
use crate::offer::Kind;
use bulkhead_sdk::model::{ClassTargets, FitRequest, Targets};
use bulkhead_sdk::{Matrix, Value};
use bulkhead_tabular::planted::{COLUMNS, score, table, three_classes, two_classes};
use bulkhead_tabular::{Fault, Table};

const CLASSIFIERS: [&str; 4] = [
    "random-forest",
    "logistic-regression",
    "gaussian-naive-bayes",
    "svm",
];

fn matrix(table: Table) -> Matrix {
    Matrix {
        rows: table.rows as u32,
        columns: table.columns as u32,
        values: table.values,
    }
}

/// 200 rows with a planted signal.
fn request(algorithm: &str, classes: u32) -> FitRequest {
    let table = table(0, 200);
    let labels = match classes {
        2 => two_classes(0, &table),
        _ => three_classes(0, &table),
    };
    FitRequest {
        algorithm: algorithm.to_owned(),
        parameters: Vec::new(),
        feature_names: (0..COLUMNS).map(|c| format!("f{c}")).collect(),
        targets: match algorithm {
            "elastic-net" => Targets::Values(table.iter().map(|x| 2.0 * x[0] - x[1]).collect()),
            _ => Targets::Classes(ClassTargets { classes, labels }),
        },
        features: matrix(table),
        weights: Vec::new(),
        times: (0..200).collect(),
        label_ends: (0..200).map(|t| t + 5).collect(),
        seed: 42,
    }
}

fn fit(request: FitRequest) -> Result<Fitted, Fault> {
    Fitted::learn(request, &mut |_, _, _| true)
}

fn refusal(request: FitRequest) -> String {
    match fit(request) {
        Err(Fault::Invalid(text)) => text,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn bits(matrix: &Matrix) -> Vec<u64> {
    matrix.values.iter().map(|x| x.to_bits()).collect()
}

#[test]
fn every_classifier_beats_the_base_rate_on_a_planted_signal() {
    let test = table(700, 500);
    for (classes, truth) in [(2, two_classes(700, &test)), (3, three_classes(700, &test))] {
        let base: Vec<f64> = (0..classes)
            .map(|c| {
                let Targets::Classes(given) = request("svm", classes).targets else {
                    panic!("classes")
                };
                given.labels.iter().filter(|l| **l == c).count() as f64 / 200.0
            })
            .collect();
        let (_, base_loss) = score(&base.repeat(500), &truth);
        for algorithm in CLASSIFIERS {
            let model = fit(request(algorithm, classes)).unwrap();
            let out = model.probabilities(&matrix(test.clone())).unwrap();
            assert_eq!((out.rows, out.columns), (500, classes));
            let (accuracy, loss) = score(&out.values, &truth);
            assert!(
                loss < base_loss - 0.05,
                "{algorithm}: {loss} of {base_loss}"
            );
            assert!(accuracy > 0.6, "{algorithm}: accuracy {accuracy}");
        }
    }
}

#[test]
fn rows_of_probabilities_sum_to_one_and_keep_the_order_of_classes() {
    for algorithm in CLASSIFIERS {
        // Five classes are declared, of which the second and the last never occur.
        let mut request = request(algorithm, 3);
        if let Targets::Classes(targets) = &mut request.targets {
            targets.classes = 5;
            for label in &mut targets.labels {
                *label = [0, 2, 3][*label as usize];
            }
        }
        let model = fit(request).unwrap();
        let test = table(700, 300);
        let truth: Vec<u32> = three_classes(700, &test)
            .into_iter()
            .map(|label| [0, 2, 3][label as usize])
            .collect();
        let out = model.probabilities(&matrix(test)).unwrap();
        for row in out.values.chunks(5) {
            assert!(
                (row.iter().sum::<f64>() - 1.0).abs() < 1e-12,
                "{algorithm}: {row:?}"
            );
            assert!(
                row.iter().all(|p| (0.0..=1.0).contains(p)),
                "{algorithm}: {row:?}"
            );
            assert_eq!((row[1], row[4]), (0.0, 0.0), "{algorithm}");
        }
        assert!(score(&out.values, &truth).0 > 0.6, "{algorithm}");
    }
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    for kind in Kind::ALL {
        let save = || fit(request(kind.name(), 3)).unwrap().write().unwrap();
        assert!(save() == save(), "{}", kind.name());
    }
}

#[test]
fn a_loaded_model_predicts_the_same_bits() {
    for kind in Kind::ALL {
        let model = fit(request(kind.name(), 2)).unwrap();
        let loaded = Fitted::read(&model.write().unwrap()).unwrap();
        let predict =
            |model: &Fitted| bits(&model.probabilities(&matrix(table(900, 100))).unwrap());
        assert_eq!(predict(&model), predict(&loaded), "{}", kind.name());
        assert_eq!(model.shares(), loaded.shares(), "{}", kind.name());
    }
}

#[test]
fn garbage_is_not_loaded() {
    for garbage in [&b""[..], b"linfa--1", &[0xff; 4096]] {
        assert!(matches!(Fitted::read(garbage), Err(Fault::Invalid(_))));
    }
    let mut bytes = fit(request("gaussian-naive-bayes", 2))
        .unwrap()
        .write()
        .unwrap();
    bytes[7] = b'2';
    let fault = Fitted::read(&bytes).unwrap_err();
    assert!(fault.to_string().contains("another version"), "{fault}");
}

#[test]
fn predictions_stay_defined_far_from_what_was_seen() {
    for kind in Kind::ALL {
        let model = fit(request(kind.name(), 2)).unwrap();
        let far = Matrix {
            rows: 2,
            columns: COLUMNS as u32,
            values: [vec![1e150; COLUMNS], vec![f64::MIN; COLUMNS]].concat(),
        };
        let out = model.probabilities(&far).unwrap();
        assert!(
            out.values.iter().all(|x| x.is_finite()),
            "{}: {out:?}",
            kind.name()
        );
    }
}

#[test]
fn importance_sums_to_one_or_is_empty() {
    for (algorithm, has) in [
        ("random-forest", true),
        ("logistic-regression", true),
        ("elastic-net", true),
        ("gaussian-naive-bayes", false),
        ("svm", false),
    ] {
        let importance = fit(request(algorithm, 2)).unwrap().shares();
        assert_eq!(importance.is_empty(), !has, "{algorithm}");
        if has {
            assert_eq!(importance.len(), COLUMNS);
            assert!(
                (importance.iter().sum::<f64>() - 1.0).abs() < 1e-12,
                "{algorithm}"
            );
            assert!(importance[0] > importance[4], "{algorithm}: {importance:?}");
        }
    }
}

#[test]
fn what_is_declared_is_what_is_enforced() {
    for kind in Kind::ALL {
        let declared = kind.declare();
        for parameter in &declared.parameters {
            let mut request = request(kind.name(), 2);
            request.parameters = vec![(parameter.name.clone(), parameter.default.clone())];
            assert!(
                fit(request.clone()).is_ok(),
                "{}: {}",
                kind.name(),
                parameter.name
            );
            request.parameters[0].1 = Value::Text("nonsense".to_owned());
            let text = refusal(request);
            assert!(
                text.contains(&parameter.name) && text.contains("allowed"),
                "{text}"
            );
        }
        let mut weighted = request(kind.name(), 2);
        weighted.weights = vec![1.0; 200];
        match fit(weighted) {
            Ok(_) => assert!(declared.weighted, "{}", kind.name()),
            Err(Fault::Unsupported(text)) => {
                assert!(!declared.weighted && text.contains("weights"), "{text}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn equal_weights_are_no_weights() {
    let mut weighted = request("random-forest", 2);
    weighted.weights = vec![3.0; 200];
    let plain = fit(request("random-forest", 2)).unwrap();
    assert!(fit(weighted).unwrap() == plain);
}

#[test]
fn a_value_that_is_no_number_is_named_by_row_and_column() {
    let mut bad = request("random-forest", 2);
    bad.features.values[3 * COLUMNS + 2] = f64::NAN;
    assert_eq!(
        refusal(bad),
        "row 3, column 2 (`f2`) is NaN, not a finite number"
    );
    let model = fit(request("random-forest", 2)).unwrap();
    let mut asked = matrix(table(0, 2));
    asked.values[COLUMNS] = f64::INFINITY;
    let fault = model.probabilities(&asked).unwrap_err();
    assert_eq!(
        fault.to_string(),
        "row 1, column 0 is inf, not a finite number"
    );
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    type Break = fn(&mut FitRequest);
    let breaks: [(Break, &str); 9] = [
        (|r| r.algorithm = "forest".into(), "no algorithm `forest`"),
        (
            |r| r.feature_names.truncate(11),
            "11 feature names for 12 columns",
        ),
        (|r| r.features.values.truncate(2399), "2399 feature values"),
        (|r| r.features.columns = 0, "no column"),
        (|r| r.weights = vec![1.0; 3], "3 weights for 200 rows"),
        (|r| r.weights = vec![-1.0; 200], "weight of row 0 is -1"),
        (|r| r.times.truncate(9), "9 times for 200 rows"),
        (|r| r.label_ends[7] = 0, "the label of row 7 ends before"),
        (
            |r| {
                if let Targets::Classes(targets) = &mut r.targets {
                    targets.labels[5] = 2;
                }
            },
            "label of row 5 is 2, of 2 classes",
        ),
    ];
    for (spoil, expected) in breaks {
        let mut bad = request("random-forest", 2);
        spoil(&mut bad);
        let text = refusal(bad);
        assert!(text.contains(expected), "{text}");
    }
    let model = fit(request("svm", 2)).unwrap();
    let narrow = Matrix {
        rows: 1,
        columns: 2,
        values: vec![0.0; 2],
    };
    let fault = model.probabilities(&narrow).unwrap_err();
    assert_eq!(fault.to_string(), "2 columns; the model was fitted on 12");
}

#[test]
fn too_little_to_learn_from_is_told_apart_from_bad_input() {
    for algorithm in CLASSIFIERS {
        let mut one_class = request(algorithm, 2);
        if let Targets::Classes(targets) = &mut one_class.targets {
            targets.labels.fill(1);
        }
        let fault = fit(one_class).unwrap_err();
        assert!(
            matches!(fault, Fault::Insufficient(_)),
            "{algorithm}: {fault}"
        );

        let mut few = request(algorithm, 2);
        few.features = matrix(table(0, 9));
        if let Targets::Classes(targets) = &mut few.targets {
            targets.labels.truncate(9);
        }
        few.times.truncate(9);
        few.label_ends.truncate(9);
        let fault = fit(few).unwrap_err();
        assert_eq!(fault.to_string(), "9 rows; at least 10 are needed");
    }
}

#[test]
fn a_task_that_an_algorithm_does_not_do_is_unsupported() {
    let mut values = request("random-forest", 2);
    values.targets = request("elastic-net", 2).targets;
    let fault = fit(values).unwrap_err();
    assert_eq!(
        fault,
        Fault::Unsupported("random-forest learns classes, not values".into())
    );
    let mut classes = request("elastic-net", 2);
    classes.targets = request("svm", 2).targets;
    let fault = fit(classes).unwrap_err();
    assert_eq!(
        fault,
        Fault::Unsupported("elastic-net learns values, not classes".into())
    );
}

#[test]
fn told_to_stop_at_once_no_algorithm_returns_a_model() {
    for kind in Kind::ALL {
        let stopped = Fitted::learn(request(kind.name(), 2), &mut |_, _, _| false);
        assert_eq!(stopped.unwrap_err(), Fault::Cancelled, "{}", kind.name());
    }
}

#[test]
fn rows_that_never_vary_do_not_break_anything() {
    for algorithm in CLASSIFIERS {
        let mut constant = request(algorithm, 2);
        constant.features.values.fill(0.1);
        match fit(constant) {
            Ok(model) => {
                let out = model.probabilities(&matrix(table(0, 3))).unwrap();
                assert!(out.values.iter().all(|p| p.is_finite()), "{algorithm}");
            }
            Err(fault) => {
                assert!(
                    matches!(fault, Fault::Insufficient(_)),
                    "{algorithm}: {fault}"
                );
            }
        }
    }
}

#[test]
fn progress_goes_to_the_host_and_its_answer_stops_the_forest() {
    use bulkhead_sdk::model::{Fitted as _, Model};
    use bulkhead_sdk::testing;

    testing::stop_at(7);
    let stopped = crate::Linfa.fit(request("random-forest", 2)).unwrap();
    assert_eq!(testing::reported().last(), Some(&(7, 100)));
    let mut seven = request("random-forest", 2);
    seven.parameters = vec![("trees".to_owned(), Value::Integer(7))];
    assert!(stopped == fit(seven).unwrap());
    assert!(matches!(
        crate::Linfa.load(b"nonsense"),
        Err(bulkhead_sdk::model::Error::InvalidInput(_))
    ));
    assert_eq!(stopped.save().unwrap(), stopped.write().unwrap());
}
