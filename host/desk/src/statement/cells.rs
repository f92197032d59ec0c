//! Cells of a CSV file: RFC 4180, lines ended by CR LF, and text that stays text in a spreadsheet.

use bulkhead_domain::Decimal;
use std::borrow::Cow;
use std::io::Write;

/// First characters by which spreadsheets tell a formula, or which hide one.
const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

/// Text from outside: a single quote in front keeps a spreadsheet from computing it.
#[must_use]
pub fn text(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(FORMULA) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// A number without trailing zeros, and zero without a sign.
#[must_use]
pub fn number(value: Decimal) -> String {
    value.normalize().to_string()
}

/// Writes a header and rows of as many cells.
///
/// # Errors
/// What writing to `to` ends in.
pub fn write<const N: usize>(
    to: impl Write,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> std::io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(to);
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.flush()
}
