//! What became of a proposal, in one word.

use bulkhead_domain::order::Outcome;
use bulkhead_session::record::{ProposalRecord, VerdictRecord};
use serde::Serialize;

/// What became of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Refused by the AI provider.
    Vetoed,
    /// Refused by a host check or a risk rule.
    Denied,
    /// Not sent, and nobody refused it: it was sized to nothing.
    NotSent,
    /// Approved, but it did not reach the venue or may not have.
    Unconfirmed,
    /// Sent and working at the end of the session.
    Working,
    /// All of it filled.
    Filled,
    /// Part of it filled.
    PartlyFilled,
    /// Cancelled.
    Cancelled,
    /// Its time ran out.
    Expired,
    /// The venue refused it.
    Rejected,
}

/// Code of a veto that was heeded.
const VETO: &str = "AI_VETO";
/// Who says that an approved order did not reach the venue, or may not have.
const BROKER: &str = "broker";

impl Fate {
    /// Of a proposal.
    #[must_use]
    pub fn of(proposal: &ProposalRecord) -> Self {
        let sent = !proposal.sent.is_zero();
        match proposal.outcome {
            Some(Outcome::Filled) => Fate::Filled,
            Some(Outcome::PartiallyFilled) => Fate::PartlyFilled,
            Some(Outcome::Cancelled) => Fate::Cancelled,
            Some(Outcome::Expired) => Fate::Expired,
            Some(Outcome::Rejected) => Fate::Rejected,
            Some(Outcome::Accepted | Outcome::Triggered) => Fate::Working,
            None if sent && refused(proposal, |verdict| verdict.source == BROKER) => {
                Fate::Unconfirmed
            }
            None if sent => Fate::Working,
            None if proposal.verdicts.iter().any(|verdict| verdict.code == VETO) => Fate::Vetoed,
            None if refused(proposal, |_| true) => Fate::Denied,
            None => Fate::NotSent,
        }
    }
}

fn refused(proposal: &ProposalRecord, by: impl Fn(&VerdictRecord) -> bool) -> bool {
    proposal
        .verdicts
        .iter()
        .any(|verdict| matches!(verdict.verdict.as_str(), "reject" | "halt") && by(verdict))
}

/// Who gave a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Speaker {
    /// A check of the host.
    Host,
    /// The AI provider.
    Validator,
    /// The way to the venue.
    Broker,
    /// A risk rule.
    Rule,
}

impl Speaker {
    /// Whose verdict it is: the host's are named `host:<check>`, an AI provider's `ai:<provider>`.
    #[must_use]
    pub fn of(verdict: &VerdictRecord) -> Self {
        match verdict.source.split_once(':') {
            Some(("host", _)) => Speaker::Host,
            Some(("ai", _)) => Speaker::Validator,
            _ if verdict.source == BROKER => Speaker::Broker,
            _ => Speaker::Rule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Decimal;
    use bulkhead_domain::order::{OrderKind, Side};

    fn verdict(source: &str, verdict: &str) -> VerdictRecord {
        VerdictRecord {
            source: source.into(),
            verdict: verdict.into(),
            code: String::new(),
            observed: String::new(),
            limit: String::new(),
            text: String::new(),
        }
    }

    fn proposal(verdicts: Vec<VerdictRecord>, sent: i64) -> ProposalRecord {
        ProposalRecord {
            decision: "d1".into(),
            client_order_id: None,
            time: 0,
            owner: "ml-signal".into(),
            instrument: 0,
            side: Side::Buy,
            quantity: Decimal::TEN,
            sent: Decimal::from(sent),
            kind: OrderKind::Market,
            reason: String::new(),
            confidence: None,
            features: Vec::new(),
            models: Vec::new(),
            choices: Vec::new(),
            verdicts,
            outcome: None,
        }
    }

    #[test]
    fn a_veto_counts_only_where_it_was_heeded() {
        let mut advice = verdict("ai:rulebook", "disagree");
        let denied = proposal(vec![advice.clone(), verdict("limits", "reject")], 0);
        assert_eq!(Fate::of(&denied), Fate::Denied);
        advice.code = VETO.into();
        assert_eq!(Fate::of(&proposal(vec![advice], 0)), Fate::Vetoed);
    }

    #[test]
    fn what_nobody_refused_was_not_sent_or_still_works() {
        let approved = vec![verdict("limits", "approve")];
        assert_eq!(Fate::of(&proposal(approved.clone(), 0)), Fate::NotSent);
        assert_eq!(Fate::of(&proposal(approved, 5)), Fate::Working);
        let lost = vec![verdict("broker", "reject")];
        assert_eq!(Fate::of(&proposal(lost, 5)), Fate::Unconfirmed);
        let mut filled = proposal(Vec::new(), 5);
        filled.outcome = Some(Outcome::Filled);
        assert_eq!(Fate::of(&filled), Fate::Filled);
    }

    #[test]
    fn a_verdict_is_told_by_its_source() {
        let speaker = |source| Speaker::of(&verdict(source, "approve"));
        assert_eq!(speaker("host:size"), Speaker::Host);
        assert_eq!(speaker("ai:rulebook/rules"), Speaker::Validator);
        assert_eq!(speaker("broker"), Speaker::Broker);
        assert_eq!(speaker("limits"), Speaker::Rule);
    }
}
