//! The configuration, and the venue it describes.

use bulkhead_sdk::config::Number;
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel, VenueConfig};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A simulated account and how its orders fill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Name of the account.
    #[schemars(length(min = 1))]
    pub account: String,
    /// Currency of the account and its fees.
    pub currency: String,
    /// Cash to begin with.
    pub cash: Number,
    /// What a fill costs.
    pub fees: Fees,
    /// How much worse than the quoted price a taker trades.
    pub slippage: Slippage,
    /// When a market order sent at a bar's close fills.
    pub fill: Fill,
    /// Largest part of the volume that fills may be, above 0 and at most 1; null looks at no volume.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_volume_share: Option<f64>,
    /// Whether fill prices are rounded to the tick against the trader.
    pub round_to_tick: bool,
}

impl Default for Config {
    fn default() -> Self {
        let venue = VenueConfig::default();
        Config {
            account: venue.account,
            currency: venue.fee_currency,
            cash: Number(Decimal::from(100_000)),
            fees: Fees::None,
            slippage: Slippage::None,
            fill: Fill::NextOpen,
            max_volume_share: venue.max_volume_share,
            round_to_tick: venue.round_to_tick,
        }
    }
}

/// What a fill costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Fees {
    /// Nothing.
    None,
    /// A fraction of the notional: 0.001 is a tenth of a percent.
    Fraction {
        /// The fraction.
        rate: Number,
    },
    /// Money per unit, at least `minimum` an order.
    PerShare {
        /// Money per unit.
        rate: Number,
        /// Money per order.
        #[serde(default)]
        minimum: Number,
    },
    /// Fractions of the notional by liquidity; below zero is a rebate.
    MakerTaker {
        /// For giving liquidity.
        maker: Number,
        /// For taking it.
        taker: Number,
    },
}

/// How much worse than the quoted price a taker trades.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "model", deny_unknown_fields, rename_all = "kebab-case")]
pub enum Slippage {
    /// Not at all.
    None,
    /// By a fixed fraction of the price.
    Bps {
        /// In hundredths of a percent.
        bps: Number,
    },
    /// By impact × share² × price, share being the fill's part of the volume.
    VolumeShare {
        /// The factor; 0.1 is customary.
        impact: Number,
    },
}

/// When a market order sent at a bar's close fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// At the next bar's open.
    NextOpen,
    /// At that close; optimistic.
    Close,
}

impl Config {
    /// The venue's half of the configuration.
    #[must_use]
    pub fn venue(&self) -> VenueConfig {
        VenueConfig {
            account: self.account.clone(),
            fee_currency: self.currency.clone(),
            fill: match self.fill {
                Fill::NextOpen => FillTiming::NextOpen,
                Fill::Close => FillTiming::Close,
            },
            slippage: match self.slippage {
                Slippage::None => SlippageModel::None,
                Slippage::Bps { bps } => SlippageModel::Bps { bps: bps.0 },
                Slippage::VolumeShare { impact } => SlippageModel::VolumeShare { impact: impact.0 },
            },
            fees: match self.fees {
                Fees::None => FeeModel::None,
                Fees::Fraction { rate } => FeeModel::Fraction { rate: rate.0 },
                Fees::PerShare { rate, minimum } => FeeModel::PerShare {
                    rate: rate.0,
                    minimum: minimum.0,
                },
                Fees::MakerTaker { maker, taker } => FeeModel::MakerTaker {
                    maker: maker.0,
                    taker: taker.0,
                },
            },
            max_volume_share: self.max_volume_share,
            round_to_tick: self.round_to_tick,
        }
    }
}
