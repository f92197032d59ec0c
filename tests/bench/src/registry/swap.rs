//! Swaps under an open load of 5,000 calls a second, on a plugin without and on one with state.
//!
//! Calls are due at fixed times, whatever became of those before, and take from when they were *due* to when they
//! were answered. One thread makes them, another swaps every 50 ms. Calls due from a command until 5 ms after the
//! new version's first answer count as during a swap, all others as steady: so whatever else the machine does meets
//! both alike. Times and ratios are the median of three runs; failed calls and the slowest swap are of all of them.
//!
//! `control_p99_ratio` is the same with a busy loop of a swap's length in the place of each swap: what the machine's
//! scheduler does to the calls when any other thread works for as long.

use super::load::Shelf;
use super::rule::InService;
use super::strategy::Seated;
use crate::figure::{Figure, Spec};
use crate::measure::{median, quantile};
use crate::place::Place;
use anyhow::{Context as _, Result, anyhow};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

static FAILED: Spec = Spec::at_most("registry.swap.failed", "calls", 0.0);
static SERVING: Spec = Spec::at_most("registry.swap.serving_ms", "ms", 50.0);
static P99_RATIO: Spec = Spec::at_most("registry.swap.p99_ratio", "ratio", 3.0);
static CONTROL: Spec = Spec::informative("registry.swap.control_p99_ratio", "ratio");
static STATELESS_SERVING: Spec = Spec::informative("registry.swap.stateless.serving_p50_ms", "ms");
static STATELESS_STEADY: Spec = Spec::informative("registry.swap.stateless.steady_p99_us", "us");
static STATELESS_DURING: Spec = Spec::informative("registry.swap.stateless.during_p99_us", "us");
static STATEFUL_SERVING: Spec = Spec::informative("registry.swap.stateful.serving_p50_ms", "ms");
static STATEFUL_STEADY: Spec = Spec::informative("registry.swap.stateful.steady_p99_us", "us");
static STATEFUL_DURING: Spec = Spec::informative("registry.swap.stateful.during_p99_us", "us");

/// The figures.
pub(crate) static SPECS: [&Spec; 10] = [
    &FAILED,
    &SERVING,
    &P99_RATIO,
    &CONTROL,
    &STATELESS_SERVING,
    &STATELESS_STEADY,
    &STATELESS_DURING,
    &STATEFUL_SERVING,
    &STATEFUL_STEADY,
    &STATEFUL_DURING,
];

/// Between two calls: 5,000 a second.
const EVERY: Duration = Duration::from_micros(200);
/// Calls before the first swap are discarded.
const DISCARDED: Duration = Duration::from_millis(500);
const RUNS: usize = 3;
/// Swaps of one run.
const SWAPS: u64 = 100;
/// From one command to the next.
const SWAP_EVERY: Duration = Duration::from_millis(50);
/// How long after its first answer a swap is still felt.
const FELT: Duration = Duration::from_millis(5);

/// A plugin in service that can be called and replaced.
pub(super) trait Swapped: Sync {
    /// One call; which generation answered it.
    fn call(&self, number: u64) -> Result<u64>;

    /// Puts the next generation in service.
    fn swap(&self, number: u64) -> Result<()>;

    /// Whether everything is in order after so many calls.
    fn check(&self, calls: u64) -> Result<()>;
}

struct Call {
    due: Instant,
    done: Instant,
    /// Which generation answered; absent where the call failed.
    generation: Option<u64>,
}

struct Run {
    failed: f64,
    /// Each swap's, milliseconds.
    serving: Vec<f64>,
    steady_p99: f64,
    during_p99: f64,
}

