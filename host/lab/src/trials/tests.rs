use super::artifact::{expiry, load_artifact};
use super::ledger::{Combination, Judged, Ledger, Reach};
use super::*;
use crate::labels::{LabelSpec, Sample, Samples, TargetKind};
use crate::validation::{Embargo, Span as Bars};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::model::{FitRequest, Matrix};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_store::{Store, wait};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Says what the first feature says, with the fit's seed in the last bits; fails from so many fits on.
struct Oracle {
    fits: AtomicUsize,
    most: usize,
    requests: Mutex<Vec<FitRequest>>,
}

fn oracle(most: usize) -> Oracle {
    Oracle {
        fits: AtomicUsize::new(0),
        most,
        requests: Mutex::default(),
    }
}

struct Said(u64);

impl Learner for Oracle {
    fn fit(&self, request: &FitRequest) -> Result<Box<dyn Fitted>, String> {
        self.requests.lock().unwrap().push(request.clone());
        if self.fits.fetch_add(1, Ordering::Relaxed) >= self.most {
            return Err("it trapped".to_owned());
        }
        Ok(Box::new(Said(request.seed)))
    }
}

impl Fitted for Said {
    fn predict(&mut self, rows: &Matrix) -> Result<Matrix, String> {
        let shift = (self.0 % 100) as f64 / 1e6;
        let row = |it: usize| {
            let up = 0.5 + 0.2 * rows.row(it).unwrap()[0] + shift;
            [1.0 - up, up]
        };
        Ok(Matrix {
            rows: rows.rows,
            columns: 2,
            values: (0..rows.rows as usize).flat_map(row).collect(),
        })
    }

    fn save(&mut self) -> Result<Vec<u8>, String> {
        Ok(self.0.to_le_bytes().to_vec())
    }
}

/// Samples whose feature tells their class as often as `reliability`, in tenths.
fn samples(count: usize, reliability: u64) -> Samples {
    let draw = |it: usize, what: &str| {
        let mut digest = DigestBuilder::new();
        digest
            .part(what, &(it as u64).to_le_bytes())
            .finish()
            .seed()
            % 10
    };
    let one = |bar: usize| {
        let up = draw(bar, "up") < 5;
        let told = if draw(bar, "told") < reliability {
            up
        } else {
            !up
        };
        let value = if up { 0.01 } else { -0.01 };
        Sample {
            span: Bars {
                decision: bar,
                end: bar + 2,
            },
            time: bar as i64 * DAY,
            label_end: (bar as i64 + 2) * DAY - DAY / 2,
            row: vec![if told { 1.0 } else { -1.0 }],
            class: u32::from(up),
            value,
            close: 1.0,
            price: 1.0 + value,
            next: value,
        }
    };
    Samples {
        names: vec!["told".to_owned()],
        samples: (0..count).map(one).collect(),
        undefined: 0,
        unresolved: 0,
    }
}

fn spec(family: &str, scheme: &str, seed: u64) -> TrialSpec {
    TrialSpec {
        family: family.to_owned(),
        model: ModelSpec {
            plugin: "oracle".to_owned(),
            version: "1.0.0".to_owned(),
            digest: Digest::of(b"oracle"),
            algorithm: "says".to_owned(),
            parameters: Default::default(),
        },
        data: Span {
            symbol: "X".to_owned(),
            interval_ns: DAY,
            digest: Digest::of(b"bars"),
            first: Timestamp(0),
            last: Timestamp(1_000 * DAY),
        },
        features: vec!["told".to_owned()],
        label: LabelSpec::Horizon(1),
        target: TargetKind::Class,
        scheme: scheme.parse().unwrap(),
        embargo: Embargo::Bars(2),
        sealed: 0.2,
        rule: Rule::Sign,
        cost: 0.0005,
        seed,
        engine: "test".to_owned(),
    }
}

fn ledger() -> Ledger {
    wait(async {
        let store = Store::in_memory().await?;
        store.migrate(&[tables::MIGRATIONS]).await?;
        Ok::<_, bulkhead_store::StoreError>(Ledger::new(store))
    })
    .unwrap()
}

