//! A session that was recorded, run again by the engine: its decisions are named as in the session, what an AI provider
//! kept back is kept back, and what is decided is put down in the session's form.

use super::{Backtest, Ended, Feed, Line, Outcome, Setup, Tape};
use crate::intents::Want;
use crate::record::{FillRecord, ProposalRecord};
use crate::recorder::Recorder;
use crate::session::trade_name;
use bulkhead_domain::Problem;
use bulkhead_domain::order::OrderRequest;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;

/// What a run repeats, and what it puts down.
pub(crate) struct Again {
    session: String,
    /// Decisions whose entry was kept back.
    vetoed: BTreeSet<String>,
    pub(super) recorder: Recorder,
}

/// What came of a session that was run again.
pub(crate) struct Repeated {
    pub(crate) outcome: Outcome,
    pub(crate) proposals: Vec<ProposalRecord>,
    pub(crate) fills: Vec<FillRecord>,
    /// The last moment that it came to.
    pub(crate) last: i64,
}

impl Again {
    /// Repeats the session of this id.
    pub(crate) fn new(session: &str, vetoed: BTreeSet<String>) -> Again {
        Again {
            session: session.to_owned(),
            vetoed,
            recorder: Recorder::new(session, None),
        }
    }

    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// Names a decision as the session does.
    pub(super) fn decision(&self, run: &Backtest<'_>, number: usize, want: &Want) -> String {
        let line = want.request.as_ref();
        let line = line.and_then(|request| run.line(request.instrument));
        let symbol = line.map_or("", |line| line.instrument.symbol.as_str());
        trade_name(&self.session, &want.owner, symbol, run.now, number)
    }

    /// Puts down what is wanted. What is left of it where somebody kept the entry back.
    pub(super) fn heed(
        &mut self,
        want: &mut Want,
        request: OrderRequest,
        time: i64,
    ) -> Option<OrderRequest> {
        let vetoed = self.vetoed.contains(&want.decision);
        self.recorder.propose(want, &request, time, None, vetoed);
        if !vetoed {
            return Some(request);
        }
        want.request = Some(request);
        let left = want.exit_alone();
        want.request = None;
        left
    }
}

impl Backtest<'_> {
    /// Every feature of an instrument, as a session records them.
    pub(super) fn all_features(&self, line: &Line) -> Vec<(String, Option<f64>)> {
        let names = line.features.iter().flat_map(|features| features.names());
        let values = line.row.iter();
        names
            .zip(values)
            .map(|(name, value)| (name.clone(), value.is_finite().then_some(*value)))
            .collect()
    }
}

/// Runs a session again. What fails in it is how it ended.
///
/// # Errors
/// As [`Backtest::new`] and [`Backtest::run`].
pub(crate) fn run_again(
    setup: Setup,
    again: Again,
    feed: &mut Feed<'_>,
    progress: impl FnMut(u64, i64),
) -> Result<Repeated, Problem> {
    /// Everything is put down already.
    struct Nowhere;
    impl Tape for Nowhere {
        fn moment(&mut self, _: &super::Moment, _: super::Standing) -> Result<(), Problem> {
            Ok(())
        }
    }
    let mut tape = Nowhere;
    let mut run = Backtest::made(setup, &mut tape, Some(again))?;
    let outcome = run.drive(feed, &AtomicBool::new(false), progress)?;
    let last = run.now;
    let recorder = run.again.take().map(|again| again.recorder);
    let (proposals, fills) = recorder
        .map(|recorder| (recorder.proposals, recorder.fills))
        .unwrap_or_default();
    debug_assert!(outcome.ended != Ended::Interrupted);
    Ok(Repeated {
        outcome,
        proposals,
        fills,
        last,
    })
}
