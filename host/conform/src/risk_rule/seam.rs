//! What the whole suite needs of a risk rule, so that native doubles can be held against it too.

use crate::state::{NO_SNAPSHOT, restored, saved};
use bulkhead_domain::Instrument;
use bulkhead_domain::order::Order;
use bulkhead_domain::risk::{Portfolio, ProtectiveAction, RiskContext, Verdict};
use bulkhead_sandbox::{CallError, RiskRulePlugin};

/// A risk rule.
pub(crate) trait Judge {
    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Portfolio,
    ) -> Result<Verdict, CallError>;

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, CallError>;

    /// Its state; `None` where it cannot be had.
    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        None
    }

    /// Takes back a state.
    fn restore(&mut self, _state: &[u8]) -> Result<(), String> {
        Err(NO_SNAPSHOT.to_owned())
    }
}

/// Makes a fresh rule for instruments.
pub(crate) type Make<'a> = &'a dyn Fn(&[Instrument]) -> Result<Box<dyn Judge>, String>;

impl Judge for RiskRulePlugin {
    fn assess(
        &mut self,
        order: &Order,
        context: &RiskContext,
        portfolio: &Portfolio,
    ) -> Result<Verdict, CallError> {
        RiskRulePlugin::assess(self, order, context, &portfolio.into())
    }

    fn review(&mut self, portfolio: &Portfolio) -> Result<Vec<ProtectiveAction>, CallError> {
        RiskRulePlugin::review(self, &portfolio.into())
    }

    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        saved(RiskRulePlugin::save(self))
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), String> {
        restored(RiskRulePlugin::restore(self, state))
    }
}
