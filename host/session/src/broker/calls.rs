//! The calls that reached a simulated broker: kept, and made again on a fresh instance.
//!
//! Promises: what was made again knows what the first one knew; a version that takes over holds what its predecessor
//! held, or is refused.

use crate::feed::Feed;
use crate::handed::Handed;
use bulkhead_domain::order::{Order, OrderUpdate, Replacement};
use bulkhead_domain::{Digest, Problem};
use bulkhead_registry::service::hand_over;
use bulkhead_sandbox::{BrokerPlugin, CallError};
use bulkhead_store::{Statement, Store, StoreError, Writer, column, wait};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One call that reached the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "call")]
pub(crate) enum Call {
    Submit {
        order: Order,
    },
    Replace {
        account: String,
        replacement: Replacement,
    },
    Cancel {
        account: String,
        client_order_id: String,
    },
    Advance,
    Finish,
    /// From here on another version served.
    Succeeded {
        digest: Digest,
    },
}

/// Where calls are kept.
pub(crate) struct CallLog {
    store: Store,
    writer: Writer,
    run: String,
    pub(super) next: i64,
}

const INSERT: &str = "INSERT INTO broker_calls (run, sequence, time, call) VALUES ($1, $2, $3, $4)";
const READ: &str = "SELECT time, call FROM broker_calls WHERE run = $1 ORDER BY sequence";

impl CallLog {
    /// The log of a new run.
    pub(crate) fn new(store: Store, writer: Writer, run: &str) -> CallLog {
        CallLog {
            store,
            writer,
            run: run.to_owned(),
            next: 1,
        }
    }

    pub(super) fn keep(&mut self, time: i64, call: &Call) -> Result<(), StoreError> {
        let text = serde_json::to_string(call).map_err(|error| StoreError::Column {
            column: "call".to_owned(),
            text: error.to_string(),
        })?;
        self.writer.write(
            Statement::new(INSERT)
                .bind(&self.run)
                .bind(self.next)
                .bind(time)
                .bind(text),
        )?;
        self.next += 1;
        Ok(())
    }

    pub(super) fn calls(&self) -> Result<Vec<(i64, Call)>, StoreError> {
        self.writer.flush()?;
        wait(calls(&self.store, &self.run))
    }
}

/// The calls of a run, in order, with the session's time at each.
pub(crate) async fn calls(store: &Store, run: &str) -> Result<Vec<(i64, Call)>, StoreError> {
    let rows = sqlx::query(READ)
        .bind(run.to_owned())
        .fetch_all(store.pool())
        .await
        .map_err(|error| StoreError::of_statement(READ, &error))?;
    rows.iter()
        .map(|row| {
            let text: String = column(row, "call")?;
            let call = serde_json::from_str(&text).map_err(|error| StoreError::Column {
                column: "call".to_owned(),
                text: error.to_string(),
            })?;
            Ok((column(row, "time")?, call))
        })
        .collect()
}

/// The session's bars from its start, as often as they are asked for.
pub(super) type Bars<'a> = Box<dyn Fn() -> Result<Feed<'a>, Problem> + 'a>;

/// What came of making calls again.
pub(super) struct Repeated {
    /// Serves now.
    pub(super) plugin: BrokerPlugin,
    /// Served before it.
    pub(super) before: Vec<BrokerPlugin>,
    /// What was said of each moment.
    pub(super) told: VecDeque<(i64, Vec<OrderUpdate>)>,
    /// How each version took over.
    pub(super) taken: VecDeque<(Digest, Handed)>,
}

/// Makes calls again, on each version of `line` those that it served.
pub(super) fn repeat(
    bars: &Bars<'_>,
    line: VecDeque<BrokerPlugin>,
    calls: &[(i64, Call)],
) -> Result<Repeated, Problem> {
    let mut line = line;
    let missing = || {
        Problem::host(
            "the broker's log names a version that is not there",
            "please report it",
        )
    };
    let mut repeated = Repeated {
        plugin: line.pop_front().ok_or_else(missing)?,
        before: Vec::new(),
        told: VecDeque::new(),
        taken: VecDeque::new(),
    };
    let mut feed = bars()?;
    for (number, (time, call)) in calls.iter().enumerate() {
        if let Call::Succeeded { .. } = call {
            let next = line.pop_front().ok_or_else(missing)?;
            let digest = next.digest();
            let before = calls.get(..number).unwrap_or_default();
            let (next, handed) =
                take_over(bars, &mut repeated.plugin, &next, || Ok(before.to_vec()))?;
            repeated.taken.push_back((digest, handed));
            let old = std::mem::replace(&mut repeated.plugin, next);
            repeated.before.push(old);
        } else if let Some(updates) = make(&mut repeated.plugin, &mut feed, *time, call)? {
            let finished = matches!(call, Call::Finish);
            repeated
                .told
                .push_back((if finished { i64::MAX } else { *time }, updates));
        }
    }
    Ok(repeated)
}

/// Makes one call; gives what the broker said of a moment.
fn make(
    plugin: &mut BrokerPlugin,
    feed: &mut Feed<'_>,
    time: i64,
    call: &Call,
) -> Result<Option<Vec<OrderUpdate>>, Problem> {
    // What it answered to an order is on record already, or was never heard.
    match call {
        Call::Submit { order } => drop(plugin.submit(order)),
        Call::Replace {
            account,
            replacement,
        } => drop(plugin.replace(account, replacement)),
        Call::Cancel {
            account,
            client_order_id,
        } => drop(plugin.cancel(account, client_order_id)),
        Call::Succeeded { .. } => {}
        Call::Advance => {
            let moment = feed
                .find(|moment| moment.time >= time)
                .filter(|moment| moment.time == time)
                .ok_or_else(|| {
                    Problem::user(
                        format!("the data have no bars at {time}, and the session that is resumed saw some"),
                        "use the data that the session was started with, or start it anew with --fresh",
                    )
                })?;
            return Ok(Some(plugin.advance(&moment.steps)?));
        }
        Call::Finish => return Ok(Some(plugin.finish(time)?)),
    }
    Ok(None)
}

/// Has `next` know what `old` knows, and holds it to that.
pub(super) fn take_over(
    bars: &Bars<'_>,
    old: &mut BrokerPlugin,
    next: &BrokerPlugin,
    calls: impl FnOnce() -> Result<Vec<(i64, Call)>, Problem>,
) -> Result<(BrokerPlugin, Handed), Problem> {
    let fresh = || Ok(next.fresh().map_err(CallError::from)?);
    let handed = hand_over(old, fresh, |next| {
        let mut feed = bars()?;
        for (time, call) in calls()? {
            make(next, &mut feed, time, &call)?;
        }
        Ok(())
    })?;
    let (mut next, handed) = (handed.instance, Handed::by(handed.way, false));
    let held = |plugin: &mut BrokerPlugin| -> Result<_, CallError> {
        let accounts = plugin.accounts()?;
        let mut held = Vec::new();
        for account in accounts {
            let working = plugin.open_orders(&account.id)?;
            let positions = plugin.positions(&account.id)?;
            held.push((account, working, positions));
        }
        Ok(held)
    };
    let (there, here) = (held(old)?, held(&mut next)?);
    if there == here {
        return Ok((next, handed));
    }
    let differs = there.iter().find(|account| !here.contains(account));
    let account = differs.map_or("another one", |(account, ..)| account.id.as_str());
    Err(Problem::user(
        format!(
            "its accounts, positions and working orders are not those of the version in service (account {account}, \
             after a {handed})"
        ),
        "mend the new version's `snapshot`",
    ))
}
