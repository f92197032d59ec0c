//! What goes wrong between a client and its broker, by configuration and seed.
//!
//! Nothing does unless it is asked for. Every draw is keyed by the seed, what it is for, the client order id
//! (the instrument's symbol for a stale quote) and the time, so the order of calls changes none, and the same
//! request at the same time meets the same fate. What has to be remembered, requests counted and a line that
//! is down, is [`Line`] and travels with a snapshot.

use bulkhead_sdk::Timestamp;
use bulkhead_sdk::broker::Error;
use bulkhead_venue::PartialFills;
use bulkhead_venue::draw::Draws;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MINUTE: Timestamp = 60_000_000_000;

/// Longest latency, and longest part of it that is drawn: a day.
const LATENCY: Timestamp = 24 * 60 * MINUTE;

/// Most bars an order sits out, and most advances a line is down.
const COUNT: u32 = bulkhead_venue::config::bounds::DELAY_BARS;

/// Simulated faults; all are off unless set. Probabilities are from 0 to 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Faults {
    /// Keys every draw: the same seed gives the same faults.
    pub seed: u64,
    /// Nanoseconds until an order or replacement can match, at most a day.
    #[schemars(range(min = 0, max = 86_400_000_000_000i64))]
    pub latency: i64,
    /// Up to this many nanoseconds more, drawn for each order; at most a day.
    #[schemars(range(min = 0, max = 86_400_000_000_000i64))]
    pub latency_jitter: i64,
    /// Bars of its instrument that an order or replacement sits out before it can match.
    #[schemars(range(max = 1000))]
    pub latency_bars: u32,
    /// Probability that a fill gives less than there is; the rest works on.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub partial_fills: f64,
    /// Probability that an order or replacement is rejected with code `simulated-reject`.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub rejects: f64,
    /// Probability that the answer to a request is lost: the request takes effect or not, and the answer is
    /// `ambiguous` either way.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ambiguous: f64,
    /// Probability, for each bar, that orders do not match against it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub stale_quotes: f64,
    /// Probability, for each advance, that the line goes down after it.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub disconnects: f64,
    /// Advances until it is up again, while every request is answered `unavailable`; what works at the venue
    /// works on.
    #[schemars(range(min = 1, max = 1000))]
    pub disconnect_advances: u32,
    /// Most requests of an account within a simulated minute, further ones being answered `rate-limited`; 0
    /// for as many as it likes.
    pub requests_per_minute: u32,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            seed: 0,
            latency: 0,
            latency_jitter: 0,
            latency_bars: 0,
            partial_fills: 0.0,
            rejects: 0.0,
            ambiguous: 0.0,
            stale_quotes: 0.0,
            disconnects: 0.0,
            disconnect_advances: 1,
            requests_per_minute: 0,
        }
    }
}

/// What a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Submit,
    Replace,
    Cancel,
}

impl Request {
    /// Keys of the draws: whether the answer is lost, and whether the request took effect then.
    fn keys(self) -> (&'static str, &'static str) {
        match self {
            Request::Submit => ("ambiguous-submit", "effect-submit"),
            Request::Replace => ("ambiguous-replace", "effect-replace"),
            Request::Cancel => ("ambiguous-cancel", "effect-cancel"),
        }
    }
}

/// What becomes of a request and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Answered,
    /// It arrived; the answer did not.
    AnswerLost,
    /// It did not arrive, and the client cannot know.
    RequestLost,
}

