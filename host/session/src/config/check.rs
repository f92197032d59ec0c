//! What a configuration must satisfy beyond its syntax, so that nothing is found out in the middle of a session.

use super::{CandidateConfig, ModelConfig, ModelSelection, SessionConfig, StrategyConfig};
use crate::calibration;
use crate::learning::{LEAST_TAIL, MIN_FIT, block, tail, tail_length};
use bulkhead_domain::{Decimal, Problem, Timestamp};
use bulkhead_orchestrator::FEWEST_BLOCKS;

/// The task class of verdicts on entries.
pub(crate) const VALIDATION: &str = "validation";
/// The task class of fetching bars.
pub(crate) const DATA: &str = "data";

/// Classes of tasks that `[tasks]` may configure.
const TASKS: [&str; 2] = [VALIDATION, DATA];

impl SessionConfig {
    /// The first thing that is wrong, in one line.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        let wrong = |what: String, mend: &str| Err(Problem::user(what, mend));
        for (key, date) in [("from", &self.from), ("to", &self.to)] {
            if let Some(date) = date
                .as_ref()
                .filter(|date| Timestamp::of_date(date).is_none())
            {
                return wrong(
                    format!("{key}: '{date}' is not a date"),
                    "write it as YYYY-MM-DD",
                );
            }
        }
        if let Some(swap) = self
            .swaps
            .iter()
            .find(|swap| Timestamp::of_date(&swap.at).is_none())
        {
            return wrong(
                format!("[[swaps]] at: '{}' is not a date", swap.at),
                "write it as YYYY-MM-DD",
            );
        }
        if self.cash <= Decimal::ZERO {
            return wrong(
                format!("cash is {}", self.cash),
                "start with more than nothing",
            );
        }
        if self.data.iter().all(|data| data.symbols.is_empty()) {
            return wrong(
                "no symbol is named in [[data]]".to_owned(),
                "name at least one",
            );
        }
        if let Some(benchmark) = self.benchmark.as_ref().filter(|it| it.symbols.len() != 1) {
            return wrong(
                format!("[benchmark] names {} symbols", benchmark.symbols.len()),
                "name the one to compare with",
            );
        }
        let mut names: Vec<&str> = self
            .strategies
            .iter()
            .map(|strategy| strategy.name.as_str())
            .collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return wrong(
                format!("two strategies are named {}", pair[0]),
                "give each its own name",
            );
        }
        if names.is_empty() {
            return wrong(
                "no strategy is named".to_owned(),
                "add a [[strategies]] table",
            );
        }
        let idle =
            |strategy: &&StrategyConfig| strategy.symbols.as_ref().is_some_and(Vec::is_empty);
        if let Some(strategy) = self.strategies.iter().find(idle) {
            return wrong(
                format!("strategy {} has no symbol to trade", strategy.name),
                "name some in `symbols`, or leave it out to trade all",
            );
        }
        for strategy in &self.strategies {
            let Some(sizing) = &strategy.sizing else {
                continue;
            };
            sizing.validate().map_err(|problem| Problem {
                what: format!("strategy {}: {}", strategy.name, problem.what),
                ..problem
            })?;
            if let Some(feature) = sizing.feature()
                && !self.features.iter().any(|known| known == feature)
            {
                return wrong(
                    format!(
                        "strategy {} is sized by feature {feature}, which this session does not compute",
                        strategy.name
                    ),
                    "add it to `features`",
                );
            }
        }
        if let Err(error) = self.supervision.check() {
            return wrong(format!("[supervision] {error}"), "correct it");
        }
        if let Some(validation) = &self.validation {
            validation.check(&self.features)?;
        }
        if let Some(class) = self
            .tasks
            .keys()
            .find(|class| !TASKS.contains(&class.as_str()))
        {
            return wrong(
                format!("[tasks.{class}] is no task class that is configured here"),
                "there are: validation, data; a model's is its own [models] table",
            );
        }
        if self.tasks.contains_key(VALIDATION) && self.validation.is_none() {
            return wrong(
                "[tasks.validation] is for a session without [validation]".to_owned(),
                "add that table, or remove this one",
            );
        }
        if self
            .tasks
            .get(DATA)
            .is_some_and(|data| data.cache.is_some())
        {
            return wrong(
                "[tasks.data] has a cache: bars are fetched once a session, and kept in the catalog".to_owned(),
                "remove it",
            );
        }
        for (alias, model) in &self.models {
            model.check(alias)?;
            if self.features.is_empty() {
                return wrong(
                    format!("model {alias} has nothing to learn from"),
                    "name some features",
                );
            }
        }
        Ok(())
    }
}

