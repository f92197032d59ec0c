//! Tasks, candidates and where candidates stand.

use crate::skill::Interval;
use bulkhead_domain::Digest;
use bulkhead_domain::digest::DigestBuilder;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What sort of work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// Predict a label.
    Predict,
    /// Give a verdict on an entry before it is sent.
    Validate,
    /// Fetch market data.
    Fetch,
}

/// Work that some plugin has to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Task {
    /// What sort of work it is.
    pub kind: TaskKind,
    /// The task's class, such as the alias of a model.
    pub class: String,
    /// What tells tasks of one class apart, such as an instrument.
    pub context: String,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TaskKind::Predict => "predict",
            TaskKind::Validate => "validate",
            TaskKind::Fetch => "fetch",
        };
        write!(f, "{kind} {} for {}", self.class, self.context)
    }
}

/// Something that could do a task: a plugin's digest, what it offers and how it is configured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate {
    /// The plugin's id.
    pub plugin: String,
    /// The plugin's version.
    pub version: String,
    /// SHA-256 of the component.
    pub digest: Digest,
    /// The algorithm, model or data set.
    pub offering: String,
    /// SHA-256 of its configuration.
    pub config: Digest,
}

impl Candidate {
    /// Plugin and offering, for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.plugin, self.offering)
    }

    /// What identifies it: equal only for the same code, offering and configuration.
    #[must_use]
    pub fn identity(&self) -> Digest {
        DigestBuilder::new()
            .part("plugin", self.digest.bytes())
            .part("offering", self.offering.as_bytes())
            .part("config", self.config.bytes())
            .finish()
    }
}

/// Where a candidate stands on a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Plugin and offering.
    pub candidate: String,
    /// [`Candidate::identity`].
    pub identity: Digest,
    /// Whether it can be asked now; otherwise why not.
    pub unavailable: Option<String>,
    /// Matured outcomes it is judged by.
    pub samples: u64,
    /// Skill with its interval; `None` with too few samples.
    pub skill: Option<Interval>,
    /// What the policy ranks by: discounted skill.
    pub score: Option<f64>,
}
