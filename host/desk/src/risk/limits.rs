//! Every number that the host checks compare with.

use bulkhead_domain::{Decimal, Problem};
use bulkhead_venue::number::from_f64;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;

/// Limits of the host checks. Shares are fractions: `0.05` is five percent. An absent limit does not
/// apply. Configuration files may give numbers as numbers or, for every digit's sake, as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct CheckLimits {
    /// Oldest price an order may be judged by, in seconds. Default 60.
    pub max_price_age_seconds: u32,
    /// Oldest price of something that is held by which the account's risk may be computed, in seconds; trading
    /// halts where there is none. Default 2,592,000, thirty days.
    pub max_mark_age_seconds: u32,
    /// How much worse than the reference price an order's limit may be, as a share of it. Default 0.10.
    #[serde(deserialize_with = "number")]
    pub price_collar: Decimal,
    /// Largest quantity of one order. Default 1,000,000.
    #[serde(deserialize_with = "optional_number")]
    pub max_order_quantity: Option<Decimal>,
    /// Largest notional of one order, in the account's currency. Default none.
    #[serde(deserialize_with = "optional_number")]
    pub max_order_notional: Option<Decimal>,
    /// Smallest notional of one order, in the account's currency. Default 0.
    #[serde(deserialize_with = "number")]
    pub min_order_notional: Decimal,
    /// Largest worst-case position in one instrument, in the account's currency. Default none.
    #[serde(deserialize_with = "optional_number")]
    pub max_position_notional: Option<Decimal>,
    /// The same as a share of equity. Default none.
    #[serde(deserialize_with = "optional_number")]
    pub max_position_share: Option<Decimal>,
    /// Largest worst-case gross exposure, in the account's currency. Default none.
    #[serde(deserialize_with = "optional_number")]
    pub max_gross_exposure: Option<Decimal>,
    /// Largest worst-case gross exposure as a multiple of equity. Default 1.
    #[serde(deserialize_with = "number")]
    pub max_leverage: Decimal,
    /// Buying power as a multiple of equity: 1 for a cash account. Default 1.
    #[serde(deserialize_with = "number")]
    pub buying_power_multiple: Decimal,
    /// Share of equity that entries may not use, for gaps and fees between decision and fill. Default
    /// 0.02.
    #[serde(deserialize_with = "number")]
    pub buying_power_reserve: Decimal,
    /// Whether an exit at market that works but has not filled frees buying power for entries already.
    /// Default false.
    pub pending_exits_fund_entries: bool,
    /// Largest number of entries, and apart from them of exits, at one moment. Default 100.
    pub max_orders_per_moment: u32,
    /// Largest number of entries, and apart from them of exits, in one trading session. Default 10,000.
    pub max_orders_per_session: u32,
    /// Loss against the prior session's closing equity beyond which entries are refused, as a share of
    /// it. Default 0.05.
    #[serde(deserialize_with = "optional_number")]
    pub max_daily_loss: Option<Decimal>,
    /// Fall from the highest session's closing equity beyond which entries are refused, as a share of
    /// it. Default none.
    #[serde(deserialize_with = "optional_number")]
    pub max_drawdown: Option<Decimal>,
    /// Oldest fit of a model that an entry may rest on, in seconds. Default none.
    pub max_model_age_seconds: Option<u32>,
    /// Symbols that may not be entered. Default empty.
    pub restricted: BTreeSet<String>,
}

impl Default for CheckLimits {
    fn default() -> Self {
        CheckLimits {
            max_price_age_seconds: 60,
            max_mark_age_seconds: 30 * 86_400,
            price_collar: Decimal::new(10, 2),
            max_order_quantity: Some(Decimal::from(1_000_000)),
            max_order_notional: None,
            min_order_notional: Decimal::ZERO,
            max_position_notional: None,
            max_position_share: None,
            max_gross_exposure: None,
            max_leverage: Decimal::ONE,
            buying_power_multiple: Decimal::ONE,
            buying_power_reserve: Decimal::new(2, 2),
            pending_exits_fund_entries: false,
            max_orders_per_moment: 100,
            max_orders_per_session: 10_000,
            max_daily_loss: Some(Decimal::new(5, 2)),
            max_drawdown: None,
            max_model_age_seconds: None,
            restricted: BTreeSet::new(),
        }
    }
}

