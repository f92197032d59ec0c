//! Orders, risk and money of one account, synchronous and without I/O.
//!
//! Promises: only a [`RiskApproved`] order can be sent, and only the risk chain makes one; whatever
//! cannot be judged is denied; an order proven to reduce its owner's position is not refused by a rule
//! or a loss limit; the books balance after every event; the order in which proposals, owners and
//! instruments are given changes nothing.
//!
//! Bounds: one account in one currency; amounts below [`ledger::LARGEST_AMOUNT`]; the host checks'
//! numbers are all in [`CheckLimits`].
//!
//! For callers: drive a [`Desk`] with prices, corporate actions and order updates in the order of time,
//! give it proposals, and hand what it approves to a [`Gateway`] through [`Desk::send`]. Everything it
//! says can be kept in the desk's own tables with [`tables::Recorder`].

pub mod allocation;
pub mod audit;
mod desk;
mod error;
pub mod ledger;
pub mod orders;
mod risk;
pub mod sizing;
pub mod statement;
pub mod switch;
pub mod tables;
mod traits;

pub use desk::{
    Amendment, Applied, BrokerAccount, BrokerView, Desk, DeskConfig, Disposition, FLATTEN, Finding,
    Holding, Leg, NEVER_ARRIVED_CHECKS, Proposal, Reconciliation, Review, Ruling, SendError, Sent,
    leading_cancels,
};
pub use error::DeskError;
pub use risk::{CheckLimits, RiskApproved, TradingState, VerdictKind, VerdictRecord};
pub use traits::{
    BrokerPosition, Cancelled, ExecutionPage, Gateway, GatewayError, RiskRule, RuleFailure,
};
