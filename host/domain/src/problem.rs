//! What went wrong, in one line that a person can act on.

use serde::Serialize;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// Whose mistake it was; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// The input was wrong: exit code 2.
    User,
    /// The host or the machine failed: exit code 1.
    Host,
}

/// A problem: what, where, how to mend it.
///
/// Displays as one line, `what (where); mend`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Problem {
    /// Whose mistake it was.
    pub blame: Blame,
    /// What is wrong.
    pub what: String,
    /// The file it is in.
    pub file: Option<PathBuf>,
    /// Line, counted from 1.
    pub line: Option<u64>,
    /// Column: its name, or its number counted from 1.
    pub column: Option<String>,
    /// What to do about it.
    pub mend: String,
}

impl Problem {
    /// A mistake in what the user gave.
    #[must_use]
    pub fn user(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Problem {
            blame: Blame::User,
            what: what.into(),
            file: None,
            line: None,
            column: None,
            mend: mend.into(),
        }
    }

    /// A failure of the host or the machine.
    #[must_use]
    pub fn host(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Problem {
            blame: Blame::Host,
            ..Problem::user(what, mend)
        }
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Names the line, counted from 1.
    #[must_use]
    pub fn at_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// Names the column.
    #[must_use]
    pub fn at_column(mut self, column: impl Into<String>) -> Self {
        self.column = Some(column.into());
        self
    }

    /// 2 for the user's mistakes, 1 for ours.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.blame {
            Blame::User => 2,
            Blame::Host => 1,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = self.what.clone();
        let mut place = Vec::new();
        if let Some(file) = &self.file {
            place.push(file.display().to_string());
        }
        if let Some(number) = self.line {
            place.push(format!("line {number}"));
        }
        if let Some(column) = &self.column {
            place.push(format!("column {column}"));
        }
        if !place.is_empty() {
            line.push_str(&format!(" ({})", place.join(", ")));
        }
        if !self.mend.is_empty() {
            line.push_str("; ");
            line.push_str(&self.mend);
        }
        // One line that does nothing to a terminal, whatever a file or a plugin put into it.
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        line.chars().try_for_each(|letter| {
            f.write_char(if letter.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                letter
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line_with_place_and_mend() {
        let problem = Problem::user("'abc' is not a number", "write a decimal number")
            .in_file("bars.csv")
            .at_line(7)
            .at_column("Close");
        assert_eq!(
            problem.to_string(),
            "'abc' is not a number (bars.csv, line 7, column Close); write a decimal number"
        );
        assert_eq!(problem.exit_code(), 2);
        assert_eq!(Problem::host("two\nlines", "").to_string(), "two lines");
        assert_eq!(
            Problem::host("clear\u{1b}[2J", "").to_string(),
            "clear\u{fffd}[2J"
        );
    }
}
