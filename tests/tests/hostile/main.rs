//! Hostile plugins: each misbehaves in one way, and each is contained with an error that says what it did,
//! while the host and the plugins beside it carry on.
//!
//! A plugin's folder in `tests/hostile/` holds its sources and `expected.txt`, the text of the error. Those
//! in Rust are built by `cargo xtask plugins`; those in WebAssembly text, which no compiler would produce,
//! are assembled here.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failing test should stop at once"
)]

mod assemble;
mod bench;
mod cache;
mod compute;
mod files;
mod imports;
mod io;
mod loading;
mod models;
mod random;
mod results;
mod wasi;
