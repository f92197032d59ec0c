//! How a winner is found among standings. Pure: the same standings always give the same choice.

use crate::task::Standing;
use serde::{Deserialize, Serialize};

/// What a candidate must show before it may be chosen on skill.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SkillGate {
    /// The skill interval's lower bound must be above this.
    pub above: f64,
}

/// How a winner is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// The first available candidate in the order they were named.
    Priority,
    /// The candidate with the best discounted skill among those whose skill passes the gate.
    DiscountedSkill(SkillGate),
    /// The first named among those whose skill passes the gate.
    SkilledPriority(SkillGate),
    /// The candidate of this label where its skill passes the gate, or nobody.
    Pinned {
        /// Its label.
        candidate: String,
        /// What it must show.
        gate: SkillGate,
    },
}

/// A winner, or none, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Index into the standings.
    pub winner: Option<usize>,
    /// Why, for people.
    pub reason: String,
}

impl Policy {
    /// Whether a standing may win at all.
    #[must_use]
    pub fn eligible(&self, standing: &Standing) -> bool {
        if standing.unavailable.is_some() {
            return false;
        }
        match self {
            Policy::Priority => true,
            Policy::DiscountedSkill(gate) | Policy::SkilledPriority(gate) => {
                standing.skill.is_some_and(|skill| skill.lower > gate.above)
            }
            Policy::Pinned { candidate, gate } => {
                standing.candidate == *candidate
                    && standing.skill.is_some_and(|skill| skill.lower > gate.above)
            }
        }
    }

    /// Finds the winner. Ties go to the candidate named first.
    #[must_use]
    pub fn choose(&self, standings: &[Standing]) -> Choice {
        let eligible = || {
            standings
                .iter()
                .enumerate()
                .filter(|(_, standing)| self.eligible(standing))
        };
        match self {
            Policy::Priority => match eligible().next() {
                Some((index, standing)) => Choice {
                    winner: Some(index),
                    reason: format!("{} is the first that is available", standing.candidate),
                },
                None => Choice {
                    winner: None,
                    reason: "no candidate is available".to_owned(),
                },
            },
            Policy::SkilledPriority(gate) | Policy::Pinned { gate, .. } => {
                match eligible().next() {
                    Some((index, standing)) => Choice {
                        winner: Some(index),
                        reason: format!(
                            "{} is the {} whose skill's lower bound is above {}",
                            standing.candidate,
                            match self {
                                Policy::Pinned { .. } => "pinned one,",
                                _ => "first named",
                            },
                            gate.above
                        ),
                    },
                    None => Choice {
                        winner: None,
                        reason: match self {
                            Policy::Pinned { candidate, .. } => {
                                let pinned =
                                    |standing: &&Standing| standing.candidate == *candidate;
                                let found: Vec<Standing> =
                                    standings.iter().filter(pinned).cloned().collect();
                                nobody(&found, gate)
                            }
                            _ => nobody(standings, gate),
                        },
                    },
                }
            }
            Policy::DiscountedSkill(gate) => {
                let best = eligible().fold(None::<(usize, &Standing)>, |best, next| match best {
                    Some((_, leader)) if leader.score >= next.1.score => best,
                    _ => Some(next),
                });
                match best {
                    Some((index, standing)) => Choice {
                        winner: Some(index),
                        reason: won(standing, eligible().count()),
                    },
                    None => Choice {
                        winner: None,
                        reason: nobody(standings, gate),
                    },
                }
            }
        }
    }
}

fn won(standing: &Standing, eligible: usize) -> String {
    let (score, lower) = (
        standing.score.unwrap_or(f64::NAN),
        standing.skill.map_or(f64::NAN, |skill| skill.lower),
    );
    format!(
        "{} has the best discounted skill ({score:.4}) of {eligible} eligible; its skill's lower bound is {lower:.4} over {} labels",
        standing.candidate, standing.samples
    )
}

