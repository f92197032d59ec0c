//! `bulkhead statement`: what a run did to its account, from the books it kept.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use bulkhead_desk::statement::{
    Flows, Period, Statement, StatementError, write_daily, write_trades,
};
use bulkhead_desk::tables;
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_session::{KeptRun, runs};
use bulkhead_store::{Store, wait};
use serde_json::json;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Which run, which dates, and what to write where.
#[derive(Debug, clap::Args)]
pub(crate) struct StatementArgs {
    /// The run, as `--list` names it; the newest unless given.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// First date, UTC; the run's first unless given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<String>,
    /// Last date, UTC; the run's last unless given.
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<String>,
    /// Write the trades closed in the period as CSV.
    #[arg(long, value_name = "FILE.csv")]
    trades: Option<PathBuf>,
    /// Write a row for each session as CSV.
    #[arg(long, value_name = "FILE.csv")]
    daily: Option<PathBuf>,
    /// List the runs that are kept, the newest first.
    #[arg(long, conflicts_with_all = ["run", "from", "to", "trades", "daily"])]
    list: bool,
}

/// Runs the command.
pub(crate) fn run(arguments: &StatementArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let from = date("from", arguments.from.as_deref())?;
    let to = date("to", arguments.to.as_deref())?;
    if let (Some(first), Some(last)) = (from, to)
        && first > last
    {
        return Err(Problem::user(
            format!("--from {} comes after --to {}", first.date(), last.date()),
            "give the earlier date with --from",
        ));
    }
    if arguments.trades.is_some() && arguments.trades == arguments.daily {
        return Err(Problem::user(
            "--trades and --daily name one file",
            "give each its own",
        ));
    }
    let path = kept::path(&options.state);
    let store = kept::existing(&options.state)?;
    let kept = wait(runs(&store))?;
    if arguments.list {
        return list(&kept, options.json);
    }
    let chosen =
        choose(&kept, arguments.run.as_deref()).map_err(|problem| problem.in_file(path))?;
    let period = period(&store, chosen, from, to)?;
    let files = files(arguments, &period)?;
    write_whole(&files)?;
    print(chosen, &period, &files, options.json)
}

fn date(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match Timestamp::of_date(text) {
        Some(date) => Ok(Some(date)),
        None => Err(Problem::user(
            format!("--{name}: '{text}' is not a date"),
            "write it as YYYY-MM-DD",
        )),
    }
}

fn choose<'a>(kept: &'a [KeptRun], wanted: Option<&str>) -> Result<&'a KeptRun, Problem> {
    match wanted {
        Some(wanted) => kept.iter().find(|run| run.run == wanted).ok_or_else(|| {
            Problem::user(
                format!("no run {wanted} is kept here"),
                "take one that `bulkhead statement --list` names",
            )
        }),
        None => kept.first().ok_or_else(|| {
            Problem::user(
                "no run is kept here",
                "run a session with `bulkhead paper`, or name its state folder with --state",
            )
        }),
    }
}

fn list(kept: &[KeptRun], as_json: bool) -> Result<(), Problem> {
    if as_json {
        return output::json(&json!({ "runs": kept }));
    }
    table(
        ["run", "session", "state", "started"],
        kept.iter().map(|run| {
            [
                run.run.clone(),
                run.name.clone(),
                run.state.clone(),
                run.started.to_string(),
            ]
        }),
    )
}

/// The period of a run's books, once they agree.
fn period(
    store: &Store,
    run: &KeptRun,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Period, Problem> {
    let name = &run.run;
    let Some(books) = wait(tables::books(store, name))? else {
        return Err(Problem::user(
            format!("run {name} kept no books that can be stated"),
            "run its session anew; an earlier version did not keep all that it takes",
        ));
    };
    let period = books
        .period(from, to)
        .map_err(|error| disagree(name, &error))?;
    period.ok_or_else(|| {
        let closed = match (books.closes.first(), books.closes.last()) {
            (Some(first), Some(last)) => {
                let (first, last) = (first.time.date(), last.time.date());
                format!("no session of run {name} closed in these dates; its closes are of {first} to {last}")
            }
            _ => format!("no session of run {name} has closed"),
        };
        Problem::user(closed, "choose dates in which it traded, or another run")
    })
}

fn disagree(run: &str, error: &StatementError) -> Problem {
    Problem::host(
        format!("the books of run {run} do not agree: {error}"),
        "keep the database as it is, and look into it with `bulkhead audit verify`",
    )
}

type Content<'a> = (&'a Path, Vec<u8>);

