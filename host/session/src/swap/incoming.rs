//! Versions on their way to a session that is running, and what it has to tell whoever looks after its plugins.
//!
//! Promises: a version that was accepted for one session never reaches another; a session learns of a version that was
//! put in service while it was being prepared.

use crate::prepare::Place;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::Kind;
use bulkhead_registry::{Config, Registry, check_config, over};
use bulkhead_sandbox::Plugin;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A version that was handed over and could not be swapped in after all.
#[derive(Debug)]
pub struct Refused<'a> {
    /// The plugin's id.
    pub plugin: &'a str,
    /// SHA-256 of the version's component.
    pub digest: Digest,
    /// SHA-256 of the component that serves on.
    pub serves: Digest,
    /// Why.
    pub why: &'a str,
}

/// A plugin that failed again and again and is not started any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The plugin's id.
    pub plugin: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Why, in one line.
    pub reason: String,
}

/// Looks after the plugins of a session. Told on the session's thread, of what happens while it runs live and not of
/// what it repeats.
pub trait Operator: Send + Sync {
    /// A version could not be swapped in.
    fn refused(&self, refused: &Refused<'_>);

    /// A plugin was given up.
    fn given_up(&self, given_up: &GivenUp);
}

/// Says for which session a version was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Versions that are handed to a session while it runs. Shared with whoever takes an operator's commands.
#[derive(Default)]
pub struct Incoming {
    inbox: Mutex<Inbox>,
    operator: OnceLock<Box<dyn Operator>>,
}

#[derive(Default)]
struct Inbox {
    /// Counts sessions.
    session: u64,
    /// What the session runs in places to which new versions may come; by id.
    runs: BTreeMap<String, Runs>,
    queue: VecDeque<Plugin>,
}

struct Runs {
    kind: Kind,
    serves: Digest,
    /// What the session sets of its configuration, once for every place.
    settings: Vec<serde_json::Value>,
}

impl Incoming {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        // A panic elsewhere leaves a list whole.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names who looks after the plugins; the first one stays it.
    pub fn tell(&self, operator: impl Operator + 'static) {
        let _ = self.operator.set(Box::new(operator));
    }

    /// Whether a session that is running would take this version, with this default configuration, in a plugin's place;
    /// `None` where it does not run the plugin, or names the version that it wants.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn accepts(&self, plugin: &Plugin, defaults: &Config) -> Result<Option<Ticket>, Problem> {
        let inbox = self.lock();
        let Some(runs) = inbox.runs.get(&plugin.manifest().id) else {
            return Ok(None);
        };
        plugin.expect_kind(runs.kind)?;
        for settings in &runs.settings {
            check_config(plugin.manifest(), &over(defaults, settings))?;
        }
        Ok(Some(Ticket(inbox.session)))
    }

    /// Hands a version over that was accepted; the next moment sees it. One for a session that has ended goes nowhere:
    /// the next one begins with what is installed.
    pub fn push(&self, ticket: Ticket, plugin: Plugin) {
        let mut inbox = self.lock();
        if inbox.session == ticket.0 {
            inbox.queue.push_back(plugin);
        }
    }

    /// A session begins. What was put in service since it was prepared is handed to it.
    pub(crate) fn begin(&self, places: &[Place], registry: &Registry) -> Result<(), Problem> {
        let mut runs = BTreeMap::new();
        for place in places.iter().filter(|place| place.follows(&place.id)) {
            let known = runs.entry(place.id.clone()).or_insert_with(|| Runs {
                kind: place.kind,
                serves: place.digest,
                settings: Vec::new(),
            });
            known.settings.push(place.settings.clone());
        }
        let mut inbox = self.lock();
        inbox.session += 1;
        inbox.queue.clear();
        inbox.runs = runs;
        drop(inbox);
        // From here on changes come by themselves; one that comes twice serves already.
        let Some(installed) = registry.installed() else {
            return Ok(());
        };
        for place in places.iter().filter(|place| place.follows(&place.id)) {
            let Some(plugin) = installed.plugin(&place.id)? else {
                continue;
            };
            if plugin.active != place.digest && plugin.usable().is_ok() {
                let plugin = registry.load(&format!("{}@{}", place.id, plugin.active))?;
                self.lock().queue.push_back(plugin);
            }
        }
        Ok(())
    }

    pub(crate) fn end(&self) {
        let mut inbox = self.lock();
        inbox.session += 1;
        inbox.runs.clear();
        inbox.queue.clear();
    }

    pub(super) fn take(&self) -> Option<Plugin> {
        self.lock().queue.pop_front()
    }

    pub(super) fn serves(&self, id: &str, digest: Digest) {
        if let Some(runs) = self.lock().runs.get_mut(id) {
            runs.serves = digest;
        }
    }

    pub(super) fn refused(&self, id: &str, digest: Digest, why: &str) {
        let serves = self.lock().runs.get(id).map(|runs| runs.serves);
        if let (Some(operator), Some(serves)) = (self.operator.get(), serves) {
            operator.refused(&Refused {
                plugin: id,
                digest,
                serves,
                why,
            });
        }
    }

    pub(crate) fn given_up(&self, given_up: &GivenUp) {
        if let Some(operator) = self.operator.get() {
            operator.given_up(given_up);
        }
    }
}