impl ModelConfig {
    /// Whether it makes sense, whatever else a session has.
    ///
    /// # Errors
    /// In one line that names the alias, why not.
    pub fn check(&self, alias: &str) -> Result<(), Problem> {
        let wrong = |what: String, mend: &str| {
            Err(Problem::user(
                format!("model {alias}: {what}"),
                mend.to_owned(),
            ))
        };
        if let ModelSelection::Pinned { candidate } = &self.selection {
            let known = |one: &CandidateConfig| {
                // By path a plugin's id is not known yet.
                one.plugin.ends_with(".wasm")
                    || *candidate == format!("{}/{}", one.plugin, one.algorithm)
                    || candidate.starts_with(&format!("{}/{} ", one.plugin, one.algorithm))
            };
            if !self.candidates.iter().any(known) {
                let labels = self.candidates.iter();
                let labels = labels.map(|one| format!("{}/{}", one.plugin, one.algorithm));
                return wrong(
                    format!("{candidate} is pinned and no candidate"),
                    &format!("pin one of: {}", labels.collect::<Vec<_>>().join(", ")),
                );
            }
        }
        if self.horizon == 0 || self.refit_every == 0 {
            return wrong(
                "horizon and refit-every count bars from 1".to_owned(),
                "use at least 1",
            );
        }
        if !(0.05..=0.9).contains(&self.calibration_tail) {
            return wrong(
                format!("calibration-tail is {}", self.calibration_tail),
                "use a share between 0.05 and 0.9",
            );
        }
        if !(0.5..1.0).contains(&self.confidence) {
            return wrong(
                format!("confidence is {}", self.confidence),
                "use a probability of at least 0.5 and below 1",
            );
        }
        if self.min_samples > self.judged_by {
            return wrong(
                format!(
                    "min-samples is {}, but only {} labels are kept (judged-by)",
                    self.min_samples, self.judged_by
                ),
                "raise judged-by, or no model can ever be eligible",
            );
        }
        if self.window < 50 {
            return wrong(
                format!(
                    "a window of {} samples is too short to learn from",
                    self.window
                ),
                "use at least 50",
            );
        }
        let block = block(self.judged_by, self.horizon);
        if self.judged_by / block < FEWEST_BLOCKS {
            return wrong(
                format!(
                    "judged-by is {}, fewer than {FEWEST_BLOCKS} blocks of {block} labels",
                    self.judged_by
                ),
                "raise judged-by, or no model can ever be eligible",
            );
        }
        if self.candidates.is_empty() {
            return wrong("nobody may learn it".to_owned(), "add a candidate");
        }
        if tail(self.confidence, self.candidates.len()) < LEAST_TAIL {
            return wrong(
                format!(
                    "confidence {} shared among {} candidates leaves less than {LEAST_TAIL} at each side",
                    self.confidence,
                    self.candidates.len()
                ),
                "lower the confidence",
            );
        }
        let calibrating = tail_length(self.window, self.calibration_tail);
        let learning = self.window.saturating_sub(calibrating + self.horizon);
        if learning < MIN_FIT || calibrating < calibration::FEWEST {
            return wrong(
                format!(
                    "a window of {} samples leaves {learning} to learn from and {calibrating} to calibrate on",
                    self.window
                ),
                &format!(
                    "choose window and calibration-tail so that it is at least {MIN_FIT} and {}",
                    calibration::FEWEST
                ),
            );
        }
        let twice = |(index, candidate): &(usize, &CandidateConfig)| {
            self.candidates[..*index].contains(candidate)
        };
        if let Some((_, candidate)) = self.candidates.iter().enumerate().find(twice) {
            return wrong(
                format!(
                    "{}/{} is named twice with the same parameters",
                    candidate.plugin, candidate.algorithm
                ),
                "name it once",
            );
        }
        Ok(())
    }
}
