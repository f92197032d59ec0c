//! What all runs of a sweep have in common, loaded once: bars in memory, the compiled strategy, the rules.
//!
//! Promises: each combination is run by the engine of every backtest, with a fresh instance in a store of its own, so that
//! nothing goes from one to another. Of a run only days and trades are kept, until its figures are computed.

use super::row::{Objective, Row};
use super::variant::{Variant, apart};
use crate::backtest::inputs::{common, fresh, operator, setup, trial_of};
use crate::backtest::performed::{costs, orders};
use crate::backtest::series::{collected, number, span};
use crate::backtest::vectorised::Planner;
use crate::backtest::{Data, Settings};
use crate::result::DetailInput;
use crate::statistics::{CurveBuilder, Performance, Statistics};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::number::to_f64;
use bulkhead_domain::order::InstrumentHandle;
use bulkhead_domain::{Digest, Instrument, Problem, Timestamp};
use bulkhead_manifest::Kind;
use bulkhead_market::BarSeries;
use bulkhead_registry::Registry;
use bulkhead_sandbox::{Plugin, StrategyPlugin};
use bulkhead_session::backtest::{
    Backtest, Ended, Feed, Moment, Sandboxed, Standing, Tape, Trader,
};
use bulkhead_session::record::TradeRecord;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bars of a span of time, closes in nanoseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The first close.
    pub(super) from: i64,
    /// The first close after it.
    pub(super) until: i64,
}

/// Everything that runs have in common.
pub(super) struct Ground<'a> {
    registry: &'a Registry,
    plugin: Plugin,
    strategy: StrategyPlugin,
    settings: &'a Settings,
    plain: Variant<'a>,
    instruments: Vec<Instrument>,
    series: Vec<BarSeries>,
    detail: Vec<BarSeries>,
    /// What is to be large, and with how many trades at least.
    wanted: (Objective, u64),
}

/// What a run is given up for.
pub(super) struct Hopeless<'a> {
    /// Closes at which equity is looked at, with the equity below which it is given up where there is one.
    pub(super) marks: &'a [(i64, Option<f64>)],
    /// Whether somebody stopped the sweep.
    pub(super) stop: &'a AtomicBool,
}

/// What came of a run.
pub(super) struct Ran {
    pub(super) row: Row,
    /// Equity at the marks that it came to.
    pub(super) interim: Vec<f64>,
    /// Equity at the end of each day.
    pub(super) days: Vec<(i64, f64)>,
    /// Places at which it was audited.
    pub(super) cuts: u64,
}

