//! Simulated brokers: deterministic, on the compute engine, pinned to one instance that holds the book.

use super::snapshot::stateful;
use super::{Setup, accepted, configured, refused};
use crate::bindings::common::orders as orders_wit;
use crate::bindings::simulated_broker::exports::bulkhead::plugin::broker as wit;
use crate::bindings::simulated_broker::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::simulated_broker::exports::bulkhead::plugin::simulated as simulated_wit;
use crate::bindings::simulated_broker::{
    SimulatedBrokerPlugin as Bindings, SimulatedBrokerPluginIndices,
};
use crate::convert::{Accept, Invalid, same_cases};
use crate::error::{CallError, PluginError};
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::state::DrawKey;
use crate::text::owned_line;
use bulkhead_domain::order::{
    Execution, InstrumentHandle, OpenOrder, Order, OrderUpdate, Outcome, Replacement, Step,
};
use bulkhead_domain::{Decimal, Digest, Problem, Refusal, Value};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;

/// A configured simulated broker with its book.
pub struct BrokerPlugin {
    plugin: Plugin,
    setup: Setup,
    instance: Instance<Bindings>,
}

/// An account at the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountState {
    /// The account's id.
    pub id: String,
    /// Currency it reports in.
    pub currency: String,
    /// Cash.
    pub cash: Decimal,
    /// Cash plus positions at the broker's own prices.
    pub equity: Decimal,
    /// What can be spent.
    pub buying_power: Decimal,
    /// What else the broker says of it.
    pub extra: Vec<(String, Value)>,
}

impl AccountState {
    /// A decimal of the extra fields; `None` where the broker does not give it, or as something else.
    #[must_use]
    pub fn extra_decimal(&self, name: &str) -> Option<Decimal> {
        self.extra.iter().find_map(|(field, value)| match value {
            Value::Number(value) if field == name => Some(*value),
            _ => None,
        })
    }
}

/// A position at the broker.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldPosition {
    /// The account.
    pub account: String,
    /// What is held.
    pub instrument: InstrumentHandle,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Average entry price.
    pub average_price: Decimal,
}

