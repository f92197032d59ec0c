//! The desk itself: what happened goes in, judged orders come out.

mod carry;
mod change;
mod core;
mod decide;
mod disposition;
mod events;
mod exits;
mod legs;
mod obey;
mod reconcile;
mod review;
mod send;
mod streaks;

pub use carry::BrokerAccount;
pub use change::Amendment;
pub use disposition::{Disposition, Leg, Proposal, Ruling, leading_cancels};
pub use events::Applied;
pub use obey::FLATTEN;
pub use reconcile::{BrokerView, Finding, NEVER_ARRIVED_CHECKS, Reconciliation};
pub use review::Review;
pub use send::{SendError, Sent};

use self::carry::Carried;
use self::core::Core;
use self::streaks::Streaks;
use crate::error::DeskError;
use crate::ledger::{CostBasis, Currency, Entry, Ledger, LedgerConfig};
use crate::orders::{Blotter, OrderIds};
use crate::risk::{Chain, CheckLimits, Exposure, Flow, Listing};
use crate::sizing::{self, Size, SizingError};
use crate::switch::{Book, Latch, Latches, Scopes, TradingState};
use crate::traits::RiskRule;
use bulkhead_domain::order::{InstrumentHandle, OrderRequest};
use bulkhead_domain::risk::{Denial, Portfolio};
use bulkhead_domain::{Decimal, Instrument, Timestamp};
use bulkhead_venue::config::bounds;
use bulkhead_venue::number::{from_f64, towards_zero};
use std::collections::{BTreeMap, BTreeSet};

/// How a desk is set up.
#[derive(Debug, Clone)]
pub struct DeskConfig {
    /// The account it trades in.
    pub account: String,
    /// Currency of every amount; every instrument must be priced in it.
    pub currency: String,
    /// What closed units are taken to have cost.
    pub basis: CostBasis,
    /// Cash at the start.
    pub capital: Decimal,
    /// When the books open.
    pub opened: Timestamp,
    /// Numbers of the host checks.
    pub limits: CheckLimits,
    /// Makes client order ids unique between sessions and equal in a replay.
    pub nonce: [u8; 32],
    /// The session's run; empty where there is none.
    pub session: String,
    /// The broker's plugin.
    pub broker: String,
    /// The plugin behind each strategy, by the strategy's name.
    pub plugins: BTreeMap<String, String>,
}

/// What an owner holds of an instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holding {
    /// Signed quantity.
    pub quantity: Decimal,
    /// Average entry price, raw; 0 when flat.
    pub average_price: Decimal,
    /// Signed quantity of working orders, protective ones left out.
    pub working: Decimal,
}

/// Orders, risk and books of one account.
pub struct Desk {
    chain: Chain,
    core: Core,
}

impl Desk {
    /// A desk with cash and no positions. Rules are asked in the order given.
    ///
    /// # Errors
    /// [`DeskError`] when limits, instruments or rules make no sense together.
    pub fn new(
        config: DeskConfig,
        instruments: Vec<Instrument>,
        rules: Vec<Box<dyn RiskRule>>,
    ) -> Result<Self, DeskError> {
        config.limits.validate()?;
        let mut names = BTreeSet::new();
        for rule in &rules {
            if !names.insert(rule.name()) {
                return Err(DeskError::RuleTwice(rule.name().to_owned()));
            }
        }
        let mut symbols = BTreeSet::new();
        let mut listings = BTreeMap::new();
        for instrument in instruments {
            check_instrument(&instrument, &config.currency)?;
            let symbol = instrument.symbol.clone();
            let listing = Listing {
                restricted: config.limits.restricted.contains(&symbol),
                blocked: None,
                mark: None,
                instrument,
            };
            let handle = listing.instrument.handle;
            if listings.insert(handle, listing).is_some() || !symbols.insert(symbol.clone()) {
                return Err(DeskError::InstrumentTwice(symbol));
            }
        }
        let books = LedgerConfig {
            base: Currency::new(&config.currency)?,
            basis: config.basis,
        };
        Ok(Desk {
            core: Core {
                ruled: !rules.is_empty(),
                ledger: Ledger::open_with(books, config.capital, config.opened.0)?,
                ids: OrderIds::new(config.nonce),
                now: config.opened,
                prior_session_equity: config.capital,
                peak_equity: config.capital,
                listings,
                blotter: Blotter::default(),
                exposure: Exposure::default(),
                flow: Flow::default(),
                attempts: BTreeMap::new(),
                wanted: BTreeSet::new(),
                asked: BTreeSet::new(),
                closed_out: BTreeSet::new(),
                reviews: 0,
                streaks: Streaks::default(),
                carried: Carried::default(),
                latches: Latches::default(),
                reconciled: true,
                raised: Vec::new(),
                execution_cursor: String::new(),
                config,
            },
            chain: Chain::new(rules),
        })
    }

