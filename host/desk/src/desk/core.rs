//! Everything a desk knows, but for the rules: so that a rule can be asked while this is looked at.

use super::DeskConfig;
use super::carry::Carried;
use super::streaks::Streaks;
use crate::ledger::{Ledger, LineKey, OwnerId};
use crate::orders::{Blotter, OrderIds};
use crate::risk::{AccountView, Basis, Exposure, ExposureLine, Flow, Listing, Load};
use crate::switch::{Latch, Latches, Scope, Scopes, TradingState};
use bulkhead_domain::order::{InstrumentHandle, OrderRequest, Side};
use bulkhead_domain::risk::{Denial, Portfolio, Position};
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

pub(super) struct Core {
    pub(super) config: DeskConfig,
    /// Whether there are rules.
    pub(super) ruled: bool,
    pub(super) listings: BTreeMap<InstrumentHandle, Listing>,
    pub(super) ledger: Ledger,
    pub(super) blotter: Blotter,
    pub(super) ids: OrderIds,
    /// Orders minted for each decision at this moment.
    pub(super) attempts: BTreeMap<String, u32>,
    /// Who wants something in which instrument, while it is judged.
    pub(super) wanted: BTreeSet<LineKey>,
    /// Orders whose end or cut the host asked for at this moment: once a moment is enough.
    pub(super) asked: BTreeSet<String>,
    /// Positions that the kill switch tried to close at this moment.
    pub(super) closed_out: BTreeSet<LineKey>,
    /// Protective orders proposed so far; names the next one's decision.
    pub(super) reviews: u64,
    pub(super) exposure: Exposure,
    pub(super) flow: Flow,
    pub(super) streaks: Streaks,
    /// What was held short over the last close, and what the broker charged for it.
    pub(super) carried: Carried,
    /// The restrictions that hold, as far as the desk was told, and its own.
    pub(super) latches: Latches,
    /// Whether the broker answered when it was last asked what it holds.
    pub(super) reconciled: bool,
    /// Its own, for the gate to keep.
    pub(super) raised: Vec<Latch>,
    /// Where the broker's executions were read up to.
    pub(super) execution_cursor: String,
    pub(super) now: Timestamp,
    pub(super) prior_session_equity: Decimal,
    pub(super) peak_equity: Decimal,
}

impl Core {
    /// The instrument of a working order.
    pub(super) fn instrument_of(&self, client_order_id: &str) -> Option<InstrumentHandle> {
        let working = self.blotter.get(client_order_id)?;
        Some(working.order.request.instrument)
    }

    pub(super) fn last_price(&self, instrument: InstrumentHandle) -> Option<Decimal> {
        self.listings
            .get(&instrument)
            .and_then(|listing| listing.mark)
            .map(|mark| mark.price)
    }

    pub(super) fn fresh_price(&self, instrument: InstrumentHandle) -> Option<Decimal> {
        let oldest = self.config.limits.max_price_age_seconds;
        self.listings
            .get(&instrument)
            .and_then(|listing| listing.fresh_price(self.now, oldest))
    }

    pub(super) fn multiplier(&self, instrument: InstrumentHandle) -> Decimal {
        self.listings
            .get(&instrument)
            .map_or(Decimal::ONE, |listing| listing.instrument.multiplier)
    }

    pub(super) fn symbol(&self, instrument: InstrumentHandle) -> &str {
        self.listings
            .get(&instrument)
            .map_or("", |listing| listing.instrument.symbol.as_str())
    }

    pub(super) fn equity(&self) -> Decimal {
        self.ledger.equity(|instrument| self.last_price(instrument))
    }

    pub(super) fn account(&self) -> AccountView {
        AccountView {
            equity: self.equity(),
            prior_session_equity: self.prior_session_equity,
            peak_equity: self.peak_equity,
        }
    }

    /// Restricts this session.
    pub(super) fn raise(&mut self, state: TradingState, actor: &str, cause: &Denial) {
        let latch = Latch {
            scope: Scope::Session(self.config.session.clone()),
            state,
            actor: actor.to_owned(),
            reason: cause.to_string(),
            time: self.now,
            cancel_protection: false,
        };
        if self.latches.raise(latch.clone()) {
            self.raised.push(latch);
        }
    }