impl BrokerPlugin {
    /// Takes a plugin as a simulated broker and configures its one instance.
    ///
    /// # Errors
    /// When it is of another kind, refuses its configuration, or fails.
    pub fn new(plugin: Plugin, setup: Setup) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::Broker)?;
        let instance = instantiate(&plugin.core, &setup)?;
        Ok(BrokerPlugin {
            plugin,
            setup,
            instance,
        })
    }

    /// Whether its instance can be called: after a failure it cannot, and its book is gone with it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.instance.is_live()
    }

    /// Another instance on the same terms, with an empty book.
    ///
    /// # Errors
    /// When it fails to start.
    pub fn fresh(&self) -> Result<Self, PluginError> {
        Ok(BrokerPlugin {
            plugin: self.plugin.clone(),
            setup: self.setup.clone(),
            instance: instantiate(&self.plugin.core, &self.setup)?,
        })
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        self.plugin.manifest()
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.plugin.digest()
    }

    /// Sends an order; returns the broker's own id for it.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn submit(&mut self, order: &Order) -> Result<String, CallError> {
        let key = self.instance.moment();
        let order = order.clone().into();
        let outcome = self.instance.call("submit", key, |store, bindings| {
            bindings.bulkhead_plugin_broker().call_submit(store, &order)
        })?;
        Ok(refused(&self.plugin.core, outcome)?.broker_order_id)
    }

    /// Changes a working order, which goes on under its new id; returns the broker's own id for it.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn replace(
        &mut self,
        account: &str,
        replacement: &Replacement,
    ) -> Result<String, CallError> {
        let replacement = wit::Replacement {
            client_order_id: replacement.client_order_id.clone(),
            new_client_order_id: replacement.new_client_order_id.clone(),
            quantity: replacement.quantity.into(),
            kind: replacement.kind.into(),
        };
        let outcome = self
            .instance
            .call("replace", DrawKey::default(), |store, bindings| {
                bindings
                    .bulkhead_plugin_broker()
                    .call_replace(store, account, &replacement)
            })?;
        Ok(refused(&self.plugin.core, outcome)?.broker_order_id)
    }

    /// Cancels a working order.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), CallError> {
        let key = self.instance.moment();
        let outcome = self.instance.call("cancel", key, |store, bindings| {
            bindings
                .bulkhead_plugin_broker()
                .call_cancel(store, account, client_order_id)
        })?;
        refused(&self.plugin.core, outcome)
    }

    /// Accounts at the broker.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn accounts(&mut self) -> Result<Vec<AccountState>, CallError> {
        let outcome = self
            .instance
            .call("accounts", DrawKey::default(), |store, bindings| {
                bindings.bulkhead_plugin_broker().call_accounts(store)
            })?;
        let accounts = refused(&self.plugin.core, outcome)?;
        Ok(accepted(&mut self.instance, "accounts", accounts)?)
    }

    /// Positions of an account.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn positions(&mut self, account: &str) -> Result<Vec<HeldPosition>, CallError> {
        let outcome = self
            .instance
            .call("positions", DrawKey::default(), |store, bindings| {
                bindings
                    .bulkhead_plugin_broker()
                    .call_positions(store, account)
            })?;
        let positions = refused(&self.plugin.core, outcome)?;
        Ok(accepted(&mut self.instance, "positions", positions)?)
    }

    /// Working orders of an account.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn open_orders(&mut self, account: &str) -> Result<Vec<OpenOrder>, CallError> {
        let outcome =
            self.instance
                .call("open-orders", DrawKey::default(), |store, bindings| {
                    bindings
                        .bulkhead_plugin_broker()
                        .call_open_orders(store, account)
                })?;
        let orders = refused(&self.plugin.core, outcome)?;
        Ok(accepted(&mut self.instance, "open-orders", orders)?)
    }

    /// Executions after a cursor, and the next cursor.
    ///
    /// # Errors
    /// When the broker refuses, or fails.
    pub fn executions(
        &mut self,
        account: &str,
        cursor: &str,
    ) -> Result<(Vec<Execution>, String), CallError> {
        let outcome = self
            .instance
            .call("executions", DrawKey::default(), |store, bindings| {
                bindings
                    .bulkhead_plugin_broker()
                    .call_executions(store, account, cursor)
            })?;
        let page = refused(&self.plugin.core, outcome)?;
        Ok((
            accepted(&mut self.instance, "executions", page.executions)?,
            page.cursor,
        ))
    }

    /// Moves time on by one bar for each instrument in `steps`.
    ///
    /// # Errors
    /// When the broker refuses the steps, or fails.
    pub fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, CallError> {
        let time = steps.first().map_or(0, |step| step.bar.time);
        let steps: Vec<simulated_wit::Step> = steps.iter().map(Into::into).collect();
        let outcome =
            self.instance
                .call("advance", DrawKey { time, item: 0 }, |store, bindings| {
                    bindings
                        .bulkhead_plugin_simulated()
                        .call_advance(store, &steps)
                })?;
        let updates = refused(&self.plugin.core, outcome.map_err(Refusal::InvalidInput))?;
        Ok(accepted(&mut self.instance, "advance", updates)?)
    }

    /// Closes the book: working orders are cancelled.
    ///
    /// # Errors
    /// When the broker fails.
    pub fn finish(&mut self, time: i64) -> Result<Vec<OrderUpdate>, PluginError> {
        let updates =
            self.instance
                .call("finish", DrawKey { time, item: 0 }, |store, bindings| {
                    bindings
                        .bulkhead_plugin_simulated()
                        .call_finish(store, time)
                })?;
        accepted(&mut self.instance, "finish", updates)
    }
}

stateful!(BrokerPlugin);

fn instantiate(core: &Arc<Core>, setup: &Setup) -> Result<Instance<Bindings>, PluginError> {
    configured!(core, SimulatedBrokerPluginIndices, setup)
}

same_cases!(
    Outcome,
    simulated_wit::Outcome,
    [
        Accepted,
        Triggered,
        PartiallyFilled,
        Filled,
        Cancelled,
        Expired,
        Rejected
    ]
);

impl From<&Step> for simulated_wit::Step {
    fn from(step: &Step) -> Self {
        simulated_wit::Step {
            instrument: step.instrument,
            open_time: step.open_time,
            bar: (&step.bar).into(),
            session_end: step.session_end,
            actions: step.actions.iter().map(Into::into).collect(),
        }
    }
}

impl Accept<OrderUpdate> for simulated_wit::OrderUpdate {
    fn accept(self) -> Result<OrderUpdate, Invalid> {
        Ok(OrderUpdate {
            client_order_id: self.client_order_id,
            outcome: self.outcome.into(),
            time: self.time,
            execution: Accept::<Option<Execution>>::accept(
                self.execution as Option<orders_wit::Execution>,
            )?,
            leaves: self.leaves.accept()?,
            reason: owned_line(self.reason),
        })
    }
}

impl Accept<AccountState> for wit::Account {
    fn accept(self) -> Result<AccountState, Invalid> {
        Ok(AccountState {
            id: self.id,
            currency: self.currency,
            cash: self.cash.accept()?,
            equity: self.equity.accept()?,
            buying_power: self.buying_power.accept()?,
            extra: self
                .extra
                .into_iter()
                .map(|(name, value)| Ok((name, value.accept()?)))
                .collect::<Result<_, Invalid>>()?,
        })
    }
}

impl Accept<HeldPosition> for wit::Position {
    fn accept(self) -> Result<HeldPosition, Invalid> {
        Ok(HeldPosition {
            account: self.account,
            instrument: self.instrument,
            quantity: self.quantity.accept()?,
            average_price: self.average_price.accept()?,
        })
    }
}
