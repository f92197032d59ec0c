//! Making a change: everything that can fail first, then one transaction, then service.
//!
//! The order is the promise. What is to serve is loaded, started and made ready beside what serves; the change
//! is recorded, and on disk; one transaction compares and writes; then the new version serves. A process that
//! ends before the transaction leaves everything as it was, one that ends after it has made the change.

use super::change::{Applied, Change, Recorded, Request, Terms};
use super::compared::enough;
use super::live::Ready;
use super::plan::{Asked, Plan, plan};
use super::state::{InstalledPlugin, Past, Version};
use super::verify::verified;
use super::{Installed, tables};
use crate::config::check_for;
use bulkhead_domain::{Digest, Problem};
use bulkhead_store::{StoreError, wait};
use std::sync::PoisonError;

/// A component that is to be installed.
struct Component {
    bytes: Vec<u8>,
    version: Version,
    /// Whether it is there already, whole.
    kept: bool,
}

impl Installed {
    /// Makes a change, or changes nothing and says why.
    ///
    /// # Errors
    /// One line: what was asked for makes no sense, a version does not load or start or its configuration breaks its
    /// schema, an unfinished run needs what is to be uninstalled, somebody else was quicker (who, and when), it
    /// could not be recorded, or the store is locked or full.
    pub fn apply(&self, request: &Request, terms: &Terms<'_>) -> Result<Applied, Problem> {
        let id = &request.plugin;
        let before = self.plugin(id)?;
        let component = self.component_of(request, terms)?;
        let last = self.history(id)?.last().map_or(0, |past| past.generation);
        self.expected(request, before.as_ref())?;
        let asked = Asked {
            by: terms.by,
            time: terms.time,
            new: component
                .as_ref()
                .map(|component| component.version.clone()),
            whole: component.as_ref().is_none_or(|component| component.kept),
            last,
        };
        let plan = plan(before.as_ref(), request, asked)?;
        needed(request, before.as_ref(), &plan, terms)?;
        let ready = self.make_ready(&plan, id, before.as_ref(), component.as_ref(), terms)?;

        // From here on one change at a time: what serves follows what is written.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let number = self.still(id, before.as_ref())?;
        if let Some(component) = component.as_ref().filter(|component| !component.kept) {
            self.components
                .put(&component.version.digest, &component.bytes)?;
        }
        let made = self.write(number, request, terms, before.as_ref(), &plan);
        if made.is_err() {
            self.forget(component.as_ref(), before.as_ref());
        }
        let mut applied = made?;
        applied.taken = !ready.is_empty();
        for one in ready {
            one.serve();
        }
        for version in plan.removed(before.as_ref()) {
            self.components.remove(&version.digest);
        }
        terms.live.changed(&applied);
        Ok(applied)
    }

    /// The component that a request wants installed.
    fn component_of(
        &self,
        request: &Request,
        terms: &Terms<'_>,
    ) -> Result<Option<Component>, Problem> {
        let Change::Install { file, digest, .. } = &request.change else {
            return Ok(None);
        };
        let here = |problem: Problem| problem.in_file(file);
        let bytes = bulkhead_sandbox::read_component(file).map_err(here)?;
        let manifest = bulkhead_manifest::read_section(&bytes).map_err(|error| {
            here(Problem::user(
                error.to_string(),
                "rebuild it with `bulkhead plugin build`",
            ))
        })?;
        let version = Version {
            digest: *digest,
            manifest,
            bytes: bytes.len() as u64,
            installed: terms.time,
            by: terms.by.to_owned(),
        };
        // Checked in full before anything is said of it.
        verified(terms.loader, &bytes, &request.plugin, digest).map_err(here)?;
        let kept = self.components.get(digest, "it").is_ok();
        Ok(Some(Component {
            bytes,
            version,
            kept,
        }))
    }

    /// Loads what the plan wants, and has it made ready where it is to serve.
    fn make_ready(
        &self,
        plan: &Plan,
        id: &str,
        before: Option<&InstalledPlugin>,
        component: Option<&Component>,
        terms: &Terms<'_>,
    ) -> Result<Vec<Box<dyn Ready>>, Problem> {
        let (Some(digest), None) = (&plan.load, component) else {
            return Ok(Vec::new());
        };
        let label = before
            .and_then(|before| before.version(digest))
            .map_or_else(|| digest.short(), Version::label);
        let label = format!("plugin {id} {label}");
        let bytes = self.components.get(digest, &label)?;
        let plugin = verified(terms.loader, &bytes, id, digest)?;
        let shadow = (plan.after.as_ref()).and_then(|after| after.shadow.as_ref());
        if let Some(shadow) = shadow.filter(|shadow| shadow.digest == *digest) {
            enough(&plugin, shadow.percent)?;
        }
        match plan.after.as_ref().filter(|_| plan.serve) {
            Some(after) => terms.live.ready(&plugin, after.config_of(digest)),
            None => Ok(Vec::new()),
        }
    }

