//! Writes a report of made-up sessions, to look at the page without running one:
//! `cargo run -p bulkhead-lab --example fixture -- FOLDER [empty]`.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments
        .next()
        .unwrap_or_else(|| "target/report".to_owned());
    let report = match arguments.next().as_deref() {
        Some("empty") => fixture::empty_report(),
        _ => fixture::report(3_300, 2_500),
    };
    let written = bulkhead_lab::report::write(&report, Path::new(&folder))?;
    println!("{}\n{}", written.html.display(), written.json.display());
    Ok(())
}
