//! Fetching bars as tasks of the class `data`: a table's first source, or whichever the class's policy chooses among
//! its alternatives, and another where that one fails.
//!
//! Promises: which of them was asked, why, and what came of it is kept; where none delivers, the error says why of
//! each. With a single source its own words are the error.
//!
//! A fetch earns its source the share that it delivered usable bars for of the sessions that were asked for: those from
//! the session's first date to its last, where it names them; else those between the first and the last bar that is
//! known of the symbol, from whomever. What sources earn is kept across sessions: it is known before a session begins,
//! and has no part in it but the bars themselves, which have a digest.
//!
//! Only what the session goes by comes into the catalog; what is fetched beside it, to learn about its source, does not.

use crate::advisers::{check_slate, wall};
use crate::config::DataConfig;
use crate::config::check::DATA;
use crate::data::{FetchError, Fetched, Loaded, fetch};
use crate::earned::unkept;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Blame, Problem, Timestamp};
use bulkhead_market::{Calendar, Catalog};
use bulkhead_orchestrator::arms::Part;
use bulkhead_orchestrator::arms::context::Context;
use bulkhead_orchestrator::budget::{Amount, Budgets};
use bulkhead_orchestrator::call::Failure;
use bulkhead_orchestrator::dispatch::{Answered, Asker, ClassConfig, Dispatch};
use bulkhead_orchestrator::rewards::Rewards;
use bulkhead_orchestrator::{Candidate, TaskKind};
use bulkhead_sandbox::DataSourcePlugin;
use bulkhead_store::Writer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A source that is ready to be asked.
pub(crate) struct Source {
    pub(crate) plugin: DataSourcePlugin,
    pub(crate) candidate: Candidate,
    /// Its table: which data set, which symbols.
    pub(crate) table: DataConfig,
}

/// What fetches of a process have in common.
pub(crate) struct Fetching<'a> {
    pub(crate) class: &'a ClassConfig,
    pub(crate) rewards: &'a mut Rewards,
    pub(crate) writer: Option<Writer>,
    pub(crate) budgets: Option<Arc<Budgets>>,
    pub(crate) seed: u64,
    /// First and last date of the session, where it names them.
    pub(crate) between: (Option<&'a str>, Option<&'a str>),
}

impl Fetching<'_> {
    /// Fetches a table's bars. Gives the place of whoever delivered them.
    ///
    /// # Errors
    /// Why nobody did.
    pub(crate) async fn fetch(
        &mut self,
        sources: &[Source],
        handle: &dyn Fn(&str) -> InstrumentHandle,
        catalog: &Catalog,
    ) -> Result<(usize, Vec<Loaded>), Problem> {
        let candidates = sources.iter().map(|source| source.candidate.clone());
        let candidates: Vec<Candidate> = candidates.collect();
        check_slate(&candidates, self.class, DATA)?;
        let now = wall();
        let mut dispatch = Dispatch::new(
            TaskKind::Fetch,
            DATA,
            self.class.clone(),
            candidates,
            self.seed,
            // Sessions come one after the other, each later than the one before.
            u64::try_from(now.0).unwrap_or(0),
            now,
        )
        .kept_by(self.writer.clone())
        .within(self.budgets.clone());
        let dataset = sources.first().map_or("", |first| &first.table.dataset);
        let context = Context::of(&[("dataset", dataset)]);
        let mut asking = Asking {
            sources,
            handle,
            problems: Vec::new(),
        };
        let done = dispatch
            .perform(self.rewards, &context, &mut asking)
            .await
            .map_err(unkept)?;
        let mut problems = asking.problems;
        match done.answer {
            Ok((place, fetched)) => {
                let beside = done.shadows.iter().flat_map(|(_, _, fetched)| fetched);
                let wanted = Wanted::new(self.between, catalog, fetched.iter().chain(beside));
                let chosen = done
                    .choice
                    .map(|choice| (choice, wanted.delivered(&fetched)));
                let beside = done.shadows.iter();
                let beside = beside.map(|(_, id, fetched)| (id.clone(), wanted.delivered(fetched)));
                for (choice, share) in chosen.into_iter().chain(beside) {
                    self.rewards
                        .credit(&choice, Part::Value, share, wall())
                        .map_err(unkept)?;
                }
                let kept = fetched.into_iter().map(|one| one.keep(catalog));
                Ok((place, kept.collect::<Result<_, _>>()?))
            }
            // The host's own failure is not the sources'.
            Err(_) if problems.iter().any(|problem| problem.blame == Blame::Host) => {
                problems.retain(|problem| problem.blame == Blame::Host);
                Err(problems.remove(0))
            }
            Err(_) if sources.len() == 1 && !problems.is_empty() => Err(problems.remove(0)),
            Err(error) => Err(Problem::user(
                format!("bars of {dataset}: {error}"),
                "mend one of the sources, or add another under [[data.alternatives]]",
            )),
        }
    }
}

