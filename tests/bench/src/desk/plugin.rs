//! Risk-rule components as rules of a desk, wired as a session wires them.

use super::account::VOLATILITY;
use crate::place::Place;
use anyhow::Result;
use bulkhead_desk::{RiskRule, RuleFailure};
use bulkhead_domain::Instrument;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_sandbox::{CallError, Engines, Grants, Loader, RiskRulePlugin, Setup};
use serde_json::json;
use std::sync::Arc;

struct PluginRule {
    plugin: RiskRulePlugin,
    name: String,
}

/// The four rules, wide enough that every order of the measurement passes and none of them gets off without
/// computing.
pub(super) fn four(place: &Place, instruments: &[Instrument]) -> Result<Vec<Box<dyn RiskRule>>> {
    let configs = [
        (
            "limits.wasm",
            json!({"max-position": 100_000, "max-position-notional": 500_000,
                   "max-order-notional": 100_000, "max-gross-exposure": 2, "max-daily-loss": 0.05}),
        ),
        ("daily-loss.wasm", json!({"limit": 0.05})),
        (
            "drawdown-guard.wasm",
            json!({"reduce-from": 0.1, "halt-at": 0.2}),
        ),
        (
            "volatility-target.wasm",
            json!({"target": 0.5, "feature": VOLATILITY}),
        ),
    ];
    let loader = Loader::new(Arc::new(Engines::start()?), None);
    let mut rules: Vec<Box<dyn RiskRule>> = Vec::new();
    for (component, config) in configs {
        let setup = Setup {
            config: config.to_string(),
            instruments: instruments.to_vec(),
            grants: Grants::default(),
        };
        let plugin = RiskRulePlugin::new(loader.load(&place.component(component)?)?, setup)?;
        let name = plugin.manifest().id.clone();
        rules.push(Box::new(PluginRule { plugin, name }));
    }
    Ok(rules)
}

impl PluginRule {
    fn failure(&self, error: &CallError) -> RuleFailure {
        RuleFailure {
            plugin: self.name.clone(),
            text: error.to_string(),
        }
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
        portfolio: &Portfolio,
    ) -> Result<Verdict, RuleFailure> {
        self.plugin
            .assess(order, context, portfolio)
            .map_err(|error| self.failure(&error))
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, RuleFailure> {
        self.plugin
            .review(portfolio)
            .map_err(|error| self.failure(&error))
    }
}
