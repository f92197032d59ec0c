//! From what an owner wants to hold to the order that gets there.

use bulkhead_domain::order::Side;
use bulkhead_domain::{Decimal, Problem};
use bulkhead_venue::number::{from_f64, towards_zero};
use serde::{Deserialize, Serialize};

/// Why a size could not be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SizingError {
    /// The weight is no number.
    #[error("the weight is {0}, which is not a finite number")]
    Weight(f64),
    /// The price is not above zero, or there is none.
    #[error("the price is {0}, which is not above 0")]
    Price(Decimal),
    /// The result does not fit.
    #[error("the quantity is too large")]
    Overflow,
    /// Something that the method needs is not there or makes no sense.
    #[error("sizing by {method} needs {what}")]
    Missing {
        /// Which method.
        method: &'static str,
        /// What it needs.
        what: String,
    },
}

/// How large a position a signal is worth. Fractions are of equity: `0.05` is five percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "method",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum SizingMethod {
    /// So many units.
    Fixed {
        /// Units.
        quantity: f64,
    },
    /// A fraction of equity.
    FixedFraction {
        /// The fraction.
        fraction: f64,
    },
    /// The fraction of equity at which the position's annual volatility is `target` of equity:
    /// target ÷ (σ √`periods-per-year`), at most `most`.
    VolatilityTarget {
        /// Annual standard deviation of the position's return, as a fraction of equity.
        target: f64,
        /// Feature with σ, the standard deviation of one bar's log return.
        feature: String,
        /// Bars in a year.
        periods_per_year: f64,
        /// Largest fraction.
        most: f64,
    },
    /// A part of the Kelly fraction p − (1 − p) ÷ b of a bet that wins b times what it loses with probability
    /// p (Kelly, 1956), at most `most`; nothing where it is not above zero. p is the signal's calibrated
    /// probability, of the side that is taken.
    Kelly {
        /// Part of the full fraction that is used; 0.5 is half Kelly.
        part: f64,
        /// b: average gain over average loss.
        payoff: f64,
        /// Largest fraction.
        most: f64,
    },
    /// As many units as lose `risk` of equity when the price moves against them by `multiple` times its
    /// average true range, worth at most `most` of equity.
    AtrRisk {
        /// Fraction of equity that may be lost.
        risk: f64,
        /// Ranges between entry and exit.
        multiple: f64,
        /// Feature with the average true range, as a fraction of the close.
        feature: String,
        /// Largest fraction.
        most: f64,
    },
}

/// What a size is computed from.
pub struct Signal<'a> {
    /// 1 for long, −1 for short, 0 for flat; only the sign counts.
    pub direction: f64,
    /// Calibrated probability that the price moves the signal's way.
    pub probability: Option<f64>,
    /// The instrument's features at the decision.
    pub feature: &'a dyn Fn(&str) -> Option<f64>,
}

impl SizingMethod {
    /// Its name in settings.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            SizingMethod::Fixed { .. } => "fixed",
            SizingMethod::FixedFraction { .. } => "fixed-fraction",
            SizingMethod::VolatilityTarget { .. } => "volatility-target",
            SizingMethod::Kelly { .. } => "kelly",
            SizingMethod::AtrRisk { .. } => "atr-risk",
        }
    }

    /// The feature that it is computed from.
    #[must_use]
    pub fn feature(&self) -> Option<&str> {
        match self {
            SizingMethod::VolatilityTarget { feature, .. }
            | SizingMethod::AtrRisk { feature, .. } => Some(feature),
            SizingMethod::Fixed { .. }
            | SizingMethod::FixedFraction { .. }
            | SizingMethod::Kelly { .. } => None,
        }
    }

    /// Whether every setting makes sense.
    ///
    /// # Errors
    /// A problem that names the first one that does not.
    pub fn validate(&self) -> Result<(), Problem> {
        let numbers: Vec<(&str, f64)> = match self {
            SizingMethod::Fixed { quantity } => vec![("quantity", *quantity)],
            SizingMethod::FixedFraction { fraction } => vec![("fraction", *fraction)],
            SizingMethod::VolatilityTarget {
                target,
                periods_per_year,
                most,
                ..
            } => vec![
                ("target", *target),
                ("periods-per-year", *periods_per_year),
                ("most", *most),
            ],
            SizingMethod::Kelly { part, payoff, most } => {
                vec![("part", *part), ("payoff", *payoff), ("most", *most)]
            }
            SizingMethod::AtrRisk {
                risk,
                multiple,
                most,
                ..
            } => vec![("risk", *risk), ("multiple", *multiple), ("most", *most)],
        };
        for (key, value) in numbers {
            if !(value.is_finite() && value > 0.0 && value <= 1e9) {
                return Err(Problem::user(
                    format!("sizing by {}: `{key}` is {value}", self.name()),
                    "give a number above 0 and at most 1e9",
                ));
            }
        }
        Ok(())
    }

    /// The signed fraction of equity that a signal is worth, or the signed number of units for
    /// [`SizingMethod::Fixed`].
    ///
    /// # Errors
    /// [`SizingError::Missing`] when the signal lacks what the method needs.
    pub fn size(&self, signal: &Signal<'_>) -> Result<Size, SizingError> {
        if signal.direction == 0.0 {
            return Ok(Size::Fraction(0.0));
        }
        let method = self.name();
        let positive = |name: &str| {
            (signal.feature)(name)
                .filter(|value| value.is_finite() && *value > 0.0)
                .ok_or_else(|| SizingError::Missing {
                    method,
                    what: format!("the feature {name}, above 0"),
                })
        };
        let sign = signal.direction.signum();
        let fraction = match self {
            SizingMethod::Fixed { quantity } => return Ok(Size::Units(sign * quantity)),
            SizingMethod::FixedFraction { fraction } => *fraction,
            SizingMethod::VolatilityTarget {
                target,
                feature,
                periods_per_year,
                most,
            } => (target / (positive(feature)? * periods_per_year.sqrt())).min(*most),
            SizingMethod::Kelly { part, payoff, most } => {
                let p = signal
                    .probability
                    .filter(|p| (0.0..=1.0).contains(p))
                    .ok_or_else(|| SizingError::Missing {
                        method,
                        what: "a calibrated probability".to_owned(),
                    })?;
                (part * (p - (1.0 - p) / payoff)).clamp(0.0, *most)
            }
            SizingMethod::AtrRisk {
                risk,
                multiple,
                feature,
                most,
            } => (risk / (multiple * positive(feature)?)).min(*most),
        };
        Ok(Size::Fraction(sign * fraction))
    }
}

