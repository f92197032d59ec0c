//! Queues records on the store's writer.

use crate::desk::{Applied, Desk, Disposition, Leg, Ruling};
use crate::ledger::{Entry, EntryKind};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::{Execution, InstrumentHandle, Order, Side};
use bulkhead_store::{Statement, StoreError, Writer};
use serde::Serialize;
use std::collections::BTreeSet;

const ORDER: &str = "INSERT INTO orders (session_id, client_order_id, decision_id, leg, account, owner, \
    symbol, side, quantity, kind, time_in_force, reduce_only, tag, approved_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
const EVENT: &str = "INSERT INTO order_events (session_id, sequence, client_order_id, time, state, \
    filled, leaves, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const FILL: &str = "INSERT INTO fills (session_id, execution_id, client_order_id, owner, symbol, side, \
    quantity, price, fee, fee_currency, closed, realised, entry_price, time) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const VERDICT: &str = "INSERT INTO verdicts (session_id, sequence, decision_id, client_order_id, leg, \
    owner, symbol, source, version, verdict, quantity, code, observed, allowed, explanation, time) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
const POSTING: &str = "INSERT INTO ledger_postings (session_id, entry, line, time, kind, reference, \
    account, owner, symbol, currency, amount) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const LEDGER: &str = "INSERT INTO ledgers (session_id, currency, basis) VALUES ($1, $2, $3)";
const ENTRY: &str = "INSERT INTO ledger_entries (session_id, entry, time, kind, reference, terms, owner, \
    symbol, units, multiplier) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const CLOSE: &str = "INSERT INTO ledger_closes (session_id, time, entry, cash, equity) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
const MARK: &str = "INSERT INTO ledger_marks (session_id, time, entry, symbol, price) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";

/// Records one new session's trading. Every method returns at once; the first failed write surfaces at
/// a later call or at [`Writer::flush`].
#[derive(Debug)]
pub struct Recorder {
    writer: Writer,
    session_id: String,
    sequence: i64,
}

/// Takes away a session's records, all of which a resumed session makes again. The audit log stays.
///
/// # Errors
/// The failure of an earlier write.
pub fn forget(writer: &Writer, session_id: &str) -> Result<(), StoreError> {
    let statements = [
        "DELETE FROM ledger_marks WHERE session_id = $1",
        "DELETE FROM ledger_closes WHERE session_id = $1",
        "DELETE FROM ledger_postings WHERE session_id = $1",
        "DELETE FROM ledger_entries WHERE session_id = $1",
        "DELETE FROM ledgers WHERE session_id = $1",
        "DELETE FROM verdicts WHERE session_id = $1",
        "DELETE FROM fills WHERE session_id = $1",
        "DELETE FROM order_events WHERE session_id = $1",
        "DELETE FROM orders WHERE session_id = $1",
    ];
    writer.write_group(
        statements
            .map(|sql| Statement::new(sql).bind(session_id))
            .into(),
    )
}

/// The bracket's exits have no decision of their own.
const NO_DECISION: &str = "";

impl Recorder {
    /// A recorder of the session with this id, which has no records yet.
    #[must_use]
    pub fn new(writer: Writer, session_id: impl Into<String>) -> Self {
        Recorder {
            writer,
            session_id: session_id.into(),
            sequence: 0,
        }
    }

    /// Records what was decided: the verdicts, and the order where there is one to send.
    ///
    /// # Errors
    /// The failure of an earlier write.
    pub fn disposition(
        &mut self,
        desk: &Desk,
        disposition: &Disposition,
    ) -> Result<(), StoreError> {
        let symbol = disposition
            .instrument
            .map_or("", |handle| symbol(desk, handle));
        let mut group = Vec::with_capacity(disposition.verdicts.len() + 1);
        if let Ruling::Send(order) = &disposition.ruling {
            group.push(self.order(
                order,
                &disposition.decision_id,
                disposition.leg.name(),
                symbol,
                disposition.time.0,
            ));
        }
        for record in &disposition.verdicts {
            self.sequence += 1;
            let denial = record.denial.as_ref();
            group.push(
                Statement::new(VERDICT)
                    .bind(&self.session_id)
                    .bind(self.sequence)
                    .bind(&disposition.decision_id)
                    .bind(&disposition.client_order_id)
                    .bind(disposition.leg.name())
                    .bind(&disposition.owner)
                    .bind(symbol)
                    .bind(record.source.as_ref())
                    .bind(record.version)
                    .bind(record.verdict.name())
                    .bind(record.quantity)
                    .bind(denial.map(|denial| denial.code.as_str()))
                    .bind(denial.map(|denial| denial.observed.as_str()))
                    .bind(denial.map(|denial| denial.limit.as_str()))
                    .bind(denial.map(|denial| denial.text.as_str()))
                    .bind(disposition.time),
            );
        }
        self.writer.write_group(group)
    }

