//! What is kept of a comparison: so that a later session goes on with it, and people see what it came to.

use super::state::Shadow;
use super::{Installed, tables};
use crate::promotion::{Rule, Watched};
use crate::shadow::Comparison;
use bulkhead_domain::{Digest, Problem};
use bulkhead_manifest::Kind;
use bulkhead_sandbox::Plugin;
use bulkhead_store::wait;
use serde_json::Value;

/// What is kept of the last comparison of a plugin, and of its candidate's first calls after a promotion.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Number of the change that began it: a comparison that is begun anew begins with nothing.
    pub begun: u64,
    /// The version that was compared.
    pub candidate: Digest,
    /// What it came to.
    pub comparison: Comparison,
    /// The rule that it was judged by, as it was given.
    pub rule: Value,
    /// Its calls since it was promoted, while it is watched.
    pub watched: Option<Watched>,
}

impl Installed {
    /// What is kept of a plugin's last comparison.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn kept(&self, id: &str) -> Result<Option<Kept>, Problem> {
        Ok(wait(tables::kept(&self.store, id))?)
    }

    /// Keeps it in place of what was kept before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn keep(&self, id: &str, kept: &Kept) -> Result<(), Problem> {
        Ok(wait(tables::keep(&self.store, id, kept))?)
    }

    /// Number of the change that began the comparison that a plugin is in.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn begun(&self, id: &str) -> Result<u64, Problem> {
        let history = self.history(id)?;
        let begun = history.iter().rev().find(|past| past.change == "shadow");
        Ok(begun.map_or(0, |past| past.number))
    }
}

impl Shadow {
    /// The rule that it is promoted by; `None` where a person judges.
    ///
    /// # Errors
    /// When it is no rule.
    pub fn rule(&self) -> Result<Option<Rule>, Problem> {
        rule_of(&self.rule)
    }
}

impl Kept {
    /// The rule that it was judged by; `None` where a person did.
    ///
    /// # Errors
    /// When it is no rule.
    pub fn rule(&self) -> Result<Option<Rule>, Problem> {
        rule_of(&self.rule)
    }
}

/// The rule of promotion in a value, checked; `None` where there is none.
pub(super) fn rule_of(rule: &Value) -> Result<Option<Rule>, Problem> {
    let wrong = |why: &dyn std::fmt::Display| {
        Problem::user(
            format!("the rule of promotion is wrong: {why}"),
            r#"write it such as {"calls": 500, "agreement": 0.99, "automatic": true}"#,
        )
    };
    if rule.is_null() {
        return Ok(None);
    }
    if !rule.is_object() {
        return Err(wrong(&"it is no JSON object"));
    }
    let rule: Rule = serde_json::from_value(rule.clone()).map_err(|error| wrong(&error))?;
    rule.check().map_err(|error| wrong(&error))?;
    Ok(Some(rule))
}

/// Checks that calls of a kind can be mirrored on these terms.
pub(super) fn comparable(kind: Kind, percent: u8, rule: &Value) -> Result<(), Problem> {
    let refused = |what: String, mend: &str| Err(Problem::user(what, mend));
    match kind {
        Kind::AiProvider => return Ok(()),
        Kind::Strategy if percent == 100 => {}
        Kind::Strategy => {
            return refused(
                format!(
                    "a strategy goes by all that it was shown before, so {percent} % of that compare nothing"
                ),
                "give --shadow 100%",
            );
        }
        Kind::DataSource => {
            return refused(
                "a data source is asked before a session begins, so none of its calls is mirrored"
                    .to_owned(),
                "swap the version in without --shadow; the next session asks it",
            );
        }
        Kind::Broker => {
            return refused(
                "a broker's calls are not mirrored: every order would be sent twice".to_owned(),
                "swap the version in without --shadow: it has to hold what the one in service holds",
            );
        }
        Kind::RiskRule => {}
        Kind::Model => {
            return refused(
                "a model's calls are not mirrored: its versions are compared by the skill of their predictions"
                    .to_owned(),
                "name both as candidates of one model in the session, which judges them bar by bar",
            );
        }
    }
    if !rule["skill"].is_null() {
        return refused(
            format!("'skill' in the rule cannot be had of a {kind}: its answers are not scored"),
            "judge it by 'agreement'",
        );
    }
    Ok(())
}

/// Checks that a share of the calls is enough: a rule that hands over its state keeps one.
pub(super) fn enough(plugin: &Plugin, percent: u8) -> Result<(), Problem> {
    let keeps_state = |name: &String| name.starts_with("bulkhead:plugin/snapshot@");
    if percent == 100 || !plugin.exports().iter().any(keeps_state) {
        return Ok(());
    }
    Err(Problem::user(
        format!(
            "{} keeps state (it exports `snapshot`), so {percent} % of what it goes by compare nothing",
            plugin.manifest().id
        ),
        "give --shadow 100%",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_kind_whose_calls_cannot_be_mirrored_so_says_what_to_do_instead() {
        let none = Value::Null;
        assert_eq!(
            comparable(Kind::AiProvider, 5, &json!({"skill": {}})),
            Ok(())
        );
        assert_eq!(comparable(Kind::Strategy, 100, &none), Ok(()));
        for (kind, percent, rule, mend) in [
            (Kind::Strategy, 99, &none, "give --shadow 100%"),
            (
                Kind::Strategy,
                100,
                &json!({"skill": {}}),
                "judge it by 'agreement'",
            ),
            (Kind::DataSource, 100, &none, "the next session asks it"),
            (
                Kind::Broker,
                100,
                &none,
                "has to hold what the one in service holds",
            ),
            (
                Kind::RiskRule,
                100,
                &json!({"skill": {}}),
                "judge it by 'agreement'",
            ),
            (
                Kind::Model,
                100,
                &none,
                "name both as candidates of one model",
            ),
        ] {
            let problem = comparable(kind, percent, rule).unwrap_err();
            assert!(problem.mend.contains(mend), "{problem}");
        }
    }
}
