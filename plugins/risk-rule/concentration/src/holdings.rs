//! Money in the instruments that an order is not about.

use bulkhead_rule_common::{Listings, Prices, denial, minus, plus, times};
use bulkhead_sdk::order::{Order, OrderKind, OrderRequest, Side};
use bulkhead_sdk::risk_rule::{Denial, Error, Portfolio};
use bulkhead_sdk::{Decimal, InstrumentHandle};
use std::collections::BTreeMap;

/// Money in one instrument, at the larger end that its working orders could bring it to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Holding {
    pub(crate) instrument: InstrumentHandle,
    pub(crate) money: Decimal,
}

/// Units of one instrument, all owners.
#[derive(Debug, Clone, Copy, Default)]
struct Units {
    net: Decimal,
    buys: Decimal,
    sells: Decimal,
    /// The worst price that a working order names.
    stated: Option<Decimal>,
}

impl Units {
    fn most(&self) -> Result<Decimal, Error> {
        let up = plus(self.net, self.buys)?.abs();
        let down = minus(self.net, self.sells)?.abs();
        Ok(up.max(down))
    }
}

/// Where the money is found.
pub(crate) struct Holdings<'a> {
    pub(crate) portfolio: &'a Portfolio,
    pub(crate) listings: &'a Listings,
    pub(crate) prices: &'a Prices,
}

impl Holdings<'_> {
    /// Every instrument but the order's in which something is held or may be opened, by handle; or why one
    /// of them is not known.
    pub(crate) fn beside(&self, order: &Order) -> Result<Result<Vec<Holding>, Denial>, Error> {
        let mut units: BTreeMap<InstrumentHandle, Units> = BTreeMap::new();
        for position in &self.portfolio.positions {
            let one = units.entry(position.instrument).or_default();
            one.net = plus(one.net, position.quantity)?;
        }
        for open in &self.portfolio.open_orders {
            let request = &open.order.request;
            if request.reduce_only {
                continue;
            }
            let one = units.entry(request.instrument).or_default();
            let leaves = minus(request.quantity, open.filled)?.max(Decimal::ZERO);
            match request.side {
                Side::Buy => one.buys = plus(one.buys, leaves)?,
                Side::Sell => one.sells = plus(one.sells, leaves)?,
            }
            one.stated = one.stated.max(stated(request));
        }
        units.remove(&order.request.instrument);
        let mut holdings = Vec::with_capacity(units.len());
        for (instrument, units) in units {
            let most = units.most()?;
            if most.is_zero() {
                continue;
            }
            let Some(price) = self
                .prices
                .known(self.portfolio, instrument)
                .max(units.stated)
            else {
                let name = self.listings.symbol(instrument).unwrap_or("an unknown one");
                return Ok(Err(denial(
                    "MISSING_PRICE",
                    "none",
                    format!("a price of instrument {instrument} ({name})"),
                    "what is held or asked for in it cannot be valued",
                )));
            };
            let money = times(
                times(most, price.abs())?,
                self.listings.multiplier(instrument),
            )?;
            holdings.push(Holding { instrument, money });
        }
        Ok(Ok(holdings))
    }
}

/// The price that an order names.
fn stated(request: &OrderRequest) -> Option<Decimal> {
    match request.kind {
        OrderKind::Limit(price) | OrderKind::Stop(price) => Some(price),
        OrderKind::StopLimit { limit, .. } => Some(limit),
        OrderKind::Market | OrderKind::TrailingStop(_) => None,
    }
}
