//! In what a result that was run again differs from the one recorded.

use crate::result::{RunInputs, RunResult};

/// The first thing in which a result run again differs from the one recorded; `None` where they are equal bit for bit.
#[must_use]
pub fn difference(recorded: &RunResult, again: &RunResult) -> Option<String> {
    let (then, now) = (&recorded.run, &again.run);
    if then.engine != now.engine {
        return Some(format!(
            "the engine was {}, and is {}",
            then.engine, now.engine
        ));
    }
    if then.component != now.component {
        let (was, is) = (then.component.short(), now.component.short());
        return Some(format!(
            "the component of {} was {was}, and is {is}",
            then.strategy
        ));
    }
    let data = then.instruments.iter().zip(&now.instruments);
    for (then, now) in data {
        if (&then.symbol, then.digest) != (&now.symbol, now.digest) {
            let (was, is) = (then.digest.short(), now.digest.short());
            return Some(format!(
                "the bars of {} were {was}, and are {is}",
                then.symbol
            ));
        }
    }
    let detail = |run: &RunInputs| {
        let detail = run
            .instruments
            .iter()
            .map(|one| one.detail.as_ref().map(|it| it.digest));
        detail.collect::<Vec<_>>()
    };
    if detail(then) != detail(now) {
        return Some("the finer bars are others".to_owned());
    }
    if then.instruments.len() != now.instruments.len() {
        return Some("other instruments were traded".to_owned());
    }
    if then.config != now.config {
        return Some("the settings or the risk rules' components are others".to_owned());
    }
    if recorded.totals != again.totals {
        let (was, is) = (
            recorded.totals.final_equity.normalize(),
            again.totals.final_equity.normalize(),
        );
        return Some(format!(
            "the totals are others: equity was {was}, and is {is}"
        ));
    }
    let (was, is) = (recorded.digest, again.digest);
    (was != is).then(|| format!("its digest was {}, and is {}", was.short(), is.short()))
}
