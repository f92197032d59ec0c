//! Shared calls, by threads and by futures.

use super::*;
use bulkhead_domain::Digest;
use proptest::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

const NOW: Timestamp = Timestamp(0);

fn key() -> CacheKey {
    CacheKey(Digest::of(b"request"))
}

fn cache() -> Cache<u32> {
    Cache::new(CacheConfig::default())
}

fn lead(begun: Begun<u32>) -> Flight<u32> {
    match begun {
        Begun::Lead(flight) => flight,
        other => panic!("{other:?}"),
    }
}

fn ticket(begun: Begun<u32>) -> Ticket<u32> {
    match begun {
        Begun::Wait(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

#[test]
fn identical_requests_make_one_call_and_all_get_its_answer() {
    let cache = cache();
    let (calls, running) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let answers: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut begun = cache.begin(key(), NOW);
                    loop {
                        begun = match begun {
                            Begun::Answer(answer) => return answer,
                            Begun::Wait(ticket) => ticket.wait(),
                            Begun::Lead(flight) => {
                                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0);
                                std::thread::yield_now();
                                let call = calls.fetch_add(1, Ordering::SeqCst);
                                running.fetch_sub(1, Ordering::SeqCst);
                                // The first three fail.
                                if call < 3 {
                                    drop(flight);
                                } else {
                                    flight.answer(7, 1, NOW);
                                }
                                cache.begin(key(), NOW)
                            }
                        };
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(answers, [7; 8]);
    assert_eq!(calls.load(Ordering::SeqCst), 4);
}

#[test]
fn a_future_waits_as_well_as_a_thread() {
    struct Count(AtomicUsize);
    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let cache = cache();
    let flight = lead(cache.begin(key(), NOW));
    let mut ticket = ticket(cache.begin(key(), NOW));
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    assert!(Pin::new(&mut ticket).poll(&mut context).is_pending());
    flight.answer(5, 1, NOW);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    let ready = Pin::new(&mut ticket).poll(&mut context);
    assert!(matches!(ready, Poll::Ready(Begun::Answer(5))), "{ready:?}");
}

#[test]
fn a_dropped_waiter_does_not_swallow_the_duty_it_was_given() {
    let cache = cache();
    let flight = lead(cache.begin(key(), NOW));
    let first = ticket(cache.begin(key(), NOW));
    let second = ticket(cache.begin(key(), NOW));
    let third = ticket(cache.begin(key(), NOW));
    drop(second);
    drop(flight);
    // The duty is with the first now, who leaves without knowing.
    drop(first);
    lead(third.wait()).answer(1, 1, NOW);
    assert!(matches!(cache.begin(key(), NOW), Begun::Answer(1)));
}

#[test]
fn with_nobody_waiting_a_failed_call_leaves_nothing_behind() {
    let cache = cache();
    drop(lead(cache.begin(key(), NOW)));
    assert!(lock(&cache.shared).flights.is_empty());
    lead(cache.begin(key(), NOW)).answer(2, 1, NOW);
    assert_eq!(cache.size(), (1, 1));
}

#[test]
fn another_input_configuration_or_function_is_another_request() {
    use crate::task::Candidate;
    let candidate = Candidate {
        plugin: "p".to_owned(),
        version: "1".to_owned(),
        digest: Digest::of(b"code"),
        offering: "m".to_owned(),
        config: Digest::of(b"config"),
    };
    let mut other = candidate.clone();
    other.config = Digest::of(b"other");
    let base = CacheKey::new(&candidate, "complete", b"x");
    assert_eq!(base, CacheKey::new(&candidate, "complete", b"x"));
    assert_ne!(base, CacheKey::new(&candidate, "complete", b"y"));
    assert_ne!(base, CacheKey::new(&candidate, "models", b"x"));
    assert_ne!(base, CacheKey::new(&other, "complete", b"x"));
}

proptest! {
    #[test]
    fn there_is_never_more_than_one_call_out_and_nobody_is_lost(
        steps in proptest::collection::vec((0u8..5, any::<prop::sample::Index>()), 1..120)
    ) {
        // Answers are not kept, so that every request begins a call or joins one.
        let cache: Cache<u32> = Cache::new(CacheConfig { ttl: 0, ..CacheConfig::default() });
        let mut flight: Option<Flight<u32>> = None;
        let mut waiting: Vec<Ticket<u32>> = Vec::new();
        for (action, which) in steps {
            match action {
                0 | 1 => match cache.begin(key(), NOW) {
                    Begun::Lead(new) => {
                        prop_assert!(flight.is_none() && waiting.is_empty());
                        flight = Some(new);
                    }
                    Begun::Wait(ticket) => waiting.push(ticket),
                    Begun::Answer(_) => prop_assert!(false, "nothing is kept"),
                },
                2 => drop(flight.take()),
                3 if !waiting.is_empty() => drop(waiting.swap_remove(which.index(waiting.len()))),
                _ => {
                    if let Some(flight) = flight.take() {
                        flight.answer(1, 1, NOW);
                    }
                }
            }
            // Whoever has news takes it.
            let mut context = Context::from_waker(Waker::noop());
            let mut still = Vec::new();
            for mut ticket in waiting {
                match Pin::new(&mut ticket).poll(&mut context) {
                    Poll::Pending => still.push(ticket),
                    Poll::Ready(Begun::Lead(new)) => {
                        prop_assert!(flight.is_none());
                        flight = Some(new);
                    }
                    Poll::Ready(_) => {}
                }
            }
            waiting = still;
            prop_assert!(flight.is_some() || waiting.is_empty(), "waiting for nobody");
        }
    }
}
