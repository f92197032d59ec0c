//! Asking the owner over its socket.

use crate::durable::{Folder, latch};
use bulkhead_desk::switch::control::{Answer, Ask, Control, Operations, ask};
use bulkhead_desk::switch::{Gate, Latches, Scope, TradingState};
use bulkhead_domain::{Problem, Timestamp};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn whoever_connects_and_says_nothing_keeps_nobody_from_stopping_trade() {
    let folder = Folder::new("mute");
    let gate = Arc::new(Gate::unrecorded());
    let _control =
        Control::start(folder.path(), Arc::clone(&gate), Arc::new(NoOperations)).unwrap();
    let socket = folder.path().join("control.sock");
    let mute: Vec<_> = (0..4)
        .map(|_| UnixStream::connect(&socket).unwrap())
        .collect();
    let mut halves = UnixStream::connect(&socket).unwrap();
    halves.write_all(b"{\"ask\":").unwrap();
    let begun = Instant::now();
    let raise = |actor: &str| {
        let latch = latch(Scope::Global, TradingState::Halted, actor);
        ask(folder.path(), &Ask::Raise { latch }).unwrap().unwrap()
    };
    assert!(matches!(raise("person:me"), Answer::Raised { .. }));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(gate.latches().iter().count(), 1);
    drop((mute, halves));

    // Nobody speaks for a session, a rule or the host from outside.
    for actor in ["rule:drawdown-guard", "host", "agent:", "me", ""] {
        let Answer::Refused { what, .. } = raise(actor) else {
            panic!("'{actor}' was let through");
        };
        assert!(what.contains("nobody who can restrict"), "{what}");
    }
    let mut nonsense = UnixStream::connect(&socket).unwrap();
    nonsense.write_all(b"stop!\n").unwrap();
    let answer = std::io::read_to_string(nonsense).unwrap();
    assert!(answer.contains("cannot be read"), "{answer}");
}

/// An owner that does nothing besides stopping trade.
pub(crate) struct NoOperations;

impl Operations for NoOperations {
    fn plugin(&self, _: Value, _: &str) -> Result<Value, Problem> {
        Err(Problem::user("no plugins are changed here", "ask another"))
    }
}

/// Changes that wait until they are told to go on.
struct Slow {
    begun: AtomicUsize,
    go: AtomicBool,
}

impl Operations for Slow {
    fn plugin(&self, change: Value, person: &str) -> Result<Value, Problem> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        while !self.go.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if change == json!("refuse") {
            return Err(Problem::user("no", "ask better").in_file("x.wasm"));
        }
        Ok(json!({ "change": change, "person": person }))
    }
}

