//! What holds for every kind: it loads, its settings are described, it starts within its limits.

use crate::Subject;
use crate::bench::{Bench, block_on};
use crate::check::Suite;
use crate::market::Market;
use crate::rules::{CONFIG, KIND, MANIFEST, STARTS};
use bulkhead_manifest::{Kind, read_section};
use bulkhead_registry::check_config;
use bulkhead_sandbox::{
    AiProviderPlugin, BrokerPlugin, CallError, DataSourcePlugin, ModelPlugin, Plugin, PoolPolicy,
    RiskRulePlugin, StrategyPlugin,
};

/// Every call gets an instance of its own.
pub(crate) const EPHEMERAL: PoolPolicy = PoolPolicy { size: 0, uses: 1 };

/// Loads the component.
pub(crate) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) -> Option<Subject> {
    let manifest = match read_section(bench.wasm) {
        Ok(manifest) => manifest,
        Err(error) => {
            suite.note(MANIFEST, "", Err(error.to_string()));
            suite.skip_all(&[KIND, CONFIG, STARTS], "", MANIFEST);
            return None;
        }
    };
    let found = format!(
        "{} {} {}, API {}",
        manifest.kind, manifest.id, manifest.version, manifest.api
    );
    suite.note(MANIFEST, "", Ok(found));
    let plugin = match bench.plugin() {
        Ok(plugin) => plugin,
        Err(reason) => {
            suite.note(KIND, "", Err(reason));
            suite.skip_all(&[CONFIG, STARTS], "", KIND);
            return None;
        }
    };
    let imports = plugin.imports();
    let names: Vec<&str> = imports.iter().map(|name| short(name)).collect();
    let found = match names.as_slice() {
        [] => "imports nothing".to_owned(),
        names => format!("imports {}", names.join(", ")),
    };
    suite.note(KIND, "", Ok(found));
    let config = check_config(plugin.manifest(), &bench.terms.config)
        .map(|()| format!("takes {}", bench.terms.config))
        .map_err(|problem| problem.to_string());
    if !suite.note(CONFIG, "", config) {
        suite.skip_all(&[STARTS], "", CONFIG);
        return None;
    }
    Some(Subject {
        digest: plugin.digest(),
        limits: *plugin.limits(),
        manifest,
    })
}

/// `bulkhead:plugin/log@0.1.0` as `log`.
fn short(interface: &str) -> &str {
    let name = interface
        .strip_prefix("bulkhead:plugin/")
        .and_then(|name| name.split('@').next());
    name.unwrap_or(interface)
}

/// Starts and configures an instance.
pub(crate) fn starts(bench: &Bench<'_>, subject: &Subject, suite: &mut Suite<'_>) -> bool {
    let finding = bench
        .plugin()
        .and_then(|plugin| start(bench, plugin))
        .map(|()| granted(subject));
    suite.note(STARTS, "", finding)
}

fn start(bench: &Bench<'_>, plugin: Plugin) -> Result<(), String> {
    let instruments = Market::new(bench.terms.seed, 0).instruments;
    let setup = bench.setup(plugin.manifest(), &instruments);
    match plugin.manifest().kind {
        Kind::Strategy => {
            let strategy = StrategyPlugin::new(plugin).map_err(text)?;
            strategy
                .create(&setup.config, &instruments, &setup.grants, None)
                .map(drop)
                .map_err(text)
        }
        Kind::Model => {
            let model = ModelPlugin::new(plugin, setup).map_err(text)?;
            model.algorithms().map(drop).map_err(text)
        }
        Kind::RiskRule => RiskRulePlugin::new(plugin, setup).map(drop).map_err(text),
        Kind::Broker => BrokerPlugin::new(plugin, setup).map(drop).map_err(text),
        Kind::DataSource => {
            let source = DataSourcePlugin::new(plugin, setup, EPHEMERAL).map_err(text)?;
            block_on(source.check())?.map_err(text)
        }
        Kind::AiProvider => {
            let provider = AiProviderPlugin::new(plugin, setup, EPHEMERAL).map_err(text)?;
            match block_on(provider.models())? {
                // A refusal is an answer: it started.
                Ok(_) | Err(CallError::Refused { .. }) => Ok(()),
                Err(failed) => Err(text(failed)),
            }
        }
    }
}

/// An error's one line.
pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The limits that matter to an author, in one line.
fn granted(subject: &Subject) -> String {
    let limits = &subject.limits;
    // Fuel is what bounds computing; the others are bounded by the clock.
    let fuel = match subject.manifest.kind {
        Kind::DataSource | Kind::AiProvider => String::new(),
        Kind::Broker | Kind::Model | Kind::RiskRule | Kind::Strategy => {
            format!("{} million units of fuel, ", limits.fuel / 1_000_000)
        }
    };
    format!(
        "within {} MiB of memory, {fuel}{} s and {} KiB a call",
        limits.memory_bytes >> 20,
        limits.wall.as_secs_f64(),
        limits.result_bytes >> 10
    )
}
