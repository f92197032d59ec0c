//! Task classes at work, with candidates that answer, fail and cost as they are told.

use super::*;
use crate::MIGRATIONS;
use crate::budget::{Amount, Limits};
use crate::choice::{RederivedChoice, Selection, Shadow, find_choice};
use crate::rewards::names;
use bulkhead_domain::Digest;
use bulkhead_store::Store;
use std::collections::VecDeque;

fn candidate(name: &str) -> Candidate {
    Candidate {
        plugin: name.to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(name.as_bytes()),
        offering: "m".to_owned(),
        config: Digest::of(b"{}"),
    }
}

/// Answers with the place that was asked, unless it is told to fail.
#[derive(Default)]
struct Told {
    now: i64,
    fails: VecDeque<Option<FailureCase>>,
    asked: Vec<usize>,
    paused: i64,
    costs: Option<Amount>,
    cached: bool,
    /// Whose budget was spent, and a past in which it was.
    over: Vec<usize>,
    past: Option<Vec<usize>>,
}

impl Asker for Told {
    type Answer = usize;

    fn now(&self) -> Timestamp {
        Timestamp(self.now)
    }

    fn estimate(&self, _: usize) -> Option<(Amount, Timestamp)> {
        let costs = self.costs.filter(|_| self.past.is_none());
        costs.map(|amount| (amount, Timestamp(0)))
    }

    fn over_budget(&mut self, found: Vec<(usize, Failure)>) -> Vec<usize> {
        let found = found.into_iter().map(|(place, _)| place).collect();
        self.over = self.past.take().unwrap_or(found);
        self.over.clone()
    }

    async fn pause(&mut self, nanoseconds: i64) {
        self.paused += nanoseconds;
    }

    async fn ask(&mut self, candidate: usize) -> Result<Answered<usize>, Failure> {
        self.asked.push(candidate);
        match self.fails.pop_front().flatten() {
            Some(case) => Err(Failure::new(case, "told to")),
            None => Ok(Answered {
                value: candidate,
                latency: Some(0.25),
                used: self.costs.unwrap_or_default(),
                cached: self.cached,
            }),
        }
    }
}

fn dispatch(config: ClassConfig) -> Dispatch {
    let candidates = vec![candidate("a"), candidate("b"), candidate("c")];
    config.check(&labels(&candidates)).unwrap();
    Dispatch::new(
        TaskKind::Validate,
        "validation",
        config,
        candidates,
        7,
        0,
        Timestamp(0),
    )
}

fn rewards() -> Rewards {
    Rewards::new("", None, BTreeMap::new()).unwrap()
}

fn run<T: Send>(future: impl Future<Output = Result<T, StoreError>> + Send) -> T {
    bulkhead_store::wait(future).unwrap()
}

fn once(dispatch: &mut Dispatch, rewards: &mut Rewards, told: &mut Told) -> Performed<usize> {
    run(async {
        Ok(dispatch
            .perform(rewards, &Context::default(), told)
            .await
            .unwrap())
    })
}

#[test]
fn the_policys_choice_answers_and_its_latency_and_cost_are_credited_at_once() {
    let mut class = dispatch(ClassConfig::default());
    let mut rewards = rewards();
    let mut told = Told {
        costs: Some(Amount {
            calls: 1,
            tokens: 10,
            money: Decimal::new(25, 2),
        }),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards, &mut told);
    assert_eq!(done.answer, Ok((0, 0)));
    let choice = done.choice.unwrap();
    assert_eq!(rewards.pending().count(), 1);
    rewards
        .credit(&choice, Part::Value, 1.0, Timestamp(9))
        .unwrap();
    assert_eq!(rewards.pending().count(), 0);
    let standing = &rewards.standings("validation")[0];
    assert_eq!(standing.latency.unwrap().value, 0.25);
    assert_eq!(standing.cost.unwrap().value, 0.25);
    assert!((standing.value.value - 1.0).abs() < 0.01, "{standing:?}");
}

#[test]
fn a_failure_that_may_be_mended_is_tried_again_and_then_elsewhere() {
    let mut class = dispatch(ClassConfig::default());
    let mut told = Told {
        fails: VecDeque::from([
            Some(FailureCase::Unavailable),
            Some(FailureCase::Unavailable),
            None,
        ]),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards(), &mut told);
    assert_eq!(done.answer, Ok((1, 1)));
    assert_eq!(told.asked, [0, 0, 1]);
    assert!(told.paused > 0);
    assert!(done.choice.is_some());
}

