//! The venue in the process: the rules of `sdk/venue` behind the desk's gateway, and what holding costs.

use bulkhead_desk::{
    BrokerAccount, BrokerPosition, Cancelled, Desk, ExecutionPage, Gateway, GatewayError,
    RiskApproved,
};
use bulkhead_domain::order::{InstrumentHandle, OpenOrder, Order, OrderUpdate, Replacement, Step};
use bulkhead_domain::{Decimal, Instrument};
use bulkhead_venue::carry::{Carry, CarryRates};
use bulkhead_venue::error::{AdvanceError, ConfigError, VenueReject};
use bulkhead_venue::{InstrumentSpec, Venue, VenueConfig};
use std::collections::BTreeMap;

/// The venue with its account's carry.
pub(super) struct LocalVenue {
    venue: Venue,
    rates: CarryRates,
    carry: Carry,
    now: i64,
    handles: Vec<InstrumentHandle>,
}

fn rejected(reject: &VenueReject) -> GatewayError {
    GatewayError::Rejected {
        code: reject.code().to_owned(),
        text: reject.to_string(),
    }
}

impl LocalVenue {
    pub(super) fn new(
        config: VenueConfig,
        rates: CarryRates,
        instruments: &[Instrument],
    ) -> Result<LocalVenue, ConfigError> {
        let specs: Vec<InstrumentSpec> = instruments
            .iter()
            .map(|instrument| InstrumentSpec {
                handle: instrument.handle,
                tick: instrument.tick,
                lot: instrument.lot,
                multiplier: instrument.multiplier,
            })
            .collect();
        Ok(LocalVenue {
            venue: Venue::new(config, &specs)?,
            rates,
            carry: Carry::default(),
            now: i64::MIN,
            handles: specs.iter().map(|spec| spec.handle).collect(),
        })
    }

    /// Matches what works against a moment's bars.
    pub(super) fn advance(
        &mut self,
        steps: &[Step],
        updates: &mut Vec<OrderUpdate>,
    ) -> Result<(), AdvanceError> {
        self.venue.advance_into(steps, updates)?;
        if let Some(step) = steps.first() {
            self.now = step.bar.time;
        }
        Ok(())
    }

    /// Fills what fills at the close it was sent at.
    pub(super) fn settle(&mut self, updates: &mut Vec<OrderUpdate>) {
        self.venue.settle_close_into(updates);
    }

    pub(super) fn finish(&mut self, time: i64) -> Vec<OrderUpdate> {
        self.venue.finish(time)
    }

    /// Money that fills so far cost more than the quoted prices.
    pub(super) fn slippage(&self) -> Decimal {
        self.venue.slippage_paid()
    }

    /// Whether holding costs or earns anything.
    pub(super) fn carries(&self) -> bool {
        !self.rates.is_zero()
    }

    /// The account's totals with what was carried to a session's end.
    pub(super) fn carried(&mut self, now: i64) -> BrokerAccount {
        self.carry.end(now, self.rates);
        BrokerAccount {
            cash: Decimal::ZERO,
            equity: Decimal::ZERO,
            borrow_fees: Some(self.carry.borrow_fees),
            interest: Some(self.carry.interest),
        }
    }

    /// Notes what is held over a session's end, instruments netted as at a broker.
    pub(super) fn close_session(&mut self, now: i64, desk: &Desk) {
        if !self.carries() {
            return;
        }
        let mut net: BTreeMap<InstrumentHandle, Decimal> = BTreeMap::new();
        for (key, line) in desk.ledger().lines() {
            let worth = desk
                .last_price(key.instrument)
                .and_then(|price| line.value(price))
                .unwrap_or_default();
            *net.entry(key.instrument).or_default() += worth;
        }
        let short: Decimal = net
            .into_values()
            .filter(|worth| *worth < Decimal::ZERO)
            .sum();
        self.carry.begin(now, -short, desk.ledger().cash());
    }
}

impl Gateway for LocalVenue {
    fn submit(&mut self, order: RiskApproved<Order>) -> Result<(), GatewayError> {
        self.venue
            .submit(&order, self.now)
            .map_err(|reject| rejected(&reject))
    }

    fn replace(
        &mut self,
        _account: &str,
        change: RiskApproved<Replacement>,
    ) -> Result<(), GatewayError> {
        self.venue
            .replace(&change, self.now)
            .map_err(|reject| rejected(&reject))
    }

    fn cancel(&mut self, _account: &str, client_order_id: &str) -> Result<Cancelled, GatewayError> {
        match self.venue.cancel(client_order_id) {
            Ok(()) => Ok(Cancelled::Confirmed),
            Err(reject) => Err(rejected(&reject)),
        }
    }

    fn open_orders(&mut self, _account: &str) -> Result<Vec<OpenOrder>, GatewayError> {
        Ok(self.venue.open_orders())
    }

    /// The desk is told of every execution as it happens; there is none that it could have missed.
    fn executions(&mut self, _account: &str, cursor: &str) -> Result<ExecutionPage, GatewayError> {
        Ok(ExecutionPage {
            executions: Vec::new(),
            cursor: cursor.to_owned(),
        })
    }

    fn positions(&mut self, _account: &str) -> Result<Vec<BrokerPosition>, GatewayError> {
        let held = self.handles.iter().map(|instrument| BrokerPosition {
            instrument: *instrument,
            quantity: self.venue.position(*instrument),
        });
        Ok(held.filter(|held| !held.quantity.is_zero()).collect())
    }
}
