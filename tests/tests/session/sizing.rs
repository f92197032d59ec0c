//! Positions as large as the configuration says.

use crate::stand::{Stand, plain, symbol};
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_domain::number::to_f64;
use bulkhead_session::record::SessionRecord;

fn sized(method: SizingMethod) -> SessionRecord {
    let stand = Stand::new();
    let mut config = plain();
    config.risk.clear();
    config.validation = None;
    config.strategies[0].sizing = Some(method);
    stand.record(&config)
}

/// Notional of each purchase, as a fraction of the equity at the time.
fn entries(record: &SessionRecord) -> Vec<f64> {
    record
        .proposals
        .iter()
        .filter(|proposal| proposal.side == bulkhead_domain::order::Side::Buy)
        .map(|proposal| {
            let name = symbol(record, proposal.instrument);
            let line = record.instruments.iter().find(|one| one.symbol == name);
            let line = line.unwrap();
            let at = line.times.iter().position(|time| *time == proposal.time);
            let curve = &record.equity;
            let now = curve.times.iter().position(|time| *time == proposal.time);
            to_f64(proposal.quantity) * line.close[at.unwrap()] / curve.equity[now.unwrap()]
        })
        .collect()
}

#[test]
fn a_fraction_of_equity_is_bought_whatever_the_strategy_asks_for() {
    let record = sized(SizingMethod::FixedFraction { fraction: 0.1 });
    let entries = entries(&record);
    assert!(entries.len() > 5, "{}", entries.len());
    for entry in entries {
        // Lots round towards zero.
        assert!((0.095..=0.1).contains(&entry), "{entry}");
    }
}

#[test]
fn units_are_bought_as_they_are_named() {
    let record = sized(SizingMethod::Fixed { quantity: 12.7 });
    let buys: Vec<f64> = record
        .proposals
        .iter()
        .filter(|proposal| proposal.side == bulkhead_domain::order::Side::Buy)
        .map(|proposal| to_f64(proposal.quantity))
        .collect();
    assert!(!buys.is_empty());
    assert!(buys.iter().all(|quantity| *quantity == 12.0), "{buys:?}");
}

#[test]
fn volatility_makes_positions_smaller_where_there_is_more_of_it() {
    let record = sized(SizingMethod::VolatilityTarget {
        target: 0.05,
        feature: "volatility_20".to_owned(),
        periods_per_year: 252.0,
        most: 0.5,
    });
    let mut by_volatility: Vec<(f64, f64)> = record
        .proposals
        .iter()
        .filter(|proposal| proposal.side == bulkhead_domain::order::Side::Buy)
        .zip(entries(&record))
        .map(|(proposal, entry)| {
            let feature = proposal
                .features
                .iter()
                .find(|(name, _)| name == "volatility_20");
            (feature.unwrap().1.unwrap(), entry)
        })
        .collect();
    by_volatility.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(by_volatility.len() > 5);
    for (volatility, entry) in &by_volatility {
        let wanted = (0.05 / (volatility * 252f64.sqrt())).min(0.5);
        assert!(
            (entry / wanted - 1.0).abs() < 0.02,
            "{volatility}: {entry}, not {wanted}"
        );
    }
}

#[test]
fn a_signal_without_what_the_method_needs_is_named_and_not_traded() {
    let record = sized(SizingMethod::Kelly {
        part: 0.5,
        payoff: 1.0,
        most: 0.5,
    });
    assert!(record.fills.is_empty());
    let incident = record.incidents.first().unwrap();
    assert_eq!(
        incident.text,
        "sizing by kelly needs a calibrated probability"
    );
}
