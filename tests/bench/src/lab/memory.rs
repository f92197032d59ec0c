//! Ten million bars through the command, streamed from a catalog: the most memory that its process ever held.

use super::{MINUTE, always};
use crate::figure::{Figure, Spec};
use crate::place::Place;
use crate::series::Walk;
use anyhow::{Context as _, Result, bail, ensure};
use bulkhead_market::Catalog;
use bulkhead_market::catalog::Provenance;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Peak resident memory.
pub(crate) static MEMORY: Spec = Spec::at_most("lab.memory_10m.mb", "MB", 300.0);

const BARS: i64 = 10_000_000;
/// Between two looks at the process. The system keeps the peak itself.
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn memory(place: &Place) -> Result<Vec<Figure>> {
    let binary = place.bulkhead();
    ensure!(
        binary.is_file(),
        "{} is missing: run `cargo xtask setup` first",
        binary.display()
    );
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let state = folder.path().join("state");
    let provenance = Provenance {
        source: "a seeded walk".to_owned(),
        source_digest: None,
        caveats: Vec::new(),
    };
    Catalog::open(state.join("catalog"))?.import_stream(
        &always(0, "WALK"),
        MINUTE,
        |mut writer| {
            for (number, mut bar) in (0..BARS).zip(Walk::new(1)) {
                bar.time = (number + 1) * MINUTE;
                writer.push(number * MINUTE, bar)?;
            }
            writer.finish(&[], &provenance, None)
        },
    )?;
    let mut child = Command::new(&binary)
        .arg("--plugins")
        .arg(place.plugins())
        .arg("--state")
        .arg(&state)
        .arg("--cache")
        .arg(folder.path().join("aot"))
        .args([
            "--json",
            "backtest",
            "--strategy",
            "ema-cross",
            "--symbol",
            "WALK",
        ])
        .args([
            "--interval",
            "1m",
            "--cash",
            "10000000",
            "--fees",
            "0.0001",
            "--out",
        ])
        .arg(folder.path().join("out"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("{} does not start", binary.display()))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    let ended = loop {
        peak = std::fs::read_to_string(&status)
            .ok()
            .and_then(|text| high_water(&text))
            .or(peak);
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        std::thread::sleep(LOOK);
    };
    if !ended.success() {
        bail!("the backtest failed ({ended})");
    }
    let peak = peak.context("this system does not tell how much memory a process used")?;
    Ok(vec![MEMORY.is(peak)])
}

/// `VmHWM` in megabytes.
fn high_water(status: &str) -> Option<f64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes / 1_000.0 * 1.024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_as_the_system_writes_it() {
        assert_eq!(high_water("Name:\tx\nVmHWM:\t  1000 kB\n"), Some(1.024));
        assert_eq!(high_water("Name:\tx\n"), None);
    }
}
