//! When and at what price orders fill, and what splits and dividends do to the books.

use crate::stand::{Stand, plain, small, symbol, table};
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{ActionKind, OrderKind};
use bulkhead_domain::{Decimal, Timestamp};
use bulkhead_market::BarSeries;
use bulkhead_session::SessionConfig;
use bulkhead_session::record::{FillRecord, SessionRecord};

/// Slippage of the small session's broker, with half a cent for rounding to the tick.
const SLIPPAGE: f64 = 0.0002;
const TICK: f64 = 0.01;

/// The bar in which something happened, by its open and close times.
fn bar_of(series: &BarSeries, time: i64) -> Option<usize> {
    let row = series.bars.times.partition_point(|close| *close < time);
    (row < series.len() && series.open_times[row] <= time).then_some(row)
}

fn assert_in_order(record: &SessionRecord, fill: &FillRecord, series: &BarSeries) {
    let proposal = record
        .proposals
        .iter()
        .find(|proposal| proposal.decision == fill.decision)
        .unwrap_or_else(|| panic!("no decision behind {fill:?}"));
    let decided = bar_of(series, proposal.time).unwrap();
    assert_eq!(
        series.bars.times[decided], proposal.time,
        "decided at a close"
    );
    let row = bar_of(series, fill.time).unwrap_or_else(|| panic!("{fill:?} is in no bar"));
    assert!(
        row > decided,
        "{fill:?} in or before the bar of {proposal:?}"
    );
    assert!(
        series.open_times[row] >= proposal.time && fill.time > proposal.time,
        "{fill:?}"
    );
    let (bar, price) = (series.bars.get(row).unwrap(), to_f64(fill.price));
    let least = bar.low * (1.0 - SLIPPAGE) - TICK;
    let most = bar.high * (1.0 + SLIPPAGE) + TICK;
    assert!((least..=most).contains(&price), "{fill:?} in {bar:?}");
    if proposal.kind == OrderKind::Market {
        assert_eq!(fill.time, series.open_times[row], "{fill:?}");
        let worse = (price - bar.open) * to_f64(fill.side.sign());
        assert!(
            (0.0..=bar.open * SLIPPAGE + TICK).contains(&worse),
            "{fill:?} in {bar:?}"
        );
    }
}

fn assert_all_in_order(stand: &Stand, record: &SessionRecord) {
    for fill in &record.fills {
        let series = stand.bars(symbol(record, fill.instrument));
        assert_in_order(record, fill, &series);
    }
}

#[test]
fn nothing_fills_before_the_bar_after_its_decision_opens() {
    let stand = Stand::new();
    let record = stand.record(&small());
    assert!(record.fills.len() > 20);
    let stops = record
        .fills
        .iter()
        .filter(|fill| {
            let mut proposals = record.proposals.iter();
            proposals.any(|one| one.decision == fill.decision && one.kind != OrderKind::Market)
        })
        .count();
    assert!(stops > 0, "no stop was filled");
    assert_all_in_order(&stand, &record);
}

/// One of the examples' shares, held by a slow average with a stop behind it.
fn share(ticker: &str, from: &str, to: &str) -> SessionConfig {
    let mut config = plain();
    config.from = Some(from.to_owned());
    config.to = Some(to.to_owned());
    config.data.truncate(1);
    let data = &mut config.data[0];
    data.plugin = "csv".to_owned();
    data.folder = Some("examples/data".into());
    data.dataset = "stocks-daily.csv".to_owned();
    data.symbols = vec![ticker.to_owned()];
    data.config = table("file = \"stocks-daily.csv\"");
    config.strategies[0].symbols = None;
    config.strategies[0].config = table("fast = 10\nslow = 40\nsize = \"100\"");
    config.risk[1].config = table("fraction = \"0.2\"");
    config.validation = None;
    config
}

/// Shares held after everything that happened up to a time, splits included.
fn held(record: &SessionRecord, series: &BarSeries, time: i64) -> Decimal {
    let mut held = Decimal::ZERO;
    let mut fills = record
        .fills
        .iter()
        .filter(|fill| fill.time <= time)
        .peekable();
    for row in 0..series.len() {
        if series.open_times[row] > time {
            break;
        }
        for action in series.actions_before(row) {
            if let ActionKind::Split {
                numerator,
                denominator,
            } = action.kind
            {
                held = held * Decimal::from(numerator) / Decimal::from(denominator);
            }
        }
        while let Some(fill) = fills.next_if(|fill| fill.time <= series.bars.times[row]) {
            held += fill.quantity * fill.side.sign();
        }
    }
    held
}

