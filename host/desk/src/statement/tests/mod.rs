//! Statements, trades and daily rows worked out by hand.

mod period;
mod reports;
