//! The kill switch from outside, while a session runs, before it starts and after it was killed.

use crate::cli::{Place, Ran, finish};
use crate::crash::Draws;
use crate::small::{PAPER, command, states, store};
use bulkhead_store::{StoreError, column, wait};
use serde_json::Value;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Three strategies on three instruments that trade all the time, with resting stops.
const SESSION: &str = r#"
name = "busy"
seed = 3
cash = "1000000"
features = ["return_1", "atr_14"]

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA", "BBB", "CCC"]
config = { seed = 5, bars = BARS, start = "1950-01-02", symbols = ["AAA", "BBB", "CCC"] }

[[strategies]]
name = "fast"
plugin = "ema-cross"
config = { fast = 2, slow = 3, size = "100" }

[[strategies]]
name = "middle"
plugin = "ema-cross"
config = { fast = 3, slow = 5, size = "70" }

[[strategies]]
name = "slow"
plugin = "ema-cross"
config = { fast = 5, slow = 9, size = "50" }

[[risk]]
plugin = "stop-loss"
config = { fraction = "0.05" }

[broker]
plugin = "paper"

[checks]
max-leverage = "2"
"#;

fn place(bars: u32) -> Place {
    let place = Place::new();
    place.write("session.toml", SESSION.replace("BARS", &bars.to_string()));
    place
}

/// Longer than any of these tests on any machine: who starts one ends it.
const LONG: u32 = 60_000;
/// Some seconds.
const SHORT: u32 = 2_000;

fn start(place: &Place) -> Child {
    let mut arguments = vec!["--json"];
    arguments.extend(PAPER);
    let mut session = command(place, &arguments);
    session.stdout(Stdio::piped()).stderr(Stdio::piped());
    session.spawn().unwrap()
}

