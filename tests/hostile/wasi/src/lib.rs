//! The parts of WASI 0.2 that hostile plugins reach for: what a component made by another toolchain imports.
//!
//! A plugin's component imports only what the plugin calls.

#![expect(missing_docs, reason = "generated")]

wit_bindgen::generate!({
    path: "wit",
    world: "hostile:wasi/guest",
    generate_all,
});

/// An hour in nanoseconds.
pub const HOUR: u64 = 3_600_000_000_000;

/// Writes to the standard output, in pieces as small as WASI wants them.
pub fn print(text: &str) {
    let out = wasi::cli::stdout::get_stdout();
    for piece in text.as_bytes().chunks(4096) {
        // Whether anybody listens is no business of a guest's.
        let _ = out.blocking_write_and_flush(piece);
    }
}
