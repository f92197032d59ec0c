//! Random scenarios of orders and bars, and a way to play one and the same scenario against anything that
//! claims to match like [`crate::Venue`].
//!
//! A scenario is a pure function of its seed and shape; one with more turns begins with the turns of one
//! with fewer. It contains refusable commands, missing bars, bars without volume and corporate actions.

mod generate;

use crate::Venue;
use crate::config::{InstrumentSpec, VenueConfig};
use crate::order::{Nanos, Order, OrderUpdate, Replacement, Step};

/// How large a scenario is, and what occurs in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// At least one.
    pub instruments: u32,
    /// Bars of time.
    pub turns: u32,
    /// Most commands sent after one bar.
    pub commands: u32,
    /// Whether there are splits, dividends and other actions.
    pub actions: bool,
}

/// What is sent between two bars.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// A new order.
    Submit(Order),
    /// A change.
    Replace(Replacement),
    /// A cancellation, by client order id.
    Cancel(String),
}

/// One bar of time and what is sent at its close.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Bars, all closing at `time`; some instruments may have none.
    pub steps: Vec<Step>,
    /// Close of the bars.
    pub time: Nanos,
    /// Sent in this order.
    pub commands: Vec<Command>,
}

/// A venue, and what it is put through.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// How the venue is set up.
    pub config: VenueConfig,
    /// What it trades.
    pub instruments: Vec<InstrumentSpec>,
    /// Bars and commands.
    pub turns: Vec<Turn>,
}

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn generate(seed: u64, shape: Shape) -> Scenario {
        generate::scenario(seed, shape)
    }

    /// When it ends.
    #[must_use]
    pub fn end(&self) -> Nanos {
        self.turns.last().map_or(0, |turn| turn.time)
    }
}

/// Whatever takes orders and bars. Refusals are given by their code.
pub trait Driver {
    /// Takes an order.
    ///
    /// # Errors
    ///
    /// The code of the refusal.
    fn submit(&mut self, order: &Order, now: Nanos) -> Result<(), String>;

    /// Changes an order of `account`.
    ///
    /// # Errors
    ///
    /// The code of the refusal.
    fn replace(
        &mut self,
        account: &str,
        replacement: &Replacement,
        now: Nanos,
    ) -> Result<(), String>;

    /// Cancels an order of `account`.
    ///
    /// # Errors
    ///
    /// The code of the refusal.
    fn cancel(&mut self, account: &str, client_order_id: &str) -> Result<(), String>;

    /// Moves on by a bar.
    ///
    /// # Errors
    ///
    /// Why the steps were refused.
    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String>;

    /// Closes the book.
    fn finish(&mut self, time: Nanos) -> Vec<OrderUpdate>;
}

impl Driver for Venue {
    fn submit(&mut self, order: &Order, now: Nanos) -> Result<(), String> {
        Venue::submit(self, order, now).map_err(|reject| reject.code().to_owned())
    }

    fn replace(
        &mut self,
        _account: &str,
        replacement: &Replacement,
        now: Nanos,
    ) -> Result<(), String> {
        Venue::replace(self, replacement, now).map_err(|reject| reject.code().to_owned())
    }

    fn cancel(&mut self, _account: &str, client_order_id: &str) -> Result<(), String> {
        Venue::cancel(self, client_order_id).map_err(|reject| reject.code().to_owned())
    }

    fn advance(&mut self, steps: &[Step]) -> Result<Vec<OrderUpdate>, String> {
        Venue::advance(self, steps).map_err(|problem| problem.to_string())
    }

    fn finish(&mut self, time: Nanos) -> Vec<OrderUpdate> {
        Venue::finish(self, time)
    }
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "most events are updates")]
pub enum Event {
    /// The command at `position` of the turn was taken, or refused with a code.
    Answer {
        /// Index of the turn.
        turn: usize,
        /// Index of the command.
        position: usize,
        /// Taken, or the code.
        answer: Result<(), String>,
    },
    /// What became of an order; `turn` is one past the last for the end.
    Update {
        /// Index of the turn.
        turn: usize,
        /// What happened.
        update: OrderUpdate,
    },
}

/// Plays a scenario to its end and returns everything that came back, in order.
///
/// # Errors
///
/// When the driver refuses a step; scenarios contain none that a venue refuses.
pub fn play(scenario: &Scenario, driver: &mut impl Driver) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for (
        turn,
        Turn {
            steps,
            time,
            commands,
        },
    ) in scenario.turns.iter().enumerate()
    {
        let updates = driver.advance(steps)?;
        events.extend(
            updates
                .into_iter()
                .map(|update| Event::Update { turn, update }),
        );
        for (position, command) in commands.iter().enumerate() {
            let account = &scenario.config.account;
            let answer = match command {
                Command::Submit(order) => driver.submit(order, *time),
                Command::Replace(replacement) => driver.replace(account, replacement, *time),
                Command::Cancel(id) => driver.cancel(account, id),
            };
            events.push(Event::Answer {
                turn,
                position,
                answer,
            });
        }
    }
    let turn = scenario.turns.len();
    let updates = driver.finish(scenario.end());
    events.extend(
        updates
            .into_iter()
            .map(|update| Event::Update { turn, update }),
    );
    Ok(events)
}

/// Plays a scenario against a fresh venue.
///
/// # Errors
///
/// When the scenario is not one that a venue takes.
pub fn play_natively(scenario: &Scenario) -> Result<Vec<Event>, String> {
    let mut venue = Venue::new(scenario.config.clone(), &scenario.instruments)
        .map_err(|problem| problem.to_string())?;
    play(scenario, &mut venue)
}