/// Looks on, and directs otherwise after so many folds.
struct Onlooker {
    seen: Vec<FoldReport>,
    after: usize,
    then: Directive,
}

impl Observer for Onlooker {
    fn fold(&mut self, report: &FoldReport, _: usize) -> Directive {
        self.seen.push(report.clone());
        match self.seen.len() >= self.after {
            true => self.then,
            false => Directive::Continue,
        }
    }
}

fn onlooker(after: usize, then: Directive) -> Onlooker {
    Onlooker {
        seen: Vec::new(),
        after,
        then,
    }
}

fn setting<'a>(
    spec: &'a TrialSpec,
    samples: &'a Samples,
    learner: &'a Oracle,
    ledger: &'a Ledger,
) -> Setting<'a> {
    Setting {
        spec,
        samples,
        learner,
        ledger,
        threads: 2,
        now: Timestamp(5),
        person: "ada",
        open: None,
        keep: None,
    }
}

fn conducted(
    ledger: &Ledger,
    spec: &TrialSpec,
    then: Directive,
    most: usize,
) -> Result<Conducted, Problem> {
    let (samples, oracle) = (samples(500, 8), oracle(most));
    conduct(
        &setting(spec, &samples, &oracle, ledger),
        &mut onlooker(2, then),
    )
}

const GO: Directive = Directive::Continue;

#[test]
fn the_result_is_the_same_on_any_number_of_threads() {
    for scheme in ["walk-forward:5,rolling", "cpcv:6,2"] {
        let digest = |threads| {
            let (spec, samples, oracle, ledger) =
                (spec("f", scheme, 1), samples(500, 8), oracle(99), ledger());
            let setting = Setting {
                threads,
                ..setting(&spec, &samples, &oracle, &ledger)
            };
            let conducted = conduct(&setting, &mut onlooker(99, GO)).unwrap();
            conducted.record.result_digest.unwrap()
        };
        assert_eq!(digest(1), digest(2), "{scheme}");
        assert_eq!(digest(1), digest(7), "{scheme}");
    }
}

#[test]
fn a_planted_signal_has_skill_and_noise_has_none() {
    let quality = |reliability| {
        let (spec, samples, oracle, ledger) = (
            spec("f", "walk-forward:4", 1),
            samples(800, reliability),
            oracle(99),
            ledger(),
        );
        let setting = setting(&spec, &samples, &oracle, &ledger);
        let result = conduct(&setting, &mut onlooker(99, GO)).unwrap();
        let result = result.record.result.unwrap();
        (result.quality.unwrap().interval.unwrap(), result.rule)
    };
    let (signal, rule) = quality(8);
    assert!(
        signal.lower > 0.0 && rule.psr.unwrap() > 0.99,
        "{signal:?} {rule:?}"
    );
    let (noise, rule) = quality(5);
    assert!(
        noise.lower < 0.0 && rule.psr.unwrap() < 0.99,
        "{noise:?} {rule:?}"
    );
}

