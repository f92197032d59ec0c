//! What a swap leaves behind: resident memory over a thousand of them, after as many as it takes to fill caches,
//! free lists and the pages of the pool.

use super::load::Shelf;
use super::rule::InService;
use super::strategy::Seated;
use super::swap::Swapped;
use crate::figure::{Figure, Spec};
use crate::place::Place;
use anyhow::{Context as _, Result};

pub(crate) static LEAK: Spec = Spec::at_most("registry.swap.leak_kb_per_swap", "kB", 0.5);
pub(crate) static LEAK_STATEFUL: Spec =
    Spec::at_most("registry.swap.stateful.leak_kb_per_swap", "kB", 0.5);

const WARM_UP: u64 = 300;
const SWAPS: u64 = 1_000;
/// Calls between two swaps.
const CALLS: u64 = 5;

pub(crate) fn leak(place: &Place) -> Result<Vec<Figure>> {
    let shelf = Shelf::new(place)?;
    Ok(vec![
        LEAK.is(left_behind(&InService::new(&shelf)?)?),
        LEAK_STATEFUL.is(left_behind(&Seated::new(&shelf)?)?),
    ])
}

/// Kilobytes a swap.
fn left_behind(swapped: &impl Swapped) -> Result<f64> {
    let mut calls = 0;
    let mut swaps = |from: u64, to: u64| -> Result<()> {
        for number in from..to {
            swapped.swap(number)?;
            for _ in 0..CALLS {
                swapped.call(calls)?;
                calls += 1;
            }
        }
        Ok(())
    };
    let first = WARM_UP + 2;
    swaps(2, first)?;
    let before = resident_kb()?;
    swaps(first, first + SWAPS)?;
    let after = resident_kb()?;
    swapped.check(calls)?;
    Ok((after - before) / SWAPS as f64)
}

/// Resident memory of this process, counted page by page: the quicker sums elsewhere are approximate.
fn resident_kb() -> Result<f64> {
    const FILE: &str = "/proc/self/smaps_rollup";
    let rollup = std::fs::read_to_string(FILE).context(FILE)?;
    rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix("kB"))
        .and_then(|value| value.trim().parse().ok())
        .with_context(|| format!("{FILE} has no Rss"))
}
