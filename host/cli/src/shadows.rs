//! Comparisons that a session runs: what they come to is kept, judged by their rules, and acted on.
//!
//! One thread of the process that owns the state folder looks every [`EVERY`]: it writes what changed, promotes a
//! candidate whose rule is automatic and holds, ends the comparison of one that its rule refuses, and rolls back a
//! promoted version whose first calls fail or whose breaker opens. It changes what is installed as an operator does,
//! in the name of the host and with the figures as the reason, so the session swaps as it would for a person.

use crate::compared::reason;
use crate::halt::now;
use crate::operations::PluginOperations;
use bulkhead_domain::{Digest, Problem};
use bulkhead_registry::promotion::{Outcome, Rule, Verdict, Watch, Watched, judge, watch};
use bulkhead_registry::shadow::{Comparison, NoShare, Share};
use bulkhead_registry::{Applied, Change, Config, Installed, InstalledPlugin, Kept, Live, Ready};
use bulkhead_sandbox::{Loader, Plugin};
use bulkhead_session::{Compared, Counted, Shadows};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often comparisons are looked at.
const EVERY: Duration = Duration::from_millis(100);

/// How often one that changes is written.
const WRITTEN: Duration = Duration::from_secs(1);

/// Longest that the end of the process waits for what candidates have still to answer.
const SETTLED: Duration = Duration::from_secs(2);

/// A comparison as it is followed.
struct Known {
    kept: Kept,
    rule: Option<Rule>,
    written: Instant,
    /// Whether it was judged for good.
    over: bool,
}

/// A promoted version as it is watched.
struct Watching {
    rule: Watch,
    /// What it had come to when this process began.
    before: Watched,
    written: (Instant, Counted),
}

#[derive(Default)]
struct Books {
    known: BTreeMap<String, Known>,
    watching: BTreeMap<String, Watching>,
}

/// Follows what is compared in this process.
pub(crate) struct Keeper {
    installed: Installed,
    loader: Arc<Loader>,
    shadows: Arc<Shadows>,
    books: Mutex<Books>,
}

/// The thread that looks. Dropping it takes a last look.
pub(crate) struct Keeping {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves lists and counts whole.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes a plugin where nothing runs: what is compared and promoted is kept for the next session.
pub(crate) struct Alone(pub(crate) Installed);

impl Live for Alone {
    fn ready(&self, _: &Plugin, _: &Config) -> Result<Vec<Box<dyn Ready>>, Problem> {
        Ok(Vec::new())
    }

    fn is_running(&self) -> bool {
        false
    }

    fn changed(&self, applied: &Applied) {
        if let Err(problem) = noted(&self.0, applied) {
            tracing::error!("{problem}");
        }
    }
}

/// Keeps that a comparison begins, that a compared version was promoted and is watched from now on, and that another
/// one serves.
fn noted(installed: &Installed, applied: &Applied) -> Result<(), Problem> {
    let id = &applied.plugin;
    match applied.change.as_str() {
        "shadow" => {
            let plugin = installed.plugin(id)?;
            if let Some(shadow) = plugin.and_then(|plugin| plugin.shadow) {
                let kept = Kept {
                    begun: applied.number,
                    candidate: shadow.digest,
                    comparison: Comparison::default(),
                    rule: shadow.rule,
                    watched: None,
                };
                installed.keep(id, &kept)?;
            }
        }
        "promote" => {
            if let Some(kept) = installed.kept(id)? {
                let watched = Some(Watched {
                    since: now(),
                    calls: 0,
                    failures: 0,
                    breaker: None,
                });
                installed.keep(id, &Kept { watched, ..kept })?;
            }
        }
        "swap" | "rollback" => {
            if let Some(kept) = installed.kept(id)?.filter(|kept| kept.watched.is_some()) {
                let watched = None;
                installed.keep(id, &Kept { watched, ..kept })?;
            }
        }
        _ => {}
    }
    Ok(())
}

impl Keeper {
    /// Follows everything that is installed.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn new(installed: Installed, loader: Arc<Loader>) -> Result<Keeper, Problem> {
        let keeper = Keeper {
            installed,
            loader,
            shadows: Arc::default(),
            books: Mutex::default(),
        };
        for plugin in keeper.installed.plugins()? {
            keeper.follow(&plugin.id, Some(&plugin));
        }
        Ok(keeper)
    }

    /// What the session mirrors its calls to.
    pub(crate) fn shadows(&self) -> &Arc<Shadows> {
        &self.shadows
    }

