//! From proposals to orders that may be sent: exits first, then entries, which share what is there.

use super::Desk;
use super::core::Core;
use super::disposition::{Disposition, Leg, Proposal, Ruling};
use crate::allocation::{fraction, share};
use crate::ledger::LineKey;
use crate::orders::{Approval, Origin};
use crate::risk::checks::{
    BUYING_POWER_EXCEEDED, available_buying_power, gross_room, leverage_room,
};
use crate::risk::{
    AccountView, Candidate, Chain, Judge, Screened, TradingState, VerdictKind, VerdictRecord,
    Verdicts, denial,
};
use bulkhead_domain::order::{Order, OrderKind, OrderRequest, Side, Trail};
use bulkhead_domain::risk::{Denial, Portfolio, RiskContext};
use bulkhead_domain::{Decimal, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A part with the order it would become.
pub(super) type Entry = (Draft, Candidate);

/// A part on its way.
pub(super) struct Draft {
    pub(super) decision_id: String,
    pub(super) owner: String,
    pub(super) leg: Leg,
    pub(super) key: LineKey,
    pub(super) client_order_id: String,
    pub(super) requested: OrderRequest,
    pub(super) verdicts: Verdicts,
    pub(super) origin: Origin,
    /// The working order that it is to replace.
    pub(super) replaces: Option<String>,
    pub(super) time: Timestamp,
}

/// What rules see beside an order that the host or a rule wants.
pub(super) fn host_context() -> RiskContext {
    RiskContext {
        reference_price: Decimal::ZERO,
        multiplier: Decimal::ONE,
        confidence: None,
        features: Vec::new(),
        extra: Vec::new(),
    }
}

impl Draft {
    pub(super) fn rule(self, ruling: Ruling) -> Disposition {
        Disposition {
            decision_id: self.decision_id,
            leg: self.leg,
            owner: self.owner,
            instrument: Some(self.key.instrument),
            client_order_id: self.client_order_id,
            requested: Some(self.requested),
            ruling,
            verdicts: self.verdicts,
            time: self.time,
        }
    }

    /// Refuses it in the host's name.
    pub(super) fn refuse(mut self, source: &'static str, denial: Denial) -> Disposition {
        self.verdicts.push(VerdictRecord::new(
            source,
            VerdictKind::Rejected,
            Decimal::ZERO,
            Some(denial.clone()),
        ));
        self.rule(Ruling::Deny(denial))
    }
}

impl Desk {
    /// Judges what is wanted at this moment. A proposal that would turn a position around becomes two
    /// parts, an exit and an entry. Exits come first; entries that together need more than there is are
    /// cut to the same fraction. What stands in the way of what was approved comes first, to be cancelled
    /// or cut. The result does not depend on the order of `proposals`: it is ordered by part, symbol, owner
    /// and decision, and that is the order to send it in.
    pub fn decide(&mut self, mut proposals: Vec<Proposal>) -> Vec<Disposition> {
        let Desk { chain, core } = self;
        core.expose();
        if let Some(symbol) = core.unvalued() {
            let why = denial(
                "RISK_UNKNOWN",
                format_args!("no price of {symbol}, which is held"),
                format_args!(
                    "a price of everything that is held, at most {} s old",
                    core.config.limits.max_mark_age_seconds
                ),
                "what cannot be computed cannot be risked",
            );
            core.raise(TradingState::Halted, "host", &why);
        }
        let account = core.account();
        proposals.sort_by(|a, b| key(core, a).cmp(&key(core, b)));
        core.wanted = proposals
            .iter()
            .map(|proposal| LineKey {
                instrument: proposal.request.instrument,
                owner: core.ledger.owner(&proposal.owner),
            })
            .collect();

        let mut done = Vec::with_capacity(proposals.len());
        let mut entries = Vec::new();
        for proposal in proposals {
            let taken = core.take_apart(&proposal);
            done.extend(taken.refused);
            let mut exit_refused = false;
            if let Some((draft, candidate)) = taken.exit {
                let disposition = core.judge_alone(chain, account, draft, candidate);
                exit_refused = matches!(disposition.ruling, Ruling::Deny(_));
                done.push(disposition);
            }
            match taken.entry {
                Some((draft, _)) if exit_refused => {
                    let why = "an entry that turns a position around needs the exit";
                    let denial = denial("EXIT_REFUSED", "none", "an exit", why);
                    done.push(draft.refuse("host:legs", denial));
                }
                Some(entry) => entries.push(entry),
                None => {}
            }
        }
        let mut screened = Vec::with_capacity(entries.len());
        for (mut draft, candidate) in entries {
            match core.screen(&mut draft, candidate, account) {
                Ok(passed) => screened.push((draft, passed)),
                Err(denial) => done.push(draft.rule(Ruling::Deny(denial))),
            }
        }
        let screened = core.share_out(screened, account, &mut done);
        let mut portfolio =
            (!chain.is_empty() && !screened.is_empty()).then(|| Arc::new(core.portfolio()));
        for (draft, order) in screened {
            done.push(core.approve(chain, account, portfolio.as_mut(), draft, order));
        }
        let wanted = std::mem::take(&mut core.wanted);
        let concerned = |instrument| wanted.iter().any(|key| key.instrument == instrument);
        let mut cuts = core.bound_all(chain, concerned, &BTreeSet::new());
        core.withdraw(&mut cuts, &mut done);
        cuts.append(&mut done);
        cuts
    }
}

/// What proposals are ordered by: names, never handles or positions in a list.
fn key<'a>(
    core: &'a Core,
    proposal: &'a Proposal,
) -> (
    &'a str,
    &'a str,
    &'a str,
    Side,
    (u8, Decimal, Decimal),
    Decimal,
) {
    let kind = match proposal.request.kind {
        OrderKind::Market => (0, Decimal::ZERO, Decimal::ZERO),
        OrderKind::Limit(limit) => (1, limit, Decimal::ZERO),
        OrderKind::Stop(stop) => (2, stop, Decimal::ZERO),
        OrderKind::StopLimit { stop, limit } => (3, stop, limit),
        OrderKind::TrailingStop(Trail::Amount(by)) => (4, by, Decimal::ZERO),
        OrderKind::TrailingStop(Trail::Fraction(by)) => (5, by, Decimal::ZERO),
    };
    (
        core.symbol(proposal.request.instrument),
        &proposal.owner,
        &proposal.decision_id,
        proposal.request.side,
        kind,
        proposal.request.quantity,
    )
}

