//! The trade log and the daily report.

use crate::ledger::{CostBasis, SplitTerms};
use crate::statement::{
    DailyRow, SessionDay, StatementError, TradeEvent, TradeFill, closed_trades, daily_report,
    write_daily, write_trades,
};
use bulkhead_domain::order::Side::{self, Buy, Sell};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Timestamp};

/// 2000-03-01T21:00:00Z.
const CLOSE: i64 = 951_944_400_000_000_000;

fn dec(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn fill(symbol: &str, side: Side, quantity: &str, price: &str, fee: &str, day: i64) -> TradeEvent {
    TradeEvent::Fill(TradeFill {
        owner: "ema".to_owned(),
        symbol: symbol.to_owned(),
        side,
        quantity: dec(quantity),
        price: dec(price),
        multiplier: Decimal::ONE,
        fee: dec(fee),
        time: CLOSE + day * DAY,
    })
}

fn log(basis: CostBasis, events: &[TradeEvent]) -> String {
    let mut bytes = Vec::new();
    write_trades(&closed_trades(basis, events).unwrap(), &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

const HEADER: &str =
    "owner,symbol,side,opened,closed,quantity,entry,exit,gross,fees,net,holding_days\r\n";

#[test]
fn a_trade_is_a_lot_or_a_part_of_the_pool_as_the_books_are_kept() {
    let events = [
        fill("AAPL", Buy, "10", "100", "1", 0),
        fill("AAPL", Buy, "10", "110", "2", 1),
        fill("AAPL", Sell, "15", "120", "3", 2),
    ];
    assert_eq!(
        log(CostBasis::Fifo, &events),
        format!(
            "{HEADER}\
             ema,AAPL,buy,2000-03-01T21:00:00Z,2000-03-03T21:00:00Z,10,100,120,200,3,197,2\r\n\
             ema,AAPL,buy,2000-03-02T21:00:00Z,2000-03-03T21:00:00Z,5,110,120,50,2,48,1\r\n"
        )
    );
    // Three quarters of the pool of 20 at 105, and of its fees of 3.
    assert_eq!(
        log(CostBasis::Average, &events),
        format!(
            "{HEADER}\
             ema,AAPL,buy,2000-03-01T21:00:00Z,2000-03-03T21:00:00Z,15,105,120,225,5.25,219.75,2\r\n"
        )
    );
}

#[test]
fn a_short_that_turns_around_is_a_sell_trade_and_a_new_long() {
    let events = [
        fill("AAPL", Sell, "10", "50", "0", 0),
        fill("AAPL", Buy, "25", "55", "5", 1),
        fill("AAPL", Sell, "15", "60", "0", 2),
    ];
    assert_eq!(
        log(CostBasis::Fifo, &events),
        format!(
            "{HEADER}\
             ema,AAPL,sell,2000-03-01T21:00:00Z,2000-03-02T21:00:00Z,10,50,55,-50,2,-52,1\r\n\
             ema,AAPL,buy,2000-03-02T21:00:00Z,2000-03-03T21:00:00Z,15,55,60,75,3,72,1\r\n"
        )
    );
}

#[test]
fn a_splits_fraction_is_a_trade_and_the_rest_goes_on_at_the_new_price() {
    let events = [
        fill("AAPL", Buy, "3", "90", "0", 0),
        TradeEvent::Split {
            symbol: "AAPL".to_owned(),
            terms: SplitTerms {
                numerator: 3,
                denominator: 2,
                prior_close: dec("96"),
                lot: Decimal::ONE,
            },
            time: CLOSE + DAY,
        },
        fill("AAPL", Sell, "4", "70", "0", 1),
    ];
    assert_eq!(
        log(CostBasis::Fifo, &events),
        format!(
            "{HEADER}\
             ema,AAPL,buy,2000-03-01T21:00:00Z,2000-03-02T21:00:00Z,0.5,60,64,2,0,2,1\r\n\
             ema,AAPL,buy,2000-03-01T21:00:00Z,2000-03-02T21:00:00Z,4,60,70,40,0,40,1\r\n"
        )
    );
}

#[test]
fn text_stays_text_and_one_cell() {
    for (symbol, cell) in [
        ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("a,b\nc", "\"a,b\nc\""),
        ("BRK.B", "BRK.B"),
    ] {
        let events = [
            fill(symbol, Buy, "1", "2", "0", 0),
            fill(symbol, Sell, "1", "1", "0", 0),
        ];
        let log = log(CostBasis::Average, &events);
        assert!(log.contains(&format!("\r\nema,{cell},buy,2000")), "{log}");
        assert!(log.ends_with(",1,2,1,-1,0,-1,0\r\n"), "{log}");
    }
}

#[test]
fn fills_out_of_order_make_no_log() {
    let events = [
        fill("AAPL", Buy, "1", "2", "0", 1),
        fill("AAPL", Sell, "1", "2", "0", 0),
    ];
    let refused = closed_trades(CostBasis::Fifo, &events).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a fill or split of 2000-03-01T21:00:00Z comes after one of 2000-03-02T21:00:00Z; \
         give them in the order of time"
    );
    let none = [fill("AAPL", Buy, "0", "2", "0", 1)];
    assert!(matches!(
        closed_trades(CostBasis::Fifo, &none),
        Err(StatementError::Ledger(_))
    ));
}

fn day(number: i64, equity: &str, deposits: &str) -> SessionDay {
    SessionDay {
        close: Timestamp(CLOSE + number * DAY),
        equity: dec(equity),
        deposits: dec(deposits),
        fees: dec("1.50"),
        gross_exposure: dec("800"),
        net_exposure: dec("-200"),
        orders: 4,
        fills: 3,
        denials: 1,
    }
}

#[test]
fn a_day_shows_profit_without_deposits_and_the_fall_from_the_peak() {
    let days = [
        day(0, "1100", "0"),
        day(1, "1545", "500"),
        day(2, "1440", "-100"),
        day(3, "2000", "0"),
    ];
    let rows = daily_report(dec("1000"), &days).unwrap();
    let seen: Vec<(Decimal, Option<Decimal>)> =
        rows.iter().map(|row| (row.profit, row.drawdown)).collect();
    // Peaks: 1100, 1600 after the deposit, 1500 after the withdrawal, 2000.
    let expected = [
        ("100", "0"),
        ("-55", "0.034375"),
        ("-5", "0.04"),
        ("560", "0"),
    ];
    assert_eq!(
        seen,
        expected.map(|(profit, fall)| (dec(profit), Some(dec(fall))))
    );

    let mut bytes = Vec::new();
    write_daily(&rows[1..2], &mut bytes).unwrap();
    assert_eq!(
        String::from_utf8(bytes).unwrap(),
        "date,close,equity,deposits,profit,fees,gross_exposure,net_exposure,drawdown,orders,fills,\
         denials\r\n2000-03-02,2000-03-02T21:00:00Z,1545,500,-55,1.5,800,-200,0.034375,4,3,1\r\n"
    );
    let row: serde_json::Value = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(row["date"], "2000-03-01");
    assert_eq!(row["denials"], 1);
}

#[test]
fn a_fall_from_nothing_is_undefined_and_days_go_forward() {
    let rows: Vec<DailyRow> = daily_report(Decimal::ZERO, &[day(0, "-5", "0")]).unwrap();
    assert_eq!(rows[0].drawdown, None);
    let mut bytes = Vec::new();
    write_daily(&rows, &mut bytes).unwrap();
    assert!(
        String::from_utf8(bytes)
            .unwrap()
            .ends_with(",-200,,4,3,1\r\n")
    );
    assert!(matches!(
        daily_report(Decimal::ZERO, &[day(0, "1", "0"), day(0, "1", "0")]),
        Err(StatementError::OutOfOrder { .. })
    ));
}
