//! What a backtest is run under: everything that changes its outcome and is neither strategy nor data.

use bulkhead_desk::ledger::CostBasis;
use bulkhead_domain::{Decimal, Problem};
use bulkhead_session::config::ModelConfig;
use bulkhead_venue::carry::CarryRates;
use bulkhead_venue::{FeeModel, FillTiming, SlippageModel, VenueConfig};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Settings; all of them go into the result's digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Cash at the start.
    pub cash: Decimal,
    /// Currency of every amount.
    pub currency: String,
    /// What closed units are taken to have cost.
    #[serde(default)]
    pub cost_basis: CostBasis,
    /// What a fill costs.
    pub fees: FeeModel,
    /// How much worse than the quoted price a taker trades.
    pub slippage: SlippageModel,
    /// When market orders fill.
    pub fill: FillTiming,
    /// Largest part of the volume that fills may be; `None` looks at no volume.
    pub max_volume_share: Option<f64>,
    /// Whether fill prices are rounded to the tick against the trader.
    pub round_to_tick: bool,
    /// What holding costs and earns.
    pub carry: CarryRates,
    /// Most that positions may be worth together, as a multiple of equity.
    pub leverage: Decimal,
    /// Features computed from each bar.
    pub features: Vec<String>,
    /// Models by alias, learnt on the way as in a session; the same tables as a session's `[models]`.
    #[serde(default)]
    pub models: BTreeMap<String, ModelConfig>,
    /// Risk rules, asked in this order.
    pub risk: Vec<RuleSettings>,
    /// Whether the strategy's whole-series form is traded instead of asking it at each bar.
    #[serde(default)]
    pub vectorised: bool,
    /// First date, `YYYY-MM-DD`.
    pub from: Option<String>,
    /// Last date.
    pub to: Option<String>,
    /// Seed of everything random.
    pub seed: u64,
}

/// A risk rule with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSettings {
    /// Id of the plugin, or the path of a `.wasm` file.
    pub plugin: String,
    /// Its settings.
    pub config: Map<String, Value>,
}

impl Default for Settings {
    fn default() -> Self {
        let venue = VenueConfig::default();
        Settings {
            cash: Decimal::from(100_000),
            currency: "USD".to_owned(),
            cost_basis: CostBasis::Average,
            fees: FeeModel::None,
            slippage: SlippageModel::None,
            fill: FillTiming::NextOpen,
            max_volume_share: venue.max_volume_share,
            round_to_tick: venue.round_to_tick,
            carry: CarryRates::default(),
            leverage: Decimal::ONE,
            features: Vec::new(),
            models: BTreeMap::new(),
            risk: Vec::new(),
            vectorised: false,
            from: None,
            to: None,
            seed: 0,
        }
    }
}

impl Settings {
    /// The venue that they describe.
    #[must_use]
    pub fn venue(&self) -> VenueConfig {
        VenueConfig {
            fee_currency: self.currency.clone(),
            fill: self.fill,
            slippage: self.slippage,
            fees: self.fees,
            max_volume_share: self.max_volume_share,
            round_to_tick: self.round_to_tick,
            ..VenueConfig::default()
        }
    }
}

fn number(option: &str, text: &str) -> Result<Decimal, Problem> {
    text.trim().parse().map_err(|_| {
        Problem::user(
            format!("{option}: '{text}' is no number"),
            "write it as 0.001",
        )
    })
}

/// `none`, a fraction of the notional (`0.001`, `10bps`), `per-share:RATE[,MINIMUM]`, `maker-taker:MAKER,TAKER`.
///
/// # Errors
/// Anything else, in one line.
pub fn fees(text: &str) -> Result<FeeModel, Problem> {
    let wrong = || {
        Problem::user(
            format!("--fees: '{text}' is no fee model"),
            "use none, 0.001, 10bps, per-share:0.005,1 or maker-taker:-0.0001,0.0004",
        )
    };
    match text.split_once(':') {
        None if text == "none" => Ok(FeeModel::None),
        None => match text.strip_suffix("bps") {
            Some(bps) => Ok(FeeModel::Fraction {
                rate: number("--fees", bps)? / Decimal::from(10_000),
            }),
            None => Ok(FeeModel::Fraction {
                rate: number("--fees", text).map_err(|_| wrong())?,
            }),
        },
        Some(("per-share", rest)) => {
            let (rate, minimum) = rest.split_once(',').unwrap_or((rest, "0"));
            Ok(FeeModel::PerShare {
                rate: number("--fees", rate)?,
                minimum: number("--fees", minimum)?,
            })
        }
        Some(("maker-taker", rest)) => {
            let (maker, taker) = rest.split_once(',').ok_or_else(wrong)?;
            Ok(FeeModel::MakerTaker {
                maker: number("--fees", maker)?,
                taker: number("--fees", taker)?,
            })
        }
        Some(_) => Err(wrong()),
    }
}

