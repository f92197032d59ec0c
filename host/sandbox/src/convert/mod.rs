//! The passage between the contract's generated records and the host's plain types. Numbers cross by copy;
//! what a guest returns is checked here once, so that the rest of the host never sees an invalid decimal.

mod completion;
mod data;
mod orders;
mod refusal;
mod risk;

use crate::bindings::common::types as wit;
use bulkhead_domain::order::{ActionKind, Bar, CorporateAction};
use bulkhead_domain::strategy::Columns;
use bulkhead_domain::{AssetClass, Decimal, Instrument, Timestamp, Value};

/// Something a guest returned that the contract does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invalid(pub(crate) String);

/// A conversion from the guest's side that may find something the contract does not allow.
pub(crate) trait Accept<T> {
    fn accept(self) -> Result<T, Invalid>;
}

impl<A: Accept<B>, B> Accept<Vec<B>> for Vec<A> {
    fn accept(self) -> Result<Vec<B>, Invalid> {
        self.into_iter().map(Accept::accept).collect()
    }
}

impl<A: Accept<B>, B> Accept<Option<B>> for Option<A> {
    fn accept(self) -> Result<Option<B>, Invalid> {
        self.map(Accept::accept).transpose()
    }
}

/// Largest scale of a decimal.
const MAX_SCALE: u8 = 28;

impl From<Decimal> for wit::Decimal {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the two halves of 128 bits"
    )]
    fn from(value: Decimal) -> Self {
        let mantissa = value.mantissa();
        wit::Decimal {
            lo: mantissa as u64,
            hi: (mantissa >> 64) as i64,
            scale: value.scale() as u8,
        }
    }
}

impl Accept<Decimal> for wit::Decimal {
    fn accept(self) -> Result<Decimal, Invalid> {
        let mantissa = (i128::from(self.hi) << 64) | i128::from(self.lo);
        if self.scale > MAX_SCALE {
            return Err(Invalid(format!(
                "a decimal of scale {} (largest is {MAX_SCALE})",
                self.scale
            )));
        }
        Decimal::try_from_i128_with_scale(mantissa, u32::from(self.scale)).map_err(|_| {
            Invalid(format!(
                "a decimal with mantissa {mantissa}, beyond 96 bits"
            ))
        })
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Boolean(value) => wit::Value::Boolean(value),
            Value::Integer(value) => wit::Value::Integer(value),
            Value::Real(value) => wit::Value::Real(value),
            Value::Number(value) => wit::Value::Number(value.into()),
            Value::Text(value) => wit::Value::Text(value),
        }
    }
}

impl Accept<Value> for wit::Value {
    fn accept(self) -> Result<Value, Invalid> {
        Ok(match self {
            wit::Value::Boolean(value) => Value::Boolean(value),
            wit::Value::Integer(value) => Value::Integer(value),
            wit::Value::Real(value) => Value::Real(value),
            wit::Value::Number(value) => Value::Number(value.accept()?),
            wit::Value::Text(value) => Value::Text(value),
        })
    }
}

impl Accept<(String, Value)> for (String, wit::Value) {
    fn accept(self) -> Result<(String, Value), Invalid> {
        Ok((self.0, self.1.accept()?))
    }
}

pub(crate) fn fields(fields: Vec<(String, Value)>) -> Vec<(String, wit::Value)> {
    fields
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect()
}

macro_rules! same_cases {
    ($domain:path, $wit:path, [$($case:ident),+ $(,)?]) => {
        impl From<$domain> for $wit {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$case => <$wit>::$case),+ }
            }
        }
        impl From<$wit> for $domain {
            fn from(value: $wit) -> Self {
                match value { $(<$wit>::$case => <$domain>::$case),+ }
            }
        }
    };
}
pub(crate) use same_cases;

same_cases!(
    AssetClass,
    wit::AssetClass,
    [
        Equity, Fund, Index, Fx, Crypto, Future, Option, Bond, Commodity, Other
    ]
);

impl From<Instrument> for wit::Instrument {
    fn from(value: Instrument) -> Self {
        wit::Instrument {
            handle: value.handle,
            symbol: value.symbol,
            venue: value.venue,
            currency: value.currency,
            asset_class: value.asset_class.into(),
            tick: value.tick.into(),
            lot: value.lot.into(),
            multiplier: value.multiplier.into(),
            expiry: value.expiry.map(|time| time.0),
            calendar: value.calendar,
            extra: fields(value.extra),
        }
    }
}

