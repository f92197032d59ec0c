//! The plugin's log.
//!
//! [`trace!`](crate::trace), [`debug!`](crate::debug), [`info!`](crate::info), [`warn!`](crate::warn) and
//! [`error!`](crate::error) take what `format!` takes. In a component the lines go to the host, which caps
//! their rate and size; natively they go to standard error.

pub use crate::wire::log::Level;

/// Writes one line.
pub fn write(level: Level, message: &str) {
    #[cfg(target_arch = "wasm32")]
    crate::wire::log::write(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{} {message}", name(level));
}

#[cfg(not(target_arch = "wasm32"))]
fn name(level: Level) -> &'static str {
    match level {
        Level::Trace => "trace",
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

/// Logs at level trace; takes what `format!` takes.
#[macro_export]
macro_rules! trace {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Trace, &::std::format!($($argument)+)) };
}

/// Logs at level debug; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($argument)+)) };
}

/// Logs at level info; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($argument)+)) };
}

/// Logs at level warn; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($argument)+)) };
}

/// Logs at level error; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($argument:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($argument)+)) };
}
