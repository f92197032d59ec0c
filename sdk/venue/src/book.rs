//! One instrument's book: its working orders in order of priority, the position its fills have made, and
//! the recent volume that bounds them.

use crate::config::{InstrumentSpec, VenueConfig, bounds};
use crate::number::{bits, from_f64, towards_zero};
use crate::order::{Nanos, OrderUpdate, Outcome, Side, Step};
use crate::working::{Link, Working};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Book {
    /// Close of the last bar; the smallest time before the first.
    pub(crate) last_time: Nanos,
    #[serde(with = "bits")]
    pub(crate) last_close: f64,
    #[serde(with = "bits::each")]
    volumes: [f64; bounds::VOLUME_BARS],
    bars: u64,
    /// By time of acceptance, then owner, then client order id.
    pub(crate) orders: Vec<Working>,
    pub(crate) spec: InstrumentSpec,
    /// By account; below zero is short.
    pub(crate) positions: Vec<Decimal>,
    /// Filled on the last bar, for what may still fill at its close.
    pub(crate) used: Decimal,
    used_at: Nanos,
    /// Whether the last bar was withheld from orders.
    pub(crate) withheld: bool,
    /// Money by which takers' fills were worse than the quoted prices so far.
    #[serde(default)]
    pub(crate) slipped: Decimal,
}

/// What fills may take from, shared by all orders of the instrument.
pub(crate) struct Pool {
    pub(crate) left: Decimal,
    /// The volume it is a share of.
    pub(crate) volume: f64,
}

impl Book {
    pub(crate) fn new(spec: InstrumentSpec, accounts: usize) -> Self {
        Book {
            last_time: Nanos::MIN,
            last_close: f64::NAN,
            volumes: [0.0; bounds::VOLUME_BARS],
            bars: 0,
            orders: Vec::new(),
            spec,
            positions: vec![Decimal::ZERO; accounts],
            used: Decimal::ZERO,
            used_at: Nanos::MIN,
            withheld: false,
            slipped: Decimal::ZERO,
        }
    }

    /// One bar, the corporate actions before it included. Orders do not meet a bar that is withheld.
    pub(crate) fn step(
        &mut self,
        rules: &VenueConfig,
        step: &Step,
        withheld: bool,
        out: &mut Vec<OrderUpdate>,
    ) {
        self.withheld = withheld;
        if !self.orders.is_empty() {
            self.expire_before(step.open_time, out);
        }
        for action in &step.actions {
            self.apply(action, step.open_time, out);
        }
        if !self.orders.is_empty() {
            self.used = Decimal::ZERO;
            self.used_at = step.bar.time;
            self.match_bar(rules, step, out);
        }
        self.last_time = step.bar.time;
        self.last_close = step.bar.close;
        let slot = (self.bars % bounds::VOLUME_BARS as u64) as usize;
        self.volumes[slot] = step.bar.volume;
        self.bars += 1;
    }

    pub(crate) fn insert(&mut self, working: Working) {
        let at = self
            .orders
            .partition_point(|other| other.seniority() < working.seniority());
        self.orders.insert(at, working);
    }

    pub(crate) fn find(&self, client_order_id: &str) -> Option<usize> {
        self.orders
            .iter()
            .position(|working| working.id() == client_order_id)
    }

    /// What may be filled at the coming bar's open.
    pub(crate) fn pool_at_open(&self, rules: &VenueConfig) -> Pool {
        let known = self.bars.min(bounds::VOLUME_BARS as u64);
        let newest = self.bars;
        let sum: f64 = (newest - known..newest)
            .map(|bar| self.volumes[(bar % bounds::VOLUME_BARS as u64) as usize])
            .sum();
        let mean = if known == 0 { 0.0 } else { sum / known as f64 };
        self.pool(rules, mean, Decimal::ZERO)
    }

    /// What may still be filled within a bar of `volume`.
    pub(crate) fn pool_within(&self, rules: &VenueConfig, volume: f64) -> Pool {
        self.pool(rules, volume, self.used)
    }

    /// What may still be filled at the last bar's close.
    pub(crate) fn pool_at_close(&mut self, rules: &VenueConfig) -> Pool {
        if self.used_at != self.last_time {
            self.used = Decimal::ZERO;
            self.used_at = self.last_time;
        }
        let slot = (self.bars.wrapping_sub(1) % bounds::VOLUME_BARS as u64) as usize;
        self.pool_within(rules, self.volumes[slot])
    }

    fn pool(&self, rules: &VenueConfig, volume: f64, used: Decimal) -> Pool {
        let left = match rules.max_volume_share {
            None => Decimal::MAX,
            Some(share) => {
                let most = from_f64(share * volume).unwrap_or_default();
                (towards_zero(most, self.spec.lot) - used).max(Decimal::ZERO)
            }
        };
        Pool { left, volume }
    }

    pub(crate) fn scale_volumes(&mut self, by: f64) {
        for volume in &mut self.volumes {
            *volume *= by;
        }
        self.last_close /= by;
    }

    /// How much an order of this account on this side could reduce its position by.
    pub(crate) fn reducible(&self, holder: usize, side: Side) -> Decimal {
        (self.positions[holder] * side.opposite().sign()).max(Decimal::ZERO)
    }

    /// Cancels an account's reduce-only orders that had a position to reduce until `side` closed it, and the
    /// rest of the entries whose exits are among them.
    pub(crate) fn position_closed(
        &mut self,
        holder: usize,
        side: Side,
        time: Nanos,
        out: &mut Vec<OrderUpdate>,
    ) {
        for index in 0..self.orders.len() {
            let working = &mut self.orders[index];
            let closed = working.holder == holder && working.side() == side;
            if working.done || !working.order.request.reduce_only || !closed {
                continue;
            }
            working.end(
                Outcome::Cancelled,
                time,
                "reduce-only: the position is closed",
                out,
            );
            if let Link::Exit { group, .. } = &working.link {
                let group = group.clone();
                self.cancel_entry(&group, time, "bracket: its exits are cancelled", out);
            }
        }
    }

    /// Takes finished orders off the book.
    pub(crate) fn sweep(&mut self) {
        self.orders.retain(|working| !working.done);
    }
}
