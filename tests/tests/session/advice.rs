//! The AI provider's veto: heeded, only recorded, absent.

use crate::stand::{Stand, assert_same_session, small};
use bulkhead_session::config::StrategyConfig;
use bulkhead_session::record::{ProposalRecord, SessionRecord};

fn vetoed(proposal: &ProposalRecord) -> bool {
    let mut verdicts = proposal.verdicts.iter();
    verdicts.any(|verdict| verdict.code == "AI_VETO")
}

fn disagreed(proposal: &ProposalRecord) -> bool {
    let mut verdicts = proposal.verdicts.iter();
    verdicts.any(|verdict| verdict.source.starts_with("ai:") && verdict.verdict == "disagree")
}

fn first(record: &SessionRecord) -> &ProposalRecord {
    record.proposals.iter().find(|one| disagreed(one)).unwrap()
}

#[test]
fn a_disagreement_keeps_an_entry_back_only_where_it_is_heeded() {
    let stand = Stand::new();
    let mut config = small();
    // Nervous enough for the rulebook to have something to say.
    config.strategies.push(StrategyConfig {
        name: "nervous".to_owned(),
        config: crate::stand::table("fast = 1\nslow = 3\nsize = \"20\""),
        ..config.strategies[0].clone()
    });
    let prepared = stand.prepare(&config);
    let ran = stand.ran(&prepared, true, None);
    let heeded = ran.record;
    assert!(heeded.validation);
    assert!(heeded.totals.vetoed > 0);
    let held_back: Vec<_> = heeded.proposals.iter().filter(|one| vetoed(one)).collect();
    assert_eq!(held_back.len() as u64, heeded.totals.vetoed);
    for proposal in held_back {
        assert!(
            proposal.sent.is_zero() && proposal.outcome.is_none(),
            "{proposal:?}"
        );
        let verdict = &proposal.verdicts[0];
        assert_eq!(verdict.source, "ai:rulebook/rulebook");
        assert!(
            verdict.text.contains("not by a language model"),
            "{verdict:?}"
        );
    }

    // The same session, its verdicts only recorded: the same first disagreement, and the order goes out.
    let unheeded = stand.ran(&prepared, false, None).record;
    assert!(!unheeded.validation);
    assert_eq!(unheeded.totals.vetoed, 0);
    let (with, without) = (first(&heeded), first(&unheeded));
    let key = |one: &ProposalRecord| (one.time, one.owner.clone(), one.instrument, one.quantity);
    assert_eq!(key(with), key(without));
    assert!(
        with.sent.is_zero() && !without.sent.is_zero(),
        "{without:?}"
    );
    assert!(unheeded.proposals.iter().all(|one| !vetoed(one)));
    assert_ne!(heeded.digest, unheeded.digest);

    // Repeating what the models said instead of learning again changes nothing.
    let repeated = stand.ran(&prepared, false, Some(ran.views)).record;
    assert_same_session(&unheeded, &repeated);

    // Exits are nobody's to veto.
    let exits = heeded
        .fills
        .iter()
        .filter(|fill| fill.side.sign().is_sign_negative());
    assert!(exits.count() > 0);
    for proposal in heeded
        .proposals
        .iter()
        .filter(|one| one.side.sign().is_sign_negative())
    {
        assert!(!vetoed(proposal), "{proposal:?}");
    }

    // Nobody asked: no verdict of an AI provider anywhere.
    config.validation = None;
    let alone = stand.record(&config);
    let mut verdicts = alone.proposals.iter().flat_map(|one| &one.verdicts);
    assert!(verdicts.all(|verdict| !verdict.source.starts_with("ai:")));
    assert!(!alone.validation);
}
