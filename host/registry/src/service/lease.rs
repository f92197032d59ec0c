//! What a caller holds while it calls.

use super::About;
use super::slot::Slot;
use std::sync::Arc;

/// A caller's hold on the generation that it entered. Keeps that generation alive and counted until dropped.
/// It may be taken to another thread or into an asynchronous task.
pub struct Lease<T> {
    slot: Arc<Slot<T>>,
    /// How often the generation's callers had been ended when this one entered.
    ends: u64,
}

/// The generation was replaced, and its callers' time to finish is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} was replaced and its time to finish is over: enter again")]
pub struct Ended(pub Box<About>);

impl<T> Lease<T> {
    pub(super) fn on(slot: &Arc<Slot<T>>) -> Self {
        slot.came_in();
        Lease {
            ends: slot.ends(),
            slot: Arc::clone(slot),
        }
    }

    /// What to call.
    ///
    /// # Errors
    /// [`Ended`] once the generation's deadline has passed.
    #[inline]
    pub fn get(&self) -> Result<&T, Ended> {
        if self.slot.ends() == self.ends {
            return Ok(self.slot.value());
        }
        Err(Ended(Box::new(self.slot.about())))
    }

    pub(super) fn is_on(&self, slot: &Arc<Slot<T>>) -> bool {
        Arc::ptr_eq(&self.slot, slot)
    }

    /// Stops the calls in progress on the generation.
    pub(super) fn stop(&self) {
        self.slot.stop();
    }

    /// The number of the generation it is on.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.slot.number()
    }

    /// Which generation it is on.
    #[must_use]
    pub fn about(&self) -> About {
        self.slot.about()
    }
}

impl<T> Drop for Lease<T> {
    fn drop(&mut self) {
        self.slot.went_out();
    }
}
