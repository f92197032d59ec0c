//! A strategy's whole-series form: its targets, computed ahead in chunks, audited, and then traded like any strategy's.
//!
//! Promises: what is traded goes through the same engine, desk and venue as any strategy; targets in which an audit finds
//! look-ahead are not traded at all. The audit looks at [`CUTS`] places of the first chunk and one of each further chunk
//! (module [`crate::audit::lookahead`]). It is no proof, and the result is labelled so.
//!
//! Bounds: one chunk of bars with the warm-up before it is in memory at a time, and one entry for each change of a target.
//! A strategy that does not say how much warm-up it needs gets its series in one piece of at most [`WHOLE`] bars.

use crate::audit::{Subject as _, Targets, lookahead};
use bulkhead_domain::number::from_f64;
use bulkhead_domain::order::{Bar, InstrumentHandle};
use bulkhead_domain::strategy::{Intent, Requirements, Slice, State};
use bulkhead_domain::{Problem, Timestamp, Value};
use bulkhead_sandbox::StrategyPlugin;
use bulkhead_session::backtest::{Feed, Moment, Trader};
use std::collections::BTreeMap;

/// Bars in a chunk.
const CHUNK: usize = 65_536;
/// Most bars of a strategy that does not say how much warm-up it needs.
const WHOLE: usize = 250_000;
/// Places at which the first chunk is audited.
const CUTS: usize = 8;
/// In a strategy's requirements: how many bars before a chunk its whole-series form needs.
const WARM_UP: &str = "vectorised-warm-up";

/// An instrument's targets where they change, by close of the bar.
type Changes = Vec<(i64, f64)>;

/// Trades targets that were computed ahead.
pub(crate) struct Planned {
    requirements: Requirements,
    lines: BTreeMap<InstrumentHandle, Line>,
}

/// One instrument's targets, and the first that has not come yet.
#[derive(Default)]
struct Line {
    changes: Changes,
    next: usize,
}

/// Computes and audits the targets of one strategy.
pub(crate) struct Planner<'a> {
    plugin: &'a StrategyPlugin,
    config: &'a str,
    grants: &'a bulkhead_sandbox::Grants,
    requirements: Requirements,
    warm_up: Option<usize>,
    seed: u64,
    audited: bool,
    cuts: u64,
    lines: BTreeMap<InstrumentHandle, Line>,
}

