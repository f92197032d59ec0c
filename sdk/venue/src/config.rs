//! How a venue is set up: what it trades, what trading costs, and how much of the volume it may be.

use crate::cost::{FeeModel, SlippageModel};
use crate::draw::Draws;
use crate::error::ConfigError;
use crate::number::{from_f64, towards_zero};
use crate::order::{InstrumentHandle, Nanos};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Every bound of a venue. They keep each product of a price, a quantity and a multiplier within a decimal.
pub mod bounds {
    use rust_decimal::Decimal;

    /// Magnitude of a bar's prices, exclusive.
    pub const PRICE: f64 = 1e12;
    /// A bar's volume, exclusive.
    pub const VOLUME: f64 = 1e18;
    /// Magnitude of an order's prices and quantity.
    pub const ORDER: Decimal = Decimal::from_parts(3_567_587_328, 232, 0, false, 0);
    /// Smallest tick, lot and multiplier.
    pub const SMALLEST_INCREMENT: Decimal = Decimal::from_parts(1, 0, 0, false, 9);
    /// Largest tick, lot and multiplier; a fee per unit and a minimum fee.
    pub const LARGEST_INCREMENT: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);
    /// Instrument handles, exclusive: they index a table.
    pub const HANDLES: u32 = 1 << 20;
    /// Working orders in one instrument.
    pub const WORKING_ORDERS: usize = 10_000;
    /// Characters of a client order id.
    pub const CLIENT_ORDER_ID: usize = 36;
    /// Accounts of one venue.
    pub const ACCOUNTS: usize = 1_000;
    /// Bars an order can be made to sit out.
    pub const DELAY_BARS: u32 = 1_000;
    /// Bars whose mean volume bounds a fill at the open.
    pub const VOLUME_BARS: usize = 20;
}

/// When a market order that is sent at a bar's close fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FillTiming {
    /// At the next bar's open.
    #[default]
    NextOpen,
    /// At the close it was decided on, within the closed bar's volume. Optimistic: the decision used the
    /// very price it trades at. Orders other than market orders still work from the next bar on.
    Close,
}

/// A further account of a venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VenueAccount {
    /// Its name.
    pub id: String,
    /// Currency of its fees.
    pub fee_currency: String,
}

/// Fills that give less than there is. Whether, and how much less, is drawn for the order and the moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PartialFills {
    /// Probability that a fill is cut, 0 to 1. Fill-or-kill orders and fills of one lot never are.
    pub chance: f64,
    /// Keys the draws.
    pub seed: u64,
}

impl PartialFills {
    /// What of a fill of `quantity` takes place: at least a lot, in whole lots.
    pub(crate) fn cut(&self, quantity: Decimal, lot: Decimal, id: &str, time: Nanos) -> Decimal {
        let draws = Draws::new(self.seed);
        if quantity <= lot || !draws.hits(self.chance, "partial-fill", id, time) {
            return quantity;
        }
        let part = from_f64(draws.unit("partial-fill-size", id, time)).unwrap_or_default();
        towards_zero(quantity * part, lot).max(lot)
    }
}

/// How a venue fills.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct VenueConfig {
    /// The account whose orders it takes.
    pub account: String,
    /// Currency of its fees.
    pub fee_currency: String,
    /// Further accounts it takes orders of. All share the volume; positions, and what is reduce-only, are
    /// each account's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further_accounts: Vec<VenueAccount>,
    /// When market orders fill.
    pub fill: FillTiming,
    /// How much worse than the price a taker trades.
    pub slippage: SlippageModel,
    /// What a fill costs.
    pub fees: FeeModel,
    /// Largest part of the volume that fills may be, above 0 and at most 1. `None` looks at no volume at
    /// all, for series that have none.
    pub max_volume_share: Option<f64>,
    /// Whether fill prices are rounded to the tick against the trader.
    pub round_to_tick: bool,
    /// Fills that give less than the volume would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial_fills: Option<PartialFills>,
}

impl Default for VenueConfig {
    fn default() -> Self {
        VenueConfig {
            account: "paper".to_owned(),
            fee_currency: "USD".to_owned(),
            further_accounts: Vec::new(),
            fill: FillTiming::NextOpen,
            slippage: SlippageModel::None,
            fees: FeeModel::None,
            max_volume_share: Some(0.025),
            round_to_tick: true,
            partial_fills: None,
        }
    }
}

impl VenueConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if let Some(share) = self.max_volume_share
            && !(share > 0.0 && share <= 1.0)
        {
            return Err(ConfigError::VolumeShare(share));
        }
        if let Some(PartialFills { chance, .. }) = self.partial_fills
            && !(0.0..=1.0).contains(&chance)
        {
            return Err(ConfigError::Chance {
                what: "partial-fills",
                observed: chance,
            });
        }
        if self.accounts() > bounds::ACCOUNTS {
            return Err(ConfigError::Accounts {
                observed: self.accounts(),
                limit: bounds::ACCOUNTS,
            });
        }
        let mut names: Vec<&str> = (0..self.accounts())
            .map(|holder| self.account_name(holder))
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ConfigError::AccountTwice(pair[0].to_owned()));
        }
        self.slippage.check()?;
        self.fees.check()
    }

    /// How many accounts trade here.
    pub(crate) fn accounts(&self) -> usize {
        1 + self.further_accounts.len()
    }

    /// The index of an account.
    pub(crate) fn holder(&self, account: &str) -> Option<usize> {
        if account == self.account {
            return Some(0);
        }
        let further = self
            .further_accounts
            .iter()
            .position(|further| further.id == account)?;
        Some(further + 1)
    }

    fn further(&self, holder: usize) -> Option<&VenueAccount> {
        self.further_accounts.get(holder.checked_sub(1)?)
    }

    pub(crate) fn account_name(&self, holder: usize) -> &str {
        self.further(holder)
            .map_or(&self.account, |further| &further.id)
    }

    pub(crate) fn fee_currency_of(&self, holder: usize) -> &str {
        self.further(holder)
            .map_or(&self.fee_currency, |further| &further.fee_currency)
    }
}

/// What the venue must know of an instrument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstrumentSpec {
    /// The session's number for it.
    pub handle: InstrumentHandle,
    /// Smallest price increment.
    pub tick: Decimal,
    /// Smallest quantity increment.
    pub lot: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
}

impl InstrumentSpec {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.handle >= bounds::HANDLES {
            return Err(ConfigError::Handle {
                observed: self.handle,
                limit: bounds::HANDLES,
            });
        }
        for (what, value) in [
            ("tick", self.tick),
            ("lot", self.lot),
            ("multiplier", self.multiplier),
        ] {
            if value < bounds::SMALLEST_INCREMENT || value > bounds::LARGEST_INCREMENT {
                return Err(ConfigError::Increment {
                    instrument: self.handle,
                    what,
                    observed: value,
                });
            }
        }
        Ok(())
    }
}
