//! Fits of one window on all cores. Which core did which changes nothing: results come in the trainers' order.

use super::Trainer;
use bulkhead_domain::model::FitRequest;
use std::sync::Arc;

/// Runs one job per trainer on all cores; the results come in the trainers' order.
pub(super) fn parallel<T: Send>(
    trainers: &[Arc<dyn Trainer>],
    requests: &[FitRequest],
    job: impl Fn(&dyn Trainer, &FitRequest) -> Result<T, String> + Sync,
) -> Vec<Result<T, String>> {
    let cores = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(trainers.len())
        .max(1);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let mut results: Vec<Option<Result<T, String>>> = trainers.iter().map(|_| None).collect();
    let done: Vec<Vec<(usize, Result<T, String>)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    loop {
                        let index = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        let (Some(trainer), Some(request)) =
                            (trainers.get(index), requests.get(index))
                        else {
                            return mine;
                        };
                        mine.push((index, job(trainer.as_ref(), request)));
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
