//! Changes of working orders. Until the venue confirms one, the order counts as the larger of the two, and both
//! ids are its own.

use super::OrderError;
use super::blotter::{Blotter, mismatch};
use super::state::OrderState;
use bulkhead_domain::Decimal;
use bulkhead_domain::order::OrderKind;

/// What a working order is to become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) client_order_id: String,
    /// In all, what has filled included.
    pub(crate) quantity: Decimal,
    pub(crate) kind: OrderKind,
    pub(crate) reducing: bool,
}

impl Blotter {
    /// Takes up an approved change of a working order. Until the venue confirms, the order counts as the
    /// larger of the two.
    pub(crate) fn change(
        &mut self,
        client_order_id: &str,
        change: Change,
    ) -> Result<(), OrderError> {
        if self.knows(&change.client_order_id) {
            return Err(OrderError::Duplicate(change.client_order_id));
        }
        let unknown = || OrderError::Unknown(client_order_id.to_owned());
        let sequence = *self.by_id.get(client_order_id).ok_or_else(unknown)?;
        let working = self.working.get_mut(&sequence).ok_or_else(unknown)?;
        if working.change.is_some() {
            return Err(mismatch(
                client_order_id,
                "another change of it is under way",
            ));
        }
        self.by_id.insert(change.client_order_id.clone(), sequence);
        working.change = Some(change);
        Ok(())
    }

    /// The venue confirmed a change: the order goes on under its new id.
    pub(crate) fn confirm_change(&mut self, new_client_order_id: &str) {
        let Some(working) = self.find_mut(new_client_order_id) else {
            return;
        };
        let Some(change) = working
            .change
            .take_if(|change| change.client_order_id == new_client_order_id)
        else {
            return;
        };
        let order = &mut working.order;
        let old = std::mem::replace(&mut order.client_order_id, change.client_order_id);
        order.request.quantity = change.quantity;
        order.request.kind = change.kind;
        working.reducing = change.reducing;
        working.allowed = change.quantity;
        working.aliases.push(old);
    }

    /// The venue refused a change, or it never got there: the order works on as it was.
    pub(crate) fn drop_change(&mut self, new_client_order_id: &str) {
        if let Some(working) = self.find_mut(new_client_order_id)
            && working
                .change
                .take_if(|change| change.client_order_id == new_client_order_id)
                .is_some()
        {
            self.by_id.remove(new_client_order_id);
            self.remember(
                new_client_order_id.to_owned(),
                OrderState::Rejected,
                Vec::new(),
            );
        }
    }
}
