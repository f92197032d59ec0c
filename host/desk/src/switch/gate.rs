//! What may pass to the broker, and the log of everything that did.

use super::latch::{Latch, Latches, Scope, Scopes, TradingState};
use super::table;
use crate::audit::{AuditError, AuditKey, AuditLog, Event, Kind, Record};
use crate::desk::Disposition;
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_store::{Store, StoreError, Writer, wait};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long [`Gate::raise`] waits for sends that had passed before it.
pub const FENCE_PATIENCE: Duration = Duration::from_secs(5);

/// Why the gate could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GateError {
    /// It could not be recorded.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// An automatic restriction wanted to close positions.
    #[error("an automatic restriction may not flatten; it was raised as halted")]
    AutomaticFlatten,
    /// There is nothing to lower.
    #[error("nothing is restricted in scope {0}")]
    NotRaised(Scope),
    /// A session is being resumed.
    #[error("a session is being resumed; nothing is lowered before it has caught up")]
    Resuming,
    /// Whoever lowers a restriction has to say why.
    #[error("lowering a restriction needs a reason")]
    NoReason,
}

impl From<GateError> for Problem {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Audit(error) => error.into(),
            GateError::NotRaised(_) => Problem::user(
                error.to_string(),
                "`bulkhead status` lists what is restricted",
            ),
            GateError::NoReason => Problem::user(error.to_string(), "give --reason TEXT"),
            GateError::Resuming => Problem::user(error.to_string(), "try again in a moment"),
            GateError::AutomaticFlatten => Problem::host(error.to_string(), "please report it"),
        }
    }
}

/// A restriction that holds, is on disk, and that nothing it forbids is ahead of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The restriction that holds now in the scope; stricter than the one asked for where one was.
    pub latch: Latch,
    /// Sends that had passed before and that the broker has not answered yet: their outcome is unknown.
    pub in_flight: u32,
}

/// Why the gate let an order not pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A restriction forbids it.
    #[error("trading is {} in scope {}: {}", .0.state, .0.scope, .0.reason)]
    Restricted(Latch),
    /// It could not be recorded, so it is not sent.
    #[error("not recorded: {0}")]
    NotRecorded(String),
}

struct Inner {
    log: AuditLog,
    /// What holds.
    latches: Latches,
    /// What held at this point of the past, while a resumed session repeats it. What it repeats does not
    /// reach the broker, so what holds now need not hold there.
    then: Option<Latches>,
    in_flight: u32,
    /// Where restrictions are kept, beside the log.
    writer: Option<Writer>,
}

/// The gate. Shared by whoever sends and whoever stops.
pub struct Gate {
    inner: Mutex<Inner>,
    answered: Condvar,
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
                in_flight: 0,
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that holds the lock leaves the state half-changed when it panics.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether what happens here is recorded.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.lock().log.is_kept()
    }

    /// Makes the gate repeat what a session left behind, under the restrictions that held when it began.
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

    /// Ends a session: its record is on disk when this returns, and the restrictions that were only its own
    /// end with it.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn end(&self, ended: Event) -> Result<(), AuditError> {
        let scope = Scope::Session(ended.session.clone());
        self.append(ended)?;
        let mut inner = self.lock();
        if inner.latches.lower(&scope).is_some()
            && let Some(writer) = &inner.writer
        {
            table::delete_latch(writer, &scope)?;
        }
        drop(inner);
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
        Ok(inner.here().clone())
    }

    /// The restrictions that hold.
    #[must_use]
    pub fn latches(&self) -> Latches {
        self.lock().latches.clone()
    }

    /// The next record of a resumed session's past, if it is of this kind and about this.
    #[must_use]
    pub fn past(&self, kind: Kind, subject: &str) -> Option<Event> {
        let mut inner = self.lock();
        inner.catch_up();
        inner
            .log
            .next_past()
            .filter(|record| record.event.kind == kind && record.event.subject == subject)
            .map(|record| record.event.clone())
    }

    /// Whether a resumed session has come to the end of what it had done.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let mut inner = self.lock();
        inner.catch_up();
        inner.log.next_past().is_none()
    }

    /// Returns once everything recorded so far is on disk.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn sync(&self) -> Result<(), AuditError> {
        // Restrictions must not wait for the disk.
        let writer = self.lock().log.seal()?;
        match writer {
            Some(writer) => Ok(writer.flush()?),
            None => Ok(()),
        }
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
        inner.in_flight += 1;
        Ok(Pass {
            gate: self,
            repeated,
        })
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
        inner.in_flight += 1;
        Ok(Pass {
            gate: self,
            repeated: true,
        })
    }

    /// Records dispositions, and returns once they are on disk: nothing can be sent before that.
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
            for disposition in &*dispositions {
                self.append(disposition.event(session))?;
            }
            self.sync()?;
        }
        for disposition in dispositions {
            disposition.mark_journalled();
        }
        Ok(())
    }

    /// Restricts trading. See the module's promises. Where as strict a restriction holds already, that
    /// one is acknowledged.
    ///
    /// # Errors
    /// [`GateError::Audit`] when it could not be made durable: it holds nevertheless, in this process.
    pub fn raise(&self, latch: Latch) -> Result<Acknowledgement, GateError> {
        let automatic = !latch.actor.starts_with("person:") && !latch.actor.starts_with("agent:");
        if automatic && latch.state == TradingState::Flatten {
            let halted = TradingState::Halted;
            self.raise(Latch {
                state: halted,
                ..latch
            })?;
            return Err(GateError::AutomaticFlatten);
        }
        let scope = latch.scope.clone();
        let mut inner = self.lock();
        inner.catch_up();
        let from_outside = is_from_outside(&latch.scope, &latch.actor);
        let news = match &mut inner.then {
            Some(then) if !from_outside => then.raise(latch.clone()),
            _ => !inner
                .latches
                .get(&scope)
                .is_some_and(|held| held.is_as_strict_as(&latch)),
        };
        inner.latches.raise(latch.clone());
        if news {
            inner.record(
                Kind::Raised,
                &latch,
                &latch.reason,
                &latch.actor,
                latch.time,
            )?;
            inner.keep(&latch)?;
        }
        let held = inner.latches.get(&scope).cloned().unwrap_or(latch);
        drop(inner);
        self.sync()?;
        let (inner, _) = self
            .answered
            .wait_timeout_while(self.lock(), FENCE_PATIENCE, |inner| inner.in_flight > 0)
            .unwrap_or_else(PoisonError::into_inner);
        Ok(Acknowledgement {
            latch: held,
            in_flight: inner.in_flight,
        })
    }

    /// Lifts a scope's restriction. Durable when it returns; it holds until then.
    ///
    /// # Errors
    /// [`GateError`]; the restriction then still holds.
    pub fn lower(
        &self,
        scope: &Scope,
        person: &str,
        reason: &str,
        time: Timestamp,
    ) -> Result<Latch, GateError> {
        if reason.trim().is_empty() {
            return Err(GateError::NoReason);
        }
        let mut inner = self.lock();
        inner.catch_up();
        if inner.log.next_past().is_some() {
            return Err(GateError::Resuming);
        }
        let held = inner
            .latches
            .get(scope)
            .cloned()
            .ok_or_else(|| GateError::NotRaised(scope.clone()))?;
        inner.record(
            Kind::Lowered,
            &held,
            reason,
            &format!("person:{person}"),
            time,
        )?;
        if let Some(writer) = &inner.writer {
            table::delete_latch(writer, scope).map_err(AuditError::from)?;
        }
        if let Some(writer) = inner.log.seal()? {
            // Under the lock: no send may see it lifted before it is.
            writer.flush().map_err(AuditError::from)?;
        }
        inner.latches.lower(scope);
        Ok(held)
    }
}

