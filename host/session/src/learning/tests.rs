use super::*;
use crate::config::CandidateConfig;
use crate::handed::Handed;
use bulkhead_domain::Digest;
use std::sync::Mutex;

/// Remembers what it was given; predicts the first feature as a probability, so often.
struct Spy {
    candidate: Candidate,
    requests: Arc<Mutex<Vec<FitRequest>>>,
    answers: usize,
}

/// Gives the first feature so often, then fails.
struct First(usize);

impl Predictor for First {
    fn predict(&mut self, rows: &Matrix) -> Result<Vec<f64>, String> {
        self.0 = self.0.checked_sub(1).ok_or("it trapped")?;
        Ok((0..rows.rows as usize)
            .map(|row| rows.row(row).unwrap()[0])
            .collect())
    }
    fn save(&mut self) -> Result<Vec<u8>, String> {
        Ok(b"first".to_vec())
    }
}

impl Trainer for Spy {
    fn candidate(&self) -> &Candidate {
        &self.candidate
    }
    fn parameters(&self) -> Vec<(String, Value)> {
        Vec::new()
    }
    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Predictor>, String> {
        self.requests.lock().unwrap().push(request.clone());
        Ok(Box::new(First(self.answers)))
    }
    fn load(&self, saved: &[u8]) -> Result<Box<dyn Predictor>, String> {
        // A version of other settings learnt something else.
        if self.candidate.config == Digest::of(b"") && saved == b"first" {
            return Ok(Box::new(First(self.answers)));
        }
        Err("saved by another".to_owned())
    }
}

fn config() -> ModelConfig {
    ModelConfig {
        horizon: 3,
        window: 100,
        refit_every: 20,
        calibration_tail: 0.3,
        min_samples: 50,
        judged_by: 500,
        confidence: 0.95,
        selection: ModelSelection::default(),
        shuffle_labels: false,
        candidates: vec![CandidateConfig {
            plugin: "spy".to_owned(),
            algorithm: "first".to_owned(),
            parameters: Default::default(),
        }],
    }
}

fn learner(config: &ModelConfig) -> (Learner, Arc<Mutex<Vec<FitRequest>>>) {
    seeded(1, config)
}

fn seeded(seed: u64, config: &ModelConfig) -> (Learner, Arc<Mutex<Vec<FitRequest>>>) {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let spy = spy("first", "", usize::MAX, &requests);
    (taught(seed, config, vec![spy]), requests)
}

fn spy(
    algorithm: &str,
    parameters: &str,
    answers: usize,
    requests: &Arc<Mutex<Vec<FitRequest>>>,
) -> Arc<dyn Trainer> {
    Arc::new(Spy {
        candidate: Candidate {
            plugin: "spy".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Digest::of(b"spy"),
            offering: algorithm.to_owned(),
            config: Digest::of(parameters.as_bytes()),
        },
        requests: Arc::clone(requests),
        answers,
    })
}

fn taught(seed: u64, config: &ModelConfig, trainers: Vec<Arc<dyn Trainer>>) -> Learner {
    let names = ["p".to_owned()];
    Learner::new(
        "s",
        seed,
        "direction",
        "X",
        config,
        &names,
        Arc::new(trainers),
    )
}

/// A series whose next move is known from the feature with the given reliability.
fn run(learner: &mut Learner, bars: usize, reliability: f64) -> Vec<View> {
    let mut generator = ChaCha12Rng::seed_from_u64(9);
    let mut unit = move || (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    // One decision a horizon, so that the label follows the feature of its own bar.
    let horizon = learner.config.horizon;
    let (mut price, mut drift, mut feature) = (100.0, 0.0, 0.5);
    (0..bars)
        .map(|bar| {
            let open = price;
            if bar % (horizon + 1) == 0 {
                let up = unit() < 0.5;
                feature = if (unit() < reliability) == up {
                    0.8
                } else {
                    0.2
                };
                drift = if up { 0.01 } else { -0.01 };
            }
            price *= 1.0 + drift;
            let day = 86_400_000_000_000;
            let bar = bar as i64;
            let features = [feature];
            learner.observe(&Sample {
                time: bar * day + day / 2,
                open_time: bar * day,
                open,
                features: &features,
            })
        })
        .collect()
}

#[test]
fn no_label_is_learnt_before_it_has_ended() {
    let config = config();
    let (mut learner, requests) = learner(&config);
    let views = run(&mut learner, 400, 0.9);
    let fits: Vec<i64> = views
        .iter()
        .filter(|view| view.fresh)
        .map(|view| view.decision.time.0)
        .collect();
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), fits.len());
    assert!(requests.len() > 5);
    for (request, fitted_at) in requests.iter().zip(fits) {
        assert!(
            request.label_ends.iter().all(|end| *end <= fitted_at),
            "a label from the future"
        );
        for (time, end) in request.times.iter().zip(&request.label_ends) {
            assert!(end > time, "a label ends after its sample");
        }
        assert!(request.times.is_sorted());
    }
}