#[test]
fn an_answer_at_the_second_attempt_is_credited_to_the_choice_that_named_it() {
    let mut class = dispatch(ClassConfig::default());
    let mut told = Told {
        fails: VecDeque::from([Some(FailureCase::Unavailable), None]),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards(), &mut told);
    assert_eq!(done.answer, Ok((0, 0)));
    assert!(done.choice.is_some());
}

#[test]
fn when_all_are_down_the_error_names_every_one_and_nothing_answers_in_their_place() {
    let mut class = dispatch(ClassConfig::default());
    let mut told = Told {
        fails: vec![Some(FailureCase::Trapped); 9].into(),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards(), &mut told);
    let error = done.answer.unwrap_err().to_string();
    for name in ["a/m", "b/m", "c/m"] {
        assert!(error.contains(&format!("{name}: told to")), "{error}");
    }
}

#[test]
fn a_candidate_that_keeps_failing_is_left_alone_until_its_time_is_over() {
    let mut config = ClassConfig::default();
    config.breaker.consecutive = 1;
    config.breaker.successes = 1;
    let mut class = dispatch(config);
    let mut rewards = rewards();
    let mut told = Told {
        fails: VecDeque::from([Some(FailureCase::Trapped)]),
        ..Told::default()
    };
    once(&mut class, &mut rewards, &mut told);
    assert_eq!(once(&mut class, &mut rewards, &mut told).answer, Ok((1, 1)));
    told.now = 6 * bulkhead_domain::time::SECOND;
    assert_eq!(once(&mut class, &mut rewards, &mut told).answer, Ok((0, 0)));
    assert_eq!(told.asked, [0, 1, 1, 0]);
}

#[test]
fn equals_share_the_load() {
    let config = ClassConfig {
        equals: vec![vec!["a/m".to_owned(), "c/m".to_owned()]],
        ..ClassConfig::default()
    };
    let mut class = dispatch(config);
    let mut told = Told::default();
    let mut rewards = rewards();
    for _ in 0..4 {
        once(&mut class, &mut rewards, &mut told);
    }
    assert_eq!(told.asked, [0, 2, 0, 2]);
}

#[test]
fn an_equal_that_was_to_answer_in_shadow_changes_places_with_the_one_it_stands_for() {
    let config = ClassConfig {
        equals: vec![vec!["a/m".to_owned(), "c/m".to_owned()]],
        shadow: Shadow::All,
        ..ClassConfig::default()
    };
    let mut class = dispatch(config);
    let mut told = Told::default();
    let mut rewards = rewards();
    for _ in 0..2 {
        once(&mut class, &mut rewards, &mut told);
    }
    assert_eq!(told.asked, [0, 1, 2, 2, 0, 1]);
}

#[test]
fn what_is_free_is_known_to_cost_nothing() {
    let mut class = dispatch(ClassConfig::default());
    let mut rewards = rewards();
    once(&mut class, &mut rewards, &mut Told::default());
    let standing = &rewards.standings("validation")[0];
    assert_eq!(standing.cost.unwrap().value, 0.0);
}

#[test]
fn whoever_answers_in_shadow_is_heard_after_the_caller_was_and_earns_too() {
    let config = ClassConfig {
        shadow: Shadow::All,
        ..ClassConfig::default()
    };
    let mut class = dispatch(config);
    let mut rewards = rewards();
    let mut told = Told {
        fails: VecDeque::from([None, Some(FailureCase::Trapped), None]),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards, &mut told);
    assert_eq!(done.answer, Ok((0, 0)));
    assert_eq!(done.shadows.len(), 1);
    let (place, id, _) = &done.shadows[0];
    assert_eq!((*place, told.asked.as_slice()), (2, [0, 1, 2].as_slice()));
    rewards.credit(id, Part::Value, 5.0, Timestamp(1)).unwrap();
    // Who earned more while nobody listened answers the next time.
    assert_eq!(once(&mut class, &mut rewards, &mut told).answer, Ok((2, 2)));
}

