//! Progress of a long computation, and the host's answer to it; models only. Natively the answer is
//! [`Directive::Proceed`] until [`testing::stop_at`](crate::testing::stop_at) says otherwise.

pub use crate::wire::progress::Directive;

/// Reports `step` of `total` (0 when unknown), with figures such as `("loss", 0.41)`. On
/// [`Directive::Stop`], return the best so far, or `cancelled`.
pub fn report(step: u64, total: u64, figures: &[(&str, f64)]) -> Directive {
    #[cfg(target_arch = "wasm32")]
    {
        let figures: Vec<_> = figures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        crate::wire::progress::report(step, total, &figures)
    }
    #[cfg(not(target_arch = "wasm32"))]
    {
        crate::testing::doubles::progress(step, total, figures)
    }
}