    /// A change was made.
    pub(crate) fn changed(&self, applied: &Applied) {
        let id = &applied.plugin;
        self.write(id);
        let followed = noted(&self.installed, applied).and_then(|()| self.installed.plugin(id));
        match followed {
            Ok(plugin) => self.follow(id, plugin.as_ref()),
            Err(problem) => {
                tracing::error!("comparisons of plugin {id} are not followed: {problem}")
            }
        }
    }

    fn follow(&self, id: &str, plugin: Option<&InstalledPlugin>) {
        let plugin = plugin.filter(|plugin| plugin.standing.enabled);
        let followed = self
            .follow_comparison(id, plugin)
            .and_then(|()| self.follow_promoted(id, plugin));
        if let Err(problem) = followed {
            tracing::error!("comparisons of plugin {id} are not followed: {problem}");
        }
    }

    fn follow_comparison(&self, id: &str, plugin: Option<&InstalledPlugin>) -> Result<(), Problem> {
        let compared = plugin.and_then(|plugin| Some((plugin, plugin.shadow.as_ref()?)));
        let Some((plugin, shadow)) = compared else {
            locked(&self.books).known.remove(id);
            self.shadows.compare(id, None);
            return Ok(());
        };
        let begun = self.installed.begun(id)?;
        let same = |known: &Known| known.kept.begun == begun;
        if locked(&self.books).known.get(id).is_some_and(same) {
            return Ok(());
        }
        let Some(version) = plugin.version(&shadow.digest) else {
            return Ok(());
        };
        let candidate = self.loader.load(&self.installed.component(id, version)?)?;
        let before = self.installed.kept(id)?;
        let before = before.filter(|kept| kept.begun == begun);
        let kept = Kept {
            begun,
            candidate: shadow.digest,
            comparison: before.map_or_else(Comparison::default, |kept| kept.comparison),
            rule: shadow.rule.clone(),
            watched: None,
        };
        let share = Share::try_from(f64::from(shadow.percent));
        let compared = Compared {
            candidate,
            active: plugin.active,
            share: share.map_err(|error: NoShare| Problem::host(error.to_string(), "report it"))?,
            before: kept.comparison.clone(),
        };
        let known = Known {
            rule: shadow.rule()?,
            kept,
            written: Instant::now(),
            over: false,
        };
        locked(&self.books).known.insert(id.to_owned(), known);
        self.shadows.compare(id, Some(compared));
        Ok(())
    }

    fn follow_promoted(&self, id: &str, plugin: Option<&InstalledPlugin>) -> Result<(), Problem> {
        let kept = self.installed.kept(id)?;
        let kept = kept.filter(|kept| plugin.is_some_and(|it| it.active == kept.candidate));
        let watched = kept.and_then(|kept| Some((kept.watched.clone()?, kept)));
        let mut books = locked(&self.books);
        let Some((before, kept)) = watched else {
            books.watching.remove(id);
            self.shadows.watch(id, None);
            return Ok(());
        };
        if books.watching.contains_key(id) {
            return Ok(());
        }
        let rule = kept.rule()?.unwrap_or_default().watch;
        let watching = Watching {
            rule,
            before,
            written: (Instant::now(), Counted::default()),
        };
        books.watching.insert(id.to_owned(), watching);
        self.shadows.watch(id, Some(kept.candidate));
        Ok(())
    }

    /// Writes what a comparison has come to.
    fn write(&self, id: &str) {
        let Some(comparison) = self.shadows.comparison(id) else {
            return;
        };
        let mut books = locked(&self.books);
        let Some(known) = books.known.get_mut(id) else {
            return;
        };
        if known.kept.comparison == comparison {
            return;
        }
        known.kept.comparison = comparison;
        known.written = Instant::now();
        let kept = known.kept.clone();
        drop(books);
        if let Err(problem) = self.installed.keep(id, &kept) {
            tracing::error!("the comparison of plugin {id} could not be kept: {problem}");
        }
    }

    /// Looks at everything once; `last` writes all of it.
    fn look(&self, operations: &PluginOperations, last: bool) {
        let ids = |books: &Books| -> (Vec<String>, Vec<String>) {
            let known = books.known.iter().filter(|(_, known)| !known.over);
            let watching = books.watching.keys().cloned();
            (
                known.map(|(id, _)| id.clone()).collect(),
                watching.collect(),
            )
        };
        let (known, watching) = ids(&locked(&self.books));
        for id in watching {
            self.look_at_promoted(&id, operations, last);
        }
        for id in known {
            self.look_at(&id, operations, last);
        }
    }

