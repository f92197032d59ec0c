//! What changed equity.

use bulkhead_domain::Decimal;
use serde::Serialize;

/// What changed equity, and by how much: costs are below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Flows {
    /// Cash paid in, the opening capital included.
    pub deposits: Decimal,
    /// Cash taken out, below zero.
    pub withdrawals: Decimal,
    /// What was bought of a currency less what was sold of it; in the base currency it is part of
    /// `exchange`.
    pub conversions: Decimal,
    /// Profit realised.
    pub realised: Decimal,
    /// Change of the profit not yet realised.
    pub unrealised: Decimal,
    /// Fees, below zero.
    pub fees: Decimal,
    /// Dividends received less dividends paid.
    pub dividends: Decimal,
    /// Funding received less funding paid.
    pub funding: Decimal,
    /// Fees for borrowing, below zero.
    pub borrow: Decimal,
    /// Interest received less interest paid.
    pub interest: Decimal,
    /// What exchange rates did, in the base currency: to what was there at the opening, by the change
    /// of its rate, and to what was converted, by the closing rates of both sides.
    pub exchange: Decimal,
}

impl Flows {
    /// Closing less opening equity.
    #[must_use]
    pub fn total(&self) -> Decimal {
        self.each().into_iter().sum()
    }

    /// What came of trading and holding: everything but cash paid in, taken out or converted.
    #[must_use]
    pub fn profit(&self) -> Decimal {
        self.total() - self.deposits - self.withdrawals - self.conversions
    }

    fn each(&self) -> [Decimal; 11] {
        [
            self.deposits,
            self.withdrawals,
            self.conversions,
            self.realised,
            self.unrealised,
            self.fees,
            self.dividends,
            self.funding,
            self.borrow,
            self.interest,
            self.exchange,
        ]
    }

    fn each_mut(&mut self) -> [&mut Decimal; 11] {
        [
            &mut self.deposits,
            &mut self.withdrawals,
            &mut self.conversions,
            &mut self.realised,
            &mut self.unrealised,
            &mut self.fees,
            &mut self.dividends,
            &mut self.funding,
            &mut self.borrow,
            &mut self.interest,
            &mut self.exchange,
        ]
    }

    /// Adds other flows of the same currency.
    pub(super) fn add(&mut self, other: &Flows) {
        for (to, from) in self.each_mut().into_iter().zip(other.each()) {
            *to += from;
        }
    }

    /// Each flow changed; the first failure ends it.
    pub(super) fn map<E>(
        mut self,
        change: impl Fn(Decimal) -> Result<Decimal, E>,
    ) -> Result<Self, E> {
        for flow in self.each_mut() {
            *flow = change(*flow)?;
        }
        Ok(self)
    }

    /// Without trailing zeros and signs of zero.
    pub(super) fn plain(mut self) -> Self {
        for flow in self.each_mut() {
            *flow = flow.normalize();
        }
        self
    }
}
