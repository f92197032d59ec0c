//! `bulkhead replay`: a recorded paper session, run again through the backtest's engine and compared.

use crate::environment::Environment;
use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use crate::waiting::meter;
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_market::Catalog;
use bulkhead_session::{Difference, Host, Prepared, Recorded};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Instant;

/// Which session.
#[derive(Debug, clap::Args)]
pub(crate) struct ReplayArgs {
    /// A run (`s-….N`), a session (`s-…`) or the name in its configuration; of several runs the newest
    #[arg(value_name = "SESSION")]
    session: String,
}

/// Runs the command.
pub(crate) fn run(arguments: &ReplayArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let store = kept::existing(&options.state)?;
    let recorded = Recorded::find(&store, &arguments.session)
        .map_err(|problem| problem.in_file(kept::path(&options.state)))?;
    let environment = Environment::open(options)?.with_installed(&store);
    let registry = environment.registry.pinned(recorded.components());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::host(format!("no I/O thread: {error}"), "free some threads"))?;
    let host = Host {
        registry: &registry,
        catalog: Catalog::open(&environment.catalog)?,
        runtime: &runtime,
        store: None,
    };
    let prepared = Prepared::new(recorded.config.clone(), &recorded.folder, &host)?;
    let bar = meter(prepared.bars(), options.json);
    let begun = Instant::now();
    let replayed = prepared.replay(&registry, &recorded, |bars, time| {
        bar.set_position(bars);
        bar.set_message(Timestamp(time).date());
    });
    bar.finish_and_clear();
    let replayed = replayed?;
    if options.json {
        output::json(&replayed)?;
    }
    let Some(difference) = &replayed.difference else {
        return match &replayed.beyond {
            Some(beyond) => Err(Problem::user(
                format!(
                    "run {} was compared up to {}, equal in {} decisions and {} fills: {}",
                    replayed.run,
                    Timestamp(beyond.time),
                    replayed.decisions,
                    replayed.fills,
                    beyond.what,
                ),
                "replay a session without, to compare all of it",
            )),
            None if options.json => Ok(()),
            None => line(format!(
                "equal: {} decisions and {} fills of run {}, over {} bars in {:.1} s",
                replayed.decisions,
                replayed.fills,
                replayed.run,
                replayed.bars,
                begun.elapsed().as_secs_f64(),
            )),
        };
    };
    if !options.json {
        show(difference)?;
    }
    let differs = match difference.fields.as_slice() {
        [] => String::new(),
        fields => format!(" (it differs in {})", fields.join(", ")),
    };
    Err(Problem::user(
        format!(
            "run {} and its replay part on {}: {}{differs}",
            replayed.run,
            Timestamp(difference.time),
            difference.what,
        ),
        "report it with the session's configuration, if neither its plugins nor its data are to blame",
    ))
}

/// Both sides, with everything that they rested on.
fn show(difference: &Difference) -> Result<(), Problem> {
    let of = |side: &Option<Value>| {
        let mut rows = BTreeMap::new();
        flatten("", side.as_ref().unwrap_or(&Value::Null), &mut rows);
        rows
    };
    let (session, backtest) = (of(&difference.session), of(&difference.backtest));
    let mut names: Vec<&String> = session.keys().chain(backtest.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let (theirs, ours) = (session.get(name), backtest.get(name));
        let mark = if theirs == ours { "" } else { "<>" };
        let text = |side: Option<&String>| side.cloned().unwrap_or_else(|| "-".to_owned());
        [mark.to_owned(), name.clone(), text(theirs), text(ours)]
    });
    table(["", &difference.what, "session", "backtest"], rows)
}

/// Every value by its place. A list of names with values is one of places.
fn flatten(place: &str, value: &Value, rows: &mut BTreeMap<String, String>) {
    let below = |name: &str| {
        if place.is_empty() {
            name.to_owned()
        } else {
            format!("{place} {name}")
        }
    };
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                flatten(&below(name), value, rows);
            }
        }
        Value::Array(list) => {
            for (number, value) in (1..).zip(list) {
                match value.as_array().map(Vec::as_slice) {
                    Some([Value::String(name), value]) => flatten(&below(name), value, rows),
                    _ => flatten(&below(&format!("{number}")), value, rows),
                }
            }
        }
        Value::Null => {}
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => drop(rows.insert(place.to_owned(), text.clone())),
        other => drop(rows.insert(place.to_owned(), other.to_string())),
    }
}