fn files<'a>(arguments: &'a StatementArgs, period: &Period) -> Result<Vec<Content<'a>>, Problem> {
    let mut files = Vec::new();
    let broken = |error: StatementError| Problem::host(error.to_string(), "please report it");
    if let Some(path) = &arguments.trades {
        let mut content = Vec::new();
        write_trades(&period.trades, &mut content).map_err(broken)?;
        files.push((path.as_path(), content));
    }
    if let Some(path) = &arguments.daily {
        let mut content = Vec::new();
        write_daily(&period.daily, &mut content).map_err(broken)?;
        files.push((path.as_path(), content));
    }
    Ok(files)
}

/// Writes every file beside its target first: all of them are there whole, or nothing was changed.
fn write_whole(files: &[Content<'_>]) -> Result<(), Problem> {
    let partial = |path: &Path| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        path.with_file_name(name)
    };
    let write = |(path, content): &Content<'_>| {
        if path.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let mut file = File::create(partial(path))?;
        file.write_all(content)?;
        file.sync_all()
    };
    let failed = |path: &Path, error: std::io::Error| {
        for (path, _) in files {
            let _ = std::fs::remove_file(partial(path));
        }
        let named_wrongly = matches!(
            error.kind(),
            ErrorKind::NotFound
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::PermissionDenied
        );
        let what = format!("the file cannot be written: {error}");
        let problem = if named_wrongly {
            Problem::user(what, "name another file; nothing was changed")
        } else {
            Problem::host(what, "free some space; nothing was changed")
        };
        problem.in_file(path)
    };
    for file in files {
        write(file).map_err(|error| failed(file.0, error))?;
    }
    for (path, _) in files {
        std::fs::rename(partial(path), path).map_err(|error| failed(path, error))?;
    }
    Ok(())
}

/// To the cent, halves to the even one.
fn money(amount: Decimal) -> String {
    let cents = amount.round_dp(2);
    // A zero has no sign.
    let cents = if cents.is_zero() {
        Decimal::ZERO
    } else {
        cents
    };
    format!("{cents:.2}")
}

/// What changed equity, in the order in which it is read; what a paper account seldom has only where it is.
fn flows(flows: &Flows) -> Vec<(&'static str, Decimal)> {
    let always = |name| !matches!(name, "withdrawals" | "conversions" | "funding" | "exchange");
    [
        ("deposits", flows.deposits),
        ("withdrawals", flows.withdrawals),
        ("realised", flows.realised),
        ("unrealised", flows.unrealised),
        ("fees", flows.fees),
        ("dividends", flows.dividends),
        ("borrow fees", flows.borrow),
        ("interest", flows.interest),
        ("funding", flows.funding),
        ("conversions", flows.conversions),
        ("exchange", flows.exchange),
    ]
    .into_iter()
    .filter(|(name, amount)| always(name) || !amount.is_zero())
    .collect()
}

fn print(
    run: &KeptRun,
    period: &Period,
    files: &[Content<'_>],
    as_json: bool,
) -> Result<(), Problem> {
    let Period {
        statement,
        daily,
        trades,
        entries,
    } = period;
    if as_json {
        return output::json(&json!({
            "run": run,
            "statement": statement,
            "sessions": daily.len(),
            "trades": trades.len(),
            "checked_entries": entries,
            "files": files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        }));
    }
    line(format!("run {} ({}, {})", run.run, run.name, run.state))?;
    account(statement)?;
    for section in &statement.currencies {
        let rows: Vec<_> = section
            .instruments
            .iter()
            .map(|one| {
                [
                    one.symbol.clone(),
                    money(one.flows.realised),
                    money(one.flows.unrealised),
                    money(one.flows.fees),
                    money(one.flows.dividends),
                    money(one.flows.borrow),
                    money(one.total),
                ]
            })
            .collect();
        if !rows.is_empty() {
            let headers = [
                "instrument",
                "realised",
                "unrealised",
                "fees",
                "dividends",
                "borrow fees",
                "total",
            ];
            table(headers, rows)?;
        }
    }
    line(format!(
        "it adds up: opening and flows are closing, exactly; {entries} entries of the books sum to zero, cash and equity agree at every close, and the trades make the profit realised",
    ))?;
    for (path, _) in files {
        line(path.display().to_string())?;
    }
    Ok(())
}

fn account(statement: &Statement) -> Result<(), Problem> {
    let mut rows = vec![[
        format!("opening, {}", statement.from),
        money(statement.opening),
    ]];
    rows.extend(
        flows(&statement.flows)
            .into_iter()
            .map(|(name, amount)| [name.to_owned(), money(amount)]),
    );
    rows.push([
        format!("closing, {}", statement.to),
        money(statement.closing),
    ]);
    table(["account", statement.base.code()], rows)
}