/// When the sessions that were asked for close, by symbol: from the first moment to the last, both included.
struct Wanted(BTreeMap<String, (i64, i64)>);

impl Wanted {
    fn new<'a>(
        (from, to): (Option<&str>, Option<&str>),
        catalog: &Catalog,
        fetched: impl Iterator<Item = &'a Fetched>,
    ) -> Wanted {
        let midnight = |date: Option<&str>| Some(Timestamp::of_date(date?)?.0);
        let from = midnight(from);
        let to = midnight(to).map(|to| to.saturating_add(DAY - 1));
        let mut known: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for Fetched { series, .. } in fetched {
            let times = &series.bars.times;
            let (Some(first), Some(last)) = (times.first(), times.last()) else {
                continue;
            };
            let symbol = &series.instrument.symbol;
            let span = known.entry(symbol.clone()).or_insert_with(|| {
                let kept = catalog.read(symbol, series.interval_ns);
                let kept = kept.and_then(|reader| reader.entry());
                kept.map_or((*first, *last), |kept| (kept.first.0, kept.last.0))
            });
            *span = (span.0.min(*first), span.1.max(*last));
        }
        for span in known.values_mut() {
            *span = (from.unwrap_or(span.0), to.unwrap_or(span.1));
        }
        Wanted(known)
    }

    /// Share of the sessions that there are bars for, over all series.
    #[expect(clippy::cast_precision_loss, reason = "counts")]
    fn delivered(&self, fetched: &[Fetched]) -> f64 {
        let (mut bars, mut sessions) = (0, 0);
        for Fetched { series, .. } in fetched {
            let span = self.0.get(&series.instrument.symbol);
            let calendar = Calendar::named(&series.instrument.calendar);
            let (Some((from, to)), Ok(calendar)) = (span, calendar) else {
                continue;
            };
            let within = |close: &i64| (from..=to).contains(&close);
            let dates = (
                calendar.date_of(Timestamp(*from)),
                calendar.date_of(Timestamp(*to)),
            );
            if let (Some(first), Some(last)) = dates {
                bars += series.bars.times.iter().filter(|time| within(time)).count();
                let all = calendar.sessions(first, last);
                sessions += all.filter(|session| within(&session.close.0)).count();
            }
        }
        if sessions == 0 {
            return 0.0;
        }
        bars as f64 / sessions as f64
    }
}

struct Asking<'a> {
    sources: &'a [Source],
    handle: &'a dyn Fn(&str) -> InstrumentHandle,
    problems: Vec<Problem>,
}

impl Asker for Asking<'_> {
    type Answer = Vec<Fetched>;

    fn now(&self) -> Timestamp {
        wall()
    }

    fn estimate(&self, _: usize) -> Option<(Amount, Timestamp)> {
        let once = Amount {
            calls: 1,
            ..Amount::default()
        };
        Some((once, wall()))
    }

    async fn pause(&mut self, nanoseconds: i64) {
        tokio::time::sleep(Duration::from_nanos(
            u64::try_from(nanoseconds).unwrap_or(0),
        ))
        .await;
    }

    async fn ask(&mut self, place: usize) -> Result<Answered<Vec<Fetched>>, Failure> {
        let source = &self.sources[place];
        let begun = Instant::now();
        match fetch(&source.plugin, &source.table, self.handle).await {
            Ok(value) => Ok(Answered {
                value,
                latency: Some(begun.elapsed().as_secs_f64()),
                used: Amount {
                    calls: 1,
                    ..Amount::default()
                },
                cached: false,
            }),
            Err(FetchError { case, problem }) => {
                let failure = Failure::new(case, problem.to_string());
                self.problems.push(problem);
                Err(failure)
            }
        }
    }
}
