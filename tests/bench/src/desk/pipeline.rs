//! From a signal to an order that may be sent: sized, checked by the host, judged by four sandboxed rules,
//! approved, and its records durable in the journal that the audit log is written through.
//!
//! One thread decides; a second one journals what was decided meanwhile in one go (group commit). What is
//! durable goes back to the first, which sends it through the gate and applies the broker's answer, so that
//! the measured log carries the order, its sending, the answer and its end, as a session's does. Plugins'
//! reviews are not part of it. The account holds ten positions; no order fills, so that every one of them is
//! an entry, which the rules judge.
//!
//! The latency is taken under open load: signals are due at fixed times, whatever became of those before,
//! and an order's latency is from when its signal was *due* to when it was durable. The throughput is that
//! of a closed loop, with as many orders on their way as make it highest: more of them share a commit, but
//! every rule is shown each of them. `alone` is one order at a time.

use super::account::{Account, INSTRUMENTS, VOLATILITY, instruments, proposal};
use super::broker::Counting;
use super::disk::{self, disk};
use super::state::State;
use super::{cores, plugin};
use crate::figure::{Figure, Spec};
use crate::measure::{median, quantile};
use crate::place::Place;
use anyhow::{Context as _, Result, anyhow, ensure};
use bulkhead_desk::sizing::{Signal, SizingMethod};
use bulkhead_desk::switch::Gate;
use bulkhead_desk::{Disposition, VerdictKind};
use bulkhead_domain::order::{OrderRequest, Outcome};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

static P99: Spec = Spec::at_most("desk.pipeline.p99_us", "us", 1_000.0);
static P50: Spec = Spec::informative("desk.pipeline.p50_us", "us");
static PER_S: Spec = Spec::at_least("desk.pipeline.per_s", "1/s", 5_000.0);
static ALONE: Spec = Spec::informative("desk.pipeline.alone_us", "us");
static DECIDE: Spec = Spec::informative("desk.pipeline.alone_decide_us", "us");
/// What an order waits for once it is decided: its group's records are appended to the log, and the writer's redo
/// journal has them and is synced. The database's own commit comes later and is not part of it.
static COMMIT: Spec = Spec::informative("desk.pipeline.commit_us", "us");
static COMMIT_P99: Spec = Spec::informative("desk.pipeline.commit_p99_us", "us");
static GROUP: Spec = Spec::informative("desk.pipeline.group", "orders");
static CORES: Spec = Spec::informative("desk.pipeline.cores", "cores");

/// The figures, with those of the disk beside them.
pub(crate) static SPECS: [&Spec; 15] = [
    &P99,
    &P50,
    &PER_S,
    &ALONE,
    &DECIDE,
    &COMMIT,
    &COMMIT_P99,
    &GROUP,
    &CORES,
    &disk::FDATASYNC,
    &disk::FDATASYNC_P99,
    &disk::JOURNAL,
    &disk::JOURNAL_P99,
    &disk::COMMIT,
    &disk::COMMIT_P99,
];

const SESSION: &str = "bench-1";

/// Between two signals of the open load: 5,000 a second.
const EVERY: Duration = Duration::from_micros(200);
/// Orders of one run of it, and how many of its first ones are discarded.
const OPEN: usize = 22_000;
const DISCARDED: usize = 2_000;
/// Runs of which the median counts.
const RUNS: usize = 3;

/// Orders of one run of the closed loop, and of a trial of it.
const CLOSED: usize = 10_000;
const TRIAL: usize = 2_000;
/// Orders on their way in the closed loop: one of these.
const ON_THEIR_WAY: [usize; 4] = [4, 8, 16, 32];
/// Orders one at a time.
const ALONE_ORDERS: usize = 1_000;

/// Each has a position and orders of its own in each instrument, so that no signal finds the order of the one
/// before it still at work.
const OWNERS: usize = 64;

/// When the next signal comes.
#[derive(Clone, Copy)]
enum Pace {
    /// At its time.
    Open(Duration),
    /// When fewer orders than this are on their way.
    Closed(usize),
}

/// A decided order on its way to the disk.
struct Decided {
    due: Instant,
    disposition: Disposition,
}

