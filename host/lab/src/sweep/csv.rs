//! Every combination as a line of CSV, and what lies beside the best: one more reading of the logs, round by round.

use super::log::Entry;
use super::result::Neighbours;
use super::row::Row;
use super::space::{Space, Values};
use bulkhead_domain::Problem;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write};
use std::path::{Path, PathBuf};

/// Combinations that may stand in another order than their numbers: a round.
const REACH: usize = 128;

/// The logs of a sweep, by fold; 0 where there are none.
pub(super) fn logs(folder: &Path, folds: usize) -> Vec<(usize, PathBuf)> {
    match folds {
        0 => vec![(0, folder.join("combinations.jsonl"))],
        folds => (1..=folds)
            .map(|fold| (fold, folder.join(format!("combinations-{fold}.jsonl"))))
            .collect(),
    }
}

/// Reads a log's rows in the order of their numbers.
pub(super) fn each(path: &Path, mut take: impl FnMut(Row) -> io::Result<()>) -> io::Result<()> {
    let mut ahead = std::collections::BTreeMap::new();
    for line in BufReader::new(File::open(path)?).lines().skip(1) {
        if let Some(Entry { row, .. }) = Entry::read(&line?) {
            ahead.insert(row.number, row);
        }
        if ahead.len() > REACH
            && let Some((_, row)) = ahead.pop_first()
        {
            take(row)?;
        }
    }
    ahead.into_values().try_for_each(take)
}

/// Writes all combinations.
pub(super) fn write(
    space: &Space,
    logs: &[(usize, PathBuf)],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    let fixed = [
        "ending",
        "objective",
        "total_return",
        "cagr",
        "volatility",
        "sharpe",
        "sortino",
        "calmar",
        "max_drawdown",
        "profit_factor",
        "win_rate",
        "sqn",
        "trades",
        "failure",
    ];
    let names = space.axes().iter().map(|axis| axis.name.as_str());
    csv.write_record(["fold", "number"].into_iter().chain(names).chain(fixed))?;
    for (fold, path) in logs {
        each(path, |row| {
            let number = |value: Option<f64>| value.map_or_else(String::new, |it| it.to_string());
            let figure =
                |of: fn(&super::Figures) -> Option<f64>| number(row.figures.as_ref().and_then(of));
            let mut cells = vec![fold.to_string(), row.number.to_string()];
            cells.extend(row.values.iter().map(text));
            cells.extend([
                row.ending.to_string(),
                number(row.objective),
                figure(|it| it.total_return),
                figure(|it| it.cagr),
                figure(|it| it.volatility),
                figure(|it| it.sharpe),
                figure(|it| it.sortino),
                figure(|it| it.calmar),
                figure(|it| it.max_drawdown),
                figure(|it| it.profit_factor),
                figure(|it| it.win_rate),
                figure(|it| it.sqn),
                row.figures
                    .map_or_else(String::new, |it| it.trades.to_string()),
                row.failure.clone().unwrap_or_default(),
            ]);
            csv.write_record(&cells)?;
            Ok(())
        })?;
    }
    csv.flush()
}

/// A value as a person writes it.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// How those do that are one listed value away from the best in one parameter: a peak that stands alone is chance.
pub(super) fn neighbours(
    space: &Space,
    best: &Row,
    (fold, path): &(usize, PathBuf),
) -> Result<Neighbours, Problem> {
    let places = |row: &Row| -> Vec<Option<usize>> {
        let axes = space.axes().iter().zip(&row.values);
        axes.map(|(axis, value)| match &axis.values {
            Values::Listed(values) => values.iter().position(|known| known == value),
            Values::Between { .. } => None,
        })
        .collect()
    };
    let home = places(best);
    let (mut count, mut sum) = (0_u64, 0.0);
    let read = each(path, |row| {
        let Some(objective) = row.objective else {
            return Ok(());
        };
        let mut steps = 0;
        for (here, there) in home.iter().zip(places(&row)) {
            match (here, there) {
                (Some(here), Some(there)) => steps += here.abs_diff(there),
                _ => return Ok(()),
            }
        }
        if steps == 1 {
            count += 1;
            sum += objective;
        }
        Ok(())
    });
    read.map_err(|error| {
        Problem::host(
            format!("cannot read the log of fold {fold}: {error}"),
            "mend the cause and go on with the same command",
        )
        .in_file(path)
    })?;
    Ok(Neighbours {
        count,
        mean: (count > 0).then(|| sum / count as f64),
    })
}
