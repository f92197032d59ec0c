//! What came of one combination: one line of the log, of the CSV and of the page.

use crate::statistics::{Figure, Statistics};
use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// What is to be as large as possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Sharpe ratio of daily returns, annualised.
    Sharpe,
    /// Sortino ratio of daily returns, annualised.
    Sortino,
    /// Yearly return over the deepest fall.
    Calmar,
    /// Total return.
    TotalReturn,
    /// Yearly return.
    Cagr,
    /// Money won over money lost.
    ProfitFactor,
    /// System quality number.
    Sqn,
}

/// Every objective by its name.
const OBJECTIVES: [(&str, Objective); 7] = [
    ("sharpe", Objective::Sharpe),
    ("sortino", Objective::Sortino),
    ("calmar", Objective::Calmar),
    ("total-return", Objective::TotalReturn),
    ("cagr", Objective::Cagr),
    ("profit-factor", Objective::ProfitFactor),
    ("sqn", Objective::Sqn),
];

impl Objective {
    fn of(self, statistics: &Statistics) -> &Figure {
        let (curve, trades) = (&statistics.curve, &statistics.trades);
        match self {
            Objective::Sharpe => &curve.sharpe,
            Objective::Sortino => &curve.sortino,
            Objective::Calmar => &curve.calmar,
            Objective::TotalReturn => &curve.total_return,
            Objective::Cagr => &curve.cagr,
            Objective::ProfitFactor => &trades.profit_factor,
            Objective::Sqn => &trades.sqn,
        }
    }
}

impl FromStr for Objective {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Objective, Problem> {
        let found = OBJECTIVES.iter().find(|(name, _)| *name == text);
        found.map(|(_, objective)| *objective).ok_or_else(|| {
            let names: Vec<&str> = OBJECTIVES.iter().map(|(name, _)| *name).collect();
            Problem::user(
                format!("--objective: '{text}' is no objective"),
                format!("use one of: {}", names.join(", ")),
            )
        })
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = OBJECTIVES.iter().find(|(_, objective)| objective == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

/// How a combination's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With the data.
    Finished,
    /// It was given up as hopeless; what was seen of it counts.
    Pruned,
    /// The strategy did not take it, or failed.
    Failed,
}

/// What came of a combination. Numbers that are not defined are `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Row {
    /// Counted from 0.
    pub number: u64,
    /// Values of what was varied, by name of the parameters.
    pub values: Vec<Value>,
    /// How it ended.
    pub ending: Ending,
    /// Why, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What is to be large; `None` as well where there were too few trades.
    pub objective: Option<f64>,
    /// Figures of the run.
    pub figures: Option<Figures>,
}

/// Figures of a run; fractions, and ratios annualised, unless they say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "named as the statistics that they are")]
pub struct Figures {
    pub total_return: Option<f64>,
    pub cagr: Option<f64>,
    pub volatility: Option<f64>,
    pub sharpe: Option<f64>,
    pub sortino: Option<f64>,
    pub calmar: Option<f64>,
    pub max_drawdown: Option<f64>,
    pub profit_factor: Option<f64>,
    pub win_rate: Option<f64>,
    pub sqn: Option<f64>,
    /// Closed trades.
    pub trades: u64,
    /// Bars that were run.
    pub bars: u64,
    /// Sharpe ratio of a day.
    pub sharpe_per_day: Option<f64>,
    /// Daily returns.
    pub days: u64,
    pub skewness: Option<f64>,
    /// Raw; 3 of a normal distribution.
    pub kurtosis: Option<f64>,
}

impl Figures {
    pub(super) fn of(statistics: &Statistics, bars: u64) -> Figures {
        let (curve, trades, returns) = (&statistics.curve, &statistics.trades, &statistics.returns);
        Figures {
            total_return: curve.total_return.value,
            cagr: curve.cagr.value,
            volatility: curve.volatility.value,
            sharpe: curve.sharpe.value,
            sortino: curve.sortino.value,
            calmar: curve.calmar.value,
            max_drawdown: curve.max_drawdown.figure.value,
            profit_factor: trades.profit_factor.value,
            win_rate: trades.win_rate.value,
            sqn: trades.sqn.value,
            trades: trades.closed,
            bars,
            sharpe_per_day: returns.sharpe_per_period.value,
            days: returns.observations,
            skewness: returns.skewness.value,
            kurtosis: returns.kurtosis.value,
        }
    }
}

impl Row {
    pub(super) fn finished(
        (number, values): (u64, Vec<Value>),
        statistics: &Statistics,
        bars: u64,
        (objective, min_trades): (Objective, u64),
    ) -> Row {
        let figures = Figures::of(statistics, bars);
        let enough = figures.trades >= min_trades;
        Row {
            number,
            values,
            ending: Ending::Finished,
            failure: None,
            objective: objective.of(statistics).value.filter(|_| enough),
            figures: Some(figures),
        }
    }

    pub(super) fn failed((number, values): (u64, Vec<Value>), why: String) -> Row {
        Row {
            number,
            values,
            ending: Ending::Failed,
            failure: Some(why),
            objective: None,
            figures: None,
        }
    }
}
