//! What trading costs: slippage on the price of a taker, and fees on every fill. Exact decimals throughout.

use crate::config::bounds;
use crate::error::ConfigError;
use crate::number::from_f64;
use crate::order::{Liquidity, Side};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

const BPS: Decimal = Decimal::from_parts(10_000, 0, 0, false, 0);

/// How much worse than the quoted price a taker trades. Makers trade at their limit, and a limit order that
/// fills at the open trades at the open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SlippageModel {
    /// At the quoted price.
    #[default]
    None,
    /// A fixed fraction of the price.
    Bps {
        /// In hundredths of a percent, at most 10,000.
        #[serde(deserialize_with = "lenient::decimal")]
        bps: Decimal,
    },
    /// `impact × share² × price`, where share is the fill's part of the volume it was capped by, at most 1
    /// (and 1 where no volume is known).
    VolumeShare {
        /// The factor; 0.1 is customary. At most 1.
        #[serde(deserialize_with = "lenient::decimal", default = "customary_impact")]
        impact: Decimal,
    },
}

fn customary_impact() -> Decimal {
    Decimal::new(1, 1)
}

impl SlippageModel {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let (what, observed, limit) = match self {
            SlippageModel::None => return Ok(()),
            SlippageModel::Bps { bps } => ("slippage in bps", *bps, BPS),
            SlippageModel::VolumeShare { impact } => ("slippage impact", *impact, Decimal::ONE),
        };
        within(what, observed, Decimal::ZERO, limit)
    }

    /// The price a taker of `quantity` gets where `quoted` is quoted and `volume` trades.
    pub(crate) fn apply(
        &self,
        quoted: Decimal,
        side: Side,
        quantity: Decimal,
        volume: f64,
    ) -> Decimal {
        let fraction = match self {
            SlippageModel::None => return quoted,
            SlippageModel::Bps { bps } => *bps / BPS,
            SlippageModel::VolumeShare { impact } => {
                let share = from_f64(volume)
                    .and_then(|volume| quantity.checked_div(volume))
                    .map_or(Decimal::ONE, |share| share.min(Decimal::ONE));
                *impact * share * share
            }
        };
        quoted + side.sign() * quoted.abs() * fraction
    }
}

/// What a fill costs. A negative fraction is a rebate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case", deny_unknown_fields)]
pub enum FeeModel {
    /// Nothing.
    #[default]
    None,
    /// A fraction of the notional.
    Fraction {
        /// 0.001 is a tenth of a percent; between -1 and 1.
        #[serde(deserialize_with = "lenient::decimal")]
        rate: Decimal,
    },
    /// An amount per unit with a minimum per order: an order's first fill pays at least the minimum, and
    /// later ones pay only what goes beyond it.
    PerShare {
        /// Money per unit.
        #[serde(deserialize_with = "lenient::decimal")]
        rate: Decimal,
        /// Money per order.
        #[serde(deserialize_with = "lenient::decimal", default)]
        minimum: Decimal,
    },
    /// Fractions of the notional by liquidity; between -1 and 1.
    MakerTaker {
        /// For giving liquidity.
        #[serde(deserialize_with = "lenient::decimal")]
        maker: Decimal,
        /// For taking it.
        #[serde(deserialize_with = "lenient::decimal")]
        taker: Decimal,
    },
}

/// What an order has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FeeSoFar {
    due: Decimal,
    charged: Decimal,
}

impl FeeModel {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let fraction = |what, rate| within(what, rate, Decimal::NEGATIVE_ONE, Decimal::ONE);
        let amount = |what, rate| within(what, rate, Decimal::ZERO, bounds::LARGEST_INCREMENT);
        match *self {
            FeeModel::None => Ok(()),
            FeeModel::Fraction { rate } => fraction("fee rate", rate),
            FeeModel::PerShare { rate, minimum } => {
                amount("fee per share", rate)?;
                amount("minimum fee", minimum)
            }
            FeeModel::MakerTaker { maker, taker } => {
                fraction("maker fee", maker)?;
                fraction("taker fee", taker)
            }
        }
    }

    /// The fee of a fill of `quantity` for `notional`, given what its order paid before.
    pub(crate) fn charge(
        &self,
        so_far: &mut FeeSoFar,
        quantity: Decimal,
        notional: Decimal,
        liquidity: Liquidity,
    ) -> Decimal {
        match *self {
            FeeModel::None => Decimal::ZERO,
            FeeModel::Fraction { rate } => notional * rate,
            FeeModel::MakerTaker { maker, taker } => {
                notional
                    * if liquidity == Liquidity::Maker {
                        maker
                    } else {
                        taker
                    }
            }
            FeeModel::PerShare { rate, minimum } => {
                so_far.due += rate * quantity;
                let fee = so_far.due.max(minimum) - so_far.charged;
                so_far.charged += fee;
                fee
            }
        }
    }
}

