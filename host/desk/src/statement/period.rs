//! A statement for a period.
//!
//! In each currency equity is cash plus the value of positions, and every entry sums to zero, so the
//! change of equity is the sum of the postings to all other accounts, negated, plus the change of what is
//! not yet realised. That is checked against both snapshots, exactly. The total in the base currency
//! translates the flows of a currency at the closing rate; what is left of the change of its equity is
//! the effect of exchange rates, checked against `E₀ × (r₁ − r₀) + conversions × r₁`.

use super::{Flows, Snapshot, StatementError};
use crate::ledger::{Account, Currency, Entry};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Decimal, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Roundings to the base currency a flow may be off by, each at most half a unit in the tenth place.
const TRANSLATION_ERROR: Decimal = Decimal::from_parts(1, 0, 0, false, 9);

/// What an instrument did to equity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstrumentFlows {
    /// The instrument.
    pub symbol: String,
    /// Everything its positions did, all owners together.
    pub flows: Flows,
    /// Sum of them.
    pub total: Decimal,
}

/// A period in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CurrencySection {
    /// The currency all amounts are in.
    pub currency: Currency,
    /// Equity in it at the beginning.
    pub opening: Decimal,
    /// Equity in it at the end: opening plus the flows.
    pub closing: Decimal,
    /// What changed it.
    pub flows: Flows,
    /// The part of each instrument, by symbol. A fee stands in the currency it was paid in.
    pub instruments: Vec<InstrumentFlows>,
}

/// What happened to an account from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The beginning: what is in the opening snapshot happened before.
    pub from: Timestamp,
    /// The end.
    pub to: Timestamp,
    /// The account's own currency, in which the following amounts are.
    pub base: Currency,
    /// Equity at the beginning.
    pub opening: Decimal,
    /// Equity at the end: opening plus the flows.
    pub closing: Decimal,
    /// What changed it.
    pub flows: Flows,
    /// Each currency in itself, in the order of codes.
    pub currencies: Vec<CurrencySection>,
}

/// The flows of one currency in the making.
#[derive(Default)]
struct Tally {
    flows: Flows,
    instruments: BTreeMap<String, Flows>,
    /// What entries posted to cash.
    cash: Decimal,
    /// What entries posted to positions, by symbol.
    cost: BTreeMap<String, Decimal>,
}

impl Statement {
    /// The statement from one snapshot to a later one, with the entries between (others are ignored).
    ///
    /// # Errors
    /// [`StatementError::NoPeriod`], [`StatementError::MissingEntry`], [`StatementError::Unreconciled`]
    /// when snapshots and entries contradict each other, and [`StatementError::Ledger`] for a currency
    /// without a rate.
    pub fn of(
        opening: &Snapshot,
        closing: &Snapshot,
        entries: &[Entry],
        symbol: impl Fn(InstrumentHandle) -> String,
    ) -> Result<Self, StatementError> {
        check_period(opening, closing)?;
        let mut tallies: BTreeMap<Currency, Tally> = BTreeMap::new();
        for entry in between(opening, closing, entries)? {
            for posting in &entry.postings {
                let tally = tallies.entry(posting.currency).or_default();
                tally.post(posting.account, posting.amount, &symbol);
            }
        }
        let currencies: BTreeSet<Currency> = [opening, closing]
            .into_iter()
            .flat_map(|snapshot| {
                let held = snapshot.positions.iter().map(|position| position.currency);
                snapshot.cash.keys().copied().chain(held)
            })
            .chain(tallies.keys().copied())
            .chain([closing.base])
            .collect();
        let mut statement = Statement {
            from: opening.time,
            to: closing.time,
            base: closing.base,
            opening: Decimal::ZERO,
            closing: Decimal::ZERO,
            flows: Flows::default(),
            currencies: Vec::new(),
        };
        for currency in currencies {
            let tally = tallies.remove(&currency).unwrap_or_default();
            let section = tally.section(currency, opening, closing)?;
            statement.translate(&section, opening, closing)?;
            statement.currencies.push(section);
        }
        statement.opening = statement.opening.normalize();
        statement.closing = statement.closing.normalize();
        statement.flows = statement.flows.plain();
        expect(
            "closing equity",
            statement.base,
            statement.closing,
            statement.opening + statement.flows.total(),
        )?;
        Ok(statement)
    }

    /// Adds a currency's section to the total.
    fn translate(
        &mut self,
        section: &CurrencySection,
        opening: &Snapshot,
        closing: &Snapshot,
    ) -> Result<(), StatementError> {
        let currency = section.currency;
        let before = opening.in_base(currency, section.opening)?;
        let after = closing.in_base(currency, section.closing)?;
        let mut flows = section.flows.map(|flow| closing.in_base(currency, flow))?;
        let converted = std::mem::take(&mut flows.conversions);
        flows.exchange = after - before - flows.total();
        let carried = closing.in_base(currency, section.opening)? - before;
        if (flows.exchange - carried - converted).abs() > TRANSLATION_ERROR {
            return Err(StatementError::Unreconciled {
                what: "the effect of exchange rates".to_owned(),
                currency,
                observed: flows.exchange,
                expected: carried + converted,
            });
        }
        self.opening += before;
        self.closing += after;
        self.flows.add(&flows);
        Ok(())
    }
}