/// On every day without a fill, the account earns what the share does, splits and dividends included.
/// Returns on how many days something was held.
fn assert_continuous(record: &SessionRecord, series: &BarSeries) -> usize {
    let continuous = &record.instruments[0].continuous;
    let offset = record.instruments[0]
        .times
        .partition_point(|time| *time < record.equity.times[0]);
    let mut days = 0;
    for day in 1..record.equity.times.len() {
        let (before, now) = (record.equity.times[day - 1], record.equity.times[day]);
        if record
            .fills
            .iter()
            .any(|fill| fill.time > before && fill.time <= now)
        {
            continue;
        }
        let quantity = to_f64(held(record, series, before));
        let value = quantity * record.instruments[0].close[offset + day - 1];
        let earned = value * (continuous[offset + day] / continuous[offset + day - 1] - 1.0);
        let booked = record.equity.equity[day] - record.equity.equity[day - 1];
        // A dividend is booked as cash and reinvested in the continuous series: they differ by the
        // dividend's own return on that day. A dividend that was missed would be 0.1 % or more.
        let tolerance = value.abs() * 2e-4 + 1e-6;
        assert!(
            (booked - earned).abs() <= tolerance,
            "{}: booked {booked}, earned {earned}, held {quantity}",
            Timestamp(now)
        );
        days += usize::from(quantity != 0.0);
    }
    days
}

#[test]
fn a_split_leaves_equity_stop_and_decisions_as_they_were() {
    let stand = Stand::new();
    let record = stand.record(&share("AAPL", "2004-06-01", "2005-06-30"));
    let series = stand.bars("AAPL");
    assert_all_in_order(&stand, &record);
    let split = series
        .actions
        .iter()
        .find(|action| Timestamp(action.time).date() == "2005-02-28")
        .unwrap();
    assert_eq!(
        split.kind,
        ActionKind::Split {
            numerator: 2,
            denominator: 1
        }
    );

    let on = |time: i64| Timestamp(time).date();
    let day = record
        .equity
        .times
        .iter()
        .position(|time| on(*time) == "2005-02-28")
        .unwrap();
    let before = held(&record, &series, record.equity.times[day - 1]);
    let after = held(&record, &series, record.equity.times[day]);
    assert_eq!((before, after), (Decimal::from(100), Decimal::from(200)));
    // Half the price trips no stop, and no average.
    let near = |fill: &&FillRecord| {
        ["2005-02-25", "2005-02-28", "2005-03-01"].contains(&on(fill.time).as_str())
    };
    assert_eq!(record.fills.iter().filter(near).count(), 0);

    // To the cent: 44.49 before and 44.86 after the split were 88.99 and 44.86 on the tape.
    let row = record.instruments[0]
        .times
        .iter()
        .position(|time| on(*time) == "2005-02-28")
        .unwrap();
    let close = &record.instruments[0].close;
    let gain = 200.0 * close[row] - 100.0 * close[row - 1];
    let booked = record.equity.equity[day] - record.equity.equity[day - 1];
    assert!((booked - gain).abs() < 0.005, "{booked} and {gain}");
    assert!(gain.abs() < 0.03 * 100.0 * close[row - 1], "{gain}");

    assert!(assert_continuous(&record, &series) > 60);
    // The position is sold as it is after the split.
    let sold = record
        .fills
        .iter()
        .find(|fill| fill.time > split.time)
        .unwrap();
    assert_eq!(sold.quantity, Decimal::from(200));
}

#[test]
fn dividends_reach_the_books_on_their_day() {
    let stand = Stand::new();
    let record = stand.record(&share("IBM", "2005-06-01", "2007-12-31"));
    let series = stand.bars("IBM");
    assert!(assert_continuous(&record, &series) > 250);
    let mut paid = Decimal::ZERO;
    let mut times = 0;
    let first = record.equity.times[0];
    let last = *record.equity.times.last().unwrap();
    for row in 1..series.len() {
        if series.bars.times[row] < first || series.bars.times[row] > last {
            continue;
        }
        for action in series.actions_before(row) {
            if let ActionKind::Dividend(amount) = action.kind {
                let quantity = held(&record, &series, series.bars.times[row - 1]);
                paid += quantity * amount;
                times += usize::from(!quantity.is_zero());
            }
        }
    }
    assert!(times >= 4, "held over {times} dividends");
    assert_eq!(record.totals.dividends, paid);
}