#[test]
fn a_day_s_budget_is_never_passed_and_who_spent_it_is_named() {
    let mut config = ClassConfig::default();
    config.budget.all = Limits {
        calls: Some(3),
        ..Limits::default()
    };
    config.budget.each = BTreeMap::from([(
        "a/m".to_owned(),
        Limits {
            calls: Some(1),
            ..Limits::default()
        },
    )]);
    run(async {
        let store = Store::in_memory().await?;
        store.migrate(&[MIGRATIONS]).await?;
        let limits = config.limits("validation");
        let budgets = Budgets::load(&store, store.writer()?, limits, Timestamp(0)).await?;
        let mut class = dispatch(config).within(Some(Arc::new(budgets)));
        let mut told = Told {
            costs: Some(Amount {
                calls: 1,
                ..Amount::default()
            }),
            ..Told::default()
        };
        let mut rewards = rewards();
        let context = Context::default();
        let mut answers = Vec::new();
        for _ in 0..4 {
            let done = class
                .perform(&mut rewards, &context, &mut told)
                .await
                .unwrap();
            answers.push(done.answer);
        }
        assert_eq!(told.asked, [0, 1, 1]);
        assert_eq!(told.over, [0, 1, 2]);
        let error = answers.pop().unwrap().unwrap_err().to_string();
        assert!(error.contains("its budget is spent"), "{error}");
        Ok(())
    });
}

#[test]
fn who_was_over_budget_in_a_recorded_past_is_not_asked_when_it_is_repeated() {
    let mut class = dispatch(ClassConfig::default());
    let mut told = Told {
        past: Some(vec![0]),
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards(), &mut told);
    assert_eq!((done.answer, told.asked), (Ok((1, 1)), vec![1]));
}

#[test]
fn an_answer_given_again_says_nothing_of_health_or_latency() {
    let mut class = dispatch(ClassConfig::default());
    let mut rewards = rewards();
    let mut told = Told {
        cached: true,
        ..Told::default()
    };
    let done = once(&mut class, &mut rewards, &mut told);
    assert!(done.choice.is_some());
    assert!(
        rewards
            .standings("validation")
            .iter()
            .all(|s| s.latency.is_none())
    );
}

#[test]
fn every_choice_is_found_again_and_rederives_and_candidates_have_names() {
    run(async {
        let store = Store::in_memory().await?;
        store.migrate(&[MIGRATIONS]).await?;
        let writer = store.writer()?;
        let config = ClassConfig {
            selection: Selection::ThompsonSampling,
            ..ClassConfig::default()
        };
        let mut class = dispatch(config).kept_by(Some(writer.clone()));
        let mut rewards = Rewards::new("r", Some(writer.clone()), BTreeMap::new()).unwrap();
        let mut told = Told::default();
        let context = Context::of(&[("instrument", "IBM")]);
        for step in 0..20 {
            let done = class
                .perform(&mut rewards, &context, &mut told)
                .await
                .unwrap();
            let (place, _) = done.answer.unwrap();
            let choice = done.choice.unwrap();
            let paid = if place == 1 { 1.0 } else { 0.0 };
            rewards
                .credit(&choice, Part::Value, paid, Timestamp(step))
                .unwrap();
            writer.flush()?;
            let (record, slate) = find_choice(&store, &choice).await?.unwrap();
            assert_eq!(slate.rederive(&record), RederivedChoice::Same);
            assert_eq!(record.pick.winner, Some(place));
        }
        let names = names(&store).await?;
        assert_eq!(
            names[&candidate("b").identity()],
            ("b/m".to_owned(), "1.0.0".to_owned())
        );
        let scopes = crate::rewards::scopes(&store).await?;
        assert_eq!(
            scopes,
            BTreeMap::from([("r".to_owned(), vec!["validation".to_owned()])])
        );
        // Read back, the scope is what it was; another scope knows nothing of it.
        let again = Rewards::load(&store, None, "r", BTreeMap::new())
            .await
            .unwrap();
        assert_eq!(
            again.standings("validation"),
            rewards.standings("validation")
        );
        let other = Rewards::load(&store, None, "", BTreeMap::new())
            .await
            .unwrap();
        assert!(other.standings("validation").is_empty());
        Rewards::forget(&writer, "r")?;
        writer.flush()?;
        assert!(crate::rewards::scopes(&store).await?.is_empty());
        Ok(())
    });
}

