//! Changes of installed plugins, by whoever owns the state folder.

use crate::halt::{now, person};
use crate::kept;
use crate::options::GlobalOptions;
use crate::owner::{self, Reached};
use crate::shadows::Alone;
use bulkhead_desk::audit::{Event, Kind};
use bulkhead_desk::switch::control::{Answer, Ask, Control, Operations};
use bulkhead_desk::switch::{Gate, Latch, Scope, TradingState};
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_manifest::Kind as PluginKind;
use bulkhead_registry::{
    Applied, Change, Installed, InstalledPlugin, Live, Recorded, Request, Settings, Terms,
};
use bulkhead_sandbox::Loader;
use bulkhead_session::{GivenUp, Refused};
use bulkhead_store::Store;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The owner's side: every change is in the audit log before it is made.
pub(crate) struct PluginOperations {
    pub(crate) installed: Installed,
    pub(crate) store: Store,
    pub(crate) loader: Arc<Loader>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) live: Arc<dyn Live>,
}

/// A change that was made, and since when it holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Made {
    #[serde(flatten)]
    pub(crate) applied: Applied,
    /// What it means for a session that runs, in words; empty where that goes without saying.
    pub(crate) holds: String,
}

impl Operations for PluginOperations {
    fn plugin(&self, change: Value, person: &str) -> Result<Value, Problem> {
        let request: Request = serde_json::from_value(change).map_err(|error| {
            Problem::user(
                format!("the change cannot be read: {error}"),
                "use the `bulkhead` of the same version as the one that runs",
            )
        })?;
        let time = moment();
        let applied = self.apply(&request, &format!("person:{person}"), time)?;
        let holds = self.holds(&request, &applied, person, time)?;
        json(&Made { applied, holds })
    }
}

impl PluginOperations {
    /// Makes a change in the name of whoever `by` names, a person or a part of the host.
    fn apply(&self, request: &Request, by: &str, time: Timestamp) -> Result<Applied, Problem> {
        let terms = Terms {
            by,
            time,
            loader: &self.loader,
            live: &*self.live,
            needed: &|| bulkhead_session::needed(&self.store),
            record: &|recorded| self.record(recorded, by, time),
        };
        self.installed.apply(request, &terms)
    }

    /// Takes back a version that the session could not put in service after all: what serves there is active again.
    /// Another one that was put in service meanwhile stays.
    pub(crate) fn take_back(&self, refused: &Refused<'_>) {
        let change = Change::Swap {
            to: refused.serves.to_string(),
            settings: Settings::default(),
        };
        self.by_itself(refused.plugin, refused.digest, change, refused.why);
    }

    /// Disables a plugin that was given up.
    pub(crate) fn give_up(&self, given_up: &GivenUp) {
        let GivenUp {
            plugin,
            digest,
            reason,
        } = given_up;
        tracing::error!("plugin {plugin} was given up: {reason}");
        self.by_itself(plugin, *digest, Change::Disable, reason);
    }

    /// A change that the host makes by itself, and says so: of a comparison where this version is the one compared, of
    /// anything else where it is the active one. Where somebody was quicker, nothing is changed.
    pub(crate) fn by_itself(&self, plugin: &str, digest: Digest, change: Change, reason: &str) {
        let wanted = change.name();
        let made = self.installed.plugin(plugin).and_then(|known| {
            let concerned = |known: &InstalledPlugin| match change {
                Change::Promote | Change::StopShadow => {
                    known.shadow.as_ref().is_some_and(|it| it.digest == digest)
                }
                _ => known.active == digest,
            };
            let Some(known) = known.filter(concerned) else {
                return Ok(None);
            };
            let back = (known.previous.as_ref()).map(|one| one.digest.to_string());
            let change = match change {
                // With the configuration that it had.
                Change::Swap { to, .. } if Some(&to) == back.as_ref() => Change::Rollback,
                change => change,
            };
            let request = Request {
                plugin: plugin.to_owned(),
                change,
                reason: reason.to_owned(),
                expect: Some(known.revision),
            };
            self.apply(&request, "host", moment()).map(Some)
        });
        match made {
            Ok(None) => {}
            Ok(Some(applied)) => tracing::warn!("plugin {plugin}: {}: {reason}", applied.what),
            Err(problem) => {
                tracing::error!(
                    "plugin {plugin}: {wanted} failed: {problem}; wanted because {reason}"
                );
            }
        }
    }