impl CheckLimits {
    /// Whether every limit makes sense.
    ///
    /// # Errors
    /// A problem that names the first key that does not.
    pub fn validate(&self) -> Result<(), Problem> {
        let refuse = |key: &str, value: Decimal, wanted: &str| {
            Err(Problem::user(
                format!("risk limit '{key}' is {value}"),
                format!("give a number {wanted}"),
            ))
        };
        let thousand = Decimal::ONE_THOUSAND;
        for (key, value, most) in [
            ("price-collar", Some(self.price_collar), thousand),
            ("max-position-share", self.max_position_share, thousand),
            ("max-leverage", Some(self.max_leverage), thousand),
            (
                "buying-power-multiple",
                Some(self.buying_power_multiple),
                thousand,
            ),
            (
                "buying-power-reserve",
                Some(self.buying_power_reserve),
                Decimal::ONE,
            ),
            ("max-daily-loss", self.max_daily_loss, Decimal::ONE),
            ("max-drawdown", self.max_drawdown, Decimal::ONE),
            (
                "min-order-notional",
                Some(self.min_order_notional),
                Decimal::MAX,
            ),
            ("max-order-quantity", self.max_order_quantity, Decimal::MAX),
            ("max-order-notional", self.max_order_notional, Decimal::MAX),
            (
                "max-position-notional",
                self.max_position_notional,
                Decimal::MAX,
            ),
            ("max-gross-exposure", self.max_gross_exposure, Decimal::MAX),
        ] {
            match value {
                Some(value) if value < Decimal::ZERO => {
                    return refuse(key, value, "that is not below 0");
                }
                Some(value) if value > most => {
                    return refuse(key, value, &format!("from 0 to {most}"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A number as people write it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a number, or a number as text")]
enum Written {
    Text(String),
    Integer(i64),
    Real(f64),
}

impl Written {
    fn read<E: serde::de::Error>(self) -> Result<Decimal, E> {
        match self {
            Written::Text(text) => text
                .parse()
                .map_err(|_| E::custom(format!("'{text}' is not a number"))),
            Written::Integer(value) => Ok(value.into()),
            Written::Real(value) => from_f64(value)
                .ok_or_else(|| E::custom(format!("{value} is not a number that can be used"))),
        }
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    Written::deserialize(deserializer)?.read()
}

fn optional_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Decimal>, D::Error> {
    Option::<Written>::deserialize(deserializer)?
        .map(Written::read)
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CheckLimits, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_are_read_as_numbers_or_text_and_what_is_left_out_keeps_its_default() {
        let limits = read(
            r#"{"max-leverage": 2, "price-collar": 0.05, "max-order-notional": "1234.5",
                "max-daily-loss": null, "restricted": ["IBM"]}"#,
        )
        .unwrap();
        assert_eq!(limits.max_leverage, Decimal::TWO);
        assert_eq!(limits.price_collar, Decimal::new(5, 2));
        assert_eq!(limits.max_order_notional, Some(Decimal::new(12_345, 1)));
        assert_eq!(limits.max_daily_loss, None);
        assert_eq!(limits.max_orders_per_moment, 100);
        assert_eq!(read("{}"), Ok(CheckLimits::default()));
    }

    #[test]
    fn unknown_keys_and_nonsense_are_refused() {
        assert!(
            read(r#"{"max-leverge": 2}"#)
                .unwrap_err()
                .contains("max-leverge")
        );
        assert!(
            read(r#"{"max-leverage": "lots"}"#)
                .unwrap_err()
                .contains("'lots'")
        );
        let problem = |json| read(json).unwrap().validate().unwrap_err().to_string();
        assert_eq!(
            problem(r#"{"price-collar": -0.1}"#),
            "risk limit 'price-collar' is -0.1; give a number that is not below 0"
        );
        assert_eq!(
            problem(r#"{"max-daily-loss": 5}"#),
            "risk limit 'max-daily-loss' is 5; give a number from 0 to 1"
        );
    }
}
