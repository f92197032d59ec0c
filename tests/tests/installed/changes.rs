//! The order in which a change is made, and who wins.

use crate::components::{traps_at_start, version};
use crate::{NobodyLive, Stand, swap};
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_registry::{Applied, Change, Config, Live, Ready, Request, Settings, Terms};
use bulkhead_sandbox::Plugin;
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};

/// Whoever runs plugins, writing down what it is told and what was active then.
struct Watched<'a> {
    stand: &'a Stand,
    seen: Arc<Mutex<Vec<String>>>,
    barrier: Option<&'a Barrier>,
    refuses: bool,
}

struct Waiting {
    installed: bulkhead_registry::Installed,
    digest: Digest,
    seen: Arc<Mutex<Vec<String>>>,
}

impl<'a> Watched<'a> {
    fn new(stand: &'a Stand) -> Watched<'a> {
        Watched {
            stand,
            seen: Arc::default(),
            barrier: None,
            refuses: false,
        }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Live for Watched<'_> {
    fn ready(&self, plugin: &Plugin, _: &Config) -> Result<Vec<Box<dyn Ready>>, Problem> {
        let id = &plugin.manifest().id;
        let (active, _) = self.stand.active();
        let old = active != plugin.digest();
        self.seen
            .lock()
            .unwrap()
            .push(format!("ready {id}, old serves: {old}"));
        if let Some(barrier) = self.barrier {
            barrier.wait();
        }
        if self.refuses {
            return Err(Problem::host("it has no room", "make some"));
        }
        Ok(vec![Box::new(Waiting {
            installed: self.stand.installed.clone(),
            digest: plugin.digest(),
            seen: Arc::clone(&self.seen),
        })])
    }

    fn changed(&self, applied: &Applied) {
        self.seen
            .lock()
            .unwrap()
            .push(format!("told of {}", applied.change));
    }
}

impl Ready for Waiting {
    fn serve(self: Box<Self>) {
        let plugin = self.installed.plugin("ema-cross").unwrap().unwrap();
        let written = plugin.active == self.digest;
        self.seen
            .lock()
            .unwrap()
            .push(format!("serves, written: {written}"));
    }
}

/// Two versions, the first of which serves.
fn stand() -> (Stand, Digest, Digest) {
    let stand = Stand::new();
    let first = stand.install(&version("ema-cross", "0.1.0"));
    let second = stand.install(&version("ema-cross", "0.2.0"));
    stand.does(Change::Enable);
    (stand, first, second)
}

#[test]
fn a_version_is_ready_before_it_is_written_and_serves_after() {
    let (stand, _, second) = stand();
    let live = Watched::new(&stand);
    stand.make("person:me", swap(&second), &live).unwrap();
    assert_eq!(
        live.seen(),
        [
            "ready ema-cross, old serves: true",
            "serves, written: true",
            "told of swap"
        ]
    );
    assert_eq!(stand.records.lock().unwrap().last().unwrap(), "4 swap");
    let history = stand.installed.history("ema-cross").unwrap();
    let numbers: Vec<u64> = history.iter().map(|past| past.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(
        (history[3].by.as_str(), history[3].reason.as_str()),
        ("person:me", "a test")
    );
}

#[test]
fn what_fails_on_the_way_leaves_the_old_generation_untouched() {
    let (stand, first, second) = stand();
    let before = stand.installed.plugin("ema-cross").unwrap();
    let mut live = Watched::new(&stand);
    live.refuses = true;
    let problem = stand.make("person:me", swap(&second), &live).unwrap_err();
    assert!(problem.to_string().contains("it has no room"), "{problem}");
    assert_eq!(live.seen().len(), 1);

    let request = Request {
        plugin: "ema-cross".to_owned(),
        change: swap(&second),
        reason: String::new(),
        expect: None,
    };
    let live = Watched::new(&stand);
    let terms = Terms {
        by: "person:me",
        time: Timestamp(1),
        loader: &stand.loader,
        live: &live,
        needed: &|| Ok(BTreeMap::new()),
        record: &|_| Err(Problem::host("the audit log is full", "free some space")),
    };
    let problem = stand
        .installed
        .apply(&request, &terms)
        .unwrap_err()
        .to_string();
    assert_eq!(
        problem,
        "the audit log is full; nothing was changed; free some space"
    );
    assert_eq!(live.seen().len(), 1, "it was made ready and never served");

    let bad = traps_at_start("0.3.0");
    let problem = stand
        .make("person:me", stand.installing(&bad), &NobodyLive)
        .unwrap_err();
    assert!(
        problem.to_string().contains("instantiate trapped"),
        "{problem}"
    );
    assert!(!stand.installed.path(&Digest::of(&bad)).exists());

    assert_eq!(stand.installed.plugin("ema-cross").unwrap(), before);
    assert_eq!(stand.active(), (first, 1));
    assert_eq!(stand.installed.history("ema-cross").unwrap().len(), 3);
}

#[test]
fn of_two_operators_at_once_one_wins_and_the_other_is_told() {
    let (stand, first, second) = stand();
    let third = stand.install(&version("ema-cross", "0.3.0"));
    // Both have made their version ready before either writes.
    let barrier = Barrier::new(2);
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads = [("person:one", second), ("person:two", third)].map(|(by, to)| {
            let (stand, barrier) = (&stand, &barrier);
            scope.spawn(move || {
                let mut live = Watched::new(stand);
                live.barrier = Some(barrier);
                let made = stand.make(by, swap(&to), &live);
                (by, to, made, live.seen())
            })
        });
        threads.map(|thread| thread.join().unwrap()).into()
    });
    let won: Vec<_> = outcomes
        .iter()
        .filter(|(_, _, made, _)| made.is_ok())
        .collect();
    let lost: Vec<_> = outcomes
        .iter()
        .filter(|(_, _, made, _)| made.is_err())
        .collect();
    let ([(winner, to, _, served)], [(_, _, told, unserved)]) = (won.as_slice(), lost.as_slice())
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!(stand.active(), (*to, 2));
    assert_ne!(*to, first);
    let told = told.as_ref().unwrap_err().to_string();
    let expected = format!(
        "plugin ema-cross was changed by {winner} at 2023-11-14T22:13:20Z: swapped from 0.1.0"
    );
    assert!(told.starts_with(&expected), "{told}");
    assert_eq!((served.len(), unserved.len()), (3, 1));
    // What was not made has no record, or one that says so.
    let records = stand.records.lock().unwrap();
    assert_eq!(
        records
            .iter()
            .filter(|record| record.ends_with("swap"))
            .count(),
        1,
        "{records:?}"
    );
}

#[test]
fn a_revision_that_was_not_expected_changes_nothing() {
    let (stand, first, second) = stand();
    let shadow = |to: &Digest| Change::Shadow {
        to: to.to_string(),
        percent: 100,
        rule: serde_json::Value::Null,
        settings: Settings::default(),
    };
    let third = stand.install(&version("ema-cross", "0.3.0"));
    let seen = stand.does(shadow(&second)).revision;
    // What is compared changes no generation.
    stand.does(shadow(&third));
    let request = Request {
        plugin: "ema-cross".to_owned(),
        change: Change::Promote,
        reason: String::new(),
        expect: Some(seen),
    };
    let terms = Terms {
        by: "person:late",
        time: Timestamp(2),
        loader: &stand.loader,
        live: &NobodyLive,
        needed: &|| Ok(BTreeMap::new()),
        record: &|_| Ok(()),
    };
    let problem = stand
        .installed
        .apply(&request, &terms)
        .unwrap_err()
        .to_string();
    assert!(
        problem.starts_with(
            "revision 5 was expected and this is 6: plugin ema-cross was changed by person:me"
        ),
        "{problem}"
    );
    assert_eq!(stand.active(), (first, 1));
}

#[test]
fn a_component_that_was_tampered_with_never_serves_and_can_be_put_back() {
    let (stand, first, second) = stand();
    let path = stand.installed.path(&second);
    let mut bytes = std::fs::read(&path).unwrap();
    let whole = bytes.clone();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let problem = stand
        .make("person:me", swap(&second), &NobodyLive)
        .unwrap_err();
    assert!(
        problem
            .to_string()
            .contains("is not what was installed: its SHA-256 begins with"),
        "{problem}"
    );
    assert_eq!(stand.active(), (first, 1));

    let back = stand.does(stand.installing(&whole));
    assert!(
        back.what.starts_with("put the component of 0.2.0"),
        "{}",
        back.what
    );
    stand.does(swap(&second));
    assert_eq!(stand.active(), (second, 2));
}

#[test]
fn what_is_uninstalled_is_gone_and_its_history_stays() {
    let (stand, first, second) = stand();
    stand.does(swap(&second));
    stand.does(Change::Uninstall {
        version: Some("0.1.0".to_owned()),
        force: false,
    });
    assert!(!stand.installed.path(&first).exists());
    stand.does(Change::Disable);
    stand.does(Change::Uninstall {
        version: None,
        force: false,
    });
    assert_eq!(stand.installed.plugin("ema-cross").unwrap(), None);
    assert!(!stand.installed.path(&second).exists());
    // A generation's number never comes again.
    let again = stand.install(&version("ema-cross", "0.1.0"));
    assert_eq!(stand.active(), (again, 3));
    assert_eq!(stand.installed.history("ema-cross").unwrap().len(), 8);
}

#[test]
fn what_an_unfinished_run_needs_is_not_uninstalled_unless_that_is_meant() {
    let (stand, first, second) = stand();
    let uninstall = |version: Option<&Digest>, force: bool| {
        let version = version.map(ToString::to_string);
        let change = Change::Uninstall { version, force };
        stand.make("person:me", change, &NobodyLive)
    };
    *stand.needed.lock().unwrap() = BTreeMap::from([(second, "s-1.4".to_owned())]);
    let problem = uninstall(Some(&second), false).unwrap_err().to_string();
    assert!(
        problem.starts_with("run s-1.4 has not ended and needs 0.2.0 ("),
        "{problem}"
    );
    stand.does(Change::Disable);
    let problem = uninstall(None, false).unwrap_err().to_string();
    assert!(problem.starts_with("run s-1.4 has not ended"), "{problem}");
    assert!(stand.installed.path(&second).exists());
    uninstall(Some(&second), true).unwrap();
    assert!(!stand.installed.path(&second).exists());
    uninstall(None, false).unwrap();
    assert!(!stand.installed.path(&first).exists());
}
