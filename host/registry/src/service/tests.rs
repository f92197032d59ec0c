use super::*;
use bulkhead_domain::Problem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

const NOW: Timestamp = Timestamp(7);

fn version(number: u64) -> Version {
    Version {
        plugin: "rule".to_owned(),
        version: format!("{number}.0.0"),
        digest: Digest::of(&number.to_le_bytes()),
    }
}

/// A generation whose value is its number.
fn generation(number: u64) -> Generation<u64> {
    Generation::new(number, version(number), number)
}

fn service() -> Service<u64> {
    Service::new(generation(1), NOW)
}

#[test]
fn who_enters_after_a_swap_gets_the_new_generation_and_who_is_in_stays() {
    let service = service();
    let before = service.enter();
    let swapped = service.swap(generation(2), Timestamp(8)).unwrap();
    assert_eq!((swapped.from.number, swapped.to.number), (1, 2));
    assert_eq!(swapped.to.since, Timestamp(8));
    let after = service.enter();
    assert_eq!((before.get(), after.get()), (Ok(&1), Ok(&2)));
    let draining = service.draining();
    assert_eq!(draining.len(), 1);
    assert_eq!((draining[0].about.number, draining[0].leases), (1, 1));
    drop(before);
    assert_eq!(service.draining(), []);
}

#[test]
fn of_two_swaps_prepared_at_once_one_wins_and_the_other_is_told() {
    let service = service();
    service.swap(generation(2), NOW).unwrap();
    let error = service.swap(generation(2), NOW).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("generation 2 comes too late: generation 2, rule 2.0.0 ("),
        "{error}"
    );
    assert_eq!(service.about().number, 2);
}

#[test]
fn a_rollback_is_another_swap_and_does_not_lead_back_again() {
    let service = service();
    assert!(service.rollback(NOW).is_err());
    service.swap(generation(2), NOW).unwrap();
    let in_two = service.enter();
    let back = service.rollback(Timestamp(9)).unwrap();
    assert_eq!((back.from.number, back.to.number), (2, 1));
    assert_eq!(back.to.since, Timestamp(9));
    assert_eq!(*service.enter().get().unwrap(), 1);
    assert_eq!(*in_two.get().unwrap(), 2, "who is in finishes");
    let error = service.rollback(NOW).unwrap_err().to_string();
    assert!(
        error.starts_with("there is no earlier generation"),
        "{error}"
    );
    // A number that was in service once is not given again.
    assert!(service.swap(generation(2), NOW).is_err());
    service.swap(generation(3), NOW).unwrap();
}

#[test]
fn whoever_is_out_at_the_deadline_gets_an_error_instead_of_a_hang() {
    let stopped = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&stopped);
    let first = generation(1).stopped_by(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let service = Service::new(first, NOW);
    let lease = service.enter();
    service.swap(generation(2), NOW).unwrap();
    let drained = service.drain(Duration::from_millis(5));
    assert!(drained.took >= Duration::from_millis(5));
    assert_eq!(drained.ended.len(), 1);
    assert!(drained.ended[0].ended && drained.ended[0].leases == 1);
    assert_eq!(stopped.load(Ordering::SeqCst), 1);
    let error = lease.get().unwrap_err().to_string();
    assert!(
        error.ends_with("was replaced and its time to finish is over: enter again"),
        "{error}"
    );
    // The generation itself is as warm as before: its next callers are served.
    service.rollback(NOW).unwrap();
    assert_eq!(service.enter().get(), Ok(&1));
    assert!(lease.get().is_err());
}

#[test]
fn a_drain_ends_with_the_last_one_out() {
    let service = service();
    let lease = service.enter();
    service.swap(generation(2), NOW).unwrap();
    thread::scope(|scope| {
        let drain = scope.spawn(|| service.drain(Duration::from_secs(60)));
        thread::sleep(Duration::from_millis(20));
        drop(lease);
        let drained = drain.join().unwrap();
        assert_eq!(drained.ended, []);
        assert!(drained.took < Duration::from_secs(30), "{:?}", drained.took);
    });
}

/// Counts how many of its kind are alive.
struct Alive(Arc<AtomicU64>);

