//! Keeps a panic of the Parquet decoder, which some damaged files cause, one problem among others.

use super::reader::damaged;
use bulkhead_domain::Problem;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;
use std::sync::Once;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Runs the decoder, which panics on some files whose metadata contradicts itself. Its message would stand
/// beside the one line of the problem, so that it is not printed; other panics are as before.
pub(super) fn guarded<T>(
    path: &Path,
    decode: impl FnOnce() -> Result<T, Problem>,
) -> Result<T, Problem> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !DECODING.get() {
                usual(panic);
            }
        }));
    });
    DECODING.set(true);
    let decoded = catch_unwind(AssertUnwindSafe(decode));
    DECODING.set(false);
    decoded.unwrap_or_else(|_| Err(damaged(path, &"its parts do not fit each other")))
}
