//! What judging one order takes without any rule.
//!
//! `desk.decide.us` is the whole of [`Desk::decide`](bulkhead_desk::Desk::decide) for one order in an account
//! with ten positions: exposure computed anew, the client order id minted, the host checks, the order taken
//! up. `desk.checks.us` is the host checks alone, from the first to the last: what an order that the last of
//! them denies takes longer than one that the first of them denies, with the denial itself in both.

use super::account::{Account, proposal};
use super::broker::Counting;
use crate::figure::{Figure, Spec};
use crate::measure::{compared, median, median_of};
use crate::place::Place;
use anyhow::{Result, ensure};
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_desk::{Disposition, Ruling};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{OrderKind, OrderRequest, Side};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

pub(crate) static CHECKS: Spec = Spec::at_most("desk.checks.us", "us", 2.0);
pub(crate) static DECIDE: Spec = Spec::informative("desk.decide.us", "us");

/// Orders of one round.
const ORDERS: usize = 2_000;

const OWNER: &str = "trend";

/// What the first check denies: a price that is not above zero.
const FIRST: &str = "PRICE_NOT_POSITIVE";
/// What the last one denies.
const LAST: &str = "TRADING_STATE";

/// Both figures.
pub(crate) fn checks(_: &Place) -> Result<Vec<Figure>> {
    let mut account = account()?;
    let approved = median_of(|| {
        round(&mut account, 100, |account, decided| {
            ensure!(
                matches!(decided.ruling, Ruling::Send(_)),
                "the order was not approved: {:?}",
                decided.ruling
            );
            account
                .desk
                .cancel(&decided.client_order_id, &mut account.broker)?;
            Ok(())
        })
    })?;

    let mut first = account_halted()?;
    let mut last = account_halted()?;
    let denied = |code: &'static str| {
        move |_: &mut Account, decided: Disposition| {
            ensure!(
                matches!(&decided.ruling, Ruling::Deny(denial) if denial.code == code),
                "the order was not denied as {code}: {:?}",
                decided.ruling
            );
            Ok(())
        }
    };
    let compared = compared(
        || round(&mut last, 100, denied(LAST)),
        || round(&mut first, 0, denied(FIRST)),
    )?;
    Ok(vec![
        CHECKS.is((compared.ours - compared.bare) * 1e6),
        DECIDE.is(approved * 1e6),
    ])
}

fn account() -> Result<Account> {
    let gate = Arc::new(Gate::unrecorded());
    Account::new("checks", &gate, Counting::default(), Vec::new())
}

fn account_halted() -> Result<Account> {
    let mut account = account()?;
    let latch = Latch {
        scope: Scope::Global,
        state: TradingState::Halted,
        actor: "person:bench".to_owned(),
        reason: "so that the last check denies".to_owned(),
        time: account.now(),
        cancel_protection: false,
    };
    account.desk.observe([latch].into_iter().collect());
    Ok(account)
}

/// Median seconds of a decision on a limit order at `price`. What follows a decision is not measured.
fn round(
    account: &mut Account,
    price: i64,
    after: impl Fn(&mut Account, Disposition) -> Result<()>,
) -> Result<f64> {
    let mut taken = Vec::with_capacity(ORDERS);
    for number in 0..ORDERS {
        account.tick(1)?;
        let request = OrderRequest {
            kind: OrderKind::Limit(Decimal::from(price)),
            ..OrderRequest::market(1, Side::Buy, Decimal::TEN)
        };
        let wanted = vec![proposal(format!("d{number}"), OWNER, request)];
        let begun = Instant::now();
        let mut decided = black_box(account.desk.decide(wanted));
        taken.push(begun.elapsed().as_secs_f64());
        ensure!(decided.len() == 1, "one order became {}", decided.len());
        if let Some(decided) = decided.pop() {
            after(account, decided)?;
        }
    }
    Ok(median(taken))
}
