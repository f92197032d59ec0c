//! The sandbox: WebAssembly components behind typed handles.
//!
//! What it promises: a plugin cannot touch the host's memory, see a file, clock or socket it was not
//! granted, or run, allocate or talk without bound; whatever it does, the host and the other plugins carry
//! on, and the error names the plugin, its version, the function, the cause and the guest's own words.
//!
//! What bounds it: [`limits`], one table. What follows for callers: compute handles are synchronous and must
//! be driven from a thread that is no tokio worker; I/O handles are asynchronous. A handle whose call failed
//! is retired. Nothing outside this crate names the engine.

mod bindings;
mod cache;
mod convert;
mod engine;
mod error;
mod folder;
mod imports;
mod instance;
mod kinds;
pub mod limits;
mod plugin;
mod pool;
mod state;
mod text;
mod ticks;
mod wasi;

pub use cache::AotCache;
pub use engine::Engines;
pub use error::{CallError, Cause, PluginError};
pub use kinds::{
    AccountState, AiProviderPlugin, Answer, BrokerPlugin, DataSourcePlugin, FittedModel,
    HeldPosition, ModelPlugin, PortfolioView, Pulled, RiskRulePlugin, Setup, StrategyInstance,
    StrategyPlugin, VectorisedStrategy,
};
pub use limits::Limits;
pub use plugin::{Loader, Origin, Plugin, read_component};
pub use pool::PoolPolicy;
pub use state::{Grants, History, HistoryError, Interrupter, LogCount, Progress, SessionClock};