impl<'a> Ground<'a> {
    /// # Errors
    /// A strategy, rules or data that cannot be used.
    pub(super) fn new(
        registry: &'a Registry,
        strategy: &str,
        mut data: Data,
        settings: &'a Settings,
        wanted: (Objective, u64),
    ) -> Result<Ground<'a>, Problem> {
        let instruments = number(&mut data)?;
        let series = collected(data.series, &instruments)?;
        let detail = collected(data.detail, &instruments)?;
        let plugin = registry.load(strategy)?;
        plugin.expect_kind(Kind::Strategy)?;
        Ok(Ground {
            strategy: StrategyPlugin::new(plugin.clone())?,
            plugin,
            plain: Variant::plain(registry, settings, &instruments)?,
            registry,
            settings,
            instruments,
            series,
            detail,
            wanted,
        })
    }

    pub(super) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    pub(super) fn series(&self) -> &[BarSeries] {
        &self.series
    }

    /// Over everything that all runs have in common.
    pub(super) fn digest(&self) -> Result<Digest, Problem> {
        self.digest_of(&self.plain)
    }

    fn digest_of(&self, variant: &Variant<'_>) -> Result<Digest, Problem> {
        let series = self.series.iter();
        let detail = self.detail.iter();
        common(
            &variant.settings,
            self.plugin.digest(),
            &variant.rules,
            &variant.learners,
            (
                series.map(|one| (one.instrument.symbol.as_str(), one.digest, span(one))),
                detail.map(|one| (one.instrument.symbol.as_str(), one.digest)),
            ),
        )
    }

    /// Whether the strategy's schema takes these parameters, and rules and models what is changed of theirs.
    ///
    /// # Errors
    /// In one line, why not.
    pub(super) fn check(&self, parameters: &Map<String, Value>) -> Result<(), Problem> {
        self.variant(parameters)?;
        self.terms(parameters).map(drop)
    }

    /// Whether a parameter is of a rule or model, and not of the strategy.
    pub(super) fn is_beside(&self, name: &str) -> bool {
        let one = Map::from_iter([(name.to_owned(), Value::Null)]);
        let [_, beside] = apart(&one, &self.plugin.manifest().config_schema);
        !beside.is_empty()
    }

    /// Names the trial that a run with these parameters is.
    ///
    /// # Errors
    /// Parameters that the strategy, a rule or a model does not take.
    pub(super) fn trial(&self, parameters: &Map<String, Value>) -> Result<Digest, Problem> {
        let changed = self.variant(parameters)?;
        let common = self.digest_of(changed.as_ref().unwrap_or(&self.plain))?;
        let schema = &self.plugin.manifest().config_schema;
        trial_of(&common, schema, &self.terms(parameters)?.config)
    }

    /// What is changed beside the strategy's parameters, where anything is.
    fn variant(
        &self,
        parameters: &Map<String, Value>,
    ) -> Result<Option<Variant<'static>>, Problem> {
        let [_, beside] = apart(parameters, &self.plugin.manifest().config_schema);
        if beside.is_empty() {
            return Ok(None);
        }
        let changed = self.plain.with(&beside, self.registry, &self.instruments)?;
        Ok(Some(changed))
    }

    fn terms(&self, parameters: &Map<String, Value>) -> Result<bulkhead_sandbox::Setup, Problem> {
        let [own, _] = apart(parameters, &self.plugin.manifest().config_schema);
        let parameters = Value::Object(own);
        let operator = operator(self.settings);
        self.registry
            .setup(&self.plugin, &parameters, &self.instruments, &operator)
    }

    /// Closes of all bars of a span, in order, each once.
    pub(super) fn closes(&self, span: Span) -> Vec<i64> {
        let mut closes: Vec<i64> = self
            .series
            .iter()
            .flat_map(|series| &series.bars.times)
            .copied()
            .filter(|time| (span.from..span.until).contains(time))
            .collect();
        closes.sort_unstable();
        closes.dedup();
        closes
    }

    /// The whole span of the settings.
    ///
    /// # Errors
    /// Dates that are none, or no bar between them.
    pub(super) fn span(&self) -> Result<Span, Problem> {
        let settings = self.settings;
        let mut feed =
            Feed::new(&self.series).between(settings.from.as_deref(), settings.to.as_deref())?;
        let mut moment = Moment::default();
        let mut span: Option<Span> = None;
        while feed.advance(&mut moment)? {
            let from = span.map_or(moment.time, |span| span.from);
            let until = moment.time.saturating_add(1);
            span = Some(Span { from, until });
        }
        span.ok_or_else(|| {
            Problem::user(
                "no bar lies between the first and the last date",
                "widen --from and --to, or correct the data",
            )
        })
    }

    /// The finer bars by instrument, and how far they say what went on within the bars of the settings' span.
    ///
    /// # Errors
    /// The host's, where the span was read before.
    pub(super) fn detail(&self) -> Result<BTreeMap<InstrumentHandle, DetailInput>, Problem> {
        let settings = self.settings;
        let feed = Feed::new(&self.series).detailed(&self.detail, [])?;
        let mut feed = feed.between(settings.from.as_deref(), settings.to.as_deref())?;
        let mut moment = Moment::default();
        while !self.detail.is_empty() && feed.advance(&mut moment)? {}
        let told = self.detail.iter().map(|finer| {
            let handle = finer.instrument.handle;
            let input = DetailInput {
                digest: finer.digest,
                told: feed.detail(handle).unwrap_or_default(),
            };
            (handle, input)
        });
        Ok(told.collect())
    }

    /// How many bars the strategy sees before its intents count.
    ///
    /// # Errors
    /// Parameters that it does not take.
    pub(super) fn warm_up(&self, parameters: &Map<String, Value>) -> Result<u32, Problem> {
        let terms = self.terms(parameters)?;
        let instance =
            self.strategy
                .create(&terms.config, &self.instruments, &terms.grants, None)?;
        Ok(instance.requirements().warm_up)
    }

    /// Runs one combination. A strategy that does not take it, or fails, is a row as well.
    ///
    /// # Errors
    /// What is no matter of the combination; [`Stopped`] where somebody stopped the sweep.
    pub(super) fn run(
        &self,
        (number, point): (u64, Vec<Value>),
        parameters: &Map<String, Value>,
        span: Span,
        hopeless: &Hopeless<'_>,
        audited: bool,
    ) -> Result<Ran, Stopped> {
        let failed = |problem: Problem, point: Vec<Value>| Ran {
            row: Row::failed((number, point), problem.what),
            interim: Vec::new(),
            days: Vec::new(),
            cuts: 0,
        };
        let stop = AtomicBool::new(false);
        let mut tape = Light {
            curve: CurveBuilder::new(to_f64(self.settings.cash)),
            trades: Vec::new(),
            hopeless,
            interim: Vec::new(),
            pruned: false,
            stop: &stop,
        };
        let feed = Feed::new(&self.series).detailed(&self.detail, []);
        let mut feed = match feed.and_then(|feed| feed.within(span.from, span.until)) {
            Ok(feed) => feed,
            Err(problem) => return Ok(failed(problem, point)),
        };
        let opened = Timestamp(feed.opened().unwrap_or(0));
        let mut cuts = 0;
        let prepared = self
            .trader(parameters, span, audited)
            .and_then(|(trader, looked)| {
                cuts = looked;
                let id = DigestBuilder::new()
                    .part("combination", &number.to_le_bytes())
                    .finish();
                let changed = self.variant(parameters)?;
                let variant = changed.as_ref().unwrap_or(&self.plain);
                let rules = fresh(&variant.rules)?;
                let name = self.plugin.manifest().id.clone();
                let setup = setup(
                    self.settings,
                    (rules, variant.learning.clone()),
                    id,
                    &self.instruments,
                    opened,
                    (name, trader),
                );
                let backtest = Backtest::new(setup, &mut tape)?;
                backtest.run(&mut feed, &stop, |_, _| {})
            });
        let outcome = match prepared {
            Ok(outcome) => outcome,
            Err(problem) => return Ok(failed(problem, point)),
        };
        if hopeless.stop.load(Ordering::Relaxed) && !tape.pruned {
            return Err(Stopped);
        }
        if let Ended::Failed { problem, .. } = outcome.ended {
            return Ok(failed(problem, point));
        }
        let mut trades = tape.trades;
        trades.extend(outcome.open.iter().cloned());
        let performance = Performance {
            starting_equity: to_f64(self.settings.cash),
            curve: tape.curve.finish(),
            points: "bars",
            trades,
            costs: costs(&outcome),
            orders: orders(&outcome),
            benchmarks: Vec::new(),
        };
        let statistics = Statistics::of_performance(&performance);
        let mut row = Row::finished((number, point), &statistics, outcome.bars, self.wanted);
        if tape.pruned {
            row.ending = super::row::Ending::Pruned;
            row.objective = None;
        }
        Ok(Ran {
            row,
            interim: tape.interim,
            days: performance.curve.days.points().collect(),
            cuts,
        })
    }

    fn trader(
        &self,
        parameters: &Map<String, Value>,
        span: Span,
        audited: bool,
    ) -> Result<(Box<dyn Trader>, u64), Problem> {
        let terms = self.terms(parameters)?;
        if !self.settings.vectorised {
            let trader = Sandboxed::new(
                &self.strategy,
                &terms.config,
                &self.instruments,
                &terms.grants,
            )?;
            return Ok((Box::new(trader), 0));
        }
        let instance =
            self.strategy
                .create(&terms.config, &self.instruments, &terms.grants, None)?;
        let planner = Planner::new(
            &self.strategy,
            &terms,
            instance.requirements(),
            self.settings.seed,
        )?;
        let mut planner = match audited {
            true => planner,
            false => planner.unaudited(),
        };
        for series in &self.series {
            let feed = Feed::new([series]).within(span.from, span.until)?;
            let instrument = &series.instrument;
            planner.add(instrument.handle, &instrument.symbol, feed)?;
        }
        let (planned, cuts) = planner.finish();
        Ok((Box::new(planned), cuts))
    }
}

/// Somebody stopped the sweep.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopped;

/// Takes down days and trades, and gives up where it is hopeless.
struct Light<'a> {
    curve: CurveBuilder,
    trades: Vec<TradeRecord>,
    hopeless: &'a Hopeless<'a>,
    interim: Vec<f64>,
    pruned: bool,
    stop: &'a AtomicBool,
}

impl Tape for Light<'_> {
    #[inline]
    fn moment(&mut self, moment: &Moment, account: Standing) -> Result<(), Problem> {
        let exposure = if account.gross == 0.0 {
            0.0
        } else {
            account.gross / account.equity
        };
        self.curve.push(moment.time, account.equity, exposure);
        if self.hopeless.stop.load(Ordering::Relaxed) {
            self.stop.store(true, Ordering::Relaxed);
        }
        while let Some((time, least)) = self.hopeless.marks.get(self.interim.len())
            && moment.time >= *time
        {
            self.interim.push(account.equity);
            if least.is_some_and(|least| account.equity < least) {
                self.pruned = true;
                self.stop.store(true, Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    }

    fn trade(&mut self, trade: &TradeRecord) -> Result<(), Problem> {
        self.trades.push(trade.clone());
        Ok(())
    }
}