fn within(
    what: &'static str,
    observed: Decimal,
    least: Decimal,
    most: Decimal,
) -> Result<(), ConfigError> {
    if observed < least || observed > most {
        return Err(ConfigError::Cost {
            what,
            observed,
            least,
            most,
        });
    }
    Ok(())
}

/// Decimals in configuration files, written as a number or as text.
mod lenient {
    use crate::number::from_f64;
    use rust_decimal::Decimal;
    use serde::de::{Deserializer, Error, Visitor};
    use std::fmt;

    pub(super) fn decimal<'de, D: Deserializer<'de>>(from: D) -> Result<Decimal, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Decimal;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a number, or a number as text")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Decimal, E> {
                from_f64(value).ok_or_else(|| E::custom(format_args!("{value} is no decimal")))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Decimal, E> {
                Ok(Decimal::from(value))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Decimal, E> {
                Ok(Decimal::from(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Decimal, E> {
                value
                    .parse()
                    .map_err(|problem| E::custom(format_args!("`{value}`: {problem}")))
            }
        }
        from.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn a_buyer_pays_more_and_a_seller_gets_less() {
        let slippage = SlippageModel::Bps { bps: dec("5") };
        assert_eq!(
            slippage.apply(dec("100"), Side::Buy, Decimal::ONE, 1.0),
            dec("100.05")
        );
        assert_eq!(
            slippage.apply(dec("100"), Side::Sell, Decimal::ONE, 1.0),
            dec("99.95")
        );
        assert_eq!(
            slippage.apply(dec("-100"), Side::Buy, Decimal::ONE, 1.0),
            dec("-99.95")
        );
    }

    #[test]
    fn volume_share_slippage_is_a_tenth_of_the_squared_share() {
        let slippage = SlippageModel::VolumeShare { impact: dec("0.1") };
        assert_eq!(
            slippage.apply(dec("100"), Side::Buy, dec("25"), 1000.0),
            dec("100.00625")
        );
        assert_eq!(
            slippage.apply(dec("100"), Side::Buy, dec("25"), 0.0),
            dec("110")
        );
    }

    #[test]
    fn the_minimum_fee_is_paid_once_an_order() {
        let fees = FeeModel::PerShare {
            rate: dec("0.005"),
            minimum: dec("1"),
        };
        let mut so_far = FeeSoFar::default();
        let mut pay =
            |quantity: &str| fees.charge(&mut so_far, dec(quantity), dec("0"), Liquidity::Taker);
        assert_eq!(pay("100"), dec("1"));
        assert_eq!(pay("100"), dec("0"));
        assert_eq!(pay("100"), dec("0.5"));
    }

    #[test]
    fn makers_and_takers_pay_their_own_fraction() {
        let fees = FeeModel::MakerTaker {
            maker: dec("-0.0001"),
            taker: dec("0.0005"),
        };
        let mut so_far = FeeSoFar::default();
        assert_eq!(
            fees.charge(&mut so_far, dec("1"), dec("10000"), Liquidity::Maker),
            dec("-1")
        );
        assert_eq!(
            fees.charge(&mut so_far, dec("1"), dec("10000"), Liquidity::Taker),
            dec("5")
        );
    }

    #[test]
    fn configuration_takes_numbers_and_text() {
        let numbers: FeeModel =
            serde_json::from_str(r#"{"model":"fraction","rate":0.001}"#).unwrap();
        let text: FeeModel =
            serde_json::from_str(r#"{"model":"fraction","rate":"0.001"}"#).unwrap();
        assert_eq!(numbers, FeeModel::Fraction { rate: dec("0.001") });
        assert_eq!(numbers, text);
        assert!(
            serde_json::from_str::<FeeModel>(r#"{"model":"fraction","rate":0.001,"x":1}"#).is_err()
        );
        let slippage: SlippageModel = serde_json::from_str(r#"{"model":"volume-share"}"#).unwrap();
        assert_eq!(slippage, SlippageModel::VolumeShare { impact: dec("0.1") });
    }

    #[test]
    fn rates_beyond_their_bounds_are_refused() {
        assert!(FeeModel::Fraction { rate: dec("1.1") }.check().is_err());
        assert!(
            FeeModel::PerShare {
                rate: dec("-0.1"),
                minimum: dec("0")
            }
            .check()
            .is_err()
        );
        assert!(SlippageModel::Bps { bps: dec("10001") }.check().is_err());
        assert!(SlippageModel::Bps { bps: dec("10000") }.check().is_ok());
    }
}
