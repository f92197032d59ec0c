//! What may pass to the broker, and the log of everything that did.

use super::error::Refusal;
use super::fold::read_latches;
use super::latch::{Latches, Scope, Scopes};
use super::restrict::{LatchBody, is_from_outside};
use crate::audit::{AuditError, AuditKey, AuditLog, Event, Kind, Record, is_begun};
use crate::desk::Disposition;
use bulkhead_domain::Problem;
use bulkhead_store::{Store, StoreError, Writer, wait};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long [`Gate::raise`] waits for sends that had passed before it.
pub const FENCE_PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Inner {
    pub(super) log: AuditLog,
    /// What holds.
    pub(super) latches: Latches,
    /// What held at this point of the past, while a resumed session repeats it. What it repeats does not
    /// reach the broker, so what holds now need not hold there.
    pub(super) then: Option<Latches>,
    /// Sends that passed so far; numbers them.
    pub(super) passed: u64,
    /// Those that are not answered yet.
    pub(super) unanswered: BTreeSet<u64>,
    /// Where the log is kept.
    writer: Option<Writer>,
}

/// The gate. Shared by whoever sends and whoever stops.
pub struct Gate {
    inner: Mutex<Inner>,
    pub(super) answered: Condvar,
}

impl Gate {
    /// A gate that records in `log`, with the restrictions that hold already.
    #[must_use]
    pub fn new(log: AuditLog, latches: Latches, writer: Option<Writer>) -> Gate {
        Gate {
            inner: Mutex::new(Inner {
                log,
                latches,
                then: None,
                passed: 0,
                unanswered: BTreeSet::new(),
                writer,
            }),
            answered: Condvar::new(),
        }
    }

    /// A gate that records nothing and restricts nothing yet.
    #[must_use]
    pub fn unrecorded() -> Gate {
        Gate::new(AuditLog::none(), Latches::default(), None)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that holds the lock leaves the state half-changed when it panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what happens here is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.lock().log.is_kept()
    }

    /// Makes the gate repeat what a session left behind, under the restrictions that held when it began. What
    /// is raised from outside meanwhile holds at once, for what the session does once it has caught up.
    pub fn repeat(&self, past: Vec<Record>, then: Latches) {
        let mut inner = self.lock();
        inner.then = (!past.is_empty()).then_some(then);
        inner.log.repeat(past);
    }

