//! What must not matter: running again, the order in which things are named, what nobody trades, and
//! everything that is later.

use crate::stand::{
    Stand, assert_same, assert_same_session, decisions, equity, fills, plain, small, table,
};
use bulkhead_domain::Timestamp;
use bulkhead_session::SessionConfig;
use bulkhead_session::config::DataConfig;
use bulkhead_session::record::{ProposalRecord, SessionRecord};

/// Both strategies of the small session trade, so that comparing what they did says something.
fn assert_busy(record: &SessionRecord) {
    for owner in ["ema-cross", "ml-signal"] {
        let count = record
            .fills
            .iter()
            .filter(|fill| fill.owner == owner)
            .count();
        assert!(count >= 6, "{owner}: {count} fills");
    }
}

#[test]
fn two_runs_are_equal_to_the_byte() {
    let config = small();
    let stand = Stand::new();
    let prepared = stand.prepare(&config);
    let first = stand.ran(&prepared, true, None).record;
    assert_busy(&first);
    let text = |record| serde_json::to_string(record).unwrap();
    // Once more from the same preparation, and once from nothing.
    let again = stand.ran(&prepared, true, None).record;
    let anew = Stand::new().record(&config);
    for other in [&again, &anew] {
        assert_eq!(first.digest, other.digest);
        assert!(text(&first) == text(other), "the records differ");
    }
}

#[test]
fn another_seed_is_another_session() {
    let stand = Stand::new();
    let mut config = plain();
    let one = stand.record(&config);
    config.seed += 1;
    let other = stand.record(&config);
    assert_ne!(one.digest, other.digest);
    assert_ne!(one.id, other.id);
}

/// One table with these symbols of one market, named in this order.
fn together(symbols: [&str; 3]) -> DataConfig {
    let mut data = small().data.swap_remove(0);
    data.symbols = symbols.map(str::to_owned).to_vec();
    data.config
        .insert("symbols".to_owned(), toml::Value::from(symbols.to_vec()));
    data
}

#[test]
fn the_order_in_which_things_are_named_changes_nothing() {
    let stand = Stand::new();
    let one = stand.record(&small());
    assert_busy(&one);
    let mut turned = small();
    turned.data.reverse();
    turned.strategies.reverse();
    for strategy in &mut turned.strategies {
        strategy.symbols.as_mut().unwrap().reverse();
    }
    let other = stand.record(&turned);
    assert_ne!(
        one.instruments[0].symbol, other.instruments[0].symbol,
        "the handles are not those of before"
    );
    assert_same_session(&one, &other);

    // The same of symbols within one table, for sums that go over the instruments.
    let within = |symbols| {
        let mut config = plain();
        config.data = vec![together(symbols)];
        config.strategies[0].symbols = None;
        stand.record(&config)
    };
    let (one, other) = (within(["AAA", "BBB", "CCC"]), within(["CCC", "AAA", "BBB"]));
    assert!(one.totals.fills > 0);
    assert_same_session(&one, &other);
    assert_eq!(one.equity.gross_exposure, other.equity.gross_exposure);
    assert_eq!(one.benchmarks[0].values, other.benchmarks[0].values);
}

/// Three strategies that always want the same, of less volume than they want together.
fn crowded(names: [&str; 3]) -> SessionConfig {
    let mut config = plain();
    let like = config.strategies.pop().unwrap();
    config.strategies = names
        .map(|name| {
            let mut strategy = like.clone();
            name.clone_into(&mut strategy.name);
            strategy
        })
        .to_vec();
    config.risk.clear();
    config
        .broker
        .config
        .insert("max-volume-share".to_owned(), 0.0002.into());
    config
}

#[test]
fn who_gets_scarce_volume_does_not_depend_on_names_of_orders() {
    let stand = Stand::new();
    let one = stand.record(&crowded(["one", "three", "two"]));
    let partial = one
        .fills
        .iter()
        .filter(|fill| fill.quantity.to_string() != "150")
        .count();
    assert!(partial > 10, "volume is not scarce: {partial}");
    assert_same_session(&one, &stand.record(&crowded(["two", "one", "three"])));
    // Another seed is another session, with other ids of orders; nothing in it is random.
    for seed in 6..9 {
        let mut config = crowded(["one", "three", "two"]);
        config.seed = seed;
        assert_same_session(&one, &stand.record(&config));
    }
}

#[test]
fn an_instrument_that_nobody_trades_changes_no_decision() {
    let stand = Stand::new();
    let without = stand.record(&small());
    assert_busy(&without);
    let idle = |calendar: &str, symbol: &str| -> DataConfig {
        let mut data = small().data.swap_remove(0);
        data.symbols = vec![symbol.to_owned()];
        data.config = table(&format!(
            "seed = 99\nbars = 800\nstart = \"1999-11-01\"\ncalendar = \"{calendar}\"\nsymbols = [\"{symbol}\"]"
        ));
        data
    };
    // Rules look at the account at every moment: at those of an instrument of its own they ask once more for
    // protection that is refused as it was, because an exit closes the position already.
    let came_to_something = |proposal: &ProposalRecord| {
        proposal.client_order_id.is_some() || !proposal.reason.starts_with("protective")
    };
    // First among handles and names and at the same times; then last, and at times of its own.
    for (at, calendar, symbol) in [(0, "XNYS", "000"), (2, "24/7", "ZZZ")] {
        let mut config = small();
        config.data.insert(at, idle(calendar, symbol));
        let with = stand.record(&config);
        assert_same(
            "decisions",
            &decisions(&without, came_to_something),
            &decisions(&with, came_to_something),
        );
        assert_same("fills", &fills(&without, |_| true), &fills(&with, |_| true));
        assert_eq!(without.totals.final_equity, with.totals.final_equity);
    }
}

/// What a session did and knew up to a time. What became of an order in the end is known only later.
fn before(record: &SessionRecord, cut: i64) -> [Vec<String>; 3] {
    let mut record = record.clone();
    for proposal in &mut record.proposals {
        proposal.outcome = None;
    }
    let points = record.equity.times.partition_point(|time| *time <= cut);
    [
        decisions(&record, |proposal| proposal.time <= cut),
        fills(&record, |fill| fill.time <= cut),
        equity(&record)[..points].to_vec(),
    ]
}

#[test]
fn what_is_later_changes_nothing_before() {
    let stand = Stand::new();
    let whole = stand.record(&small());
    let check = |config: &SessionConfig| {
        let short = stand.record(config);
        let cut = *short.equity.times.last().unwrap();
        assert!(cut < *whole.equity.times.last().unwrap());
        assert!(short.fills.iter().any(|fill| fill.owner == "ml-signal"));
        let parts = ["decisions", "fills", "equity"];
        let (short, whole) = (before(&short, cut), before(&whole, cut));
        for (what, (short, whole)) in parts.into_iter().zip(short.iter().zip(&whole)) {
            assert!(!short.is_empty(), "{what}");
            assert_same(what, short, whole);
        }
    };
    // A session that ends earlier, and one whose data do.
    let mut config = small();
    config.to = Some(Timestamp(whole.equity.times[600]).date());
    check(&config);
    let mut config = small();
    for data in &mut config.data {
        data.config.insert("bars".to_owned(), 617.into());
    }
    check(&config);
}