impl Alive {
    fn new(count: &Arc<AtomicU64>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Alive(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn one_generation_is_kept_warm_and_the_others_are_dropped() {
    let count = Arc::new(AtomicU64::new(0));
    let next = |number| Generation::new(number, version(number), Alive::new(&count));
    let service = Service::new(next(1), NOW);
    for number in 2..=100 {
        service.swap(next(number), NOW).unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }
    assert_eq!(service.previous().unwrap().number, 99);
    assert_eq!(service.retire_previous().unwrap().number, 99);
    assert_eq!(count.load(Ordering::SeqCst), 1);
    assert!(service.rollback(NOW).is_err());
}

#[test]
fn under_thousands_of_swaps_every_call_sees_one_generation_and_none_is_lost() {
    const SWAPS: u64 = 5_000;
    struct Books {
        number: u64,
        started: AtomicU64,
        finished: AtomicU64,
    }
    let all: Vec<Arc<Books>> = (1..=SWAPS)
        .map(|number| {
            Arc::new(Books {
                number,
                started: AtomicU64::new(0),
                finished: AtomicU64::new(0),
            })
        })
        .collect();
    let next = |number: u64| {
        let books = Arc::clone(&all[usize::try_from(number).unwrap() - 1]);
        Generation::new(number, version(number), books)
    };
    let service = Service::new(next(1), NOW);
    // What is in service for sure: written after each swap has returned.
    let announced = AtomicU64::new(1);
    let over = AtomicBool::new(false);
    let made = AtomicU64::new(0);
    let calls: u64 = thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0_u64;
                    while !over.load(Ordering::SeqCst) {
                        let at_least = announced.load(Ordering::SeqCst);
                        let lease = service.enter();
                        let books = lease.get().unwrap();
                        assert!(
                            books.number >= at_least,
                            "a swap that had returned was not seen"
                        );
                        books.started.fetch_add(1, Ordering::SeqCst);
                        std::hint::spin_loop();
                        // The same generation from the beginning to the end of the call.
                        assert_eq!(lease.get().unwrap().number, books.number);
                        books.finished.fetch_add(1, Ordering::SeqCst);
                        made.fetch_add(1, Ordering::SeqCst);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for number in 2..=SWAPS {
            service.swap(next(number), NOW).unwrap();
            announced.store(number, Ordering::SeqCst);
            // At least one call for every swap.
            while made.load(Ordering::SeqCst) < number {
                thread::yield_now();
            }
            if number.is_multiple_of(500) {
                assert_eq!(service.drain(Duration::from_secs(60)).ended, []);
            }
        }
        over.store(true, Ordering::SeqCst);
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    assert_eq!(service.draining(), []);
    let sum = |of: fn(&Books) -> &AtomicU64| -> u64 {
        all.iter()
            .map(|books| of(books).load(Ordering::SeqCst))
            .sum()
    };
    assert_eq!(sum(|books| &books.started), calls);
    assert_eq!(sum(|books| &books.finished), calls);
    assert!(calls > 0);
}

#[test]
fn what_does_not_come_up_leaves_what_is_in_service_and_says_why_in_one_line() {
    let service = service();
    let broken = || {
        Problem::user(
            "plugin rule 2.0.0, function configure: trapped",
            "report it",
        )
    };
    let error = install(&service, NOW, || Err(broken()), |_| Ok(())).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "not put in service, it does not load: plugin rule 2.0.0, function configure: trapped; report it; {} stays in service",
            service.about()
        )
    );
    let error = install(&service, NOW, || Ok(generation(2)), |_| Err(broken())).unwrap_err();
    assert!(
        error.to_string().contains("its first call failed"),
        "{error}"
    );
    assert_eq!(service.about().number, 1);
    assert_eq!(service.previous(), None);
    // The number was not used up.
    install(&service, NOW, || Ok(generation(2)), |_| Ok(())).unwrap();
    let late = install(&service, NOW, || Ok(generation(2)), |_| Ok(())).unwrap_err();
    assert!(late.to_string().contains("comes too late"), "{late}");
}

#[test]
fn what_is_said_of_a_generation_can_be_kept_and_read_back() {
    let about = service().about();
    let json = serde_json::to_value(&about).unwrap();
    assert_eq!(json["number"], 1);
    assert_eq!(json["plugin"], "rule");
    assert_eq!(serde_json::from_value::<About>(json).unwrap(), about);
}
