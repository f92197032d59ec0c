//! Which plugins there are, and on what terms they run.
//!
//! A registry is what is installed in a state folder, then a folder of components, indexed by the id in their
//! manifests, plus any component named by its path. A plugin runs on the smaller of two grants: what its manifest
//! asks for and what the operator gives. Its configuration is checked against its own JSON Schema before the
//! plugin sees it.
//!
//! What runs can be replaced while it is called: [`service`] holds the generations of a plugin, [`shadow`]
//! compares a candidate with what is in service, [`promotion`] judges it, and [`supervise`] says what becomes of
//! a plugin that fails. None of them does any I/O of its own or knows what is traded.

mod background;
mod config;
pub mod grants;
mod installed;
mod library;
pub mod promotion;
pub mod service;
pub mod shadow;
pub mod supervise;

pub use background::background;
pub use config::check_config;
pub use grants::Capabilities;
pub use installed::{
    Applied, Change, Config, Installed, InstalledPlugin, Kept, Live, MIGRATIONS, Past, Ready,
    Recorded, Request, Served, Settings, Shadow, Standing, Terms, Version,
};
pub use library::{Entry, Operator, Registry, over};
