//! A check, and how checks are collected.

use serde::Serialize;

/// What has to hold, under a number that is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// Such as `MODEL-02`.
    pub number: &'static str,
    /// What has to hold, in one line.
    pub what: &'static str,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The rule holds for what was tried.
    Passed,
    /// It does not.
    Failed,
    /// It was not tried.
    Skipped,
}

/// One rule held against a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// What of the component it was held against, such as an algorithm; empty for all of it.
    pub of: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was tried where it passed, what was seen where it failed, why not where it was skipped.
    pub detail: String,
}

/// What a check finds: what was tried, or what is wrong.
pub(crate) type Finding = Result<String, String>;

/// Why a try of a rule did not come to a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What is wrong.
    Wrong(String),
    /// Why there is nothing to hold the rule against.
    Skip(String),
    /// What has to be taken was refused. Another try tells whether that was a simulated fault.
    Refused(String),
    /// A fault came between, which the rule does not forbid. Another try may get through.
    Disturbed(String),
}

impl From<String> for Stop {
    fn from(wrong: String) -> Self {
        Stop::Wrong(wrong)
    }
}

/// What a try finds: what was tried, or why it did not come to a pass.
pub(crate) type Tried = Result<String, Stop>;

/// Tries of a rule while faults come between.
pub(crate) const TRIES: usize = 16;

/// Tries a rule until it passes or fails for good; `try_once` gets the number of the try.
pub(crate) fn tries(mut try_once: impl FnMut(usize) -> Tried) -> Tried {
    let mut last = try_once(0);
    for number in 1..TRIES {
        match last {
            Err(Stop::Refused(_) | Stop::Disturbed(_)) => last = try_once(number),
            _ => break,
        }
    }
    last
}

/// Checks as they are made.
pub(crate) struct Suite<'a> {
    checks: Vec<Check>,
    seen: &'a mut dyn FnMut(&Check),
}

impl<'a> Suite<'a> {
    pub(crate) fn new(seen: &'a mut dyn FnMut(&Check)) -> Self {
        Suite {
            checks: Vec::new(),
            seen,
        }
    }

    /// Notes what a check found; whether it passed.
    pub(crate) fn note(&mut self, rule: Rule, of: &str, finding: Finding) -> bool {
        let (outcome, detail) = match finding {
            Ok(detail) => (Outcome::Passed, detail),
            Err(detail) => (Outcome::Failed, detail),
        };
        self.add(rule, of, outcome, detail);
        outcome == Outcome::Passed
    }

    /// Notes what the tries of a rule came to.
    pub(crate) fn tried(&mut self, rule: Rule, tried: Tried) {
        match tried {
            Ok(detail) => self.add(rule, "", Outcome::Passed, detail),
            Err(Stop::Wrong(detail) | Stop::Refused(detail)) => {
                self.add(rule, "", Outcome::Failed, detail);
            }
            Err(Stop::Skip(why)) => self.skip(rule, "", why),
            Err(Stop::Disturbed(why)) => {
                self.skip(
                    rule,
                    "",
                    format!("a fault came between {TRIES} times: {why}"),
                );
            }
        }
    }

    /// Notes that a check was not made.
    pub(crate) fn skip(&mut self, rule: Rule, of: &str, why: impl Into<String>) {
        self.add(rule, of, Outcome::Skipped, why.into());
    }

    /// Notes that checks were not made because an earlier one failed.
    pub(crate) fn skip_all(&mut self, rules: &[Rule], of: &str, failed: Rule) {
        for rule in rules {
            self.skip(*rule, of, format!("{} failed", failed.number));
        }
    }

    fn add(&mut self, rule: Rule, of: &str, outcome: Outcome, detail: String) {
        let check = Check {
            rule,
            of: of.to_owned(),
            outcome,
            detail,
        };
        (self.seen)(&check);
        self.checks.push(check);
    }

    pub(crate) fn into_checks(self) -> Vec<Check> {
        self.checks
    }
}

/// The first place where two runs differ, each given as lines of what was answered.
pub(crate) fn compare(first: &[String], second: &[String]) -> Result<(), String> {
    for (place, (one, other)) in first.iter().zip(second).enumerate() {
        if one != other {
            return Err(format!(
                "answer {} of two equal runs differs: {} and {}",
                place + 1,
                cut(one),
                cut(other)
            ));
        }
    }
    if first.len() == second.len() {
        Ok(())
    } else {
        Err(format!(
            "two equal runs gave {} and {} answers",
            first.len(),
            second.len()
        ))
    }
}

/// `1 page`, `2 pages`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// Longest quote of an answer, in characters.
const QUOTED: usize = 160;

/// An answer short enough for a line.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_of_two_runs_is_quoted() {
        let lines = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(compare(&lines(&["a", "b"]), &lines(&["a", "b"])), Ok(()));
        assert_eq!(
            compare(&lines(&["a", "b"]), &lines(&["a", "c"])),
            Err("answer 2 of two equal runs differs: b and c".to_owned())
        );
        assert_eq!(
            compare(&lines(&["a"]), &lines(&["a", "c"])),
            Err("two equal runs gave 1 and 2 answers".to_owned())
        );
    }

    #[test]
    fn what_a_fault_comes_between_is_tried_again_and_what_is_wrong_is_not() {
        let mut count = 0;
        let tried = tries(|number| {
            count += 1;
            match number {
                0 => Err(Stop::Disturbed("down".to_owned())),
                1 => Err(Stop::Refused("no".to_owned())),
                2 => Err(Stop::Wrong("lost".to_owned())),
                _ => Ok(String::new()),
            }
        });
        assert_eq!((tried, count), (Err(Stop::Wrong("lost".to_owned())), 3));
        let mut outcomes = Vec::new();
        let mut seen = |check: &Check| outcomes.push(check.outcome);
        let mut suite = Suite::new(&mut seen);
        let rule = Rule {
            number: "X-01",
            what: "",
        };
        let refused = || Stop::Refused(String::new());
        suite.tried(rule, tries(|_| Err(refused())));
        suite.tried(rule, tries(|_| Err(Stop::Disturbed(String::new()))));
        assert_eq!(outcomes, [Outcome::Failed, Outcome::Skipped]);
    }

    #[test]
    fn a_long_answer_is_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(200)).chars().count(), QUOTED + 1);
    }
}
