//! When a plugin that failed is started again, which inputs it is spared, and when it is given up.
//!
//! Promises: at most so many restarts in any window of time; a pause before each that doubles up to a cap and
//! begins anew after a healthy time; an input that killed an instance so many times is refused from then on
//! without asking the plugin; a plugin that fails once its restarts are used up is disabled with a reason, and
//! whoever reported that failure is the one, and the only one, who is told.
//!
//! A supervisor does no I/O and reads no clock: it is told what happened and when, and says what to do. What it
//! remembers is bounded, can be stored and read back. A call that a plugin answers with an error of its kind is
//! no failure; a call that does not return is.

use bulkhead_domain::{Digest, Timestamp, time::DAY, time::SECOND};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Every figure of supervision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SupervisionLimits {
    /// Most restarts within `window`.
    pub restarts: u32,
    /// The time over which restarts are counted, nanoseconds.
    pub window: i64,
    /// Pause before the first restart, nanoseconds; it doubles with each further one.
    pub pause: i64,
    /// Longest pause, nanoseconds.
    pub longest: i64,
    /// Time in service without a failure after which the pause begins anew, nanoseconds.
    pub healthy: i64,
    /// Times that one input may kill an instance before it is refused.
    pub strikes: u32,
    /// Most inputs that are remembered; the one longest unseen is forgotten first.
    pub inputs: usize,
}

impl Default for SupervisionLimits {
    fn default() -> Self {
        SupervisionLimits {
            restarts: 3,
            window: 30 * DAY,
            pause: SECOND,
            longest: DAY,
            healthy: DAY,
            strikes: 2,
            inputs: 1_024,
        }
    }
}

/// A figure that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{key}' is {value}; {allowed}")]
pub struct LimitsError {
    /// The configuration's key.
    pub key: &'static str,
    /// What it is.
    pub value: i128,
    /// What it may be.
    pub allowed: &'static str,
}

impl SupervisionLimits {
    /// Checks every figure.
    ///
    /// # Errors
    /// The first that is out of bounds.
    pub fn check(&self) -> Result<(), LimitsError> {
        /// Longest time that can be meant: a year.
        const YEAR: i64 = 366 * DAY;
        let times = [
            ("window", self.window),
            ("pause", self.pause),
            ("longest", self.longest),
            ("healthy", self.healthy),
        ];
        let figures = times
            .map(|(key, value)| {
                let fits = (1..=YEAR).contains(&value);
                (key, i128::from(value), fits, "it is 1 ns to 366 days")
            })
            .into_iter()
            .chain([
                (
                    "longest",
                    i128::from(self.longest),
                    self.longest >= self.pause,
                    "it is no shorter than 'pause'",
                ),
                (
                    "restarts",
                    i128::from(self.restarts),
                    self.restarts <= MOST_RESTARTS,
                    "it is 0 to 1000",
                ),
                (
                    "strikes",
                    i128::from(self.strikes),
                    self.strikes > 0,
                    "it is at least 1",
                ),
                (
                    "inputs",
                    self.inputs as i128,
                    (1..=MOST_INPUTS).contains(&self.inputs),
                    "it is 1 to 65536",
                ),
            ]);
        for (key, value, fits, allowed) in figures {
            if !fits {
                return Err(LimitsError {
                    key,
                    value,
                    allowed,
                });
            }
        }
        Ok(())
    }
}

const MOST_RESTARTS: u32 = 1_000;
const MOST_INPUTS: usize = 65_536;

/// Whether a plugin may be called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// It may.
    Running {
        /// Since it was started last.
        since: Timestamp,
    },
    /// It failed and is to be started again.
    Pausing {
        /// Not before.
        until: Timestamp,
        /// Why it failed.
        because: String,
    },
    /// It was given up.
    Disabled {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
}

/// Why a call is refused without asking the plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case", tag = "refused")]
pub enum Refused {
    /// The input killed instances before.
    #[error(
        "this input ended {strikes} instances, the last time because it {because}; it is not tried again"
    )]
    Quarantined {
        /// How many.
        strikes: u32,
        /// What the last one died of.
        because: String,
    },
    /// The plugin failed a moment ago.
    #[error("it is started again at {until}, because it {because}")]
    Pausing {
        /// When it may be called again.
        until: Timestamp,
        /// Why it failed.
        because: String,
    },
    /// The plugin was given up.
    #[error("it is disabled since {since}: {reason}")]
    Disabled {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
}

/// What to do about a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Verdict {
    /// Start a fresh instance, not before a moment.
    Restart {
        /// The moment.
        at: Timestamp,
    },
    /// Nothing more: a restart is due already, or the plugin is disabled already.
    Nothing,
    /// Disable the plugin, and tell its operator.
    Disable {
        /// Why.
        reason: String,
    },
}

/// What came of reporting a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// What to do.
    pub verdict: Verdict,
    /// Whether the input is refused from now on.
    pub quarantined: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Strikes {
    count: u32,
    because: String,
    /// Rises with every look at any input.
    seen: u64,
}

/// Watches over one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supervisor {
    limits: SupervisionLimits,
    state: State,
    /// Restarts that still count, oldest first.
    restarts: VecDeque<Timestamp>,
    /// Restarts in a row without a healthy time between them.
    in_a_row: u32,
    inputs: BTreeMap<Digest, Strikes>,
    looks: u64,
}

