//! Writes a run's folder of a made-up strategy on real closes, to look at the page without running one:
//! `cargo run -p bulkhead-lab --example sheet -- FOLDER`.

#[path = "../tests/run/mod.rs"]
mod run;

use bulkhead_lab::result::{Run, write};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "target/sheet".to_owned());
    let made = run::run(&run::closes());
    let run = Run {
        result: &made.result,
        performance: &made.performance,
        prices: &made.prices,
    };
    let written = write(Path::new(&folder), &run, None)?;
    println!("{}\n{}", written.html.display(), written.json.display());
    Ok(())
}
