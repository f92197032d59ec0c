//! Risk rules. One instance serves a session; after a failure the next call gets a fresh one, and whoever
//! asked in between was denied.

use super::snapshot::stateful;
use super::{Setup, accepted, configured, refused};
use crate::bindings::risk_rule::exports::bulkhead::plugin::lifecycle::Setup as Lifecycle;
use crate::bindings::risk_rule::exports::bulkhead::plugin::risk_rule as wit;
use crate::bindings::risk_rule::{RiskRulePlugin as Bindings, RiskRulePluginIndices};
use crate::error::{CallError, PluginError};
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::state::DrawKey;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use std::sync::Arc;

/// A portfolio in the contract's form: made once, shown to any number of rules.
pub struct PortfolioView(wit::Portfolio);

impl From<&Portfolio> for PortfolioView {
    fn from(portfolio: &Portfolio) -> Self {
        PortfolioView(portfolio.into())
    }
}

/// A configured risk rule.
pub struct RiskRulePlugin {
    plugin: Plugin,
    setup: Setup,
    instance: Instance<Bindings>,
}

impl RiskRulePlugin {
    /// Takes a plugin as a risk rule and configures an instance of it.
    ///
    /// # Errors
    /// When it is of another kind, refuses its configuration, or fails.
    pub fn new(plugin: Plugin, setup: Setup) -> Result<Self, Problem> {
        plugin.expect_kind(Kind::RiskRule)?;
        let instance = instantiate(&plugin.core, &setup)?;
        Ok(RiskRulePlugin {
            plugin,
            setup,
            instance,
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

    /// Whether its instance can be called: after a failure it cannot, and what it knew is gone with it.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.instance.is_live()
    }

    /// Another instance on the same terms, which knows nothing.
    ///
    /// # Errors
    /// When it fails to start.
    pub fn fresh(&self) -> Result<Self, PluginError> {
        Ok(RiskRulePlugin {
            plugin: self.plugin.clone(),
            setup: self.setup.clone(),
            instance: instantiate(&self.plugin.core, &self.setup)?,
        })
    }

    fn revive(&mut self) -> Result<(), PluginError> {
        if !self.instance.is_live() {
            self.instance = instantiate(&self.plugin.core, &self.setup)?;
        }
        Ok(())
    }

    /// Judges an order.
    ///
    /// # Errors
    /// When the rule refuses to judge, or fails: the caller denies.
    pub fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &PortfolioView,
    ) -> Result<Verdict, CallError> {
        self.revive()?;
        let key = DrawKey {
            time: portfolio.0.time,
            item: u64::from(order.request.instrument),
        };
        let (order, context) = (order.clone().into(), context.into());
        let outcome = self.instance.call("assess", key, |store, bindings| {
            bindings
                .bulkhead_plugin_risk_rule()
                .call_assess(store, &order, &context, &portfolio.0)
        })?;
        let verdict = refused(&self.plugin.core, outcome)?;
        Ok(accepted(&mut self.instance, "assess", verdict)?)
    }

    /// Looks at the whole portfolio.
    ///
    /// # Errors
    /// When the rule refuses, or fails.
    pub fn review(
        &mut self,
        portfolio: &PortfolioView,
    ) -> Result<Vec<ProtectiveAction>, CallError> {
        self.revive()?;
        let key = DrawKey {
            time: portfolio.0.time,
            item: u64::MAX,
        };
        let outcome = self.instance.call("review", key, |store, bindings| {
            bindings
                .bulkhead_plugin_risk_rule()
                .call_review(store, &portfolio.0)
        })?;
        let actions = refused(&self.plugin.core, outcome)?;
        Ok(accepted(&mut self.instance, "review", actions)?)
    }
}

stateful!(RiskRulePlugin);

fn instantiate(core: &Arc<Core>, setup: &Setup) -> Result<Instance<Bindings>, PluginError> {
    configured!(core, RiskRulePluginIndices, setup)
}