/// `none`, `5bps`, or `volume-share[:IMPACT]`.
///
/// # Errors
/// Anything else, in one line.
pub fn slippage(text: &str) -> Result<SlippageModel, Problem> {
    const CUSTOMARY: Decimal = Decimal::from_parts(1, 0, 0, false, 1);
    match text {
        "none" => return Ok(SlippageModel::None),
        "volume-share" => return Ok(SlippageModel::VolumeShare { impact: CUSTOMARY }),
        _ => {}
    }
    if let Some(bps) = text.strip_suffix("bps") {
        let bps = number("--slippage", bps)?;
        return Ok(SlippageModel::Bps { bps });
    }
    match text.strip_prefix("volume-share:") {
        Some(impact) => Ok(SlippageModel::VolumeShare {
            impact: number("--slippage", impact)?,
        }),
        None => Err(Problem::user(
            format!("--slippage: '{text}' is no slippage model"),
            "use none, 5bps or volume-share:0.1",
        )),
    }
}

/// `ID` or `ID={...}` with the rule's settings as JSON.
///
/// # Errors
/// Settings that are no JSON object.
pub fn rule(text: &str) -> Result<RuleSettings, Problem> {
    let (plugin, config) = text.split_once('=').unwrap_or((text, "{}"));
    let config = serde_json::from_str(config).map_err(|error| {
        Problem::user(
            format!("--risk {plugin}: the settings are no JSON object: {error}"),
            "write them as --risk 'limits={\"max-position\": 100}'",
        )
    })?;
    Ok(RuleSettings {
        plugin: plugin.to_owned(),
        config,
    })
}

/// `KEY=VALUE`: the value as JSON where it reads as such, else as text.
///
/// # Errors
/// Text without `=` or without a key.
pub fn parameter(text: &str) -> Result<(String, Value), Problem> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            let value =
                serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
            Ok((key.to_owned(), value))
        }
        _ => Err(Problem::user(
            format!("--param: '{text}' sets nothing"),
            "write it as --param fast=10",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn fees_are_read_as_people_write_them() {
        assert_eq!(fees("none"), Ok(FeeModel::None));
        for same in ["0.001", "10bps"] {
            let rate = dec("0.001");
            assert_eq!(fees(same), Ok(FeeModel::Fraction { rate }), "{same}");
        }
        let per_share = FeeModel::PerShare {
            rate: dec("0.005"),
            minimum: dec("1"),
        };
        assert_eq!(fees("per-share:0.005,1"), Ok(per_share));
        for wrong in ["", "cheap", "maker-taker:1", "per-unit:1", "xbps"] {
            let line = fees(wrong).unwrap_err().to_string();
            assert!(line.starts_with("--fees"), "{line}");
        }
    }

    #[test]
    fn slippage_is_read_as_people_write_it() {
        assert_eq!(slippage("none"), Ok(SlippageModel::None));
        assert_eq!(slippage("2bps"), Ok(SlippageModel::Bps { bps: dec("2") }));
        let impact = dec("0.1");
        assert_eq!(
            slippage("volume-share"),
            Ok(SlippageModel::VolumeShare { impact })
        );
        assert!(slippage("much").is_err());
    }

    #[test]
    fn a_parameter_is_json_or_text() {
        assert_eq!(parameter("fast=10"), Ok(("fast".to_owned(), 10.into())));
        assert_eq!(
            parameter("name=AAPL"),
            Ok(("name".to_owned(), "AAPL".into()))
        );
        assert!(parameter("fast").is_err());
        assert!(parameter("=1").is_err());
    }
}
