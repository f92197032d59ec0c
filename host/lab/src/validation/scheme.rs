//! How samples are split, as it is written: `walk-forward:5`, `walk-forward:5,rolling,250`, `cpcv:6,2`, `5`, `1%`.

use super::MOST_FOLDS;
use bulkhead_domain::Problem;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How samples are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Blocks tested one after the other, each on a fit of what came before.
    WalkForward {
        /// Blocks that are tested.
        folds: usize,
        /// Whether a fit learns from everything before its block, rather than from the newest `train` samples.
        anchored: bool,
        /// Samples before the first block; the part of one block of `folds + 1` unless given.
        train: Option<usize>,
    },
    /// Every choice of so many groups, tested on a fit of the others.
    Cpcv {
        /// Groups that the samples are cut into.
        groups: usize,
        /// Groups that are tested at a time.
        tested: usize,
    },
}

/// How long after a test nothing is learnt from. In a walk-forward, where nothing is learnt from after a test, the
/// gap that is left before it beyond the purge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Embargo {
    /// So many bars.
    Bars(usize),
    /// So much of the samples' whole span, 0 to 1, rounded up to bars.
    Fraction(f64),
}

impl Embargo {
    /// In bars, of a span of so many.
    ///
    /// # Errors
    /// A fraction outside 0 to 1, or bars beyond the span.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub fn bars(self, span: usize) -> Result<usize, Problem> {
        let bars = match self {
            Embargo::Bars(bars) => bars,
            Embargo::Fraction(share) if (0.0..1.0).contains(&share) => {
                (span as f64 * share).ceil() as usize
            }
            Embargo::Fraction(share) => {
                return Err(Problem::user(
                    format!("an embargo of {share} of the data"),
                    "give bars, or a percentage below 100",
                ));
            }
        };
        if bars > 0 && bars >= span {
            return Err(Problem::user(
                format!("an embargo of {bars} bars leaves nothing of {span}"),
                "shorten it",
            ));
        }
        Ok(bars)
    }
}

impl Scheme {
    /// Folds there will be; `None` where they are too many to count.
    #[must_use]
    pub fn folds(&self) -> Option<usize> {
        match self {
            Scheme::WalkForward { folds, .. } => Some(*folds),
            Scheme::Cpcv { groups, tested } => {
                let mut count = 1usize;
                for taken in 0..*tested.min(groups) {
                    count = count.checked_mul(groups - taken)? / (taken + 1);
                }
                Some(count)
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), Problem> {
        let right = match self {
            Scheme::WalkForward { folds, train, .. } => *folds > 0 && *train != Some(0),
            Scheme::Cpcv { groups, tested } => *tested > 0 && tested < groups,
        };
        if !right {
            return Err(wrong(&self.to_string()));
        }
        match self.folds() {
            Some(folds) if folds <= MOST_FOLDS => Ok(()),
            _ => Err(Problem::user(
                format!("{self} has more than {MOST_FOLDS} folds, each of them a fit"),
                "take fewer groups or folds",
            )),
        }
    }
}

fn wrong(text: &str) -> Problem {
    Problem::user(
        format!("'{text}' is no way to split"),
        "write walk-forward:FOLDS[,anchored|rolling[,TRAIN]], or cpcv:GROUPS,TESTED with fewer tested than there are",
    )
}

impl FromStr for Scheme {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let parts: Vec<&str> = rest.split(',').map(str::trim).collect();
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong(text));
        let scheme = match (name, parts.as_slice()) {
            ("walk-forward", [folds, rest @ ..]) => {
                let (anchored, train) = match rest {
                    [] => (true, None),
                    [way @ ("anchored" | "rolling")] => (*way == "anchored", None),
                    [way @ ("anchored" | "rolling"), train] => {
                        (*way == "anchored", Some(number(train)?))
                    }
                    _ => return Err(wrong(text)),
                };
                Scheme::WalkForward {
                    folds: number(folds).map_err(|_| wrong(text))?,
                    anchored,
                    train,
                }
            }
            ("cpcv", [groups, tested]) => Scheme::Cpcv {
                groups: number(groups).map_err(|_| wrong(text))?,
                tested: number(tested).map_err(|_| wrong(text))?,
            },
            _ => return Err(wrong(text)),
        };
        scheme.check()?;
        Ok(scheme)
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scheme::WalkForward {
                folds,
                anchored,
                train,
            } => {
                let way = if *anchored { "anchored" } else { "rolling" };
                write!(f, "walk-forward:{folds},{way}")?;
                train.map_or(Ok(()), |train| write!(f, ",{train}"))
            }
            Scheme::Cpcv { groups, tested } => write!(f, "cpcv:{groups},{tested}"),
        }
    }
}

impl fmt::Display for Embargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Embargo::Bars(bars) => write!(f, "{bars}"),
            Embargo::Fraction(share) => write!(f, "{}%", share * 100.0),
        }
    }
}

impl FromStr for Embargo {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let wrong = || {
            Problem::user(
                format!("'{text}' is no embargo"),
                "write a number of bars, as in 5, or a percentage of the data below 100, as in 1%",
            )
        };
        match text.strip_suffix('%') {
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                if !(0.0..100.0).contains(&share) {
                    return Err(wrong());
                }
                Ok(Embargo::Fraction(share / 100.0))
            }
            None => text.trim().parse().map(Embargo::Bars).map_err(|_| wrong()),
        }
    }
}
