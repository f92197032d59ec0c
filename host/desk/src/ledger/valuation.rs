//! What the books say: balances, profit, and what everything is worth.

use super::{Account, Currency, FxRates, Ledger, LedgerError, Line, LineKey, amount, money};
use bulkhead_domain::Decimal;
use bulkhead_domain::order::{InstrumentHandle, Nanos};
use std::collections::BTreeMap;

/// What came of trading in one currency so far. Above zero raised equity, but for `fees` and
/// `borrow_fees`, which were paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Profit realised, before everything below.
    pub realised: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// Dividends received less dividends paid.
    pub dividends: Decimal,
    /// Funding received less funding paid.
    pub funding: Decimal,
    /// Paid for borrowing what was sold short.
    pub borrow_fees: Decimal,
    /// Interest received less interest paid.
    pub interest: Decimal,
}

impl Line {
    /// What it is worth at a price: quantity × multiplier × price. `None` on overflow.
    #[must_use]
    pub fn value(&self, price: Decimal) -> Option<Decimal> {
        self.quantity
            .checked_mul(self.multiplier)
            .and_then(|units| units.checked_mul(price))
    }

    /// Profit not yet realised at a price: value less cost, before fees. `None` on overflow.
    #[must_use]
    pub fn unrealised(&self, price: Decimal) -> Option<Decimal> {
        self.value(price)
            .and_then(|value| value.checked_sub(self.cost))
            .map(money)
    }
}

impl Ledger {
    /// Settled and unsettled cash in the base currency.
    #[must_use]
    pub fn cash(&self) -> Decimal {
        self.cash_in(self.config.base)
    }

    /// Settled and unsettled cash in a currency.
    #[must_use]
    pub fn cash_in(&self, currency: Currency) -> Decimal {
        self.balance_in(Account::Cash, currency)
    }

    /// Cash in the base currency that may be spent; see [`Ledger::spendable_cash_in`].
    #[must_use]
    pub fn spendable_cash(&self) -> Decimal {
        self.spendable_cash_in(self.config.base)
    }

    /// Cash in a currency less the proceeds of short sales still open in it: those are collateral of the
    /// lender until the units are bought back. Proceeds are before fees, as the units still open were sold.
    /// Below zero when more is owed than there is.
    #[must_use]
    pub fn spendable_cash_in(&self, currency: Currency) -> Decimal {
        self.lines
            .iter()
            .filter(|(key, held)| {
                held.line.cost.is_sign_negative() && self.currency(key.instrument) == currency
            })
            .fold(self.cash_in(currency), |cash, (_, held)| {
                cash.saturating_add(held.line.cost)
            })
    }

    /// An account's balance in its own currency: that of the instrument, else the base currency. Debits
    /// are above zero.
    #[must_use]
    pub fn balance(&self, account: Account) -> Decimal {
        let currency = account
            .line()
            .map_or(self.config.base, |key| self.currency(key.instrument));
        self.balance_in(account, currency)
    }

    /// An account's balance in a currency; debits are above zero.
    #[must_use]
    pub fn balance_in(&self, account: Account, currency: Currency) -> Decimal {
        self.balances
            .get(&(account, currency))
            .copied()
            .unwrap_or(Decimal::ZERO)
    }

    /// Every account with its balance in each currency, debits above zero.
    pub fn balances(&self) -> impl Iterator<Item = (Account, Currency, Decimal)> {
        self.balances
            .iter()
            .map(|((account, currency), balance)| (*account, *currency, *balance))
    }

