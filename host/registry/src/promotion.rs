//! When a candidate that ran in the shadow takes over, and when it is sent back.
//!
//! Promises: a verdict is a function of the stated [`Rule`] and the stored [`Comparison`], so it can be come to
//! again at any time. A comparison may be judged after every call and every score: the test of skill holds its
//! error probability however often it is looked at and whenever one stops, and so do the tests of the share of
//! failures: a candidate that fails no more than is allowed is ever refused for it with a probability of at most
//! [`DOUBT`], and one that fails twice as often is ever promoted with no larger one. Latency and agreement are the
//! plain figures at the moment of the look.
//!
//! What bounds it: a candidate that is neither proven nor refuted stays in the shadow until the rule's `most-calls`
//! or [`MOST_SCORES`] paired scores, and is refused then. Nothing here acts: whoever holds the service does.

use crate::shadow::{Comparison, MOST_SCORES};
use serde::{Deserialize, Serialize};
use std::time::Duration;

mod betting;
#[cfg(test)]
mod tests;
mod watch;

pub use betting::{DOUBT, Evidence, Finding, OutOfBounds, evidence};
use betting::{surely_above, surely_below};
pub use watch::{Outcome, Watch, Watched, watch};

/// What a candidate has to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Rule {
    /// Fewest mirrored calls.
    pub calls: u64,
    /// Mirrored calls after which a candidate that is still not promoted is refused; absent: it may stay.
    pub most_calls: Option<u64>,
    /// Largest share of mirrored calls that it may fail. It is refused once it surely fails more, and promoted once
    /// it surely fails less than twice as many.
    pub error_rate: f64,
    /// Largest 99th percentile of its call times, as a multiple of that of the version in service.
    pub latency_factor: Option<f64>,
    /// The same, nanoseconds.
    pub latency_most: Option<i64>,
    /// Least share of answers that agree with the version in service.
    pub agreement: Option<f64>,
    /// Its skill; absent where outcomes cannot be scored.
    pub skill: Option<Skill>,
    /// Whether it is promoted without a person, once it has shown all that.
    pub automatic: bool,
    /// How it is watched after its promotion.
    pub watch: Watch,
}

impl Default for Rule {
    fn default() -> Self {
        Rule {
            calls: 200,
            most_calls: None,
            error_rate: 0.01,
            latency_factor: Some(1.5),
            latency_most: None,
            agreement: None,
            skill: None,
            automatic: false,
            watch: Watch::default(),
        }
    }
}

/// How skill is compared: by the differences of paired scores, candidate less version in service.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Skill {
    /// Fewest paired scores.
    pub pairs: usize,
    /// How much worse than the version in service still counts as no worse, in units of the score.
    pub margin: f64,
    /// Largest difference that two scores can have, in units of the score.
    pub bound: f64,
    /// Probability with which a candidate that is worse by more than the margin may be promoted, and one that
    /// is not may be refused as worse.
    pub alpha: f64,
}

impl Default for Skill {
    fn default() -> Self {
        Skill {
            pairs: 50,
            margin: 0.02,
            bound: 1.0,
            alpha: 0.05,
        }
    }
}

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuleError {
    /// A figure is out of bounds.
    #[error("'{key}' is {value}; {allowed}")]
    Figure {
        /// The rule's key.
        key: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// Nothing in it speaks of what the candidate answers.
    #[error(
        "'automatic' promotes by 'skill' or by 'agreement', and the rule has neither; add one, or promote by hand"
    )]
    NothingToJudgeBy,
}

impl RuleError {
    fn unless(
        holds: bool,
        key: &'static str,
        value: f64,
        allowed: &'static str,
    ) -> Result<(), RuleError> {
        if holds {
            return Ok(());
        }
        Err(RuleError::Figure {
            key,
            value,
            allowed,
        })
    }
}

impl Rule {
    /// Checks every figure.
    ///
    /// # Errors
    /// The first that is out of bounds, or that an automatic rule judges no answers.
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    pub fn check(&self) -> Result<(), RuleError> {
        let unless = RuleError::unless;
        let share = |value: f64| (0.0..=1.0).contains(&value);
        unless(
            self.calls > 0,
            "calls",
            self.calls as f64,
            "it is at least 1",
        )?;
        if let Some(most) = self.most_calls {
            let fits = most >= self.calls;
            unless(
                fits,
                "most-calls",
                most as f64,
                "it is no less than 'calls'",
            )?;
        }
        let fits = share(self.error_rate);
        unless(fits, "error-rate", self.error_rate, "it is 0 to 1")?;
        if let Some(factor) = self.latency_factor {
            let fits = factor > 0.0 && factor.is_finite();
            unless(fits, "latency-factor", factor, "it is above 0")?;
        }
        if let Some(most) = self.latency_most {
            unless(most > 0, "latency-most", most as f64, "it is above 0 ns")?;
        }
        if let Some(least) = self.agreement {
            unless(share(least), "agreement", least, "it is 0 to 1")?;
        }
        if let Some(skill) = &self.skill {
            skill.check()?;
        }
        if self.automatic && self.skill.is_none() && self.agreement.is_none() {
            return Err(RuleError::NothingToJudgeBy);
        }
        self.watch.check()
    }
}