#[test]
fn a_new_version_starts_from_what_its_predecessor_earned_shrunk() {
    let config = ClassConfig {
        selection: Selection::EpsilonGreedy { epsilon: 0.0 },
        ..ClassConfig::default()
    };
    let mut class = dispatch(config);
    let mut rewards = rewards();
    let mut told = Told::default();
    for _ in 0..40 {
        let done = once(&mut class, &mut rewards, &mut told);
        let place = done.answer.unwrap().0;
        let paid = if place == 0 { 1.0 } else { 0.0 };
        rewards
            .credit(&done.choice.unwrap(), Part::Value, paid, Timestamp(1))
            .unwrap();
    }
    let next = Candidate {
        version: "2.0.0".to_owned(),
        digest: Digest::of(b"a2"),
        ..candidate("a")
    };
    class
        .succeed(&mut rewards, 0, next.clone(), Timestamp(2))
        .unwrap();
    assert_eq!(once(&mut class, &mut rewards, &mut told).answer, Ok((0, 0)));
    let standings = rewards.standings("validation");
    let of = |identity| {
        let found = standings.iter().find(|s| s.candidate == identity);
        found.unwrap().clone()
    };
    let (old, new) = (of(candidate("a").identity()), of(next.identity()));
    assert!(new.value.value > 0.5, "{new:?}");
    assert!(new.weight < old.weight, "{new:?} {old:?}");
}

#[test]
fn no_choice_is_made_twice_whoever_comes_and_goes() {
    let mut class = dispatch(ClassConfig::default());
    let (mut rewards, mut told) = (rewards(), Told::default());
    let next = Candidate {
        version: "2.0.0".to_owned(),
        digest: Digest::of(b"a2"),
        ..candidate("a")
    };
    let mut choices = std::collections::BTreeSet::new();
    for version in [candidate("a"), next, candidate("a")] {
        class
            .succeed(&mut rewards, 0, version, Timestamp(0))
            .unwrap();
        for _ in 0..3 {
            let done = once(&mut class, &mut rewards, &mut told);
            choices.insert(done.choice.unwrap());
        }
    }
    assert_eq!(choices.len(), 9);
    assert_eq!(rewards.pending().count(), 9);
}

#[test]
fn a_configuration_reads_as_a_person_writes_it_and_wrong_ones_are_named() {
    let read = |text: &str| serde_json::from_str::<ClassConfig>(text);
    let config = read(
        r#"{"selection": {"policy": "ucb"}, "retries": {"pause-seconds": 0.5}, "cache": {"ttl-seconds": 60},
            "breaker": {"backoff-seconds": 2}, "budget": {"all": {"calls": 10}}}"#,
    )
    .unwrap();
    assert_eq!(config.retries.pause, bulkhead_domain::time::SECOND / 2);
    assert!(!config.heeds_latency());
    let labels = ["a/m".to_owned(), "b/m".to_owned()];
    assert_eq!(config.check(&labels), Ok(()));
    for (text, complaint) in [
        (r#"{"equals": [["a/m", "x/m"]]}"#, "'equals' names 'x/m'"),
        (
            r#"{"equals": [["a/m"], ["a/m"]]}"#,
            "a label is in one group, once",
        ),
        (
            r#"{"budget": {"each": {"x/m": {}}}}"#,
            "'budget' names 'x/m'",
        ),
        (
            r#"{"retries": {"pause-seconds": 0}}"#,
            "'pause-seconds' is 0",
        ),
        (
            r#"{"cache": {"ttl-seconds": -1}}"#,
            "'ttl-seconds' is -1; it is at least 0",
        ),
        (
            r#"{"fallbacks": {"general": ["x/m"]}}"#,
            "'general' names 'x/m'",
        ),
    ] {
        let error = read(text).unwrap().check(&labels).unwrap_err().to_string();
        assert!(error.contains(complaint), "{text}: {error}");
    }
    assert!(read(r#"{"polcy": 1}"#).is_err());
    let many: Vec<String> = (0..65).map(|place| format!("{place}/m")).collect();
    let error = ClassConfig::default().check(&many).unwrap_err().to_string();
    assert_eq!(
        error,
        "'candidates' is 65; a task class chooses among at most 64"
    );
}