    /// Every currency in which there is or was anything, in the order of codes.
    #[must_use]
    pub fn currencies(&self) -> Vec<Currency> {
        let mut all: Vec<Currency> = self
            .balances
            .keys()
            .map(|(_, currency)| *currency)
            .collect();
        all.push(self.config.base);
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Profit realised so far in the base currency, before fees and dividends.
    #[must_use]
    pub fn realised(&self) -> Decimal {
        -self.total(|account| matches!(account, Account::Realised(_)))
    }

    /// Fees paid so far in the base currency.
    #[must_use]
    pub fn fees(&self) -> Decimal {
        self.total(|account| matches!(account, Account::Fees(_)))
    }

    /// Dividends received less dividends paid so far in the base currency.
    #[must_use]
    pub fn dividends(&self) -> Decimal {
        -self.total(|account| matches!(account, Account::Dividends(_)))
    }

    /// What came of trading in one currency so far.
    #[must_use]
    pub fn totals(&self, currency: Currency) -> Totals {
        let mut totals = Totals::default();
        for ((account, of), balance) in &self.balances {
            if *of != currency {
                continue;
            }
            match account {
                Account::Realised(_) => totals.realised -= *balance,
                Account::Fees(_) => totals.fees += *balance,
                Account::Dividends(_) => totals.dividends -= *balance,
                Account::Funding(_) => totals.funding -= *balance,
                Account::Borrow(_) => totals.borrow_fees += *balance,
                Account::Interest => totals.interest -= *balance,
                Account::Cash | Account::Capital | Account::Position(_) | Account::Conversion => {}
            }
        }
        totals
    }

    fn total(&self, of: impl Fn(&Account) -> bool) -> Decimal {
        self.balances
            .iter()
            .filter(|((account, currency), _)| *currency == self.config.base && of(account))
            .map(|(_, balance)| *balance)
            .sum()
    }

    /// Cash plus positions at the prices that `price` gives; a position without a price counts at cost.
    ///
    /// Of books in several currencies it counts what is in the base currency only:
    /// [`Ledger::base_equity`] is the whole.
    #[must_use]
    pub fn equity(&self, price: impl Fn(InstrumentHandle) -> Option<Decimal>) -> Decimal {
        self.lines
            .iter()
            .filter(|(key, _)| {
                self.listed.is_empty() || self.currency(key.instrument) == self.config.base
            })
            .fold(self.cash(), |equity, (key, held)| {
                let line = &held.line;
                let value = price(key.instrument).map_or(line.cost, |price| {
                    line.quantity
                        .saturating_mul(line.multiplier)
                        .saturating_mul(price)
                });
                equity.saturating_add(value)
            })
    }

    /// Profit not yet realised on a position at a price, before fees, in the instrument's currency; zero
    /// when flat. `None` on overflow.
    #[must_use]
    pub fn unrealised(&self, key: LineKey, price: Decimal) -> Option<Decimal> {
        self.line(key.instrument, key.owner)
            .map_or(Some(Decimal::ZERO), |line| line.unrealised(price))
    }

    /// Cash plus positions at the prices that `price` gives, by currency. Currencies with nothing in them
    /// are left out, the base currency excepted.
    ///
    /// # Errors
    /// [`LedgerError::MissingPrice`] for a position without a price, [`LedgerError::Overflow`].
    pub fn equity_by_currency(
        &self,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
    ) -> Result<BTreeMap<Currency, Decimal>, LedgerError> {
        let mut worth: BTreeMap<Currency, Decimal> = BTreeMap::new();
        worth.insert(self.config.base, Decimal::ZERO);
        for ((account, currency), balance) in &self.balances {
            if matches!(account, Account::Cash) && !balance.is_zero() {
                worth.insert(*currency, *balance);
            }
        }
        for (key, held) in &self.lines {
            let price = price(key.instrument).ok_or(LedgerError::MissingPrice {
                instrument: key.instrument,
            })?;
            let value = amount("a position's value", held.line.value(price))?;
            let sum = worth.entry(self.currency(key.instrument)).or_default();
            *sum = amount("equity", sum.checked_add(value))?;
        }
        Ok(worth)
    }

    /// Everything there is, in the base currency: cash and positions of each currency at its rate.
    ///
    /// # Errors
    /// [`LedgerError::MissingPrice`] for a position without a price, [`LedgerError::MissingRate`] for a
    /// currency without a fresh rate, [`LedgerError::Currency`] for rates to another base,
    /// [`LedgerError::Overflow`]. Whoever needs the figure for risk has to stop: there is none.
    pub fn base_equity(
        &self,
        now: Nanos,
        price: impl Fn(InstrumentHandle) -> Option<Decimal>,
        rates: &FxRates,
    ) -> Result<Decimal, LedgerError> {
        if rates.base() != self.config.base {
            return Err(LedgerError::Currency {
                what: "a set of exchange rates",
                observed: rates.base(),
                expected: self.config.base,
            });
        }
        let mut equity = Decimal::ZERO;
        for (currency, worth) in self.equity_by_currency(price)? {
            let rate = rates.rate(currency, now)?;
            let value = amount("equity", worth.checked_mul(rate))?;
            equity = amount("equity", equity.checked_add(value))?;
        }
        Ok(equity)
    }
}
