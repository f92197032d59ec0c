//! Fits on several cores. Which core did which changes nothing: results come in the order of the jobs.

use std::sync::atomic::{AtomicUsize, Ordering};

/// As many threads as there are cores.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs one job per item on at most `threads` threads; the results come in the items' order. A job that panics is
/// an error of its own.
pub fn parallel<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    job: impl Fn(&I) -> Result<T, String> + Sync,
) -> Vec<Result<T, String>> {
    let threads = threads.min(items.len()).max(1);
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<Result<T, String>>> = items.iter().map(|_| None).collect();
    let done: Vec<Vec<(usize, Result<T, String>)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(index) else {
                            return mine;
                        };
                        mine.push((index, job(item)));
                    }
                })
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_default())
            .collect()
    });
    for (index, result) in done.into_iter().flatten() {
        results[index] = Some(result);
    }
    results
        .into_iter()
        .map(|result| result.unwrap_or_else(|| Err("the fit's thread panicked".to_owned())))
        .collect()
}
