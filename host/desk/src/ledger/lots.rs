//! Open lots, and which of them a closing fill takes.
//!
//! At average cost a position is one lot. First in, first out, every opening fill is a lot of its own and
//! the oldest is closed first. A split scales every lot; its fraction is taken from the oldest.

use super::fill::part;
use super::{LedgerError, amount, money};
use bulkhead_domain::{Decimal, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What a unit that is closed is taken to have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CostBasis {
    /// The average of all units held.
    #[default]
    Average,
    /// What the oldest unit held had cost.
    Fifo,
}

impl CostBasis {
    /// Its name in records and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            CostBasis::Average => "average",
            CostBasis::Fifo => "fifo",
        }
    }

    /// The basis with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<CostBasis> {
        [CostBasis::Average, CostBasis::Fifo]
            .into_iter()
            .find(|basis| basis.name() == name)
    }
}

/// Units opened together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lot {
    /// When; at average cost, when the position was opened from zero or turned around.
    pub opened: Timestamp,
    /// Below zero is short.
    pub quantity: Decimal,
    /// Money paid for it, fees excluded; below zero for a short.
    pub cost: Decimal,
    /// Fees paid to open it in the instrument's currency.
    pub entry_fees: Decimal,
    /// Money per point of price per unit.
    pub multiplier: Decimal,
}

impl Lot {
    /// Entry price: cost ÷ (quantity × multiplier).
    #[must_use]
    pub fn price(&self) -> Decimal {
        unit_price(self.cost, self.quantity, self.multiplier)
    }
}

/// Units that were closed together, and were opened together as the cost basis sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClosedLot {
    /// When they had been opened.
    pub opened: Timestamp,
    /// Units, as they were held: below zero was short.
    pub quantity: Decimal,
    /// What they had cost; below zero for a short.
    pub cost: Decimal,
    /// What they brought; below zero for a short.
    pub proceeds: Decimal,
    /// Entry price.
    pub entry_price: Decimal,
    /// Fees paid to open them in the instrument's currency.
    pub entry_fees: Decimal,
    /// Fees paid to close them in the instrument's currency.
    pub exit_fees: Decimal,
}

impl ClosedLot {
    /// Profit before fees.
    #[must_use]
    pub fn realised(&self) -> Decimal {
        self.proceeds - self.cost
    }
}

/// `cost ÷ (quantity × multiplier)`, zero where there is nothing.
pub(super) fn unit_price(cost: Decimal, quantity: Decimal, multiplier: Decimal) -> Decimal {
    quantity
        .checked_mul(multiplier)
        .and_then(|units| cost.checked_div(units))
        .map_or(Decimal::ZERO, money)
}

/// Which lots a closing takes, before it is booked.
pub(super) struct Closing {
    /// What is closed, oldest first, without proceeds and exit fees.
    pub(super) closed: Vec<ClosedLot>,
    /// Their cost together.
    pub(super) cost: Decimal,
    /// Lots gone whole.
    gone: usize,
    /// What is left of the next one.
    rest: Option<Lot>,
}

impl Closing {
    /// Takes `units` (not below zero) from the oldest lots on.
    pub(super) fn plan(lots: &VecDeque<Lot>, units: Decimal) -> Result<Self, LedgerError> {
        let mut plan = Closing {
            closed: Vec::new(),
            cost: Decimal::ZERO,
            gone: 0,
            rest: None,
        };
        let mut left = units;
        for lot in lots {
            if left.is_zero() {
                break;
            }
            let held = lot.quantity.abs();
            let taken = held.min(left);
            left -= taken;
            let cost = part("cost", lot.cost, taken, held)?;
            let entry_fees = part("a fee", lot.entry_fees, taken, held)?;
            let quantity = if taken == held {
                plan.gone += 1;
                lot.quantity
            } else {
                let quantity = if lot.quantity.is_sign_negative() {
                    -taken
                } else {
                    taken
                };
                plan.rest = Some(Lot {
                    quantity: lot.quantity - quantity,
                    cost: lot.cost - cost,
                    entry_fees: lot.entry_fees - entry_fees,
                    ..*lot
                });
                quantity
            };
            plan.cost += cost;
            plan.closed.push(ClosedLot {
                opened: lot.opened,
                quantity,
                cost,
                proceeds: Decimal::ZERO,
                entry_price: lot.price(),
                entry_fees,
                exit_fees: Decimal::ZERO,
            });
        }
        Ok(plan)
    }