    /// What a change means for a session that runs in this process: one that cannot heed it says so, and one whose
    /// strategy or broker is disabled opens nothing with it any more.
    fn holds(
        &self,
        request: &Request,
        applied: &Applied,
        person: &str,
        time: Timestamp,
    ) -> Result<String, Problem> {
        let runs = self.live.is_running();
        let said = match &request.change {
            Change::Enable => return self.lift(request, applied, person, time),
            Change::Disable if runs => return self.restrict(request, person, time),
            Change::Swap { .. } | Change::Rollback | Change::Promote if runs => taken(applied),
            Change::Shadow { .. } if runs => {
                "a session that runs the plugin mirrors calls to that version from its next moment on"
            }
            Change::ConfigSet(_) | Change::Grant(_) | Change::Revoke(_) if runs => {
                "a session that runs goes on as it began, and the next one heeds it"
            }
            _ => "",
        };
        Ok(said.to_owned())
    }

    /// Keeps a plugin that is disabled from opening anything, whether a session runs it already or is about to.
    fn restrict(
        &self,
        request: &Request,
        person: &str,
        time: Timestamp,
    ) -> Result<String, Problem> {
        let id = &request.plugin;
        let kind = self.installed.plugin(id)?.map(|plugin| plugin.kind);
        if !matches!(kind, Some(PluginKind::Strategy | PluginKind::Broker)) {
            return Ok(
                "a session that runs goes on with it to its end; `bulkhead halt` stops it"
                    .to_owned(),
            );
        }
        let latch = Latch {
            scope: Scope::Plugin(id.clone()),
            state: TradingState::ReduceOnly,
            actor: format!("person:{person}"),
            reason: format!("{}{}", disabled(id), request.reason),
            time,
            cancel_protection: false,
        };
        let scope = latch.scope.to_string();
        self.gate.raise(latch).map_err(|error| {
            let problem = Problem::from(error);
            let what = format!("plugin {id} is disabled, and {}", problem.what);
            Problem { what, ..problem }
        })?;
        Ok(format!(
            "a session that runs it only reduces positions from now on; what works stays, and `bulkhead halt --scope \
             {scope}` cancels it"
        ))
    }

    /// Lifts what disabling the plugin raised.
    fn lift(
        &self,
        request: &Request,
        applied: &Applied,
        person: &str,
        time: Timestamp,
    ) -> Result<String, Problem> {
        let id = &request.plugin;
        let scope = Scope::Plugin(id.clone());
        let latches = self.gate.latches();
        let held = latches.get(&scope);
        if held.is_some_and(|latch| latch.reason.starts_with(&disabled(id))) {
            let reason = format!("plugin {id} was enabled");
            self.gate
                .lower(&scope, person, &reason, time)
                .map_err(|error| {
                    let problem = Problem::from(error);
                    let what = format!(
                        "plugin {id} is enabled and still restricted: {}",
                        problem.what
                    );
                    let mend = format!("`bulkhead resume --scope {scope} --reason TEXT`, later");
                    Problem {
                        what,
                        mend,
                        ..problem
                    }
                })?;
        }
        let said = if self.live.is_running() {
            taken(applied)
        } else {
            ""
        };
        Ok(said.to_owned())
    }

    /// On disk when it returns.
    fn record(&self, recorded: &Recorded<'_>, by: &str, time: Timestamp) -> Result<(), Problem> {
        self.gate.note(Event {
            time,
            session: String::new(),
            actor: by.to_owned(),
            kind: Kind::Configuration,
            subject: format!("plugin:{}", recorded.request.plugin),
            body: json(recorded)?.to_string(),
        })?;
        Ok(self.gate.sync()?)
    }
}

