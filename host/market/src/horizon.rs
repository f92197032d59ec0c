//! When a decision is acted on and when what came of it is known.
//!
//! A decision on the close of bar `n` is acted on at the open of bar `n + 1`; `horizon` bars on, at the open of
//! bar `n + 1 + horizon`, its outcome is known. Sessions and trials label by this one rule, so that what was
//! learnt in one means the same in the other.

/// The bar at whose open a decision on the close of bar `decision` is acted on.
#[must_use]
pub const fn entry(decision: usize) -> usize {
    decision + 1
}

/// The bar at whose open the outcome of a decision on the close of bar `decision` is known.
#[must_use]
pub const fn exit(decision: usize, horizon: usize) -> usize {
    entry(decision) + horizon
}

/// The bar whose decision's outcome is known at the open of bar `opened`; `None` before there is one.
#[must_use]
pub const fn decision(opened: usize, horizon: usize) -> Option<usize> {
    opened.checked_sub(exit(0, horizon))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_that_ends_a_label_names_its_decision() {
        for bar in 0..20 {
            for horizon in 1..5 {
                assert_eq!(decision(exit(bar, horizon), horizon), Some(bar));
            }
        }
        assert_eq!(decision(3, 3), None);
        assert_eq!((entry(4), exit(4, 3)), (5, 8));
    }
}
