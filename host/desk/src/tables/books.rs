//! Reads a session's books back, whole.

use super::read::{fills, rows};
use crate::ledger::{
    Account, CostBasis, Currency, Entry, EntryKind, LedgerConfig, LineKey, Movement, MovementKind,
    OwnerId, Posting, UnitChange,
};
use crate::statement::{Books, Close, TradeFill};
use bulkhead_domain::Timestamp;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_store::{Row, Store, StoreError, column, decimal, optional_decimal};
use std::collections::{BTreeMap, BTreeSet};

const LEDGER: &str = "SELECT currency, basis FROM ledgers WHERE session_id = $1";
const ENTRIES: &str = "SELECT entry, time, kind, reference, terms, owner, symbol, units, multiplier \
    FROM ledger_entries WHERE session_id = $1 ORDER BY entry";
const POSTINGS: &str = "SELECT entry, account, owner, symbol, currency, amount FROM ledger_postings \
    WHERE session_id = $1 ORDER BY entry, line";
const CLOSES: &str = "SELECT time, entry, cash, equity FROM ledger_closes WHERE session_id = $1 \
    ORDER BY time, entry";
const MARKS: &str = "SELECT time, entry, symbol, price FROM ledger_marks WHERE session_id = $1";
const SENT: &str = "SELECT approved_at AS time FROM orders WHERE session_id = $1 AND decision_id <> '' \
    ORDER BY approved_at";
const REFUSED: &str = "SELECT MIN(time) AS time FROM verdicts WHERE session_id = $1 \
    AND verdict IN ('rejected', 'halted', 'failed') GROUP BY decision_id, leg, client_order_id ORDER BY 1";

/// Numbers for names, in the order of names.
struct Names(Vec<String>);

