//! A session's books as they were kept, checked anew and stated by dates.
//!
//! Nothing here believes a sum: cash, positions and profit are added up from the entries, and every close's
//! cash and equity must come out as they were noted when it happened.

use super::trades::book;
use super::{
    DailyRow, PositionMark, SessionDay, Snapshot, Statement, StatementError, Trade, TradeEvent,
    TradeFill, daily_report,
};
use crate::ledger::{
    Account, Currency, Entry, EntryKind, LedgerConfig, LedgerError, LineKey, money,
};
use bulkhead_domain::order::{InstrumentHandle, Side};
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;

/// Roundings of positions' values that a close's equity may be off by.
const VALUE_ERROR: Decimal = Decimal::from_parts(1, 0, 0, false, 8);

/// A session's close as it was noted when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// When.
    pub time: Timestamp,
    /// Number of the last entry before it.
    pub entry: u64,
    /// Cash.
    pub cash: Decimal,
    /// Cash plus positions.
    pub equity: Decimal,
    /// Prices of what was held.
    pub prices: BTreeMap<InstrumentHandle, Decimal>,
}

/// A session's books, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Books {
    /// How they were kept.
    pub config: LedgerConfig,
    /// Symbols by the instruments' numbers in `entries`.
    pub symbols: Vec<String>,
    /// Names by the owners' numbers in `entries`.
    pub owners: Vec<String>,
    /// Every entry.
    pub entries: Vec<Entry>,
    /// Every close, in the order of time.
    pub closes: Vec<Close>,
    /// Every fill by its execution's id.
    pub fills: BTreeMap<String, TradeFill>,
    /// When orders were sent, in the order of time.
    pub orders: Vec<Timestamp>,
    /// When orders were refused, in the order of time.
    pub denials: Vec<Timestamp>,
}

/// What happened between two closes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The statement, which adds up.
    pub statement: Statement,
    /// A row for each close.
    pub daily: Vec<DailyRow>,
    /// Trades closed, in the order in which they were.
    pub trades: Vec<Trade>,
    /// Entries of the books that were checked: all there are.
    pub entries: u64,
}

impl Books {
    /// States the closes from one date to another (UTC, both included; the whole session where none is
    /// given), after all books were checked: the entries are all there and each sums to zero, a flat position
    /// has no cost, every close comes to the cash and equity noted, and the trades to the profit realised.
    /// `None` where no close is in the period.
    ///
    /// # Errors
    /// [`StatementError`] names the first thing that is off.
    pub fn period(
        &self,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
    ) -> Result<Option<Period>, StatementError> {
        let snapshots = self.snapshots()?;
        let trades = self.trades()?;
        let first = from.map_or(0, |from| {
            self.closes.partition_point(|close| close.time < from)
        });
        let last = to.map_or(self.closes.len(), |to| {
            let end = Timestamp(to.0.saturating_add(DAY));
            self.closes.partition_point(|close| close.time < end)
        });
        let Some(closing) = snapshots.get(first..last).and_then(<[Snapshot]>::last) else {
            return Ok(None);
        };
        let before = first.checked_sub(1).and_then(|index| snapshots.get(index));
        let opening = match before {
            Some(snapshot) => snapshot.clone(),
            None => {
                let opened = self
                    .entries
                    .first()
                    .map_or(closing.time.0, |entry| entry.time);
                let opened = Timestamp(opened).min(closing.time);
                Snapshot::before_opening(opened, self.config.base)
            }
        };
        let statement = Statement::of(&opening, closing, &self.entries, |instrument| {
            self.symbol(instrument).to_owned()
        })?;
        let daily = daily_report(
            opening.worth(self.config.base),
            &self.days(&opening, &snapshots, first..last),
        )?;
        let whole = before.is_none();
        Ok(Some(Period {
            trades: trades
                .into_iter()
                .filter(|trade| whole || trade.closed > opening.time)
                .filter(|trade| trade.closed <= closing.time)
                .collect(),
            statement,
            daily,
            entries: self.entries.len() as u64,
        }))
    }

    fn symbol(&self, instrument: InstrumentHandle) -> &str {
        usize::try_from(instrument)
            .ok()
            .and_then(|index| self.symbols.get(index))
            .map_or("", String::as_str)
    }

