//! What a call pays for being replaceable, and for being mirrored.

use super::rule::Question;
use crate::figure::{Figure, Spec};
use crate::measure::median_of;
use crate::place::Place;
use anyhow::Result;
use bulkhead_domain::{Digest, Timestamp};
use bulkhead_registry::service::{Generation, Service, Version};
use bulkhead_registry::shadow::{Mirror, Share, Shown};
use std::hint::black_box;
use std::time::{Duration, Instant};

static ENTER: Spec = Spec::informative("registry.enter.ns", "ns");
static UNMIRRORED: Spec = Spec::informative("registry.mirror.passed_ns", "ns");
static MIRRORED: Spec = Spec::informative("registry.mirror.shown_ns", "ns");

/// The figures.
pub(crate) static SPECS: [&Spec; 3] = [&ENTER, &UNMIRRORED, &MIRRORED];

const CALLS: u32 = 20_000;

/// All figures. What is mirrored is a question of the size of an order; the candidate answers at once.
pub(crate) fn light(_: &Place) -> Result<Vec<Figure>> {
    let version = Version {
        plugin: "light".to_owned(),
        version: "1.0.0".to_owned(),
        digest: Digest::of(b""),
    };
    let service = Service::new(Generation::new(1, version, 7_u64), Timestamp(0));
    let entered = median_of(|| {
        let begun = Instant::now();
        for _ in 0..CALLS {
            let lease = service.enter();
            black_box(lease.get()?);
        }
        Ok(begun.elapsed().as_secs_f64() / f64::from(CALLS))
    })?;
    let shown = |percent: f64| -> Result<f64> {
        let shown = Shown {
            share: Share::try_from(percent)?,
            salt: "candidate".to_owned(),
            queue: 1_024,
        };
        let question = Question::new();
        let ask = |_: &bulkhead_domain::order::Order| Ok(true);
        let mirror = Mirror::start(shown, ask, |old: &bool, new| old == new)?;
        let mut key = 0_u64;
        median_of(|| {
            let begun = Instant::now();
            for _ in 0..CALLS {
                key += 1;
                mirror.show(&key.to_le_bytes(), Duration::ZERO, || {
                    (question.order().clone(), Ok(true))
                });
            }
            Ok(begun.elapsed().as_secs_f64() / f64::from(CALLS))
        })
    };
    Ok(vec![
        ENTER.is(entered * 1e9),
        UNMIRRORED.is(shown(1e-9)? * 1e9),
        MIRRORED.is(shown(100.0)? * 1e9),
    ])
}
