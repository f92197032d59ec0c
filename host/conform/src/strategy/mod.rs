//! Strategies: run over an artificial market, as a session would, and compared run by run.

mod stage;
mod whole;

use crate::bench::Bench;
use crate::check::{Finding, Suite, compare, counted};
use crate::load::text;
use crate::market::Market;
use crate::rules::{
    STRATEGY_ASKS, STRATEGY_INTENTS, STRATEGY_PREFIX, STRATEGY_REPEATS, STRATEGY_WHOLE,
};
use bulkhead_domain::order::OrderRequest;
use bulkhead_domain::strategy::Intent;
use bulkhead_domain::{Decimal, Instrument};
use bulkhead_market::FeatureSet;
use bulkhead_sandbox::StrategyPlugin;
use stage::Stage;

/// Bars of each instrument in a run, at least.
const BARS: usize = 300;

/// Most bars of a run, whatever the warm-up.
const MOST_BARS: usize = 5_000;

/// Bars that the longer market has more.
const MORE: usize = 120;

/// What one run wanted: each moment's intents.
pub(crate) type Wants = Vec<(i64, Vec<Intent>)>;

pub(crate) fn check(bench: &Bench<'_>, suite: &mut Suite<'_>) {
    let plugin = bench
        .plugin()
        .and_then(|plugin| StrategyPlugin::new(plugin).map_err(text));
    let asked = plugin.and_then(|plugin| asks(bench, &plugin).map(|asked| (plugin, asked)));
    let (strategy, bars) = match asked {
        Ok((strategy, (bars, detail))) => {
            suite.note(STRATEGY_ASKS, "", Ok(detail));
            (strategy, bars)
        }
        Err(reason) => {
            suite.note(STRATEGY_ASKS, "", Err(reason));
            let rest = [
                STRATEGY_REPEATS,
                STRATEGY_PREFIX,
                STRATEGY_INTENTS,
                STRATEGY_WHOLE,
            ];
            suite.skip_all(&rest, "", STRATEGY_ASKS);
            return;
        }
    };
    let market = Market::new(bench.terms.seed, bars);
    let first = run(bench, &strategy, &market);
    let repeats = first.as_ref().map_err(Clone::clone).and_then(|first| {
        let second = run(bench, &strategy, &market)?;
        compare(&lines(first), &lines(&second))?;
        Ok(tried(first, &market))
    });
    suite.note(STRATEGY_REPEATS, "", repeats);
    let Ok(first) = first else {
        suite.skip_all(&[STRATEGY_PREFIX, STRATEGY_INTENTS], "", STRATEGY_REPEATS);
        whole::check(bench, &strategy, &market, suite);
        return;
    };
    suite.note(STRATEGY_PREFIX, "", prefix(bench, &strategy, &first, bars));
    suite.note(STRATEGY_INTENTS, "", sound(&first, &market.instruments));
    whole::check(bench, &strategy, &market, suite);
}

/// How many bars the strategy needs to say something, and what it asks for.
fn asks(bench: &Bench<'_>, strategy: &StrategyPlugin) -> Result<(usize, String), String> {
    let market = Market::new(bench.terms.seed, 0);
    let stage = Stage::new(bench, strategy, &market)?;
    let requirements = stage.requirements();
    let features = FeatureSet::new(&requirements.features).map_err(text)?;
    let warm_up = (requirements.warm_up as usize).max(features.warm_up());
    if warm_up >= MOST_BARS {
        return Err(format!(
            "it warms up for {warm_up} bars; runs have at most {MOST_BARS}"
        ));
    }
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    let asked = format!(
        "warm-up {} bars, features {}, models {}",
        requirements.warm_up,
        list(&requirements.features),
        list(&requirements.models)
    );
    Ok(((warm_up + BARS).min(MOST_BARS), asked))
}

fn run(bench: &Bench<'_>, strategy: &StrategyPlugin, market: &Market) -> Result<Wants, String> {
    let mut stage = Stage::new(bench, strategy, market)?;
    let mut wants = Vec::new();
    for day in 0..market.days() {
        stage.moment(market, day, &mut wants)?;
    }
    Ok(wants)
}

