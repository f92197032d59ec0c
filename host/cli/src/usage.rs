//! Mistakes in the arguments, as one line like every other.

use crate::output;
use bulkhead_domain::Problem;
use clap::error::ErrorKind;

/// Prints help where it was asked for; otherwise gives the problem.
pub(crate) fn answer(error: &clap::Error) -> Result<(), Problem> {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => output::line(text.trim_end()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let usage = text
                .lines()
                .find_map(|line| line.strip_prefix("Usage: "))
                .unwrap_or("bulkhead --help");
            Err(Problem::user(
                "a command is missing",
                format!("usage: {usage}; `--help` lists the commands"),
            ))
        }
        _ => {
            let (what, mend) = split(&text);
            Err(Problem::user(what, mend))
        }
    }
}

/// What is wrong, and the usage or tip that mends it.
fn split(text: &str) -> (String, String) {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let mut what = Vec::new();
    let mut mend = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("For more information") {
            continue;
        }
        if let Some(tip) = line.strip_prefix("tip: ") {
            mend.push(tip.to_owned());
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            mend.push(format!("usage: {usage}"));
        } else {
            what.push(line);
        }
    }
    (what.join(" "), mend.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_is_one_line_with_its_tip() {
        let text = "error: unrecognized subcommand 'plugins'\n\n  tip: a similar subcommand exists: \
                    'plugin'\n\nUsage: bulkhead [OPTIONS] <COMMAND>\n\nFor more information, try '--help'.\n";
        let (what, mend) = split(text);
        assert_eq!(what, "unrecognized subcommand 'plugins'");
        assert_eq!(
            mend,
            "a similar subcommand exists: 'plugin'; usage: bulkhead [OPTIONS] <COMMAND>"
        );
    }
}