fn nobody(standings: &[Standing], gate: &SkillGate) -> String {
    let best = standings
        .iter()
        .filter_map(|standing| standing.skill.map(|skill| (standing, skill)))
        .max_by(|a, b| a.1.lower.total_cmp(&b.1.lower));
    match best {
        // Were it available, it would have won: so it is not.
        Some((standing, skill)) if skill.lower > gate.above => format!(
            "no candidate is eligible: {}, whose skill's lower bound is {:.4}, cannot be asked: {}",
            standing.candidate,
            skill.lower,
            standing.unavailable.as_deref().unwrap_or("not available")
        ),
        Some((standing, skill)) => format!(
            "no candidate is eligible: the best lower bound of skill is {:.4} ({}, {} labels), not above {}",
            skill.lower, standing.candidate, standing.samples, gate.above
        ),
        None => {
            let most = standings
                .iter()
                .map(|standing| standing.samples)
                .max()
                .unwrap_or(0);
            format!(
                "no candidate is eligible: at most {most} labels have matured, too few to judge"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::skill::Interval;
    use bulkhead_domain::Digest;
    use proptest::prelude::*;

    fn standing(name: &str, lower: f64, score: f64) -> Standing {
        Standing {
            candidate: name.to_owned(),
            identity: Digest::of(name.as_bytes()),
            unavailable: None,
            samples: 300,
            skill: Some(Interval {
                value: lower + 0.01,
                lower,
                upper: lower + 0.02,
            }),
            score: Some(score),
        }
    }

    const GATE: Policy = Policy::DiscountedSkill(SkillGate { above: 0.0 });

    #[test]
    fn a_candidate_without_skill_is_never_chosen() {
        let choice = GATE.choose(&[standing("a", -0.01, 0.9), standing("b", 0.0, 0.8)]);
        assert_eq!(choice.winner, None);
        assert!(
            choice.reason.contains("no candidate is eligible"),
            "{}",
            choice.reason
        );
    }

    #[test]
    fn the_best_discounted_skill_wins_and_ties_go_to_the_first() {
        assert_eq!(
            GATE.choose(&[standing("a", 0.01, 0.02), standing("b", 0.01, 0.03)])
                .winner,
            Some(1)
        );
        assert_eq!(
            GATE.choose(&[standing("a", 0.01, 0.02), standing("b", 0.01, 0.02)])
                .winner,
            Some(0)
        );
    }

    #[test]
    fn neither_a_pin_nor_a_place_lets_a_candidate_without_skill_trade() {
        let gate = SkillGate { above: 0.0 };
        let pinned = |name: &str| Policy::Pinned {
            candidate: name.to_owned(),
            gate,
        };
        let all = [
            standing("a", -0.01, 0.9),
            standing("b", 0.01, 0.1),
            standing("c", 0.02, 0.8),
        ];
        assert_eq!(Policy::SkilledPriority(gate).choose(&all).winner, Some(1));
        assert_eq!(pinned("c").choose(&all).winner, Some(2));
        let nobody = pinned("a").choose(&all);
        assert_eq!(nobody.winner, None);
        assert!(
            nobody.reason.contains("is -0.0100 (a, 300 labels)"),
            "{}",
            nobody.reason
        );
    }

    #[test]
    fn an_unavailable_candidate_is_passed_over() {
        let mut down = standing("a", 0.05, 0.5);
        down.unavailable = Some("its fit failed".to_owned());
        assert_eq!(
            GATE.choose(&[down.clone(), standing("b", 0.01, 0.02)])
                .winner,
            Some(1)
        );
        assert_eq!(
            Policy::Priority
                .choose(&[down, standing("b", 0.0, 0.0)])
                .winner,
            Some(1)
        );
    }

    #[test]
    fn who_has_skill_and_cannot_be_asked_is_not_said_to_have_none() {
        let mut down = standing("a", 0.05, 0.5);
        down.unavailable = Some("its fit failed".to_owned());
        let choice = GATE.choose(&[down, standing("b", -0.01, 0.0)]);
        assert_eq!(choice.winner, None);
        assert_eq!(
            choice.reason,
            "no candidate is eligible: a, whose skill's lower bound is 0.0500, cannot be asked: its fit failed"
        );
    }

    proptest! {
        #[test]
        fn the_winner_is_eligible_and_nobody_eligible_scores_higher(
            figures in proptest::collection::vec((-0.1f64..0.1, -0.1f64..0.1), 0..8)
        ) {
            let standings: Vec<Standing> =
                figures.iter().enumerate().map(|(i, (lower, score))| standing(&i.to_string(), *lower, *score)).collect();
            let choice = GATE.choose(&standings);
            match choice.winner {
                Some(winner) => {
                    prop_assert!(GATE.eligible(&standings[winner]));
                    for other in standings.iter().filter(|s| GATE.eligible(s)) {
                        prop_assert!(other.score <= standings[winner].score);
                    }
                }
                None => prop_assert!(standings.iter().all(|s| !GATE.eligible(s))),
            }
        }
    }
}
