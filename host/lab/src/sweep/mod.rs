//! Sweeps: a strategy with many combinations of its parameters, the best of them, and what that is worth.
//!
//! Promises: the outcome depends on plan, data and seed alone, not on threads, on the order in which parameters are named,
//! or on how often the sweep was killed and gone on with: nothing is lost and nothing run twice (module `log`). Every
//! combination whose performance was seen is in the ledger of trials before it is told of, and deflates the Sharpe ratio of
//! the best. Where whole-series forms are traded, the best one is audited before it is told of.
//!
//! Bounds: bars are in memory, shared by all threads; of combinations the best, bounded tables and one round are (module
//! `tally`), and eight bytes each where they are drawn.

mod csv;
mod ground;
mod log;
mod page;
mod result;
mod row;
mod search;
mod space;
mod tally;
mod variant;
mod walk;

pub use self::result::{FORMAT, Neighbours, SCHEMA, SweepResult, Written};
pub use self::row::{Ending, Figures, Objective, Row};
pub use self::search::Search;
pub use self::space::{Axis, Space, Values};
pub use self::tally::Counts;
pub use self::walk::{Closes, Fold, Walk, WalkForward};

use self::ground::{Ground, Hopeless, Ran, Span, Stopped};
use self::log::{Entry, Log};
use self::search::Proposer;
use self::tally::Tally;
use crate::backtest::{Data, Settings};
use crate::trials::ledger::{Combination, Ledger};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_registry::Registry;
use bulkhead_session::learning::parallel::parallel;
use serde_json::{Map, Value};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Combinations of draws where nobody says how many.
pub const COMBINATIONS: u64 = 200;
/// Where equity is looked at for giving up, in parts of the span.
const MARKS: [f64; 3] = [0.25, 0.5, 0.75];
/// Equities at a mark that have to be known before any is given up.
const ENOUGH: usize = 12;
/// Equities at a mark that are kept.
const KEPT: usize = 512;

/// What is to be swept.
pub struct Plan<'a> {
    /// Where plugins come from.
    pub registry: &'a Registry,
    /// Id of the strategy, or the path of a `.wasm` file.
    pub strategy: &'a str,
    /// Parameters that are not varied.
    pub parameters: Map<String, Value>,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// What every run is run under; its seed is that of the search too.
    pub settings: &'a Settings,
    /// How combinations are chosen.
    pub search: Search,
    /// How many; a grid has all of them without.
    pub combinations: Option<u64>,
    /// What is to be large.
    pub objective: Objective,
    /// Closed trades below which a run has no objective.
    pub min_trades: u64,
    /// Whether runs are given up whose equity at a quarter, half or three quarters of the span is below the median of
    /// those before.
    pub prune: bool,
    /// Spans to try the best on, each behind where it was searched; everything is searched without.
    pub walk: Option<Walk>,
    /// Threads.
    pub threads: usize,
    /// The hypothesis that it belongs to.
    pub family: &'a str,
    /// Where every combination is put down.
    pub ledger: &'a Ledger,
    /// The moment.
    pub now: Timestamp,
    /// Where the bars came from: no part of the digest.
    pub source: Value,
    /// The folder that log and results go to.
    pub folder: &'a Path,
}

/// How far a sweep is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Combinations run, of all folds.
    pub done: u64,
    /// The best objective so far in the fold at hand.
    pub best: Option<f64>,
}

/// Who is told how far it is, from any thread.
pub type Told<'a> = dyn Fn(Progress) + Sync + 'a;

/// How many combinations a sweep has at most, all folds together.
///
/// # Errors
/// A grid over numbers between two, or none to run.
pub fn planned(plan: &Plan<'_>) -> Result<u64, Problem> {
    let space = Space::new(plan.axes.clone())?;
    let folds = plan.walk.map_or(1, |walk| walk.folds as u64);
    Ok(total(plan, &space)?.saturating_mul(folds))
}

fn total(plan: &Plan<'_>, space: &Space) -> Result<u64, Problem> {
    let size = space.size();
    if plan.combinations == Some(0) {
        return Err(Problem::user("--combinations is 0", "give one or more"));
    }
    match (plan.search, size) {
        (Search::Grid, None) => Err(Problem::user(
            "a grid needs values to list, and a parameter varies between two numbers",
            "give a step as in FROM..TO:STEP, or --search random or tpe",
        )),
        (Search::Grid, Some(size)) => match plan.combinations {
            Some(most) if most < size => Err(Problem::user(
                format!("the grid has {size} combinations, and --combinations is {most}"),
                "give fewer values, or --search random or tpe",
            )),
            _ => Ok(size),
        },
        (Search::Random | Search::Tpe, size) => {
            let wanted = plan.combinations.unwrap_or(COMBINATIONS);
            Ok(size.map_or(wanted, |size| wanted.min(size)))
        }
    }
}