impl Core {
    pub(super) fn draft(
        &mut self,
        key: LineKey,
        proposal: &Proposal,
        leg: Leg,
        request: OrderRequest,
        reducing: bool,
    ) -> Entry {
        let client_order_id = self.mint(&proposal.decision_id);
        // Only rules look at it.
        let context = if self.ruled {
            self.context(key, proposal)
        } else {
            host_context()
        };
        let draft = Draft {
            decision_id: proposal.decision_id.clone(),
            owner: proposal.owner.clone(),
            leg,
            key,
            client_order_id: client_order_id.clone(),
            requested: proposal.request.clone(),
            verdicts: Verdicts::new(),
            origin: Origin::Owner,
            replaces: None,
            time: self.now,
        };
        let candidate = Candidate {
            order: Order {
                client_order_id,
                account: self.config.account.clone(),
                owner: proposal.owner.clone(),
                request,
            },
            reducing,
            flatten: false,
            fitted: proposal.fitted,
            context,
        };
        (draft, candidate)
    }

    /// What rules are shown beside a proposal's order.
    fn context(&self, key: LineKey, proposal: &Proposal) -> RiskContext {
        let mut context = proposal.context.clone();
        context.reference_price = self.fresh_price(key.instrument).unwrap_or_default();
        context.multiplier = self.multiplier(key.instrument);
        self.streaks.tell(key, &mut context.extra);
        context
    }

    /// The first stage; passing it counts against duplicates.
    fn screen(
        &mut self,
        draft: &mut Draft,
        candidate: Candidate,
        account: AccountView,
    ) -> Result<Screened, Denial> {
        let proven = (candidate.reducing, candidate.flatten);
        let basis = self.basis(draft.key, proven, candidate.fitted, account);
        let screened = candidate.screen(&basis, &mut draft.verdicts)?;
        self.flow.see(
            draft.key.owner,
            screened.reducing(),
            &screened.order().request,
        );
        Ok(screened)
    }

    /// Both stages for an order that shares nothing with others.
    pub(super) fn judge_alone(
        &mut self,
        chain: &mut Chain,
        account: AccountView,
        mut draft: Draft,
        candidate: Candidate,
    ) -> Disposition {
        match self.screen(&mut draft, candidate, account) {
            Ok(order) => self.approve(chain, account, None, draft, order),
            Err(denial) => draft.rule(Ruling::Deny(denial)),
        }
    }