    fn owner(&self, key: LineKey) -> &str {
        self.owners.get(key.owner.0).map_or("", String::as_str)
    }

    /// The books at each close, added up from the entries.
    fn snapshots(&self) -> Result<Vec<Snapshot>, StatementError> {
        let mut lines: BTreeMap<LineKey, (Decimal, Decimal, Decimal)> = BTreeMap::new();
        let mut cash = Decimal::ZERO;
        let mut entries = self.entries.iter();
        let mut taken = 0;
        let mut snapshots = Vec::with_capacity(self.closes.len());
        for close in &self.closes {
            for expected in taken + 1..=close.entry {
                let entry = entries.next().filter(|entry| entry.sequence == expected);
                let entry = entry.ok_or(StatementError::MissingEntry {
                    expected,
                    first: 1,
                    last: close.entry,
                })?;
                self.balanced(entry)?;
                for posting in &entry.postings {
                    match posting.account {
                        Account::Cash => cash += posting.amount,
                        Account::Position(key) => {
                            lines.entry(key).or_default().1 += posting.amount;
                        }
                        _ => {}
                    }
                }
                if let Some(units) = entry.units {
                    let line = lines.entry(units.key).or_default();
                    line.0 += units.change;
                    line.2 = units.multiplier;
                }
            }
            taken = taken.max(close.entry);
            if let Some((key, (_, cost, _))) = lines
                .iter()
                .find(|(_, (quantity, cost, _))| quantity.is_zero() && !cost.is_zero())
            {
                return Err(LedgerError::Unbalanced {
                    what: format!(
                        "the cost of what '{}' no longer holds of '{}'",
                        self.owner(*key),
                        self.symbol(key.instrument)
                    ),
                    observed: *cost,
                    expected: Decimal::ZERO,
                }
                .into());
            }
            lines.retain(|_, (quantity, ..)| !quantity.is_zero());
            snapshots.push(self.snapshot(close, cash, &lines)?);
        }
        Ok(snapshots)
    }

    fn snapshot(
        &self,
        close: &Close,
        cash: Decimal,
        lines: &BTreeMap<LineKey, (Decimal, Decimal, Decimal)>,
    ) -> Result<Snapshot, StatementError> {
        let base = self.config.base;
        let mut positions = Vec::with_capacity(lines.len());
        for (key, (quantity, cost, multiplier)) in lines {
            let units = quantity.saturating_mul(*multiplier);
            let price = close.prices.get(&key.instrument).copied();
            let value = price.map_or(Some(*cost), |price| units.checked_mul(price));
            positions.push(PositionMark {
                owner: self.owner(*key).to_owned(),
                symbol: self.symbol(key.instrument).to_owned(),
                currency: base,
                quantity: *quantity,
                multiplier: *multiplier,
                cost: *cost,
                // What never had a price counts at cost, as the books counted it.
                price: price.unwrap_or_else(|| cost.checked_div(units).unwrap_or_default()),
                value: value.map(money).ok_or(LedgerError::Overflow {
                    what: "a position's value",
                })?,
            });
        }
        positions.sort_by(|a, b| (&a.symbol, &a.owner).cmp(&(&b.symbol, &b.owner)));
        let snapshot = Snapshot {
            sequence: close.entry,
            time: close.time,
            base,
            cash: BTreeMap::from([(base, cash)]),
            positions,
            rates: BTreeMap::new(),
        };
        let worth = snapshot.worth(base);
        for (what, observed, expected, tolerance) in [
            ("cash", close.cash, cash, Decimal::ZERO),
            ("equity", close.equity, worth, VALUE_ERROR),
        ] {
            if (observed - expected).abs() > tolerance {
                return Err(StatementError::Unreconciled {
                    what: format!("{what} at the close of {}", close.time),
                    currency: base,
                    observed,
                    expected,
                });
            }
        }
        Ok(snapshot)
    }

    /// An entry sums to zero, in the currency of the books.
    fn balanced(&self, entry: &Entry) -> Result<(), StatementError> {
        let foreign = |currency: &Currency| *currency != self.config.base;
        let mut currencies = entry.postings.iter().map(|posting| posting.currency);
        if let Some(observed) = currencies.find(foreign) {
            return Err(LedgerError::Currency {
                what: "a posting",
                observed,
                expected: self.config.base,
            }
            .into());
        }
        let sum: Decimal = entry.postings.iter().map(|posting| posting.amount).sum();
        if sum.is_zero() {
            return Ok(());
        }
        Err(LedgerError::Unbalanced {
            what: format!("the sum of entry {}", entry.sequence),
            observed: sum,
            expected: Decimal::ZERO,
        }
        .into())
    }

