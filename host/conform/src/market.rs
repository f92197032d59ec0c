//! An artificial market: random walks in whole cents, with a split in one of them. A longer market begins
//! with the bars of a shorter one.

use crate::draws::Draws;
use bulkhead_domain::Instrument;
use bulkhead_domain::order::Bar;
use bulkhead_domain::time::{DAY, SECOND};

/// First midnight, 2020-01-06T00:00:00Z.
const START: i64 = 1_578_268_800 * SECOND;

/// When a day's bar opens and closes, from midnight UTC.
const OPENS: i64 = (14 * 60 + 30) * 60 * SECOND;
const CLOSES: i64 = 21 * 3_600 * SECOND;

/// The bar that the second instrument splits two for one before.
const SPLIT_AT: usize = 120;

/// Instruments and their daily bars, each at the same moments.
pub(crate) struct Market {
    pub(crate) instruments: Vec<Instrument>,
    /// By instrument.
    pub(crate) bars: Vec<Vec<Bar>>,
}

impl Market {
    pub(crate) fn new(seed: u64, days: usize) -> Self {
        // Handles with a gap: they are numbers for instruments, not places in a list.
        let instruments = vec![
            Instrument::us_equity(1, "WALK"),
            Instrument::us_equity(4, "SPLIT"),
        ];
        let bars = (0..instruments.len())
            .map(|which| walk(seed, which, days))
            .collect();
        Market { instruments, bars }
    }

    /// Number of moments.
    pub(crate) fn days(&self) -> usize {
        self.bars.first().map_or(0, Vec::len)
    }
}

/// When the bar of a day opens.
pub(crate) fn open_time(day: usize) -> i64 {
    START + day as i64 * DAY + OPENS
}

/// When the bar of a day closes.
pub(crate) fn close_time(day: usize) -> i64 {
    START + day as i64 * DAY + CLOSES
}

fn walk(seed: u64, which: usize, days: usize) -> Vec<Bar> {
    let mut draws = Draws::new(seed, which as u64);
    let (mut cents, mut factor) = (10_000i64, 1.0);
    let mut drift = 0;
    (0..days)
        .map(|day| {
            if which == 1 && day == SPLIT_AT {
                (cents, factor) = (cents / 2, 2.0);
            }
            // Stretches of drift make averages cross and oscillators swing.
            if draws.one_in(20) {
                drift = draws.between(-40, 40);
            }
            let open = (cents + draws.between(-30, 30)).max(500);
            let close = (open + drift + draws.between(-120, 120)).max(500);
            let high = open.max(close) + draws.between(0, 60);
            let low = open.min(close) - draws.between(0, 60);
            cents = close;
            let price = |cents: i64| cents as f64 / 100.0;
            Bar {
                time: close_time(day),
                open: price(open),
                high: price(high),
                low: price(low),
                close: price(close),
                volume: draws.between(100_000, 900_000) as f64,
                factor,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_market_begins_with_the_shorter_one() {
        let (short, long) = (Market::new(3, 150), Market::new(3, 200));
        for (short, long) in short.bars.iter().zip(&long.bars) {
            assert_eq!(short[..], long[..150]);
        }
        assert_ne!(Market::new(4, 150).bars, short.bars);
    }

    #[test]
    fn bars_are_ones_that_an_exchange_could_print() {
        let market = Market::new(1, 2_000);
        for bar in market.bars.iter().flatten() {
            assert!(bar.low > 0.0 && bar.low <= bar.open.min(bar.close));
            assert!(bar.high >= bar.open.max(bar.close));
        }
        assert!(
            market.bars[1]
                .windows(2)
                .all(|pair| pair[0].time < pair[1].time)
        );
    }
}
