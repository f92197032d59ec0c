//! The benchmarks: `cargo xtask bench [PREFIX]`.
//!
//! Each figure is printed as a line `name value unit`; all of them go to `target/bench.json`. PREFIX selects
//! figures by the beginning of their name. A target that was missed is named at the end and is no failure:
//! what a figure is worth on a busy machine is for the reader to judge. A figure that could not be measured
//! is a failure.

mod bare;
mod demo;
mod desk;
mod figure;
mod lab;
mod measure;
mod orchestrator;
mod place;
mod registry;
mod sandbox;
mod series;

use anyhow::{Context as _, Result, bail};
use figure::{Figure, Spec};
use place::Place;
use std::process::ExitCode;

/// That of the command, so that what is measured is what runs there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Figures that come out of one measurement.
struct Group {
    specs: &'static [&'static Spec],
    measure: fn(&Place) -> Result<Vec<Figure>>,
}

impl Group {
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.specs.iter().map(|spec| spec.name)
    }
}

static GROUPS: [Group; 21] = [
    Group {
        specs: &[&sandbox::CALL_RATIO, &sandbox::CALL, &sandbox::CALL_BARE],
        measure: sandbox::call,
    },
    Group {
        specs: &[&sandbox::INSTANTIATE, &sandbox::INSTANTIATE_BARE],
        measure: sandbox::instantiate,
    },
    Group {
        specs: &[&sandbox::AOT_LOAD],
        measure: sandbox::aot_load,
    },
    Group {
        specs: &[&sandbox::BATCH, &sandbox::BATCH_BARE],
        measure: sandbox::batch,
    },
    Group {
        specs: &[&sandbox::COMPILE],
        measure: sandbox::compile,
    },
    Group {
        specs: &desk::PIPELINE,
        measure: desk::pipeline,
    },
    Group {
        specs: &[&desk::CHECKS, &desk::DECIDE],
        measure: desk::checks,
    },
    Group {
        specs: &[&desk::HALT, &desk::REASONS, &desk::ACKNOWLEDGED],
        measure: desk::halt,
    },
    Group {
        specs: &[&orchestrator::DECIDE, &orchestrator::RECORD],
        measure: orchestrator::decide,
    },
    Group {
        specs: &orchestrator::REGRET_SPECS,
        measure: orchestrator::regret,
    },
    Group {
        specs: &registry::SWAP,
        measure: registry::swap,
    },
    Group {
        specs: &[&registry::LEAK, &registry::LEAK_STATEFUL],
        measure: registry::leak,
    },
    Group {
        specs: &registry::LIGHT,
        measure: registry::light,
    },
    Group {
        specs: &registry::KINDS,
        measure: registry::kinds,
    },
    Group {
        specs: &lab::SINGLE,
        measure: lab::single,
    },
    Group {
        specs: &lab::WITH_RISK,
        measure: lab::with_risk,
    },
    Group {
        specs: &lab::MANY,
        measure: lab::portfolio,
    },
    Group {
        specs: &lab::SERIES,
        measure: lab::series,
    },
    Group {
        specs: &lab::COMBINATIONS,
        measure: lab::combinations,
    },
    Group {
        specs: &[&lab::MEMORY],
        measure: lab::memory,
    },
    Group {
        specs: &[&demo::SECONDS, &demo::PEAK_RSS],
        measure: demo::demo,
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let prefix = arguments.next().unwrap_or_default();
    if let Some(extra) = arguments.next() {
        bail!("one PREFIX at most, not also `{extra}`");
    }
    let place = Place::find();
    let groups: Vec<&Group> = GROUPS
        .iter()
        .filter(|group| group.names().any(|name| name.starts_with(&prefix)))
        .collect();
    if groups.is_empty() {
        let names: Vec<_> = GROUPS.iter().flat_map(Group::names).collect();
        bail!(
            "no figure's name begins with `{prefix}`; there are {}",
            names.join(", ")
        );
    }

    let mut figures = Vec::new();
    let mut failed = Vec::new();
    for group in groups {
        match (group.measure)(&place) {
            Ok(measured) => {
                for figure in measured {
                    if figure.name().starts_with(&prefix) {
                        println!("{}", figure.line());
                        figures.push(figure);
                    }
                }
            }
            Err(error) => {
                let names = group.names().collect::<Vec<_>>().join(", ");
                eprintln!("not measured: {names}: {error:#}");
                failed.push(names);
            }
        }
    }
    for line in figures.iter().filter_map(Figure::missed) {
        println!("{line}");
    }
    let json = place.json();
    let text = serde_json::to_string_pretty(&figures)?;
    std::fs::write(json, text + "\n")
        .with_context(|| format!("{} cannot be written", json.display()))?;
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}
