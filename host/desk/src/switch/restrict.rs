//! Raising and lifting restrictions: what holds is durable before it is acknowledged, and what had passed before
//! is answered.

use super::error::{Acknowledgement, GateError};
use super::gate::{FENCE_PATIENCE, Gate, Inner};
use super::latch::{Latch, Scope, TradingState};
use crate::audit::{AuditError, Event, Kind};
use bulkhead_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::PoisonError;

/// A restriction in the audit log, and why it was raised or lifted.
#[derive(Serialize, Deserialize)]
pub(super) struct LatchBody {
    pub(super) latch: Latch,
    reason: String,
}

impl Gate {
    /// Restricts trading. See the module's promises. Where as strict a restriction holds already, that
    /// one is acknowledged.
    ///
    /// # Errors
    /// [`GateError::NotDurable`] when it could not be made durable: it holds nevertheless, in this process.
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
        // A session that repeats its past says what it said then. What holds now is known already: a person may
        // have lifted it since.
        let Inner { then, latches, .. } = &mut *inner;
        let place = match then {
            Some(then) if !from_outside => then,
            _ => latches,
        };
        let news = place.raise(latch.clone());
        let held = place.get(&scope).cloned().unwrap_or_else(|| latch.clone());
        let recorded = if news {
            inner.record(
                Kind::Raised,
                &latch,
                (&latch.reason, &latch.actor, latch.time),
            )
        } else {
            Ok(())
        };
        let before = inner.passed;
        drop(inner);
        recorded
            .and_then(|()| self.durable())
            .map_err(GateError::NotDurable)?;
        let (inner, _) = self
            .answered
            .wait_timeout_while(self.lock(), FENCE_PATIENCE, |inner| {
                inner.unanswered.range(..=before).next().is_some()
            })
            .unwrap_or_else(PoisonError::into_inner);
        let in_flight = inner.unanswered.range(..=before).count();
        Ok(Acknowledgement {
            latch: held,
            in_flight: u32::try_from(in_flight).unwrap_or(u32::MAX),
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
            (reason, &format!("person:{person}"), time),
        )?;
        if let Some(writer) = inner.log.seal()? {
            // Under the lock: no send may see it lifted before it is.
            writer.flush().map_err(AuditError::from)?;
        }
        inner.latches.lower(scope);
        Ok(held)
    }
}

impl Inner {
    fn record(
        &mut self,
        kind: Kind,
        latch: &Latch,
        (reason, actor, time): (&str, &str, Timestamp),
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
}

/// Whether a restriction was raised by somebody other than the session that it restricts.
pub(super) fn is_from_outside(scope: &Scope, actor: &str) -> bool {
    !matches!(scope, Scope::Session(_))
        || actor.starts_with("person:")
        || actor.starts_with("agent:")
}
