//! The life of an order.
//!
//! ```text
//! new → approved → sent → accepted → triggered → partially filled → filled
//!                     └───────┴───────────┴──────────────┴→ cancelled, expired
//!            └────────┴───────┴───────────┴→ rejected
//! ```
//! A venue may skip what it does not report: a sent order may fill at once. `accepted` again restates a
//! working order with a changed quantity or price and leaves its state alone.

use bulkhead_domain::order::Outcome;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Asked for, not judged yet.
    New,
    /// Passed every check; nothing was sent.
    Approved,
    /// On its way; whether it arrived is not known.
    Sent,
    /// Works at the venue.
    Accepted,
    /// Its stop was reached; works at the venue.
    Triggered,
    /// Part of it filled, the rest works.
    PartiallyFilled,
    /// All of it filled.
    Filled,
    /// Cancelled.
    Cancelled,
    /// Its time ran out.
    Expired,
    /// Refused by the venue, or never taken by it.
    Rejected,
}

/// What can happen to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderEvent {
    /// It passed every check.
    Approve,
    /// It was handed to the gateway.
    Send,
    /// The venue said so.
    Venue(Outcome),
}

/// An event that the state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} is not possible in state {state}")]
pub struct IllegalTransition {
    /// The state.
    pub state: OrderState,
    /// The event.
    pub event: OrderEvent,
}

impl OrderState {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            OrderState::New => "new",
            OrderState::Approved => "approved",
            OrderState::Sent => "sent",
            OrderState::Accepted => "accepted",
            OrderState::Triggered => "triggered",
            OrderState::PartiallyFilled => "partially-filled",
            OrderState::Filled => "filled",
            OrderState::Cancelled => "cancelled",
            OrderState::Expired => "expired",
            OrderState::Rejected => "rejected",
        }
    }

    /// Whether nothing can happen any more.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(
            self,
            OrderState::Filled | OrderState::Cancelled | OrderState::Expired | OrderState::Rejected
        )
    }

    /// The state after `event`.
    ///
    /// # Errors
    /// [`IllegalTransition`] when the event cannot happen in this state.
    pub fn after(self, event: OrderEvent) -> Result<OrderState, IllegalTransition> {
        use OrderState as S;
        let next = match (self, event) {
            (S::New, OrderEvent::Approve) => S::Approved,
            (S::Approved, OrderEvent::Send) => S::Sent,
            // Nothing was sent, and nothing will be.
            (S::Approved, OrderEvent::Venue(Outcome::Rejected)) => S::Rejected,
            (S::Approved, OrderEvent::Venue(Outcome::Cancelled)) => S::Cancelled,
            (
                S::Sent | S::Accepted | S::Triggered | S::PartiallyFilled,
                OrderEvent::Venue(outcome),
            ) => match (self, outcome) {
                (S::Sent, Outcome::Accepted) => S::Accepted,
                (_, Outcome::Accepted) => self,
                (S::Sent | S::Accepted, Outcome::Triggered) => S::Triggered,
                (_, Outcome::PartiallyFilled) => S::PartiallyFilled,
                (_, Outcome::Filled) => S::Filled,
                (_, Outcome::Cancelled) => S::Cancelled,
                (_, Outcome::Expired) => S::Expired,
                (S::Sent | S::Accepted | S::Triggered, Outcome::Rejected) => S::Rejected,
                (_, Outcome::Triggered | Outcome::Rejected) => {
                    return Err(IllegalTransition { state: self, event });
                }
            },
            _ => return Err(IllegalTransition { state: self, event }),
        };
        Ok(next)
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [OrderState; 10] = [
        OrderState::New,
        OrderState::Approved,
        OrderState::Sent,
        OrderState::Accepted,
        OrderState::Triggered,
        OrderState::PartiallyFilled,
        OrderState::Filled,
        OrderState::Cancelled,
        OrderState::Expired,
        OrderState::Rejected,
    ];
    const EVENTS: [OrderEvent; 9] = [
        OrderEvent::Approve,
        OrderEvent::Send,
        OrderEvent::Venue(Outcome::Accepted),
        OrderEvent::Venue(Outcome::Triggered),
        OrderEvent::Venue(Outcome::PartiallyFilled),
        OrderEvent::Venue(Outcome::Filled),
        OrderEvent::Venue(Outcome::Cancelled),
        OrderEvent::Venue(Outcome::Expired),
        OrderEvent::Venue(Outcome::Rejected),
    ];

    #[test]
    fn nothing_happens_after_the_end() {
        for state in STATES.into_iter().filter(|state| state.is_over()) {
            for event in EVENTS {
                assert!(state.after(event).is_err(), "{state} {event:?}");
            }
        }
    }

    #[test]
    fn nothing_fills_before_it_was_sent() {
        for state in [OrderState::New, OrderState::Approved] {
            for outcome in [
                Outcome::Accepted,
                Outcome::Triggered,
                Outcome::PartiallyFilled,
                Outcome::Filled,
            ] {
                assert!(state.after(OrderEvent::Venue(outcome)).is_err());
            }
        }
    }

    #[test]
    fn an_order_never_goes_back() {
        for state in STATES {
            for event in EVENTS {
                if let Ok(next) = state.after(event) {
                    assert!(next >= state, "{state} {event:?} {next}");
                }
            }
        }
    }

    #[test]
    fn what_has_filled_in_part_cannot_be_rejected() {
        let event = OrderEvent::Venue(Outcome::Rejected);
        assert_eq!(
            OrderState::PartiallyFilled.after(event),
            Err(IllegalTransition {
                state: OrderState::PartiallyFilled,
                event
            })
        );
    }
}