impl Names {
    fn of(names: impl Iterator<Item = String>) -> Names {
        Names(names.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn number(&self, name: &str) -> usize {
        self.0.partition_point(|known| known.as_str() < name)
    }

    fn handle(&self, symbol: &str) -> InstrumentHandle {
        InstrumentHandle::try_from(self.number(symbol)).unwrap_or(InstrumentHandle::MAX)
    }
}

fn wrong(name: &str, text: String) -> StoreError {
    StoreError::Column {
        column: name.to_owned(),
        text,
    }
}

/// The books of a session; `None` where none were kept, or by a version that did not keep all of them.
///
/// # Errors
/// [`StoreError`].
pub async fn books(store: &Store, session_id: &str) -> Result<Option<Books>, StoreError> {
    let arguments = &[session_id];
    let Some(row) = rows(store, LEDGER, arguments).await?.pop() else {
        return Ok(None);
    };
    let config = config(&row)?;
    let entries = rows(store, ENTRIES, arguments).await?;
    let postings = rows(store, POSTINGS, arguments).await?;
    let named = |name: &'static str| {
        let both = entries.iter().chain(&postings);
        both.map(move |row| column::<Option<String>>(row, name))
            .collect::<Result<Vec<_>, _>>()
            .map(|names| Names::of(names.into_iter().flatten()))
    };
    let (owners, symbols) = (named("owner")?, named("symbol")?);
    let lines = Lines {
        owners: &owners,
        symbols: &symbols,
    };
    let mut posted: BTreeMap<i64, Vec<Posting>> = BTreeMap::new();
    for row in &postings {
        let number = column(row, "entry")?;
        posted.entry(number).or_default().push(lines.posting(row)?);
    }
    let entries = entries
        .iter()
        .map(|row| {
            let number: i64 = column(row, "entry")?;
            let postings = posted.remove(&number).unwrap_or_default();
            lines.entry(row, number, postings)
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if let Some(number) = posted.keys().next() {
        return Err(wrong(
            "entry",
            format!("{number} has postings and is no entry"),
        ));
    }
    let mut prices: BTreeMap<(i64, i64), BTreeMap<InstrumentHandle, _>> = BTreeMap::new();
    for row in rows(store, MARKS, arguments).await? {
        let close = (column(&row, "time")?, column(&row, "entry")?);
        let symbol: String = column(&row, "symbol")?;
        let price = decimal(&row, "price")?;
        let marks = prices.entry(close).or_default();
        marks.insert(symbols.handle(&symbol), price);
    }
    let multipliers: BTreeMap<&str, _> = entries
        .iter()
        .filter_map(|entry| match (&entry.kind, entry.units) {
            (EntryKind::Fill(id), Some(units)) => Some((id.as_str(), units.multiplier)),
            _ => None,
        })
        .collect();
    let filled = fills(store, session_id).await?;
    let fills = filled.into_iter().filter_map(|row| {
        let fill = TradeFill {
            multiplier: *multipliers.get(row.execution_id.as_str())?,
            owner: row.owner,
            symbol: row.symbol,
            side: row.side,
            quantity: row.quantity,
            price: row.price,
            fee: row.fee,
            time: row.time.0,
        };
        Some((row.execution_id, fill))
    });
    Ok(Some(Books {
        config,
        fills: fills.collect(),
        closes: closes(&rows(store, CLOSES, arguments).await?, &mut prices)?,
        orders: times(&rows(store, SENT, arguments).await?)?,
        denials: times(&rows(store, REFUSED, arguments).await?)?,
        entries,
        symbols: symbols.0,
        owners: owners.0,
    }))
}

fn config(row: &Row) -> Result<LedgerConfig, StoreError> {
    let (currency, basis): (String, String) = (column(row, "currency")?, column(row, "basis")?);
    Ok(LedgerConfig {
        base: currency_of("currency", &currency)?,
        basis: CostBasis::named(&basis)
            .ok_or_else(|| wrong("basis", format!("'{basis}' is no cost basis")))?,
    })
}

fn currency_of(name: &str, code: &str) -> Result<Currency, StoreError> {
    if code.is_empty() {
        return Ok(Currency::UNNAMED);
    }
    Currency::new(code).map_err(|error| wrong(name, error.to_string()))
}

fn times(rows: &[Row]) -> Result<Vec<Timestamp>, StoreError> {
    rows.iter()
        .map(|row| column(row, "time").map(Timestamp))
        .collect()
}

/// The closes; of two at one time the later, which has more entries.
fn closes(
    rows: &[Row],
    prices: &mut BTreeMap<(i64, i64), BTreeMap<InstrumentHandle, bulkhead_domain::Decimal>>,
) -> Result<Vec<Close>, StoreError> {
    let mut closes: Vec<Close> = Vec::with_capacity(rows.len());
    for row in rows {
        let (time, entry): (i64, i64) = (column(row, "time")?, column(row, "entry")?);
        closes.pop_if(|before| before.time == Timestamp(time));
        closes.push(Close {
            time: Timestamp(time),
            entry: sequence(entry)?,
            cash: decimal(row, "cash")?,
            equity: decimal(row, "equity")?,
            prices: prices.remove(&(time, entry)).unwrap_or_default(),
        });
    }
    Ok(closes)
}

fn sequence(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| wrong("entry", format!("{number} is no entry's number")))
}

struct Lines<'a> {
    owners: &'a Names,
    symbols: &'a Names,
}

impl Lines<'_> {
    fn key(&self, row: &Row) -> Result<Option<LineKey>, StoreError> {
        let owner: Option<String> = column(row, "owner")?;
        let symbol: Option<String> = column(row, "symbol")?;
        Ok(owner.zip(symbol).map(|(owner, symbol)| LineKey {
            instrument: self.symbols.handle(&symbol),
            owner: OwnerId(self.owners.number(&owner)),
        }))
    }

    fn posting(&self, row: &Row) -> Result<Posting, StoreError> {
        let account: String = column(row, "account")?;
        let currency: String = column(row, "currency")?;
        Ok(Posting {
            account: Account::named(&account, self.key(row)?)
                .ok_or_else(|| wrong("account", format!("'{account}' is no account")))?,
            currency: currency_of("currency", &currency)?,
            amount: decimal(row, "amount")?,
        })
    }

    fn entry(&self, row: &Row, number: i64, postings: Vec<Posting>) -> Result<Entry, StoreError> {
        let kind: String = column(row, "kind")?;
        let reference: String = column::<Option<String>>(row, "reference")?.unwrap_or_default();
        let kind = match kind.as_str() {
            "opening" => EntryKind::Opening,
            "fill" => EntryKind::Fill(reference),
            "dividend" => EntryKind::Dividend,
            "split" => {
                let terms: Option<String> = column(row, "terms")?;
                let terms = serde_json::from_str(terms.as_deref().unwrap_or_default());
                EntryKind::Split(terms.map_err(|error| wrong("terms", error.to_string()))?)
            }
            name => EntryKind::Movement(Movement {
                kind: MovementKind::named(name)
                    .ok_or_else(|| wrong("kind", format!("'{name}' is no kind of entry")))?,
                reference,
            }),
        };
        let units = self
            .key(row)?
            .zip(optional_decimal(row, "units")?)
            .zip(optional_decimal(row, "multiplier")?);
        Ok(Entry {
            sequence: sequence(number)?,
            time: column(row, "time")?,
            kind,
            units: units.map(|((key, change), multiplier)| UnitChange {
                key,
                change,
                multiplier,
            }),
            postings,
        })
    }
}
