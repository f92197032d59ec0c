//! Breakers: a candidate that keeps failing is left alone for a while, then tried carefully.
//!
//! Promises: a closed breaker opens on so many failures in a row, or on a share of failures over its window; an
//! open one admits nobody until its time is over, which doubles each time it opens again, up to a cap; a half-open
//! one has no more probes out than configured, closes when so many have succeeded and opens when one fails. An
//! answer to a call that was admitted before the breaker last changed state changes nothing. Time is given,
//! never read. A breaker knows health alone; skill and cost are kept elsewhere.

use crate::seconds;
use bulkhead_domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;

/// Most calls that a window may hold.
pub const WINDOW: usize = 1_024;

/// When a breaker opens and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BreakerConfig {
    /// Failures in a row that open it.
    pub consecutive: u32,
    /// Answers that the share is taken over; it opens on no share before there are so many.
    pub window: usize,
    /// Share of failures in the window that opens it, in `(0, 1]`.
    pub share: f64,
    /// How long it stays open the first time, nanoseconds.
    #[serde(rename = "backoff-seconds", with = "crate::seconds")]
    pub backoff: i64,
    /// Longest that it stays open, nanoseconds.
    #[serde(rename = "longest-seconds", with = "crate::seconds")]
    pub longest: i64,
    /// Most calls out at a time while half-open.
    pub probes: u32,
    /// Probes that must succeed before it closes.
    pub successes: u32,
    /// How long a probe may stay unanswered before its place is given to another, nanoseconds.
    #[serde(rename = "patience-seconds", with = "crate::seconds")]
    pub patience: i64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        const SECOND: i64 = bulkhead_domain::time::SECOND;
        BreakerConfig {
            consecutive: 5,
            window: 20,
            share: 0.5,
            backoff: 5 * SECOND,
            longest: 600 * SECOND,
            probes: 1,
            successes: 2,
            patience: 120 * SECOND,
        }
    }
}

impl BreakerConfig {
    /// Checks every figure.
    ///
    /// # Errors
    /// The first that is out of bounds.
    pub fn check(&self) -> Result<(), crate::choice::ConfigError> {
        use crate::choice::ConfigError;
        let figures = [
            (
                "consecutive",
                f64::from(self.consecutive),
                self.consecutive > 0,
            ),
            (
                "backoff-seconds",
                seconds::of(self.backoff),
                self.backoff > 0,
            ),
            (
                "longest-seconds",
                seconds::of(self.longest),
                self.longest >= self.backoff,
            ),
            ("probes", f64::from(self.probes), self.probes > 0),
            ("successes", f64::from(self.successes), self.successes > 0),
            (
                "patience-seconds",
                seconds::of(self.patience),
                self.patience > 0,
            ),
        ];
        for (field, value, holds) in figures {
            let allowed = "counts are at least 1, times above 0, and the longest back-off no shorter than the first";
            ConfigError::unless(holds, field, value, allowed)?;
        }
        #[expect(clippy::cast_precision_loss, reason = "at most WINDOW")]
        let window = self.window as f64;
        let fits = (1..=WINDOW).contains(&self.window);
        ConfigError::unless(fits, "window", window, "it is 1 to 1024")?;
        let share = self.share > 0.0 && self.share <= 1.0;
        ConfigError::unless(share, "share", self.share, "it is above 0 and at most 1")
    }
}

/// Why a breaker opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tripped {
    /// So many failures in a row.
    InARow(u32),
    /// So many failures among the newest answers.
    Share {
        /// Failures.
        failures: usize,
        /// Answers they are among.
        of: usize,
    },
    /// A probe failed.
    ProbeFailed,
    /// Opened from outside: an operator, or a supervisor that gave up.
    Forced,
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tripped::InARow(count) => write!(f, "{count} failures in a row"),
            Tripped::Share { failures, of } => write!(f, "{failures} failures among {of} answers"),
            Tripped::ProbeFailed => f.write_str("a probe failed"),
            Tripped::Forced => f.write_str("opened from outside"),
        }
    }
}

/// What a breaker lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum BreakerState {
    /// Everything.
    Closed {
        /// Since when.
        since: Timestamp,
    },
    /// Nothing.
    Open {
        /// Since when.
        since: Timestamp,
        /// The first moment at which a probe may go.
        until: Timestamp,
        /// Why.
        reason: Tripped,
    },
    /// A few probes.
    HalfOpen {
        /// Since when.
        since: Timestamp,
        /// Why it had been open.
        reason: Tripped,
        /// Probes that succeeded so far.
        succeeded: u32,
    },
}

/// A call that was let through. It is handed back with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a probe whose answer is not told holds its place until patience ends"]
pub struct Permit {
    /// The state it was given in: states are counted.
    epoch: u64,
    number: u64,
}