/// Runs a sweep over bars, one entry a symbol, or goes on with it.
///
/// # Errors
/// What is wrong with the plan; a log or ledger that cannot be used; being stopped, which loses nothing.
pub fn run(
    plan: &Plan<'_>,
    data: Data,
    stop: &AtomicBool,
    told: &Told<'_>,
) -> Result<(SweepResult, Written), Problem> {
    let space = Space::new(plan.axes.clone())?;
    let total = total(plan, &space)?;
    let wanted = (plan.objective, plan.min_trades);
    let ground = Ground::new(plan.registry, plan.strategy, data, plan.settings, wanted)?;
    check(&ground, &space, plan)?;
    crate::report::publish::prepare(plan.folder)?;
    let whole = ground.span()?;
    let sweep = Sweep {
        digest: digest(&ground, &space, plan, total)?,
        ground: &ground,
        space: &space,
        plan,
        total,
        whole,
        stop,
        told,
        done: AtomicU64::new(0),
        cuts: AtomicU64::new(0),
    };
    let (tally, walk) = match plan.walk {
        None => (sweep.search(whole, "combinations.jsonl")?, None),
        Some(walk) => {
            let (tally, walk) = sweep.walk(walk)?;
            (tally, Some(walk))
        }
    };
    if walk.is_none() {
        sweep.audit(tally.top.first(), whole)?;
    }
    result::finish(&sweep, &tally, walk)
}

/// That every parameter is one of the strategy's, a rule's or a model's, and takes its values.
fn check(ground: &Ground<'_>, space: &Space, plan: &Plan<'_>) -> Result<(), Problem> {
    let schema = &ground.plugin().manifest().config_schema;
    let known: Vec<&str> = schema
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().map(String::as_str).collect())
        .unwrap_or_default();
    for axis in space.axes() {
        if !known.contains(&axis.name.as_str()) && !ground.is_beside(&axis.name) {
            let id = &ground.plugin().manifest().id;
            return Err(Problem::user(
                format!("--vary {}: strategy {id} has no such parameter", axis.name),
                match known.as_slice() {
                    [] => "vary a rule's or model's, as risk.RULE.SETTING or model.ALIAS.SETTING"
                        .to_owned(),
                    known => format!(
                        "vary one of: {}; or a rule's or model's, as risk.RULE.SETTING or model.ALIAS.SETTING",
                        known.join(", ")
                    ),
                },
            ));
        }
        let ends: Vec<Value> = match &axis.values {
            Values::Listed(values) => values.clone(),
            Values::Between { low, high } => [*low, *high]
                .into_iter()
                .filter_map(space::number_between)
                .collect(),
        };
        for value in ends {
            let mut parameters = plan.parameters.clone();
            parameters.insert(axis.name.clone(), value);
            ground.check(&parameters).map_err(|problem| Problem {
                what: format!("--vary {}: {}", axis.name, problem.what),
                ..problem
            })?;
        }
    }
    Ok(())
}

/// Over everything that decides what the sweep comes to.
fn digest(
    ground: &Ground<'_>,
    space: &Space,
    plan: &Plan<'_>,
    total: u64,
) -> Result<Digest, Problem> {
    let axes: Vec<Value> = space.axes().iter().map(result::axis).collect();
    let rest = serde_json::json!({
        "axes": axes,
        "parameters": plan.parameters,
        "search": plan.search,
        "total": total,
        "objective": plan.objective,
        "min-trades": plan.min_trades,
        "prune": plan.prune,
        "walk": plan.walk,
    });
    let mut builder = DigestBuilder::new();
    builder.part("ground", ground.digest()?.bytes());
    builder.part("plan", rest.to_string().as_bytes());
    Ok(builder.finish())
}

/// A sweep at work.
struct Sweep<'a> {
    digest: Digest,
    ground: &'a Ground<'a>,
    space: &'a Space,
    plan: &'a Plan<'a>,
    total: u64,
    whole: Span,
    stop: &'a AtomicBool,
    told: &'a Told<'a>,
    done: AtomicU64,
    /// Places at which the best were audited.
    cuts: AtomicU64,
}

