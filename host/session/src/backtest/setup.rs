//! What a backtest is given, and what it gives.

use super::Trader;
use crate::config::ModelConfig;
use crate::feed::Moment;
use crate::learning::Trainers;
use crate::record::{FillRecord, TradeRecord};
use bulkhead_desk::ledger::CostBasis;
use bulkhead_desk::sizing::SizingMethod;
use bulkhead_desk::{CheckLimits, RiskRule};
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::risk::Denial;
use bulkhead_domain::{Decimal, Digest, Instrument, Problem, Timestamp};
use bulkhead_venue::VenueConfig;
use bulkhead_venue::carry::CarryRates;
use std::collections::BTreeMap;

/// An account at the close of a moment, in its currency.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Standing {
    /// Cash plus positions at the last closes.
    pub equity: f64,
    /// Cash.
    pub cash: f64,
    /// Magnitudes of all positions at the last closes, added up.
    pub gross: f64,
}

/// Who is told what happens. Nothing of it is kept by the backtest itself.
pub trait Tape {
    /// A moment is over, and this is how the account stands.
    ///
    /// # Errors
    /// What it is written to fails; the run ends.
    fn moment(&mut self, moment: &Moment, account: Standing) -> Result<(), Problem>;

    /// An order filled.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn fill(&mut self, _fill: &FillRecord) -> Result<(), Problem> {
        Ok(())
    }

    /// A candidate for a model could not be fitted, or did not predict; it is out until it is fitted again.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn failed(
        &mut self,
        _time: i64,
        _candidate: &str,
        _instrument: InstrumentHandle,
        _why: &str,
    ) -> Result<(), Problem> {
        Ok(())
    }

    /// A position was closed.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn trade(&mut self, _trade: &TradeRecord) -> Result<(), Problem> {
        Ok(())
    }

    /// An order was refused: by a host check, a rule or the venue.
    ///
    /// # Errors
    /// As [`Tape::moment`].
    fn denied(
        &mut self,
        _time: i64,
        _owner: &str,
        _instrument: Option<InstrumentHandle>,
        _denial: &Denial,
    ) -> Result<(), Problem> {
        Ok(())
    }
}

/// A trader and what it trades.
pub struct Trading {
    /// Owner of its orders and positions; unique.
    pub name: String,
    /// Which instruments.
    pub handles: Vec<InstrumentHandle>,
    /// How large the host makes its positions; as it says when absent.
    pub sizing: Option<SizingMethod>,
    /// Who decides.
    pub trader: Box<dyn Trader>,
}

/// A model: how it is learnt, and by whom.
#[derive(Clone)]
pub struct Learning {
    /// What is learnt, and how often.
    pub config: ModelConfig,
    /// Who can learn it.
    pub trainers: Trainers,
}

/// What a backtest is made of.
pub struct Setup {
    /// Names decisions and orders: the digest of all inputs.
    pub id: Digest,
    /// Currency of every amount.
    pub currency: String,
    /// Cash at the start.
    pub cash: Decimal,
    /// What closed units are taken to have cost.
    pub cost_basis: CostBasis,
    /// Limits of the host's checks.
    pub limits: CheckLimits,
    /// How orders fill and what that costs.
    pub venue: VenueConfig,
    /// What holding costs and earns.
    pub carry: CarryRates,
    /// When the books open: the first bar's open.
    pub opened: Timestamp,
    /// Everything that is traded; handles are unique.
    pub instruments: Vec<Instrument>,
    /// Features by name, computed from each bar.
    pub features: Vec<String>,
    /// Models by alias: learnt on the way, as in a session.
    pub models: BTreeMap<String, Learning>,
    /// Seed of whatever learning draws.
    pub seed: u64,
    /// Risk rules, asked in this order.
    pub rules: Vec<Box<dyn RiskRule>>,
    /// Who trades.
    pub traders: Vec<Trading>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// The data was all used.
    Completed,
    /// Somebody stopped it.
    Interrupted,
    /// Something failed at this moment; what was done before it stands.
    Failed {
        /// The close of the bar at hand.
        time: i64,
        /// What failed.
        problem: Problem,
    },
}

/// What became of a run's orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrderTotals {
    /// Sent to the venue.
    pub sent: u64,
    /// Filled in whole.
    pub filled: u64,
    /// Cancelled; what was left of them at the end too.
    pub cancelled: u64,
    /// Whose time ran out.
    pub expired: u64,
    /// Refused by the venue.
    pub rejected: u64,
    /// Refused by host checks or risk rules before they were sent.
    pub denied: u64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ended: Ended,
    /// Bars over all instruments.
    pub bars: u64,
    /// Moments.
    pub moments: u64,
    /// Cash at the end.
    pub cash: Decimal,
    /// Equity at the end.
    pub equity: Decimal,
    /// Fees paid.
    pub fees: Decimal,
    /// Dividends received less paid.
    pub dividends: Decimal,
    /// Paid for borrowing what was sold short.
    pub borrow_fees: Decimal,
    /// Interest received less paid.
    pub interest: Decimal,
    /// Money that fills cost more than the quoted prices: slippage and rounding to the tick.
    pub slippage: Decimal,
    /// Notional of all fills, both sides.
    pub traded: Decimal,
    /// What became of orders.
    pub orders: OrderTotals,
    /// Fills.
    pub fills: u64,
    /// Positions still open at the end, valued at the last prices.
    pub open: Vec<TradeRecord>,
}