    fn days(
        &self,
        opening: &Snapshot,
        snapshots: &[Snapshot],
        of: Range<usize>,
    ) -> Vec<SessionDay> {
        let mut before = (opening.sequence, Timestamp(i64::MIN));
        if opening.sequence > 0 {
            before.1 = opening.time;
        }
        let mut days = Vec::with_capacity(of.len());
        for (close, snapshot) in self
            .closes
            .iter()
            .zip(snapshots)
            .take(of.end)
            .skip(of.start)
        {
            let (mut deposits, mut fees, mut fills) = (Decimal::ZERO, Decimal::ZERO, 0);
            let since = self
                .entries
                .partition_point(|entry| entry.sequence <= before.0);
            let until = self
                .entries
                .partition_point(|entry| entry.sequence <= close.entry);
            for entry in self.entries.get(since..until).unwrap_or_default() {
                fills += u64::from(matches!(entry.kind, EntryKind::Fill(_)));
                for posting in &entry.postings {
                    match posting.account {
                        Account::Capital => deposits -= posting.amount,
                        Account::Fees(_) => fees += posting.amount,
                        _ => {}
                    }
                }
            }
            let count = |times: &[Timestamp]| {
                let until = times.partition_point(|time| *time <= close.time);
                let since = times.partition_point(|time| *time <= before.1);
                (until - since) as u64
            };
            let values = || snapshot.positions.iter().map(|position| position.value);
            days.push(SessionDay {
                close: close.time,
                equity: snapshot.worth(self.config.base).normalize(),
                deposits,
                fees,
                gross_exposure: values().map(|value| value.abs()).sum(),
                net_exposure: values().sum(),
                orders: count(&self.orders),
                fills,
                denials: count(&self.denials),
            });
            before = (close.entry, close.time);
        }
        days
    }

    /// Every trade, which together made the profit that was realised.
    fn trades(&self) -> Result<Vec<Trade>, StatementError> {
        let mut events = Vec::new();
        let mut realised = Decimal::ZERO;
        // A split is booked once for each position, and happens once.
        let mut splitting: Vec<LineKey> = Vec::new();
        for entry in &self.entries {
            for posting in &entry.postings {
                if let Account::Realised(_) = posting.account {
                    realised -= posting.amount;
                }
            }
            let Some(units) = entry.units else {
                splitting.clear();
                continue;
            };
            if let EntryKind::Split(terms) = entry.kind {
                let split = TradeEvent::Split {
                    symbol: self.symbol(units.key.instrument).to_owned(),
                    terms,
                    time: entry.time,
                };
                let again = splitting.contains(&units.key);
                if again || splitting.is_empty() || events.last() != Some(&split) {
                    splitting.clear();
                    events.push(split);
                }
                splitting.push(units.key);
                continue;
            }
            splitting.clear();
            if let EntryKind::Fill(execution_id) = &entry.kind {
                let fill = self.fills.get(execution_id);
                let booked = fill.map(|fill| match fill.side {
                    Side::Buy => fill.quantity,
                    Side::Sell => -fill.quantity,
                });
                match fill.filter(|_| booked.map(money) == Some(units.change)) {
                    Some(fill) => events.push(TradeEvent::Fill(fill.clone())),
                    None => {
                        return Err(LedgerError::Unbalanced {
                            what: format!("the fill '{execution_id}' of entry {}", entry.sequence),
                            observed: booked.unwrap_or_default(),
                            expected: units.change,
                        }
                        .into());
                    }
                }
            }
        }
        let trades = book(self.config.basis, &events)?;
        let gross: Decimal = trades.iter().map(|trade| trade.gross).sum();
        if gross != realised {
            return Err(StatementError::Unreconciled {
                what: "the profit of all trades".to_owned(),
                currency: self.config.base,
                observed: gross,
                expected: realised,
            });
        }
        Ok(trades)
    }
}
