//! Brackets: a filled entry places a target and a stop, reduce-only and good till cancelled, which always
//! cover what has filled and no more. A fill of one takes as much from the other, and when nothing is left
//! of the other it is cancelled: of two exits of the same size, the one that fills cancels the other. One
//! that was replaced by a smaller one leaves the other on the rest. An entry never goes on filling once an
//! exit has: its rest is cancelled.

use crate::book::Book;
use crate::config::bounds;
use crate::order::{Nanos, Order, OrderKind, OrderRequest, OrderUpdate, Outcome, TimeInForce};
use crate::working::{Leg, Link, Working};
use rust_decimal::Decimal;

/// The client order id of an exit: `<entry>-tp` or `<entry>-sl`. Where that is too long, the entry's id is
/// cut to 20 characters and told apart by 13 hexadecimal digits of its FNV-1a hash.
#[must_use]
pub(crate) fn exit_id(entry: &str, leg: Leg) -> String {
    let suffix = match leg {
        Leg::TakeProfit => "-tp",
        Leg::StopLoss => "-sl",
    };
    if entry.len() + suffix.len() <= bounds::CLIENT_ORDER_ID {
        return format!("{entry}{suffix}");
    }
    let hash = entry.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let kept: String = entry.chars().take(20).collect();
    format!("{kept}{:013x}{suffix}", hash & 0x000f_ffff_ffff_ffff)
}

/// The exits an order would place, by their ids.
pub(crate) fn exit_ids(order: &Order) -> impl Iterator<Item = String> + '_ {
    let bracket = order.request.bracket.unwrap_or_default();
    [
        (Leg::TakeProfit, bracket.take_profit),
        (Leg::StopLoss, bracket.stop_loss),
    ]
    .into_iter()
    .filter(|(_, price)| price.is_some())
    .map(|(leg, _)| exit_id(&order.client_order_id, leg))
}

impl Book {
    fn group_exits(&self, of: &str) -> impl Iterator<Item = usize> {
        (0..self.orders.len()).filter(move |index| {
            let working = &self.orders[*index];
            !working.done && matches!(&working.link, Link::Exit { group, .. } if group == of)
        })
    }

    /// The other exit of the same bracket, while it works.
    pub(crate) fn sibling(&self, index: usize) -> Option<usize> {
        let Link::Exit { group, leg } = &self.orders[index].link else {
            return None;
        };
        self.group_exits(group).find(|other| {
            matches!(&self.orders[*other].link, Link::Exit { leg: other, .. } if other != leg)
        })
    }

    /// The largest that a replacement of exit `index` may leave: what it or its sibling covers.
    pub(crate) fn covered(&self, index: usize) -> Decimal {
        let own = self.orders[index].leaves();
        let other = self.sibling(index);
        other.map_or(own, |other| own.max(self.orders[other].leaves()))
    }

    /// Cancels what is left of a bracket's entry.
    pub(crate) fn cancel_entry(
        &mut self,
        of: &str,
        time: Nanos,
        reason: &str,
        out: &mut Vec<OrderUpdate>,
    ) {
        let entry = self.orders.iter_mut().find(|working| {
            !working.done && matches!(&working.link, Link::Entry { group, .. } if group == of)
        });
        if let Some(entry) = entry {
            entry.end(Outcome::Cancelled, time, reason, out);
        }
    }

    /// What the fill of `quantity` of order `index` means for the rest of its bracket.
    pub(crate) fn bracket_filled(
        &mut self,
        index: usize,
        quantity: Decimal,
        time: Nanos,
        out: &mut Vec<OrderUpdate>,
    ) {
        match self.orders[index].link.clone() {
            Link::None | Link::Entry { placed: false, .. } => {}
            Link::Entry {
                group,
                placed: true,
            } => {
                let exits: Vec<usize> = self.group_exits(&group).collect();
                for exit in exits {
                    let exit = &mut self.orders[exit];
                    exit.order.request.quantity += quantity;
                    exit.deferred += quantity;
                    let reason = format!("bracket: the entry filled {} more", quantity.normalize());
                    out.push(exit.update(Outcome::Accepted, time, reason));
                }
            }
            Link::Exit { group, .. } => {
                if let Some(sibling) = self.sibling(index) {
                    let sibling = &mut self.orders[sibling];
                    if sibling.leaves() <= quantity {
                        sibling.end(
                            Outcome::Cancelled,
                            time,
                            "bracket: the other exit filled",
                            out,
                        );
                    } else {
                        sibling.order.request.quantity -= quantity;
                        let reason =
                            format!("bracket: the other exit filled {}", quantity.normalize());
                        out.push(sibling.update(Outcome::Accepted, time, reason));
                    }
                }
                self.cancel_entry(&group, time, "bracket: an exit has filled", out);
            }
        }
    }

    /// Places the exits of entries that had their first fill, and frees what was deferred to the next bar.
    pub(crate) fn place_exits(&mut self, time: Nanos, out: &mut Vec<OrderUpdate>) {
        const TOO_LATE: &str = "bracket: the position is closed already";
        let mut placed = Vec::new();
        let last_price = self.last_close;
        for index in 0..self.orders.len() {
            let (holder, exit) = {
                let entry = &self.orders[index];
                (entry.holder, entry.side().opposite())
            };
            let closed = self.reducible(holder, exit).is_zero();
            let entry = &mut self.orders[index];
            entry.deferred = Decimal::ZERO;
            let Link::Entry {
                group,
                placed: before,
            } = &mut entry.link
            else {
                continue;
            };
            if *before || entry.filled.is_zero() {
                continue;
            }
            *before = true;
            let group = group.clone();
            for mut exit in exits_of(entry, &group, time, last_price) {
                if closed {
                    exit.end(Outcome::Cancelled, time, TOO_LATE, out);
                } else {
                    out.push(exit.update(
                        Outcome::Accepted,
                        time,
                        "bracket: the entry has filled".to_owned(),
                    ));
                    placed.push(exit);
                }
            }
            if closed && !entry.done {
                entry.end(Outcome::Cancelled, time, TOO_LATE, out);
            }
        }
        for exit in placed {
            self.insert(exit);
        }
    }
}

fn exits_of(entry: &Working, group: &str, time: Nanos, last_price: f64) -> Vec<Working> {
    let request = &entry.order.request;
    let bracket = request.bracket.unwrap_or_default();
    [
        (Leg::TakeProfit, bracket.take_profit.map(OrderKind::Limit)),
        (Leg::StopLoss, bracket.stop_loss.map(OrderKind::Stop)),
    ]
    .into_iter()
    .filter_map(|(leg, kind)| {
        let order = Order {
            client_order_id: exit_id(group, leg),
            request: OrderRequest {
                side: request.side.opposite(),
                quantity: entry.filled,
                kind: kind?,
                time_in_force: TimeInForce::GoodTillCancelled,
                reduce_only: true,
                post_only: false,
                bracket: None,
                ..request.clone()
            },
            ..entry.order.clone()
        };
        Some(Working::new(
            order,
            entry.holder,
            time,
            Link::Exit {
                group: group.to_owned(),
                leg,
            },
            last_price,
        ))
    })
    .collect()
}
