//! Work beside live calls that must not be felt by them.

/// Does some work on a thread of its own, at a lower priority, and waits for it: whoever calls plugins meanwhile gets the
/// processor first. Where no lower priority is given, it is done at the usual one. Nobody may wait for a lock that the work
/// holds.
///
/// # Panics
/// Where the system gives no thread, and with the work's own panic.
pub fn background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    /// Added to the niceness: enough that callers go first, and not so much that a busy machine never comes to it.
    const LOWER: i32 = 10;
    std::thread::scope(|scope| {
        let lowered = || {
            // What cannot be lowered runs at the usual priority.
            let _ = rustix::process::nice(LOWER);
            work()
        };
        match scope.spawn(lowered).join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_at_a_lower_priority_than_the_callers() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let before = niceness();
        let (value, during) = background(|| (7, niceness()));
        assert_eq!((value, niceness()), (7, before));
        assert!(during > before || before >= 10, "{during}");
    }
}