impl Supervisor {
    /// A supervisor of a plugin that was just started.
    ///
    /// # Errors
    /// When a figure is out of bounds.
    pub fn new(limits: SupervisionLimits, now: Timestamp) -> Result<Self, LimitsError> {
        limits.check()?;
        Ok(Supervisor {
            limits,
            state: State::Running { since: now },
            restarts: VecDeque::new(),
            in_a_row: 0,
            inputs: BTreeMap::new(),
            looks: 0,
        })
    }

    /// Whether the plugin may be called.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether a call may be made. `input` tells calls apart that would kill an instance each time.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&mut self, input: Option<&Digest>, now: Timestamp) -> Result<(), Refused> {
        match &self.state {
            State::Disabled { since, reason } => {
                return Err(Refused::Disabled {
                    since: *since,
                    reason: reason.clone(),
                });
            }
            State::Pausing { until, because } if now < *until => {
                return Err(Refused::Pausing {
                    until: *until,
                    because: because.clone(),
                });
            }
            State::Pausing { .. } => self.state = State::Running { since: now },
            State::Running { .. } => {}
        }
        self.looks += 1;
        let Some(strikes) = input.and_then(|input| self.inputs.get_mut(input)) else {
            return Ok(());
        };
        strikes.seen = self.looks;
        if strikes.count < self.limits.strikes {
            return Ok(());
        }
        Err(Refused::Quarantined {
            strikes: strikes.count,
            because: strikes.because.clone(),
        })
    }

    /// A call did not return. `because` continues "it ...": "ran out of fuel".
    pub fn failed(&mut self, input: Option<Digest>, because: &str, now: Timestamp) -> Reported {
        let quarantined = input.is_some_and(|input| self.strike(input, because));
        let State::Running { since } = self.state else {
            return Reported {
                verdict: Verdict::Nothing,
                quarantined,
            };
        };
        if now.0.saturating_sub(since.0) >= self.limits.healthy {
            self.in_a_row = 0;
        }
        let pause = self.pause();
        // Never before the last one, should the clock be set back.
        let last = self.restarts.back().copied().unwrap_or(Timestamp(i64::MIN));
        let at = Timestamp(now.0.saturating_add(pause)).max(last);
        let counts = at.0.saturating_sub(self.limits.window);
        while self.restarts.front().is_some_and(|first| first.0 <= counts) {
            self.restarts.pop_front();
        }
        let verdict = if self.restarts.len() < self.limits.restarts as usize {
            self.restarts.push_back(at);
            self.in_a_row = self.in_a_row.saturating_add(1);
            self.state = State::Pausing {
                until: at,
                because: because.to_owned(),
            };
            Verdict::Restart { at }
        } else {
            let reason = format!(
                "it {because}, after {} restarts within {:?} (limit {})",
                self.restarts.len(),
                Duration::from_nanos(self.limits.window.unsigned_abs()),
                self.limits.restarts
            );
            self.state = State::Disabled {
                since: now,
                reason: reason.clone(),
            };
            Verdict::Disable { reason }
        };
        Reported {
            verdict,
            quarantined,
        }
    }

    /// An operator enables the plugin again. Its restarts count from now; what it was spared, it still is.
    pub fn enable(&mut self, now: Timestamp) {
        self.state = State::Running { since: now };
        self.restarts.clear();
        self.in_a_row = 0;
    }

    /// Tries an input again that was refused. Whether it was.
    pub fn release(&mut self, input: &Digest) -> bool {
        self.inputs.remove(input).is_some()
    }

    /// Whether an input ended an instance: only then does it matter which one it is.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        !self.inputs.is_empty()
    }

    /// Inputs that are refused, with what the last instance died of.
    pub fn quarantined(&self) -> impl Iterator<Item = (&Digest, &str)> {
        self.inputs
            .iter()
            .filter(|(_, strikes)| strikes.count >= self.limits.strikes)
            .map(|(input, strikes)| (input, strikes.because.as_str()))
    }

    /// The pause before the next restart: `pause * 2^in_a_row`, at most `longest`.
    fn pause(&self) -> i64 {
        let pause = self.limits.pause.saturating_mul(1 << self.in_a_row.min(62));
        pause.min(self.limits.longest)
    }

    /// Counts a strike; whether the input is refused from now on.
    fn strike(&mut self, input: Digest, because: &str) -> bool {
        self.looks += 1;
        if !self.inputs.contains_key(&input) && self.inputs.len() >= self.limits.inputs {
            let unseen = self.inputs.iter().min_by_key(|(_, strikes)| strikes.seen);
            if let Some(unseen) = unseen.map(|(input, _)| *input) {
                self.inputs.remove(&unseen);
            }
        }
        let strikes = self.inputs.entry(input).or_insert_with(|| Strikes {
            count: 0,
            because: String::new(),
            seen: 0,
        });
        strikes.count = strikes.count.saturating_add(1);
        strikes.seen = self.looks;
        because.clone_into(&mut strikes.because);
        strikes.count >= self.limits.strikes
    }
}
