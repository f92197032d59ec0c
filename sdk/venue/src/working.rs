//! One working order: what it is asked to be, how far it has come, and whether a bar reaches it. The
//! prices it is tested by are floats kept beside the exact ones.

use crate::cost::FeeSoFar;
use crate::number::{bits, from_f64, to_f64};
use crate::order::{
    Bar, Nanos, OpenOrder, Order, OrderKind, OrderUpdate, Outcome, Side, TimeInForce, Trail,
};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Which exit of a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Leg {
    TakeProfit,
    StopLoss,
}

/// What an order has to do with a bracket. `group` is the id the entry was submitted under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Link {
    None,
    Entry { group: String, placed: bool },
    Exit { group: String, leg: Leg },
}

/// What an order amounts to at this stage of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Market,
    Limit,
    Stop,
    StopLimit,
}

/// How a bar trades with an order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Deal {
    /// Not at all; it only triggers.
    Nothing,
    /// At a price that is there, plus slippage.
    Take(Decimal),
    /// A limit order at an open that is better.
    Open(Decimal),
    /// At the limit.
    Limit(Decimal),
}

/// Where a bar reaches an order. `distance` orders what happens within a stretch of the path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reach {
    pub(crate) stretch: u8,
    pub(crate) distance: f64,
    pub(crate) rank: u8,
    pub(crate) triggers: bool,
    pub(crate) deal: Deal,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Working {
    /// `request.quantity` and the prices are the current ones.
    pub(crate) order: Order,
    /// Index of its account.
    pub(crate) holder: usize,
    /// When the venue takes it; later than when it was sent if it was delayed.
    pub(crate) accepted: Nanos,
    pub(crate) filled: Decimal,
    pub(crate) fills: u32,
    pub(crate) fees: FeeSoFar,
    /// Part of the quantity that must wait for the next bar.
    pub(crate) deferred: Decimal,
    /// Bars it has still to sit out before it can match.
    pub(crate) waits: u32,
    pub(crate) triggered: bool,
    /// Has been through the open of a bar that traded.
    pub(crate) rested: bool,
    /// Best price since acceptance, for a trailing stop; NaN before the first bar.
    #[serde(with = "bits")]
    pub(crate) best: f64,
    pub(crate) link: Link,
    /// Had its chance in this bar.
    pub(crate) tried: bool,
    /// Waits to be taken off the book.
    pub(crate) done: bool,
    #[serde(with = "bits")]
    stop: f64,
    #[serde(with = "bits")]
    limit: f64,
}

impl Working {
    pub(crate) fn new(
        order: Order,
        holder: usize,
        accepted: Nanos,
        link: Link,
        last_price: f64,
    ) -> Self {
        let mut working = Working {
            order,
            holder,
            accepted,
            filled: Decimal::ZERO,
            fills: 0,
            fees: FeeSoFar::default(),
            deferred: Decimal::ZERO,
            waits: 0,
            triggered: false,
            rested: false,
            best: last_price,
            link,
            tried: false,
            done: false,
            stop: f64::NAN,
            limit: f64::NAN,
        };
        working.mirror();
        working
    }

    /// Copies the exact prices to the floats; to be called whenever they or the best price change.
    pub(crate) fn mirror(&mut self) {
        self.stop = self.trigger().map_or(f64::NAN, to_f64);
        self.limit = self.exact_limit().map_or(f64::NAN, to_f64);
    }

    /// Who comes first among equals. Owners before ids: ids are minted anew for every session, and the same
    /// session under another id must not share scarce volume out otherwise.
    pub(crate) fn seniority(&self) -> (Nanos, &str, &str) {
        (self.accepted, &self.order.owner, self.id())
    }

    pub(crate) fn id(&self) -> &str {
        &self.order.client_order_id
    }

    pub(crate) fn side(&self) -> Side {
        self.order.request.side
    }

    pub(crate) fn leaves(&self) -> Decimal {
        self.order.request.quantity - self.filled
    }

    /// Whether a bar that opens at `open_time` can reach it.
    pub(crate) fn takes_part(&self, open_time: Nanos) -> bool {
        !self.done && self.waits == 0 && self.accepted <= open_time
    }

    pub(crate) fn is_immediate(&self) -> bool {
        matches!(
            self.order.request.time_in_force,
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
        )
    }

    pub(crate) fn style(&self) -> Style {
        match (self.order.request.kind, self.triggered) {
            (OrderKind::Market, _) | (OrderKind::Stop(_) | OrderKind::TrailingStop(_), true) => {
                Style::Market
            }
            (OrderKind::Limit(_), _) | (OrderKind::StopLimit { .. }, true) => Style::Limit,
            (OrderKind::Stop(_) | OrderKind::TrailingStop(_), false) => Style::Stop,
            (OrderKind::StopLimit { .. }, false) => Style::StopLimit,
        }
    }

    pub(crate) fn open_order(&self) -> OpenOrder {
        OpenOrder {
            order: self.order.clone(),
            filled: self.filled,
            accepted: self.accepted,
        }
    }

