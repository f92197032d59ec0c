//! `trades.csv`: RFC 4180, lines ended by CR LF, text that a spreadsheet would compute kept as text.

use super::Run;
use bulkhead_desk::statement::cells::{self, number, text};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::Side;
use bulkhead_domain::time::{DAY, SECOND};
use std::io::{self, Write};

const HEADER: [&str; 13] = [
    "owner",
    "symbol",
    "side",
    "opened",
    "closed",
    "quantity",
    "entry_price",
    "exit_price",
    "profit",
    "fees",
    "adverse_excursion",
    "favourable_excursion",
    "initial_risk",
];

pub(super) fn write(run: &Run<'_>, out: &mut dyn Write) -> io::Result<()> {
    let rows = run.performance.trades.iter().map(|trade| {
        let detail = trade.detail.as_ref();
        let cell = |value| Option::map_or(value, String::new(), number);
        [
            text(&trade.owner).into_owned(),
            text(symbol(run, trade.instrument)).into_owned(),
            match trade.side {
                Side::Buy => "long".to_owned(),
                Side::Sell => "short".to_owned(),
            },
            moment(trade.opened),
            trade.closed.map_or_else(String::new, moment),
            number(trade.quantity),
            cell(detail.map(|detail| detail.entry_price)),
            cell(detail.and_then(|detail| detail.exit_price)),
            number(trade.profit),
            number(trade.fees),
            cell(detail.map(|detail| detail.adverse)),
            cell(detail.map(|detail| detail.favourable)),
            cell(detail.and_then(|detail| detail.initial_risk)),
        ]
    });
    cells::write(out, HEADER, rows)
}

fn symbol<'a>(run: &Run<'a>, handle: u32) -> &'a str {
    let mut instruments = run.result.run.instruments.iter();
    instruments
        .find(|instrument| instrument.handle == handle)
        .map_or("", |instrument| &instrument.symbol)
}

/// `2024-05-06T13:30:00Z`; whole seconds.
fn moment(time: i64) -> String {
    let second = time.rem_euclid(DAY) / SECOND;
    format!(
        "{}T{:02}:{:02}:{:02}Z",
        Timestamp(time).date(),
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}