fn prefix(bench: &Bench<'_>, strategy: &StrategyPlugin, first: &Wants, bars: usize) -> Finding {
    let longer = Market::new(bench.terms.seed, bars + MORE);
    let end = crate::market::close_time(bars - 1);
    let mut again = run(bench, strategy, &longer)?;
    again.retain(|(time, _)| *time <= end);
    compare(&lines(first), &lines(&again))?;
    Ok(format!("{MORE} bars more changed nothing before them"))
}

fn lines(wants: &Wants) -> Vec<String> {
    let line = |(time, intents): &(i64, Vec<Intent>)| {
        format!("{} {intents:?}", bulkhead_domain::Timestamp(*time))
    };
    wants.iter().map(line).collect()
}

fn tried(wants: &Wants, market: &Market) -> String {
    let intents: usize = wants.iter().map(|(_, intents)| intents.len()).sum();
    let base = format!(
        "{} bars of {} instruments",
        market.days(),
        market.instruments.len()
    );
    if intents == 0 {
        format!("{base}, but no intent: configure it so that it trades to test more")
    } else {
        format!("{base}, {}", counted(intents, "intent"))
    }
}

/// Whether the host can act on every intent.
fn sound(wants: &Wants, instruments: &[Instrument]) -> Finding {
    let mut count = 0;
    for (time, intents) in wants {
        for intent in intents {
            one_sound(intent, instruments).map_err(|wrong| {
                let time = bulkhead_domain::Timestamp(*time);
                format!("at {time}: {wrong}: {intent:?}")
            })?;
            count += 1;
        }
    }
    Ok(counted(count, "intent"))
}

fn one_sound(intent: &Intent, instruments: &[Instrument]) -> Result<(), String> {
    let known = |handle: u32| {
        let found = instruments.iter().any(|one| one.handle == handle);
        found
            .then_some(())
            .ok_or_else(|| format!("instrument {handle} is none it was given"))
    };
    let probable = |confidence: Option<f64>| match confidence {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            Err(format!("confidence {value} is no probability"))
        }
        _ => Ok(()),
    };
    match intent {
        Intent::Target {
            instrument,
            confidence,
            ..
        } => known(*instrument).and_then(|()| probable(*confidence)),
        Intent::Weight {
            instrument,
            weight,
            confidence,
            ..
        } => {
            if !weight.is_finite() {
                return Err(format!("weight {weight} is no number"));
            }
            known(*instrument).and_then(|()| probable(*confidence))
        }
        Intent::Submit(OrderRequest {
            instrument,
            quantity,
            ..
        }) => {
            if *quantity <= Decimal::ZERO {
                return Err(format!("quantity {quantity} is not above zero"));
            }
            known(*instrument)
        }
        Intent::CancelAll(instrument) => known(*instrument),
        Intent::Cancel(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(instrument: u32, confidence: Option<f64>) -> Intent {
        Intent::Target {
            instrument,
            quantity: Decimal::ONE,
            confidence,
            reason: String::new(),
        }
    }

    #[test]
    fn intents_that_the_host_cannot_act_on_are_named() {
        let instruments = Market::new(1, 0).instruments;
        let complaint = |intent: Intent| sound(&vec![(0, vec![intent])], &instruments);
        assert_eq!(complaint(target(4, Some(0.5))), Ok("1 intent".to_owned()));
        let reasons = [
            (target(2, None), "instrument 2 is none it was given"),
            (target(1, Some(1.2)), "confidence 1.2 is no probability"),
            (target(1, Some(f64::NAN)), "is no probability"),
            (
                Intent::Weight {
                    instrument: 1,
                    weight: f64::INFINITY,
                    confidence: None,
                    reason: String::new(),
                },
                "weight inf is no number",
            ),
            (
                Intent::Submit(OrderRequest::market(
                    1,
                    bulkhead_domain::order::Side::Buy,
                    Decimal::ZERO,
                )),
                "quantity 0 is not above zero",
            ),
        ];
        for (intent, reason) in reasons {
            let found = complaint(intent).unwrap_err();
            assert!(found.contains(reason), "{found}");
        }
    }
}