    fn look_at(&self, id: &str, operations: &PluginOperations, last: bool) {
        let due = |known: &Known| last || known.written.elapsed() >= WRITTEN;
        if locked(&self.books).known.get(id).is_some_and(due) {
            self.write(id);
        }
        let Some(comparison) = self.shadows.comparison(id) else {
            return;
        };
        let mut books = locked(&self.books);
        let Some(known) = books.known.get_mut(id) else {
            return;
        };
        let act = if let Some(why) = self.shadows.refused(id) {
            Some((
                Change::StopShadow,
                format!("the session cannot ask it: {why}"),
            ))
        } else if let Some(rule) = &known.rule {
            match judge(rule, &comparison) {
                Verdict::Promote if rule.automatic => {
                    Some((Change::Promote, reason(rule, &comparison)))
                }
                Verdict::Reject(why) => Some((Change::StopShadow, why)),
                Verdict::Promote | Verdict::Wait(_) => None,
            }
        } else {
            None
        };
        // Done once: what could not be done is not tried again and again.
        known.over = act.is_some();
        let candidate = known.kept.candidate;
        drop(books);
        if let Some((change, why)) = act {
            operations.by_itself(id, candidate, change, &why);
        }
    }

    fn look_at_promoted(&self, id: &str, operations: &PluginOperations, last: bool) {
        let Some(counted) = self.shadows.watched(id) else {
            return;
        };
        let mut books = locked(&self.books);
        let Some(watching) = books.watching.get_mut(id) else {
            return;
        };
        let watched = Watched {
            since: watching.before.since,
            calls: watching.before.calls + counted.calls,
            failures: watching.before.failures + counted.failures,
            breaker: counted.breaker.clone(),
        };
        let outcome = watch(&watching.rule, &watched, now());
        let (written, known) = &watching.written;
        let due = *known != counted && (last || written.elapsed() >= WRITTEN);
        watching.written = match due {
            true => (Instant::now(), counted),
            false => (*written, known.clone()),
        };
        if outcome != Outcome::Watching {
            books.watching.remove(id);
        }
        drop(books);
        let kept = match &outcome {
            Outcome::Watching if !due => return,
            Outcome::Watching => Some(watched),
            Outcome::Kept | Outcome::RollBack(_) => {
                self.shadows.watch(id, None);
                None
            }
        };
        let promoted = match self.keep_watched(id, kept) {
            Ok(promoted) => promoted,
            Err(problem) => {
                tracing::error!("the calls of plugin {id} could not be kept: {problem}");
                None
            }
        };
        if let (Outcome::RollBack(why), Some(promoted)) = (outcome, promoted) {
            operations.by_itself(id, promoted, Change::Rollback, &why);
        }
    }

    /// Keeps the calls of a promoted version, and gives that version.
    fn keep_watched(&self, id: &str, watched: Option<Watched>) -> Result<Option<Digest>, Problem> {
        let Some(kept) = self.installed.kept(id)? else {
            return Ok(None);
        };
        let promoted = kept.candidate;
        self.installed.keep(id, &Kept { watched, ..kept })?;
        Ok(Some(promoted))
    }

    /// Starts the thread that looks.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub(crate) fn start(
        self: &Arc<Self>,
        operations: Arc<PluginOperations>,
    ) -> Result<Keeping, Problem> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (keeper, stopping) = (Arc::clone(self), Arc::clone(&stop));
        let run = move || {
            let (stop, told) = &*stopping;
            loop {
                let stopped = told.wait_timeout_while(locked(stop), EVERY, |stopped| !*stopped);
                let (stopped, _) = stopped.unwrap_or_else(PoisonError::into_inner);
                if *stopped {
                    break;
                }
                drop(stopped);
                keeper.look(&operations, false);
            }
            let begun = Instant::now();
            while keeper.shadows.waiting() > 0 && begun.elapsed() < SETTLED {
                std::thread::sleep(Duration::from_millis(5));
            }
            keeper.look(&operations, true);
            // Ends the candidates' threads.
            for id in locked(&keeper.books).known.keys() {
                keeper.shadows.compare(id, None);
            }
        };
        let thread = std::thread::Builder::new().name("shadows".to_owned());
        let thread = thread.spawn(run).map_err(|error| {
            Problem::host(
                format!("there is no thread to follow comparisons: {error}"),
                "free some threads",
            )
        })?;
        Ok(Keeping {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        let (stop, told) = &*self.stop;
        *locked(stop) = true;
        told.notify_all();
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}
