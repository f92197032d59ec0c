//! Small sessions, and how two of them are compared.

use bulkhead_desk::switch::{self, Gate};
use bulkhead_market::{BarSeries, Catalog};
use bulkhead_registry::Registry;
use bulkhead_sandbox::{AotCache, Engines, Loader, Plugin};
use bulkhead_session::record::{FillRecord, ProposalRecord, SessionRecord};
use bulkhead_session::{Host, Prepared, Ran, Run, SessionConfig, Views, Watch};
use bulkhead_store::{MigrationSet, Store, Writer};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bulkhead_domain::time::DAY;
use bulkhead_domain::{Problem, Timestamp};

const MIGRATIONS: [MigrationSet; 3] = [
    bulkhead_orchestrator::MIGRATIONS,
    bulkhead_desk::tables::MIGRATIONS,
    bulkhead_session::MIGRATIONS,
];

/// Two artificial instruments, two strategies, two models, risk rules, an AI provider and a broker.
pub(crate) const SMALL: &str = r#"
name = "small"
seed = 5
cash = "100000"
features = ["return_1", "return_5", "volatility_20", "rsi_14", "volume_z_20", "sma_ratio_50"]

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["AAA"]
[data.config]
seed = 11
bars = 700
calendar = "XNYS"
symbols = ["AAA"]
signal = { planted = { strength = 0.3 } }

[[data]]
plugin = "synthetic"
dataset = "synthetic"
symbols = ["BBB"]
[data.config]
seed = 12
bars = 700
calendar = "XNYS"
symbols = ["BBB"]
signal = { planted = { strength = 0.3 } }

[models.direction]
horizon = 5
window = 150
refit-every = 40
min-samples = 80
judged-by = 400
confidence = 0.95

[[models.direction.candidates]]
plugin = "linfa"
algorithm = "logistic-regression"

[[models.direction.candidates]]
plugin = "baseline"
algorithm = "momentum"

[[strategies]]
name = "ema-cross"
plugin = "ema-cross"
symbols = ["AAA", "BBB"]
config = { fast = 5, slow = 20, size = "150" }

[[strategies]]
name = "ml-signal"
plugin = "ml-signal"
symbols = ["AAA", "BBB"]
config = { model = "direction", threshold = 0.55, weight = 0.2 }

[[risk]]
plugin = "limits"
config = { max-position-notional = "40000", max-gross-exposure = "1" }

[[risk]]
plugin = "stop-loss"
config = { fraction = "0.08" }

[validation]
plugin = "rulebook"

[broker]
plugin = "paper"
config = { fees = { model = "per-share", rate = "0.005", minimum = "1" }, slippage = { model = "bps", bps = "2" } }
"#;

/// [`SMALL`], read.
pub(crate) fn small() -> SessionConfig {
    SessionConfig::parse(SMALL).unwrap()
}

/// [`SMALL`] without models, which take most of its time.
pub(crate) fn plain() -> SessionConfig {
    let mut config = small();
    config.models.clear();
    config.strategies.retain(|table| table.name == "ema-cross");
    config
}

/// A table of TOML.
pub(crate) fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

/// Nobody watches.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn progress(&mut self, _: u64, _: Timestamp) {}
}

/// Ends a session after so many bars, as a person would.
pub(crate) struct StopAfter<'a> {
    pub(crate) bars: u64,
    pub(crate) flag: &'a AtomicBool,
}

impl Watch for StopAfter<'_> {
    fn progress(&mut self, done: u64, _: Timestamp) {
        if done >= self.bars {
            self.flag.store(true, Ordering::Relaxed);
        }
    }
}

/// The host, with folders of its own.
pub(crate) struct Stand {
    registry: Registry,
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
}

