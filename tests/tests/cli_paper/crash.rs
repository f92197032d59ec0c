//! Sessions that are killed, and what is left of them.
//!
//! The process is ended with SIGKILL at moments drawn at random (the seed is printed; `BULKHEAD_CRASH_SEED`
//! repeats one), and started again, again and again. However often it happened: no order is lost, none
//! reaches the broker twice, the books balance and end where the report does, the audit log is whole, and the
//! session comes to the digest of the one that nobody disturbed, except where the broker is away when it comes
//! back. 20 kills; 200 more with `--soak`.

use crate::cli::{Place, Ran, finish};
use crate::small::{PAPER, command};
use bulkhead_domain::Decimal;
use bulkhead_store::{Store, StoreError, column, wait};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

/// A session with entries, exits, targets that are carried on, resting stops, two providers that entries are drawn
/// between, and a broker that is unsure, refuses, fills in parts and is away now and then.
const SESSION: &str = r#"
name = "crash"
seed = 3
cash = "100000"
features = ["return_1", "atr_14"]

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["SYN"]
config = { seed = 5, bars = 4000 }

[[strategies]]
name = "fast"
plugin = "ema-cross"
config = { fast = 3, slow = 8, size = "100" }

[[strategies]]
name = "slow"
plugin = "ema-cross"
config = { fast = 10, slow = 30, size = "70" }

[[risk]]
plugin = "limits"
config = { max-order-notional = "50000" }

[[risk]]
plugin = "stop-loss"
config = { fraction = "0.05" }

[validation]
veto = false

[[validation.candidates]]
name = "one"
plugin = "rulebook"

[[validation.candidates]]
name = "other"
plugin = "rulebook"

[tasks.validation]
selection = { policy = "thompson-sampling" }
shadow = "explore"

[broker]
plugin = "paper"
config = { fees = { model = "per-share", rate = "0.005", minimum = "1" }FAULTS }

[checks]
max-leverage = "1"
"#;