    /// Shares out what the closing brought and what it cost, by units; the last lot takes what is left,
    /// so that the shares add up.
    pub(super) fn settle(&mut self, proceeds: Decimal, fees: Decimal) -> Result<(), LedgerError> {
        let units: Decimal = self.closed.iter().map(|lot| lot.quantity).sum();
        let (mut proceeds_left, mut fees_left) = (proceeds, fees);
        let Some((last, others)) = self.closed.split_last_mut() else {
            return Ok(());
        };
        for lot in others {
            lot.proceeds = part("proceeds", proceeds, lot.quantity, units)?;
            lot.exit_fees = part("a fee", fees, lot.quantity, units)?;
            proceeds_left -= lot.proceeds;
            fees_left -= lot.exit_fees;
        }
        last.proceeds = proceeds_left;
        last.exit_fees = fees_left;
        Ok(())
    }

    /// Takes them.
    pub(super) fn apply(self, lots: &mut VecDeque<Lot>) -> Vec<ClosedLot> {
        lots.drain(..self.gone);
        if let (Some(rest), Some(front)) = (self.rest, lots.front_mut()) {
            *front = rest;
        }
        self.closed
    }
}

/// The lots after a split that makes `whole` units and a fraction of `rest` of them, and the units of the
/// fraction as the lots count them. Every lot is scaled to where its last unit comes to lie, so that what
/// rounding takes from one lot it gives to the next, and the sum is exact.
pub(super) fn scaled(
    lots: &VecDeque<Lot>,
    ratio: (u32, u32),
    whole: Decimal,
    rest: Decimal,
) -> Result<(VecDeque<Lot>, Decimal), LedgerError> {
    let Some(first) = lots.front() else {
        return Ok((VecDeque::new(), Decimal::ZERO));
    };
    let overflow = LedgerError::Overflow { what: "a lot" };
    if lots.len() > 1 {
        let fraction = money(rest);
        let total = whole + fraction;
        let short = first.quantity.is_sign_negative();
        let (mut before, mut lies) = (Decimal::ZERO, Decimal::ZERO);
        let mut after = VecDeque::with_capacity(lots.len());
        for (index, lot) in lots.iter().enumerate() {
            before += lot.quantity;
            let end = if index + 1 == lots.len() {
                total
            } else {
                before
                    .checked_mul(Decimal::from(ratio.0))
                    .and_then(|units| units.checked_div(Decimal::from(ratio.1)))
                    .map(money)
                    .ok_or(overflow.clone())?
            };
            after.push_back(Lot {
                quantity: end - lies,
                ..*lot
            });
            lies = end;
        }
        let whole_lots =
            |lot: &Lot| !lot.quantity.is_zero() && lot.quantity.is_sign_negative() == short;
        if after.iter().all(whole_lots) {
            return Ok((after, fraction));
        }
        // A lot has become too small to count: they go on as one.
    }
    let mut one = Lot {
        quantity: whole + rest,
        cost: Decimal::ZERO,
        entry_fees: Decimal::ZERO,
        ..*first
    };
    for lot in lots {
        one.cost = amount("cost", one.cost.checked_add(lot.cost))?;
        one.entry_fees = amount("a fee", one.entry_fees.checked_add(lot.entry_fees))?;
    }
    Ok((VecDeque::from([one]), rest))
}