impl Sweep<'_> {
    /// Searches a span.
    fn search(&self, span: Span, log: &str) -> Result<Tally, Problem> {
        let names = self.space.axes().iter().map(|axis| axis.name.clone());
        let mut log = Log::open(&self.plan.folder.join(log), self.digest, names.collect())?;
        let seed = self.plan.settings.seed;
        let mut proposer = Proposer::new(self.space, self.plan.search, self.total, seed)?;
        let mut tally = Tally::new(self.space);
        let mut marks = Marks::new(self.ground, span, self.plan.prune);
        loop {
            let round = proposer.round();
            let Some((last, _)) = round.last() else {
                return Ok(tally);
            };
            let mut entries = log.known(last + 1)?;
            let is_known =
                |number: u64| entries.iter().any(|(entry, _)| entry.row.number == number);
            let missing: Vec<_> = round
                .iter()
                .filter(|(number, _)| !is_known(*number))
                .cloned()
                .collect();
            self.tell(entries.len() as u64, &tally);
            let ran = self.round(&missing, span, &marks.least(), &mut log, &tally)?;
            entries.extend(ran);
            entries.sort_by_key(|(entry, _)| entry.row.number);
            let same = entries.len() == round.len()
                && entries
                    .iter()
                    .zip(&round)
                    .all(|((entry, _), (number, point))| {
                        (entry.row.number, &entry.row.values) == (*number, point)
                    });
            if !same {
                return Err(Problem::user(
                    "the sweep's log holds other combinations than those that were asked for",
                    "move the folder away and begin anew",
                )
                .in_file(self.plan.folder));
            }
            self.put_down(&entries)?;
            for (entry, line) in entries {
                proposer.tell(&entry.row.values, entry.row.objective.map(|value| -value));
                marks.take(&entry.interim);
                tally.take(self.space, entry.row, &line);
            }
            self.tell(0, &tally);
        }
    }

    fn tell(&self, more: u64, tally: &Tally) {
        let done = self.done.fetch_add(more, Ordering::Relaxed) + more;
        let best = tally.top.first().and_then(|row| row.objective);
        (self.told)(Progress { done, best });
    }

    /// Runs what is missing of a round on all threads; each is in the log as soon as it is known.
    fn round(
        &self,
        missing: &[(u64, Vec<Value>)],
        span: Span,
        marks: &[(i64, Option<f64>)],
        log: &mut Log,
        tally: &Tally,
    ) -> Result<Vec<(Entry, String)>, Problem> {
        let log = Mutex::new(log);
        let hopeless = Hopeless {
            marks,
            stop: self.stop,
        };
        let ran = parallel(missing, self.plan.threads, |(number, point)| {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let parameters = self.space.parameters(&self.plan.parameters, point);
            let combination = (*number, point.clone());
            let ran = self
                .ground
                .run(combination, &parameters, span, &hopeless, false);
            let Ok(Ran { row, interim, .. }) = ran else {
                return Ok(None);
            };
            let line = Entry { row, interim }.line();
            let written = line.and_then(|line| {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.append(&line)?;
                Ok(line)
            });
            self.tell(1, tally);
            Ok(Some(written))
        });
        let mut entries = Vec::with_capacity(ran.len());
        for ran in ran {
            let Some(written) = ran.map_err(|text| Problem::host(text, "report this"))? else {
                return Err(self.stopped());
            };
            let line = written?;
            let entry = Entry::read(&line)
                .ok_or_else(|| Problem::host("a line does not read back", "report this"))?;
            entries.push((entry, line));
        }
        Ok(entries)
    }

    fn stopped(&self) -> Problem {
        Problem::user(
            format!(
                "the sweep was stopped after {} combinations",
                self.done.load(Ordering::Relaxed)
            ),
            "go on with the same command; nothing is run twice",
        )
        .in_file(self.plan.folder)
    }

    /// Puts what was seen into the ledger. A combination that is searched in several folds is one trial.
    fn put_down(&self, entries: &[(Entry, String)]) -> Result<(), Problem> {
        let mut combinations = Vec::with_capacity(entries.len());
        for (entry, _) in entries {
            let Some(figures) = entry.row.figures else {
                continue;
            };
            let values = &entry.row.values;
            let parameters = self.space.parameters(&self.plan.parameters, values);
            let finished = entry.row.ending == Ending::Finished;
            combinations.push(Combination {
                digest: self.ground.trial(&parameters)?,
                first: self.whole.from,
                last: self.whole.until - 1,
                sharpe: figures.sharpe_per_day.filter(|_| finished),
            });
        }
        self.plan
            .ledger
            .see_combinations(self.plan.family, self.plan.now, &combinations)
    }

    /// Searches part after part, and tries the best of each on the next.
    fn walk(&self, walk: Walk) -> Result<(Tally, WalkForward), Problem> {
        let mut folds = Vec::new();
        let mut spans = Vec::new();
        let mut last = Tally::new(self.space);
        let never = AtomicBool::new(false);
        let hopeless = Hopeless {
            marks: &[],
            stop: &never,
        };
        for (fold, part) in (1..).zip(walk.parts(self.ground, self.whole)?) {
            last = self.search(part.searched, &format!("combinations-{fold}.jsonl"))?;
            let best = last.top.first().cloned();
            self.audit(best.as_ref(), part.searched)?;
            let tried = match &best {
                None => None,
                Some(best) => {
                    let parameters = self.space.parameters(&self.plan.parameters, &best.values);
                    let warm_up = self.ground.warm_up(&parameters)?;
                    let span = walk::warmed(self.ground, self.whole, part.tried, warm_up);
                    let combination = (best.number, best.values.clone());
                    let ran = self
                        .ground
                        .run(combination, &parameters, span, &hopeless, true)
                        .map_err(|Stopped| self.stopped())?;
                    spans.push((part.tried, ran.days));
                    Some(ran.row)
                }
            };
            let closes = |span: Span| Closes {
                from: span.from,
                to: span.until - 1,
            };
            folds.push(Fold {
                fold,
                in_sample: closes(part.searched),
                out_of_sample: closes(part.tried),
                combinations: last.counts.run,
                best,
                tried,
            });
        }
        let cash = to_f64(self.plan.settings.cash);
        let walked = WalkForward {
            walk,
            efficiency: walk::efficiency(&folds),
            out_of_sample: walk::stitched(cash, &spans),
            folds,
        };
        Ok((last, walked))
    }

    /// Runs the best combination again with its whole-series form audited, where that is what was run.
    fn audit(&self, best: Option<&Row>, span: Span) -> Result<(), Problem> {
        let Some(best) = best.filter(|_| self.plan.settings.vectorised) else {
            return Ok(());
        };
        let never = AtomicBool::new(false);
        let hopeless = Hopeless {
            marks: &[],
            stop: &never,
        };
        let parameters = self.space.parameters(&self.plan.parameters, &best.values);
        let combination = (best.number, best.values.clone());
        let ran = self
            .ground
            .run(combination, &parameters, span, &hopeless, true)
            .map_err(|Stopped| self.stopped())?;
        self.cuts.fetch_add(ran.cuts, Ordering::Relaxed);
        match ran.row.failure {
            None => Ok(()),
            Some(why) => Err(Problem::user(
                format!("the best combination cannot be told of: {why}"),
                "correct the plugin, or sweep without --vectorised",
            )),
        }
    }
}