/// One candidate's breaker.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    state: BreakerState,
    epoch: u64,
    issued: u64,
    in_a_row: u32,
    /// Newest answers, `true` for a failure.
    window: VecDeque<bool>,
    /// Times it opened without having closed in between.
    openings: u32,
    /// Probes out: number and when each went.
    out: Vec<(u64, Timestamp)>,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(config: BreakerConfig, now: Timestamp) -> Self {
        Breaker {
            config,
            state: BreakerState::Closed { since: now },
            epoch: 0,
            issued: 0,
            in_a_row: 0,
            window: VecDeque::new(),
            openings: 0,
            out: Vec::new(),
        }
    }

    /// What it lets through at `now`. An open breaker whose time is over is half-open.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> BreakerState {
        match self.state {
            BreakerState::Open { until, reason, .. } if now >= until => BreakerState::HalfOpen {
                since: until,
                reason,
                succeeded: 0,
            },
            state => state,
        }
    }

    /// Whether [`Breaker::admit`] would let a call through.
    #[must_use]
    pub fn would_admit(&self, now: Timestamp) -> bool {
        match self.state(now) {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { .. } => false,
            BreakerState::HalfOpen { .. } => {
                let patience = self.config.patience;
                let waited_for =
                    |probe: &&(u64, Timestamp)| now.0.saturating_sub(probe.1.0) < patience;
                self.out.iter().filter(waited_for).count() < self.config.probes as usize
            }
        }
    }

    /// Lets a call through, or not.
    pub fn admit(&mut self, now: Timestamp) -> Option<Permit> {
        if !self.would_admit(now) {
            return None;
        }
        self.pass(now);
        self.issued += 1;
        if matches!(self.state, BreakerState::HalfOpen { .. }) {
            let patience = self.config.patience;
            self.out
                .retain(|(_, gone)| now.0.saturating_sub(gone.0) < patience);
            self.out.push((self.issued, now));
        }
        Some(Permit {
            epoch: self.epoch,
            number: self.issued,
        })
    }

    /// Takes in that a call succeeded.
    pub fn succeeded(&mut self, permit: Permit, now: Timestamp) {
        if !self.counts(permit, now) {
            return;
        }
        self.in_a_row = 0;
        match &mut self.state {
            BreakerState::HalfOpen { succeeded, .. } => {
                *succeeded += 1;
                if *succeeded >= self.config.successes {
                    self.openings = 0;
                    self.enter(BreakerState::Closed { since: now });
                }
            }
            _ => self.remember(false),
        }
    }

    /// Takes in that a call failed in a way that speaks of the candidate's health.
    pub fn failed(&mut self, permit: Permit, now: Timestamp) {
        if !self.counts(permit, now) {
            return;
        }
        if matches!(self.state, BreakerState::HalfOpen { .. }) {
            self.open(now, Tripped::ProbeFailed);
            return;
        }
        self.in_a_row += 1;
        self.remember(true);
        let failures = self.window.iter().filter(|failed| **failed).count();
        #[expect(clippy::cast_precision_loss, reason = "at most WINDOW")]
        let share = failures as f64 / self.config.window as f64;
        if self.in_a_row >= self.config.consecutive {
            self.open(now, Tripped::InARow(self.in_a_row));
        } else if self.window.len() == self.config.window && share >= self.config.share {
            let of = self.config.window;
            self.open(now, Tripped::Share { failures, of });
        }
    }

    /// Takes in that a call ended in a way that says nothing of the candidate's health: it was cancelled, or
    /// the request was wrong. A probe's place is free again.
    pub fn abandoned(&mut self, permit: Permit) {
        self.out.retain(|(number, _)| *number != permit.number);
    }

    /// Opens it from outside.
    pub fn force_open(&mut self, now: Timestamp) {
        self.open(now, Tripped::Forced);
    }

    /// Closes it from outside, everything forgiven.
    pub fn force_close(&mut self, now: Timestamp) {
        self.openings = 0;
        self.enter(BreakerState::Closed { since: now });
    }

    /// Whether an answer belongs to the present state; a probe's place is free in any case.
    fn counts(&mut self, permit: Permit, now: Timestamp) -> bool {
        self.pass(now);
        self.abandoned(permit);
        permit.epoch == self.epoch
    }

    /// Enters the state that time has brought about.
    fn pass(&mut self, now: Timestamp) {
        let state = self.state(now);
        if state != self.state {
            self.enter(state);
        }
    }

    fn remember(&mut self, failed: bool) {
        if self.window.len() == self.config.window {
            self.window.pop_front();
        }
        self.window.push_back(failed);
    }

    /// Opens for `backoff * 2^openings`, at most `longest`.
    fn open(&mut self, now: Timestamp, reason: Tripped) {
        let doubled = 1i64.checked_shl(self.openings.min(62)).unwrap_or(i64::MAX);
        let pause = self
            .config
            .backoff
            .saturating_mul(doubled)
            .min(self.config.longest);
        self.openings = self.openings.saturating_add(1);
        self.enter(BreakerState::Open {
            since: now,
            until: Timestamp(now.0.saturating_add(pause)),
            reason,
        });
    }

    fn enter(&mut self, state: BreakerState) {
        self.state = state;
        self.epoch += 1;
        self.in_a_row = 0;
        self.window.clear();
        self.out.clear();
    }
}

#[cfg(test)]
mod tests;
