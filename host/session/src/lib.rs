//! The trading loop, clocked by its feed.

pub mod record;
