//! Submitting, replacing and cancelling: through the line to the broker, past its own checks, to the venue.

use crate::faults::{Delivery, Request};
use crate::margin::Applicant;
use crate::{Paper, refused, rejected};
use bulkhead_sdk::Timestamp;
use bulkhead_sdk::broker::{Acknowledgement, Error, Replacement};
use bulkhead_sdk::order::{self, Order, Outcome};
use bulkhead_venue::VenueReject;

impl Paper {
    /// Brings a request of account `holder` to the venue and its answer back, or loses either.
    fn request<T>(
        &mut self,
        request: Request,
        holder: usize,
        client_order_id: &str,
        act: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let now = self.now_or_zero();
        let faults = &self.config.faults;
        self.state.line.pass(faults, holder, now)?;
        match faults.delivery(request, client_order_id, now) {
            Delivery::Answered => return act(self),
            // A refusal is lost with the answer, too.
            Delivery::AnswerLost => drop(act(self)),
            Delivery::RequestLost => {}
        }
        Err(Error::Ambiguous(
            "the connection broke before the answer came".to_owned(),
        ))
    }

    pub(crate) fn submit_order(&mut self, order: Order) -> Result<Acknowledgement, Error> {
        let holder = self.holder(&order.account)?;
        let id = order.client_order_id.clone();
        self.request(Request::Submit, holder, &id, |broker| {
            broker.fresh(&order.client_order_id)?;
            broker.currency(holder, &order)?;
            broker.admit(&Applicant {
                holder,
                account: &order.account,
                request: &order.request,
                leaves: order.request.quantity,
                instead_of: None,
            })?;
            let sent = broker.sent();
            let taken = broker.state.venue.submit(&order, sent);
            taken.map_err(|reject| rejected(&reject))?;
            broker.travel(&order.client_order_id, sent)?;
            Ok(broker.acknowledged(order.client_order_id))
        })
    }

    pub(crate) fn replace_order(
        &mut self,
        account: &str,
        replacement: Replacement,
    ) -> Result<Acknowledgement, Error> {
        let holder = self.holder(account)?;
        let id = replacement.new_client_order_id.clone();
        self.request(Request::Replace, holder, &id, |broker| {
            broker.owned(account, &replacement.client_order_id)?;
            broker.fresh(&replacement.new_client_order_id)?;
            broker.admit_replacement(holder, account, &replacement)?;
            let replacement = order::Replacement {
                client_order_id: replacement.client_order_id,
                new_client_order_id: replacement.new_client_order_id,
                quantity: replacement.quantity,
                kind: replacement.kind,
            };
            let sent = broker.sent();
            let taken = broker.state.venue.replace(&replacement, sent);
            taken.map_err(|reject| rejected(&reject))?;
            broker.travel(&replacement.new_client_order_id, sent)?;
            Ok(broker.acknowledged(replacement.new_client_order_id))
        })
    }

    pub(crate) fn cancel_order(
        &mut self,
        account: &str,
        client_order_id: &str,
    ) -> Result<(), Error> {
        let holder = self.holder(account)?;
        self.request(Request::Cancel, holder, client_order_id, |broker| {
            broker.owned(account, client_order_id)?;
            let gone = broker.state.venue.cancel(client_order_id);
            gone.map_err(|reject| rejected(&reject))?;
            // What is not told yet would be told after the cancellation was.
            broker.state.settled.retain(|update| {
                update.outcome != Outcome::Accepted || update.client_order_id != client_order_id
            });
            Ok(())
        })
    }

    /// A known id is always a duplicate: any other rejection would say of an order that works that it does
    /// not. A fresh one may be rejected at random.
    fn fresh(&self, client_order_id: &str) -> Result<(), Error> {
        if self.state.venue.account_of(client_order_id).is_some() {
            let duplicate = VenueReject::Duplicate(client_order_id.to_owned());
            return Err(rejected(&duplicate));
        }
        let now = self.now_or_zero();
        if self.config.faults.rejected(client_order_id, now) {
            return Err(refused(
                "simulated-reject",
                "rejected at random, as configured".to_owned(),
            ));
        }
        Ok(())
    }

    /// Another account's order is as unknown as one that never was.
    fn owned(&self, account: &str, client_order_id: &str) -> Result<(), Error> {
        let of = self.state.venue.account_of(client_order_id);
        if of.is_some_and(|of| of != account) {
            let unknown = VenueReject::Unknown(client_order_id.to_owned());
            return Err(rejected(&unknown));
        }
        Ok(())
    }

    /// Where there are several accounts, their currencies tell which instruments each can pay for.
    fn currency(&self, holder: usize, order: &Order) -> Result<(), Error> {
        let (account, instrument) = (&self.accounts[holder], order.request.instrument);
        let wanted = self.currencies.get(&instrument);
        match wanted {
            Some(wanted) if !self.config.accounts.is_empty() && *wanted != account.currency => {
                Err(refused(
                    "currency",
                    format!(
                        "{} trades in {wanted}, account `{}` is kept in {}",
                        self.symbol(instrument),
                        account.id,
                        account.currency
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    fn admit_replacement(
        &self,
        holder: usize,
        account: &str,
        replacement: &Replacement,
    ) -> Result<(), Error> {
        let old = &replacement.client_order_id;
        let mut working = self.state.venue.working_orders();
        let Some((old, leaves)) = working.find(|(order, _)| order.client_order_id == *old) else {
            return Ok(());
        };
        let filled = old.request.quantity - leaves;
        let request = order::OrderRequest {
            kind: replacement.kind,
            ..old.request.clone()
        };
        self.admit(&Applicant {
            holder,
            account,
            request: &request,
            leaves: replacement.quantity.saturating_sub(filled),
            instead_of: Some(&old.client_order_id),
        })
    }

    /// Sends a taken order on its way, where it has one.
    fn travel(&mut self, client_order_id: &str, sent: Timestamp) -> Result<(), Error> {
        let Some((time, bars)) = self.config.faults.delay(client_order_id, sent) else {
            return Ok(());
        };
        let delayed = self.state.venue.delay(client_order_id, time, bars);
        delayed.map_err(|reject| rejected(&reject))
    }
}
