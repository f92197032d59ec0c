//! The desk beside the real matching engine: what it approves, how it protects, and that its books
//! balance.
#![expect(clippy::unwrap_used, reason = "tests")]

mod books;
mod decide;
mod records;
mod review;
mod support;