impl Stand {
    pub(crate) fn new() -> Stand {
        let cache = AotCache::open(concat!(env!("CARGO_TARGET_TMPDIR"), "/aot")).unwrap();
        let loader = Loader::new(Arc::new(Engines::start().unwrap()), Some(cache));
        Stand {
            registry: Registry::open(bulkhead_tests::plugins(), loader).unwrap(),
            runtime: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// The plugins.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    fn catalog(&self) -> Catalog {
        Catalog::open(self.catalog_folder()).unwrap()
    }

    pub(crate) fn catalog_folder(&self) -> PathBuf {
        self.folder.path().join("catalog")
    }

    /// A plugin of the project.
    pub(crate) fn load(&self, id: &str) -> Plugin {
        self.registry.load(id).unwrap()
    }

    /// The bars that the last prepared session saw of a symbol.
    pub(crate) fn bars(&self, symbol: &str) -> BarSeries {
        self.catalog().load(symbol, DAY).unwrap()
    }

    /// The gate of a store.
    pub(crate) fn gate(&self, store: &Store) -> Arc<Gate> {
        Arc::new(switch::open(store, self.folder.path()).unwrap())
    }

    pub(crate) fn store(&self) -> Store {
        let path = self.folder.path().join("bulkhead.db");
        bulkhead_store::wait(async {
            let store = Store::open(&path).await?;
            store.migrate(&MIGRATIONS).await?;
            Ok::<_, bulkhead_store::StoreError>(store)
        })
        .unwrap()
    }

    pub(crate) fn try_prepare(&self, config: SessionConfig) -> Result<Prepared, Problem> {
        self.try_prepare_with(config, None)
    }

    fn try_prepare_with(
        &self,
        config: SessionConfig,
        store: Option<(&Store, Writer)>,
    ) -> Result<Prepared, Problem> {
        let host = Host {
            registry: &self.registry,
            catalog: self.catalog(),
            runtime: &self.runtime,
            store,
        };
        Prepared::new(config, &bulkhead_tests::root(), &host)
    }

    /// Prepares and runs a session that is kept.
    pub(crate) fn kept(&self, config: &SessionConfig, store: &Store, watch: &mut dyn Watch) -> Ran {
        let never = AtomicBool::new(false);
        let gate = self.gate(store);
        let writer = gate.writer().unwrap();
        self.try_prepare_with(config.clone(), Some((store, writer)))
            .and_then(|prepared| prepared.run(self.run(&never, Some(store), &gate), watch))
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Begins a session that is kept, and leaves it after so many bars as a process that ended would.
    pub(crate) fn cut_short(&self, config: &SessionConfig, store: &Store, bars: u64) {
        struct Cut(u64);
        impl Watch for Cut {
            fn progress(&mut self, done: u64, _: Timestamp) {
                if done >= self.0 {
                    std::panic::resume_unwind(Box::new("cut short"));
                }
            }
        }
        let begun = AssertUnwindSafe(|| self.kept(config, store, &mut Cut(bars)));
        assert!(catch_unwind(begun).is_err(), "it came to its end");
    }

    pub(crate) fn prepare(&self, config: &SessionConfig) -> Prepared {
        self.try_prepare(config.clone())
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// Runs a session from its first bar to its last and keeps it nowhere.
    pub(crate) fn record(&self, config: &SessionConfig) -> SessionRecord {
        self.ran(&self.prepare(config), true, None).record
    }

    pub(crate) fn ran(&self, prepared: &Prepared, veto: bool, repeat: Option<Views>) -> Ran {
        let never = AtomicBool::new(false);
        let gate = Arc::new(Gate::unrecorded());
        let run = Run {
            veto,
            repeat,
            ..self.run(&never, None, &gate)
        };
        prepared
            .run(run, &mut Unwatched)
            .unwrap_or_else(|problem| panic!("{problem}"))
    }

    /// How a session is run: with the AI provider's veto, learning for itself.
    pub(crate) fn run<'a>(
        &'a self,
        interrupted: &'a AtomicBool,
        store: Option<&'a Store>,
        gate: &'a Arc<Gate>,
    ) -> Run<'a> {
        Run {
            gate,
            fresh: false,
            incoming: None,
            shadows: None,
            by: ("tester", Timestamp(0)),
            registry: &self.registry,
            runtime: &self.runtime,
            store,
            repeat: None,
            veto: true,
            interrupted,
        }
    }
}

pub(crate) fn symbol(record: &SessionRecord, handle: u32) -> &str {
    let found = record.instruments.iter().find(|one| one.handle == handle);
    &found.unwrap().symbol
}

/// What names something in this session only.
const NAMES: [&str; 3] = ["decision", "client_order_id", "instrument"];

fn anonymous(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            NAMES.iter().for_each(|name| drop(fields.remove(*name)));
            fields.values_mut().for_each(anonymous);
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(anonymous),
        _ => {}
    }
}

/// What was decided and why, one line a proposal, without what names only this session: ids and handles.
pub(crate) fn decisions(
    record: &SessionRecord,
    keep: impl Fn(&ProposalRecord) -> bool,
) -> Vec<String> {
    let mut lines: Vec<String> = record
        .proposals
        .iter()
        .filter(|proposal| keep(proposal))
        .map(|proposal| {
            let mut value = serde_json::to_value(proposal).unwrap();
            anonymous(&mut value);
            let symbol = symbol(record, proposal.instrument);
            format!(
                "{} {symbol} {} {value}",
                Timestamp(proposal.time),
                proposal.owner
            )
        })
        .collect();
    lines.sort();
    lines
}

/// Every fill, one line each, without what names only this session.
pub(crate) fn fills(record: &SessionRecord, keep: impl Fn(&FillRecord) -> bool) -> Vec<String> {
    let mut lines: Vec<String> = record
        .fills
        .iter()
        .filter(|fill| keep(fill))
        .map(|fill| {
            format!(
                "{} {} {} {:?} {} at {} for {}",
                Timestamp(fill.time),
                symbol(record, fill.instrument),
                fill.owner,
                fill.side,
                fill.quantity,
                fill.price,
                fill.fee
            )
        })
        .collect();
    lines.sort();
    lines
}

/// The account's points, one line each.
pub(crate) fn equity(record: &SessionRecord) -> Vec<String> {
    let curve = &record.equity;
    curve
        .times
        .iter()
        .zip(curve.equity.iter().zip(&curve.cash))
        .map(|(time, (equity, cash))| format!("{} {equity} {cash}", Timestamp(*time)))
        .collect()
}

/// Fails at the first line in which two lists differ.
#[track_caller]
pub(crate) fn assert_same(what: &str, one: &[String], other: &[String]) {
    let parting = one.iter().zip(other).find(|(one, other)| one != other);
    if let Some((one, other)) = parting {
        panic!("{what} differ:\n{one}\n{other}");
    }
    assert_eq!(one.len(), other.len(), "{what}: one has more");
}

/// Two sessions that may differ in names and numbers given to things, and in nothing else.
#[track_caller]
pub(crate) fn assert_same_session(one: &SessionRecord, other: &SessionRecord) {
    assert_same(
        "decisions",
        &decisions(one, |_| true),
        &decisions(other, |_| true),
    );
    assert_same("fills", &fills(one, |_| true), &fills(other, |_| true));
    assert_same("equity", &equity(one), &equity(other));
    assert_eq!(one.totals, other.totals);
}