    /// The desk's time: that of the last prices.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.core.now
    }

    /// Cash plus positions at the last prices.
    #[must_use]
    pub fn equity(&self) -> Decimal {
        self.core.equity()
    }

    /// The account as it stands, positions ordered by symbol and owner, orders by approval.
    #[must_use]
    pub fn portfolio(&self) -> Portfolio {
        self.core.portfolio()
    }

    /// The books.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.core.ledger
    }

    /// Hands over the books' entries since the last call, for keeping.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        self.core.ledger.take_entries()
    }

    /// The working orders.
    #[must_use]
    pub fn orders(&self) -> &Blotter {
        &self.core.blotter
    }

    /// The instrument with this handle.
    #[must_use]
    pub fn instrument(&self, handle: InstrumentHandle) -> Option<&Instrument> {
        self.core
            .listings
            .get(&handle)
            .map(|listing| &listing.instrument)
    }

    /// The last raw price of an instrument, however old.
    #[must_use]
    pub fn last_price(&self, instrument: InstrumentHandle) -> Option<Decimal> {
        self.core.last_price(instrument)
    }

    /// What an owner holds of an instrument.
    #[must_use]
    pub fn holding(&self, owner: &str, instrument: InstrumentHandle) -> Holding {
        let Some(owner) = self.core.ledger.find_owner(owner) else {
            return Holding::default();
        };
        let line = self.core.ledger.line(instrument, owner);
        let [buying, selling] = self.core.working(instrument, owner);
        Holding {
            quantity: line.map_or(Decimal::ZERO, |line| line.quantity),
            average_price: line.map_or(Decimal::ZERO, |line| line.average_price()),
            working: buying - selling,
        }
    }

    /// Signed quantity that is worth `weight` of the equity at the last price.
    ///
    /// # Errors
    /// [`SizingError`]; a missing price counts as zero.
    pub fn quantity_for_weight(
        &self,
        instrument: InstrumentHandle,
        weight: f64,
    ) -> Result<Decimal, SizingError> {
        let listing = self
            .core
            .listings
            .get(&instrument)
            .ok_or(SizingError::Price(Decimal::ZERO))?;
        let price = listing.mark.map_or(Decimal::ZERO, |mark| mark.price);
        sizing::quantity_for_weight(
            weight,
            self.equity(),
            price,
            listing.instrument.multiplier,
            listing.instrument.lot,
        )
    }

    /// Signed quantity that a size is worth at the last price, in whole lots towards zero.
    ///
    /// # Errors
    /// [`SizingError`]; a missing price counts as zero.
    pub fn quantity_for_size(
        &self,
        instrument: InstrumentHandle,
        size: Size,
    ) -> Result<Decimal, SizingError> {
        match size {
            Size::Fraction(weight) => self.quantity_for_weight(instrument, weight),
            Size::Units(units) => {
                let lot = self
                    .instrument(instrument)
                    .map_or(Decimal::ONE, |instrument| instrument.lot);
                let units = from_f64(units).ok_or(SizingError::Weight(units))?;
                Ok(towards_zero(units, lot))
            }
        }
    }

    /// What brings an owner's position to `target`: the client order ids to cancel first, and the market
    /// order to propose.
    #[must_use]
    pub fn plan(
        &self,
        owner: &str,
        instrument: InstrumentHandle,
        target: Decimal,
    ) -> (Vec<String>, Option<OrderRequest>) {
        let lot = self
            .instrument(instrument)
            .map_or(Decimal::ONE, |instrument| instrument.lot);
        let Some(id) = self.core.ledger.find_owner(owner) else {
            let step = sizing::step(target, Decimal::ZERO, Decimal::ZERO, Decimal::ZERO, lot);
            let market = |(side, quantity)| OrderRequest::market(instrument, side, quantity);
            return (Vec::new(), step.trade.map(market));
        };
        let [buying, selling] = self.core.working(instrument, id);
        let held = self.holding(owner, instrument).quantity;
        let step = sizing::step(target, held, buying, selling, lot);
        let cancel = self
            .core
            .blotter
            .of(instrument, id)
            .filter(|working| step.cancel_working && !working.is_protective())
            .map(|working| working.order.client_order_id.clone())
            .collect();
        let request = step
            .trade
            .map(|(side, quantity)| OrderRequest::market(instrument, side, quantity));
        (cancel, request)
    }

    /// How much trading is allowed in the whole account, and why not all of it.
    #[must_use]
    pub fn trading_state(&self) -> (TradingState, Option<&Latch>) {
        let scopes = Scopes {
            account: &self.core.config.account,
            strategy: "",
            plugins: ["", &self.core.config.broker],
            instrument: "",
            session: &self.core.config.session,
        };
        let latch = self.core.latches.strictest(&scopes);
        (
            latch.map_or(TradingState::Running, |latch| latch.state),
            latch,
        )
    }

    /// Restricts this session. Does nothing where it is as restricted already.
    pub fn raise(&mut self, state: TradingState, actor: &str, cause: &Denial) {
        self.core.raise(state, actor, cause);
    }

    /// Hands over the restrictions that the desk itself raised since the last call: for
    /// [`crate::switch::Gate::raise`], which keeps them.
    pub fn take_raised(&mut self) -> Vec<Latch> {
        std::mem::take(&mut self.core.raised)
    }

    /// Names of what orders belong to, for the gate.
    #[must_use]
    pub fn book(&self) -> Book {
        let config = &self.core.config;
        Book {
            session: config.session.clone(),
            account: config.account.clone(),
            broker: config.broker.clone(),
            symbols: self
                .core
                .listings
                .iter()
                .map(|(handle, listing)| (*handle, listing.instrument.symbol.clone()))
                .collect(),
            strategies: config.plugins.clone(),
        }
    }
}

fn check_instrument(instrument: &Instrument, currency: &str) -> Result<(), DeskError> {
    if instrument.currency != currency {
        return Err(DeskError::Currency {
            what: format!("instrument '{}'", instrument.symbol),
            observed: instrument.currency.clone(),
            expected: currency.to_owned(),
        });
    }
    for (what, observed) in [
        ("tick", instrument.tick),
        ("lot", instrument.lot),
        ("multiplier", instrument.multiplier),
    ] {
        if observed <= Decimal::ZERO || observed > bounds::LARGEST_INCREMENT {
            return Err(DeskError::Increment {
                symbol: instrument.symbol.clone(),
                what,
                observed,
            });
        }
    }
    Ok(())
}
