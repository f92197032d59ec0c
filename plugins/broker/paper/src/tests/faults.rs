use super::scenarios::paper_with;
use super::*;
use bulkhead_venue::testkit::{Command, Driver, Event, Scenario, Shape, play};
use std::collections::BTreeMap;

fn limit(request: &mut OrderRequest) {
    request.kind = OrderKind::Limit(dec("50"));
}

/// How many of a hundred orders are rejected at random, by id.
fn rejects(config: &str) -> Vec<usize> {
    let mut desk = Desk::new(config);
    (0..100)
        .filter(|number| {
            match desk.send_as("paper", &format!("o{number}"), Side::Buy, "1", limit) {
                Ok(_) => false,
                Err(refusal) => code(refusal) == "simulated-reject",
            }
        })
        .collect()
}

#[test]
fn rejects_are_as_frequent_as_asked_for_and_depend_on_the_seed() {
    let some = rejects(r#"{"faults": {"seed": 1, "rejects": 0.3}}"#);
    assert!((15..=45).contains(&some.len()), "{some:?}");
    assert_eq!(some, rejects(r#"{"faults": {"seed": 1, "rejects": 0.3}}"#));
    assert_ne!(some, rejects(r#"{"faults": {"seed": 2, "rejects": 0.3}}"#));
    assert!(rejects(r#"{"faults": {"seed": 1}}"#).is_empty());
}

#[test]
fn an_order_that_works_is_a_duplicate_and_never_rejected_at_random() {
    let mut desk = Desk::new(r#"{"faults": {"rejects": 0.5}}"#);
    let taken: Vec<String> = (0..50)
        .map(|number| format!("o{number}"))
        .filter(|id| desk.send_as("paper", id, Side::Buy, "1", limit).is_ok())
        .collect();
    assert!(taken.len() > 10, "{taken:?}");
    // Another time, another draw.
    desk.bar(100.0, Vec::new());
    for id in &taken {
        let again = desk
            .send_as("paper", id, Side::Buy, "1", limit)
            .unwrap_err();
        assert_eq!(code(again), "duplicate");
    }
}

#[test]
fn a_lost_answer_leaves_the_request_done_or_not_done_and_says_neither() {
    let mut desk = Desk::new(r#"{"faults": {"ambiguous": 1}}"#);
    let mut texts = Vec::new();
    for number in 0..40 {
        match desk.send_as("paper", &format!("o{number}"), Side::Buy, "1", limit) {
            Err(Error::Ambiguous(text)) => texts.push(text),
            other => panic!("{other:?}"),
        }
    }
    texts.dedup();
    assert_eq!(texts, ["the connection broke before the answer came"]);
    let works = |desk: &mut Desk| {
        let open = desk.paper.open_orders("paper").unwrap();
        let ids = open.into_iter().map(|open| open.order.client_order_id);
        ids.collect::<Vec<_>>()
    };
    let sent = works(&mut desk);
    assert!((8..=32).contains(&sent.len()), "{sent:?}");
    for id in &sent {
        assert!(matches!(
            desk.paper.cancel("paper", id),
            Err(Error::Ambiguous(_))
        ));
    }
    let left = works(&mut desk);
    assert!(!left.is_empty() && left.len() < sent.len(), "{left:?}");
    let kind = OrderKind::Limit(dec("60"));
    for id in &left {
        let answer = desk.change(id, &format!("{id}-n"), "2", kind);
        assert!(matches!(answer, Err(Error::Ambiguous(_))));
    }
    let replaced = works(&mut desk);
    assert_eq!(replaced.len(), left.len());
    assert!(replaced.iter().any(|id| id.ends_with("-n")), "{replaced:?}");
    assert!(
        replaced.iter().any(|id| !id.ends_with("-n")),
        "{replaced:?}"
    );
}

#[test]
fn requests_beyond_the_rate_wait_for_the_next_minute() {
    let mut desk = Desk::new(r#"{"faults": {"requests-per-minute": 2}}"#);
    desk.send("a", Side::Buy, "1").unwrap();
    desk.paper.cancel("paper", "a").unwrap();
    let wait = Some(60_000_000_000);
    let limited = |answer: Error| match answer {
        Error::RateLimited(wait) => wait,
        other => panic!("{other:?}"),
    };
    assert_eq!(limited(desk.send("b", Side::Buy, "1").unwrap_err()), wait);
    assert_eq!(limited(desk.paper.cancel("paper", "a").unwrap_err()), wait);
    assert!(
        desk.paper.open_orders("paper").unwrap().is_empty(),
        "questions are free"
    );
    desk.bar(100.0, Vec::new());
    desk.send("b", Side::Buy, "1").unwrap();
}

#[test]
fn each_account_has_its_own_rate() {
    let mut desk = Desk::new(
        r#"{"accounts": [{"id": "one", "currency": "USD", "cash": 1000},
                         {"id": "two", "currency": "USD", "cash": 1000}],
            "faults": {"requests-per-minute": 1}}"#,
    );
    desk.send_as("one", "a", Side::Buy, "1", |_| {}).unwrap();
    desk.send_as("two", "b", Side::Buy, "1", |_| {}).unwrap();
    let again = desk.send_as("one", "c", Side::Buy, "1", |_| {});
    assert!(matches!(again, Err(Error::RateLimited(Some(_)))));
}

#[test]
fn a_line_that_is_down_answers_unavailable_for_as_many_advances_and_orders_work_on() {
    let mut desk = Desk::new("{}");
    desk.send_as("paper", "l", Side::Buy, "1", limit).unwrap();
    let mut down = Desk::new(r#"{"faults": {"disconnects": 1, "disconnect-advances": 2}}"#);
    let refused = down.send("a", Side::Buy, "1");
    assert!(matches!(refused, Err(Error::Unavailable(_))));
    let windows = |advances: u32| {
        let config = format!(
            r#"{{"faults": {{"seed": 3, "disconnects": 0.1, "disconnect-advances": {advances}}}}}"#
        );
        let mut desk = Desk::new(&config);
        (0..200)
            .map(|number| {
                desk.bar(100.0, Vec::new());
                let answer = desk.send(&format!("o{number}"), Side::Buy, "1");
                let cancel = desk.paper.cancel("paper", "none");
                let down = matches!(answer, Err(Error::Unavailable(_)));
                assert_eq!(down, matches!(cancel, Err(Error::Unavailable(_))));
                assert!(desk.paper.accounts().is_ok());
                down
            })
            .collect::<Vec<_>>()
    };
    let breaks = windows(1);
    let drawn = breaks.iter().filter(|down| **down).count();
    assert!((8..=35).contains(&drawn), "{drawn}");
    let expected: Vec<bool> = (0..200)
        .map(|at: usize| breaks[at.saturating_sub(2)..=at].contains(&true))
        .collect();
    assert_eq!(windows(3), expected);
}

#[test]
fn latency_keeps_an_order_from_the_bars_before_it_arrives() {
    let fill_day = |faults: &str| {
        let mut desk = Desk::new(&format!(r#"{{"faults": {faults}}}"#));
        desk.send("a", Side::Buy, "1").unwrap();
        (1..6).find(|_| !desk.bar(100.0, Vec::new()).is_empty())
    };
    assert_eq!(fill_day("{}"), Some(1));
    // Bars open half a day after the last close.
    assert_eq!(fill_day(r#"{"latency": 43200000000000}"#), Some(1));
    assert_eq!(fill_day(r#"{"latency": 43200000000001}"#), Some(2));
    assert_eq!(fill_day(r#"{"latency-bars": 2}"#), Some(3));
    let days: Vec<_> = (0..20)
        .map(|seed| {
            fill_day(&format!(
                r#"{{"seed": {seed}, "latency-jitter": 86400000000000}}"#
            ))
        })
        .collect();
    assert!(
        days.contains(&Some(1)) && days.contains(&Some(2)),
        "{days:?}"
    );
}

#[test]
fn a_replacement_has_its_own_way_to_go() {
    let mut desk = Desk::new(r#"{"faults": {"latency-bars": 1}}"#);
    desk.send_as("paper", "a", Side::Buy, "1", limit).unwrap();
    desk.bar(100.0, Vec::new());
    desk.change("a", "b", "1", OrderKind::Market).unwrap();
    let told = desk.bar(100.0, Vec::new());
    assert_eq!(
        told.len(),
        2,
        "the replacement is told, and does not fill yet: {told:?}"
    );
    assert!(desk.bar(100.0, Vec::new())[0].execution.is_some());
}

#[test]
fn a_stale_quote_fills_nothing_and_marks_the_account_all_the_same() {
    let mut desk = Desk::new(r#"{"faults": {"stale-quotes": 1}}"#);
    desk.send("a", Side::Buy, "1").unwrap();
    assert!(desk.bar(100.0, Vec::new()).is_empty());
    let mut some = Desk::new(r#"{"faults": {"stale-quotes": 0.5, "seed": 5}}"#);
    let stale = (0..100)
        .filter(|number| {
            some.send(&format!("o{number}"), Side::Buy, "1").unwrap();
            some.bar(100.0, Vec::new()).is_empty()
        })
        .count();
    assert!((30..=70).contains(&stale), "{stale}");
}

/// The scenario's submissions, each id once.
fn submissions(seed: u64) -> Scenario {
    let shape = Shape {
        instruments: 2,
        turns: 40,
        commands: 5,
        actions: true,
    };
    let mut scenario = Scenario::generate(seed, shape);
    let mut seen = Vec::new();
    for turn in &mut scenario.turns {
        turn.commands.retain(|command| match command {
            Command::Submit(order) => {
                let fresh = !seen.contains(&order.client_order_id);
                seen.push(order.client_order_id.clone());
                fresh
            }
            _ => false,
        });
    }
    scenario
}

/// Answers by id, and all updates.
fn played(
    scenario: &Scenario,
    driver: &mut impl Driver,
) -> (BTreeMap<String, Option<String>>, Vec<OrderUpdate>) {
    let mut answers = BTreeMap::new();
    let mut updates = Vec::new();
    for event in play(scenario, driver).unwrap() {
        match event {
            Event::Update { update, .. } => updates.push(update),
            Event::Answer {
                turn,
                position,
                answer,
            } => {
                if let Command::Submit(order) = &scenario.turns[turn].commands[position] {
                    answers.insert(order.client_order_id.clone(), answer.err());
                }
            }
        }
    }
    (answers, updates)
}

#[test]
fn the_order_of_calls_changes_no_fault() {
    let mut met: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..40 {
        let rest = || Config {
            faults: Faults {
                seed,
                latency_jitter: 3_600_000_000_000,
                partial_fills: 0.3,
                rejects: 0.1,
                ambiguous: 0.1,
                stale_quotes: 0.1,
                disconnects: 0.1,
                ..Faults::default()
            },
            ..Config::default()
        };
        let scenario = submissions(seed);
        let mut turned = scenario.clone();
        for turn in &mut turned.turns {
            turn.commands.reverse();
            turn.steps.reverse();
        }
        let one = played(&scenario, &mut paper_with(&scenario, rest()));
        let other = played(&turned, &mut paper_with(&turned, rest()));
        assert_eq!(one, other, "seed {seed}");
        for answer in one.0.into_values().flatten() {
            *met.entry(answer).or_default() += 1;
        }
    }
    for fault in ["simulated-reject", "ambiguous", "unavailable"] {
        assert!(
            met.get(fault).is_some_and(|count| *count > 20),
            "{fault}: {met:?}"
        );
    }
}

#[test]
fn faults_that_are_off_change_nothing() {
    for seed in 0..40 {
        let scenario = submissions(seed);
        let rest = Config {
            faults: Faults {
                seed: 99,
                disconnect_advances: 7,
                requests_per_minute: u32::MAX,
                ..Faults::default()
            },
            ..Config::default()
        };
        assert_eq!(
            played(&scenario, &mut paper_with(&scenario, rest)),
            played(&scenario, &mut paper_with(&scenario, Config::default())),
            "seed {seed}"
        );
    }
}