    pub(crate) fn update(&self, outcome: Outcome, time: Nanos, reason: String) -> OrderUpdate {
        let over = matches!(
            outcome,
            Outcome::Filled | Outcome::Cancelled | Outcome::Expired | Outcome::Rejected
        );
        OrderUpdate {
            client_order_id: self.order.client_order_id.clone(),
            outcome,
            time,
            execution: None,
            leaves: if over {
                Decimal::ZERO
            } else {
                self.leaves().normalize()
            },
            reason,
        }
    }

    /// Ends the order and says so.
    pub(crate) fn end(
        &mut self,
        outcome: Outcome,
        time: Nanos,
        reason: impl Into<String>,
        out: &mut Vec<OrderUpdate>,
    ) {
        self.done = true;
        out.push(self.update(outcome, time, reason.into()));
    }

    /// The price that triggers it; none for a trailing stop without a reference.
    fn trigger(&self) -> Option<Decimal> {
        match self.order.request.kind {
            OrderKind::Stop(stop) | OrderKind::StopLimit { stop, .. } => Some(stop),
            OrderKind::TrailingStop(trail) => {
                let best = from_f64(self.best)?;
                let by = match trail {
                    Trail::Amount(by) => by,
                    Trail::Fraction(by) => best.abs() * by,
                };
                Some(best + self.side().sign() * by)
            }
            OrderKind::Market | OrderKind::Limit(_) => None,
        }
    }

    pub(crate) fn exact_limit(&self) -> Option<Decimal> {
        match self.order.request.kind {
            OrderKind::Limit(limit) | OrderKind::StopLimit { limit, .. } => Some(limit),
            _ => None,
        }
    }

    /// How much better than the limit a price is; above zero when strictly better.
    fn better(&self, price: f64) -> f64 {
        match self.side() {
            Side::Buy => self.limit - price,
            Side::Sell => price - self.limit,
        }
    }

    /// Whether a price is at the trigger or past it; never without one, which is NaN.
    fn touches(&self, price: f64) -> bool {
        match self.side() {
            Side::Buy => price >= self.stop,
            Side::Sell => price <= self.stop,
        }
    }

    /// What the open does with it.
    pub(crate) fn at_open(&self, open: f64) -> Option<Reach> {
        let style = self.style();
        let triggers = match style {
            Style::Market | Style::Limit => false,
            Style::Stop | Style::StopLimit if self.touches(open) => true,
            Style::Stop | Style::StopLimit => return None,
        };
        let better = self.better(open);
        let at_any_price = Reach {
            stretch: 0,
            distance: 0.0,
            rank: 0,
            triggers,
            deal: Deal::Nothing,
        };
        match style {
            Style::Market | Style::Stop => Some(Reach {
                deal: Deal::Take(from_f64(open)?),
                ..at_any_price
            }),
            _ if better > 0.0 => Some(Reach {
                distance: -better,
                rank: 1,
                deal: Deal::Open(from_f64(open)?),
                ..at_any_price
            }),
            _ if triggers => Some(at_any_price),
            _ => None,
        }
    }

    /// What the path from the open to the close does with it, the open having done nothing.
    pub(crate) fn on_path(&self, bar: &Bar) -> Option<Reach> {
        let style = self.style();
        let downwards = match (style, self.side()) {
            (Style::Market, _) => return None,
            (Style::Limit, side) => side == Side::Buy,
            (Style::Stop | Style::StopLimit, side) => side == Side::Sell,
        };
        let extreme = if downwards { bar.low } else { bar.high };
        let (price, rank) = if style == Style::Limit {
            if self.better(extreme) <= 0.0 {
                return None;
            }
            (self.limit, 1)
        } else {
            if !self.touches(extreme) {
                return None;
            }
            (self.stop, 0)
        };
        let low_first = bar.open - bar.low <= bar.high - bar.open;
        let (stretch, from) = match (downwards, low_first) {
            (true, true) | (false, false) => (1, bar.open),
            (true, false) => (2, bar.high),
            (false, true) => (2, bar.low),
        };
        let deal = match style {
            Style::Limit => Deal::Limit(self.exact_limit()?),
            Style::StopLimit => Deal::Nothing,
            Style::Stop | Style::Market => Deal::Take(self.trigger()?),
        };
        let triggers = style != Style::Limit;
        Some(Reach {
            stretch,
            distance: (price - from).abs(),
            rank,
            triggers,
            deal,
        })
    }

    /// Moves a trailing stop's best price by a bar it has survived.
    pub(crate) fn trail(&mut self, bar: &Bar) {
        if self.triggered || !matches!(self.order.request.kind, OrderKind::TrailingStop(_)) {
            return;
        }
        let best = match self.side() {
            Side::Sell => self.best.max(bar.high),
            Side::Buy => self.best.min(bar.low),
        };
        if best != self.best {
            self.best = best;
            self.mirror();
        }
    }
}
