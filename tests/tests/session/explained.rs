//! Every decision is kept with what it was made on, and can be made again.

use crate::stand::{Stand, Unwatched, small};
use bulkhead_domain::Problem;
use bulkhead_orchestrator::{Decision, Rederived, Standings, find_decision};
use bulkhead_session::find_proposal;
use bulkhead_store::{Statement, Store, StoreError};
use std::sync::atomic::AtomicBool;

const DECISION: &str = "UPDATE decisions SET record = $1 WHERE id = $2";

fn find(store: &Store, id: &str) -> Option<(Decision, Standings)> {
    bulkhead_store::wait(find_decision(store, id)).unwrap()
}

fn change(store: &Store, sql: &'static str, values: &[&str]) {
    let writer = store.writer().unwrap();
    let statement = values.iter().fold(Statement::new(sql), |sql, value| {
        sql.bind((*value).to_owned())
    });
    let written = writer.write(statement);
    written.and_then(|()| writer.flush()).unwrap();
}

#[test]
fn decisions_are_found_again_rederive_the_same_and_betray_a_forgery() {
    let stand = Stand::new();
    let store = stand.store();
    let prepared = stand.prepare(&small());
    let never = AtomicBool::new(false);
    let ran = prepared
        .run(
            stand.run(&never, Some(&store), &stand.gate(&store)),
            &mut Unwatched,
        )
        .unwrap_or_else(|problem| panic!("{problem}"));

    let views: Vec<_> = ran.views.values().flatten().collect();
    assert!(views.len() > 1000, "{}", views.len());
    let mut winners = 0;
    for view in views.iter().step_by(7) {
        let (decision, standings) = find(&store, &view.decision.id).unwrap();
        assert_eq!(decision, view.decision);
        assert_eq!(standings, *view.standings);
        assert_eq!(decision.rederive(&standings), Rederived::Same);
        winners += u32::from(decision.choice.winner.is_some());
    }
    assert!(winners > 10, "{winners}");

    assert!(!ran.record.proposals.is_empty());
    for proposal in &ran.record.proposals {
        let found = bulkhead_store::wait(find_proposal(&store, &proposal.decision))
            .unwrap()
            .unwrap();
        let text = |one| serde_json::to_string(one).unwrap();
        assert_eq!(text(&found), text(proposal));
    }
    assert!(find(&store, "p-0000000000000000").is_none());

    // Somebody makes it look as if the other candidate had won.
    let view = views
        .iter()
        .find(|view| view.decision.choice.winner.is_some())
        .unwrap();
    let mut forged = view.decision.clone();
    forged.choice.winner = forged.choice.winner.map(|winner| 1 - winner);
    let record = serde_json::to_string(&forged).unwrap();
    change(&store, DECISION, &[&record, &forged.id]);
    let (decision, standings) = find(&store, &forged.id).unwrap();
    assert_eq!(
        decision.rederive(&standings),
        Rederived::Different(view.decision.choice.clone())
    );

    // Or makes the figures look better than they were.
    let poor = views
        .iter()
        .rev()
        .find(|view| view.decision.choice.winner.is_none());
    let poor = poor.unwrap();
    let mut forged = (*poor.standings).clone();
    for standing in &mut forged.candidates {
        standing.unavailable = None;
        standing.score = Some(0.5);
        standing.skill = Some(bulkhead_session::record::Interval {
            value: 0.5,
            lower: 0.4,
            upper: 0.6,
        });
    }
    let record = serde_json::to_string(&forged).unwrap();
    let sql = "UPDATE standings SET record = $1 WHERE id = $2";
    change(&store, sql, &[&record, &forged.id.to_string()]);
    let (decision, standings) = find(&store, &poor.decision.id).unwrap();
    assert_eq!(decision, poor.decision);
    assert!(matches!(
        decision.rederive(&standings),
        Rederived::Different(choice) if choice.winner == Some(0)
    ));

    // A record that is no record is a clear failure of the host's, not an answer.
    let id = &poor.decision.id;
    change(&store, DECISION, &["{", id]);
    let error: StoreError = bulkhead_store::wait(find_decision(&store, id)).unwrap_err();
    let problem = Problem::from(error);
    assert_eq!(problem.exit_code(), 1, "{problem}");
}

#[test]
fn the_newest_run_of_a_session_explains_it() {
    let stand = Stand::new();
    let store = stand.store();
    let prepared = stand.prepare(&crate::stand::plain());
    let never = AtomicBool::new(false);
    let mut last = None;
    // More than ten, so that runs are not ordered by their names.
    for _ in 0..11 {
        let ran = prepared
            .run(
                stand.run(&never, Some(&store), &stand.gate(&store)),
                &mut Unwatched,
            )
            .unwrap_or_else(|problem| panic!("{problem}"));
        last = Some(ran);
    }
    let last = last.unwrap();
    let proposal = last.record.proposals[0].clone();
    let mut newest = proposal.clone();
    newest.reason = "said in the last run".to_owned();
    let sql = "UPDATE proposals SET record = $1 WHERE decision = $2 AND run = $3";
    let record = serde_json::to_string(&newest).unwrap();
    change(
        &store,
        sql,
        &[&record, &proposal.decision, &last.run.unwrap()],
    );
    let found = bulkhead_store::wait(find_proposal(&store, &proposal.decision))
        .unwrap()
        .unwrap();
    assert_eq!(found.reason, newest.reason);
}