/// What one run took; microseconds where nothing else is said.
struct Run {
    /// From due to durable, in the order of the signals.
    latencies: Vec<f64>,
    /// Sizing, checks and rules of each order.
    decisions: Vec<f64>,
    /// Each group's journal.
    commits: Vec<f64>,
    seconds: f64,
    /// Processor seconds a second; absent where the system does not tell.
    cores: Option<f64>,
}

/// All figures.
pub(crate) fn pipeline(place: &Place) -> Result<Vec<Figure>> {
    let state = State::new(place)?;
    let rules = plugin::four(place, &instruments())?;
    let mut desk = Pipeline {
        account: Account::new(SESSION, state.gate(), Counting::default(), rules)?,
        sizing: SizingMethod::VolatilityTarget {
            target: 0.1,
            feature: VOLATILITY.to_owned(),
            periods_per_year: 252.0,
            most: 0.0005,
        },
        owners: (0..OWNERS).map(|owner| format!("trend-{owner}")).collect(),
        signals: 0,
    };
    let mut figures = disk(&state)?;
    let mut opened = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        opened.push(desk.run(state.gate(), OPEN, Pace::Open(EVERY))?);
    }
    let mut fastest = (0.0, 1);
    for most in ON_THEIR_WAY {
        let trial = desk.run(state.gate(), TRIAL, Pace::Closed(most))?;
        let rate = TRIAL as f64 / trial.seconds;
        if rate > fastest.0 {
            fastest = (rate, most);
        }
    }
    let mut rates = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let run = desk.run(state.gate(), CLOSED, Pace::Closed(fastest.1))?;
        rates.push(CLOSED as f64 / run.seconds);
    }
    let alone = desk.run(state.gate(), ALONE_ORDERS, Pace::Closed(1))?;
    let of = |take: &dyn Fn(&Run) -> f64| median(opened.iter().map(take).collect());
    let settled = |run: &Run| run.latencies.get(DISCARDED..).unwrap_or_default().to_vec();
    let mut measured = vec![
        P99.is(of(&|run| quantile(&settled(run), 0.99))),
        P50.is(of(&|run| quantile(&settled(run), 0.5))),
        PER_S.is(median(rates)),
        ALONE.is(quantile(&alone.latencies, 0.5)),
        DECIDE.is(quantile(&alone.decisions, 0.5)),
        COMMIT.is(of(&|run| quantile(&run.commits, 0.5))),
        COMMIT_P99.is(of(&|run| quantile(&run.commits, 0.99))),
        GROUP.is(of(&|run| OPEN as f64 / run.commits.len() as f64)),
    ];
    if opened.iter().all(|run| run.cores.is_some()) {
        measured.push(CORES.is(of(&|run| run.cores.unwrap_or(f64::NAN))));
    }
    measured.append(&mut figures);
    Ok(measured)
}

/// The thread that decides and sends.
struct Pipeline {
    account: Account,
    sizing: SizingMethod,
    owners: Vec<String>,
    /// Signals so far.
    signals: usize,
}

