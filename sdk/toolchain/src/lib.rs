//! Turns plugin sources into components, for `cargo xtask` and for the `bulkhead plugin` commands.
//!
//! What it promises: [`target::ensure`] leaves a compiler that can build for
//! `wasm32-unknown-unknown`; [`build::plugin`] and [`build::workspace`] leave finished components with
//! their manifest section, each written whole or not at all; [`scaffold::new`] leaves a plugin that
//! builds; [`contract::read`] gives the contract's comment-free text.
//!
//! What bounds it: it runs `cargo`, `rustc`, `rustup` and the machine's package tools as child
//! processes and writes only where it is told, but for the compiler's own folder of target libraries.
//!
//! What follows for callers: everything blocks, and progress comes as short lines through a
//! [`Progress`] callback; nothing here prints.

pub mod build;
pub mod contract;
pub mod process;
pub mod rustc;
pub mod scaffold;
pub mod target;

mod stamp;

/// Where progress lines go: each call is one line without its end.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// The target that plugins are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";
