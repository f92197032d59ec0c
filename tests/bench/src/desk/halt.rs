//! What stopping takes, while another session goes on sending through the same gate.
//!
//! `desk.halt.ack_ms` is from raising a global halt to its acknowledgement; `desk.halt.ms` from there to the
//! last cancel of 1,000 open orders, in the steps of a session (`Session::carry_out`): the cancels first, each
//! recorded as it is sent and with its answer, in the audit log and in the desk's tables; then why they were
//! sent, which `desk.halt.reasons_ms` tells. The measurement fails if one order reaches the broker after the
//! acknowledgement, or if the other session did not run into the halt.

use super::account::{Account, INSTRUMENTS, proposal};
use super::broker::Counting;
use super::state::State;
use crate::figure::{Figure, Spec};
use crate::measure::{WARM_UP, median, median_of};
use crate::place::Place;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bulkhead_desk::leading_cancels;
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_desk::tables::Recorder;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Outcome, Side, TimeInForce};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

pub(crate) static HALT: Spec = Spec::at_most("desk.halt.ms", "ms", 10.0);
pub(crate) static REASONS: Spec = Spec::informative("desk.halt.reasons_ms", "ms");
pub(crate) static ACKNOWLEDGED: Spec = Spec::informative("desk.halt.ack_ms", "ms");

/// Open orders.
const ORDERS: u32 = 1_000;

/// How long an order of the other session is on its way to the broker and back.
const WIRE: Duration = Duration::from_micros(200);

/// Orders that the other session has sent before the halt is raised.
const BEFORE: usize = 20;

/// How long the other session may take for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// The other session, which never looks at the restrictions: only the gate stops it.
#[derive(Default)]
struct Other {
    passed: AtomicUsize,
    stopped: AtomicUsize,
    enough: AtomicBool,
}

/// Seconds of one halt.
struct Stopped {
    /// From raised to acknowledged.
    answer: f64,
    /// From the acknowledgement to the last cancel.
    cancelled: f64,
    /// From there until it was recorded why.
    reasons: f64,
}

/// All figures.
pub(crate) fn halt(place: &Place) -> Result<Vec<Figure>> {
    let state = State::new(place)?;
    let gate = state.gate();
    let acknowledged = Arc::new(AtomicBool::new(false));
    let broker = |wire| Counting {
        acknowledged: Arc::clone(&acknowledged),
        wire,
        ..Counting::default()
    };
    let mut account = Account::new("halted", gate, broker(Duration::ZERO), Vec::new())?;
    let mut sender = Account::new("other", gate, broker(WIRE), Vec::new())?;
    let mut number = 0;
    let mut recorder = Recorder::new(gate.writer().context("nothing is kept")?, "halted");
    let (mut answers, mut reasons) = (Vec::new(), Vec::new());
    let cancelled = median_of(|| {
        open(&mut account, &mut recorder)?;
        let other = Other::default();
        let stopped = std::thread::scope(|scope| {
            let sending = scope.spawn(|| send(&mut sender, &other, &mut number));
            let measured = stop(
                &mut account,
                &mut recorder,
                gate,
                &acknowledged,
                &other,
                &sending,
            );
            other.enough.store(true, Ordering::SeqCst);
            let sent = sending
                .join()
                .map_err(|_| anyhow!("the other session panicked"))?;
            sent.and(measured)
        })?;
        for account in [&mut account, &mut sender] {
            let late = account.broker.broker().late;
            ensure!(late == 0, "{late} orders passed after the acknowledgement");
        }
        answers.push(stopped.answer);
        reasons.push(stopped.reasons);
        acknowledged.store(false, Ordering::SeqCst);
        gate.lower(&Scope::Global, "bench", "the next round", account.now())?;
        account.desk.observe(gate.latches());
        Ok(stopped.cancelled)
    })?;
    Ok(vec![
        HALT.is(cancelled * 1e3),
        REASONS.is(median(reasons.split_off(WARM_UP)) * 1e3),
        ACKNOWLEDGED.is(median(answers.split_off(WARM_UP)) * 1e3),
    ])
}

