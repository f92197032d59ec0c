//! What the demo takes, start to report, as a user runs it: the demo's own profile, a process of its own,
//! nothing kept from an earlier run.

use crate::figure::{Figure, Spec};
use crate::measure::median;
use crate::place::Place;
use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::process::{Command, Stdio};

pub(crate) static SECONDS: Spec = Spec::at_most("demo.seconds", "s", 60.0);
pub(crate) static PEAK_RSS: Spec = Spec::at_most("demo.peak_rss.mb", "MB", 300.0);

/// The demo is long, and its own length evens out what disturbs it.
const RUNS: usize = 3;

/// The last line of the binary's `--json` output, as far as it is wanted here.
#[derive(Deserialize)]
struct Summary {
    seconds: f64,
    /// Absent where the system does not tell.
    peak_rss_mb: Option<f64>,
}

/// Both figures, each the median of some runs.
pub(crate) fn demo(place: &Place) -> Result<Vec<Figure>> {
    let runs = (0..RUNS)
        .map(|_| once(place))
        .collect::<Result<Vec<Summary>>>()?;
    let mut figures = vec![SECONDS.is(median(runs.iter().map(|run| run.seconds).collect()))];
    let peaks: Option<Vec<f64>> = runs.iter().map(|run| run.peak_rss_mb).collect();
    match peaks {
        Some(peaks) => figures.push(PEAK_RSS.is(median(peaks))),
        None => bail!("this system does not tell how much memory the demo used"),
    }
    Ok(figures)
}

fn once(place: &Place) -> Result<Summary> {
    let binary = place.bulkhead();
    if !binary.is_file() {
        bail!(
            "{} is missing: run `cargo xtask setup` first",
            binary.display()
        );
    }
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let output = Command::new(&binary)
        .current_dir(place.root())
        .arg("--plugins")
        .arg(place.plugins())
        .arg("--state")
        .arg(folder.path().join("state"))
        .arg("--cache")
        .arg(folder.path().join("aot"))
        .args(["--json", "paper", "--config", "examples/demo/demo.toml"])
        .arg("--out")
        .arg(folder.path().join("out"))
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} does not start", binary.display()))?;
    if !output.status.success() {
        bail!(
            "the demo failed ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    summary(&String::from_utf8_lossy(&output.stdout))
}

fn summary(printed: &str) -> Result<Summary> {
    let last = printed.lines().last().context("the demo printed nothing")?;
    serde_json::from_str(last)
        .with_context(|| format!("the demo's last line is no summary: {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_summary() {
        let printed = "{\"at\":0.5}\n{\"digest\":\"d\",\"seconds\":12.5,\"peak_rss_mb\":210.0}\n";
        let read = summary(printed).unwrap();
        assert_eq!((read.seconds, read.peak_rss_mb), (12.5, Some(210.0)));
        assert!(summary("").is_err());
        assert!(summary("took 12.5 s").is_err());
    }
}
