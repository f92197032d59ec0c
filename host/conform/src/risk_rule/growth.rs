//! Whether a rule grows: its component runs under limits that are just enough for the first orders, and a
//! little more.
//!
//! Fuel and memory of a call are no part of what a handle tells, but limits are the manifest's: the
//! component gets a manifest that asks for less. The search for what is enough takes some compilations. What
//! configuring takes is within what is found, so growth that stays below it is not seen; nor does it harm.

use super::{ORDERS, cases};
use crate::bench::Bench;
use crate::check::{Stop, Suite, Tried};
use crate::load::text;
use crate::market::Market;
use crate::rules::RISK_GROWTH;
use bulkhead_manifest::{Manifest, SECTION, append_section, read_section};
use bulkhead_sandbox::{CallError, PortfolioView, RiskRulePlugin};

/// Orders that show what is enough: each of the different ones twice.
const FIRST: usize = 2 * ORDERS;

/// Orders that must not take more.
const LATER: usize = 10_000;

/// Orders to a review.
const REVIEW_EVERY: usize = 10;

/// Fuel that is tried: the sixteenth power of two, half as much again, the seventeenth and so on.
const LEAST_FUEL: u64 = 65_536;
const FUEL_STEPS: u32 = 28;

/// Memory that is tried, MiB.
const MEMORY: [u32; 9] = [1, 2, 3, 4, 6, 8, 16, 32, 64];

pub(super) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) {
    suite.tried(RISK_GROWTH, growth(bench));
}

/// What a manifest may ask for.
#[derive(Clone, Copy)]
struct Least {
    fuel: Option<u64>,
    memory_mib: Option<u32>,
}

fn growth(bench: &Bench<'_>) -> Tried {
    let manifest = read_section(bench.wasm).map_err(text)?;
    let bare = without_manifest(bench.wasm)
        .ok_or_else(|| Stop::Skip("its sections cannot be told apart".to_owned()))?;
    let run = |least: Least, orders: usize| run(bench, &bare, &manifest, least, orders);
    let free = Least {
        fuel: None,
        memory_mib: None,
    };
    run(free, FIRST)?;
    let enough = |step: u32| (LEAST_FUEL + LEAST_FUEL / 2 * u64::from(step % 2)) << (step / 2);
    let fuel = smallest(FUEL_STEPS, |step| {
        let fuel = Some(enough(step));
        run(Least { fuel, ..free }, FIRST).is_ok()
    });
    let memory = smallest(MEMORY.len() as u32 - 1, |step| {
        let memory_mib = Some(MEMORY[step as usize]);
        run(Least { memory_mib, ..free }, FIRST).is_ok()
    });
    let fuel = enough(fuel) / 2 * 3;
    let memory = MEMORY[memory as usize] + 1;
    let least = Least {
        fuel: Some(fuel),
        memory_mib: Some(memory),
    };
    run(least, LATER)?;
    Ok(format!(
        "{LATER} orders within {fuel} units of fuel a call and {memory} MiB"
    ))
}

/// The smallest step up to `most` that is enough, given that a larger one always is.
fn smallest(most: u32, mut enough: impl FnMut(u32) -> bool) -> u32 {
    let (mut least, mut most) = (0, most);
    while least < most {
        let middle = least + (most - least) / 2;
        if enough(middle) {
            most = middle;
        } else {
            least = middle + 1;
        }
    }
    most
}

fn run(
    bench: &Bench<'_>,
    bare: &[u8],
    manifest: &Manifest,
    least: Least,
    orders: usize,
) -> Result<(), Stop> {
    let mut manifest = manifest.clone();
    manifest.limits.fuel = least.fuel.or(manifest.limits.fuel);
    manifest.limits.memory_mib = least.memory_mib.or(manifest.limits.memory_mib);
    let wasm = append_section(bare, &manifest).map_err(text)?;
    let bench = Bench {
        loader: bench.loader,
        wasm: &wasm,
        terms: bench.terms,
    };
    let instruments = Market::new(bench.terms.seed, 0).instruments;
    let plugin = bench.plugin()?;
    let setup = bench.setup(plugin.manifest(), &instruments);
    let mut rule = RiskRulePlugin::new(plugin, setup).map_err(text)?;
    let cases = cases(bench.terms.seed, &instruments);
    for (number, case) in cases.iter().cycle().take(orders).enumerate() {
        let portfolio = PortfolioView::from(&case.portfolio);
        let judged = rule.assess(&case.order, &case.context, &portfolio);
        let failed = match judged {
            Err(CallError::Failed(error)) => Some(error),
            _ if number % REVIEW_EVERY == 0 => match rule.review(&portfolio) {
                Err(CallError::Failed(error)) => Some(error),
                _ => None,
            },
            _ => None,
        };
        if let Some(error) = failed {
            return Err(Stop::Wrong(format!(
                "order {}, under limits that the first {FIRST} kept to: {error}",
                number + 1
            )));
        }
    }
    Ok(())
}

/// A component without its manifest; `None` where its outermost structure cannot be walked.
fn without_manifest(wasm: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 8;
    let mut bare = wasm.get(..HEADER)?.to_vec();
    let mut at = HEADER;
    while at < wasm.len() {
        let (size, body) = leb128(wasm, at + 1)?;
        let end = body.checked_add(size)?;
        let section = wasm.get(at..end)?;
        let named = leb128(wasm, body).is_some_and(|(length, name)| {
            wasm.get(name..name.saturating_add(length)) == Some(SECTION.as_bytes())
        });
        if wasm[at] != 0 || !named {
            bare.extend_from_slice(section);
        }
        at = end;
    }
    Some(bare)
}

/// An unsigned LEB128 number at a place, and the place after it.
fn leb128(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let mut value = 0usize;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, at));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_taken_out_and_nothing_else() {
        let mut wasm = b"\0asm\x0d\0\x01\0".to_vec();
        let custom = |name: &[u8]| {
            let mut section = vec![0, (name.len() + 4) as u8, name.len() as u8];
            section.extend_from_slice(name);
            section.extend_from_slice(b"abc");
            section
        };
        wasm.extend(custom(b"name"));
        let mut expected = wasm.clone();
        wasm.extend(custom(SECTION.as_bytes()));
        wasm.extend(custom(b"producers"));
        expected.extend(custom(b"producers"));
        assert_eq!(without_manifest(&wasm), Some(expected));
        wasm.push(0);
        assert_eq!(without_manifest(&wasm), None);
    }

    #[test]
    fn the_smallest_step_that_is_enough_is_found() {
        for wanted in 0..=9 {
            assert_eq!(smallest(9, |step| step >= wanted), wanted);
        }
    }
}