impl Accept<Instrument> for wit::Instrument {
    fn accept(self) -> Result<Instrument, Invalid> {
        Ok(Instrument {
            handle: self.handle,
            symbol: self.symbol,
            venue: self.venue,
            currency: self.currency,
            asset_class: self.asset_class.into(),
            tick: self.tick.accept()?,
            lot: self.lot.accept()?,
            multiplier: self.multiplier.accept()?,
            expiry: self.expiry.map(Timestamp),
            calendar: self.calendar,
            extra: self.extra.accept()?,
        })
    }
}

impl From<&Bar> for wit::Bar {
    #[inline]
    fn from(bar: &Bar) -> Self {
        wit::Bar {
            time: bar.time,
            open: bar.open,
            high: bar.high,
            low: bar.low,
            close: bar.close,
            volume: bar.volume,
            factor: bar.factor,
        }
    }
}

impl From<Vec<Bar>> for wit::BarColumns {
    fn from(bars: Vec<Bar>) -> Self {
        let column = |field: fn(&Bar) -> f64| bars.iter().map(field).collect();
        wit::BarColumns {
            times: bars.iter().map(|bar| bar.time).collect(),
            open: column(|bar| bar.open),
            high: column(|bar| bar.high),
            low: column(|bar| bar.low),
            close: column(|bar| bar.close),
            volume: column(|bar| bar.volume),
            factor: column(|bar| bar.factor),
        }
    }
}

impl From<Columns> for wit::BarColumns {
    fn from(columns: Columns) -> Self {
        wit::BarColumns {
            times: columns.times,
            open: columns.open,
            high: columns.high,
            low: columns.low,
            close: columns.close,
            volume: columns.volume,
            factor: columns.factor,
        }
    }
}

impl From<&CorporateAction> for wit::CorporateAction {
    fn from(action: &CorporateAction) -> Self {
        let kind = match &action.kind {
            ActionKind::Split {
                numerator,
                denominator,
            } => wit::CorporateActionKind::Split(wit::Split {
                numerator: *numerator,
                denominator: *denominator,
            }),
            ActionKind::Dividend(amount) => wit::CorporateActionKind::Dividend((*amount).into()),
            ActionKind::Other { code, text } => {
                wit::CorporateActionKind::Other((code.clone(), text.clone()))
            }
        };
        wit::CorporateAction {
            time: action.time,
            kind,
        }
    }
}

impl Accept<CorporateAction> for wit::CorporateAction {
    fn accept(self) -> Result<CorporateAction, Invalid> {
        let kind = match self.kind {
            wit::CorporateActionKind::Split(split) => {
                if split.numerator == 0 || split.denominator == 0 {
                    return Err(Invalid(format!(
                        "a split of {} for {}",
                        split.numerator, split.denominator
                    )));
                }
                ActionKind::Split {
                    numerator: split.numerator,
                    denominator: split.denominator,
                }
            }
            wit::CorporateActionKind::Dividend(amount) => ActionKind::Dividend(amount.accept()?),
            wit::CorporateActionKind::Other((code, text)) => ActionKind::Other { code, text },
        };
        Ok(CorporateAction {
            time: self.time,
            kind,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_crosses_and_comes_back() {
        for text in [
            "0",
            "-1",
            "123456789.000000001",
            "-0.05",
            "79228162514264337593543950335",
            "0.0000000000000000000000000001",
        ] {
            let value: Decimal = text.parse().unwrap();
            let back: Decimal = wit::Decimal::from(value).accept().unwrap();
            assert_eq!(back, value);
            assert_eq!(back.scale(), value.scale());
        }
    }

    #[test]
    fn a_decimal_beyond_the_contract_is_refused() {
        for bad in [
            wit::Decimal {
                lo: 1,
                hi: 0,
                scale: 29,
            },
            wit::Decimal {
                lo: 0,
                hi: i64::MAX,
                scale: 0,
            },
        ] {
            assert!(bad.accept().is_err(), "{bad:?}");
        }
    }
}
