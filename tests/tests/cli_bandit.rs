//! `bulkhead bandit`: a policy's earnings on a table, and every mistake in the table as one line.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;

use cli::Place;
use std::fmt::Write as _;

/// Two arms; the second pays more from the middle on.
fn table(rows: usize) -> String {
    let mut table = "first,second\n".to_owned();
    for row in 0..rows {
        let second = if row < rows / 2 { 0.0 } else { 0.9 };
        let wobble = f64::from(u8::try_from(row % 7).unwrap()) / 70.0;
        writeln!(table, "{},{}", 0.3 + wobble, second + wobble).unwrap();
    }
    table
}

#[test]
fn a_policy_earns_the_same_every_time_and_more_than_chance() {
    let place = Place::new();
    place.write("rewards.csv", table(2_000));
    let earned = |policy: &str, seed: &str| {
        let mut answer = place
            .run(&[
                "bandit",
                "--rewards",
                "rewards.csv",
                "--policy",
                policy,
                "--seed",
                seed,
                "--delay",
                "3",
            ])
            .json();
        assert_eq!(answer["policy"], policy);
        assert_eq!(answer["steps"], 2_000);
        assert!(answer["ns_per_decision"].as_f64().unwrap() > 0.0);
        // The one figure that is the machine's.
        answer.as_object_mut().unwrap().remove("ns_per_decision");
        answer
    };
    assert_eq!(earned("random", "7"), earned("random", "7"));
    assert_ne!(earned("random", "7"), earned("random", "8"));
    let first = earned("ucb", "7");
    let total = |answer: &serde_json::Value| answer["total_reward"].as_f64().unwrap();
    for chance in ["1", "2", "3"] {
        assert!(total(&first) > 1.2 * total(&earned("random", chance)));
    }
    // Whoever follows the change earns more than the better arm of the whole table.
    assert!(first["regret"].as_f64().unwrap() < 0.0, "{first}");
    assert!(first["dynamic_regret"].as_f64().unwrap() > 0.0, "{first}");
    assert!(first["switches"].as_u64().unwrap() > 0, "{first}");
}

#[test]
fn a_mistake_in_the_table_is_one_line_that_says_where() {
    let place = Place::new();
    for (text, parts) in [
        (
            "a,b\n1,2\n3,x\n",
            &["'x' is no reward", "rewards.csv, line 3", "column b"][..],
        ),
        (
            "a,b\n1,2\n3,inf\n",
            &["'inf' is no reward", "rewards.csv, line 3"],
        ),
        ("a,b\n1,2\n3\n", &["cannot be read", "rewards.csv, line 3"]),
        ("a,b\n", &["no row of rewards", "rewards.csv"]),
        ("", &["no row of rewards", "rewards.csv"]),
    ] {
        place.write("rewards.csv", text);
        let refused = place.run(&["bandit", "--rewards", "rewards.csv", "--policy", "ucb"]);
        assert_eq!(
            (refused.code, refused.out.as_str()),
            (2, ""),
            "{}",
            refused.err
        );
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
        for part in parts {
            assert!(refused.err.contains(part), "{part}: {}", refused.err);
        }
    }
    place.write("rewards.csv", "a,b\n1,nan\n");
    place
        .run(&["bandit", "--rewards", "rewards.csv", "--policy", "ucb"])
        .refused("'nan' is no reward (rewards.csv, line 2, column b); give a finite number");
    let absent = place.run(&["bandit", "--rewards", "absent.csv", "--policy", "ucb"]);
    assert_eq!(absent.code, 2, "{}", absent.err);
    assert!(absent.err.contains("absent.csv"), "{}", absent.err);
    let unknown = place.run(&["bandit", "--rewards", "absent.csv", "--policy", "luck"]);
    assert_eq!(unknown.code, 2, "{}", unknown.err);
    assert!(unknown.err.contains("thompson-sampling"), "{}", unknown.err);
}
