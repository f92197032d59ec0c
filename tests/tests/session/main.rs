//! Whole sessions over small markets, from configuration to record: what they promise of repeatability, of
//! containment, of the order of things in time, and of what can be explained afterwards.

#![expect(clippy::unwrap_used, reason = "what the tests stand on must be there")]

mod advice;
mod backtest;
mod books;
mod carry;
mod contained;
mod controls;
mod detail;
mod ends;
mod explained;
mod halted;
mod invariance;
mod learnt;
mod pulled;
mod replay;
mod rules;
mod sizing;
mod stand;
mod swapped;
mod tasks;
