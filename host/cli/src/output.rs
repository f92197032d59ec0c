//! Standard output and standard error.
//!
//! A reader that has gone (`bulkhead … | head`) is no failure: what follows is not printed and the command
//! goes on to its end. A disk that is full under a redirected output is one.

use bulkhead_domain::Problem;
use comfy_table::presets::{ASCII_FULL_CONDENSED, NOTHING};
use comfy_table::{ContentArrangement, Table};
use console::Term;
use serde::Serialize;
use std::io::{ErrorKind, Write as _};

/// Narrowest table that is still wrapped to the terminal.
const NARROWEST: u16 = 60;

/// Prints a line, or several.
pub(crate) fn line(text: impl AsRef<str>) -> Result<(), Problem> {
    let mut out = std::io::stdout().lock();
    let lines: Vec<String> = text.as_ref().split('\n').map(plain).collect();
    match writeln!(out, "{}", lines.join("\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Problem::host(
            format!("the result cannot be written: {error}"),
            "check where the output goes",
        )),
        _ => Ok(()),
    }
}

/// Prints a result as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Problem> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Problem::host(format!("the result is no JSON: {error}"), "report this"))?;
    line(text)
}

/// Prints rows under headers, wrapped to the terminal where there is one.
pub(crate) fn table<const N: usize>(
    headers: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> Result<(), Problem> {
    let headers = headers.map(str::to_owned).to_vec();
    wide_table(headers, rows.into_iter().map(|row| row.to_vec()))
}

/// The same with as many columns as there are headers.
pub(crate) fn wide_table(
    headers: Vec<String>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), Problem> {
    let mut table = new_table();
    table
        .load_style(ASCII_FULL_CONDENSED)
        .set_header(headers.iter().map(|header| plain(header)));
    let cells = |row: Vec<String>| row.iter().map(|cell| plain(cell)).collect::<Vec<_>>();
    table.add_rows(rows.into_iter().map(cells));
    line(table.to_string())
}

/// Prints names and values, without lines between them.
pub(crate) fn pairs(rows: impl IntoIterator<Item = (&'static str, String)>) -> Result<(), Problem> {
    let mut table = new_table();
    table.load_style(NOTHING);
    for (name, value) in rows {
        table.add_row([name.to_owned(), plain(&value)]);
    }
    line(table.trim_fmt())
}

fn new_table() -> Table {
    let mut table = Table::new();
    let term = Term::stdout();
    if term.is_term() {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(term.size().1.max(NARROWEST));
    }
    table
}

/// Text of a plugin without what would steer the terminal or turn the order of what is read around.
fn plain(text: &str) -> String {
    let steers = |letter: char| {
        letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|letter| if steers(letter) { ' ' } else { letter })
        .collect()
}

/// Says what is being done, on standard error.
pub(crate) fn note(text: &str) {
    // Nobody to tell is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{}", plain(text));
}

/// Says what may not be what was meant, on standard error.
pub(crate) fn warning(text: &str) {
    note(&format!("warning: {text}"));
}

/// Says what went wrong, on standard error.
pub(crate) fn error(problem: &Problem) {
    note(&format!("error: {problem}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugins_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
        assert_eq!(plain("sell\u{202e}yub\u{2069}"), "sell yub ");
    }
}
