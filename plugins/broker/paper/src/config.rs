//! The configuration, and the venue it describes.

use crate::faults::Faults;
use bulkhead_sdk::config::Number;
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel, VenueAccount, VenueConfig};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Simulated accounts and how their orders fill.
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
    /// Several accounts, in place of `account`, `currency` and `cash`. They share each bar's volume and
    /// nothing else, and each trades instruments in its own currency.
    pub accounts: Vec<AccountConfig>,
    /// Buying power is this multiple of equity, less gross exposure; at least 1.
    pub margin_multiple: Number,
    /// Whether orders beyond buying power are rejected, code `insufficient-margin`.
    pub enforce_margin: bool,
    /// Fraction of gross exposure that equity must not fall below: else working entries are cancelled and new
    /// ones rejected, code `margin-call`. 0 never calls; at most 1 / `margin-multiple`.
    pub maintenance_margin: Number,
    /// Yearly cost of short positions held over a session's end, as a fraction of their notional; 0 to 10.
    pub short_borrow_rate: Number,
    /// Symbols that cannot be sold short, code `no-borrow`.
    pub hard_to_borrow: Vec<String>,
    /// Yearly interest on cash held over a session's end, short sales' proceeds excepted; a debit pays it.
    /// Between -1 and 1.
    pub cash_interest_rate: Number,
    /// Simulated faults.
    pub faults: Faults,
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
            accounts: Vec::new(),
            margin_multiple: Number(Decimal::ONE),
            enforce_margin: false,
            maintenance_margin: Number(Decimal::ZERO),
            short_borrow_rate: Number(Decimal::ZERO),
            hard_to_borrow: Vec::new(),
            cash_interest_rate: Number(Decimal::ZERO),
            faults: Faults::default(),
            fees: Fees::None,
            slippage: Slippage::None,
            fill: Fill::NextOpen,
            max_volume_share: venue.max_volume_share,
            round_to_tick: venue.round_to_tick,
        }
    }
}

/// One of several accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccountConfig {
    /// Its name.
    #[schemars(length(min = 1))]
    pub id: String,
    /// Its currency, and that of its fees.
    pub currency: String,
    /// Cash to begin with.
    pub cash: Number,
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
    /// Whether what the venue does not look at makes sense.
    ///
    /// # Errors
    /// One line that names the key and says what it must be.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.account.is_empty() {
            return Err("config key `account`: must not be empty".to_owned());
        }
        let plain = Config::default();
        let single = (&self.account, &self.currency, self.cash);
        if !self.accounts.is_empty() && single != (&plain.account, &plain.currency, plain.cash) {
            return Err(
                "config key `accounts`: stands in place of `account`, `currency` and `cash`; \
                 give it or them"
                    .to_owned(),
            );
        }
        if let Some(at) = self
            .accounts
            .iter()
            .position(|account| account.id.is_empty())
        {
            return Err(format!("config key `accounts[{at}].id`: must not be empty"));
        }
        let one = Decimal::ONE;
        for (key, value, least, most) in [
            (
                "margin-multiple",
                self.margin_multiple,
                one,
                Decimal::ONE_HUNDRED,
            ),
            (
                "maintenance-margin",
                self.maintenance_margin,
                Decimal::ZERO,
                one,
            ),
            (
                "short-borrow-rate",
                self.short_borrow_rate,
                Decimal::ZERO,
                Decimal::TEN,
            ),
            ("cash-interest-rate", self.cash_interest_rate, -one, one),
        ] {
            if value.0 < least || value.0 > most {
                return Err(format!(
                    "config key `{key}`: is {value}; it must be between {least} and {most}"
                ));
            }
        }
        if self.maintenance_margin.0 * self.margin_multiple.0 > one {
            return Err(format!(
                "config key `maintenance-margin`: is {}; a margin-multiple of {} leaves at most {}",
                self.maintenance_margin,
                self.margin_multiple,
                (one / self.margin_multiple.0).round_dp(4).normalize()
            ));
        }
        self.faults.check()
    }

    /// The accounts, of which there is at least one.
    pub(crate) fn all_accounts(&self) -> Vec<AccountConfig> {
        if self.accounts.is_empty() {
            vec![AccountConfig {
                id: self.account.clone(),
                currency: self.currency.clone(),
                cash: self.cash,
            }]
        } else {
            self.accounts.clone()
        }
    }

    /// The venue's half of the configuration.
    #[must_use]
    pub fn venue(&self) -> VenueConfig {
        let mut accounts = self.all_accounts().into_iter().map(|account| VenueAccount {
            id: account.id,
            fee_currency: account.currency,
        });
        let (account, fee_currency) = accounts
            .next()
            .map_or_else(Default::default, |first| (first.id, first.fee_currency));
        VenueConfig {
            account,
            fee_currency,
            further_accounts: accounts.collect(),
            partial_fills: self.faults.partial_fills(),
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