    /// Both stages for an entry by itself, with everything that works apart from `without`.
    pub(super) fn judge_entry(
        &mut self,
        chain: &mut Chain,
        (mut draft, candidate): Entry,
        without: &str,
    ) -> Disposition {
        let account = self.account();
        let screened = match self.screen(&mut draft, candidate, account) {
            Ok(screened) => screened,
            Err(denial) => return draft.rule(Ruling::Deny(denial)),
        };
        let mut refused = Vec::new();
        let kept = self.share_out(vec![(draft, screened)], account, &mut refused);
        let mut portfolio = self.portfolio();
        portfolio
            .open_orders
            .retain(|open| open.order.client_order_id != without);
        let mut portfolio = Arc::new(portfolio);
        for (draft, order) in kept {
            refused.push(self.approve(chain, account, Some(&mut portfolio), draft, order));
        }
        // One went in, so one comes out.
        refused.remove(0)
    }

    /// Cuts entries to what is there, all to the same fraction. Those left with nothing are refused.
    fn share_out(
        &mut self,
        entries: Vec<(Draft, Screened)>,
        account: AccountView,
        refused: &mut Vec<Disposition>,
    ) -> Vec<(Draft, Screened)> {
        let limits = &self.config.limits;
        let gross = self.exposure.gross();
        let mut budget = available_buying_power(limits, account.equity, gross).min(leverage_room(
            limits,
            account.equity,
            gross,
        ));
        if let Some(room) = gross_room(limits, gross) {
            budget = budget.min(room);
        }
        // A line's worst case is convex in the size of its orders, so a fraction of the orders needs at
        // most that fraction of the money.
        let mut together = self.exposure.clone();
        for (draft, order) in &entries {
            together.add(draft.key, &self.load(&order.order().request, false));
        }
        let needed = together.gross().saturating_sub(gross);
        let fraction = fraction(needed, budget.max(Decimal::ZERO));
        if fraction == Decimal::ONE {
            return entries;
        }
        let mut kept = Vec::with_capacity(entries.len());
        for (mut draft, mut order) in entries {
            let asked = order.order().request.quantity;
            let lot = self
                .listings
                .get(&draft.key.instrument)
                .map_or(Decimal::ONE, |listing| listing.instrument.lot);
            let quantity = share(asked, fraction, lot);
            let why = denial(
                BUYING_POWER_EXCEEDED,
                format_args!(
                    "{} needed by all entries at this moment",
                    needed.normalize()
                ),
                budget.max(Decimal::ZERO).normalize(),
                "every entry is cut to the same fraction",
            );
            if quantity <= Decimal::ZERO {
                refused.push(draft.refuse("host:allocation", why));
                continue;
            }
            if quantity < asked {
                draft.verdicts.push(VerdictRecord::new(
                    "host:allocation",
                    VerdictKind::Reduced,
                    quantity,
                    Some(why),
                ));
                order.cut(quantity);
            }
            kept.push((draft, order));
        }
        kept
    }

    /// The last stage. What passes counts as working from here on.
    fn approve(
        &mut self,
        chain: &mut Chain,
        account: AccountView,
        portfolio: Option<&mut Arc<Portfolio>>,
        mut draft: Draft,
        order: Screened,
    ) -> Disposition {
        let reducing = order.reducing();
        let proven = (reducing, order.flatten());
        let mut basis = self.basis(draft.key, proven, order.fitted(), account);
        basis.after = self
            .exposure
            .after(draft.key, &self.load(&order.order().request, reducing));
        let judge = Judge {
            basis,
            chain,
            portfolio: portfolio.as_deref(),
        };
        let approved = match order.approve(judge, &mut draft.verdicts) {
            Ok(approved) => approved,
            Err(refused) => {
                if let Some(rule) = &refused.halted_by {
                    self.raise(
                        TradingState::Halted,
                        &format!("rule:{rule}"),
                        &refused.denial,
                    );
                }
                return draft.rule(Ruling::Deny(refused.denial));
            }
        };
        if draft.replaces.is_some() {
            return draft.rule(Ruling::Send(approved));
        }
        let approval = Approval {
            owner: draft.key.owner,
            time: self.now,
            origin: draft.origin.clone(),
            reducing,
        };
        if let Err(error) = self.blotter.approve((*approved).clone(), approval) {
            let denial = denial("CLIENT_ORDER_ID_USED", error, "a new id", "");
            return draft.refuse("host:identity", denial);
        }
        let load = self.load(&approved.request, reducing);
        self.exposure.add(draft.key, &load);
        self.flow.count(reducing);
        if let Some(portfolio) = portfolio
            && let Some(working) = self.blotter.get(&approved.client_order_id)
        {
            Arc::make_mut(portfolio).open_orders.push(working.shown());
        }
        draft.rule(Ruling::Send(approved))
    }
}
