//! A plugin as loaded from a file: the machinery that every kind shares.
//!
//! Loading reads the manifest before it compiles anything, then checks the kind against what the component
//! really exports.

use crate::cache::{AotCache, Lookup};
use crate::engine::{Engines, Role};
use crate::error::PluginError;
use crate::limits::{COMPONENT_BYTES, Limits};
use crate::state::{Grants, Interrupter, LogCount, State};
use crate::text::one_line;
use crate::wasi;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::{Kind, Manifest};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};

/// What decides how a component is loaded.
pub struct Loader {
    engines: Arc<Engines>,
    cache: Option<AotCache>,
}

/// Where a component's machine code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Compiled just now.
    Compiled,
    /// From the cache.
    Cached,
}

/// A loaded component of no particular kind yet. A copy is the same loaded component: it shares its code,
/// its log and its interrupter.
#[derive(Clone)]
pub struct Plugin {
    pub(crate) core: Arc<Core>,
}

pub(crate) struct Core {
    pub(crate) manifest: Manifest,
    pub(crate) digest: Digest,
    pub(crate) limits: Limits,
    pub(crate) role: Role,
    pub(crate) log: Arc<LogCount>,
    pub(crate) interrupter: Interrupter,
    pub(crate) id: Arc<str>,
    pub(crate) pre: InstancePre<State>,
    pub(crate) engines: Arc<Engines>,
    pub(crate) imports_wasi: bool,
    /// Whether it can look back on earlier bars.
    pub(crate) looks_back: bool,
    /// Where a strategy that takes its bars itself exports the function for it.
    pub(crate) pull: Option<ComponentExportIndex>,
    origin: Origin,
}

fn role_of(kind: Kind) -> Role {
    match kind {
        Kind::DataSource | Kind::AiProvider => Role::Io,
        // Brokers here are simulated ones, which fill against bars.
        Kind::Broker | Kind::Model | Kind::RiskRule | Kind::Strategy => Role::Compute,
    }
}

/// A kind with its article.
fn one(kind: Kind) -> String {
    let article = match kind {
        Kind::AiProvider => "an",
        Kind::Broker | Kind::DataSource | Kind::Model | Kind::RiskRule | Kind::Strategy => "a",
    };
    format!("{article} {kind}")
}

/// Interface that a kind must export.
fn interface_of(kind: Kind) -> &'static str {
    match kind {
        Kind::DataSource => "bulkhead:plugin/data-source",
        Kind::AiProvider => "bulkhead:plugin/ai-provider",
        Kind::Broker => "bulkhead:plugin/broker",
        Kind::Model => "bulkhead:plugin/model",
        Kind::RiskRule => "bulkhead:plugin/risk-rule",
        Kind::Strategy => "bulkhead:plugin/strategy",
    }
}

impl Loader {
    /// A loader over two running engines, with or without a compile cache.
    #[must_use]
    pub fn new(engines: Arc<Engines>, cache: Option<AotCache>) -> Self {
        Loader { engines, cache }
    }

    /// Loads a component from a file.
    ///
    /// # Errors
    /// One line saying what is wrong with the file: missing, not a component, no or two manifests, an API
    /// version this host does not speak, not the kind it says it is, an import its kind does not have.
    pub fn load_file(&self, path: &Path) -> Result<Plugin, Problem> {
        read_component(path)
            .and_then(|bytes| self.load(&bytes))
            .map_err(|problem| problem.in_file(path))
    }

    /// Loads a component from its bytes.
    ///
    /// # Errors
    /// As [`Loader::load_file`].
    pub fn load(&self, wasm: &[u8]) -> Result<Plugin, Problem> {
        within_size(wasm.len() as u64)?;
        let manifest = bulkhead_manifest::read_section(wasm).map_err(|error| {
            Problem::user(error.to_string(), "rebuild it with `bulkhead plugin build`")
        })?;
        let digest = Digest::of(wasm);
        let role = role_of(manifest.kind);
        let engine = self.engines.of(role);
        let (component, origin) = self.component(engine, wasm, &digest, &manifest)?;
        check_exports(engine, &component, &manifest)?;

        let mut linker = Linker::new(engine);
        let imports_wasi = component
            .component_type()
            .imports(engine)
            .any(|(name, _)| name.starts_with("wasi:"));
        let looks_back = component
            .component_type()
            .imports(engine)
            .any(|(name, _)| name.starts_with("bulkhead:plugin/history"));
        let linked = crate::kinds::link(&mut linker, manifest.kind).and_then(|()| {
            match (imports_wasi, role) {
                (false, _) => Ok(()),
                (true, Role::Compute) => wasi::link_compute(&mut linker),
                (true, Role::Io) => wasi::link_io(&mut linker),
            }
        });
        linked.map_err(|error| {
            Problem::host(format!("the host's imports do not link: {error:#}"), "")
        })?;
        let pre = linker.instantiate_pre(&component).map_err(|error| {
            Problem::user(
                format!(
                    "plugin {} needs what {} is not given: {}",
                    manifest.id,
                    one(manifest.kind),
                    one_line(&format!("{error:#}"))
                ),
                "remove that import, or build it as another kind",
            )
        })?;
        let core = Core {
            limits: Limits::granted(manifest.kind, &manifest.limits),
            id: manifest.id.as_str().into(),
            log: Arc::default(),
            interrupter: Interrupter::default(),
            engines: Arc::clone(&self.engines),
            manifest,
            digest,
            role,
            pre,
            imports_wasi,
            looks_back,
            // A guest of WASI is bounded by the clock as well, call by call.
            pull: crate::ticks::pull_of(&component).filter(|_| !imports_wasi),
            origin,
        };
        Ok(Plugin {
            core: Arc::new(core),
        })
    }