impl Tally {
    fn post(
        &mut self,
        account: Account,
        debit: Decimal,
        symbol: &impl Fn(InstrumentHandle) -> String,
    ) {
        let credit = -debit;
        if let Some(key) = account.line() {
            let name = symbol(key.instrument);
            if let Account::Position(_) = account {
                *self.cost.entry(name).or_default() += debit;
                return;
            }
            let flows = self.instruments.entry(name).or_default();
            let flow = match account {
                Account::Fees(_) => &mut flows.fees,
                Account::Dividends(_) => &mut flows.dividends,
                Account::Funding(_) => &mut flows.funding,
                Account::Borrow(_) => &mut flows.borrow,
                _ => &mut flows.realised,
            };
            *flow += credit;
            return;
        }
        match account {
            Account::Cash => self.cash += debit,
            Account::Interest => self.flows.interest += credit,
            Account::Conversion => self.flows.conversions += credit,
            _ if credit.is_sign_negative() => self.flows.withdrawals += credit,
            _ => self.flows.deposits += credit,
        }
    }

    /// The section, once both snapshots agree with what was posted.
    fn section(
        mut self,
        currency: Currency,
        opening: &Snapshot,
        closing: &Snapshot,
    ) -> Result<CurrencySection, StatementError> {
        let cash = closing.cash_in(currency) - opening.cash_in(currency);
        expect("the change of cash", currency, cash, self.cash)?;
        let mut cost: BTreeMap<String, Decimal> = BTreeMap::new();
        for (snapshot, sign) in [(opening, Decimal::NEGATIVE_ONE), (closing, Decimal::ONE)] {
            for position in &snapshot.positions {
                if position.currency == currency {
                    let flows = self.instruments.entry(position.symbol.clone()).or_default();
                    flows.unrealised += sign * (position.value - position.cost);
                    *cost.entry(position.symbol.clone()).or_default() += sign * position.cost;
                }
            }
        }
        let symbols: BTreeSet<&String> = cost.keys().chain(self.cost.keys()).collect();
        for symbol in symbols {
            expect(
                &format!("the change of the cost of '{symbol}'"),
                currency,
                cost.get(symbol).copied().unwrap_or_default(),
                self.cost.get(symbol).copied().unwrap_or_default(),
            )?;
        }
        for flows in self.instruments.values() {
            self.flows.add(flows);
        }
        let section = CurrencySection {
            currency,
            opening: opening.worth(currency).normalize(),
            closing: closing.worth(currency).normalize(),
            flows: self.flows.plain(),
            instruments: self
                .instruments
                .into_iter()
                .map(|(symbol, flows)| InstrumentFlows {
                    symbol,
                    flows: flows.plain(),
                    total: flows.total().normalize(),
                })
                .collect(),
        };
        expect(
            "closing equity",
            currency,
            section.closing,
            section.opening + section.flows.total(),
        )?;
        Ok(section)
    }
}

fn expect(
    what: &str,
    currency: Currency,
    observed: Decimal,
    expected: Decimal,
) -> Result<(), StatementError> {
    if observed == expected {
        Ok(())
    } else {
        Err(StatementError::Unreconciled {
            what: what.to_owned(),
            currency,
            observed,
            expected,
        })
    }
}

fn check_period(opening: &Snapshot, closing: &Snapshot) -> Result<(), StatementError> {
    let why = if opening.base != closing.base {
        "they are in different base currencies"
    } else if opening.sequence > closing.sequence || opening.time > closing.time {
        "the second is earlier than the first"
    } else {
        return Ok(());
    };
    Err(StatementError::NoPeriod {
        from: opening.time,
        to: closing.time,
        why,
    })
}

/// The entries between two snapshots: all of them, once and in order.
fn between<'a>(
    opening: &Snapshot,
    closing: &Snapshot,
    entries: &'a [Entry],
) -> Result<Vec<&'a Entry>, StatementError> {
    let (first, last) = (opening.sequence + 1, closing.sequence);
    let within: Vec<&Entry> = entries
        .iter()
        .filter(|entry| (first..=last).contains(&entry.sequence))
        .collect();
    let mut numbers = within.iter().map(|entry| entry.sequence);
    for expected in first..=last {
        if numbers.next() != Some(expected) {
            return Err(StatementError::MissingEntry {
                expected,
                first,
                last,
            });
        }
    }
    if numbers.next().is_some() {
        return Err(StatementError::MissingEntry {
            expected: last + 1,
            first,
            last,
        });
    }
    Ok(within)
}