impl Pipeline {
    /// `count` signals, until the last order has ended.
    fn run(&mut self, gate: &Gate, count: usize, pace: Pace) -> Result<Run> {
        let (to_disk, decided) = channel();
        let (to_wire, durable) = channel();
        let begun = Instant::now();
        let cores = cores::Used::now();
        let (decisions, journalled) = std::thread::scope(|scope| {
            let journal = scope.spawn(move || journal(gate, &decided, &to_wire));
            let decisions = self.drive(count, pace, &to_disk, &durable);
            // Ends the other thread.
            drop(to_disk);
            let journalled = journal
                .join()
                .map_err(|_| anyhow!("the journal's thread panicked"));
            (decisions, journalled)
        });
        let (latencies, commits) = journalled??;
        let decisions = decisions?;
        ensure!(
            latencies.len() == count,
            "{} of {count} orders became durable",
            latencies.len()
        );
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Run {
            latencies,
            decisions,
            commits,
            seconds,
            cores: cores.map(|used| used.since() / seconds),
        })
    }

    fn drive(
        &mut self,
        count: usize,
        pace: Pace,
        to_disk: &Sender<Decided>,
        durable: &Receiver<Vec<Disposition>>,
    ) -> Result<Vec<f64>> {
        let mut decisions = Vec::with_capacity(count);
        let mut ended = 0;
        let begun = Instant::now();
        while ended < count {
            while let Ok(orders) = durable.try_recv() {
                ended += self.send(orders)?;
            }
            let next = decisions.len();
            let now = Instant::now();
            let due = match pace {
                _ if next == count => None,
                Pace::Open(every) => Some(begun + every * next as u32),
                Pace::Closed(most) => (next - ended < most).then_some(now),
            };
            match due {
                Some(due) if due <= now => {
                    let disposition = self.decide(durable, &mut ended)?;
                    decisions.push(now.elapsed().as_secs_f64() * 1e6);
                    to_disk.send(Decided { due, disposition })?;
                }
                Some(due) => match durable.recv_timeout(due - now) {
                    Ok(orders) => ended += self.send(orders)?,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                },
                None if ended < count => ended += self.send(durable.recv()?)?,
                None => {}
            }
        }
        Ok(decisions)
    }

    /// One signal, sized and judged.
    fn decide(
        &mut self,
        durable: &Receiver<Vec<Disposition>>,
        ended: &mut usize,
    ) -> Result<Disposition> {
        let number = self.signals;
        self.signals += 1;
        let instrument = 1 + (number as u32) % INSTRUMENTS;
        let owner = self
            .owners
            .get(number / INSTRUMENTS as usize % OWNERS)
            .cloned()
            .unwrap_or_default();
        self.account.tick(instrument)?;
        let feature = |name: &str| (name == VOLATILITY).then_some(0.02);
        let request: OrderRequest = loop {
            let size = self.sizing.size(&Signal {
                direction: 1.0,
                probability: None,
                feature: &feature,
            })?;
            let target = self.account.desk.quantity_for_size(instrument, size)?;
            let (_, request) = self.account.desk.plan(&owner, instrument, target);
            match request {
                Some(request) => break request,
                // All owners' orders are on their way to a disk that stalls: the signal waits, and its
                // latency with it.
                None => *ended += self.send(durable.recv()?)?,
            }
        };
        let wanted = vec![proposal(format!("d{number}"), &owner, request)];
        let mut decided = self.account.desk.decide(wanted);
        let decided = decided.pop().context("a signal came to nothing")?;
        let approvals = decided
            .verdicts
            .iter()
            .filter(|verdict| verdict.verdict == VerdictKind::Approved)
            .count();
        ensure!(
            approvals == 5 && decided.verdicts.len() == 5,
            "an order was not approved by the host and four rules: {:?}",
            decided.verdicts
        );
        Ok(decided)
    }

    /// Sends what is durable. None of it fills.
    fn send(&mut self, orders: Vec<Disposition>) -> Result<usize> {
        let count = orders.len();
        for disposition in orders {
            let order = self
                .account
                .send(disposition)?
                .context("an order was stopped although nothing was halted")?;
            self.account.end(order, Outcome::Cancelled)?;
        }
        Ok(count)
    }
}

/// The thread that makes durable what was decided: everything that came while it was busy goes in one commit.
/// Latencies and commits in microseconds.
fn journal(
    gate: &Gate,
    decided: &Receiver<Decided>,
    to_wire: &Sender<Vec<Disposition>>,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let (mut latencies, mut commits) = (Vec::new(), Vec::new());
    while let Ok(first) = decided.recv() {
        let (due, mut group): (Vec<Instant>, Vec<Disposition>) = std::iter::once(first)
            .chain(decided.try_iter())
            .map(|decided| (decided.due, decided.disposition))
            .unzip();
        let begun = Instant::now();
        gate.journal(SESSION, &mut group)?;
        let durable = Instant::now();
        commits.push((durable - begun).as_secs_f64() * 1e6);
        latencies.extend(
            due.into_iter()
                .map(|due| (durable - due).as_secs_f64() * 1e6),
        );
        // Nobody takes it any more where the other thread has failed: that failure is told.
        if to_wire.send(group).is_err() {
            break;
        }
    }
    Ok((latencies, commits))
}