#[test]
fn what_counts_is_a_distinct_configuration_that_was_seen() {
    let ledger = ledger();
    let scheme = "walk-forward:4";
    let count = |conducted: &Conducted| ledger.deflate(&conducted.record).unwrap().trials;
    let first = conducted(&ledger, &spec("f", scheme, 1), GO, 99).unwrap();
    assert_eq!((count(&first), first.rerun), (1, false));
    assert_eq!(first.record.deflation.unwrap().expected_maximum, Some(0.0));

    let again = conducted(&ledger, &spec("f", scheme, 1), GO, 99).unwrap();
    assert_eq!(
        (count(&again), again.rerun, again.record.runs),
        (1, true, 2)
    );
    assert_eq!(first.record.result_digest, again.record.result_digest);

    // A model that fails before anything is seen is on record and does not count; one that is pruned does.
    let problem = conducted(&ledger, &spec("f", scheme, 2), GO, 0).unwrap_err();
    assert!(
        problem.what.contains("crashed: fold 1: it trapped"),
        "{problem}"
    );
    assert_eq!(count(&first), 1);
    let pruned = conducted(&ledger, &spec("f", scheme, 3), Directive::Prune, 99).unwrap();
    assert_eq!(pruned.record.state, "pruned");
    assert_eq!((pruned.record.seen, count(&first)), (2, 2));

    // Another family and another time are other hypotheses; another symbol of the same time is not.
    conducted(&ledger, &spec("g", scheme, 1), GO, 99).unwrap();
    let mut later = spec("f", scheme, 1);
    (later.data.first, later.data.last) = (Timestamp(2_000 * DAY), Timestamp(3_000 * DAY));
    conducted(&ledger, &later, GO, 99).unwrap();
    assert_eq!(count(&first), 2);
    let mut other = spec("f", scheme, 1);
    other.data.symbol = "Y".to_owned();
    conducted(&ledger, &other, GO, 99).unwrap();
    assert_eq!(count(&first), 3);

    // What the first was worth has moved; what it came to has not.
    let now = ledger.find(&first.record.id).unwrap();
    assert_eq!(now.result_digest, first.record.result_digest);
    let (then, now) = (now.deflation.unwrap(), ledger.deflate(&now).unwrap());
    assert!(
        now.variance > then.variance && now.dsr < then.dsr,
        "{then:?} {now:?}"
    );
    assert_eq!(ledger.list(Some("f")).unwrap().len(), 5);
}

#[test]
fn a_trial_that_is_killed_once_something_was_seen_counts() {
    let ledger = ledger();
    let reach = Reach {
        open_to: Timestamp(1),
        sealed_from: None,
    };
    let spec = spec("f", "walk-forward:4", 1);
    let record = ledger.begin(&spec, reach, Timestamp(0)).unwrap();
    assert_eq!(ledger.deflate(&record).unwrap().trials, 0);
    ledger.see(&record.id, 1).unwrap();
    assert!(ledger.find(&record.id).unwrap().counts());
    assert_eq!(ledger.deflate(&record).unwrap().trials, 1);
}

#[test]
fn an_observer_sees_folds_in_order_and_nothing_sealed_and_can_stop() {
    let (spec, samples, oracle, ledger) = (
        spec("f", "walk-forward:5", 1),
        samples(500, 8),
        oracle(99),
        ledger(),
    );
    let mut onlooker = onlooker(3, Directive::Stop);
    let conducted = conduct(&setting(&spec, &samples, &oracle, &ledger), &mut onlooker).unwrap();
    let folds: Vec<usize> = onlooker.seen.iter().map(|it| it.fold).collect();
    assert_eq!(folds, [1, 2, 3]);
    assert_eq!(conducted.record.state, "stopped");
    assert_eq!(conducted.record.result.unwrap().folds, onlooker.seen);
    assert_eq!(conducted.last, None);
    // The newest 100 samples are sealed, and so is every label that reaches into them.
    let requests = oracle.requests.lock().unwrap();
    let last = requests.iter().flat_map(|it| &it.label_ends).max().unwrap();
    assert!(*last <= 400 * DAY);
}

#[test]
fn the_sealed_span_opens_once_a_family() {
    let ledger = ledger();
    let (samples, oracle) = (samples(500, 8), oracle(999));
    let open = |spec: &TrialSpec, open| {
        let setting = Setting {
            open,
            ..setting(spec, &samples, &oracle, &ledger)
        };
        conduct(&setting, &mut onlooker(99, GO))
    };
    let scheme = "walk-forward:4";
    let (first, second) = (spec("f", scheme, 1), spec("f", scheme, 2));
    // Nobody may validate on what the family has sealed.
    open(&second, None).unwrap();
    let mut greedy = spec("f", scheme, 1);
    greedy.sealed = 0.1;
    let refused = open(&greedy, None).unwrap_err().to_string();
    assert!(
        refused.contains("family f has sealed what comes after"),
        "{refused}"
    );

    let sealed = open(&first, Some(None)).unwrap().sealed.unwrap();
    assert_eq!((sealed.opening, sealed.tested), (1, 100));
    assert!(sealed.quality.unwrap().skill.unwrap() > 0.0);
    let refused = open(&second, Some(None)).unwrap_err().to_string();
    assert!(refused.contains("was opened by trial tr-"), "{refused}");
    assert!(open(&second, Some(Some(" "))).is_err(), "no reason");
    let again = open(&second, Some(Some("the feed was wrong"))).unwrap();
    assert_eq!(again.sealed.unwrap().opening, 2);
    let openings = ledger.openings("f").unwrap();
    assert_eq!(openings[1].reason.as_deref(), Some("the feed was wrong"));
    assert!(
        openings
            .iter()
            .all(|it| it.result.is_some() && it.person == "ada")
    );
    assert!(
        open(&spec("g", scheme, 1), Some(None)).is_ok(),
        "another family"
    );
}