    /// The number that the change will have, while the plugin is as it was. Takes the write lock for a moment:
    /// a store that is locked fails here, before anything is recorded.
    fn still(&self, id: &str, before: Option<&InstalledPlugin>) -> Result<u64, Problem> {
        let revision = before.map(|before| before.revision);
        let number = wait(async {
            let mut transaction = self.store.begin().await?;
            tables::next(&mut transaction, id, revision).await
        })
        .map_err(unchanged)?;
        number.ok_or_else(|| self.lost(id))
    }

    /// Records the change, then makes it.
    fn write(
        &self,
        number: u64,
        request: &Request,
        terms: &Terms<'_>,
        before: Option<&InstalledPlugin>,
        plan: &Plan,
    ) -> Result<Applied, Problem> {
        let Some(state) = plan.after.as_ref().or(before) else {
            return Err(Problem::host(
                "there is nothing to change",
                "please report it",
            ));
        };
        let mut recorded = Recorded {
            number,
            request,
            what: &plan.what,
            generation: state.generation,
            active: state.active,
            not_made: None,
        };
        (terms.record)(&recorded).map_err(|problem| Problem {
            what: format!("{}; nothing was changed", problem.what),
            ..problem
        })?;
        let past = Past {
            number,
            time: terms.time,
            by: terms.by.to_owned(),
            plugin: request.plugin.clone(),
            change: request.change.name().to_owned(),
            what: plan.what.clone(),
            reason: request.reason.clone(),
            generation: state.generation,
            active: state.active,
        };
        let written = wait(async {
            let transaction = self.store.begin().await?;
            tables::write(transaction, before, plan.after.as_ref(), &past).await
        });
        let problem = match written {
            Ok(true) => {
                let revision = before.map_or(1, |before| before.revision + 1);
                return Ok(applied(past, plan, state, revision));
            }
            Ok(false) => self.lost(&request.plugin),
            Err(error) => unchanged(error),
        };
        recorded.not_made = Some(problem.to_string());
        // Where that fails too, the number says it: no history has it.
        let _ = (terms.record)(&recorded);
        Err(problem)
    }

    /// Removes a component that was put down for nothing.
    fn forget(&self, component: Option<&Component>, before: Option<&InstalledPlugin>) {
        if let Some(Component {
            version,
            kept: false,
            ..
        }) = component
            && before
                .and_then(|before| before.version(&version.digest))
                .is_none()
        {
            self.components.remove(&version.digest);
        }
    }

    fn expected(&self, request: &Request, before: Option<&InstalledPlugin>) -> Result<(), Problem> {
        let Some((expected, before)) = request.expect.zip(before) else {
            return Ok(());
        };
        if expected == before.revision {
            return Ok(());
        }
        let lost = self.lost(&request.plugin);
        Err(Problem {
            what: format!(
                "revision {expected} was expected and this is {}: {}",
                before.revision, lost.what
            ),
            ..lost
        })
    }

    /// Whoever comes second is told who was first.
    fn lost(&self, id: &str) -> Problem {
        let mend =
            format!("look at `bulkhead plugin history {id}`, then repeat what is still wanted");
        match self.history(id).map(|mut history| history.pop()) {
            Ok(Some(past)) => Problem::user(
                format!(
                    "plugin {id} was changed by {} at {}: {}",
                    past.by, past.time, past.what
                ),
                mend,
            ),
            Ok(None) => Problem::user(format!("plugin {id} was changed meanwhile"), mend),
            Err(problem) => problem,
        }
    }
}

/// Refuses to remove what an unfinished run needs, unless that is meant.
fn needed(
    request: &Request,
    before: Option<&InstalledPlugin>,
    plan: &Plan,
    terms: &Terms<'_>,
) -> Result<(), Problem> {
    let removed: Vec<&Version> = plan.removed(before).collect();
    if removed.is_empty() || matches!(request.change, Change::Uninstall { force: true, .. }) {
        return Ok(());
    }
    let needed = (terms.needed)()?;
    let first = removed
        .iter()
        .find_map(|version| Some((version, needed.get(&version.digest)?)));
    match first {
        None => Ok(()),
        Some((version, run)) => Err(Problem::user(
            format!(
                "run {run} has not ended and needs {} of plugin {}",
                version.label(),
                request.plugin
            ),
            "let it end (`bulkhead paper` resumes one that was killed, `--fresh` leaves it behind), or give --force",
        )),
    }
}

/// A store that failed, where that changed nothing.
fn unchanged(error: StoreError) -> Problem {
    let problem = Problem::from(error);
    Problem {
        what: format!("{}; nothing was changed", problem.what),
        ..problem
    }
}

fn applied(past: Past, plan: &Plan, state: &InstalledPlugin, revision: u64) -> Applied {
    let label = |digest: &Digest| {
        (state.version(digest)).map_or_else(
            || digest.short(),
            |version| version.manifest.version.clone(),
        )
    };
    let active = state
        .version(&state.active)
        .filter(|_| plan.after.is_some());
    Applied {
        number: past.number,
        plugin: past.plugin,
        change: past.change,
        what: past.what,
        version: label(&state.active),
        active: state.active,
        generation: state.generation,
        revision,
        enabled: plan.after.is_some() && state.standing.enabled,
        taken: false,
        lacks: active.and_then(|version| {
            let problem = check_for(version, &state.config, true).err()?;
            Some(problem.to_string())
        }),
    }
}
