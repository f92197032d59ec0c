//! Holds a fixed quantity while a fast exponential average is above a slow one, and nothing below.
//!
//! The averages run over the adjusted close (close times factor), are seeded with the first one seen and
//! smooth with `2 / (n + 1)`. A target is sent only when the wanted position changes, from the bar after
//! `slow` bars on. The same series in one call (`vectorised`) comes to the same targets, bit for bit.

use bulkhead_sdk::config::Number;
use bulkhead_sdk::snapshot::Snapshot;
use bulkhead_sdk::strategy::{Intent, Requirements, State, Strategy, Vectorised};
use bulkhead_sdk::{Bar, BarColumns, Decimal, Instrument, InstrumentHandle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What can be set.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Config {
    /// Period of the fast average, in bars.
    #[schemars(range(min = 1, max = 10_000))]
    pub fast: u32,
    /// Period of the slow average, in bars; above `fast`.
    #[schemars(range(min = 2, max = 10_000))]
    pub slow: u32,
    /// Units to hold.
    pub size: Number,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            fast: 10,
            slow: 30,
            size: Number(Decimal::ONE_HUNDRED),
        }
    }
}

impl Config {
    fn check(&self) -> Result<(), String> {
        if self.fast == 0 {
            return Err("config key `fast`: 0 is no period; use 1 or more".to_owned());
        }
        if self.slow <= self.fast {
            return Err(format!(
                "config key `slow`: {} is not above fast, {}",
                self.slow, self.fast
            ));
        }
        if self.size.0 <= Decimal::ZERO {
            return Err(format!("config key `size`: {} is not above 0", self.size));
        }
        Ok(())
    }
}

/// The two averages of one instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Averages {
    fast: f64,
    slow: f64,
    seen: u64,
}

impl Averages {
    /// Takes a price; whether the fast average is now above the slow one, `None` while warming up. A price
    /// that is not finite is passed over.
    fn push(&mut self, price: f64, config: &Config) -> Option<bool> {
        if price.is_finite() {
            if self.seen == 0 {
                self.fast = price;
                self.slow = price;
            } else {
                self.fast += alpha(config.fast) * (price - self.fast);
                self.slow += alpha(config.slow) * (price - self.slow);
            }
            self.seen += 1;
        }
        (self.seen > u64::from(config.slow)).then_some(self.fast > self.slow)
    }
}

