//! Versions put in service while they are called, with real components: sound ones, and successors that fail
//! when they start, at their first call, now and then, that hang, that are slow under load, or answer worse.

#![expect(clippy::unwrap_used, reason = "a failing test should stop at once")]

mod faults;
mod shadowed;
mod stand;
mod stateful;
