//! How orders fill against bars, once for everybody.
//!
//! Pure: no clock, no randomness, no I/O. The paper broker's plugin and the host's sessions both drive
//! this crate, so a backtest and a paper session cannot disagree about a fill.
//!
//! # The rules
//!
//! A bar is stamped at its close. An order taken at time `t` can fill in bars whose `open_time` is `t` or
//! later, never in the bar that was being watched when it was sent ([`config::FillTiming::Close`] is the
//! one, optimistic, exception). Within each bar, in this order:
//!
//! 1. **Corporate actions.** A split multiplies quantities and divides prices of working orders (limits
//!    rounded to the tick in the owner's favour, stops away from the market) and multiplies the position;
//!    fractions of a lot are dropped towards zero, and the order's update says so. Dividends move no price.
//! 2. **The open.** Market orders, what is left of triggered stops, and stops that the open has gapped
//!    over fill at the open plus slippage. A limit that the open is strictly better than fills at the open.
//!    A post-only order that would do so at its first open is rejected. Immediate-or-cancel and
//!    fill-or-kill orders are judged here and nowhere else.
//! 3. **The path** open → nearer extreme → farther extreme → close (the low first when both are equally
//!    near). A stop triggers when its price is touched and fills there plus slippage. A limit needs strict
//!    penetration and fills at its price. A stop-limit only triggers: it is a limit from the next bar on
//!    (at the open it may do both). A trailing stop is tested at the level it had before the bar; the
//!    level then moves with the bar's extreme. When the stop and the target of one bracket are both within
//!    the bar, the stop wins; pass finer bars to know better. An order fills at most once a bar.
//! 4. **The end.** Day orders expire when a session ends with the bar (one whose instrument has no bar at the
//!    session's end stands until a bar that ends one); good-till-date orders at their time, in the bar their
//!    time falls into with only its open before them, and at the next open where it falls between bars. Exits
//!    of a bracket whose entry has filled are placed, and work from the next bar on.
//!
//! What happens at the open is stamped with it, everything later with the bar's close.
//!
//! **Volume.** Fills at the open share `max_volume_share` of the mean volume of the last 20 bars known
//! before; fills on the path share that part of the bar's own volume, less what was filled at its open.
//! Quantities are whole lots, rounded towards zero. A bar without volume fills, triggers and trails
//! nothing, and where no bar is known yet nothing fills at the open. What cannot be filled waits for the
//! next bar, a market order or triggered stop at its open. A fill-or-kill order fills whole or not at all: not
//! up to the volume, nor up to the position that a reduce-only one finds. [`PartialFills`] makes fills smaller
//! than that at random.
//!
//! **Priority.** At the open: orders at any price, then limits by how much better the open is. On the
//! path: by when the path gets there, stops before limits at the same price. Ties: time of acceptance, then
//! owner, then client order id. Nothing depends on the order of `steps`, of instruments, or of orders sent
//! at the same time.
//!
//! **Reduce-only** orders fill up to the position of their account and are cancelled when there is none left:
//! when they would fill, and when a fill closes the position.
//!
//! **Delays and stale quotes.** Orders can be made to arrive late ([`Venue::delay`]), and bars withheld from
//! orders ([`Venue::advance_withholding_into`]). Who is delayed, and what is withheld, is the caller's choice.
//!
//! # What callers rely on
//!
//! Prices are compared as floats and become decimals at a fill, so `advance_into` costs a few nanoseconds
//! for an instrument without working orders and allocates nothing. Everything is deterministic, on every
//! machine and in WebAssembly: basic float arithmetic and exact decimals only.

mod actions;
mod book;
mod bracket;
pub mod carry;
pub mod config;
pub mod cost;
pub mod draw;
pub mod error;
mod matching;
pub mod number;
pub mod order;
mod steps;
mod validate;
mod venue;
mod view;
mod working;

#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
#[cfg(test)]
mod tests;

pub use config::{FillTiming, InstrumentSpec, PartialFills, VenueAccount, VenueConfig};
pub use cost::{FeeModel, SlippageModel};
pub use error::{AdvanceError, ConfigError, VenueReject};
pub use venue::Venue;