/// What a signal is worth, signed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// Of equity.
    Fraction(f64),
    /// Units of the instrument.
    Units(f64),
}

/// Signed quantity that is worth `weight` of `equity`: weight × equity ÷ (price × multiplier), in whole
/// lots towards zero. Nothing where the equity is not above zero.
///
/// # Errors
/// [`SizingError`].
pub fn quantity_for_weight(
    weight: f64,
    equity: Decimal,
    price: Decimal,
    multiplier: Decimal,
    lot: Decimal,
) -> Result<Decimal, SizingError> {
    let share = from_f64(weight).ok_or(SizingError::Weight(weight))?;
    if price <= Decimal::ZERO {
        return Err(SizingError::Price(price));
    }
    let quantity = share
        .checked_mul(equity.max(Decimal::ZERO))
        .and_then(|value| value.checked_div(price.checked_mul(multiplier)?))
        .ok_or(SizingError::Overflow)?;
    Ok(towards_zero(quantity, lot))
}

/// How to get from a position to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Whether the working orders lead elsewhere and have to be cancelled first.
    pub cancel_working: bool,
    /// What to trade then; `None` when nothing.
    pub trade: Option<(Side, Decimal)>,
}

/// The step from `position` to `target`, both signed, in whole lots towards zero.
///
/// `buying` and `selling` are the quantities of the owner's working orders, protective ones left out.
/// Where they lead part of the way, the step adds the rest; where they lead beyond or away, they are to
/// be cancelled and the step is sized without them.
#[must_use]
pub fn step(
    target: Decimal,
    position: Decimal,
    buying: Decimal,
    selling: Decimal,
    lot: Decimal,
) -> Step {
    let gap = target.saturating_sub(position);
    let side = if gap < Decimal::ZERO {
        Side::Sell
    } else {
        Side::Buy
    };
    let (with, against) = match side {
        Side::Buy => (buying, selling),
        Side::Sell => (selling, buying),
    };
    let cancel_working = !against.is_zero() || with > gap.abs();
    let rest = if cancel_working {
        gap.abs()
    } else {
        gap.abs() - with
    };
    let quantity = towards_zero(rest, lot);
    Step {
        cancel_working,
        trade: (quantity > Decimal::ZERO).then_some((side, quantity)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn size(
        method: &SizingMethod,
        direction: f64,
        probability: Option<f64>,
    ) -> Result<Size, SizingError> {
        let feature = |name: &str| match name {
            "volatility_20" => Some(0.02),
            "atr_14" => Some(0.025),
            "flat" => Some(0.0),
            _ => None,
        };
        method.size(&Signal {
            direction,
            probability,
            feature: &feature,
        })
    }

    fn fraction(size: Result<Size, SizingError>) -> f64 {
        match size {
            Ok(Size::Fraction(fraction)) => (fraction * 1e12).round() / 1e12,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sizes_are_those_of_their_formulas() {
        let fixed = SizingMethod::Fixed { quantity: 30.0 };
        assert_eq!(size(&fixed, -0.2, None), Ok(Size::Units(-30.0)));
        let part = SizingMethod::FixedFraction { fraction: 0.1 };
        assert_eq!(fraction(size(&part, 1.0, None)), 0.1);
        assert_eq!(fraction(size(&part, -3.0, None)), -0.1);
        assert_eq!(fraction(size(&part, 0.0, None)), 0.0);
        // 0.16 / (0.02 * 16) = 0.5
        let target = |most| SizingMethod::VolatilityTarget {
            target: 0.16,
            feature: "volatility_20".to_owned(),
            periods_per_year: 256.0,
            most,
        };
        assert_eq!(fraction(size(&target(2.0), 1.0, None)), 0.5);
        assert_eq!(fraction(size(&target(0.3), 1.0, None)), 0.3);
        // Half of 0.6 - 0.4 / 2 = 0.4.
        let kelly = SizingMethod::Kelly {
            part: 0.5,
            payoff: 2.0,
            most: 1.0,
        };
        assert_eq!(fraction(size(&kelly, 1.0, Some(0.6))), 0.2);
        assert_eq!(fraction(size(&kelly, -1.0, Some(0.3))), 0.0);
        // 1 % of equity over 2 ranges of 2.5 %: a fifth of equity.
        let atr = SizingMethod::AtrRisk {
            risk: 0.01,
            multiple: 2.0,
            feature: "atr_14".to_owned(),
            most: 1.0,
        };
        assert_eq!(fraction(size(&atr, -1.0, None)), -0.2);
    }

    #[test]
    fn what_is_missing_is_named_and_nonsense_refused() {
        let target = |feature: &str| SizingMethod::VolatilityTarget {
            target: 0.1,
            feature: feature.to_owned(),
            periods_per_year: 252.0,
            most: 1.0,
        };
        for feature in ["nothing", "flat"] {
            let error = size(&target(feature), 1.0, None).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("sizing by volatility-target needs the feature {feature}, above 0")
            );
        }
        let kelly = SizingMethod::Kelly {
            part: 0.5,
            payoff: 1.0,
            most: 1.0,
        };
        for probability in [None, Some(f64::NAN), Some(1.5)] {
            assert!(size(&kelly, 1.0, probability).is_err());
        }
        for fraction in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let problem = SizingMethod::FixedFraction { fraction }
                .validate()
                .unwrap_err();
            assert!(problem.what.contains("`fraction`"), "{}", problem.what);
        }
        let read: Result<SizingMethod, _> =
            serde_json::from_str(r#"{"method":"kelly","part":0.5,"payoff":1,"most":1,"odd":1}"#);
        assert!(read.unwrap_err().to_string().contains("odd"));
    }

    #[test]
    fn a_weight_becomes_whole_lots_towards_zero() {
        let size = |weight| {
            quantity_for_weight(
                weight,
                dec("10000"),
                dec("33.10"),
                Decimal::ONE,
                Decimal::ONE,
            )
        };
        assert_eq!(size(0.5), Ok(dec("151")));
        assert_eq!(size(-0.5), Ok(dec("-151")));
        assert_eq!(size(0.0), Ok(dec("0")));
        assert!(matches!(size(f64::NAN), Err(SizingError::Weight(_))));
    }

    #[test]
    fn without_equity_nothing_is_bought_and_without_a_price_nothing_is_sized() {
        let size = |equity, price| {
            quantity_for_weight(1.0, dec(equity), dec(price), Decimal::ONE, Decimal::ONE)
        };
        assert_eq!(size("-5", "10"), Ok(Decimal::ZERO));
        assert_eq!(size("5", "0"), Err(SizingError::Price(Decimal::ZERO)));
    }

    #[test]
    fn a_step_counts_what_already_works_towards_the_target() {
        let step = |target, position, buying, selling| {
            let step = step(
                dec(target),
                dec(position),
                dec(buying),
                dec(selling),
                Decimal::ONE,
            );
            (step.cancel_working, step.trade)
        };
        let buy = |quantity| Some((Side::Buy, dec(quantity)));
        let sell = |quantity| Some((Side::Sell, dec(quantity)));
        assert_eq!(step("100", "0", "0", "0"), (false, buy("100")));
        assert_eq!(step("100", "20", "30", "0"), (false, buy("50")));
        assert_eq!(step("100", "20", "80", "0"), (false, None));
        assert_eq!(step("0", "40", "60", "0"), (true, sell("40")));
        assert_eq!(step("100", "20", "90", "0"), (true, buy("80")));
        assert_eq!(step("-10", "20", "0", "0"), (false, sell("30")));
        assert_eq!(step("20", "20", "5", "0"), (true, None));
    }
}
