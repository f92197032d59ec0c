//! Comparing with the broker: what it knows is what is.
//!
//! Promises: a fill that was missed is booked once, under the broker's own execution id; the exit of a bracket is
//! known by the id that follows from its entry's, whether or not it was told of, and is ours only while the broker
//! works no more of it than the entry has filled, at the price that was approved; an order whose
//! answer was ambiguous is settled by what the broker shows, never assumed; whatever cannot be explained
//! (an order or a fill that is not ours, a position that differs) stops trading until a person has
//! looked. A broker that does not answer leaves nothing but exits ([`Desk::cannot_reconcile`]).
//!
//! Bounds: an order that the broker does not show is taken not to have arrived after
//! [`NEVER_ARRIVED_CHECKS`] moments in a row, since a broker may be slow to show what it took.

use super::Desk;
use super::events::Applied;
use crate::orders::{OrderState, WorkingOrder, trade};
use crate::risk::denial;
use crate::switch::TradingState;
use crate::traits::{BrokerPosition, Gateway, GatewayError};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{Execution, Nanos, OpenOrder, OrderUpdate, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Moments at which it was looked for in vain after which an order that was never acknowledged and is not shown counts as rejected.
pub const NEVER_ARRIVED_CHECKS: u32 = 3;

/// Something found by comparing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "finding")]
pub enum Finding {
    /// An order that was sent without an answer works at the broker, or an exit that the venue placed and nobody
    /// told of.
    Arrived {
        /// Which.
        client_order_id: String,
    },
    /// An order that was sent without an answer is not at the broker.
    NotSeen {
        /// Which.
        client_order_id: String,
        /// In how many comparisons in a row.
        checks: u32,
    },
    /// An order ended at the broker and nothing was heard of it.
    Ended {
        /// Which.
        client_order_id: String,
    },
    /// A fill that was not heard of; it is booked now.
    MissedFill {
        /// Of which order.
        client_order_id: String,
        /// Which.
        execution_id: String,
    },
    /// An order at the broker that is not ours, or the exit of a bracket that is another or larger there than it may
    /// be.
    ForeignOrder {
        /// Its id there.
        client_order_id: String,
    },
    /// A fill at the broker that is not of an order of ours, or does not fit it.
    ForeignFill {
        /// Of which order.
        client_order_id: String,
        /// Which.
        execution_id: String,
        /// Why it is not ours.
        why: String,
    },
    /// The broker holds something else than the books say.
    Position {
        /// Of which instrument.
        symbol: String,
        /// The books.
        ours: Decimal,
        /// The broker.
        theirs: Decimal,
    },
}

impl Finding {
    /// Whether it is settled; otherwise trading stops.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        !matches!(
            self,
            Finding::ForeignOrder { .. } | Finding::ForeignFill { .. } | Finding::Position { .. }
        )
    }
}

/// What the broker shows of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerView {
    /// Orders that work there.
    pub open_orders: Vec<OpenOrder>,
    /// Executions since the last comparison.
    pub executions: Vec<Execution>,
    /// Where they end.
    pub cursor: String,
    /// Positions that are not flat.
    pub positions: Vec<BrokerPosition>,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Reconciliation {
    /// What was found, in order.
    pub findings: Vec<Finding>,
    /// Orders that moved by it, with their fills, for the records.
    pub applied: Vec<(Applied, Option<Execution>)>,
}

impl Reconciliation {
    /// Whether the books and the broker agree.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.findings.iter().all(Finding::is_settled)
    }
}

impl Desk {
    /// Whether something was sent and never answered.
    #[must_use]
    pub fn has_unanswered(&self) -> bool {
        self.core.blotter.iter().any(|working| {
            working.state == OrderState::Sent || working.change.is_some() || working.cancelling
        })
    }

    /// Asks the broker for everything that [`Desk::reconcile`] compares with.
    ///
    /// # Errors
    /// [`GatewayError`] when the broker does not answer.
    pub fn ask_broker(&self, gateway: &mut dyn Gateway) -> Result<BrokerView, GatewayError> {
        let account = &self.core.config.account;
        let open_orders = gateway.open_orders(account)?;
        let mut executions = Vec::new();
        let mut cursor = self.core.execution_cursor.clone();
        loop {
            let page = gateway.executions(account, &cursor)?;
            executions.extend(page.executions);
            if page.cursor == cursor {
                break;
            }
            cursor = page.cursor;
        }
        let positions = gateway.positions(account)?;
        Ok(BrokerView {
            open_orders,
            executions,
            cursor,
            positions,
        })
    }

