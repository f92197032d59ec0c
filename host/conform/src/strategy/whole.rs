//! The optional whole-series form. It is handed bars that lie ahead, so this is where look-ahead would show;
//! and it has to come to what the strategy wants bar by bar, or a sweep would test another strategy.

use super::{Wants, stage::Stage};
use crate::bench::Bench;
use crate::check::{Finding, Suite};
use crate::load::text;
use crate::market::Market;
use crate::rules::STRATEGY_WHOLE;
use bulkhead_domain::Value;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Columns, Intent};
use bulkhead_sandbox::StrategyPlugin;

/// Places where the series is cut. A look at the next bar shows at a cut only, and not at each.
const CUTS: usize = 12;

pub(super) fn check(
    bench: &Bench<'_>,
    strategy: &StrategyPlugin,
    market: &Market,
    suite: &mut Suite<'_>,
) {
    match targets(bench, strategy, &[], &[]) {
        Ok(None) => suite.skip(STRATEGY_WHOLE, "", "it has none"),
        Ok(Some(_)) => {
            suite.note(STRATEGY_WHOLE, "", agrees(bench, strategy, market));
        }
        Err(reason) => {
            suite.note(STRATEGY_WHOLE, "", Err(reason));
        }
    }
}

fn agrees(bench: &Bench<'_>, strategy: &StrategyPlugin, market: &Market) -> Finding {
    let bars = market.bars.first().map_or(&[][..], Vec::as_slice);
    let ask = |warm_up: &[Bar], chunk: &[Bar]| {
        targets(bench, strategy, warm_up, chunk).map(Option::unwrap_or_default)
    };
    let whole = ask(&[], bars)?;
    same(&whole, &ask(&[], bars)?, 0, "a second time")?;
    for cut in 1..=CUTS {
        let end = bars.len() * cut / (CUTS + 1);
        let part = ask(&[], &bars[..end])?;
        let what = format!("when only the first {end} bars are known");
        same(&whole[..end], &part, 0, &what)?;
        let rest = ask(&bars[..end], &bars[end..])?;
        let what = format!("when the first {end} bars come as warm-up");
        same(&whole[end..], &rest, end, &what)?;
    }
    let declared = warm_up(bench, strategy, market)?;
    if let Some(enough) = declared {
        for end in [bars.len() / 3, bars.len() * 2 / 3] {
            let rest = ask(&bars[end.saturating_sub(enough)..end], &bars[end..])?;
            let what = format!("with the {enough} bars of warm-up that it declares");
            same(&whole[end..], &rest, end, &what)?;
        }
    }
    let compared = match bar_by_bar(bench, strategy, market)? {
        Ok((warm_up, wanted)) => {
            same(&whole[warm_up..], &wanted[warm_up..], warm_up, "bar by bar")?;
            "the same bar by bar".to_owned()
        }
        Err(why) => format!("not held against single bars: {why}"),
    };
    Ok(format!(
        "{} bars, whole and cut at {CUTS} places, {compared}",
        bars.len()
    ))
}

/// How many bars of warm-up it says are enough for its whole-series form.
fn warm_up(
    bench: &Bench<'_>,
    strategy: &StrategyPlugin,
    market: &Market,
) -> Result<Option<usize>, String> {
    let stage = Stage::new(bench, strategy, market)?;
    let extra = &stage.requirements().extra;
    let declared = extra.iter().find(|(name, _)| name == "vectorised-warm-up");
    match declared {
        None => Ok(None),
        Some((_, Value::Integer(bars))) => match usize::try_from(*bars) {
            Ok(bars) => Ok(Some(bars)),
            Err(_) => Err(format!("declares a vectorised-warm-up of {bars}")),
        },
        Some((_, other)) => Err(format!("declares a vectorised-warm-up of {other:?}")),
    }
}

/// The warm-up and what the strategy wants to hold of the first instrument after each bar, if that is all
/// it is given; or why that cannot be compared. As in a session, what it wants while it warms up does not
/// count.
fn bar_by_bar(
    bench: &Bench<'_>,
    strategy: &StrategyPlugin,
    market: &Market,
) -> Result<Result<(usize, Vec<f64>), &'static str>, String> {
    let alone = Market {
        instruments: market.instruments.iter().take(1).cloned().collect(),
        bars: market.bars.iter().take(1).cloned().collect(),
    };
    let mut stage = Stage::new(bench, strategy, &alone)?;
    if !stage.requirements().models.is_empty() {
        return Ok(Err("it trades on predictions, which have no columns"));
    }
    let warm_up = stage.requirements().warm_up as usize;
    let mut wanted = 0.0;
    let mut targets = Vec::with_capacity(alone.days());
    for day in 0..alone.days() {
        let mut wants = Wants::new();
        stage.moment(&alone, day, &mut wants)?;
        for intent in wants.iter().flat_map(|(_, intents)| intents) {
            match intent {
                _ if day < warm_up => {}
                Intent::Target { quantity, .. } => wanted = to_f64(*quantity),
                _ => return Ok(Err("it sends more than targets")),
            }
        }
        targets.push(wanted);
    }
    Ok(Ok((warm_up.min(targets.len()), targets)))
}

fn same(whole: &[f64], other: &[f64], from: usize, what: &str) -> Result<(), String> {
    let differs = |(one, other): (&f64, &f64)| one != other && !(one.is_nan() && other.is_nan());
    match whole.iter().zip(other).position(differs) {
        Some(place) => Err(format!(
            "the target at bar {} is {}, but {} {what}",
            from + place + 1,
            whole[place],
            other[place]
        )),
        None => Ok(()),
    }
}

fn targets(
    bench: &Bench<'_>,
    strategy: &StrategyPlugin,
    warm_up: &[Bar],
    chunk: &[Bar],
) -> Result<Option<Vec<f64>>, String> {
    let grants = bench.grants(strategy.manifest());
    let Some(mut form) = strategy.vectorised(&grants).map_err(text)? else {
        return Ok(None);
    };
    let config = bench.terms.config.to_string();
    form.targets(&config, columns(warm_up), columns(chunk))
        .map(Some)
        .map_err(text)
}

fn columns(bars: &[Bar]) -> Columns {
    let of = |field: fn(&Bar) -> f64| bars.iter().map(field).collect();
    Columns {
        times: bars.iter().map(|bar| bar.time).collect(),
        open: of(|bar| bar.open),
        high: of(|bar| bar.high),
        low: of(|bar| bar.low),
        close: of(|bar| bar.close),
        volume: of(|bar| bar.volume),
        factor: of(|bar| bar.factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bar_that_differs_is_named() {
        assert_eq!(same(&[0.0, 1.0], &[0.0, 1.0], 5, "again"), Ok(()));
        assert_eq!(
            same(&[0.0, 1.0], &[0.0, 2.0], 5, "again"),
            Err("the target at bar 7 is 1, but 2 again".to_owned())
        );
    }
}
