//! What was said about an order, by whom.

use bulkhead_domain::Decimal;
use bulkhead_domain::risk::Denial;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What became of an order at one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// It passed as it was.
    Approved,
    /// Its quantity was cut.
    Reduced,
    /// A rule asked for a larger quantity than it was shown; the quantity stayed.
    Clamped,
    /// It was refused.
    Rejected,
    /// It was refused and all trading was stopped.
    Halted,
    /// The rule failed, so the order was refused.
    Failed,
    /// The stage was left out, for the reason given.
    Skipped,
}

impl VerdictKind {
    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            VerdictKind::Approved => "approved",
            VerdictKind::Reduced => "reduced",
            VerdictKind::Clamped => "clamped",
            VerdictKind::Rejected => "rejected",
            VerdictKind::Halted => "halted",
            VerdictKind::Failed => "failed",
            VerdictKind::Skipped => "skipped",
        }
    }
}

/// One stage's verdict on one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// `host:<check>`, or a risk rule's name.
    pub source: Cow<'static, str>,
    /// Version of the host check; 0 for a plugin, whose version is that of its component.
    pub version: u32,
    /// What it said.
    pub verdict: VerdictKind,
    /// Quantity that the order was left with; zero once it is refused.
    pub quantity: Decimal,
    /// Why, unless it passed as it was.
    pub denial: Option<Denial>,
}

impl VerdictRecord {
    pub(crate) fn new(
        source: impl Into<Cow<'static, str>>,
        verdict: VerdictKind,
        quantity: Decimal,
        denial: Option<Denial>,
    ) -> Self {
        VerdictRecord {
            source: source.into(),
            version: 0,
            verdict,
            quantity,
            denial,
        }
    }

    pub(crate) fn of_version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }
}
