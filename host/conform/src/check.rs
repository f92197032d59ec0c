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
    fn a_long_answer_is_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(200)).chars().count(), QUOTED + 1);
    }
}