impl Skill {
    fn check(&self) -> Result<(), RuleError> {
        let unless = RuleError::unless;
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let pairs = self.pairs as f64;
        let fits = (1..=MOST_SCORES).contains(&self.pairs);
        unless(fits, "skill.pairs", pairs, "it is 1 to 10000")?;
        let fits = self.bound > 0.0 && self.bound.is_finite();
        unless(fits, "skill.bound", self.bound, "it is above 0")?;
        let fits = self.margin >= 0.0 && self.margin < self.bound;
        unless(
            fits,
            "skill.margin",
            self.margin,
            "it is 0 or more, and below 'skill.bound'",
        )?;
        let fits = self.alpha > 0.0 && self.alpha <= 0.5;
        unless(
            fits,
            "skill.alpha",
            self.alpha,
            "it is above 0 and at most 0.5",
        )
    }
}

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "why")]
pub enum Verdict {
    /// It has shown everything that the rule asks.
    Promote,
    /// It has not, so far.
    Wait(String),
    /// It never will, or took too long.
    Reject(String),
}

/// Judges a candidate by what is known of it. Asks neither a clock nor anybody else.
#[must_use]
pub fn judge(rule: &Rule, comparison: &Comparison) -> Verdict {
    let missing = match missing(rule, comparison) {
        Err(rejected) => return Verdict::Reject(rejected),
        Ok(missing) => missing,
    };
    match missing.into_iter().next() {
        None => Verdict::Promote,
        Some(why) => match rule.most_calls {
            Some(most) if comparison.mirrored >= most => {
                Verdict::Reject(format!("not promoted after {most} mirrored calls: {why}"))
            }
            _ => Verdict::Wait(why),
        },
    }
}

/// Everything that a candidate has still to show, in words; nothing where it has shown all of it.
///
/// # Errors
/// Why it never will.
pub fn missing(rule: &Rule, comparison: &Comparison) -> Result<Vec<String>, String> {
    if let Some(why) = fails_too_often(rule, comparison) {
        return Err(why);
    }
    let skill = skill(rule, comparison)?;
    let missing = [
        too_few_calls(rule, comparison),
        may_fail_too_often(rule, comparison),
        disagrees(rule, comparison),
        too_slow(rule, comparison),
        skill,
    ];
    Ok(missing.into_iter().flatten().collect())
}

/// That it surely fails more calls than the rule allows.
fn fails_too_often(rule: &Rule, comparison: &Comparison) -> Option<String> {
    let (failures, calls) = (comparison.new.failures(), comparison.mirrored);
    surely_above(rule.error_rate, failures, calls).then(|| {
        format!(
            "{failures} of {calls} mirrored calls failed, more than a share of {} allows{}",
            rule.error_rate,
            last_words(comparison)
        )
    })
}

/// That it may still be failing more calls than the rule allows.
fn may_fail_too_often(rule: &Rule, comparison: &Comparison) -> Option<String> {
    let (failures, calls) = (comparison.new.failures(), comparison.mirrored);
    let most = 2.0 * rule.error_rate;
    (!surely_below(most, failures, calls) && (failures > 0 || most > 0.0)).then(|| {
        format!(
            "not shown yet that it fails less than a share of {most}: {failures} of {calls} mirrored calls failed{}",
            last_words(comparison)
        )
    })
}

/// What most of the failures say.
fn last_words(comparison: &Comparison) -> String {
    let errors = &comparison.new.errors;
    let most = errors.iter().max_by_key(|(_, errors)| errors.count);
    most.map_or_else(String::new, |(case, errors)| {
        format!(", most of them {case}: {}", errors.last)
    })
}

fn too_few_calls(rule: &Rule, comparison: &Comparison) -> Option<String> {
    let Comparison { mirrored, .. } = comparison;
    (*mirrored < rule.calls).then(|| format!("{mirrored} of {} mirrored calls", rule.calls))
}

fn disagrees(rule: &Rule, comparison: &Comparison) -> Option<String> {
    let least = rule.agreement?;
    match comparison.agreement() {
        Some(found) if found >= least => None,
        Some(found) => Some(format!(
            "{found:.4} of the answers agree, {least} are asked for"
        )),
        None => Some("no answers to compare".to_owned()),
    }
}

fn too_slow(rule: &Rule, comparison: &Comparison) -> Option<String> {
    // Nobody was asked yet: too few calls says so.
    let (old, new) = (comparison.old.latency.p99()?, comparison.new.latency.p99()?);
    let relative = rule
        .latency_factor
        .map(|factor| old.mul_f64(factor.min(1e6)));
    let absolute = rule
        .latency_most
        .map(|most| Duration::from_nanos(most.unsigned_abs()));
    let most = relative.into_iter().chain(absolute).min()?;
    (new > most).then(|| {
        format!("one call in a hundred takes longer than {new:?}, {most:?} is allowed (in service: {old:?})")
    })
}

/// What is missing of the proof of skill; an error where there never will be one.
fn skill(rule: &Rule, comparison: &Comparison) -> Result<Option<String>, String> {
    let Some(skill) = &rule.skill else {
        return Ok(None);
    };
    let scores = &comparison.scores;
    let found = match evidence(skill, scores) {
        Ok(found) => found,
        Err(out_of_bounds) => return Ok(Some(out_of_bounds.to_string())),
    };
    let pairs = scores.len();
    if pairs < skill.pairs {
        return Ok(Some(format!("{pairs} of {} paired scores", skill.pairs)));
    }
    match found.finding {
        Some(Finding::NoWorse { .. }) => Ok(None),
        Some(Finding::Worse { after }) => Err(format!(
            "it is worse by more than {}: shown after {after} paired scores, mean difference {:.4}, error probability {}",
            skill.margin, found.mean, skill.alpha
        )),
        None if pairs >= MOST_SCORES => Err(format!(
            "{pairs} paired scores decide nothing: mean difference {:.4}",
            found.mean
        )),
        None => Ok(Some(format!(
            "not shown yet that it is no worse by {}: evidence {:.2} of {:.2} after {pairs} paired scores, mean difference {:.4}",
            skill.margin,
            found.no_worse,
            1.0 / skill.alpha,
            found.mean
        ))),
    }
}