/// Equity at some places of the span, of the runs before: what a run is measured by on its way.
struct Marks {
    times: Vec<i64>,
    seen: Vec<Vec<f64>>,
}

impl Marks {
    fn new(ground: &Ground<'_>, span: Span, prune: bool) -> Marks {
        let closes = if prune {
            ground.closes(span)
        } else {
            Vec::new()
        };
        let at = |share: &f64| closes.get((share * closes.len() as f64) as usize).copied();
        let times: Vec<i64> = MARKS.iter().filter_map(at).collect();
        Marks {
            seen: vec![Vec::new(); times.len()],
            times,
        }
    }

    /// The marks, each with the median of the equities before where enough are known.
    fn least(&self) -> Vec<(i64, Option<f64>)> {
        let median = |seen: &Vec<f64>| {
            let mut sorted = seen.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let middle = sorted.get(sorted.len().saturating_sub(1) / 2).copied();
            middle.filter(|_| sorted.len() >= ENOUGH)
        };
        let times = self.times.iter().copied();
        times.zip(self.seen.iter().map(median)).collect()
    }

    fn take(&mut self, interim: &[f64]) {
        for (seen, equity) in self.seen.iter_mut().zip(interim) {
            if seen.len() < KEPT {
                seen.push(*equity);
            }
        }
    }
}