impl Faults {
    /// Whether every key makes sense.
    ///
    /// # Errors
    /// One line that names the key and says what it must be.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (key, chance) in [
            ("partial-fills", self.partial_fills),
            ("rejects", self.rejects),
            ("ambiguous", self.ambiguous),
            ("stale-quotes", self.stale_quotes),
            ("disconnects", self.disconnects),
        ] {
            if !(0.0..=1.0).contains(&chance) {
                return Err(format!(
                    "config key `faults.{key}`: is {chance}; a probability is between 0 and 1"
                ));
            }
        }
        for (key, time) in [
            ("latency", self.latency),
            ("latency-jitter", self.latency_jitter),
        ] {
            if !(0..=LATENCY).contains(&time) {
                return Err(format!(
                    "config key `faults.{key}`: is {time}; it must be 0 to {LATENCY} nanoseconds, a day"
                ));
            }
        }
        for (key, count, least) in [
            ("latency-bars", self.latency_bars, 0),
            ("disconnect-advances", self.disconnect_advances, 1),
        ] {
            if !(least..=COUNT).contains(&count) {
                return Err(format!(
                    "config key `faults.{key}`: is {count}; it must be {least} to {COUNT}"
                ));
            }
        }
        Ok(())
    }

    fn draws(&self) -> Draws {
        Draws::new(self.seed)
    }

    /// The venue's part.
    pub(crate) fn partial_fills(&self) -> Option<PartialFills> {
        (self.partial_fills > 0.0).then_some(PartialFills {
            chance: self.partial_fills,
            seed: self.seed,
        })
    }

    /// When an order sent at `now` arrives, and how many bars it sits out then; none where it is there at
    /// once.
    pub(crate) fn delay(&self, client_order_id: &str, now: Timestamp) -> Option<(Timestamp, u32)> {
        if self.latency == 0 && self.latency_jitter == 0 && self.latency_bars == 0 {
            return None;
        }
        let drawn = self.draws().bits("latency", client_order_id, now);
        // Both are at most a day, which the conversions hold.
        let jitter = (drawn % (self.latency_jitter.unsigned_abs() + 1)).cast_signed();
        let time = now.saturating_add(self.latency).saturating_add(jitter);
        Some((time, self.latency_bars))
    }

    pub(crate) fn rejected(&self, client_order_id: &str, now: Timestamp) -> bool {
        self.draws()
            .hits(self.rejects, "reject", client_order_id, now)
    }

    pub(crate) fn delivery(
        &self,
        request: Request,
        client_order_id: &str,
        now: Timestamp,
    ) -> Delivery {
        let (lost, effect) = request.keys();
        if !self
            .draws()
            .hits(self.ambiguous, lost, client_order_id, now)
        {
            Delivery::Answered
        } else if self.draws().hits(0.5, effect, client_order_id, now) {
            Delivery::AnswerLost
        } else {
            Delivery::RequestLost
        }
    }

    pub(crate) fn stale(&self, symbol: &str, bar: Timestamp) -> bool {
        self.draws()
            .hits(self.stale_quotes, "stale-quote", symbol, bar)
    }
}

/// The line to the broker, as far as it has to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// Advances until it is up again.
    down_for: u32,
    /// The simulated minute that requests are counted in, and the count of each account.
    minute: i64,
    requests: Vec<u32>,
}

impl Line {
    pub(crate) fn new(accounts: usize) -> Self {
        Line {
            down_for: 0,
            minute: i64::MIN,
            requests: vec![0; accounts],
        }
    }

    /// Counts a request and lets it through, or not.
    pub(crate) fn pass(
        &mut self,
        faults: &Faults,
        account: usize,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.down_for > 0 {
            return Err(Error::Unavailable(
                "the connection is down; nothing was sent".to_owned(),
            ));
        }
        if faults.requests_per_minute == 0 {
            return Ok(());
        }
        let minute = now.div_euclid(MINUTE);
        if minute != self.minute {
            self.minute = minute;
            self.requests.fill(0);
        }
        let count = &mut self.requests[account];
        if *count >= faults.requests_per_minute {
            return Err(Error::RateLimited(Some(MINUTE - now.rem_euclid(MINUTE))));
        }
        *count += 1;
        Ok(())
    }

    /// What an advance to `now` does to it.
    pub(crate) fn advance(&mut self, faults: &Faults, now: Timestamp) {
        let breaks = faults
            .draws()
            .hits(faults.disconnects, "disconnect", "", now);
        self.down_for = if breaks {
            faults.disconnect_advances
        } else {
            self.down_for.saturating_sub(1)
        };
    }
}
