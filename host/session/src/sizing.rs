//! Sizing in the host: a strategy says which way, the configuration says how much.
//!
//! A size is fixed at the entry: while the owner holds, or works towards, a position the same way, the
//! signal changes nothing, so that a moving volatility does not trade by itself.

use bulkhead_desk::Desk;
use bulkhead_desk::sizing::{Signal, SizingError, SizingMethod};
use bulkhead_domain::Decimal;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::{InstrumentHandle, Side};
use bulkhead_domain::strategy::Intent;

/// How far a stated confidence may be from a probability that it repeats.
const SAME: f64 = 1e-9;

/// Whether a stated confidence is a model's calibrated probability of the side that is taken: of up for a buy,
/// of down for a sale. `up` holds the calibrated probabilities of up that the strategy goes by.
pub(crate) fn is_calibrated(confidence: f64, side: Side, up: &[f64]) -> bool {
    up.iter().any(|up| {
        let said = match side {
            Side::Buy => *up,
            Side::Sell => 1.0 - up,
        };
        (said - confidence).abs() < SAME
    })
}

/// An intent with its quantity replaced by what the method makes of it. Orders and cancellations that a
/// strategy words itself stay as they are. `up` gives the probabilities of [`is_calibrated`]: a confidence
/// that repeats none of them is no probability to size by.
///
/// # Errors
/// [`SizingError`] when the method lacks something; nothing is wanted then.
pub(crate) fn sized(
    intent: Intent,
    method: &SizingMethod,
    owner: &str,
    desk: &Desk,
    feature: &dyn Fn(InstrumentHandle, &str) -> Option<f64>,
    up: &dyn Fn(InstrumentHandle) -> Vec<f64>,
) -> Result<Intent, SizingError> {
    let (instrument, direction, confidence, reason) = match intent {
        Intent::Target {
            instrument,
            quantity,
            confidence,
            reason,
        } => (instrument, to_f64(quantity), confidence, reason),
        Intent::Weight {
            instrument,
            weight,
            confidence,
            reason,
        } => (instrument, weight, confidence, reason),
        other => return Ok(other),
    };
    let holding = desk.holding(owner, instrument);
    let heading = holding.quantity + holding.working;
    let same_way = (heading > Decimal::ZERO && direction > 0.0)
        || (heading < Decimal::ZERO && direction < 0.0);
    let quantity = if same_way {
        heading
    } else {
        let side = if direction < 0.0 {
            Side::Sell
        } else {
            Side::Buy
        };
        let up = up(instrument);
        let signal = Signal {
            direction,
            probability: confidence.filter(|stated| is_calibrated(*stated, side, &up)),
            feature: &|name| feature(instrument, name),
        };
        desk.quantity_for_size(instrument, method.size(&signal)?)?
    };
    Ok(Intent::Target {
        instrument,
        quantity,
        confidence,
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_desk::ledger::CostBasis;
    use bulkhead_desk::{CheckLimits, DeskConfig};
    use bulkhead_domain::{Instrument, Timestamp};
    use std::collections::BTreeMap;

    #[test]
    fn a_confidence_is_calibrated_only_for_the_side_that_its_model_speaks_of() {
        // Up has a fifth: four fifths are a reason to sell, and none to buy.
        let models = [0.2];
        assert!(is_calibrated(0.2, Side::Buy, &models));
        assert!(!is_calibrated(0.8, Side::Buy, &models));
        assert!(is_calibrated(0.8, Side::Sell, &models));
        assert!(!is_calibrated(0.2, Side::Sell, &models));
        // Any of the models that the strategy goes by, to the rounding of a sum.
        assert!(is_calibrated(0.6, Side::Buy, &[0.2, 0.6]));
        assert!(is_calibrated(0.1 + 0.2, Side::Buy, &[0.3]));
    }

    #[test]
    fn what_no_model_said_is_not_calibrated() {
        for side in [Side::Buy, Side::Sell] {
            assert!(!is_calibrated(0.99, side, &[]));
            assert!(!is_calibrated(0.99, side, &[0.6]));
            assert!(!is_calibrated(f64::NAN, side, &[0.6, f64::NAN]));
            assert!(!is_calibrated(0.6 + 1e-8, side, &[0.6]));
        }
    }

    /// What half Kelly makes of a wish on a probability, with a model that says 0.2 of up.
    fn half_kelly(weight: f64, stated: f64) -> Result<Decimal, SizingError> {
        let config = DeskConfig {
            account: "paper".to_owned(),
            currency: "USD".to_owned(),
            basis: CostBasis::Average,
            capital: 100_000.into(),
            opened: Timestamp(0),
            limits: CheckLimits::default(),
            nonce: [0; 32],
            session: String::new(),
            broker: "paper".to_owned(),
            plugins: BTreeMap::new(),
        };
        let listed = vec![Instrument::us_equity(1, "AAPL")];
        let mut desk = Desk::new(config, listed, Vec::new()).unwrap();
        desk.mark(Timestamp(0), &[(1, 100.into())]).unwrap();
        let wish = Intent::Weight {
            instrument: 1,
            weight,
            confidence: Some(stated),
            reason: String::new(),
        };
        let method = SizingMethod::Kelly {
            part: 0.5,
            payoff: 1.0,
            most: 1.0,
        };
        match sized(wish, &method, "owner", &desk, &|_, _| None, &|_| vec![0.2])? {
            Intent::Target { quantity, .. } => Ok(quantity),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kelly_sizes_by_what_a_model_said_of_the_side_and_by_nothing_else() {
        // 0.5 (0.8 - 0.2) of 100,000 at 100.
        assert_eq!(half_kelly(-1.0, 0.8), Ok((-300).into()));
        for (weight, stated) in [(1.0, 0.8), (1.0, 0.99), (-1.0, 0.99)] {
            let refused = half_kelly(weight, stated);
            assert!(
                matches!(
                    refused,
                    Err(SizingError::Missing {
                        method: "kelly",
                        ..
                    })
                ),
                "{weight} {stated}: {refused:?}"
            );
        }
        // Where the odds are against the side, nothing is worth taking.
        assert_eq!(half_kelly(1.0, 0.2), Ok(Decimal::ZERO));
    }
}
