//! Losses in a row, for rules that want a pause after them.

use crate::ledger::{FillEffect, LineKey, OwnerId};
use bulkhead_domain::order::{Execution, InstrumentHandle, Nanos};
use bulkhead_domain::{Decimal, Value};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, Default)]
struct Streak {
    losses: i64,
    last_loss: Option<Nanos>,
}

impl Streak {
    fn note(&mut self, profit: Decimal, time: Nanos) {
        if profit < Decimal::ZERO {
            self.losses += 1;
            self.last_loss = Some(time);
        } else if profit > Decimal::ZERO {
            self.losses = 0;
        }
    }

    fn tell(&self, of: &str, extra: &mut Vec<(String, Value)>) {
        extra.push((
            format!("{of}.consecutive-losses"),
            Value::Integer(self.losses),
        ));
        if let Some(time) = self.last_loss {
            extra.push((format!("{of}.last-loss-time"), Value::Integer(time)));
        }
    }
}

/// Closed trades with a loss since the last one with a gain. A trade is closed by the fill that brings its
/// owner's position to zero or through it; its profit is that of all fills that reduced it, before fees.
#[derive(Debug, Clone, Default)]
pub(super) struct Streaks {
    /// Profit of open trades so far.
    open: BTreeMap<(OwnerId, InstrumentHandle), Decimal>,
    owners: BTreeMap<OwnerId, Streak>,
    lines: BTreeMap<(OwnerId, InstrumentHandle), Streak>,
}

impl Streaks {
    pub(super) fn note(&mut self, owner: OwnerId, execution: &Execution, effect: &FillEffect) {
        if effect.closed.is_zero() {
            return;
        }
        let line = (owner, execution.instrument);
        let profit = self.open.entry(line).or_default();
        *profit = profit.saturating_add(effect.realised);
        let turned = effect.closed < execution.quantity;
        if effect.quantity.is_zero() || turned {
            let profit = self.open.remove(&line).unwrap_or_default();
            self.owners
                .entry(owner)
                .or_default()
                .note(profit, execution.time);
            self.lines
                .entry(line)
                .or_default()
                .note(profit, execution.time);
        }
    }

    /// Adds what rules are told.
    pub(super) fn tell(&self, key: LineKey, extra: &mut Vec<(String, Value)>) {
        let line = (key.owner, key.instrument);
        let owner = self.owners.get(&key.owner).copied().unwrap_or_default();
        owner.tell("owner", extra);
        let line = self.lines.get(&line).copied().unwrap_or_default();
        line.tell("instrument", extra);
    }
}
