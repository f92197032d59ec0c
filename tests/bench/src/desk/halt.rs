//! What stopping takes, while another session goes on sending through the same gate.
//!
//! `desk.halt.ack_ms` is from raising a global halt to its acknowledgement; `desk.halt.ms` from there to the
//! last cancel of 1,000 open orders, of which `desk.halt.journal_ms` is until the cancels are journalled. The measurement fails if one order reaches the
//! broker after the acknowledgement, or if the other session did not run into the halt.

use super::account::{Account, INSTRUMENTS, proposal};
use super::broker::Counting;
use super::state::State;
use crate::figure::{Figure, Spec};
use crate::measure::{WARM_UP, median, median_of};
use crate::place::Place;
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use bulkhead_desk::Ruling;
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Outcome, Side, TimeInForce};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

pub(crate) static HALT: Spec = Spec::at_most("desk.halt.ms", "ms", 10.0);
pub(crate) static JOURNALLED: Spec = Spec::informative("desk.halt.journal_ms", "ms");
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
    /// From there until the cancels were journalled.
    journalled: f64,
    /// From the acknowledgement to the last cancel.
    cancelled: f64,
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
    let (mut answers, mut journals) = (Vec::new(), Vec::new());
    let cancelled = median_of(|| {
        open(&mut account)?;
        let other = Other::default();
        let stopped = std::thread::scope(|scope| {
            let sending = scope.spawn(|| send(&mut sender, &other, &mut number));
            let measured = stop(&mut account, gate, &acknowledged, &other, &sending);
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
        journals.push(stopped.journalled);
        acknowledged.store(false, Ordering::SeqCst);
        gate.lower(&Scope::Global, "bench", "the next round", account.now())?;
        account.desk.observe(gate.latches());
        Ok(stopped.cancelled)
    })?;
    Ok(vec![
        HALT.is(cancelled * 1e3),
        JOURNALLED.is(median(journals.split_off(WARM_UP)) * 1e3),
        ACKNOWLEDGED.is(median(answers.split_off(WARM_UP)) * 1e3),
    ])
}

/// Puts the orders to work.
fn open(account: &mut Account) -> Result<()> {
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
    account.journal(&mut dispositions)?;
    let journalled = begun.elapsed();
    for disposition in &dispositions {
        ensure!(
            matches!(disposition.ruling, Ruling::Cancel),
            "the halt came to {:?}",
            disposition.ruling
        );
        account
            .desk
            .cancel(&disposition.client_order_id, &mut account.broker)?;
    }
    let cancelled = begun.elapsed();
    let cancels = account.broker.broker().cancels - cancels_before;
    ensure!(
        cancels == ORDERS as usize && account.desk.orders().iter().next().is_none(),
        "{cancels} orders were cancelled"
    );
    wait(&other.stopped, 1, sending)?;
    Ok(Stopped {
        answer: answer.as_secs_f64(),
        journalled: journalled.as_secs_f64(),
        cancelled: cancelled.as_secs_f64(),
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