fn alpha(period: u32) -> f64 {
    2.0 / (f64::from(period) + 1.0)
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Followed {
    instrument: InstrumentHandle,
    averages: Averages,
    long: bool,
}

/// The strategy.
pub struct EmaCross {
    config: Config,
    /// Sorted by handle.
    followed: Vec<Followed>,
}

impl Strategy for EmaCross {
    type Config = Config;

    fn new(config: Config, instruments: &[Instrument]) -> Result<Self, String> {
        config.check()?;
        let mut followed: Vec<_> = instruments
            .iter()
            .map(|instrument| Followed {
                instrument: instrument.handle,
                averages: Averages::default(),
                long: false,
            })
            .collect();
        followed.sort_by_key(|one| one.instrument);
        Ok(EmaCross { config, followed })
    }

    fn requirements(&self) -> Requirements {
        // An average that began twenty periods ago has forgotten all but 1e-17 of where it began, one that began forty ago
        // all but 1e-34.
        let enough = self.config.slow.saturating_mul(40).min(200_000);
        Requirements::bars(self.config.slow).with_vectorised_warm_up(enough)
    }

    fn on_bar(&mut self, instrument: InstrumentHandle, bar: &Bar, _state: &State) -> Vec<Intent> {
        let Ok(at) = self
            .followed
            .binary_search_by_key(&instrument, |one| one.instrument)
        else {
            return Vec::new();
        };
        let one = &mut self.followed[at];
        match one.averages.push(bar.close * bar.factor, &self.config) {
            Some(long) if long != one.long => {
                one.long = long;
                let (quantity, relation) = if long {
                    (self.config.size.0, "above")
                } else {
                    (Decimal::ZERO, "not above")
                };
                let reason = format!(
                    "EMA {} at {:.4} is {relation} EMA {} at {:.4}",
                    self.config.fast, one.averages.fast, self.config.slow, one.averages.slow
                );
                vec![Intent::target(instrument, quantity, reason)]
            }
            _ => Vec::new(),
        }
    }
}

impl Vectorised for EmaCross {
    fn targets(
        config: Config,
        warm_up: &BarColumns,
        chunk: &BarColumns,
    ) -> Result<Vec<f64>, String> {
        config.check()?;
        // Through the text, because that reads back as the nearest float.
        let size: f64 = config
            .size
            .to_string()
            .parse()
            .map_err(|_| format!("config key `size`: {} is no number", config.size))?;
        let mut averages = Averages::default();
        for (close, factor) in warm_up.close.iter().zip(&warm_up.factor) {
            averages.push(close * factor, &config);
        }
        Ok(chunk
            .close
            .iter()
            .zip(&chunk.factor)
            .map(
                |(close, factor)| match averages.push(close * factor, &config) {
                    Some(true) => size,
                    _ => 0.0,
                },
            )
            .collect())
    }
}

/// Bytes that one instrument takes in a saved state: handle, two averages, bars seen, whether long.
const SAVED: usize = 4 + 8 + 8 + 8 + 1;

impl Snapshot for EmaCross {
    fn save(&self) -> Result<Vec<u8>, String> {
        let mut state = Vec::with_capacity(self.followed.len() * SAVED);
        for one in &self.followed {
            state.extend_from_slice(&one.instrument.to_le_bytes());
            state.extend_from_slice(&one.averages.fast.to_le_bytes());
            state.extend_from_slice(&one.averages.slow.to_le_bytes());
            state.extend_from_slice(&one.averages.seen.to_le_bytes());
            state.push(u8::from(one.long));
        }
        Ok(state)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        let unusable = || "the saved state is not this version's".to_owned();
        let (rows, rest) = state.as_chunks::<SAVED>();
        if !rest.is_empty() {
            return Err(unusable());
        }
        let mut restored = Vec::with_capacity(rows.len());
        for row in rows {
            restored.push(read(row).ok_or_else(unusable)?);
        }
        let same = |one: &Followed, other: &Followed| one.instrument == other.instrument;
        if restored.len() != self.followed.len()
            || !restored
                .iter()
                .zip(&self.followed)
                .all(|(one, other)| same(one, other))
        {
            return Err("the saved state is about other instruments".to_owned());
        }
        self.followed = restored;
        Ok(())
    }
}

fn read(row: &[u8; SAVED]) -> Option<Followed> {
    let (instrument, row) = row.split_first_chunk()?;
    let (fast, row) = row.split_first_chunk()?;
    let (slow, row) = row.split_first_chunk()?;
    let (seen, row) = row.split_first_chunk()?;
    Some(Followed {
        instrument: u32::from_le_bytes(*instrument),
        averages: Averages {
            fast: f64::from_le_bytes(*fast),
            slow: f64::from_le_bytes(*slow),
            seen: u64::from_le_bytes(*seen),
        },
        long: match row {
            [0] => false,
            [1] => true,
            _ => return None,
        },
    })
}

bulkhead_sdk::export!(strategy: EmaCross, vectorised, snapshot);

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sdk::testing;

    const SMALL: Config = Config {
        fast: 2,
        slow: 4,
        size: Number(Decimal::TEN),
    };

    fn strategy(config: Config) -> EmaCross {
        EmaCross::new(config, &[Instrument::us_equity(7, "AAPL")]).unwrap()
    }

    /// A zigzag of rising and falling legs.
    fn closes() -> Vec<f64> {
        (0..60)
            .map(|i: i32| 100.0 + f64::from((i % 20 - 10).abs()) + 0.01 * f64::from(i))
            .collect()
    }

    fn quantities(strategy: &mut EmaCross, bars: &[Bar]) -> Vec<Option<Decimal>> {
        bars.iter()
            .map(
                |bar| match strategy.on_bar(7, bar, &State::default()).as_slice() {
                    [] => None,
                    [Intent::Target { quantity, .. }] => Some(*quantity),
                    other => panic!("{other:?}"),
                },
            )
            .collect()
    }

    fn bars() -> Vec<Bar> {
        closes()
            .into_iter()
            .zip(0..)
            .map(|(close, day)| testing::bar(day, close))
            .collect()
    }

    #[test]
    fn averages_are_seeded_with_the_first_price() {
        let mut averages = Averages::default();
        averages.push(10.0, &SMALL);
        assert_eq!((averages.fast, averages.slow), (10.0, 10.0));
        averages.push(13.0, &SMALL);
        assert_eq!((averages.fast, averages.slow), (12.0, 11.2));
    }

    #[test]
    fn a_target_is_sent_only_when_the_wanted_position_changes() {
        let sent = quantities(&mut strategy(SMALL), &bars());
        assert!(sent[..4].iter().all(Option::is_none), "{sent:?}");
        let changes: Vec<_> = sent.into_iter().flatten().collect();
        assert!(changes.len() >= 4, "{changes:?}");
        for (i, quantity) in changes.iter().enumerate() {
            let expected = if i % 2 == 0 {
                Decimal::TEN
            } else {
                Decimal::ZERO
            };
            assert_eq!(*quantity, expected);
        }
    }

    #[test]
    fn a_split_changes_nothing() {
        let raw = bars();
        let split: Vec<_> = raw
            .iter()
            .enumerate()
            .map(|(i, bar)| {
                let mut bar = *bar;
                if i >= 25 {
                    bar.close /= 2.0;
                    bar.factor = 2.0;
                }
                bar
            })
            .collect();
        assert_eq!(
            quantities(&mut strategy(SMALL), &raw),
            quantities(&mut strategy(SMALL), &split)
        );
    }

    #[test]
    fn the_whole_series_comes_to_the_same_targets() {
        let bars = bars();
        let mut wanted = 0.0;
        let one_by_one: Vec<f64> = quantities(&mut strategy(SMALL), &bars)
            .into_iter()
            .map(|change| {
                if let Some(quantity) = change {
                    wanted = if quantity.is_zero() { 0.0 } else { 10.0 };
                }
                wanted
            })
            .collect();
        for warm_up in [0, 3, 17] {
            let targets = EmaCross::targets(
                SMALL,
                &testing::columns(&bars[..warm_up]),
                &testing::columns(&bars[warm_up..]),
            )
            .unwrap();
            assert_eq!(targets, one_by_one[warm_up..]);
        }
    }

    #[test]
    fn a_restored_state_goes_on_where_it_was_saved() {
        let bars = bars();
        let mut whole = strategy(SMALL);
        let mut first = strategy(SMALL);
        quantities(&mut whole, &bars[..23]);
        quantities(&mut first, &bars[..23]);
        let mut second = strategy(SMALL);
        second.restore(&first.save().unwrap()).unwrap();
        assert_eq!(
            quantities(&mut whole, &bars[23..]),
            quantities(&mut second, &bars[23..])
        );
        assert!(second.restore(&[1, 2, 3]).is_err());
        let mut other = EmaCross::new(SMALL, &[Instrument::us_equity(8, "MSFT")]).unwrap();
        assert!(other.restore(&first.save().unwrap()).is_err());
    }

    #[test]
    fn what_cannot_work_is_refused_by_name() {
        for (config, key) in [
            (Config { fast: 0, ..SMALL }, "`fast`"),
            (Config { slow: 2, ..SMALL }, "`slow`"),
            (
                Config {
                    size: Number(Decimal::ZERO),
                    ..SMALL
                },
                "`size`",
            ),
        ] {
            let error = EmaCross::new(config, &[]).err().unwrap();
            assert!(error.contains(key), "{error}");
        }
    }
}
