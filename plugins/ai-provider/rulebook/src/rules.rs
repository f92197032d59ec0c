//! The rules. Each reads what it needs, and says nothing where that is not defined.
//!
//! For a sale every rule is the mirror image, so "with the trend" means a falling one there.

use crate::proposal::{Proposal, Side};
use serde::Serialize;

/// Said in every answer.
const BY_RULES: &str = "judged by fixed rules, not by a language model";

/// Confidence of an answer without a single rule that applied.
const NOTHING_KNOWN: f64 = 0.0;

/// What the answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Agree,
    Disagree,
    Abstain,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    /// 0 to 1.
    pub(crate) confidence: f64,
    pub(crate) reasons: Vec<String>,
}

/// A rule's contribution: points for (above zero) or against, and why.
struct Finding {
    points: i32,
    why: String,
}

type Rule = fn(&Proposal) -> Option<Finding>;

const RULES: [Rule; 8] = [
    stretched,
    run_up,
    trend,
    falling_knife,
    restless,
    outside_the_bands,
    quiet_volume,
    conviction,
];

/// Applies every rule.
pub(crate) fn judge(proposal: &Proposal) -> Judgement {
    if proposal.reduces {
        return Judgement {
            verdict: Verdict::Agree,
            confidence: 1.0,
            reasons: vec![
                "the trade reduces a position; nothing here stands in its way".to_owned(),
                BY_RULES.to_owned(),
            ],
        };
    }
    let findings: Vec<_> = RULES.iter().filter_map(|rule| rule(proposal)).collect();
    let points: i32 = findings.iter().map(|finding| finding.points).sum();
    let (verdict, confidence) = if findings.is_empty() {
        (Verdict::Abstain, NOTHING_KNOWN)
    } else {
        let verdict = match points {
            ..=-2 => Verdict::Disagree,
            -1 => Verdict::Abstain,
            0.. => Verdict::Agree,
        };
        (verdict, (5 + points.abs().min(4)) as f64 / 10.0)
    };
    let mut reasons: Vec<_> = findings
        .into_iter()
        .filter(|finding| finding.points != 0)
        .map(|finding| finding.why)
        .collect();
    if reasons.is_empty() {
        reasons.push(
            if verdict == Verdict::Abstain {
                "no feature that a rule knows is defined"
            } else {
                "nothing speaks against it"
            }
            .to_owned(),
        );
    }
    reasons.push(BY_RULES.to_owned());
    Judgement {
        verdict,
        confidence,
        reasons,
    }
}

fn finding(points: i32, why: String) -> Option<Finding> {
    Some(Finding { points, why })
}

fn neutral() -> Option<Finding> {
    finding(0, String::new())
}

/// A value as seen from the trade's side: positive is in its direction.
fn along(proposal: &Proposal, value: f64) -> f64 {
    match proposal.side {
        Side::Buy => value,
        Side::Sell => -value,
    }
}

/// RSI above 80 when buying, below 20 when selling.
fn stretched(proposal: &Proposal) -> Option<Finding> {
    let rsi = proposal.feature("rsi_14")?;
    match proposal.side {
        Side::Buy if rsi > 80.0 => finding(
            -2,
            format!("rsi_14 is {rsi:.1}, above 80: buying what is overbought"),
        ),
        Side::Sell if rsi < 20.0 => finding(
            -2,
            format!("rsi_14 is {rsi:.1}, below 20: selling what is oversold"),
        ),
        Side::Buy if rsi < 30.0 => finding(1, format!("rsi_14 is {rsi:.1}, below 30: oversold")),
        Side::Sell if rsi > 70.0 => finding(1, format!("rsi_14 is {rsi:.1}, above 70: overbought")),
        _ => neutral(),
    }
}

/// More than 15 percent in five bars, in the trade's direction: late.
fn run_up(proposal: &Proposal) -> Option<Finding> {
    let week = proposal.feature("return_5")?;
    if along(proposal, week) > 0.15 {
        return finding(
            -1,
            format!(
                "return_5 is {:+.1} %: most of such a move is behind it",
                week * 100.0
            ),
        );
    }
    neutral()
}

/// Against or with the 50-bar average.
fn trend(proposal: &Proposal) -> Option<Finding> {
    let ratio = proposal.feature("sma_ratio_50")?;
    let along = along(proposal, ratio);
    let percent = ratio * 100.0;
    if along < -0.05 {
        return finding(
            -1,
            format!("sma_ratio_50 is {percent:+.1} %: against the trend of 50 bars"),
        );
    }
    if along > 0.01 {
        return finding(
            1,
            format!("sma_ratio_50 is {percent:+.1} %: with the trend of 50 bars"),
        );
    }
    neutral()
}

/// Buying more than 20 percent below the highest close of 60 bars.
fn falling_knife(proposal: &Proposal) -> Option<Finding> {
    let drawdown = proposal.feature("drawdown_60")?;
    if proposal.side == Side::Buy && drawdown < -0.2 {
        return finding(
            -1,
            format!(
                "drawdown_60 is {:.1} %: buying into a fall of more than 20 %",
                drawdown * 100.0
            ),
        );
    }
    neutral()
}

/// Volatility of the last 20 bars above 4 percent a bar.
fn restless(proposal: &Proposal) -> Option<Finding> {
    let volatility = proposal.feature("volatility_20")?;
    if volatility > 0.04 {
        return finding(
            -2,
            format!(
                "volatility_20 is {:.1} % a bar, above 4 %: too restless to size",
                volatility * 100.0
            ),
        );
    }
    neutral()
}

/// Outside the Bollinger bands on the trade's side.
fn outside_the_bands(proposal: &Proposal) -> Option<Finding> {
    let place = proposal.feature("bollinger_20")?;
    let outside = match proposal.side {
        Side::Buy => place > 1.0,
        Side::Sell => place < 0.0,
    };
    if outside {
        return finding(
            -1,
            format!("bollinger_20 is {place:.2}: already outside the bands"),
        );
    }
    neutral()
}

/// Volume more than 1.5 deviations below its mean: nobody takes part.
fn quiet_volume(proposal: &Proposal) -> Option<Finding> {
    let z = proposal.feature("volume_z_20")?;
    if z < -1.5 {
        return finding(
            -1,
            format!("volume_z_20 is {z:.1}: few take part in this move"),
        );
    }
    neutral()
}

/// The probability behind the trade.
fn conviction(proposal: &Proposal) -> Option<Finding> {
    let confidence = proposal.confidence.filter(|value| value.is_finite())?;
    if confidence < 0.5 {
        return finding(
            -2,
            format!("the trade's own probability is {confidence:.2}, below a coin's"),
        );
    }
    if confidence >= 0.6 {
        return finding(1, format!("the trade's own probability is {confidence:.2}"));
    }
    neutral()
}
