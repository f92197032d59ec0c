//! The desk beside the real matching engine: what it approves, how it protects, and that its books
//! balance.
#![expect(clippy::unwrap_used, reason = "tests")]

mod audit;
mod books;
mod brackets;
mod carry;
mod change;
mod control;
mod decide;
mod durable;
mod kept;
mod marks;
mod owners;
mod reconcile;
mod records;
mod resumed;
mod review;
mod sealed;
mod support;
mod switch;
mod updates;