/// All figures.
pub(crate) fn swap(place: &Place) -> Result<Vec<Figure>> {
    let shelf = Shelf::new(place)?;
    let (mut stateless, mut stateful, mut control) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let swapped = run(&InService::new(&shelf)?).context("stateless")?;
        let busy = Busy {
            calls: InService::new(&shelf)?,
            works: Duration::from_secs_f64(median(swapped.serving.clone()) / 1e3),
            number: AtomicU64::new(1),
        };
        control.push(run(&busy).context("control")?);
        stateless.push(swapped);
        stateful.push(run(&Seated::new(&shelf)?).context("stateful")?);
    }
    let all = || stateless.iter().chain(&stateful);
    let middle = |runs: &[Run], of: &dyn Fn(&Run) -> f64| median(runs.iter().map(of).collect());
    let ratio = |run: &Run| run.during_p99 / run.steady_p99;
    let p50 = |run: &Run| median(run.serving.clone());
    let slowest = all().flat_map(|run| &run.serving).copied();
    Ok(vec![
        FAILED.is(all().map(|run| run.failed).sum()),
        SERVING.is(slowest.fold(0.0, f64::max)),
        P99_RATIO.is(middle(&stateless, &ratio).max(middle(&stateful, &ratio))),
        CONTROL.is(middle(&control, &ratio)),
        STATELESS_SERVING.is(middle(&stateless, &p50)),
        STATELESS_STEADY.is(middle(&stateless, &|run| run.steady_p99)),
        STATELESS_DURING.is(middle(&stateless, &|run| run.during_p99)),
        STATEFUL_SERVING.is(middle(&stateful, &p50)),
        STATEFUL_STEADY.is(middle(&stateful, &|run| run.steady_p99)),
        STATEFUL_DURING.is(middle(&stateful, &|run| run.during_p99)),
    ])
}

/// The same calls, and in place of a swap nothing but work.
struct Busy<S> {
    calls: S,
    works: Duration,
    number: AtomicU64,
}

impl<S: Swapped> Swapped for Busy<S> {
    fn call(&self, number: u64) -> Result<u64> {
        self.calls.call(number)?;
        Ok(self.number.load(Ordering::Relaxed))
    }

    fn swap(&self, number: u64) -> Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < self.works {
            std::hint::spin_loop();
        }
        self.number.store(number, Ordering::Relaxed);
        Ok(())
    }

    fn check(&self, calls: u64) -> Result<()> {
        self.calls.check(calls)
    }
}

fn run(swapped: &impl Swapped) -> Result<Run> {
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let (calls, commands) = std::thread::scope(|scope| {
        let caller = scope.spawn(|| stream(swapped, begun, &over));
        let commands = operate(swapped, begun + DISCARDED);
        over.store(true, Ordering::SeqCst);
        let calls = caller.join().map_err(|_| anyhow!("the caller panicked"));
        (calls, commands)
    });
    let (calls, commands) = (calls?, commands?);
    swapped.check(calls.len() as u64)?;
    let micros = |call: &Call| (call.done - call.due).as_secs_f64() * 1e6;
    let mut serving = Vec::new();
    let (mut steady, mut during) = (Vec::new(), Vec::new());
    // Both are in order of time.
    let settled = calls.partition_point(|call| call.due < begun + DISCARDED);
    let mut rest = calls.get(settled..).unwrap_or_default();
    for (number, command) in (2..).zip(commands) {
        let answered = rest
            .iter()
            .find(|call| {
                call.generation
                    .is_some_and(|generation| generation >= number)
            })
            .context("a new version answered no call")?;
        serving.push((answered.done - command).as_secs_f64() * 1e3);
        let until = answered.done + FELT;
        let first = rest.partition_point(|call| call.due < command);
        let last = rest.partition_point(|call| call.due < until).max(first);
        let (before, after) = rest.split_at(last);
        let (before, felt) = before.split_at(first);
        steady.extend(before.iter().map(micros));
        during.extend(felt.iter().map(micros));
        rest = after;
    }
    Ok(Run {
        failed: calls
            .iter()
            .filter(|call| call.generation.is_none())
            .count() as f64,
        serving,
        steady_p99: quantile(&steady, 0.99),
        during_p99: quantile(&during, 0.99),
    })
}

/// The open load, until it is over.
fn stream(swapped: &impl Swapped, begun: Instant, over: &AtomicBool) -> Vec<Call> {
    let mut calls = Vec::with_capacity(1 << 16);
    let mut due = begun;
    while !over.load(Ordering::Relaxed) {
        // Asleep until then: a caller that waits busily is the first to be put off where there is not a core for
        // everybody.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let generation = swapped.call(calls.len() as u64).ok();
        calls.push(Call {
            due,
            done: Instant::now(),
            generation,
        });
        due += EVERY;
    }
    calls
}

/// Swaps at fixed times; when each was commanded.
fn operate(swapped: &impl Swapped, from: Instant) -> Result<Vec<Instant>> {
    let mut commands = Vec::new();
    let mut at = from;
    for number in 2..SWAPS + 2 {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        commands.push(Instant::now());
        swapped.swap(number)?;
        at += SWAP_EVERY;
    }
    // The last one is served, and felt, too.
    std::thread::sleep(SWAP_EVERY);
    Ok(commands)
}