#[test]
fn the_part_learnt_from_is_purged_of_the_calibration_tail() {
    let config = config();
    let (mut learner, requests) = learner(&config);
    run(&mut learner, 200, 0.9);
    let request = requests.lock().unwrap()[0].clone();
    // 100 samples: 30 calibrate, and the last `horizon` of the 70 reach into them.
    let day = 86_400_000_000_000i64;
    let calibrated_from = request.times[0] + 70 * day;
    assert!(request.label_ends.iter().all(|end| *end <= calibrated_from));
    assert_eq!(request.times.len(), 70 - config.horizon);
}

#[test]
fn a_model_with_an_edge_becomes_eligible_and_is_chosen() {
    let config = config();
    let (mut learner, _) = learner(&config);
    let views = run(&mut learner, 900, 0.95);
    assert!(
        views[..150]
            .iter()
            .all(|view| view.decision.choice.winner.is_none()),
        "nothing before it is proven"
    );
    assert_eq!(
        views.last().unwrap().decision.choice.winner,
        Some(0),
        "{:?}",
        views.last().unwrap().decision
    );
}

#[test]
fn with_shuffled_labels_nothing_is_eligible() {
    let config = ModelConfig {
        shuffle_labels: true,
        confidence: 0.999,
        ..config()
    };
    // The feature foretells the real labels, so that a calibration that is wrong by luck would be right.
    for seed in 0..20 {
        let (mut learner, _) = seeded(seed, &config);
        let views = run(&mut learner, 900, 0.95);
        let chosen = views
            .iter()
            .filter(|view| view.decision.choice.winner.is_some())
            .count();
        assert_eq!(chosen, 0, "seed {seed}");
        let board = learner.candidates().next().unwrap().board;
        assert!(board.outcomes().count() >= 500);
    }
}

#[test]
fn shuffled_labels_are_as_often_up_as_the_real_ones() {
    let rate = |shuffle_labels| {
        let config = ModelConfig {
            shuffle_labels,
            ..config()
        };
        let (mut learner, _) = learner(&config);
        run(&mut learner, 900, 0.5);
        let board = learner.candidates().next().unwrap().board;
        let (mut up, mut all) = (0.0, 0.0);
        for outcome in board.outcomes() {
            up += f64::from(u8::from(outcome.up));
            all += 1.0;
        }
        up / all
    };
    let (real, shuffled): (f64, f64) = (rate(false), rate(true));
    assert_ne!(real, shuffled);
    assert!((real - shuffled).abs() < 0.08, "{real} and {shuffled}");
}

#[test]
fn what_comes_later_changes_nothing_before() {
    let config = config();
    let (mut short, _) = learner(&config);
    let (mut long, _) = learner(&config);
    let (short, long) = (run(&mut short, 300, 0.9), run(&mut long, 500, 0.9));
    for (a, b) in short.iter().zip(&long) {
        assert_eq!(a.decision, b.decision);
        assert_eq!(a.probabilities, b.probabilities);
    }
}

#[test]
fn candidates_of_one_algorithm_are_told_apart() {
    let requests = Arc::default();
    let trainers = vec![
        spy("tree", "shallow", 9, &requests),
        spy("tree", "deep", 9, &requests),
        spy("other", "", 9, &requests),
    ];
    let learner = taught(1, &config(), trainers);
    let judged: Vec<_> = learner.candidates().collect();
    assert!(
        judged[0].label.starts_with("spy/tree "),
        "{}",
        judged[0].label
    );
    assert_ne!(judged[0].label, judged[1].label);
    assert_ne!(judged[0].identity, judged[1].identity);
    assert_eq!(judged[2].label, "spy/other");
}

