//! What risk rules have in common.
//!
//! An order's opening part and what may be left of it ([`Entry`]), what the host tells beside the order
//! ([`context`]), one resting exit for every position ([`resting`]), prices of instruments other than the
//! order's ([`Prices`]), what is listed ([`Listings`]), dates, and state that moves to another instance
//! ([`seal`], [`open`]).
//!
//! Arithmetic is exact and never wraps or panics: what does not fit is an error, upon which the host denies.

pub mod context;
pub mod dates;
mod denial;
mod entry;
mod listings;
mod number;
mod prices;
pub mod resting;
mod saved;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use denial::denial;
pub use entry::{Entry, Whose, closing_part};
pub use listings::Listings;
pub use number::{at_tick, dividing, minus, plus, share, text, times};
pub use prices::Prices;
pub use saved::{open, seal};

/// A configured number that is a share: above 0 and at most `most`.
///
/// # Errors
/// One line that names the key.
pub fn positive(
    key: &str,
    value: bulkhead_sdk::config::Number,
    most: i64,
) -> Result<bulkhead_sdk::Decimal, String> {
    let value = value.0;
    if value <= bulkhead_sdk::Decimal::ZERO || value > most.into() {
        return Err(format!(
            "config key `{key}`: {value} is not above 0 and at most {most}"
        ));
    }
    Ok(value)
}
