//! Fetching bars as tasks of the class `data`: a table's first source, or whichever the class's policy chooses among
//! its alternatives, and another where that one fails.
//!
//! Promises: which of them was asked, why, and what came of it is kept; where none delivers, the error says why of
//! each. With a single source its own words are the error.
//!
//! A fetch earns its source the share of the calendar's sessions, from the first bar to the last, that it delivered
//! usable bars for. What sources earn is kept across sessions: it is known before a session begins, and has no part in
//! it but the bars themselves, which have a digest.

use crate::advisers::{check_slate, wall};
use crate::config::DataConfig;
use crate::config::check::DATA;
use crate::data::{FetchError, Loaded, fetch};
use crate::earned::unkept;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Problem, Timestamp};
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
            catalog,
            problems: Vec::new(),
        };
        let done = dispatch
            .perform(self.rewards, &context, &mut asking)
            .await
            .map_err(unkept)?;
        let mut problems = asking.problems;
        match done.answer {
            Ok((place, loaded)) => {
                if let Some(choice) = done.choice {
                    self.rewards
                        .credit(&choice, Part::Value, delivered(&loaded), wall())
                        .map_err(unkept)?;
                }
                for (_, id, loaded) in done.shadows {
                    self.rewards
                        .credit(&id, Part::Value, delivered(&loaded), wall())
                        .map_err(unkept)?;
                }
                Ok((place, loaded))
            }
            Err(_) if sources.len() == 1 && !problems.is_empty() => Err(problems.remove(0)),
            Err(error) => Err(Problem::user(
                format!("bars of {dataset}: {error}"),
                "mend one of the sources, or add another under [[data.alternatives]]",
            )),
        }
    }
}

/// Share of the calendars' sessions, from first to last bar, that there are bars for.
#[expect(clippy::cast_precision_loss, reason = "counts")]
fn delivered(loaded: &[Loaded]) -> f64 {
    let (mut bars, mut sessions) = (0, 0);
    for Loaded { series, .. } in loaded {
        let Ok(calendar) = Calendar::named(&series.instrument.calendar) else {
            continue;
        };
        let date = |place: Option<&i64>| calendar.date_of(Timestamp(*place?));
        let (from, to) = (
            date(series.open_times.first()),
            date(series.open_times.last()),
        );
        if let (Some(from), Some(to)) = (from, to) {
            bars += series.len();
            sessions += calendar.sessions(from, to).count();
        }
    }
    if sessions == 0 {
        return 0.0;
    }
    bars as f64 / sessions as f64
}

struct Asking<'a> {
    sources: &'a [Source],
    handle: &'a dyn Fn(&str) -> InstrumentHandle,
    catalog: &'a Catalog,
    problems: Vec<Problem>,
}

impl Asker for Asking<'_> {
    type Answer = Vec<Loaded>;

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

    async fn ask(&mut self, place: usize) -> Result<Answered<Vec<Loaded>>, Failure> {
        let source = &self.sources[place];
        let begun = Instant::now();
        match fetch(&source.plugin, &source.table, self.handle, self.catalog).await {
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
