//! A market with something to learn.

use bulkhead_domain::Timestamp;
use bulkhead_domain::time::DAY;

/// Days of a price that swings, so that there is something to learn.
pub(crate) fn swings() -> String {
    let mut rows = "Date,Open,High,Low,Close,Volume\n".to_owned();
    let price = |day: i64| {
        let noise = ((day * 7_919) % 101) as f64 / 101.0 - 0.5;
        100.0 + 10.0 * libm::sin(day as f64 * 0.157) + noise
    };
    for day in 0..900 {
        let date = Timestamp(day * DAY).date();
        let (open, close) = (price(day - 1), price(day));
        let (high, low) = (open.max(close) + 0.2, open.min(close) - 0.2);
        rows += &format!("{date},{open:.2},{high:.2},{low:.2},{close:.2},1000000\n");
    }
    rows
}
