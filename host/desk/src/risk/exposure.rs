//! Worst-case exposure: what the positions could become if the working orders filled in the least
//! favourable way.
//!
//! For a position of q units, with B and S units of working buys and sells and R units of reduce-only
//! orders against it, the position stays within \[q − min(R, q) − S, q + B\] (q ≥ 0; mirrored for a
//! short). The larger end in magnitude, at the last price, is the line's exposure; what orders at
//! prices beyond the last one would cost more is added.

use super::basis::order_price;
use crate::ledger::LineKey;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, OrderKind, OrderRequest, Side};

/// Units that working orders may still trade, of one owner in one instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    /// Orders that are not reduce-only: buys, sells.
    pub(crate) plain: [Decimal; 2],
    /// Reduce-only orders: buys, sells.
    pub(crate) reduce: [Decimal; 2],
    /// Proven exits at market, reduce-only or not: all but certain to fill.
    pub(crate) certain: Decimal,
}

/// An order as exposure sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) request: &'a OrderRequest,
    /// Units that may still fill.
    pub(crate) units: Decimal,
    /// Proven to reduce the position.
    pub(crate) reducing: bool,
    /// Money per point of price per unit.
    pub(crate) multiplier: Decimal,
}

/// Index of a side in [`Pending`].
pub(crate) fn index(side: Side) -> usize {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

impl Pending {
    fn add(&mut self, load: &Load<'_>) {
        let at_market = load.request.kind == OrderKind::Market;
        let add = |sum: &mut Decimal| *sum = sum.saturating_add(load.units);
        if load.reducing && at_market {
            add(&mut self.certain);
        }
        let side = index(load.request.side);
        if load.request.reduce_only {
            add(&mut self.reduce[side]);
        } else {
            add(&mut self.plain[side]);
        }
    }
}

/// One owner's exposure in one instrument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExposureLine {
    pub(crate) key: LineKey,
    pub(crate) quantity: Decimal,
    pub(crate) pending: Pending,
    /// Last price × multiplier.
    pub(crate) unit_value: Decimal,
    /// Money by which working orders name worse prices than the last one.
    premium: Decimal,
    worst: Decimal,
}

impl ExposureLine {
    pub(crate) fn new(key: LineKey, quantity: Decimal, unit_value: Decimal) -> Self {
        ExposureLine {
            key,
            quantity,
            pending: Pending::default(),
            unit_value,
            premium: Decimal::ZERO,
            worst: quantity.abs().saturating_mul(unit_value.abs()),
        }
    }

    fn add(&mut self, load: &Load<'_>, release: bool) {
        self.pending.add(load);
        // An exit gives money back, at whatever price.
        if !load.reducing
            && let Some(own) = order_price(load.request)
        {
            let over = own
                .saturating_mul(load.multiplier)
                .saturating_sub(self.unit_value);
            self.premium = self
                .premium
                .saturating_add(over.max(Decimal::ZERO).saturating_mul(load.units));
        }
        self.worst = self.worst_case(release);
    }

    fn worst_case(&self, release: bool) -> Decimal {
        let held = self.quantity.abs();
        let against = usize::from(!self.quantity.is_sign_negative());
        let reducible = self.pending.reduce[against].min(held);
        let released = if release {
            self.pending.certain.min(held)
        } else {
            Decimal::ZERO
        };
        let [with, versus] = [self.pending.plain[1 - against], self.pending.plain[against]];
        // Seen from the side of the position: as far out as it can go, and as far through zero.
        let outwards = (held - released).saturating_add(with);
        let inwards = (held - reducible).saturating_sub(versus);
        outwards
            .abs()
            .max(inwards.abs())
            .saturating_mul(self.unit_value.abs())
            .saturating_add(self.premium)
    }
}

/// What adding an order does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct After {
    /// Money by which the gross exposure grows.
    pub(crate) increase: Decimal,
    /// The instrument's exposure, all owners.
    pub(crate) instrument: Decimal,
    /// Gross exposure, all instruments.
    pub(crate) gross: Decimal,
}

/// Every line with a position or a working order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exposure {
    lines: Vec<ExposureLine>,
    gross: Decimal,
    release: bool,
}

impl Exposure {
    /// Empties it. With `release`, certain exits count as done.
    pub(crate) fn clear(&mut self, release: bool) {
        self.lines.clear();
        self.gross = Decimal::ZERO;
        self.release = release;
    }

    pub(crate) fn gross(&self) -> Decimal {
        self.gross
    }

    pub(crate) fn line(&self, key: LineKey) -> Option<&ExposureLine> {
        self.lines.iter().find(|line| line.key == key)
    }

    pub(crate) fn insert(&mut self, line: ExposureLine) {
        self.gross = self.gross.saturating_add(line.worst);
        self.lines.push(line);
    }

    /// Adds an order to its line, which must be there.
    pub(crate) fn add(&mut self, key: LineKey, load: &Load<'_>) {
        let release = self.release;
        if let Some(line) = self.lines.iter_mut().find(|line| line.key == key) {
            let before = line.worst;
            line.add(load, release);
            self.gross = self.gross.saturating_add(line.worst.saturating_sub(before));
        }
    }

    /// What adding an order would do.
    pub(crate) fn after(&self, key: LineKey, load: &Load<'_>) -> After {
        let mut increase = Decimal::ZERO;
        let mut instrument = Decimal::ZERO;
        for line in &self.lines {
            if line.key.instrument != key.instrument {
                continue;
            }
            instrument = instrument.saturating_add(line.worst);
            if line.key == key {
                let mut line = *line;
                let before = line.worst;
                line.add(load, self.release);
                increase = line.worst.saturating_sub(before);
            }
        }
        After {
            increase,
            instrument: instrument.saturating_add(increase),
            gross: self.gross.saturating_add(increase),
        }
    }

    /// Net position of all owners in an instrument, working orders left out.
    pub(crate) fn net(&self, instrument: InstrumentHandle) -> Decimal {
        self.lines
            .iter()
            .filter(|line| line.key.instrument == instrument)
            .fold(Decimal::ZERO, |net, line| net.saturating_add(line.quantity))
    }
}
