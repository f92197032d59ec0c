//! A plugin that carries state from call to call: the strategy `ema-cross`, handed over at every swap.

use super::load::{Shelf, version};
use super::swap::Swapped;
use anyhow::{Result, ensure};
use bulkhead_domain::order::Bar;
use bulkhead_domain::strategy::{Intent, State};
use bulkhead_domain::{Instrument, Problem, Timestamp};
use bulkhead_registry::background;
use bulkhead_registry::service::{Seat, Stateful, Successor, Way};
use bulkhead_sandbox::{CallError, Grants, Plugin, StrategyInstance, StrategyPlugin};
use std::sync::Mutex;
use std::time::Duration;

pub(super) const COMPONENT: &str = "ema-cross";

const CONFIG: &str = r#"{"fast": 10, "slow": 30, "size": "100"}"#;
const INSTRUMENT: u32 = 1;

/// How long a call in progress is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// A strategy that knows which generation it is.
pub(super) struct Numbered {
    number: u64,
    strategy: StrategyInstance,
}

impl Stateful for Numbered {
    fn save(&mut self) -> Result<Option<Vec<u8>>, CallError> {
        self.strategy.save()
    }

    fn restore(&mut self, state: &[u8]) -> Result<bool, CallError> {
        self.strategy.restore(state)
    }
}

pub(super) fn instance(plugin: &Plugin) -> Result<StrategyInstance, Problem> {
    let instruments = [Instrument::us_equity(INSTRUMENT, "WALK")];
    let strategy = StrategyPlugin::new(plugin.clone())?;
    Ok(strategy.create(CONFIG, &instruments, &Grants::default(), None)?)
}

pub(super) fn on_bar(strategy: &mut StrategyInstance, number: u64) -> Result<Vec<Intent>, Problem> {
    // Rising and falling legs of a hundred bars.
    let leg = (number % 200).abs_diff(100);
    let close = 100.0 + leg as f64;
    let bar = Bar {
        time: i64::try_from(number).unwrap_or(i64::MAX),
        open: close,
        high: close,
        low: close,
        close,
        volume: 1_000.0,
        factor: 1.0,
    };
    Ok(strategy.on_bar(INSTRUMENT, &bar, &State::default())?)
}

/// The strategy in its seat.
pub(super) struct Seated<'a> {
    shelf: &'a Shelf,
    seat: Seat<Numbered>,
    intents: Mutex<Vec<Intent>>,
}

fn successor(plugin: &Plugin, number: u64) -> Successor {
    let interrupter = plugin.interrupter();
    Successor {
        number,
        version: version(plugin),
        stop: Box::new(move || interrupter.interrupt()),
    }
}

impl<'a> Seated<'a> {
    pub(super) fn new(shelf: &'a Shelf) -> Result<Self> {
        shelf.warm(COMPONENT)?;
        let plugin = shelf.load(COMPONENT)?;
        let first = Numbered {
            number: 1,
            strategy: instance(&plugin)?,
        };
        Ok(Seated {
            seat: Seat::new(successor(&plugin, 1), first, Timestamp(0)),
            shelf,
            intents: Mutex::default(),
        })
    }
}

impl Swapped for Seated<'_> {
    fn call(&self, number: u64) -> Result<u64> {
        let (generation, intents) = self.seat.call(|one| {
            let intents = on_bar(&mut one.strategy, number);
            (one.number, intents)
        });
        let mut all = self
            .intents
            .lock()
            .map_err(|_| anyhow::anyhow!("poisoned"))?;
        all.extend(intents?);
        Ok(generation)
    }

    fn swap(&self, number: u64) -> Result<()> {
        let plugin = background(|| self.shelf.load(COMPONENT))?;
        let make = || {
            let strategy = instance(&plugin)?;
            Ok(Numbered { number, strategy })
        };
        let replay = |_: &mut Numbered| Err(Problem::host("the state was not taken over", ""));
        let next = successor(&plugin, number);
        let succeeded = self
            .seat
            .hand_over(next, Timestamp(0), PATIENCE, make, replay)?;
        ensure!(
            matches!(succeeded.way, Way::Snapshot { .. }),
            "{:?}",
            succeeded.way
        );
        Ok(())
    }

    /// What it wanted is what a strategy wants that was never swapped.
    fn check(&self, calls: u64) -> Result<()> {
        let plugin = self.shelf.load(COMPONENT)?;
        let mut whole = instance(&plugin)?;
        let mut wanted = Vec::new();
        for number in 0..calls {
            wanted.extend(on_bar(&mut whole, number)?);
        }
        let found = self
            .intents
            .lock()
            .map_err(|_| anyhow::anyhow!("poisoned"))?;
        ensure!(
            *found == wanted,
            "{} intents, {} without swaps: a swapped strategy trades differently",
            found.len(),
            wanted.len()
        );
        Ok(())
    }
}
