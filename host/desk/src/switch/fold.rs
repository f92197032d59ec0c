//! The restrictions that hold, as the audit log tells it: there is no other record of them.
//! [`crate::audit::AuditLog::open`] proves that what is read here is what was sealed.

use super::latch::{Latch, Latches, Scope, TradingState};
use super::restrict::LatchBody;
use crate::audit::{Kind, Record, restrictions};
use bulkhead_domain::Timestamp;
use bulkhead_store::{Store, StoreError};

/// The restrictions that hold. One that cannot be read counts as a global halt: what is not understood
/// must not be traded against.
///
/// # Errors
/// [`StoreError`] when the log cannot be read at all.
pub async fn read_latches(store: &Store) -> Result<Latches, StoreError> {
    Ok(fold(&restrictions(store).await?))
}

fn fold(records: &[Record]) -> Latches {
    let mut latches = Latches::default();
    for record in records {
        let event = &record.event;
        match event.kind {
            Kind::Raised => {
                let read = serde_json::from_str::<LatchBody>(&event.body);
                latches.raise(read.map_or_else(
                    |error| Latch {
                        scope: Scope::Global,
                        state: TradingState::Halted,
                        actor: "host".to_owned(),
                        reason: format!(
                            "the restriction of record {} cannot be read: {error}",
                            record.sequence
                        ),
                        time: Timestamp(0),
                        cancel_protection: false,
                    },
                    |body| body.latch,
                ));
            }
            // What cannot be read lifts nothing.
            Kind::Lowered => {
                if let Ok(scope) = event.subject.parse() {
                    latches.lower(&scope);
                }
            }
            // Those of its own end with a run.
            Kind::Ended => {
                latches.lower(&Scope::Session(event.session.clone()));
            }
            _ => {}
        }
    }
    latches
}
