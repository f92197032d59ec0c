//! Warm instances of a plugin whose calls do not depend on each other, such as most risk rules.
//!
//! As many callers as come are served at once: a call takes an idle instance or makes one. At most so many are
//! kept idle; what is made beyond that is dropped after its call, so nobody ever waits for an instance.

use bulkhead_domain::Problem;
use std::sync::{Mutex, PoisonError};

type Make<I> = Box<dyn Fn() -> Result<I, Problem> + Send + Sync>;

/// The instances of one version.
pub struct Instances<I> {
    idle: Mutex<Vec<I>>,
    most: usize,
    make: Make<I>,
}

impl<I> Instances<I> {
    /// Makes the first instance, so that a version that does not start is known at once. At most `most` are kept
    /// idle.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn start(
        most: usize,
        make: impl Fn() -> Result<I, Problem> + Send + Sync + 'static,
    ) -> Result<Self, Problem> {
        let first = make()?;
        Ok(Instances {
            idle: Mutex::new(vec![first]),
            most,
            make: Box::new(make),
        })
    }

    /// One call on an instance of its own.
    ///
    /// # Errors
    /// When none was idle and none can be made.
    pub fn call<R>(&self, call: impl FnOnce(&mut I) -> R) -> Result<R, Problem> {
        let idle = self.idle().pop();
        let mut instance = match idle {
            Some(instance) => instance,
            None => (self.make)()?,
        };
        let answer = call(&mut instance);
        let mut idle = self.idle();
        if idle.len() < self.most {
            idle.push(instance);
        }
        Ok(answer)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<I>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn instances_are_kept_up_to_the_limit_and_nobody_waits() {
        let made = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&made);
        let make = move || Ok(count.fetch_add(1, Ordering::SeqCst));
        let instances = Instances::start(1, make).unwrap();
        let inner = instances.call(|outer| {
            assert_eq!(*outer, 0);
            instances.call(|inner| *inner)
        });
        assert_eq!(inner.unwrap().unwrap(), 1, "made for a call within a call");
        assert_eq!(instances.idle().len(), 1);
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_version_that_does_not_start_is_known_at_once() {
        let no = || Err::<(), _>(Problem::user("no start", ""));
        assert!(Instances::start(1, no).is_err());
    }
}