#[test]
fn a_model_that_fails_is_out_until_its_next_fit_and_the_other_goes_on() {
    let config = config();
    let requests = Arc::default();
    // One answer is for the calibration.
    let trainers = vec![
        spy("frail", "", 6, &requests),
        spy("sound", "", usize::MAX, &requests),
    ];
    let mut learner = taught(1, &config, trainers);
    let views = run(&mut learner, 900, 0.95);
    let first = views.iter().position(|view| view.fresh).unwrap();
    for (bar, view) in views[first..].iter().enumerate() {
        let since = bar % config.refit_every;
        assert_eq!(view.probabilities[0].is_some(), since < 5, "bar {bar}");
        assert!(view.probabilities[1].is_some(), "bar {bar}");
        let failed = [("spy/frail".to_owned(), "it trapped".to_owned())];
        let expected: &[_] = if since == 5 { &failed } else { &[] };
        assert_eq!(view.failures, expected, "bar {bar}");
        let frail = &view.standings.candidates[0];
        assert_eq!(frail.unavailable.is_some(), since >= 5, "bar {bar}");
        if since >= 5 {
            assert_ne!(view.decision.choice.winner, Some(0), "bar {bar}");
        }
    }
    let winners = views.iter().map(|view| view.decision.choice.winner);
    assert!(winners.clone().any(|winner| winner == Some(1)));
}

/// Puts a new version in the only candidate's place.
fn replace(learner: &mut Learner, version: &str, parameters: &str) -> Handed {
    let requests = Arc::new(Mutex::new(Vec::new()));
    let mut next = Spy {
        candidate: learner.trainers[0].candidate().clone(),
        requests,
        answers: usize::MAX,
    };
    next.candidate.version = version.to_owned();
    // The first version's is the spy's own.
    next.candidate.digest = match version {
        "1.0.0" => Digest::of(b"spy"),
        other => Digest::of(other.as_bytes()),
    };
    next.candidate.config = Digest::of(parameters.as_bytes());
    let successor = learner.prepare(0, Arc::new(next)).unwrap();
    let handed = successor.handed.clone();
    learner.succeed(successor);
    handed
}

#[test]
fn a_new_version_takes_over_what_was_learnt_and_no_bar_goes_without_a_prediction() {
    let config = config();
    for (parameters, handed) in [
        ("", "snapshot"),
        ("other", "replay, because the new version "),
    ] {
        let (mut learner, _) = learner(&config);
        let before = run(&mut learner, 900, 0.95);
        assert!(before.last().unwrap().chosen().is_some());
        let lower = |view: &View| view.standings.candidates[0].skill.unwrap().lower;
        let taken = replace(&mut learner, "2.0.0", parameters).to_string();
        assert!(taken.starts_with(handed), "{taken}");
        let after = run(&mut learner, 30, 0.95);
        assert!(after.iter().all(|view| view.probabilities[0].is_some()));
        // It starts from what its predecessor earned, shrunk, and is judged anew at once.
        assert!(after[0].fresh);
        assert!(after[0].chosen().is_some());
        assert!(lower(&after[0]) < lower(before.last().unwrap()));
        assert_eq!(learner.digest(0), Some(Digest::of(b"2.0.0")));
    }
}

#[test]
fn every_version_is_on_record_with_what_it_said_itself() {
    let (mut learner, _) = learner(&config());
    let before = run(&mut learner, 300, 0.95);
    let of = |learner: &Learner| -> Vec<(String, usize, u64)> {
        let said = |it: Judged<'_>| (it.label, it.board.outcomes().count(), it.tally.fits);
        learner.candidates().map(said).collect()
    };
    let [(label, first, _)] = of(&learner).try_into().unwrap();
    assert_eq!(label, "spy/first");
    let samples = before.last().unwrap().standings.candidates[0].samples;
    replace(&mut learner, "2.0.0", "");
    let after = run(&mut learner, 60, 0.95);
    // The predecessor's last labels end under its successor, and are the predecessor's.
    let horizon = learner.config.horizon;
    let ended = |views: &[View]| {
        let ended = views[..views.len() - horizon - 1].iter();
        ended.filter(|view| view.probabilities[0].is_some()).count()
    };
    let all = of(&learner);
    let names: Vec<&str> = all.iter().map(|(label, ..)| label.as_str()).collect();
    assert_eq!(names, ["spy/first 1.0.0", "spy/first 2.0.0"]);
    assert_eq!((all[0].1, all[1].1), (first + horizon + 1, ended(&after)));
    assert_eq!(all[1].2, 3);
    assert!(after.last().unwrap().standings.candidates[0].samples > samples);
    // Who comes back is who it was.
    replace(&mut learner, "1.0.0", "");
    let back = run(&mut learner, 40, 0.95);
    let again = of(&learner);
    assert_eq!(again.len(), 2);
    assert_eq!(again[0].1, all[0].1 + ended(&back));
}
