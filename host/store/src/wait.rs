//! The passage from synchronous to asynchronous code.

use crate::error::StoreError;

use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle, Runtime};

/// Drives `future` to its end and returns what it gives. Works inside and outside an asynchronous
/// runtime, because it does so on a thread of its own; inside one it blocks the calling worker, so it
/// is for start-up, shut-down and reports, not for a hot path.
///
/// # Errors
/// The future's own, or [`StoreError::Thread`] when the machine gives no thread or the future panics.
pub fn wait<T, E>(future: impl Future<Output = Result<T, E>> + Send) -> Result<T, E>
where
    T: Send,
    E: From<StoreError> + Send,
{
    let runtime = runtime()?;
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("bulkhead-wait".to_owned())
            .spawn_scoped(scope, || runtime.block_on(future))
            .map_err(|error| thread_failed(&error))?
            .join()
            .unwrap_or_else(|_| Err(thread_failed(&"it panicked").into()))
    })
}

/// The process's runtime for database work. It lives as long as the process: a connection goes back to
/// its pool in a task of the runtime it was used on, and would be lost with it.
pub(crate) fn runtime() -> Result<&'static Handle, StoreError> {
    static RUNTIME: OnceLock<Result<Runtime, StoreError>> = OnceLock::new();
    RUNTIME
        .get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(1)
                .thread_name("bulkhead-store")
                .enable_time()
                .build()
                .map_err(|error| thread_failed(&error))
        })
        .as_ref()
        .map(Runtime::handle)
        .map_err(StoreError::clone)
}

pub(crate) fn thread_failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Thread {
        text: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_works_inside_a_runtime_too() {
        let outer = Builder::new_current_thread().build().unwrap();
        let answer = outer.block_on(async { wait(async { Ok::<_, StoreError>(42) }) });
        assert_eq!(answer, Ok(42));
    }

    #[test]
    fn a_panic_in_the_future_is_an_error_not_a_panic_of_the_caller() {
        let answer: Result<(), StoreError> = wait(async { panic!("no") });
        assert!(matches!(answer, Err(StoreError::Thread { .. })));
    }
}