    /// The broker did not answer when it had to: until [`Desk::reconcile`] is given its answer, only orders
    /// that reduce a position are approved.
    pub fn cannot_reconcile(&mut self) {
        self.core.reconciled = false;
    }

    /// Compares with what the broker showed and settles what can be settled. What cannot raises
    /// [`TradingState::Halted`].
    pub fn reconcile(&mut self, view: BrokerView) -> Reconciliation {
        let BrokerView {
            open_orders: open,
            executions,
            cursor,
            positions,
        } = view;
        self.core.execution_cursor = cursor;
        self.core.reconciled = true;
        let shown = open.iter().map(|open| &open.order.client_order_id);
        for id in shown.chain(executions.iter().map(|fill| &fill.client_order_id)) {
            let waits = |working: &WorkingOrder| working.state == OrderState::Approved;
            if self.core.blotter.get(id).is_some_and(waits) {
                // The process that sent it ended before it could say so.
                let _ = self.core.blotter.sent(id);
            }
        }
        let mut found = Reconciliation::default();
        for execution in executions {
            self.settle_execution(execution, &open, &mut found);
        }
        self.settle_orders(&open, &mut found);
        let mut theirs: BTreeMap<String, Decimal> = BTreeMap::new();
        for position in positions {
            let symbol = self.core.symbol(position.instrument).to_owned();
            let sum = theirs.entry(symbol).or_default();
            *sum = sum.saturating_add(position.quantity);
        }
        let mut ours: BTreeMap<String, Decimal> = BTreeMap::new();
        for (key, line) in self.core.ledger.lines() {
            let symbol = self.core.symbol(key.instrument).to_owned();
            let sum = ours.entry(symbol).or_default();
            *sum = sum.saturating_add(line.quantity);
        }
        for symbol in ours
            .keys()
            .chain(theirs.keys().filter(|symbol| !ours.contains_key(*symbol)))
        {
            let of =
                |side: &BTreeMap<String, Decimal>| side.get(symbol).copied().unwrap_or_default();
            let (ours, theirs) = (of(&ours), of(&theirs));
            if ours != theirs {
                found.findings.push(Finding::Position {
                    symbol: symbol.clone(),
                    ours,
                    theirs,
                });
            }
        }
        if let Some(worst) = found.findings.iter().find(|finding| !finding.is_settled()) {
            let observed = serde_json::to_string(worst).unwrap_or_default();
            let why = denial(
                "NOT_RECONCILED",
                observed,
                "books and broker that agree",
                "a person has to look at it",
            );
            self.core.raise(TradingState::Halted, "host", &why);
        }
        found
    }

    fn settle_execution(
        &mut self,
        execution: Execution,
        open: &[OpenOrder],
        found: &mut Reconciliation,
    ) {
        let id = execution.client_order_id.clone();
        let execution_id = execution.execution_id.clone();
        if self.core.blotter.knows_execution(&id, &execution_id) {
            return;
        }
        let foreign = |why: String| Finding::ForeignFill {
            client_order_id: id.clone(),
            execution_id: execution_id.clone(),
            why,
        };
        if let Some((expected, covered)) = self.core.blotter.expected_exit(&id)
            && expected.instrument == execution.instrument
            && expected.side == execution.side
        {
            // It worked when it filled, whenever that is told.
            self.settle_at(execution.time, &id, Outcome::Accepted, covered, found);
        }
        let Some(working) = self.core.blotter.get(&id) else {
            found
                .findings
                .push(foreign("no such order works".to_owned()));
            return;
        };
        let leaves = working
            .order
            .request
            .quantity
            .saturating_sub(working.filled)
            .saturating_sub(execution.quantity);
        let still_open = open.iter().any(|open| open.order.client_order_id == id);
        let whole = leaves <= Decimal::ZERO && !still_open;
        let update = OrderUpdate {
            client_order_id: id.clone(),
            outcome: if whole {
                Outcome::Filled
            } else {
                Outcome::PartiallyFilled
            },
            time: execution.time,
            execution: Some(execution.clone()),
            leaves,
            reason: "found by comparing with the broker".to_owned(),
        };
        match self.apply(&update) {
            Ok(Some(applied)) => {
                found.findings.push(Finding::MissedFill {
                    client_order_id: id,
                    execution_id,
                });
                found.applied.push((applied, Some(execution)));
            }
            Ok(None) => {}
            Err(error) => found.findings.push(foreign(error.to_string())),
        }
    }