impl<'a> Planner<'a> {
    /// For a strategy with what an instance of it asks for.
    ///
    /// # Errors
    /// A strategy without a whole-series form, or one that needs what its columns do not have.
    pub(crate) fn new(
        plugin: &'a StrategyPlugin,
        terms: &'a bulkhead_sandbox::Setup,
        requirements: &Requirements,
        seed: u64,
    ) -> Result<Planner<'a>, Problem> {
        let id = &plugin.manifest().id;
        if plugin.vectorised(&terms.grants)?.is_none() {
            return Err(Problem::user(
                format!("strategy {id} has no whole-series form"),
                "run it without --vectorised, or export it with `vectorised`",
            ));
        }
        if let Some(needed) = requirements
            .features
            .iter()
            .chain(&requirements.models)
            .next()
        {
            return Err(Problem::user(
                format!(
                    "strategy {id} needs {needed}, which has no column in its whole-series form"
                ),
                "run it without --vectorised",
            ));
        }
        let declared = requirements.extra.iter().find(|(name, _)| name == WARM_UP);
        let warm_up = match declared {
            None => None,
            Some((_, Value::Integer(bars))) if (0..=WHOLE as i64).contains(bars) => {
                usize::try_from(*bars).ok()
            }
            Some((_, other)) => {
                return Err(Problem::user(
                    format!("strategy {id} declares a {WARM_UP} of {other:?}"),
                    format!("correct the plugin: a whole number up to {WHOLE}"),
                ));
            }
        };
        Ok(Planner {
            plugin,
            config: &terms.config,
            grants: &terms.grants,
            requirements: Requirements {
                delivery: bulkhead_domain::strategy::Delivery::Bar,
                ..requirements.clone()
            },
            warm_up,
            seed,
            audited: true,
            cuts: 0,
            lines: BTreeMap::new(),
        })
    }

    /// Without an audit, for runs of which only one will be used, which is audited then.
    pub(crate) fn unaudited(self) -> Planner<'a> {
        Planner {
            audited: false,
            ..self
        }
    }

    /// Computes and audits an instrument's targets on what a feed of it alone gives.
    ///
    /// # Errors
    /// A strategy that fails or looks ahead, bars that cannot be read, or too many of them at once.
    pub(crate) fn add(
        &mut self,
        instrument: InstrumentHandle,
        symbol: &str,
        mut feed: Feed<'_>,
    ) -> Result<(), Problem> {
        let (chunk, keep) = match self.warm_up {
            Some(warm_up) => (CHUNK, warm_up),
            None => (WHOLE, 0),
        };
        let mut changes = Changes::new();
        let mut past: Vec<Bar> = Vec::new();
        let mut bars: Vec<Bar> = Vec::with_capacity(chunk.min(CHUNK));
        let mut moment = Moment::default();
        let mut first = true;
        // What it wants before it is warm counts once it is.
        let (mut seen, mut wanted, warm) = (0_u32, 0.0, self.requirements.warm_up);
        loop {
            let more = feed.advance(&mut moment)?;
            if more {
                bars.extend(moment.steps.iter().map(|step| step.bar));
            }
            if bars.is_empty() || (more && bars.len() < chunk) {
                if more {
                    continue;
                }
                break;
            }
            if self.warm_up.is_none() && !first {
                return Err(Problem::user(
                    format!(
                        "{symbol} has more than {WHOLE} bars, and the strategy does not say how many before a bar its whole-series form needs"
                    ),
                    "declare it with `with_vectorised_warm_up`, shorten the span, or run it without --vectorised",
                ));
            }
            for (bar, target) in bars.iter().zip(self.chunk(symbol, &past, &bars, first)?) {
                seen = seen.saturating_add(1);
                if target != wanted && seen > warm {
                    wanted = target;
                    changes.push((bar.time, target));
                }
            }
            first = false;
            past.append(&mut bars);
            past.drain(..past.len().saturating_sub(keep));
            if !more {
                break;
            }
        }
        let line = Line {
            changes,
            ..Line::default()
        };
        self.lines.insert(instrument, line);
        Ok(())
    }

    /// The targets of a chunk, audited.
    fn chunk(
        &mut self,
        symbol: &str,
        past: &[Bar],
        bars: &[Bar],
        first: bool,
    ) -> Result<Vec<f64>, Problem> {
        let targets = Targets::new(self.plugin, self.config, self.grants, self.warm_up);
        let at = |problem: Problem| {
            let from = bars.first().map_or(0, |bar| bar.time);
            let what = format!("{symbol} from {}: {}", Timestamp(from), problem.what);
            Problem { what, ..problem }
        };
        let whole = targets.rows(past, bars).map_err(at)?;
        let seed = self.seed ^ bars.first().map_or(0, |bar| bar.time.cast_unsigned());
        let count = match (self.audited, first) {
            (false, _) => 0,
            (true, true) => CUTS,
            (true, false) => 1,
        };
        for cut in lookahead::places(&whole, 1, bars.len(), count, seed) {
            self.cuts += 1;
            let found = lookahead::check(&targets, (past, bars), &whole, cut).map_err(at)?;
            if let Some(finding) = found {
                return Err(Problem::user(
                    format!(
                        "strategy {} looks ahead: on {symbol}, its {finding}",
                        self.plugin.manifest().id
                    ),
                    match finding.change {
                        lookahead::Change::Divided => {
                            "correct the plugin: its targets may depend on nothing but the bars of the warm-up it declares"
                        }
                        _ => "correct the plugin: a target may depend on no later bar",
                    },
                ));
            }
        }
        Ok(whole)
    }

    /// Who trades the targets, and at how many places they were audited.
    pub(crate) fn finish(self) -> (Planned, u64) {
        let planned = Planned {
            requirements: self.requirements,
            lines: self.lines,
        };
        (planned, self.cuts)
    }
}

impl Trader for Planned {
    fn requirements(&self) -> &Requirements {
        &self.requirements
    }

    fn pulls(&self) -> bool {
        true
    }

    fn on_bar(
        &mut self,
        instrument: InstrumentHandle,
        bar: &Bar,
        _state: &State,
    ) -> Result<Vec<Intent>, Problem> {
        let Some(line) = self.lines.get_mut(&instrument) else {
            return Ok(Vec::new());
        };
        let Some((_, target)) = line
            .changes
            .get(line.next)
            .filter(|(time, _)| *time == bar.time)
        else {
            return Ok(Vec::new());
        };
        line.next += 1;
        let quantity = from_f64(*target).ok_or_else(|| {
            Problem::user(
                format!("a target of {target} is no quantity"),
                "correct the plugin",
            )
        })?;
        Ok(vec![Intent::Target {
            instrument,
            quantity,
            confidence: None,
            reason: "target of the whole series".to_owned(),
        }])
    }

    fn quiet_until(&self) -> Option<i64> {
        let next = |line: &Line| line.changes.get(line.next).map(|(time, _)| *time);
        Some(
            self.lines
                .values()
                .filter_map(next)
                .min()
                .unwrap_or(i64::MAX),
        )
    }

    fn on_slice(&mut self, _slice: &Slice) -> Result<Vec<Intent>, Problem> {
        Ok(Vec::new())
    }
}
