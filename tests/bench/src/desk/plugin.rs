//! Risk-rule components as rules of a desk, wired as a session wires them.

use super::account::VOLATILITY;
use crate::place::Place;
use anyhow::Result;
use bulkhead_desk::RiskRule;
use bulkhead_domain::{Instrument, Timestamp};
use bulkhead_registry::supervise::{SupervisionLimits, Supervisor};
use bulkhead_sandbox::{Engines, Grants, Loader, RiskRulePlugin, Setup};
use serde_json::json;
use std::sync::Arc;

/// The four rules, wide enough that every order of the measurement passes and none of them gets off without
/// computing.
pub(crate) fn four(place: &Place, instruments: &[Instrument]) -> Result<Vec<Box<dyn RiskRule>>> {
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
    let mut plugins = Vec::new();
    for (component, config) in configs {
        let setup = Setup {
            config: config.to_string(),
            instruments: instruments.to_vec(),
            grants: Grants::default(),
        };
        plugins.push(RiskRulePlugin::new(
            loader.load(&place.component(component)?)?,
            setup,
        )?);
    }
    let supervisor = Supervisor::new(SupervisionLimits::default(), Timestamp(0))?;
    let rules = bulkhead_session::rules(plugins, &supervisor).into_iter();
    Ok(rules
        .map(|rule| Box::new(rule) as Box<dyn RiskRule>)
        .collect())
}