fn ended(child: Child) -> Value {
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Ends a session as a person does at the keyboard.
fn interrupted(child: Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(ended(child)["ending"], "interrupted");
}

fn say(place: &Place, arguments: &[&str]) -> Ran {
    let mut all = vec!["--json"];
    all.extend(arguments);
    finish(command(place, &all))
}

/// What the audit log has, oldest first: number, kind, subject, body.
fn log(place: &Place) -> Vec<(i64, String, String, String)> {
    let store = store(place);
    wait(async {
        let rows =
            sqlx::query("SELECT sequence, kind, subject, body FROM audit_log ORDER BY sequence")
                .fetch_all(store.pool())
                .await
                .unwrap();
        rows.iter()
            .map(|row| {
                Ok((
                    column(row, "sequence")?,
                    column(row, "kind")?,
                    column(row, "subject")?,
                    column(row, "body")?,
                ))
            })
            .collect::<Result<_, StoreError>>()
    })
    .unwrap()
}

fn is_submit(record: &(i64, String, String, String)) -> bool {
    record.1 == "sent" && record.3 == "submit"
}

/// Records of orders that were sent, and of orders that a restriction denied.
const SENT: &str = "kind = 'sent' AND body = 'submit'";
const DENIED: &str = "instr(body, 'TRADING_STATE') > 0";

/// Waits until a session has sent so many orders.
fn until_sent(place: &Place, child: &mut Child, orders: i64) {
    until_more(place, child, "kind = 'sent'", 0, orders);
}

/// Waits until the audit log has so many more records of a kind than it had, and says how many it has.
fn until_more(place: &Place, child: &mut Child, which: &str, had: i64, more: i64) -> i64 {
    let deadline = Instant::now() + Duration::from_secs(60);
    let count = format!("SELECT COUNT(*) FROM audit_log WHERE {which}");
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let mut said = String::new();
            let pipe = child.stderr.as_mut().unwrap();
            pipe.read_to_string(&mut said).unwrap();
            panic!("it ended by itself, {status}: {said}");
        }
        assert!(Instant::now() < deadline, "no more with {which} than {had}");
        if place.path("state/control.sock").exists() {
            let store = store(place);
            let has: i64 = wait(async {
                sqlx::query_scalar(sqlx::AssertSqlSafe(count.as_str()))
                    .fetch_one(store.pool())
                    .await
                    .map_err(|error| StoreError::of_statement("SELECT COUNT(*)", &error))
            })
            .unwrap_or(0);
            if has >= had + more {
                return has;
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn verified(place: &Place) {
    let audit = say(place, &["audit", "verify"]).json();
    assert_eq!(audit["findings"], serde_json::json!([]));
}

#[test]
fn nothing_is_sent_between_a_halt_and_its_lifting_however_often_and_whenever_it_comes() {
    const TIMES: usize = 10;
    let place = place(LONG);
    let mut child = start(&place);
    until_sent(&place, &mut child, 50);
    let mut draws = Draws::new();
    let pause = |draws: &mut Draws, most: u64| {
        std::thread::sleep(Duration::from_millis(draws.below(most)));
    };
    let (mut denied, mut sent) = (0, 0);
    for round in 0..TIMES {
        let halted = say(&place, &["halt", "--reason", "a drill"]).json();
        assert_eq!(halted["owned"], true);
        assert_eq!(halted["acknowledged"]["in_flight"], 0);
        pause(&mut draws, 60);
        if round == 0 {
            let status = say(&place, &["status"]).json();
            assert_eq!(status["running"], true);
            assert_eq!(status["restrictions"]["global"]["state"], "halted");
            assert_eq!(status["restrictions"]["global"]["reason"], "a drill");
            let told = finish(command(&place, &["status"]));
            assert!(
                told.out.contains("halted") && told.out.contains("a drill"),
                "{}",
                told.out
            );
            // Lifting it needs a reason.
            for reason in [&["resume"][..], &["resume", "--reason", " "]] {
                let refused = say(&place, reason);
                assert_eq!(refused.code, 2, "{}", refused.err);
                assert!(refused.err.contains("reason"), "{}", refused.err);
                assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
            }
            // The log can be verified while it is written.
            verified(&place);
        }
        // It tried in vain before trading goes on, and goes on.
        denied = until_more(&place, &mut child, DENIED, denied, 1);
        let lifted = say(&place, &["resume", "--reason", "the drill is over"]).json();
        assert_eq!(lifted["lifted"]["reason"], "a drill");
        sent = until_more(&place, &mut child, SENT, sent, 1);
        pause(&mut draws, 100);
    }
    until_more(&place, &mut child, SENT, sent, 50);
    interrupted(child);
    assert_eq!(states(&place), ["interrupted"]);

    let log = log(&place);
    let mut restricted = false;
    let (mut raised, mut lowered) = (0, 0);
    for record in &log {
        match record.1.as_str() {
            "raised" => (restricted, raised) = (true, raised + 1),
            "lowered" => (restricted, lowered) = (false, lowered + 1),
            _ if is_submit(record) => {
                assert!(!restricted, "record {} was sent under a halt", record.0);
            }
            _ => {}
        }
    }
    assert_eq!((raised, lowered), (TIMES, TIMES));
    verified(&place);
    assert_eq!(
        say(&place, &["status"]).json()["restrictions"],
        serde_json::json!({})
    );
}

#[test]
fn flatten_cancels_everything_closes_everything_and_sends_nothing_else() {
    // At one moment in several nothing rests that could be cancelled.
    assert!((0..8).any(|_| flatten() > 0), "no stop ever rested");
}

/// Flattens a session that runs, and tells how many orders that cancelled.
fn flatten() -> usize {
    let place = place(LONG);
    let mut child = start(&place);
    until_sent(&place, &mut child, 100);
    let halted = say(&place, &["halt", "--to", "flatten", "--reason", "leave"]).json();
    assert_eq!(halted["acknowledged"]["latch"]["state"], "flatten");
    until_more(&place, &mut child, DENIED, 0, 20);
    interrupted(child);

    let log = log(&place);
    let raised = log.iter().position(|record| record.1 == "raised").unwrap();
    let after = &log[raised..];
    let orders: Vec<Value> = after
        .iter()
        .filter(|record| record.1 == "order")
        .map(|record| serde_json::from_str(&record.3).unwrap())
        .filter(|order: &Value| {
            let id = &order["ruling"]["client_order_id"];
            after
                .iter()
                .any(|record| is_submit(record) && id == record.2.as_str())
        })
        .collect();
    let submits = after.iter().filter(|record| is_submit(record)).count();
    assert!(submits > 0, "nothing was held");
    assert_eq!(
        orders.len(),
        submits,
        "an order from before was sent after it"
    );
    for order in &orders {
        let request = &order["ruling"]["request"];
        assert_eq!(request["tag"], "flatten", "{order}");
        assert_eq!(request["reduce_only"], true, "{order}");
    }
    // Everything is cancelled before the first position is closed, and every position is.
    let first = after.iter().position(is_submit).unwrap();
    let cancelled = after[..first]
        .iter()
        .filter(|record| record.1 == "sent" && record.3 == "cancel")
        .count();
    let report = std::fs::read(place.path("out/report.json")).unwrap();
    let report: Value = serde_json::from_slice(&report).unwrap();
    let exposure = report["main"]["equity"]["gross_exposure"]
        .as_array()
        .unwrap();
    assert_eq!(exposure.last().unwrap(), 0.0);
    assert!(exposure.iter().any(|gross| gross.as_f64().unwrap() > 0.0));
    // It holds on.
    let status = say(&place, &["status"]).json();
    assert_eq!(status["running"], false);
    assert_eq!(status["restrictions"]["global"]["state"], "flatten");
    cancelled
}

#[test]
fn a_halt_survives_the_process_and_the_session_goes_on_where_it_was_once_it_is_lifted() {
    let place = place(SHORT);
    let mut child = start(&place);
    until_sent(&place, &mut child, 100);
    say(&place, &["halt", "--reason", "before the crash"]).json();
    child.kill().unwrap();
    child.wait().unwrap();
    let before = log(&place);

    let status = say(&place, &["status"]).json();
    assert_eq!(status["running"], false);
    assert_eq!(
        status["restrictions"]["global"]["reason"],
        "before the crash"
    );
    // Resumed it sends nothing new, and is killed once more.
    let mut child = start(&place);
    std::thread::sleep(Duration::from_millis(800));
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = ended(start(&place));
    assert_eq!(ran["ending"], "completed");
    let after = log(&place);
    assert_eq!(after[..before.len()], before);
    let raised = after
        .iter()
        .position(|record| record.1 == "raised")
        .unwrap();
    assert!(!after[raised..].iter().any(is_submit));
    verified(&place);
    let status = say(&place, &["status"]).json();
    assert_eq!(status["restrictions"]["global"]["state"], "halted");
    // Where the last kill came too late, it ran once more.
    assert!(states(&place).iter().all(|state| state == "completed"));
}

#[test]
fn a_session_under_a_restriction_comes_to_the_same_end_killed_or_not() {
    let scope = ["halt", "--scope", "strategy:fast", "--reason", "out"];
    let calm = place(SHORT);
    assert_eq!(say(&calm, &scope).json()["owned"], false);
    let wanted = ended(start(&calm));
    let stormy = place(SHORT);
    say(&stormy, &scope).json();
    let mut draws = Draws::new();
    for _ in 0..4 {
        let mut child = start(&stormy);
        std::thread::sleep(Duration::from_millis(300 + draws.below(900)));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(ended(start(&stormy))["digest"], wanted["digest"]);
    let resumed = log(&stormy)
        .iter()
        .any(|record| record.3 == "{\"run\":\"resumed\"}");
    assert!(resumed, "no kill came while it ran");
    let free = place(SHORT);
    assert_ne!(
        ended(start(&free))["digest"],
        wanted["digest"],
        "it restricted nothing"
    );
    verified(&stormy);
}

#[test]
fn a_restriction_from_before_holds_from_the_first_order_on_in_its_scope_alone() {
    for (scope, stopped) in [
        ("account:paper", 9),
        ("plugin:paper", 9),
        ("plugin:ema-cross", 9),
        ("strategy:fast", 3),
        ("instrument:BBB", 3),
        ("instrument:XYZ", 0),
        ("account:other", 0),
    ] {
        let place = place(300);
        let halted = say(&place, &["halt", "--scope", scope, "--reason", "not today"]);
        assert_eq!(halted.json()["owned"], false);
        let told = finish(command(&place, &PAPER));
        assert_eq!(told.code, 0, "{}", told.err);
        assert!(
            told.err.contains(&format!("halted in scope {scope}")),
            "{}",
            told.err
        );
        let report = std::fs::read(place.path("out/report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let handles: Vec<_> = report["main"]["instruments"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["symbol"].as_str().unwrap(), &one["handle"]))
            .collect();
        let fills = report["main"]["fills"].as_array().unwrap();
        let mut silent = 0;
        for owner in ["fast", "middle", "slow"] {
            for (_, handle) in &handles {
                let any = fills
                    .iter()
                    .any(|fill| fill["owner"] == owner && fill["instrument"] == **handle);
                silent += usize::from(!any);
            }
        }
        assert_eq!(silent, stopped, "{scope}");
    }
}

#[test]
fn a_mistyped_scope_is_restricted_and_told() {
    let place = place(100);
    // Nothing ever ran here: nobody can say what there is.
    let early = finish(command(&place, &["halt", "--scope", "instrument:AAB"]));
    assert_eq!((early.code, early.err.as_str()), (0, ""));
    let told = finish(command(&place, &PAPER));
    assert_eq!(told.code, 0, "{}", told.err);
    for (scope, known) in [
        ("instrument:AAB", &["AAA", "BBB", "CCC"][..]),
        ("strategy:quick", &["fast", "middle", "slow"]),
        ("account:live", &["paper"]),
        ("plugin:limits", &["ema-cross", "paper"]),
    ] {
        let halted = finish(command(&place, &["halt", "--scope", scope]));
        assert_eq!(halted.code, 0, "{}", halted.err);
        assert!(halted.out.contains(&format!("scope {scope}")));
        let there = known.join(", ");
        assert_eq!(
            halted.err,
            format!(
                "warning: {scope} names nothing that the last runs here traded with; there is {there}\n"
            )
        );
        let json = say(&place, &["halt", "--scope", scope]).json();
        assert_eq!(json["unknown"]["scope"], scope);
        assert_eq!(json["unknown"]["known"], serde_json::json!(known));
        let status = say(&place, &["status"]).json();
        assert_eq!(status["restrictions"][scope]["state"], "halted");
    }
    for scope in ["global", "instrument:AAA", "strategy:slow"] {
        let halted = say(&place, &["halt", "--scope", scope]);
        assert_eq!(halted.err, "");
        assert_eq!(halted.json().get("unknown"), None);
    }
}

#[test]
fn a_halt_needs_nobody_and_is_clear_about_what_it_did() {
    let place = Place::new();
    let halted = finish(command(&place, &["halt"]));
    assert_eq!(
        (halted.code, halted.out.as_str()),
        (
            0,
            "trading is halted in scope global: on disk, and no process owns the broker \
             connections; the next one that starts holds to it\n"
        ),
        "{}",
        halted.err
    );
    // Less than holds already changes nothing.
    let weaker = say(&place, &["halt", "--to", "reduce-only"]).json();
    assert_eq!(weaker["acknowledged"]["latch"]["state"], "halted");
    for (arguments, part) in [
        (&["halt", "--to", "running"][..], "bulkhead resume"),
        (&["halt", "--scope", "everything"], "account:NAME"),
        (&["halt", "--to", "paused"], "use one of: running"),
        (
            &["resume", "--reason", "x", "--scope", "account:paper"],
            "nothing is restricted in scope account:paper",
        ),
    ] {
        let refused = finish(command(&place, arguments));
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(part), "{}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    }
    let lifted = finish(command(&place, &["resume", "--reason", "fine"]));
    assert!(
        lifted
            .out
            .starts_with("lifted in scope global: halted since"),
        "{}",
        lifted.out
    );
    let status = finish(command(&place, &["status"]));
    assert!(
        status.out.contains("nothing is restricted"),
        "{}",
        status.out
    );
    verified(&place);
}

#[test]
fn two_people_who_halt_at_once_are_both_acknowledged() {
    let place = Place::new();
    let halts: Vec<_> = (0..6)
        .map(|number| {
            let scope = format!("strategy:s{number}");
            let mut halt = command(&place, &["--json", "halt", "--scope", &scope]);
            halt.stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for halt in halts {
        let acknowledged = ended(halt);
        assert_eq!(acknowledged["owned"], false);
    }
    let status = say(&place, &["status"]).json();
    assert_eq!(status["restrictions"].as_object().unwrap().len(), 6);
    verified(&place);
}

#[test]
fn a_state_folder_has_one_owner() {
    let place = place(LONG);
    let mut first = start(&place);
    until_sent(&place, &mut first, 10);
    let second = finish(command(&place, &PAPER));
    assert_eq!(second.code, 2, "{}", second.err);
    let line = second.err.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line}");
    let owner = format!("process {} owns the broker connections", first.id());
    assert!(line.contains(&owner) && line.contains("--state"), "{line}");
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock goes with the process; what it left does not keep anybody out.
    assert!(place.path("state/control.sock").exists());
    let halted = say(&place, &["halt"]).json();
    assert_eq!(halted["owned"], false);
}

#[test]
fn a_halt_that_cannot_be_written_is_not_acknowledged() {
    let place = Place::new();
    finish(command(&place, &["halt", "--scope", "strategy:one"]));
    let halt = command(&place, &["halt"]);
    // No file may grow: for this command the disk is full.
    let mut limited = std::process::Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"])
        .arg(halt.get_program())
        .args(halt.get_args())
        .current_dir(halt.get_current_dir().unwrap());
    let ran = finish(limited);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1, "{}", ran.err);
    assert!(ran.err.starts_with("error: "), "{}", ran.err);
    let status = say(&place, &["status"]).json();
    assert_eq!(status["restrictions"].as_object().unwrap().len(), 1);
}
