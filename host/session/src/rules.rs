//! Risk-rule plugins as the desk's rules.
//!
//! The rules of a chain are shown the same portfolio one after the other, so it is brought into the contract's
//! form once for all of them.

use bulkhead_desk::{RiskRule, RuleFailure};
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_sandbox::{CallError, PortfolioView, RiskRulePlugin};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The portfolio that was shown last, and its form for plugins. The weak reference keeps the address from
/// being given to another portfolio.
type Shown = Option<(Weak<Portfolio>, PortfolioView)>;

struct PluginRule {
    plugin: RiskRulePlugin,
    name: String,
    shown: Arc<Mutex<Shown>>,
}

/// The plugins as rules of one desk, in their order.
#[must_use]
pub fn rules(plugins: Vec<RiskRulePlugin>) -> Vec<Box<dyn RiskRule>> {
    let shown = Arc::new(Mutex::new(None));
    let rule = |plugin: RiskRulePlugin| -> Box<dyn RiskRule> {
        Box::new(PluginRule {
            name: plugin.manifest().id.clone(),
            plugin,
            shown: Arc::clone(&shown),
        })
    };
    plugins.into_iter().map(rule).collect()
}

impl PluginRule {
    fn ask<T>(
        &mut self,
        portfolio: &Arc<Portfolio>,
        ask: impl FnOnce(&mut RiskRulePlugin, &PortfolioView) -> Result<T, CallError>,
    ) -> Result<T, RuleFailure> {
        // A panic in between leaves nothing half-done here.
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(last, _): &&(Weak<Portfolio>, PortfolioView)| {
            std::ptr::eq(last.as_ptr(), Arc::as_ptr(portfolio))
        };
        if shown.as_ref().filter(same).is_none() {
            *shown = None;
        }
        let (_, view) =
            shown.get_or_insert_with(|| (Arc::downgrade(portfolio), portfolio.as_ref().into()));
        ask(&mut self.plugin, view).map_err(|error| RuleFailure {
            plugin: self.name.clone(),
            text: error.to_string(),
        })
    }
}

impl RiskRule for PluginRule {
    fn name(&self) -> &str {
        &self.name
    }

    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Arc<Portfolio>,
    ) -> Result<Verdict, RuleFailure> {
        self.ask(portfolio, |plugin, view| {
            plugin.assess(order, context, view)
        })
    }

    fn review(&mut self, portfolio: &Arc<Portfolio>) -> Result<Vec<ProtectiveAction>, RuleFailure> {
        self.ask(portfolio, RiskRulePlugin::review)
    }
}