    /// What an owner's orders in an instrument belong to.
    pub(super) fn scopes(&self, key: LineKey) -> Scopes<'_> {
        let owner = self.ledger.owner_name(key.owner);
        Scopes {
            account: &self.config.account,
            strategy: owner,
            plugins: [
                self.config.plugins.get(owner).map_or("", String::as_str),
                &self.config.broker,
            ],
            instrument: self.symbol(key.instrument),
            session: &self.config.session,
        }
    }

    /// What lines are ordered by: names, never numbers that depend on registration.
    pub(super) fn names(&self, key: LineKey) -> (&str, &str) {
        (
            self.symbol(key.instrument),
            self.ledger.owner_name(key.owner),
        )
    }

    /// What is held and has no price that is recent enough to compute any risk by.
    pub(super) fn unvalued(&self) -> Option<&str> {
        let oldest = self.config.limits.max_mark_age_seconds;
        let valued = |instrument| {
            let listing = self.listings.get(&instrument)?;
            listing.fresh_price(self.now, oldest)
        };
        self.ledger
            .lines()
            .find(|(key, _)| valued(key.instrument).is_none())
            .map(|(key, _)| self.symbol(key.instrument))
    }

    /// Quantities of an owner's working buys and sells, protective ones left out.
    pub(super) fn working(&self, instrument: InstrumentHandle, owner: OwnerId) -> [Decimal; 2] {
        let mut sums = [Decimal::ZERO; 2];
        for working in self.blotter.of(instrument, owner) {
            if !working.is_protective() {
                let sum = match working.order.request.side {
                    Side::Buy => &mut sums[0],
                    Side::Sell => &mut sums[1],
                };
                *sum = sum.saturating_add(working.leaves());
            }
        }
        sums
    }

    pub(super) fn portfolio(&self) -> Portfolio {
        let mut lines: Vec<_> = self.ledger.lines().collect();
        // Handles and owner numbers depend on the order of registration; names do not.
        lines.sort_by_key(|(key, _)| self.names(*key));
        Portfolio {
            time: self.now,
            account: self.config.account.clone(),
            currency: self.config.currency.clone(),
            cash: self.ledger.cash(),
            equity: self.equity(),
            prior_session_equity: self.prior_session_equity,
            peak_equity: self.peak_equity,
            positions: lines
                .into_iter()
                .map(|(key, line)| Position {
                    owner: self.ledger.owner_name(key.owner).to_owned(),
                    instrument: key.instrument,
                    quantity: line.quantity,
                    average_price: line.average_price(),
                    market_price: self.fresh_price(key.instrument),
                    opened: line.opened,
                })
                .collect(),
            open_orders: self.blotter.iter().map(|working| working.shown()).collect(),
        }
    }

    /// Computes every line's worst case anew.
    pub(super) fn expose(&mut self) {
        self.expose_without("");
    }

    /// The same as if one order were not there.
    pub(super) fn expose_without(&mut self, client_order_id: &str) {
        let mut exposure = std::mem::take(&mut self.exposure);
        exposure.clear(self.config.limits.pending_exits_fund_entries);
        for (key, _) in self.ledger.lines() {
            exposure.insert(self.line(key));
        }
        for working in self.blotter.iter() {
            if working.order.client_order_id == client_order_id {
                continue;
            }
            let request = &working.order.request;
            let key = LineKey {
                instrument: request.instrument,
                owner: working.owner,
            };
            if exposure.line(key).is_none() {
                exposure.insert(self.line(key));
            }
            let load = Load {
                request,
                units: working.leaves(),
                reducing: working.reducing,
                multiplier: self.multiplier(key.instrument),
            };
            exposure.add(key, &load);
        }
        self.exposure = exposure;
    }

    /// An order that does not work yet, as exposure sees it.
    pub(super) fn load<'a>(&self, request: &'a OrderRequest, reducing: bool) -> Load<'a> {
        Load {
            request,
            units: request.quantity,
            reducing,
            multiplier: self.multiplier(request.instrument),
        }
    }

    /// Makes sure that a line is there to add an order to.
    pub(super) fn expose_line(&mut self, key: LineKey) -> ExposureLine {
        if let Some(line) = self.exposure.line(key) {
            return *line;
        }
        let line = self.line(key);
        self.exposure.insert(line);
        line
    }

    fn line(&self, key: LineKey) -> ExposureLine {
        let line = self.ledger.line(key.instrument, key.owner);
        let price = self
            .last_price(key.instrument)
            .or(line.map(|line| line.average_price()))
            .unwrap_or_default();
        ExposureLine::new(
            key,
            line.map_or(Decimal::ZERO, |line| line.quantity),
            price.saturating_mul(self.multiplier(key.instrument)),
        )
    }

    /// What an order of this owner in this instrument is judged by.
    pub(super) fn basis(
        &self,
        key: LineKey,
        (reducing, flatten): (bool, bool),
        fitted: Option<Timestamp>,
        account: AccountView,
    ) -> Basis<'_> {
        let state = if self.latches.is_empty() {
            TradingState::Running
        } else {
            self.latches.state(&self.scopes(key))
        };
        Basis {
            owner: key.owner,
            reducing,
            flatten,
            listing: self.listings.get(&key.instrument),
            price: self.fresh_price(key.instrument),
            now: self.now,
            limits: &self.config.limits,
            account,
            after: Default::default(),
            flow: &self.flow,
            fitted,
            state,
            reconciled: self.reconciled,
        }
    }

    /// The id of a decision's next order.
    pub(super) fn mint(&mut self, decision_id: &str) -> String {
        let attempt = match self.attempts.get_mut(decision_id) {
            Some(attempts) => {
                *attempts += 1;
                *attempts
            }
            None => {
                self.attempts.insert(decision_id.to_owned(), 0);
                0
            }
        };
        let id = self.ids.mint(decision_id, attempt);
        if self.blotter.knows(&id) {
            // The decision's id was used at an earlier moment already.
            self.ids
                .mint(&format!("{decision_id}@{}", self.now.0), attempt)
        } else {
            id
        }
    }
}