#[test]
fn a_change_of_the_plugins_that_takes_long_keeps_nobody_from_stopping_trade() {
    let folder = Folder::new("slow");
    let gate = Arc::new(Gate::unrecorded());
    let slow = Arc::new(Slow {
        begun: AtomicUsize::new(0),
        go: AtomicBool::new(false),
    });
    let operations: Arc<dyn Operations> = Arc::<Slow>::clone(&slow);
    let control = Control::start(folder.path(), gate, operations).unwrap();
    let change = &|change: Value| {
        ask(folder.path(), &Ask::Plugin { change })
            .unwrap()
            .unwrap()
    };
    std::thread::scope(|scope| {
        let asked: Vec<_> = [json!(1), json!(2), json!(3), json!("refuse")]
            .map(|one| scope.spawn(move || change(one)))
            .into();
        while slow.begun.load(Ordering::SeqCst) < 4 {
            std::thread::sleep(Duration::from_millis(2));
        }
        let begun = Instant::now();
        let latch = latch(Scope::Global, TradingState::Halted, "person:me");
        let raised = ask(folder.path(), &Ask::Raise { latch }).unwrap().unwrap();
        assert!(matches!(raised, Answer::Raised { .. }));
        // One more than there is room for is told so at once.
        let Answer::Refused { what, .. } = change(json!(5)) else {
            panic!("it was taken");
        };
        assert!(what.contains("busy"), "{what}");
        assert!(begun.elapsed() < Duration::from_secs(1));

        // The owner that ends waits for what was begun, and answers it; trade can be stopped still.
        let ending = scope.spawn(move || drop(control));
        std::thread::sleep(Duration::from_millis(50));
        assert!(!ending.is_finished());
        let status = ask(folder.path(), &Ask::Status).unwrap();
        assert!(matches!(status, Some(Answer::Status { .. })));
        slow.go.store(true, Ordering::SeqCst);
        ending.join().unwrap();
        let me = bulkhead_desk::switch::person();
        let mut made = 0;
        for answer in asked {
            match answer.join().unwrap() {
                Answer::Plugin { applied } => {
                    assert_eq!(applied["person"], *me);
                    made += 1;
                }
                Answer::Refused { what, mend, host } => {
                    assert_eq!(
                        (what.as_str(), mend.as_str(), host),
                        ("no (x.wasm)", "ask better", false)
                    );
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(made, 3);
    });
}

#[test]
fn of_many_changes_at_once_as_many_are_made_as_there_is_room_for() {
    let folder = Folder::new("crowd");
    let slow = Arc::new(Slow {
        begun: AtomicUsize::new(0),
        go: AtomicBool::new(false),
    });
    let operations: Arc<dyn Operations> = Arc::<Slow>::clone(&slow);
    let gate = Arc::new(Gate::unrecorded());
    let _control = Control::start(folder.path(), gate, operations).unwrap();
    let together = std::sync::Barrier::new(12);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let change = || {
            together.wait();
            let change = Ask::Plugin { change: json!(1) };
            ask(folder.path(), &change).unwrap().unwrap()
        };
        let asked: Vec<_> = (0..12).map(|_| scope.spawn(change)).collect();
        let refused = || asked.iter().filter(|one| one.is_finished()).count();
        let begun = Instant::now();
        while refused() < 8 && begun.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(2));
        }
        slow.go.store(true, Ordering::SeqCst);
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let made = |answer: &&Answer| matches!(answer, Answer::Plugin { .. });
    assert_eq!(answers.iter().filter(made).count(), 4, "{answers:?}");
}

#[test]
fn an_owner_that_hangs_up_is_asked_again_only_what_may_be_asked_twice() {
    let folder = Folder::new("hangs-up");
    let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
    let owner = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in ["", "{\"answer\":\"status\",\"latches\":{}}\n", "", ""] {
            let (connection, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&connection).read_line(&mut line).unwrap();
            (&connection).write_all(answer.as_bytes()).unwrap();
            asked.push(line);
        }
        asked
    });
    let latches = Latches::default();
    let status = ask(folder.path(), &Ask::Status).unwrap();
    assert_eq!(status, Some(Answer::Status { latches }));
    let change = Ask::Plugin { change: json!(1) };
    let unsure = ask(folder.path(), &change).unwrap_err().to_string();
    assert!(unsure.contains("may still make the change"), "{unsure}");
    assert!(unsure.contains("history"), "{unsure}");
    let lower = Ask::Lower {
        scope: Scope::Global,
        reason: "a test".to_owned(),
        time: Timestamp(5),
    };
    let silent = ask(folder.path(), &lower).unwrap_err().to_string();
    assert!(silent.contains("hung up"), "{silent}");
    let asked = owner.join().unwrap();
    assert_eq!(asked[0], asked[1]);
    // It has gone for good.
    assert_eq!(ask(folder.path(), &Ask::Status).unwrap(), None);
}

#[test]
fn a_state_folder_with_a_long_path_is_answered_for_too() {
    let folder = Folder::new("long");
    let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
    std::fs::create_dir_all(&deep).unwrap();
    assert!(
        deep.as_os_str().len() > 108,
        "longer than a socket's path may be"
    );
    let gate = Arc::new(Gate::unrecorded());
    let control = Control::start(&deep, Arc::clone(&gate), Arc::new(NoOperations)).unwrap();
    let latch = latch(Scope::Global, TradingState::Halted, "person:me");
    let answer = ask(&deep, &Ask::Raise { latch }).unwrap();
    assert!(matches!(answer, Some(Answer::Raised { .. })));
    drop(control);
    assert!(!deep.join("control.sock").exists());
    assert!(ask(&deep, &Ask::Status).unwrap().is_none());
}
