//! Each rule speaks on its side of its threshold and is silent on the other.

use super::*;
use crate::statistics::{Costs, CurveBuilder, OrderCounts};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::Side;
use bulkhead_domain::time::DAY;
use bulkhead_session::record::TradeRecord;

/// A run over so many days whose equity rises by `step` and wavers, held on days from `held`.
fn run(days: u32, step: f64, held: u32, results: &[i64]) -> Performance {
    let mut builder = CurveBuilder::new(10_000.0);
    for day in 0..days {
        let waver = if day % 2 == 0 { 40.0 } else { -40.0 };
        let equity = 10_000.0 + f64::from(day + 1) * step + waver;
        builder.push(
            i64::from(day) * DAY,
            equity,
            f64::from(u8::from(day >= held)),
        );
    }
    let trade = |(index, profit): (usize, &i64)| TradeRecord {
        owner: "s".into(),
        instrument: 0,
        side: Side::Buy,
        opened: index as i64,
        closed: Some(index as i64 + 1),
        quantity: Decimal::ONE,
        profit: Decimal::from(*profit),
        fees: Decimal::ZERO,
        decisions: Vec::new(),
        detail: None,
    };
    Performance {
        starting_equity: 10_000.0,
        curve: builder.finish(),
        points: "bars",
        trades: results.iter().enumerate().map(trade).collect(),
        costs: Costs::default(),
        orders: OrderCounts::default(),
        benchmarks: Vec::new(),
    }
}

fn found(performance: &Performance, change: impl Fn(&mut Subject<'_>)) -> Vec<Diagnosis> {
    let statistics = Statistics::of_performance(performance);
    let mut subject = Subject {
        performance,
        statistics: &statistics,
        parameters: 1,
        fills: None,
        seed: 1,
        speed: None,
    };
    change(&mut subject);
    diagnose(&subject)
}

fn rules(performance: &Performance, change: impl Fn(&mut Subject<'_>)) -> Vec<String> {
    let found = found(performance, change);
    found.into_iter().map(|diagnosis| diagnosis.rule).collect()
}

/// Nothing to object to.
fn sound() -> Performance {
    run(300, 20.0, 0, &[5; 40])
}

#[test]
fn a_sound_run_has_no_diagnosis() {
    assert_eq!(rules(&sound(), |_| ()), Vec::<String>::new());
}

#[test]
fn few_trades_are_told_of_by_how_few() {
    let severity = |count: usize| {
        let found = found(&run(300, 20.0, 0, &vec![5; count]), |subject| {
            subject.parameters = 0
        });
        found.first().map(|diagnosis| diagnosis.severity)
    };
    assert_eq!(severity(9), Some(Severity::Serious));
    assert_eq!(severity(29), Some(Severity::Warning));
    assert_eq!(severity(30), None);
}

#[test]
fn one_trade_that_makes_most_of_the_profit_is_told_of() {
    let mut results = [1; 40];
    results[7] = 39;
    assert_eq!(
        rules(&run(300, 20.0, 0, &results), |_| ()),
        Vec::<String>::new()
    );
    results[7] = 40;
    assert_eq!(rules(&run(300, 20.0, 0, &results), |_| ()), ["one-trade"]);
    let mut losing = [-1; 40];
    losing[7] = 60;
    let all = found(&run(300, 20.0, 0, &losing), |_| ());
    assert_eq!(all[0].severity, Severity::Serious);
}

#[test]
fn a_profit_that_doubled_fees_would_eat_is_told_of() {
    let mut performance = sound();
    let net = performance.net_result();
    performance.costs.fees = net - 1.0;
    assert_eq!(rules(&performance, |_| ()), Vec::<String>::new());
    performance.costs.fees = net;
    assert_eq!(rules(&performance, |_| ()), ["fees-doubled"]);
}

#[test]
fn parameters_are_held_against_trades() {
    assert_eq!(
        rules(&sound(), |subject| subject.parameters = 4),
        Vec::<String>::new()
    );
    assert_eq!(
        rules(&sound(), |subject| subject.parameters = 5),
        ["parameters"]
    );
}

#[test]
fn fills_at_stale_bars_are_told_of() {
    let with = |stale, without_volume| {
        rules(&sound(), |subject| {
            subject.fills = Some(FillQuality {
                fills: 100,
                stale,
                without_volume,
            });
        })
    };
    assert_eq!(with(2, 2), Vec::<String>::new());
    assert_eq!(with(3, 0), ["stale-fills"]);
    assert_eq!(with(0, 3), ["stale-fills"]);
}

#[test]
fn a_long_time_without_a_position_is_told_of() {
    assert_eq!(
        rules(&run(300, 20.0, 150, &[5; 40]), |_| ()),
        Vec::<String>::new()
    );
    assert_eq!(rules(&run(300, 20.0, 151, &[5; 40]), |_| ()), ["flat"]);
    let never = found(&run(300, 20.0, 300, &[5; 40]), |_| ());
    assert_eq!(never[0].severity, Severity::Serious);
}

#[test]
fn a_profit_that_chance_would_make_is_serious_and_comes_first() {
    let all = found(&run(301, 0.05, 0, &[5; 20]), |subject| {
        subject.parameters = 0
    });
    let names: Vec<&str> = all
        .iter()
        .map(|diagnosis| diagnosis.rule.as_str())
        .collect();
    assert_eq!(names, ["nothing-but-chance", "few-trades"]);
    assert_eq!(all[0].severity, Severity::Serious);
}

#[test]
fn a_slow_run_is_told_of() {
    let at = |bars_per_s| {
        rules(&sound(), |subject| {
            subject.speed = Some(Speed {
                bars_per_s,
                expected: 2e6,
            });
        })
    };
    assert_eq!(at(5e5), Vec::<String>::new());
    assert_eq!(at(4e5), ["speed"]);
}
