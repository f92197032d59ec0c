//! The bars that strategies are measured on: a seeded random walk, the same in every run.

use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::Columns;
use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Nanoseconds of one day.
const DAY: i64 = 86_400_000_000_000;

/// `count` daily bars. Closes move by at most 2 % a bar, so that moving averages cross now and then and
/// never degenerate.
pub(crate) fn bars(count: usize) -> Vec<Bar> {
    bars_from(7, count)
}

/// The same of another seed.
pub(crate) fn bars_from(seed: u64, count: usize) -> Vec<Bar> {
    Walk::new(seed).take(count).collect()
}

/// A walk without an end.
pub(crate) struct Walk {
    generator: ChaCha12Rng,
    close: f64,
    day: i64,
}

impl Walk {
    pub(crate) fn new(seed: u64) -> Walk {
        Walk {
            generator: ChaCha12Rng::seed_from_u64(seed),
            close: 100.0,
            day: 0,
        }
    }
}

impl Iterator for Walk {
    type Item = Bar;

    fn next(&mut self) -> Option<Bar> {
        let open = self.close;
        let step = 0.04 * (f64::from(self.generator.next_u32()) / f64::from(u32::MAX) - 0.5);
        // Drawn back to 100, else a long walk ends at zero or at infinity.
        self.close *= 1.0 + step - 1e-3 * (open / 100.0 - 1.0);
        let close = self.close;
        let time = self.day * DAY;
        self.day += 1;
        Some(Bar {
            time,
            open,
            high: open.max(close) * 1.001,
            low: open.min(close) * 0.999,
            close,
            volume: 1e6,
            factor: 1.0,
        })
    }
}

/// The same bars by column.
pub(crate) fn columns(bars: &[Bar]) -> Columns {
    let column = |field: fn(&Bar) -> f64| bars.iter().map(field).collect();
    Columns {
        times: bars.iter().map(|bar| bar.time).collect(),
        open: column(|bar| bar.open),
        high: column(|bar| bar.high),
        low: column(|bar| bar.low),
        close: column(|bar| bar.close),
        volume: column(|bar| bar.volume),
        factor: column(|bar| bar.factor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_is_the_same_every_time_and_stays_tradable() {
        let walk = bars(100_000);
        assert_eq!(walk, bars(100_000));
        assert!(
            walk.iter()
                .all(|bar| bar.close > 1.0 && bar.close < 10_000.0)
        );
        assert_eq!(columns(&walk).close[99_999], walk[99_999].close);
    }
}