    fn component(
        &self,
        engine: &wasmtime::Engine,
        wasm: &[u8],
        digest: &Digest,
        manifest: &Manifest,
    ) -> Result<(Component, Origin), Problem> {
        if let Some(cache) = &self.cache {
            match cache.load(engine, digest) {
                Lookup::Found(component) => return Ok((component, Origin::Cached)),
                Lookup::Absent => {}
                Lookup::Tampered(aside) => tracing::warn!(
                    "the compile cache entry of plugin {} did not verify and was not used; it is now {} and the plugin was compiled anew: find out who changed it",
                    manifest.id,
                    aside.display()
                ),
            }
        }
        let component = Component::new(engine, wasm).map_err(|error| {
            Problem::user(
                format!(
                    "plugin {} is not a valid component: {}",
                    manifest.id,
                    one_line(&format!("{error:#}"))
                ),
                "rebuild it with `bulkhead plugin build`",
            )
        })?;
        if let Some(cache) = &self.cache {
            cache.store(engine, digest, &component);
        }
        Ok((component, Origin::Compiled))
    }
}

/// The bytes of a component: of a regular file that is not too large; a device or a pipe would have no end.
///
/// # Errors
/// One line, without the path.
pub fn read_component(path: &Path) -> Result<Vec<u8>, Problem> {
    let failed = |error: std::io::Error| {
        Problem::user(
            format!("the plugin cannot be read: {error}"),
            "check the path",
        )
    };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Problem::user(
            "the plugin is no regular file",
            "give the path of its .wasm file",
        ));
    }
    within_size(metadata.len())?;
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    File::open(path)
        .and_then(|file| file.take(COMPONENT_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    Ok(bytes)
}

fn within_size(bytes: u64) -> Result<(), Problem> {
    if bytes <= COMPONENT_BYTES {
        return Ok(());
    }
    Err(Problem::user(
        format!("the plugin has {bytes} bytes, more than the {COMPONENT_BYTES} allowed"),
        "check the path, or build it smaller",
    ))
}

/// Checks the manifest's kind against what the component really exports.
fn check_exports(
    engine: &wasmtime::Engine,
    component: &Component,
    manifest: &Manifest,
) -> Result<(), Problem> {
    let ty = component.component_type();
    let exports: Vec<String> = ty
        .exports(engine)
        .map(|(name, _)| name.to_owned())
        .collect();
    let has = |interface: &str| {
        exports
            .iter()
            .any(|name| name.split('@').next() == Some(interface))
    };
    let wanted = interface_of(manifest.kind);
    if !has(wanted) {
        let actual = Kind::ALL.iter().find(|kind| has(interface_of(**kind)));
        let found = actual.map_or_else(|| "no plugin at all".to_owned(), |kind| one(*kind));
        return Err(Problem::user(
            format!(
                "plugin {} says that it is {} but is {found}: it does not export {wanted}",
                manifest.id,
                one(manifest.kind)
            ),
            "correct `kind` in plugin.toml and rebuild it",
        ));
    }
    if manifest.kind == Kind::Broker && !has("bulkhead:plugin/simulated") {
        return Err(Problem::user(
            format!(
                "broker {} does not export bulkhead:plugin/simulated, and this version has no network for it",
                manifest.id
            ),
            "use a simulated broker",
        ));
    }
    Ok(())
}

impl Plugin {
    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.core.manifest
    }

    /// SHA-256 of the component.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.core.digest
    }

    /// Limits its instances get.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Where its machine code came from.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.core.origin
    }

    /// Log lines kept and dropped, over all its instances.
    #[must_use]
    pub fn log_count(&self) -> Arc<LogCount> {
        Arc::clone(&self.core.log)
    }

    /// Ends what its instances are in the middle of.
    #[must_use]
    pub fn interrupter(&self) -> Interrupter {
        self.core.interrupter.clone()
    }

    /// Names of everything it imports.
    #[must_use]
    pub fn imports(&self) -> Vec<String> {
        let engine = self.core.engines.of(self.core.role);
        let component = self.core.pre.component();
        component
            .component_type()
            .imports(engine)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Names of everything it exports.
    #[must_use]
    pub fn exports(&self) -> Vec<String> {
        let engine = self.core.engines.of(self.core.role);
        let component = self.core.pre.component();
        component
            .component_type()
            .exports(engine)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Makes one instance and drops it: the smallest proof that the component starts. Calls nothing.
    ///
    /// # Errors
    /// When its start-up code fails or there is no room for it.
    pub async fn start(&self, grants: &Grants) -> Result<(), PluginError> {
        let core = &self.core;
        let mut store = core.store(grants);
        match core.role {
            Role::Compute if core.imports_wasi => core.start_aside(&mut store),
            Role::Compute => core.start_here(&mut store),
            Role::Io => core
                .instantiate(store, async |store| core.pre.instantiate_async(store).await)
                .await
                .map(|_| ()),
        }
    }

    /// Checks that the plugin is of a kind.
    ///
    /// # Errors
    /// One line naming both kinds.
    pub fn expect_kind(&self, kind: Kind) -> Result<(), Problem> {
        let actual = self.core.manifest.kind;
        if actual == kind {
            return Ok(());
        }
        Err(Problem::user(
            format!(
                "plugin {} is {}, not {}",
                self.core.manifest.id,
                one(actual),
                one(kind)
            ),
            format!("name {} plugin here", one(kind)),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_article() {
        let listed = Kind::ALL.map(one).join(", ");
        assert_eq!(
            listed,
            "an ai-provider, a broker, a data-source, a model, a risk-rule, a strategy"
        );
    }
}
