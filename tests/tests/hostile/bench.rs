//! A host with two innocent plugins, one on each engine, beside which the hostile ones run.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bulkhead_domain::model::{FitRequest, Matrix, Targets};
use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_sandbox::{
    AotCache, CallError, DataSourcePlugin, Engines, Grants, Loader, ModelPlugin, Plugin,
    PluginError, PoolPolicy, Setup, StrategyInstance, StrategyPlugin,
};

use crate::assemble::{assembled, expect};

pub(crate) struct Host {
    pub(crate) loader: Loader,
    pub(crate) runtime: tokio::runtime::Runtime,
    innocent: StrategyInstance,
    pub(crate) source: DataSourcePlugin,
    calls: i64,
}

/// Runs an attack, holds its error to the plugin's `expected.txt`, and shows that the plugins beside it,
/// called before and after, noticed nothing.
pub(crate) fn contained<E: Display>(name: &str, attack: impl FnOnce(&Host) -> E) -> E {
    let mut host = Host::start();
    let error = attack(&host);
    expect(name, &error.to_string());
    host.carries_on();
    error
}

impl Host {
    /// Starts, and calls both innocent plugins once.
    pub(crate) fn start() -> Host {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile-aot");
        let cache = AotCache::open(folder).unwrap();
        let loader = Loader::new(Arc::new(Engines::start().unwrap()), Some(cache));
        let innocent = create(built(&loader, "innocent"), "").unwrap();
        let source = source(built(&loader, "innocent-source"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let mut host = Host {
            loader,
            runtime,
            innocent,
            source,
            calls: 0,
        };
        host.carries_on();
        host
    }

    /// The innocent plugins answer, and the one that keeps state has kept it.
    pub(crate) fn carries_on(&mut self) {
        self.calls += 1;
        let intents = self.innocent.on_bar(7, &bar(1), &State::default()).unwrap();
        assert_eq!(
            intents,
            [Intent::Target {
                instrument: 7,
                quantity: self.calls.into(),
                confidence: None,
                reason: format!("call {}", self.calls),
            }]
        );
        let datasets = self.runtime.block_on(self.source.datasets()).unwrap();
        assert_eq!(datasets[0].name, "innocent");
    }

    /// A hostile plugin that `cargo xtask plugins` built.
    pub(crate) fn built(&self, name: &str) -> Plugin {
        built(&self.loader, name)
    }

    /// A hostile plugin in WebAssembly text.
    pub(crate) fn assembled(&self, name: &str) -> Plugin {
        self.loader.load(&assembled(name)).unwrap()
    }

    /// Instantiates a hostile plugin in WebAssembly text, from within an asynchronous task.
    pub(crate) fn starts(&self, name: &str) -> Result<(), PluginError> {
        let plugin = self.assembled(name);
        self.runtime.block_on(plugin.start(&Grants::default()))
    }

    /// A live strategy, without a past to ask for.
    pub(crate) fn strategy(&self, name: &str) -> StrategyInstance {
        create(self.built(name), "").unwrap()
    }

    /// The error of a strategy's first bar.
    pub(crate) fn first_bar(&self, name: &str, instrument: u32) -> PluginError {
        self.strategy(name)
            .on_bar(instrument, &bar(1), &State::default())
            .unwrap_err()
    }

    pub(crate) fn model(&self, name: &str, config: &str) -> ModelPlugin {
        let setup = Setup {
            config: config.to_owned(),
            ..Setup::default()
        };
        ModelPlugin::new(self.built(name), setup).unwrap()
    }

    /// The error of a data source's list of data sets.
    pub(crate) fn datasets(&self, name: &str) -> PluginError {
        let source = source(self.built(name));
        failed(self.runtime.block_on(source.datasets()).unwrap_err())
    }
}

pub(crate) fn built(loader: &Loader, name: &str) -> Plugin {
    loader.load_file(&bulkhead_tests::hostile(name)).unwrap()
}

pub(crate) fn create(plugin: Plugin, config: &str) -> Result<StrategyInstance, CallError> {
    StrategyPlugin::new(plugin)
        .unwrap()
        .create(config, &[], &Grants::default(), None)
}

pub(crate) fn source(plugin: Plugin) -> DataSourcePlugin {
    DataSourcePlugin::new(plugin, Setup::default(), PoolPolicy::default()).unwrap()
}

/// The failure of a call that did not return.
pub(crate) fn failed(error: CallError) -> PluginError {
    match error {
        CallError::Failed(error) => error,
        CallError::Refused { .. } => panic!("the plugin answered: {error}"),
    }
}

pub(crate) fn bar(time: i64) -> Bar {
    Bar {
        time,
        open: 10.0,
        high: 11.0,
        low: 9.0,
        close: 10.5,
        volume: 0.0,
        factor: 1.0,
    }
}

/// Two samples of one feature.
pub(crate) fn request(algorithm: &str) -> FitRequest {
    FitRequest {
        algorithm: algorithm.to_owned(),
        parameters: Vec::new(),
        feature_names: vec!["return".to_owned()],
        features: features(),
        targets: Targets::Classes {
            classes: 2,
            labels: vec![0, 1],
        },
        weights: Vec::new(),
        times: vec![1, 2],
        label_ends: vec![2, 3],
        seed: 1,
    }
}

pub(crate) fn features() -> Matrix {
    Matrix {
        rows: 2,
        columns: 1,
        values: vec![0.1, -0.1],
    }
}

/// Runs something and returns what was logged on this thread meanwhile.
pub(crate) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || writer.clone())
        .finish();
    let value = tracing::subscriber::with_default(subscriber, run);
    let bytes = sink.0.lock().unwrap().clone();
    (value, String::from_utf8(bytes).unwrap())
}
