//! What a kill, a locked database, a full disk and a second operator leave behind.

use crate::cli::{Place, Ran, finish};
use crate::components::version;
use crate::{command, good, install, json, run, state, two, verified};
use bulkhead_domain::Digest;
use bulkhead_store::{Store, wait};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A small generator, so that a failure can be repeated with `BULKHEAD_CRASH_SEED`.
struct Draws(u64);

impl Draws {
    fn new() -> Draws {
        let seed = std::env::var("BULKHEAD_CRASH_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or_else(|| u64::from(std::process::id()) + 1);
        println!("BULKHEAD_CRASH_SEED={seed}");
        Draws(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 up to, not including, `end` (xorshift64*).
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % end.max(1)
    }
}

#[test]
fn a_kill_during_a_swap_leaves_exactly_one_version_active() {
    let place = Place::new();
    let (first, second) = two(&place);
    let mut draws = Draws::new();
    let mut active = first;
    let mut made = 0_u64;
    // How long an undisturbed one takes bounds when it is killed.
    let begun = Instant::now();
    good(
        &place,
        &["plugin", "swap", "ema-cross", "--to", &second.short()],
    );
    let usual = u64::try_from(begun.elapsed().as_micros()).unwrap();
    active = std::mem::replace(&mut active, second);
    good(&place, &["plugin", "rollback", "ema-cross"]);
    for round in 0..25 {
        let to = if active == first { second } else { first };
        let mut child = command(
            &place,
            &["plugin", "swap", "ema-cross", "--to", &to.short()],
        )
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        std::thread::sleep(Duration::from_micros(draws.below(usual + usual / 4)));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();

        let now = state(&place);
        let serving: Digest = now["active"].as_str().unwrap().parse().unwrap();
        assert!([active, to].contains(&serving), "round {round}");
        let listed = json(&place, &["plugin", "list"]);
        let states = listed.as_array().unwrap().iter();
        let serve = states.filter(|row| row["state"].as_str().unwrap().starts_with("active"));
        assert_eq!(serve.count(), 1, "round {round}: {listed}");
        let history = json(&place, &["plugin", "history", "ema-cross"]);
        let last = history.as_array().unwrap().last().unwrap().clone();
        assert_eq!(last["active"], now["active"], "round {round}");
        assert_eq!(last["generation"], now["generation"], "round {round}");
        made += u64::from(serving != active);
        active = serving;
        verified(&place);
    }
    assert_eq!(state(&place)["generation"], 3 + made);
    println!("{made} of 25 swaps were made");
    // And it goes on as if nothing had been.
    let to = if active == first { second } else { first };
    good(
        &place,
        &["plugin", "swap", "ema-cross", "--to", &to.short()],
    );
}

#[test]
fn of_several_operators_at_once_one_wins_and_the_others_are_told() {
    let place = Place::new();
    two(&place);
    let numbers = ["0.2.0", "0.3.0", "0.4.0", "0.5.0"];
    for number in &numbers[1..] {
        install(&place, &version("ema-cross", number));
    }
    let seen = state(&place)["revision"].to_string();
    let children = numbers.map(|to| {
        let mut swap = command(
            &place,
            &["plugin", "swap", "ema-cross", "--to", to, "--expect", &seen],
        );
        let child = swap
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        (to, child)
    });
    let mut won = Vec::new();
    for (to, child) in children {
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        if output.status.success() {
            won.push(to);
        } else {
            assert!(
                err.contains("plugin ema-cross was changed by person:"),
                "{err}"
            );
            assert!(
                err.contains(": swapped from 0.1.0") && err.lines().count() == 1,
                "{err}"
            );
        }
    }
    assert_eq!(won.len(), 1, "{won:?}");
    let now = state(&place);
    assert_eq!(now["generation"], 2);
    let listed = json(&place, &["plugin", "list"]);
    let mut rows = listed.as_array().unwrap().iter();
    let active = rows.find(|row| row["digest"] == now["active"]).unwrap();
    assert_eq!(active["version"], won[0]);
    verified(&place);
}

#[track_caller]
fn nothing_changed(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert_eq!(
        (ran.out.as_str(), ran.err.lines().count()),
        ("", 1),
        "{}",
        ran.err
    );
    for part in parts {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}

#[test]
fn a_locked_database_is_said_to_be_and_nothing_is_changed() {
    let place = Place::new();
    two(&place);
    let before = state(&place);
    place.write("three.wasm", version("ema-cross", "0.3.0"));
    let store = wait(Store::open(place.path("state/bulkhead.db"))).unwrap();
    let held = wait(store.begin()).unwrap();
    for change in [
        &["plugin", "swap", "ema-cross", "--to", "0.2.0"][..],
        &["plugin", "install", "three.wasm"],
    ] {
        nothing_changed(
            &run(&place, change),
            &[
                "database is locked",
                "nothing was changed; let the other process end",
            ],
        );
    }
    wait(async {
        held.rollback()
            .await
            .map_err(|error| bulkhead_store::StoreError::during("roll back", &error))
    })
    .unwrap();
    assert_eq!(state(&place), before);
    assert_eq!(
        std::fs::read_dir(place.path("state/plugins"))
            .unwrap()
            .count(),
        2
    );
    good(&place, &["plugin", "swap", "ema-cross", "--to", "0.2.0"]);
    verified(&place);
}

/// The command where no file can become longer than so many blocks of 512 bytes, as on a disk that is full.
fn full(place: &Place, blocks: u32, arguments: &[&str]) -> Ran {
    let command = command(place, arguments);
    let shell = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", &shell, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null());
    finish(limited)
}

#[test]
fn a_full_disk_is_said_to_be_and_nothing_is_changed() {
    let place = Place::new();
    two(&place);
    let before = state(&place);
    let third = version("ema-cross", "0.3.0");
    place.write("three.wasm", &third);
    // Once in the cache of compiled code, it is no matter of that any more.
    good(&place, &["plugin", "inspect", "three.wasm"]);
    let swap = ["plugin", "swap", "ema-cross", "--to", "0.2.0"];
    for blocks in [0, 8, 32] {
        let ran = full(&place, blocks, &swap);
        assert_ne!(ran.code, 0, "{blocks}: {}", ran.out);
        assert_eq!(
            (ran.out.as_str(), ran.err.lines().count()),
            ("", 1),
            "{blocks}: {}",
            ran.err
        );
        assert_eq!(state(&place), before, "{blocks}");
    }
    // Room for the database, and not for the component.
    let ran = full(
        &place,
        u32::try_from(third.len() / 512 / 2).unwrap(),
        &["plugin", "install", "three.wasm"],
    );
    nothing_changed(&ran, &["cannot be kept", "nothing was changed"]);
    assert_eq!(state(&place), before);
    assert_eq!(
        std::fs::read_dir(place.path("state/plugins"))
            .unwrap()
            .count(),
        2
    );
    good(&place, &swap);
    good(&place, &["plugin", "install", "three.wasm"]);
    verified(&place);
}
