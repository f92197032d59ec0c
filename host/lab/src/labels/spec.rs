//! How samples are labelled, as it is written: `horizon:5`, `triple:2,2,20`.

use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Log returns behind the volatility that barriers are multiples of.
pub const VOLATILITY_BARS: usize = 20;

/// Most bars a label may span.
const LONGEST: usize = 100_000;

/// What is asked about a bar's future.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LabelSpec {
    /// What the price does over so many bars.
    Horizon(usize),
    /// Which of three barriers is touched first (López de Prado, "Advances in Financial Machine Learning", 2018,
    /// section 3.4).
    Triple(Barrier),
}

/// Three barriers around the entry's price.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Barrier {
    /// Distance of the upper one, in volatilities of a bar.
    pub upper: f64,
    /// Distance of the lower one, in volatilities of a bar.
    pub lower: f64,
    /// Bars until the vertical one.
    pub bars: usize,
}

/// What a model is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// Probabilities of the label's classes.
    Class,
    /// The return to the label's end, as a fraction.
    Return,
    /// The price at the label's end, in the terms of the bar that is decided on. Learnt as a ratio to its close, so
    /// that a model need not know the level, and judged in prices.
    Price,
}

impl LabelSpec {
    /// Most bars from the entry to the label's end.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self {
            LabelSpec::Horizon(bars) => *bars,
            LabelSpec::Triple(barrier) => barrier.bars,
        }
    }

    /// How many classes there are.
    #[must_use]
    pub fn classes(&self) -> u32 {
        match self {
            LabelSpec::Horizon(_) => 2,
            LabelSpec::Triple(_) => 3,
        }
    }

    pub(super) fn barriers(&self) -> Option<Barrier> {
        match self {
            LabelSpec::Horizon(_) => None,
            LabelSpec::Triple(barrier) => Some(*barrier),
        }
    }

    /// Holds the numbers to what makes sense.
    ///
    /// # Errors
    /// No bars, too many, or a barrier that is not above zero.
    pub fn check(&self) -> Result<(), Problem> {
        let distances = self
            .barriers()
            .map_or([1.0, 1.0], |it| [it.upper, it.lower]);
        let right = (1..=LONGEST).contains(&self.longest())
            && distances.iter().all(|it| it.is_finite() && *it > 0.0);
        if right {
            Ok(())
        } else {
            Err(wrong(&self.to_string()))
        }
    }
}

fn wrong(text: &str) -> Problem {
    Problem::user(
        format!("'{text}' is no label"),
        "write horizon:BARS, or triple:UPPER,LOWER,BARS with barriers in volatilities above zero, as in triple:2,2,20",
    )
}

impl FromStr for LabelSpec {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
        let spec = match (name, parts.as_slice()) {
            ("horizon", [bars]) => bars.parse().ok().map(LabelSpec::Horizon),
            ("triple", [upper, lower, bars]) => (|| {
                Some(LabelSpec::Triple(Barrier {
                    upper: upper.parse().ok()?,
                    lower: lower.parse().ok()?,
                    bars: bars.parse().ok()?,
                }))
            })(),
            _ => None,
        };
        let spec = spec.ok_or_else(|| wrong(text))?;
        spec.check().map_err(|_| wrong(text))?;
        Ok(spec)
    }
}

impl fmt::Display for LabelSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LabelSpec::Horizon(bars) => write!(f, "horizon:{bars}"),
            LabelSpec::Triple(it) => write!(f, "triple:{},{},{}", it.upper, it.lower, it.bars),
        }
    }
}

impl FromStr for TargetKind {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        match text {
            "class" => Ok(TargetKind::Class),
            "return" => Ok(TargetKind::Return),
            "price" => Ok(TargetKind::Price),
            _ => Err(Problem::user(
                format!("'{text}' is no target"),
                "use one of: class, return, price",
            )),
        }
    }
}