/// Puts the orders to work.
fn open(account: &mut Account, recorder: &mut Recorder) -> Result<()> {
    account.tick(1)?;
    let wanted = (0..ORDERS)
        .map(|number| {
            let cents = i64::from(9_500 - number / INSTRUMENTS);
            let request = OrderRequest {
                kind: OrderKind::Limit(Decimal::new(cents, 2)),
                ..OrderRequest::market(1 + number % INSTRUMENTS, Side::Buy, Decimal::ONE)
            };
            let mut proposal = proposal(format!("rest-{number}"), "patient", request);
            proposal.request.time_in_force = TimeInForce::GoodTillCancelled;
            proposal
        })
        .collect();
    let mut dispositions = account.desk.decide(wanted);
    account.journal(&mut dispositions)?;
    for disposition in dispositions {
        recorder.disposition(&account.desk, &disposition)?;
        account
            .send(disposition)?
            .context("an order was stopped before anything was halted")?;
    }
    let working = account.desk.orders().iter().count();
    ensure!(working == ORDERS as usize, "{working} orders work");
    Ok(())
}

/// Halts everything and cancels what works.
fn stop(
    account: &mut Account,
    recorder: &mut Recorder,
    gate: &Gate,
    acknowledged: &AtomicBool,
    other: &Other,
    sending: &ScopedJoinHandle<'_, Result<()>>,
) -> Result<Stopped> {
    wait(&other.passed, BEFORE, sending)?;
    let cancels_before = account.broker.broker().cancels;
    let latch = Latch {
        scope: Scope::Global,
        state: TradingState::Halted,
        actor: "person:bench".to_owned(),
        reason: "measured".to_owned(),
        time: account.now(),
        cancel_protection: false,
    };
    let begun = Instant::now();
    let acknowledgement = gate.raise(latch)?;
    acknowledged.store(true, Ordering::SeqCst);
    let answer = begun.elapsed();
    ensure!(
        acknowledgement.in_flight == 0,
        "acknowledged with {} orders on their way",
        acknowledgement.in_flight
    );

    let begun = Instant::now();
    account.desk.observe(gate.latches());
    let mut dispositions = account.desk.obey();
    let leading = leading_cancels(&dispositions);
    ensure!(
        leading == ORDERS as usize && dispositions.len() == leading,
        "the halt came to {leading} cancels of {} dispositions",
        dispositions.len()
    );
    for disposition in &dispositions {
        let applied = account
            .desk
            .cancel(&disposition.client_order_id, &mut account.broker)?
            .context("a cancel was not confirmed")?;
        recorder.applied(&account.desk, &applied, None)?;
    }
    let cancelled = begun.elapsed();
    account.journal(&mut dispositions)?;
    for disposition in &dispositions {
        recorder.disposition(&account.desk, disposition)?;
    }
    let recorded = begun.elapsed();
    let cancels = account.broker.broker().cancels - cancels_before;
    ensure!(
        cancels == ORDERS as usize && account.desk.orders().iter().next().is_none(),
        "{cancels} orders were cancelled"
    );
    wait(&other.stopped, 1, sending)?;
    Ok(Stopped {
        answer: answer.as_secs_f64(),
        cancelled: cancelled.as_secs_f64(),
        reasons: (recorded - cancelled).as_secs_f64(),
    })
}

fn wait(
    counter: &AtomicUsize,
    least: usize,
    sending: &ScopedJoinHandle<'_, Result<()>>,
) -> Result<()> {
    let begun = Instant::now();
    while counter.load(Ordering::SeqCst) < least {
        if sending.is_finished() {
            bail!("the other session ended");
        }
        ensure!(
            begun.elapsed() < PATIENCE,
            "the other session makes no progress"
        );
        std::thread::sleep(WIRE);
    }
    Ok(())
}

/// Sends one order after the other until it is enough.
fn send(account: &mut Account, other: &Other, number: &mut u64) -> Result<()> {
    while !other.enough.load(Ordering::SeqCst) {
        *number += 1;
        account.tick(1)?;
        let request = OrderRequest::market(1, Side::Buy, Decimal::ONE);
        let wanted = vec![proposal(format!("d{number}"), "busy", request)];
        let mut dispositions = account.desk.decide(wanted);
        account.journal(&mut dispositions)?;
        for disposition in dispositions {
            match account.send(disposition)? {
                Some(order) => {
                    other.passed.fetch_add(1, Ordering::SeqCst);
                    account.end(order, Outcome::Cancelled)?;
                }
                None => {
                    other.stopped.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }
    Ok(())
}
