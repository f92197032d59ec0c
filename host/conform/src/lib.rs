//! Conformance: whether a component is what its manifest says and does what its kind must.
//!
//! What it promises: every check runs the component itself, through the same typed handles as a session,
//! in fresh stores; the inputs are a pure function of [`Terms`], so a report can be had again. A check that
//! fails says what was expected and what was seen; what a failed check makes pointless is skipped and names
//! it.
//!
//! What bounds it: the sandbox's limits bound every call, constants in each module bound the number of
//! calls. Checks of the same behaviour have one number for good: a new check gets a new number, and none is
//! ever given twice.
//!
//! What follows for callers: [`run`] and [`conform`] block and must be called from a thread that is no tokio
//! worker.

mod ai_provider;
mod bench;
mod broker;
mod check;
mod data_source;
mod draws;
mod load;
mod market;
mod model;
mod risk_rule;
mod rules;
mod state;
mod strategy;

pub use check::{Check, Outcome, Rule};
pub use rules::{NATIVE, RULES};

use bench::Bench;
use bulkhead_domain::Digest;
use bulkhead_manifest::{Kind, Manifest};
use bulkhead_sandbox::{Limits, Loader};
use check::Suite;
use serde_json::Value;
use std::path::PathBuf;

/// What a component is tested under.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Its configuration.
    pub config: Value,
    /// The folder that a data source may read.
    pub folder: Option<PathBuf>,
    /// Seed of the inputs and of the component's own draws.
    pub seed: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            config: Value::Object(serde_json::Map::new()),
            folder: None,
            seed: 1,
        }
    }
}

/// What is known of a component that loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// What it says of itself.
    pub manifest: Manifest,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Limits that its instances get.
    pub limits: Limits,
}

/// The report on one component.
#[derive(Debug, Clone, PartialEq)]
pub struct Conformance {
    /// The component; absent when it did not load.
    pub subject: Option<Subject>,
    /// The checks, in the order they were made.
    pub checks: Vec<Check>,
}

impl Conformance {
    /// Whether no check failed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks
            .iter()
            .filter(|check| check.outcome == Outcome::Failed)
    }
}

/// Puts a component through the checks of every kind and then the quick ones of its own: seconds at most.
/// `seen` hears of each check as it is done.
#[must_use]
pub fn run(
    loader: &Loader,
    wasm: &[u8],
    terms: &Terms,
    seen: &mut dyn FnMut(&Check),
) -> Conformance {
    checks(loader, wasm, terms, false, seen)
}

/// Puts a component through every check there is of its kind, the quick ones first. `seen` hears of each
/// check as it is done.
#[must_use]
pub fn conform(
    loader: &Loader,
    wasm: &[u8],
    terms: &Terms,
    seen: &mut dyn FnMut(&Check),
) -> Conformance {
    checks(loader, wasm, terms, true, seen)
}

fn checks(
    loader: &Loader,
    wasm: &[u8],
    terms: &Terms,
    whole: bool,
    seen: &mut dyn FnMut(&Check),
) -> Conformance {
    let mut suite = Suite::new(seen);
    let bench = Bench {
        loader,
        wasm,
        terms,
    };
    if whole && broker::is_live(wasm) {
        broker::skip_live(&mut suite);
        return Conformance {
            subject: None,
            checks: suite.into_checks(),
        };
    }
    let subject = load::check(&bench, &mut suite);
    if let Some(subject) = &subject
        && load::starts(&bench, subject, &mut suite)
    {
        match subject.manifest.kind {
            Kind::Strategy => strategy::check(&bench, &mut suite),
            Kind::Model => model::check(&bench, &mut suite),
            Kind::RiskRule => risk_rule::check(&bench, whole, &mut suite),
            Kind::Broker => broker::check(&bench, whole, &mut suite),
            Kind::DataSource => data_source::check(&bench, &mut suite),
            Kind::AiProvider => ai_provider::check(&bench, &mut suite),
        }
    }
    Conformance {
        subject,
        checks: suite.into_checks(),
    }
}
