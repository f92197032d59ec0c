//! Bars laid out for a trader that takes them itself, where nothing but the trader has a say in what comes next.
//!
//! While nothing works at the venue and no order comes, positions and cash stand still, so what a trader is told at each of
//! the bars ahead follows from them. Several bars are laid out, the trader takes them one after the other in one call, and the
//! run then goes through the moments it took with its answers known. What it leaves lies there for the next time, and is laid
//! out anew from what positions are then.
//!
//! Promises: a run comes to the same as one that asks the trader at each bar. A moment with actions, with anything carried
//! over a session's end, or with something held whose price is too old is not laid out: there the host comes first.
//!
//! Bounds: at most [`MOST`] bars are read ahead; that only the host has seen them is the sandbox's promise.

use super::trader::{Actor, Failure};
use super::{Backtest, Feed, Moment};
use bulkhead_domain::Problem;
use bulkhead_domain::order::Step;
use bulkhead_domain::strategy::{Intent, Tick};
use std::collections::VecDeque;

/// Bars that are laid out first, and after the trader wanted something; twice as many each time it took them all.
const FIRST: usize = 16;
/// Most bars that are laid out at once.
const MOST: usize = 512;

/// What a trader answered at a moment before it came to it.
pub(super) type Answer = Result<Vec<Intent>, Failure>;

/// Moments that have been read and not been gone through.
#[derive(Default)]
pub(super) struct Ahead {
    moments: VecDeque<Moment>,
    /// Moments that are done with, for their memory.
    spare: Vec<Moment>,
    /// How many of the moments the trader has taken, and its answer at the last of them.
    answered: usize,
    last: Option<Answer>,
    /// What the feed came to behind the moments.
    end: Option<Result<(), Problem>>,
    most: usize,
    ticks: Vec<Tick>,
    /// Bars laid out up to the end of each moment.
    ends: Vec<usize>,
    /// Closes, by line.
    closes: Vec<f64>,
}

/// Whether nothing but bars comes with a moment.
pub(super) fn is_plain(moment: &Moment, carries: bool) -> bool {
    let plain = |step: &Step| step.actions.is_empty() && !(step.session_end && carries);
    moment.steps.iter().all(plain)
}

impl Ahead {
    pub(super) fn new() -> Ahead {
        Ahead {
            most: FIRST,
            ..Ahead::default()
        }
    }

    /// Whether there is a moment at this place; it is read where it has not been.
    fn has(&mut self, place: usize, feed: &mut Feed<'_>) -> bool {
        while self.moments.len() <= place && self.end.is_none() {
            let mut moment = self.spare.pop().unwrap_or_default();
            match feed.advance(&mut moment) {
                Ok(true) => self.moments.push_back(moment),
                Ok(false) => self.end = Some(Ok(())),
                Err(problem) => self.end = Some(Err(problem)),
            }
        }
        self.moments.len() > place
    }

    /// The next moment, with the trader's answer where it has been asked; nothing at the end.
    ///
    /// # Errors
    /// What the feed came to.
    pub(super) fn next(
        &mut self,
        run: &mut Backtest<'_>,
        feed: &mut Feed<'_>,
    ) -> Result<Option<(Moment, Option<Answer>)>, Problem> {
        if !self.has(0, feed) {
            return self.end.clone().unwrap_or(Ok(())).map(|()| None);
        }
        if self.answered == 0 && run.waits_for_nobody() {
            self.ask(run, feed);
        }
        let answer = match self.answered {
            0 => None,
            1 => {
                self.answered = 0;
                Some(self.last.take().unwrap_or(Ok(Vec::new())))
            }
            _ => {
                self.answered -= 1;
                Some(Ok(Vec::new()))
            }
        };
        Ok(self.moments.pop_front().map(|moment| (moment, answer)))
    }

    /// Takes back a moment that is done with.
    pub(super) fn done(&mut self, moment: Moment) {
        self.spare.push(moment);
    }

    /// Finds out what the trader wants at the moments ahead.
    fn ask(&mut self, run: &mut Backtest<'_>, feed: &mut Feed<'_>) {
        match run.actors.first().and_then(Actor::quiet_until) {
            Some(until) => self.pass(until, run, feed),
            None => self.lay_out(run, feed),
        }
    }

    /// Passes moments at which the trader wants nothing, as it says itself.
    fn pass(&mut self, until: i64, run: &mut Backtest<'_>, feed: &mut Feed<'_>) {
        while self.answered < MOST && self.has(self.answered, feed) {
            let (Some(moment), Some(actor)) =
                (self.moments.get(self.answered), run.actors.first_mut())
            else {
                break;
            };
            if moment.time >= until || !is_plain(moment, run.venue.carries()) {
                break;
            }
            actor.pass(moment);
            self.answered += 1;
        }
        self.last = Some(Ok(Vec::new()));
    }

    /// Lays bars out and has the trader take them.
    fn lay_out(&mut self, run: &mut Backtest<'_>, feed: &mut Feed<'_>) {
        self.ticks.clear();
        self.ends.clear();
        self.closes.clear();
        self.closes.extend(run.lines.iter().map(|line| line.close));
        let mut times: Vec<i64> = Vec::new();
        if run.account.exposed && run.lines.len() > 1 {
            times.extend(run.lines.iter().map(|line| line.time));
        }
        while self.ticks.len() < self.most && self.has(self.ends.len(), feed) {
            let Some(moment) = self.moments.get(self.ends.len()) else {
                break;
            };
            let Some(standing) = run.foreseen(moment, &mut self.closes, &mut times) else {
                break;
            };
            let Some(actor) = run.actors.first() else {
                break;
            };
            actor.lay_out(moment, standing, &mut self.ticks);
            self.ends.push(self.ticks.len());
        }
        let Some(actor) = run.actors.first_mut() else {
            return;
        };
        let (mut taken, mut answer) = actor.pull(&self.ticks);
        let all = taken == self.ticks.len();
        // Whoever shares the moment of the last bar it took is asked there too.
        self.answered = match self.ends.iter().position(|end| *end >= taken) {
            Some(place) if taken > 0 => place + 1,
            _ => 0,
        };
        let end = self
            .ends
            .get(self.answered.wrapping_sub(1))
            .copied()
            .unwrap_or(taken);
        while let Ok(intents) = &mut answer
            && let Some(rest) = self.ticks.get(taken..end).filter(|rest| !rest.is_empty())
        {
            let (more, also) = actor.pull(rest);
            taken += more;
            match also {
                Ok(also) => intents.extend(also),
                Err(failure) => answer = Err(failure),
            }
        }
        if all && matches!(&answer, Ok(intents) if intents.is_empty()) {
            // Moments without a bar of the trader's at the end are answered as well.
            self.answered = self.ends.len();
            self.most = (2 * self.most).min(MOST);
        } else {
            self.most = FIRST;
        }
        self.last = Some(answer);
    }
}