    /// Records what a person did, whatever a resumed session still has to repeat.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn note(&self, event: Event) -> Result<(), AuditError> {
        self.lock().log.append_new(event)
    }

    /// Records an event that says which restrictions hold at that very point of the log; in a resumed session
    /// those that held there.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn append_under(&self, event: impl FnOnce(&Latches) -> Event) -> Result<(), AuditError> {
        let mut inner = self.lock();
        inner.catch_up();
        let event = event(inner.here());
        inner.log.append(event)
    }

    /// Ends the run of a session that is left behind: nothing trades in it any more.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn abandon(&self, ended: Event) -> Result<(), AuditError> {
        let scope = Scope::Session(ended.session.clone());
        let mut inner = self.lock();
        inner.log.append_new(ended)?;
        inner.latches.lower(&scope);
        Ok(())
    }

    /// Ends a session: its record is on disk when this returns, and the restrictions that were only its own
    /// end with it.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn end(&self, ended: Event) -> Result<(), AuditError> {
        let scope = Scope::Session(ended.session.clone());
        self.append(ended)?;
        self.lock().latches.lower(&scope);
        self.sync()
    }

    /// The writer that everything recorded goes through. What belongs to a session has to go through it
    /// too, so that what is on disk is always a prefix of what happened.
    #[must_use]
    pub fn writer(&self) -> Option<Writer> {
        self.lock().writer.clone()
    }

    /// Records an event. Restrictions that the record of a resumed session has before it come to hold first.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn append(&self, event: Event) -> Result<(), AuditError> {
        let mut inner = self.lock();
        inner.catch_up();
        inner.log.append(event)
    }

    /// Records an event and gives the restrictions as they are at that very point of the log.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn observe(&self, event: Event) -> Result<Latches, AuditError> {
        let mut inner = self.lock();
        inner.catch_up();
        inner.log.append(event)?;
        let here = inner.here().clone();
        let writer = inner.writer.clone();
        drop(inner);
        // A session that races through history must not leave the database behind.
        writer.as_ref().inspect(|writer| writer.keep_up());
        Ok(here)
    }

    /// The restrictions that hold.
    #[must_use]
    pub fn latches(&self) -> Latches {
        self.lock().latches.clone()
    }

    /// The next record of a resumed session's past, if it is of this kind and about this.
    #[must_use]
    pub fn past(&self, kind: Kind, subject: &str) -> Option<Event> {
        self.past_of(kind).filter(|event| event.subject == subject)
    }

    /// The next record of a resumed session's past, if it is of this kind.
    #[must_use]
    pub fn past_of(&self, kind: Kind) -> Option<Event> {
        let mut inner = self.lock();
        inner.catch_up();
        inner
            .log
            .next_past()
            .filter(|record| record.event.kind == kind)
            .map(|record| record.event.clone())
    }

    /// Whether a resumed session has come to the end of what it had done.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let mut inner = self.lock();
        inner.catch_up();
        inner.log.next_past().is_none()
    }

    /// Returns once everything recorded so far is on disk, in the database, where other processes see it.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn sync(&self) -> Result<(), AuditError> {
        self.sealed(Writer::flush)
    }

    /// Returns once everything recorded so far is durable; the database has it a moment later.
    pub(super) fn durable(&self) -> Result<(), AuditError> {
        self.sealed(Writer::sync)
    }

    /// Queues the head and waits for everything recorded so far, as long as `until` does.
    fn sealed(
        &self,
        until: impl FnOnce(&Writer) -> Result<(), StoreError>,
    ) -> Result<(), AuditError> {
        // Restrictions must not wait for the disk.
        let writer = self.lock().log.seal()?;
        Ok(writer.as_ref().map_or(Ok(()), until)?)
    }

    /// Lets an order pass, or says why not; `sent` is recorded when it passes. The send counts as in
    /// flight until the pass is dropped.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn pass(
        &self,
        order: &Scopes<'_>,
        reducing: bool,
        flatten: bool,
        sent: Event,
    ) -> Result<Pass<'_>, Refusal> {
        let mut inner = self.lock();
        inner.catch_up();
        inner.here().allow(order, reducing, flatten)?;
        let repeated = inner.log.next_past().is_some();
        inner
            .log
            .append(sent)
            .map_err(|error| Refusal::NotRecorded(error.to_string()))?;
        Ok(self.let_pass(inner, repeated))
    }

    /// Whether an order that a resumed session had let pass, and that never reached the broker, may still
    /// be sent.
    ///
    /// # Errors
    /// [`Refusal::Restricted`].
    pub fn pass_again(
        &self,
        order: &Scopes<'_>,
        reducing: bool,
        flatten: bool,
    ) -> Result<Pass<'_>, Refusal> {
        let mut inner = self.lock();
        inner.catch_up();
        inner.latches.allow(order, reducing, flatten)?;
        Ok(self.let_pass(inner, true))
    }

    fn let_pass(&self, mut inner: MutexGuard<'_, Inner>, repeated: bool) -> Pass<'_> {
        inner.passed += 1;
        let number = inner.passed;
        inner.unanswered.insert(number);
        Pass {
            gate: self,
            number,
            repeated,
        }
    }

    /// Records dispositions, and returns once those that become orders are durable: none can be sent before that.
    /// The database has them a moment later; whoever goes on after this process does so from an opening, which
    /// has them.
    ///
    /// # Errors
    /// [`AuditError`]; none of them may be sent then, and the gateway refuses them.
    pub fn journal(
        &self,
        session: &str,
        dispositions: &mut [Disposition],
    ) -> Result<(), AuditError> {
        if dispositions.is_empty() {
            return Ok(());
        }
        if self.is_recorded() {
            for disposition in &mut *dispositions {
                let repeated = !self.is_live();
                self.append(disposition.event(session))?;
                disposition.mark_journalled(repeated);
            }
            // A cancellation waits for nothing.
            if dispositions.iter().any(Disposition::is_sent) {
                self.durable()?;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Restrictions come from outside a session, so a resumed session meets them where they were recorded.
    /// Those that it raised itself it will raise again.
    pub(super) fn catch_up(&mut self) {
        while let Some(record) = self.log.next_past() {
            let event = &record.event;
            if !matches!(event.kind, Kind::Raised | Kind::Lowered) {
                return;
            }
            let Ok(body) = serde_json::from_str::<LatchBody>(&event.body) else {
                return;
            };
            if !is_from_outside(&body.latch.scope, &event.actor) {
                return;
            }
            if let Some(then) = &mut self.then {
                if event.kind == Kind::Lowered {
                    then.lower(&body.latch.scope);
                } else {
                    then.raise(body.latch);
                }
            }
            self.log.take_past();
        }
        self.then = None;
    }

    /// The restrictions at this point of the log.
    pub(super) fn here(&self) -> &Latches {
        self.then.as_ref().unwrap_or(&self.latches)
    }
}

/// Proof that an order passed. Keep it until the broker's answer is recorded.
#[must_use = "the send counts as answered once this is dropped"]
pub struct Pass<'a> {
    gate: &'a Gate,
    number: u64,
    repeated: bool,
}

impl Pass<'_> {
    /// Whether a resumed session let it pass before its process ended.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.repeated
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.gate.lock().unanswered.remove(&self.number);
        self.gate.answered.notify_all();
    }
}

/// Opens the gate of a state folder whose [`super::GatewayLock`] the caller holds: the audit log at its end, and
/// the restrictions that hold.
///
/// # Errors
/// When the log, its key or the restrictions cannot be read, the log's end or what it says of restrictions is
/// not what was sealed, or there is a key whose log is gone.
pub fn open(store: &Store, folder: &Path) -> Result<Gate, Problem> {
    // First of all: what an earlier process left in the journal is in the database after that.
    let writer = store.journalled_writer()?;
    let path = folder.join("audit.key");
    let key = if wait(is_begun(store))? {
        AuditKey::read(&path)?
    } else {
        AuditKey::make(&path)?
    };
    let log_writer = writer.clone();
    let opened = wait(async {
        let log = AuditLog::open(store, log_writer, key).await;
        Ok::<_, StoreError>((log, read_latches(store).await?))
    })?;
    let (log, latches) = opened;
    let log = log?;
    AuditKey::keep(&path)?;
    Ok(Gate::new(log, latches, Some(writer)))
}