/// A small generator, so that a failure can be repeated.
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn new() -> Draws {
        let seed = std::env::var("BULKHEAD_CRASH_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| u64::from(std::process::id()) + 1);
        println!("BULKHEAD_CRASH_SEED={seed}");
        Draws(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 up to, not including, `end` (xorshift64*).
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % end.max(1)
    }
}

/// The session, with everything for a machine to read.
pub(crate) fn session(place: &Place) -> Command {
    let mut arguments = vec!["--json"];
    arguments.extend(PAPER);
    let mut command = command(place, &arguments);
    // A broker in trouble has a lot to say.
    command.env("RUST_LOG", "error");
    command
}

pub(crate) fn place(faults: &str) -> Place {
    let place = Place::new();
    place.write("session.toml", SESSION.replace("FAULTS", faults));
    place
}

fn store(place: &Place) -> Store {
    wait(async { Store::open(&place.path("state/bulkhead.db")).await }).unwrap()
}

fn query(store: &Store, sql: &'static str) -> Vec<(String, i64)> {
    wait(async {
        let rows = sqlx::query(sql)
            .fetch_all(store.pool())
            .await
            .map_err(|error| StoreError::of_statement(sql, &error))?;
        rows.iter()
            .map(|row| Ok((column(row, "name")?, column(row, "count")?)))
            .collect::<Result<Vec<_>, StoreError>>()
    })
    .unwrap()
}

/// What the audit log says was filled, in order, whatever the run was called.
fn fills(store: &Store) -> BTreeMap<String, Vec<String>> {
    let rows = query(
        store,
        "SELECT session || ' ' || subject || ' ' || body AS name, sequence AS count FROM audit_log \
         WHERE kind = 'update' ORDER BY sequence",
    );
    let mut fills: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (text, _) in rows {
        let (run, rest) = text.split_once(' ').unwrap();
        fills
            .entry(run.to_owned())
            .or_default()
            .push(rest.to_owned());
    }
    fills
}

/// States every run: that checks its books, entry by entry and at every close. Gives what each ended with.
fn closings(place: &Place) -> BTreeMap<String, Decimal> {
    let say = |arguments: &[&str]| {
        let mut all = vec!["--json", "statement"];
        all.extend(arguments);
        finish(command(place, &all)).json()
    };
    let runs = say(&["--list"]);
    let runs = runs["runs"].as_array().unwrap().iter();
    runs.map(|run| {
        let run = run["run"].as_str().unwrap();
        let stated = say(&["--run", run]);
        let closing = &stated["statement"]["closing"];
        (run.to_owned(), amount(closing))
    })
    .collect()
}

fn amount(value: &Value) -> Decimal {
    let text = value.as_str().unwrap();
    text.parse::<Decimal>().unwrap().round_dp(2)
}

fn digest(ran: &Ran) -> String {
    ran.json()["digest"].as_str().unwrap().to_owned()
}

/// `same`: whether a kill leaves no trace in what is traded. It does where the broker happens to be away when
/// the session comes back, because nothing is entered before the books were compared.
fn survives(faults: &str, kills: u32, same: bool) {
    let calm = place(faults);
    let begun = Instant::now();
    let undisturbed = digest(&finish(session(&calm)));
    let whole = begun.elapsed();
    let wanted = fills(&store(&calm)).into_values().next().unwrap();
    assert!(
        wanted.len() > 50,
        "too little happens to prove anything: {}",
        wanted.len()
    );

    let stormy = place(faults);
    let mut draws = Draws::new();
    let mut killed = 0;
    while killed < kills {
        let mut child = session(&stormy)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let wait = draws.below(u64::try_from(whole.as_micros()).unwrap());
        let deadline = Instant::now() + Duration::from_micros(wait);
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() >= deadline {
                break None;
            }
            std::thread::sleep(Duration::from_micros(200));
        };
        match ended {
            Some(status) => {
                assert!(status.success(), "a resumed session failed: {status}");
            }
            None => {
                child.kill().unwrap();
                child.wait().unwrap();
                killed += 1;
            }
        }
    }
    let last = finish(session(&stormy));
    if same {
        assert_eq!(digest(&last), undisturbed, "after {killed} kills");
    }
    let report = last.json();
    let stated = closings(&stormy);
    assert_eq!(
        stated[report["run"].as_str().unwrap()],
        amount(&report["totals"]["final_equity"])
    );
    if same {
        let calm = closings(&calm).into_values().next().unwrap();
        assert!(
            stated.values().all(|closing| *closing == calm),
            "{stated:?}"
        );
    }

    let store = store(&stormy);
    let twice = query(
        &store,
        "SELECT run || ' ' || json_extract(call, '$.order.client_order_id') AS name, COUNT(*) AS count \
         FROM broker_calls WHERE json_extract(call, '$.call') = 'submit' GROUP BY name HAVING COUNT(*) > 1",
    );
    assert_eq!(twice, [], "orders that reached the broker twice");
    let lost = query(
        &store,
        "SELECT o.session || ' ' || o.subject AS name, o.sequence AS count FROM audit_log o \
         JOIN sessions s ON s.run = o.session AND s.state = 'completed' \
         WHERE o.kind = 'order' AND NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.session = o.session \
         AND a.subject = o.subject AND a.kind = 'answer')",
    );
    assert_eq!(lost, [], "orders that nobody knows the end of");
    for (run, came) in fills(&store).into_iter().filter(|_| same) {
        let complete = came.len() == wanted.len();
        let same = came
            .iter()
            .zip(&wanted)
            .all(|(came, wanted)| came == wanted);
        assert!(same, "{run} came to other updates");
        assert!(
            complete,
            "{run} was left behind with {} updates",
            came.len()
        );
    }
    let states = query(
        &store,
        "SELECT state AS name, 0 AS count FROM sessions GROUP BY state",
    );
    assert_eq!(states, [("completed".to_owned(), 0)], "runs left behind");
    let audit = finish(command(&stormy, &["--json", "audit", "verify"])).json();
    assert_eq!(audit["findings"], serde_json::json!([]));
}

/// A broker that answers late, in part, with a refusal or not at all; and pays interest.
const TROUBLE: &str = ", cash-interest-rate = \"0.03\", faults = { seed = 9, latency-bars = 1, partial-fills = 0.2, rejects = 0.05, \
    ambiguous = 0.1, stale-quotes = 0.05 }";
/// The same, and one that cannot be reached at times.
const AWAY: &str = ", cash-interest-rate = \"0.03\", faults = { seed = 9, latency-bars = 1, partial-fills = 0.2, rejects = 0.05, \
    ambiguous = 0.1, stale-quotes = 0.05, disconnects = 0.1, disconnect-advances = 4 }";

#[test]
fn a_session_killed_again_and_again_comes_to_the_same_end() {
    survives("", 10, true);
}

#[test]
fn so_does_one_whose_broker_is_in_trouble() {
    survives(TROUBLE, 10, true);
}

#[test]
fn one_whose_broker_is_away_when_it_comes_back_loses_nothing_and_sends_nothing_twice() {
    survives(AWAY, 10, false);
}

#[test]
#[ignore = "soak"]
fn two_hundred_kills_change_nothing() {
    survives("", 90, true);
    survives(TROUBLE, 90, true);
    survives(AWAY, 20, false);
}