/// What begins the reason of a restriction that disabling a plugin raised.
fn disabled(id: &str) -> String {
    format!("plugin {id} was disabled: ")
}

fn taken(applied: &Applied) -> &'static str {
    if applied.taken {
        "the session that runs takes it at its next moment"
    } else {
        "no session that runs takes it, and the next one does"
    }
}

/// The time of the clock in whole milliseconds: people read it.
fn moment() -> Timestamp {
    const MILLISECOND: i64 = 1_000_000;
    Timestamp(now().0 / MILLISECOND * MILLISECOND)
}

fn json(value: &impl serde::Serialize) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|error| {
        Problem::host(format!("a change has no JSON form: {error}"), "report this")
    })
}

/// What is installed in a state folder; `None` where nothing was ever kept in it.
pub(crate) fn installed(options: &GlobalOptions) -> Result<Option<Installed>, Problem> {
    if !kept::path(&options.state).is_file() {
        return Ok(None);
    }
    let store = kept::open(&options.state)?;
    Ok(Some(Installed::new(store, &options.state)))
}

/// The versions that runs need which have not ended, each with such a run.
pub(crate) fn needed(options: &GlobalOptions) -> Result<BTreeMap<Digest, String>, Problem> {
    bulkhead_session::needed(&kept::existing(&options.state)?)
}

/// Compiles what a change puts in service, so that nobody waits for that once the folder is owned: it is in the cache
/// then. What is wrong is said where the change is made.
fn compiled(options: &GlobalOptions, loader: &Loader, request: &Request) -> Option<()> {
    let installed = installed(options).ok()??;
    let plugin = installed.plugin(&request.plugin).ok()??;
    let digest = match &request.change {
        Change::Enable => plugin.active,
        Change::Swap { to, .. } | Change::Shadow { to, .. } => plugin.find(to).ok()?.digest,
        Change::Rollback => plugin.previous.as_ref()?.digest,
        Change::Promote => plugin.shadow.as_ref()?.digest,
        // What is installed was loaded by the command; the rest loads nothing.
        _ => return None,
    };
    let version = plugin.version(&digest)?;
    let component = installed.component(&plugin.id, version).ok()?;
    loader.load(&component).ok().map(drop)
}

/// Has a change made: by the owner of the state folder where there is one, else by this process in its place.
/// Tells whether there was one.
pub(crate) fn change(
    options: &GlobalOptions,
    loader: &Arc<Loader>,
    request: &Request,
) -> Result<(Made, bool), Problem> {
    compiled(options, loader, request);
    let change = json(request)?;
    let ask = Ask::Plugin {
        change: change.clone(),
    };
    let (applied, owned) = match owner::reach(&options.state, &ask, silent)? {
        Reached::Owner(Answer::Plugin { applied }) => (applied, true),
        Reached::Owner(answer) => return Err(owner::unexpected(answer)),
        Reached::Nobody(alone) => {
            let operations = Arc::new(PluginOperations {
                installed: Installed::new(alone.store.clone(), &options.state),
                store: alone.store.clone(),
                loader: Arc::clone(loader),
                gate: Arc::clone(&alone.gate),
                live: Arc::new(Alone(Installed::new(alone.store.clone(), &options.state))),
            });
            // An instance is started: whoever wants to stop trade meanwhile is answered, and so are other changes.
            let listening: Arc<dyn Operations> = Arc::<PluginOperations>::clone(&operations);
            let control = Control::start(&options.state, Arc::clone(&alone.gate), listening)?;
            let applied = operations.plugin(change, &person());
            drop(control);
            (applied?, false)
        }
    };
    let applied = serde_json::from_value(applied).map_err(|error| {
        Problem::host(
            format!("what became of the change cannot be read: {error}"),
            "use the `bulkhead` of the same version as the one that runs",
        )
    })?;
    Ok((applied, owned))
}

fn silent(owner: &str) -> Problem {
    Problem::host(
        format!("process {owner} owns this state folder and does not answer; nothing was changed"),
        "end that process, then repeat",
    )
}