#[test]
fn a_kept_model_is_refused_once_it_is_expired_or_changed() {
    let state = tempfile::tempdir().unwrap();
    let (spec, samples, oracle, ledger) = (
        spec("f", "walk-forward:4", 1),
        samples(500, 8),
        oracle(99),
        ledger(),
    );
    let setting = Setting {
        keep: Some((state.path(), 30)),
        ..setting(&spec, &samples, &oracle, &ledger)
    };
    let conducted = conduct(&setting, &mut onlooker(99, GO)).unwrap();
    let digest = conducted.last.unwrap().artifact.unwrap();
    assert_eq!(conducted.record.artifact, Some(digest));
    let load = |time| load_artifact(state.path(), digest, Timestamp(time));
    let until = expiry(Timestamp(5), 30).0;
    let (provenance, model) = load(until - 1).unwrap();
    assert_eq!((provenance.spec, model.len()), (spec.clone(), 8));
    assert!(provenance.labels_to.0 <= 400 * DAY);
    assert!(
        load(until)
            .unwrap_err()
            .what
            .contains("expired on 1970-01-31")
    );

    let folder = state.path().join("artifacts").join(digest.to_string());
    for name in ["provenance.json", "model.bin"] {
        let whole = std::fs::read(folder.join(name)).unwrap();
        let mut changed = whole.clone();
        *changed.last_mut().unwrap() ^= 1;
        std::fs::write(folder.join(name), changed).unwrap();
        assert!(load(6).unwrap_err().what.contains("was changed"), "{name}");
        std::fs::write(folder.join(name), whole).unwrap();
    }
    assert!(load(6).is_ok());
}

/// One that was stopped and then run on is one trial, as far as it was seen; what came of it is not taken back.
#[test]
fn a_run_that_was_interrupted_is_counted_as_far_as_it_was_seen() {
    let ledger = ledger();
    let see = |digest: &[u8], last: i64, sharpe: Option<f64>| {
        let seen = Combination {
            digest: Digest::of(digest),
            first: 10,
            last,
            sharpe,
        };
        ledger.see_combinations("f", Timestamp(0), &[seen]).unwrap();
    };
    let counted = |first: i64, last: i64| {
        let judged = Judged {
            family: "f",
            first,
            last,
            interval_ns: DAY,
            sharpe: Some(0.1),
            observations: 100,
            skewness: Some(0.0),
            kurtosis: Some(3.0),
        };
        let worth = ledger.worth(&judged).unwrap();
        (worth.trials, worth.variance)
    };
    see(b"one", 20, None);
    assert_eq!((counted(10, 20), counted(21, 50)), ((1, 0.0), (0, 0.0)));
    see(b"one", 50, Some(0.2));
    assert_eq!(counted(21, 50), (1, 0.0));
    see(b"two", 50, Some(0.4));
    let (trials, variance) = counted(21, 50);
    assert_eq!(trials, 2);
    assert!((variance - 0.02).abs() < 1e-12, "{variance}");
    // Stopped again, it is known no less far, and for no less.
    see(b"one", 15, None);
    assert_eq!(counted(21, 50), (trials, variance));
}
