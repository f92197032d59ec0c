//! The paper broker's settings as the venue's, whose rules both go by.

use bulkhead_domain::{Decimal, Problem};
use bulkhead_venue::carry::CarryRates;
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel, VenueConfig};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The broker whose rules are the venue's.
const PAPER: &str = "paper";

/// What of the paper broker's settings the engine knows.
#[derive(Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Known {
    account: String,
    currency: String,
    cash: Value,
    fees: FeeModel,
    slippage: SlippageModel,
    fill: FillTiming,
    max_volume_share: Option<f64>,
    round_to_tick: bool,
    short_borrow_rate: Value,
    cash_interest_rate: Value,
}

impl Default for Known {
    fn default() -> Known {
        let plain = VenueConfig::default();
        Known {
            account: plain.account,
            currency: plain.fee_currency,
            cash: Value::Null,
            fees: plain.fees,
            slippage: plain.slippage,
            fill: plain.fill,
            max_volume_share: plain.max_volume_share,
            round_to_tick: plain.round_to_tick,
            short_borrow_rate: Value::Null,
            cash_interest_rate: Value::Null,
        }
    }
}

/// Its settings that the engine does not know, with the value at which they change nothing.
fn unknown() -> [(&'static str, Value); 5] {
    [
        ("accounts", json!([])),
        ("enforce-margin", json!(false)),
        ("maintenance-margin", json!(0)),
        ("hard-to-borrow", json!([])),
        ("faults", json!({})),
    ]
}

/// A number, or one in a text; `otherwise` where there is none.
fn decimal(value: &Value, otherwise: Decimal) -> Option<Decimal> {
    match value {
        Value::Null => Some(otherwise),
        Value::String(text) => text.parse().ok(),
        other => other.to_string().parse().ok(),
    }
}

/// How a session's broker fills orders and what holding costs. `acts` says whether anything splits or pays in the data.
///
/// # Errors
/// Another broker than the paper broker, or settings of it that the engine has not.
pub(super) fn of_paper(
    id: &str,
    config: &str,
    (account, cash): (&str, Decimal),
    acts: bool,
) -> Result<(VenueConfig, CarryRates), Problem> {
    let no = |what: String| Problem::user(what, "replay a session without");
    if id != PAPER {
        return Err(no(format!(
            "its broker is {id}, and a backtest knows the rules of {PAPER} only"
        )));
    }
    let unreadable = |error: serde_json::Error| {
        Problem::host(
            format!("the broker's settings cannot be read: {error}"),
            "report this",
        )
    };
    let settings: Map<String, Value> = serde_json::from_str(config).map_err(unreadable)?;
    let nothing = |value: &Value| decimal(value, Decimal::ONE).is_some_and(|it| it.is_zero());
    for (key, neutral) in unknown() {
        let said = settings.get(key).unwrap_or(&neutral);
        if *said != neutral && !(nothing(said) && nothing(&neutral)) {
            return Err(no(format!(
                "its broker's setting `{key}` is {said}, which a backtest does not have"
            )));
        }
    }
    let known: Known = serde_json::from_value(Value::Object(settings)).map_err(unreadable)?;
    let own = decimal(&known.cash, cash);
    if known.account != account || own != Some(cash) {
        return Err(no(
            "its broker's account or cash is another than the session's".to_owned(),
        ));
    }
    if acts && known.fill == FillTiming::Close {
        return Err(no(
            "its orders fill at the close that they were sent at, over bars that split or pay"
                .to_owned(),
        ));
    }
    let rate = |value: &Value| {
        decimal(value, Decimal::ZERO)
            .ok_or_else(|| no(format!("its broker's rate {value} is no number")))
    };
    let carry = CarryRates {
        borrow: rate(&known.short_borrow_rate)?,
        interest: rate(&known.cash_interest_rate)?,
    };
    let venue = VenueConfig {
        account: known.account,
        fee_currency: known.currency,
        fill: known.fill,
        slippage: known.slippage,
        fees: known.fees,
        max_volume_share: known.max_volume_share,
        round_to_tick: known.round_to_tick,
        ..VenueConfig::default()
    };
    Ok((venue, carry))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: &str, config: Value) -> Result<(VenueConfig, CarryRates), String> {
        let account = ("paper", Decimal::from(1000));
        of_paper(id, &config.to_string(), account, true).map_err(|problem| problem.to_string())
    }

    #[test]
    fn what_both_know_is_taken_over() {
        let (venue, carry) = of(
            "paper",
            json!({
                "cash": "1000", "fees": {"model": "fraction", "rate": "0.001"}, "max-volume-share": null,
                "round-to-tick": false, "cash-interest-rate": 0.03, "faults": {}, "enforce-margin": false,
                "margin-multiple": "2", "maintenance-margin": "0",
            }),
        )
        .unwrap();
        let rate = Decimal::new(1, 3);
        assert_eq!(venue.fees, FeeModel::Fraction { rate });
        assert_eq!((venue.max_volume_share, venue.round_to_tick), (None, false));
        assert_eq!(
            (carry.interest, carry.borrow),
            (Decimal::new(3, 2), Decimal::ZERO)
        );
        let plain = of("paper", json!({})).unwrap().0;
        assert_eq!(plain, VenueConfig::default());
    }

    #[test]
    fn what_a_backtest_has_not_is_refused() {
        for (id, config, says) in [
            ("other", json!({}), "its broker is other"),
            ("paper", json!({"faults": {"seed": 1}}), "setting `faults`"),
            (
                "paper",
                json!({"hard-to-borrow": ["A"]}),
                "setting `hard-to-borrow` is [\"A\"]",
            ),
            (
                "paper",
                json!({"maintenance-margin": "0.2"}),
                "setting `maintenance-margin`",
            ),
            ("paper", json!({"cash": "5"}), "account or cash"),
            ("paper", json!({"account": "second"}), "account or cash"),
            ("paper", json!({"fill": "close"}), "fill at the close"),
        ] {
            let problem = of(id, config).unwrap_err();
            assert!(problem.contains(says), "{problem}");
        }
    }
}