#[derive(Serialize, Deserialize)]
struct LatchBody {
    latch: Latch,
    reason: String,
}

impl Inner {
    fn record(
        &mut self,
        kind: Kind,
        latch: &Latch,
        reason: &str,
        actor: &str,
        time: Timestamp,
    ) -> Result<(), AuditError> {
        let body = LatchBody {
            latch: latch.clone(),
            reason: reason.to_owned(),
        };
        let session = match &latch.scope {
            Scope::Session(run) => run.clone(),
            _ => String::new(),
        };
        let event = Event {
            time,
            session,
            actor: actor.to_owned(),
            kind,
            subject: latch.scope.to_string(),
            body: serde_json::to_string(&body).unwrap_or_default(),
        };
        if is_from_outside(&latch.scope, actor) {
            self.log.append_new(event)
        } else {
            self.log.append(event)
        }
    }

    fn keep(&self, latch: &Latch) -> Result<(), AuditError> {
        match &self.writer {
            Some(writer) => Ok(table::write_latch(writer, latch)?),
            None => Ok(()),
        }
    }

    /// Restrictions come from outside a session, so a resumed session meets them where they were recorded.
    /// Those that it raised itself it will raise again.
    fn catch_up(&mut self) {
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
    fn here(&self) -> &Latches {
        self.then.as_ref().unwrap_or(&self.latches)
    }
}

/// Whether a restriction was raised by somebody other than the session that it restricts.
fn is_from_outside(scope: &Scope, actor: &str) -> bool {
    !matches!(scope, Scope::Session(_))
        || actor.starts_with("person:")
        || actor.starts_with("agent:")
}

impl Latches {
    /// Whether the restrictions let an order pass.
    pub(crate) fn allow(
        &self,
        order: &Scopes<'_>,
        reducing: bool,
        flatten: bool,
    ) -> Result<(), Refusal> {
        let Some(latch) = self.strictest(order) else {
            return Ok(());
        };
        let allowed = match latch.state {
            TradingState::Running => true,
            TradingState::ReduceOnly => reducing,
            TradingState::NoNewOrders | TradingState::Halted => false,
            TradingState::Flatten => flatten,
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::Restricted(latch.clone()))
        }
    }
}

/// Proof that an order passed. Keep it until the broker's answer is recorded.
#[must_use = "the send counts as answered once this is dropped"]
pub struct Pass<'a> {
    gate: &'a Gate,
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
        self.gate.lock().in_flight -= 1;
        self.gate.answered.notify_all();
    }
}

/// Opens the gate of a state folder whose [`super::GatewayLock`] the caller holds: the audit log at its end, and
/// the restrictions that hold.
///
/// # Errors
/// When the log, its key or the restrictions cannot be read, or the log's end is wrong.
pub fn open(store: &Store, folder: &Path) -> Result<Gate, Problem> {
    let key = AuditKey::open(&folder.join("audit.key"))?;
    let writer = store.writer()?;
    let log_writer = writer.clone();
    let opened = wait(async {
        let log = AuditLog::open(store, log_writer, key).await;
        Ok::<_, StoreError>((log, table::read_latches(store).await?))
    })?;
    let (log, latches) = opened;
    Ok(Gate::new(log?, latches, Some(writer)))
}
