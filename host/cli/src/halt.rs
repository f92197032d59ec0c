//! `bulkhead halt`, `resume` and `status`: the kill switch.
//!
//! Where a process owns the broker connections of the state folder, it is asked over its socket, and what is
//! printed is what it acknowledged. Where none does, this command takes the same lock and writes the
//! restriction itself; the next process that starts holds to it. Whoever may write to the state folder may do
//! either, and is recorded as the user that the system knows.

use crate::kept;
use crate::options::GlobalOptions;
use crate::output::{self, line, table};
use crate::owner::{self, Reached};
use bulkhead_desk::switch::control::{Answer, Ask};
pub(crate) use bulkhead_desk::switch::person;
use bulkhead_desk::switch::{self, Latch, Latches, Scope, TradingState};
use bulkhead_domain::{Problem, Timestamp};
use bulkhead_store::wait;
use serde_json::json;
use std::collections::BTreeSet;

/// Stop trading, or some of it, until `bulkhead resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct HaltArgs {
    /// What to stop: global, account:NAME, strategy:NAME, plugin:ID, instrument:SYMBOL or session:RUN.
    #[arg(long, default_value = "global")]
    scope: Scope,
    /// How much: reduce-only, no-new-orders, halted (and cancel), flatten (and close every position).
    // `--state` is the folder, for every command.
    #[arg(long, value_name = "STATE", default_value = "halted")]
    to: TradingState,
    /// Why; it is kept in the audit log.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "asked for at the command line"
    )]
    reason: String,
    /// Cancel resting orders that may only reduce a position too.
    #[arg(long)]
    cancel_protection: bool,
}

/// Lift a restriction on trading.
#[derive(Debug, clap::Args)]
pub(crate) struct ResumeArgs {
    /// The scope to lift it from, as `bulkhead status` prints it.
    #[arg(long, default_value = "global")]
    scope: Scope,
    /// Why; it is kept in the audit log.
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// The time of the clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }))
}

/// Asks the owner of the gateway, or does it in its place where there is none. Tells which it was.
fn exchange(options: &GlobalOptions, request: Ask) -> Result<(Answer, bool), Problem> {
    let alone = match owner::reach(&options.state, &request, silent)? {
        Reached::Owner(answer) => return Ok((answer, true)),
        Reached::Nobody(alone) => alone,
    };
    let gate = &alone.gate;
    let answer = match request {
        Ask::Raise { latch } => Answer::Raised {
            acknowledgement: gate.raise(latch)?,
        },
        Ask::Lower {
            scope,
            reason,
            time,
        } => Answer::Lowered {
            latch: gate.lower(&scope, &person(), &reason, time)?,
        },
        Ask::Status => Answer::Status {
            latches: gate.latches(),
        },
        Ask::Plugin { .. } => {
            return Err(Problem::host("this restricts nothing", "please report it"));
        }
    };
    Ok((answer, false))
}

fn silent(owner: &str) -> Problem {
    Problem::host(
        format!("process {owner} owns the broker connections and takes no orders"),
        "end that process, then repeat: the restriction is then on disk before another one starts",
    )
}

/// Runs `bulkhead halt`.
pub(crate) fn halt(arguments: HaltArgs, options: &GlobalOptions) -> Result<(), Problem> {
    if arguments.to == TradingState::Running {
        return Err(Problem::user(
            "--to running restricts nothing",
            "use `bulkhead resume` to lift a restriction",
        ));
    }
    let latch = Latch {
        scope: arguments.scope,
        state: arguments.to,
        actor: format!("person:{}", person()),
        reason: arguments.reason,
        time: now(),
        cancel_protection: arguments.cancel_protection,
    };
    let (answer, owned) = exchange(options, Ask::Raise { latch })?;
    let Answer::Raised { acknowledgement } = answer else {
        return Err(owner::unexpected(answer));
    };
    let latch = &acknowledgement.latch;
    if !options.json {
        line(format!(
            "trading is {} in scope {}: on disk, and {}",
            latch.state,
            latch.scope,
            if owned {
                "the process that owns the broker connections sends nothing it forbids"
            } else {
                "no process owns the broker connections; the next one that starts holds to it"
            }
        ))?;
    }
    let unknown = unknown(&latch.scope, options);
    if options.json {
        let mut told = json!({ "acknowledged": acknowledgement, "owned": owned });
        if let (Some(names), Some(told)) = (&unknown, told.as_object_mut()) {
            told.insert(
                "unknown".to_owned(),
                json!({ "scope": latch.scope, "known": names }),
            );
        }
        output::json(&told)?;
    }
    if let Some(names) = unknown {
        let names: Vec<_> = names.into_iter().collect();
        output::warning(&format!(
            "{} names nothing that the last runs here traded with; there is {}",
            latch.scope,
            names.join(", ")
        ));
    }
    if acknowledgement.in_flight > 0 {
        return Err(Problem::host(
            format!(
                "{} orders had been sent before and the broker has not answered yet",
                acknowledgement.in_flight
            ),
            "look at the broker whether they arrived",
        ));
    }
    Ok(())
}

/// What there is of a scope's sort, where it names nothing that the last runs here traded with. It holds all the same:
/// a kill switch refuses nobody. What cannot be read after the acknowledgement is no reason for alarm.
fn unknown(scope: &Scope, options: &GlobalOptions) -> Option<BTreeSet<String>> {
    let store = kept::open(&options.state).ok()?;
    let known = wait(switch::known(&store)).ok()?;
    known.instead_of(scope).cloned()
}

/// Runs `bulkhead resume`.
pub(crate) fn resume(arguments: ResumeArgs, options: &GlobalOptions) -> Result<(), Problem> {
    let request = Ask::Lower {
        scope: arguments.scope,
        reason: arguments.reason,
        time: now(),
    };
    let (answer, owned) = exchange(options, request)?;
    let Answer::Lowered { latch } = answer else {
        return Err(owner::unexpected(answer));
    };
    if options.json {
        return output::json(&json!({ "lifted": latch, "owned": owned }));
    }
    line(format!(
        "lifted in scope {}: {} since {}, raised by {} because {}",
        latch.scope, latch.state, latch.time, latch.actor, latch.reason
    ))
}

/// Runs `bulkhead status`.
pub(crate) fn status(options: &GlobalOptions) -> Result<(), Problem> {
    // A key tells of a log that was there: without its database it is not known that nothing is restricted.
    let begun = kept::path(&options.state).is_file() || options.state.join("audit.key").is_file();
    let (latches, owner) = if begun {
        match exchange(options, Ask::Status)? {
            (Answer::Status { latches }, owned) => (latches, owned),
            (answer, _) => return Err(owner::unexpected(answer)),
        }
    } else {
        (Latches::default(), false)
    };
    if options.json {
        return output::json(&json!({ "running": owner, "restrictions": latches }));
    }
    line(if owner {
        "a process owns the broker connections"
    } else {
        "no process owns the broker connections"
    })?;
    if latches.is_empty() {
        return line("nothing is restricted");
    }
    let rows: Vec<_> = latches
        .iter()
        .map(|latch| {
            [
                latch.scope.to_string(),
                latch.state.to_string(),
                latch.time.to_string(),
                latch.actor.clone(),
                latch.reason.clone(),
            ]
        })
        .collect();
    table(["scope", "state", "since", "by", "because"], rows)
}
