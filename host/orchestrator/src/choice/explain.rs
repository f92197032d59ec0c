//! A choice in words.

use super::decide::{Figure, Reason};
use super::record::ChoiceRecord;
use super::slate::Slate;
use std::fmt::Write as _;

impl Slate {
    /// Who won and why, then who could not be asked and why, in one line for people.
    #[must_use]
    pub fn explain(&self, record: &ChoiceRecord) -> String {
        let label = |place: usize| {
            let candidate = self.candidates.get(place);
            candidate.map_or_else(|| format!("candidate {place}"), |found| found.label())
        };
        let open = record
            .figures
            .iter()
            .filter(|f| f.excluded.is_none())
            .count();
        let winner = record.pick.winner;
        let figure = winner.and_then(|place| record.figures.get(place));
        let mut line = match (winner, figure) {
            (Some(place), Some(figure)) => {
                format!("{} {}", label(place), won(record.pick.reason, figure, open))
            }
            _ => "no candidate can be asked".to_owned(),
        };
        for (place, figure) in record.figures.iter().enumerate() {
            if let Some(exclusion) = figure.excluded {
                // Writing to a string cannot fail.
                let _ = write!(line, "; not {}: {exclusion}", label(place));
            }
            if record.pick.shadow >> place & 1 == 1 {
                let _ = write!(line, "; {} answers in shadow", label(place));
            }
        }
        line
    }
}

fn won(reason: Reason, figure: &Figure, open: usize) -> String {
    match reason {
        Reason::Pinned => "is pinned".to_owned(),
        Reason::First => format!("is the first of {open} that can be asked"),
        Reason::Drawn => format!("was drawn among {open} that can be asked"),
        Reason::BestScore => format!(
            "has the highest score ({:.4}) of {open} that can be asked; its mean reward is {:.4} ± {:.4}",
            figure.score, figure.mean, figure.deviation
        ),
        Reason::Explored => format!("was drawn among {open} to learn about it"),
        Reason::BestMean => format!(
            "has the highest mean reward ({:.4} ± {:.4}) of {open} that can be asked",
            figure.mean, figure.deviation
        ),
        Reason::Nobody => "cannot be asked".to_owned(),
    }
}
