//! Lines of a file, read in chunks, with their numbers and offsets.

use bulkhead_sdk::data_source::Error;
use bulkhead_sdk::files;

/// Bytes asked for at a time.
const CHUNK: u32 = 64 * 1024;

/// Longest line, in bytes.
const LONGEST: usize = 1024 * 1024;

/// A cursor over the lines of a file.
pub(crate) struct Lines {
    path: String,
    buffer: Vec<u8>,
    /// Start of the next line in the buffer.
    at: usize,
    /// Offset in the file of the buffer's first byte.
    base: u64,
    /// Number of the next line, counted from 1.
    line: u64,
    ended: bool,
}

/// What a failed read means to the caller.
pub(crate) fn unreadable(error: &files::Error) -> Error {
    let text = files::describe(error);
    match error {
        files::Error::NotFound(_) | files::Error::Denied(_) => Error::InvalidInput(text),
        files::Error::TooLarge(_) => Error::Unsupported(text),
        files::Error::Io(_) => Error::Unavailable(text),
    }
}

impl Lines {
    pub(crate) fn new(path: &str, offset: u64, line: u64) -> Self {
        Lines {
            path: path.to_owned(),
            buffer: Vec::new(),
            at: 0,
            base: offset,
            line,
            ended: false,
        }
    }

    /// Where a page's token points.
    pub(crate) fn from_token(path: &str, token: &str) -> Result<Self, Error> {
        let bad = || Error::InvalidInput(format!("`{token}` is not a page token of this plugin"));
        let (offset, line) = token.split_once(':').ok_or_else(bad)?;
        Ok(Lines::new(
            path,
            offset.parse().map_err(|_| bad())?,
            line.parse().map_err(|_| bad())?,
        ))
    }

    /// Names the next line.
    pub(crate) fn token(&self) -> String {
        format!("{}:{}", self.offset(), self.line)
    }

    /// Offset of the next line in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let offset = self.base + self.buffer.len() as u64;
        let bytes = files::read(&self.path, offset, CHUNK).map_err(|error| unreadable(&error))?;
        self.ended = bytes.is_empty();
        self.buffer.extend_from_slice(&bytes);
        Ok(())
    }

    /// Whether no line is left; blank lines at the end count as none.
    pub(crate) fn at_end(&mut self) -> Result<bool, Error> {
        loop {
            while let Some(byte) = self.buffer.get(self.at) {
                match byte {
                    b'\r' => {}
                    b'\n' => self.line += 1,
                    _ => return Ok(false),
                }
                self.at += 1;
            }
            if self.ended {
                return Ok(true);
            }
            self.fill()?;
        }
    }

    /// The next line that is not blank, without its end, and its number.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, &str)>, Error> {
        if self.at_end()? {
            return Ok(None);
        }
        let mut searched = 0;
        let length = loop {
            let rest = self.buffer.get(self.at..).unwrap_or_default();
            let found = rest
                .get(searched..)
                .and_then(|new| new.iter().position(|byte| *byte == b'\n'));
            if let Some(found) = found {
                break searched + found;
            }
            if self.ended {
                break rest.len();
            }
            searched = rest.len();
            if searched > LONGEST {
                return Err(Error::InvalidInput(format!(
                    "{}, line {}: longer than {LONGEST} bytes",
                    self.path, self.line
                )));
            }
            self.fill()?;
        };
        let start = self.at;
        let line = self.line;
        self.at = (start + length + 1).min(self.buffer.len());
        self.line += 1;
        let bytes = self.buffer.get(start..start + length).unwrap_or_default();
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some((line, text))),
            Err(_) => Err(Error::InvalidInput(format!(
                "{}, line {line}: not UTF-8 text",
                self.path
            ))),
        }
    }
}

/// Splits a line at commas. A cell in double quotes may hold commas, and a doubled quote stands for one.
pub(crate) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut cells = Vec::new();
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start();
        if let Some(quoted) = trimmed.strip_prefix('"') {
            let mut cell = String::new();
            let mut inside = quoted;
            let after = loop {
                let end = inside
                    .find('"')
                    .ok_or("a quote is not closed on its line")?;
                cell.push_str(&inside[..end]);
                inside = &inside[end + 1..];
                match inside.strip_prefix('"') {
                    Some(more) => {
                        cell.push('"');
                        inside = more;
                    }
                    None => break inside.trim_start(),
                }
            };
            cells.push(cell);
            match after.strip_prefix(',') {
                Some(more) => rest = more,
                None if after.is_empty() => return Ok(cells),
                None => return Err("text after a closing quote"),
            }
        } else {
            match rest.split_once(',') {
                Some((cell, more)) => {
                    cells.push(cell.trim().to_owned());
                    rest = more;
                }
                None => {
                    cells.push(rest.trim().to_owned());
                    return Ok(cells);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_sdk::testing;

    #[test]
    fn lines_are_the_same_however_the_chunks_fall() {
        // Lines of every length around the chunk's edge, with both line ends and blanks between.
        let mut text = String::from("\n\n");
        let mut expected = Vec::new();
        let mut number = 3;
        for i in 0..400usize {
            let line = "x".repeat(300 + i % 7);
            text.push_str(&line);
            expected.push((number, line));
            number += 1;
            text.push_str(if i % 2 == 0 { "\r\n" } else { "\n" });
            if i % 5 == 0 {
                text.push_str("\r\n");
                number += 1;
            }
        }
        testing::set_files([("f", text)]);
        let mut lines = Lines::new("f", 0, 1);
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next().unwrap() {
            found.push((number, line.to_owned()));
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_token_goes_on_at_the_next_line() {
        testing::set_files([("f", "a\r\nb\r\n\r\nc")]);
        let mut lines = Lines::new("f", 0, 1);
        lines.next().unwrap();
        lines.next().unwrap();
        assert!(!lines.at_end().unwrap());
        let mut later = Lines::from_token("f", &lines.token()).unwrap();
        assert_eq!(later.next().unwrap(), Some((4, "c")));
        assert!(later.at_end().unwrap());
        assert!(Lines::from_token("f", "5").is_err());
    }

    #[test]
    fn quotes_protect_commas() {
        assert_eq!(split("a, b ,c").unwrap(), ["a", "b", "c"]);
        assert_eq!(split("\"a,\"\"b\",c,").unwrap(), ["a,\"b", "c", ""]);
        assert!(split("\"a").is_err());
        assert!(split("\"a\"b").is_err());
    }

    #[test]
    fn what_is_no_text_is_named_by_its_line() {
        testing::set_files([("f", b"a\n\xff\n".to_vec())]);
        let mut lines = Lines::new("f", 0, 1);
        lines.next().unwrap();
        let error = lines.next().unwrap_err();
        assert!(
            format!("{error:?}").contains("line 2: not UTF-8"),
            "{error:?}"
        );
    }
}