    fn settle_orders(&mut self, open: &[OpenOrder], found: &mut Reconciliation) {
        let at_broker = |id: &str| open.iter().any(|open| open.order.client_order_id == id);
        for open in open {
            let id = &open.order.client_order_id;
            let shown = &open.order.request;
            let known = self.core.blotter.get(id).is_some();
            if !known
                && let Some((expected, _)) = self.core.blotter.expected_exit(id)
                && trade(expected) == trade(shown)
            {
                let leaves = shown.quantity.saturating_sub(open.filled);
                self.settle(id, Outcome::Accepted, leaves, found);
            }
            let client_order_id = id.clone();
            match self.core.blotter.get(id) {
                Some(working) if working.may_be_exit(id, shown) => {
                    if !known {
                        found.findings.push(Finding::Arrived { client_order_id });
                    }
                }
                _ => found
                    .findings
                    .push(Finding::ForeignOrder { client_order_id }),
            }
        }
        let ours: Vec<_> = self
            .core
            .blotter
            .iter()
            .filter(|working| working.was_sent())
            .map(|working| {
                let change = working.change.as_ref();
                (
                    working.order.client_order_id.clone(),
                    change.map(|change| change.client_order_id.clone()),
                    working.state,
                    working.leaves(),
                )
            })
            .collect();
        for (id, change, state, leaves) in ours {
            let seen = at_broker(&id);
            if let Some(change) = change {
                // One of the two ids works on, unless the broker is slow to show the new one.
                if at_broker(&change) {
                    self.settle(&change, Outcome::Accepted, leaves, found);
                    continue;
                }
                if !seen && let Some(working) = self.core.blotter.find_mut(&id) {
                    let checks = working.not_seen(self.core.now);
                    found.findings.push(Finding::NotSeen {
                        client_order_id: change.clone(),
                        checks,
                    });
                    if checks < NEVER_ARRIVED_CHECKS {
                        continue;
                    }
                }
                self.settle(&change, Outcome::Rejected, leaves, found);
            }
            if seen {
                if state == OrderState::Sent {
                    // Without the change, which was given up.
                    let leaves = (self.core.blotter.get(&id)).map_or(leaves, |it| it.leaves());
                    self.settle(&id, Outcome::Accepted, leaves, found);
                    found.findings.push(Finding::Arrived {
                        client_order_id: id.clone(),
                    });
                }
                if let Some(working) = self.core.blotter.find_mut(&id) {
                    working.unknown_at_broker = 0;
                    // It works on: whoever wants it gone has to ask again.
                    working.cancelling = false;
                }
                continue;
            }
            let Some(working) = self.core.blotter.find_mut(&id) else {
                continue;
            };
            let checks = working.not_seen(self.core.now);
            if state == OrderState::Sent {
                found.findings.push(Finding::NotSeen {
                    client_order_id: id.clone(),
                    checks,
                });
                if checks >= NEVER_ARRIVED_CHECKS {
                    self.settle(&id, Outcome::Rejected, Decimal::ZERO, found);
                }
            } else {
                found.findings.push(Finding::Ended {
                    client_order_id: id.clone(),
                });
                self.settle(&id, Outcome::Cancelled, Decimal::ZERO, found);
            }
        }
    }

    fn settle(&mut self, id: &str, outcome: Outcome, leaves: Decimal, found: &mut Reconciliation) {
        self.settle_at(self.core.now.0, id, outcome, leaves, found);
    }

    fn settle_at(
        &mut self,
        time: Nanos,
        id: &str,
        outcome: Outcome,
        leaves: Decimal,
        found: &mut Reconciliation,
    ) {
        let update = OrderUpdate {
            client_order_id: id.to_owned(),
            outcome,
            time,
            execution: None,
            leaves,
            reason: "found by comparing with the broker".to_owned(),
        };
        if let Ok(Some(applied)) = self.apply(&update) {
            found.applied.push((applied, None));
        }
    }
}
