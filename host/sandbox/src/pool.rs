//! Warm instances of plugins that are called now and then.
//!
//! A pool keeps at most `size` idle instances, each for at most `uses` calls. A call takes an idle instance
//! or makes a new one; when more are out than the pool holds, the extra ones are one-shot and dropped after
//! their call. Nobody ever waits for a pooled instance, so pooling adds no latency that it did not save.

use std::sync::Mutex;

/// How instances are kept between calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolPolicy {
    /// Idle instances kept; 0 makes every call ephemeral.
    pub size: usize,
    /// Calls one instance serves before it is replaced.
    pub uses: u32,
}

impl Default for PoolPolicy {
    fn default() -> Self {
        PoolPolicy {
            size: 2,
            uses: 10_000,
        }
    }
}

pub(crate) struct Pool<T> {
    policy: PoolPolicy,
    idle: Mutex<Vec<(T, u32)>>,
}

/// An instance that is out on a call.
pub(crate) struct Lease<T> {
    pub(crate) value: T,
    uses: u32,
}

impl<T> Pool<T> {
    pub(crate) fn new(policy: PoolPolicy) -> Self {
        Pool {
            policy,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// An idle instance, if there is one.
    pub(crate) fn take(&self) -> Option<Lease<T>> {
        let (value, uses) = self.idle.lock().ok()?.pop()?;
        Some(Lease { value, uses })
    }

    /// A lease on a new instance.
    pub(crate) fn fresh(value: T) -> Lease<T> {
        Lease { value, uses: 0 }
    }

    /// Takes an instance back, unless it is worn out or the pool is full.
    pub(crate) fn give_back(&self, lease: Lease<T>) {
        let uses = lease.uses + 1;
        let Ok(mut idle) = self.idle.lock() else {
            return;
        };
        if uses < self.policy.uses && idle.len() < self.policy.size {
            idle.push((lease.value, uses));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_call(pool: &Pool<u32>, made: &mut u32) -> u32 {
        let lease = pool.take().unwrap_or_else(|| {
            *made += 1;
            Pool::fresh(*made)
        });
        let which = lease.value;
        pool.give_back(lease);
        which
    }

    #[test]
    fn an_instance_serves_its_uses_and_is_replaced() {
        let pool = Pool::new(PoolPolicy { size: 1, uses: 3 });
        let mut made = 0;
        let served: Vec<u32> = (0..7).map(|_| one_call(&pool, &mut made)).collect();
        assert_eq!(served, [1, 1, 1, 2, 2, 2, 3]);
    }

    #[test]
    fn a_saturated_pool_falls_through_to_one_shot_instances() {
        let pool = Pool::new(PoolPolicy { size: 1, uses: 100 });
        pool.give_back(Pool::fresh(1));
        let first = pool.take().unwrap();
        assert!(pool.take().is_none(), "the second caller makes its own");
        pool.give_back(first);
        pool.give_back(Pool::fresh(2));
        assert_eq!(
            pool.idle.lock().unwrap().len(),
            1,
            "the extra one was dropped"
        );
    }

    #[test]
    fn an_ephemeral_policy_keeps_nothing() {
        let pool = Pool::new(PoolPolicy { size: 0, uses: 100 });
        pool.give_back(Pool::fresh(1));
        assert!(pool.take().is_none());
    }
}
