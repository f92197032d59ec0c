//! `bulkhead paper` and `bulkhead explain`: the last word of a run, every mistake as one line, and what is left
//! when a person or a full disk ends it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../cli/mod.rs"]
mod cli;

mod audited;
mod crash;
mod cut;
mod demo;
mod ended;
mod explained;
mod files;
mod halted;
mod mistakes;
mod replayed;
mod small;
mod statement;
