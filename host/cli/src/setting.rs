//! Under which terms a strategy is run over history, as arguments: shared by every command that runs one.

use bulkhead_domain::{Decimal, Problem};
use bulkhead_lab::backtest::{Settings, fees, rule, slippage};
use bulkhead_session::config::ModelConfig;
use bulkhead_venue::FillTiming;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// When market orders fill.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Fill {
    /// At the next bar's open
    NextOpen,
    /// At the close they were decided on; optimistic
    Close,
}

/// What is read of a file of models; the rest of a session's configuration may stand there too.
#[derive(Deserialize)]
struct Models {
    #[serde(default)]
    features: Vec<String>,
    models: BTreeMap<String, ModelConfig>,
}

fn models(path: &Path) -> Result<Models, Problem> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Problem::user(format!("it cannot be read: {error}"), "check the path").in_file(path)
    })?;
    let file: Models = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(1, |span| {
            1 + text
                .get(..span.start)
                .map_or(0, |before| before.matches('\n').count())
        });
        Problem::user(
            format!("line {at}: {}", error.message()),
            "write models as a session's configuration does: [models.ALIAS] with candidates",
        )
        .in_file(path)
    })?;
    if file
        .models
        .values()
        .any(|model| model.candidates.is_empty())
    {
        return Err(
            Problem::user("a model has no candidates", "name who may learn it").in_file(path),
        );
    }
    Ok(file)
}

/// Everything that changes a run's outcome and is neither strategy nor data.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingArgs {
    /// First date, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Last date
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// Cash at the start
    #[arg(long, value_name = "MONEY", default_value = "100000")]
    cash: Decimal,
    /// Currency of every amount
    #[arg(long, value_name = "CODE", default_value = "USD")]
    currency: String,
    /// What a fill costs: none, 0.001, 10bps, per-share:RATE,MINIMUM or maker-taker:MAKER,TAKER
    #[arg(
        long,
        value_name = "MODEL",
        default_value = "none",
        allow_hyphen_values = true
    )]
    fees: String,
    /// How much worse than the quoted price a taker trades: none, 5bps or volume-share:IMPACT
    #[arg(long, value_name = "MODEL", default_value = "none")]
    slippage: String,
    /// When market orders fill
    #[arg(long, value_enum, default_value = "next-open")]
    fill: Fill,
    /// Largest part of the volume that fills may be; 0 looks at no volume
    #[arg(long, value_name = "PART", default_value = "0.025")]
    volume_cap: f64,
    /// Leave fill prices between ticks
    #[arg(long)]
    no_rounding: bool,
    /// Yearly cost of short positions, as a fraction of their worth
    #[arg(long, value_name = "RATE", default_value = "0")]
    borrow_rate: Decimal,
    /// Yearly interest on cash, as a fraction
    #[arg(
        long,
        value_name = "RATE",
        default_value = "0",
        allow_hyphen_values = true
    )]
    interest_rate: Decimal,
    /// Most that positions may be worth together, as a multiple of equity
    #[arg(long, value_name = "MULTIPLE", default_value = "1")]
    leverage: Decimal,
    /// A feature to compute from each bar; may be repeated
    #[arg(long = "feature", value_name = "NAME")]
    features: Vec<String>,
    /// Models to learn on the way: a file with [models.ALIAS] tables, as a session's configuration has them; its `features`
    /// are computed where none are named
    #[arg(long, value_name = "FILE.toml")]
    models: Option<PathBuf>,
    /// A risk rule with its settings as JSON; may be repeated
    #[arg(long = "risk", value_name = "ID[={...}]")]
    risk: Vec<String>,
    /// Trade the strategy's whole-series form, which is audited for look-ahead
    #[arg(long)]
    vectorised: bool,
    /// Seed of everything random
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

impl SettingArgs {
    /// As the engine takes them.
    ///
    /// # Errors
    /// The first argument that makes no sense.
    pub(crate) fn settings(&self) -> Result<Settings, Problem> {
        if !(0.0..=1.0).contains(&self.volume_cap) {
            return Err(Problem::user(
                format!("--volume-cap is {}", self.volume_cap),
                "give a part between 0 and 1",
            ));
        }
        for (option, value) in [("--cash", self.cash), ("--leverage", self.leverage)] {
            if value <= Decimal::ZERO {
                return Err(Problem::user(
                    format!("{option} is {value}"),
                    "give a number above zero",
                ));
            }
        }
        let mut settings = Settings {
            cash: self.cash,
            currency: self.currency.clone(),
            fees: fees(&self.fees)?,
            slippage: slippage(&self.slippage)?,
            fill: match self.fill {
                Fill::NextOpen => FillTiming::NextOpen,
                Fill::Close => FillTiming::Close,
            },
            max_volume_share: (self.volume_cap > 0.0).then_some(self.volume_cap),
            round_to_tick: !self.no_rounding,
            leverage: self.leverage,
            features: self.features.clone(),
            risk: self
                .risk
                .iter()
                .map(|text| rule(text))
                .collect::<Result<_, _>>()?,
            vectorised: self.vectorised,
            from: self.from.clone(),
            to: self.to.clone(),
            seed: self.seed,
            ..Settings::default()
        };
        if let Some(path) = &self.models {
            let file = models(path)?;
            settings.models = file.models;
            if settings.features.is_empty() {
                settings.features = file.features;
            }
        }
        settings.carry.borrow = self.borrow_rate;
        settings.carry.interest = self.interest_rate;
        Ok(settings)
    }
}