    /// Records what an update did, and its execution where it was a fill.
    ///
    /// # Errors
    /// The failure of an earlier write.
    pub fn applied(
        &mut self,
        desk: &Desk,
        applied: &Applied,
        execution: Option<&Execution>,
    ) -> Result<(), StoreError> {
        self.sequence += 1;
        let order = &applied.order;
        let symbol = symbol(desk, order.request.instrument);
        let mut group = vec![
            // Only the exits of a bracket, which the venue places, are not there yet.
            self.order(
                order,
                NO_DECISION,
                Leg::Protective.name(),
                symbol,
                applied.time,
            ),
            Statement::new(EVENT)
                .bind(&self.session_id)
                .bind(self.sequence)
                .bind(&order.client_order_id)
                .bind(applied.time)
                .bind(applied.state.name())
                .bind(applied.filled)
                .bind(applied.leaves)
                .bind(&applied.reason),
        ];
        if let (Some(execution), Some(fill)) = (execution, &applied.fill) {
            group.push(
                Statement::new(FILL)
                    .bind(&self.session_id)
                    .bind(&execution.execution_id)
                    .bind(&execution.client_order_id)
                    .bind(&order.owner)
                    .bind(symbol)
                    .bind(side(execution.side))
                    .bind(execution.quantity)
                    .bind(execution.price)
                    .bind(execution.fee)
                    .bind(&execution.fee_currency)
                    .bind(fill.closed)
                    .bind(fill.realised)
                    .bind(fill.entry_price)
                    .bind(applied.time),
            );
        }
        self.writer.write_group(group)
    }

    /// Records entries of the books, as [`Desk::take_entries`] gave them.
    ///
    /// # Errors
    /// The failure of an earlier write.
    pub fn entries(&mut self, desk: &Desk, entries: &[Entry]) -> Result<(), StoreError> {
        let ledger = desk.ledger();
        for entry in entries {
            let mut group = Vec::with_capacity(entry.postings.len() + 2);
            if entry.sequence == 1 {
                let config = ledger.config();
                group.push(
                    Statement::new(LEDGER)
                        .bind(&self.session_id)
                        .bind(config.base.code())
                        .bind(config.basis.name()),
                );
            }
            let (kind, reference) = (entry.kind.name(), entry.kind.reference());
            let terms = match &entry.kind {
                EntryKind::Split(terms) => Some(json(terms)),
                _ => None,
            };
            let number = number(entry.sequence);
            let key = entry.units.map(|units| units.key);
            group.push(
                Statement::new(ENTRY)
                    .bind(&self.session_id)
                    .bind(number)
                    .bind(entry.time)
                    .bind(kind)
                    .bind(reference.clone())
                    .bind(terms)
                    .bind(key.map(|key| ledger.owner_name(key.owner)))
                    .bind(key.map(|key| symbol(desk, key.instrument)))
                    .bind(entry.units.map(|units| units.change))
                    .bind(entry.units.map(|units| units.multiplier)),
            );
            for (line, posting) in (1_i64..).zip(&entry.postings) {
                let key = posting.account.line();
                group.push(
                    Statement::new(POSTING)
                        .bind(&self.session_id)
                        .bind(number)
                        .bind(line)
                        .bind(entry.time)
                        .bind(kind)
                        .bind(reference.clone())
                        .bind(posting.account.name())
                        .bind(key.map(|key| ledger.owner_name(key.owner)))
                        .bind(key.map(|key| symbol(desk, key.instrument)))
                        .bind(posting.currency.code())
                        .bind(posting.amount),
                );
            }
            self.writer.write_group(group)?;
        }
        Ok(())
    }

    /// Records what the account is worth at a session's close, with the prices of what is held: what a
    /// statement begins or ends with. The entries up to it were recorded before.
    ///
    /// # Errors
    /// The failure of an earlier write.
    pub fn close(&mut self, desk: &Desk, time: Timestamp) -> Result<(), StoreError> {
        let ledger = desk.ledger();
        let entry = number(ledger.sequence());
        let held: BTreeSet<InstrumentHandle> =
            ledger.lines().map(|(key, _)| key.instrument).collect();
        let mut group = vec![
            Statement::new(CLOSE)
                .bind(&self.session_id)
                .bind(time)
                .bind(entry)
                .bind(ledger.cash())
                .bind(desk.equity()),
        ];
        for instrument in held {
            let Some(price) = desk.last_price(instrument) else {
                continue;
            };
            group.push(
                Statement::new(MARK)
                    .bind(&self.session_id)
                    .bind(time)
                    .bind(entry)
                    .bind(symbol(desk, instrument))
                    .bind(price),
            );
        }
        self.writer.write_group(group)
    }

    /// Waits until everything recorded so far is on disk.
    ///
    /// # Errors
    /// The failure of any write so far.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.writer.flush()
    }

    fn order(
        &self,
        order: &Order,
        decision_id: &str,
        leg: &str,
        symbol: &str,
        time: i64,
    ) -> Statement {
        let request = &order.request;
        Statement::new(ORDER)
            .bind(&self.session_id)
            .bind(&order.client_order_id)
            .bind(decision_id)
            .bind(leg)
            .bind(&order.account)
            .bind(&order.owner)
            .bind(symbol)
            .bind(side(request.side))
            .bind(request.quantity)
            .bind(json(&request.kind))
            .bind(json(&request.time_in_force))
            .bind(request.reduce_only)
            .bind(&request.tag)
            .bind(time)
    }
}

pub(super) fn side(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn symbol(desk: &Desk, handle: InstrumentHandle) -> &str {
    desk.instrument(handle)
        .map_or("", |instrument| instrument.symbol.as_str())
}

fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

/// Order kinds, times in force and terms of splits as JSON; none of them can fail to serialise.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
