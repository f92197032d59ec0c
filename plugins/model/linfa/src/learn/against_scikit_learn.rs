//! The learners beside scikit-learn 1.9.1 on the same planted data: 700 rows to learn from, the next 700 to
//! be scored on. Its figures are stored here; for the forest they are means over 20 (three classes: 10)
//! seeds. Closed or convex problems must agree closely, a forest within its own scatter between seeds.

use super::bayes::Bayes;
use super::elastic::{self, Elastic};
use super::forest::{self, Forest};
use super::logistic::{self, Logistic};
use super::svm::{self, Svm};
use bulkhead_tabular::planted::{COLUMNS, sample, score, table, three_classes, two_classes};
use bulkhead_tabular::{Table, Watch};

fn proceed() -> impl FnMut(u64, u64, &[(&str, f64)]) -> bool {
    |_: u64, _: u64, _: &[(&str, f64)]| true
}

/// The data of one comparison: training and test rows with their labels.
struct Planted {
    train: Table,
    labels: Vec<u32>,
    test: Table,
    truth: Vec<u32>,
    classes: usize,
}

fn planted(classes: usize) -> Planted {
    let (train, test) = (table(0, 700), table(700, 700));
    let label = if classes == 2 {
        two_classes
    } else {
        three_classes
    };
    Planted {
        labels: label(0, &train),
        truth: label(700, &test),
        train,
        test,
        classes,
    }
}

impl Planted {
    /// Probabilities of the test rows by `predict(row, out)`.
    fn predict(&self, mut predict: impl FnMut(&[f64], &mut Vec<f64>)) -> Vec<f64> {
        let mut out = Vec::new();
        for row in self.test.iter() {
            predict(row, &mut out);
        }
        out
    }

    fn score(&self, predict: impl FnMut(&[f64], &mut Vec<f64>)) -> (f64, f64) {
        score(&self.predict(predict), &self.truth)
    }
}

/// Mean accuracy and log-loss of forests over ten seeds.
fn forest(data: &Planted) -> (f64, f64) {
    let settings = forest::Settings {
        trees: 100,
        max_depth: 6,
        min_leaf: 5,
        columns_per_split: 0.0,
    };
    let (mut accuracy, mut loss) = (0.0, 0.0);
    for seed in 0..10 {
        let sample = sample(&data.train, &data.labels, data.classes);
        let model = Forest::fit(&sample, settings, seed, &mut proceed()).unwrap();
        let mut codes = Vec::new();
        let (a, l) = data.score(|row, out| model.predict(row, &mut codes, data.classes, out));
        accuracy += a / 10.0;
        loss += l / 10.0;
    }
    (accuracy, loss)
}

/// Accuracy, log-loss and the model itself.
fn logistic(data: &Planted, watch: &mut Watch<'_>) -> (f64, f64, Logistic) {
    let settings = logistic::Settings {
        alpha: 1.0,
        max_iterations: 200,
    };
    let sample = sample(&data.train, &data.labels, data.classes);
    let model = Logistic::fit(&sample, settings, watch).unwrap();
    let mut line = Vec::new();
    let (a, l) = data.score(|row, out| model.predict(row, &mut line, data.classes, out));
    (a, l, model)
}

#[track_caller]
fn near(ours: f64, theirs: f64, tolerance: f64) {
    assert!(
        (ours - theirs).abs() <= tolerance,
        "ours {ours}, theirs {theirs}"
    );
}

#[test]
fn forest_of_two_classes() {
    let (accuracy, loss) = forest(&planted(2));
    // Theirs scatter by 0.0054 and 0.0027 between seeds.
    near(accuracy, 0.72536, 0.006);
    near(loss, 0.55898, 0.003);
}

#[test]
fn forest_of_three_classes() {
    let (accuracy, loss) = forest(&planted(3));
    near(accuracy, 0.86286, 0.004);
    near(loss, 0.55783, 0.009);
}

#[test]
fn logistic_of_two_classes() {
    let data = planted(2);
    let (accuracy, loss, model) = logistic(&data, &mut proceed());
    near(accuracy, 0.728_571_428_571_428_5, 1e-12);
    near(loss, 0.537_936_984_371_872_1, 1e-6);
    let importance = model.importance();
    assert_eq!(importance.len(), COLUMNS);
    near(
        importance[0] / importance[1],
        1.175_632_18 / 0.721_614_53,
        1e-4,
    );
}

#[test]
fn logistic_of_three_classes() {
    let (accuracy, loss, _) = logistic(&planted(3), &mut proceed());
    near(accuracy, 0.792_857_142_857_142_8, 1e-12);
    near(loss, 0.671_990_102_656_546_1, 1e-6);
}

#[test]
fn naive_bayes() {
    for (classes, accuracy, loss) in [
        (2, 0.738_571_428_571_428_5, 0.532_572_007_052_439_5),
        (3, 0.824_285_714_285_714_2, 0.664_311_501_390_488_4),
    ] {
        let data = planted(classes);
        let sample = sample(&data.train, &data.labels, classes);
        let model = Bayes::fit(&sample, 1e-9, &mut proceed()).unwrap();
        let mut line = Vec::new();
        let (a, l) = data.score(|row, out| model.predict(row, &mut line, classes, out));
        near(a, accuracy, 1e-12);
        near(l, loss, 1e-9);
    }
}

#[test]
fn support_vector_machines() {
    // Theirs by the sign of the score; ours by the calibrated probability, whose one half lies elsewhere.
    for (gamma, accuracy) in [(None, 0.737_142_86), (Some(1.0), 0.741_428_57)] {
        let data = planted(2);
        let sample = sample(&data.train, &data.labels, 2);
        let settings = svm::Settings {
            c: 1.0,
            gamma,
            tolerance: 1e-3,
        };
        let model = Svm::fit(&sample, settings, &mut proceed()).unwrap();
        let mut line = Vec::new();
        let (a, l) = data.score(|row, out| model.predict(row, &mut line, 2, out));
        near(a, accuracy, 0.015);
        assert!(l < 0.56, "log-loss {l}");
    }
}

#[test]
fn elastic_net() {
    let data = planted(2);
    let targets: Vec<f64> = data
        .train
        .iter()
        .zip(&data.labels)
        .map(|(x, y)| f64::from(*y) - 0.3 * x[5] + x[0])
        .collect();
    let settings = elastic::Settings {
        penalty: 0.01,
        l1_ratio: 0.5,
        max_iterations: 1000,
    };
    let model = Elastic::fit(&data.train, &targets, settings, &mut proceed()).unwrap();
    let mut line = Vec::new();
    let ours: Vec<f64> = data
        .test
        .iter()
        .take(3)
        .map(|x| model.predict(x, &mut line))
        .collect();
    for (ours, theirs) in ours.iter().zip([1.428_770_96, 1.239_597_72, 0.804_276_86]) {
        near(*ours, theirs, 1e-5);
    }
}
