//! The log of a sweep: what came of every combination, on disk as soon as it is known.
//!
//! Promises: a combination whose line is whole was run, and is not run again. A process that is killed loses at most the
//! runs it was in the middle of; a last line that is cut off is taken away when the log is opened again. A log of another
//! sweep is refused. Rows of one round come before those of the next, in any order within it.
//!
//! Bounds: a round of rows is in memory at a time. A line is written at once and not synced: what a power cut takes is run
//! again, and comes to the same.

use super::row::Row;
use bulkhead_domain::{Digest, Problem};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Version of the log.
const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Head {
    format: u32,
    /// Of everything that the sweep's outcome depends on.
    sweep: Digest,
    parameters: Vec<String>,
}

/// A combination with the equity at the marks it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    pub(super) row: Row,
    pub(super) interim: Vec<f64>,
}

impl Entry {
    /// As it stands in the log, without the end of the line.
    pub(super) fn line(&self) -> Result<String, Problem> {
        serde_json::to_string(self)
            .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))
    }

    /// From the log. What is used of a run is always read from its line, so that it is the same whether it was run now or
    /// before.
    pub(super) fn read(line: &str) -> Option<Entry> {
        serde_json::from_str(line).ok()
    }
}

/// A log that is open.
pub(super) struct Log {
    path: PathBuf,
    file: File,
    known: Option<BufReader<File>>,
    /// An entry of a later round that was read already.
    ahead: Option<(Entry, String)>,
}

impl Log {
    /// Opens the log of a sweep, or begins it.
    ///
    /// # Errors
    /// A log of another sweep, or a file that cannot be read or written.
    pub(super) fn open(
        path: &Path,
        sweep: Digest,
        parameters: Vec<String>,
    ) -> Result<Log, Problem> {
        let head = Head {
            format: FORMAT,
            sweep,
            parameters,
        };
        let failed = |what: &str, error: &std::io::Error| {
            Problem::host(
                format!("cannot {what} the sweep's log: {error}"),
                "mend the cause; what is in it is kept",
            )
            .in_file(path)
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|error| failed("open", &error))?;
        let whole = whole(&file).map_err(|error| failed("read", &error))?;
        file.set_len(whole).map_err(|error| failed("cut", &error))?;
        if whole == 0 {
            let text = serde_json::to_string(&head)
                .map_err(|error| Problem::host(format!("no JSON: {error}"), "report this"))?;
            writeln!(file, "{text}").map_err(|error| failed("write", &error))?;
        }
        let mut known = BufReader::new(File::open(path).map_err(|error| failed("read", &error))?);
        let mut first = String::new();
        known
            .read_line(&mut first)
            .map_err(|error| failed("read", &error))?;
        if serde_json::from_str::<Head>(&first).ok() != Some(head) {
            return Err(Problem::user(
                "the folder holds a sweep of other parameters, data, settings or plugins, or of another version",
                "name another folder with --out, or move this one away",
            )
            .in_file(path));
        }
        Ok(Log {
            path: path.to_owned(),
            file,
            known: Some(known),
            ahead: None,
        })
    }

    /// What is known already of combinations below `until`; to be asked for in rounds, one after the other.
    ///
    /// # Errors
    /// A log that cannot be read, or was changed by somebody.
    pub(super) fn known(&mut self, until: u64) -> Result<Vec<(Entry, String)>, Problem> {
        let mut known = Vec::new();
        if let Some(ahead) = self.ahead.take() {
            if ahead.0.row.number >= until {
                self.ahead = Some(ahead);
                return Ok(known);
            }
            known.push(ahead);
        }
        let Some(reader) = &mut self.known else {
            return Ok(known);
        };
        let mut line = String::new();
        loop {
            line.clear();
            let read = reader.read_line(&mut line).map_err(|error| {
                Problem::host(
                    format!("cannot read the sweep's log: {error}"),
                    "mend the cause",
                )
                .in_file(&self.path)
            })?;
            if read == 0 {
                self.known = None;
                return Ok(known);
            }
            let text = line.trim_end();
            let entry = Entry::read(text).ok_or_else(|| {
                Problem::user(
                    "a line of the sweep's log is not what was written",
                    "move the folder away and begin anew",
                )
                .in_file(&self.path)
            })?;
            if entry.row.number >= until {
                self.ahead = Some((entry, text.to_owned()));
                return Ok(known);
            }
            known.push((entry, text.to_owned()));
        }
    }

    /// Puts an entry down.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(super) fn append(&mut self, line: &str) -> Result<(), Problem> {
        // One write: a process that is killed in it leaves a line that is cut off, never a mix of two.
        let text = format!("{line}\n");
        self.file.write_all(text.as_bytes()).map_err(|error| {
            Problem::host(
                format!("cannot write the sweep's log: {error}"),
                "free some space and go on with the same command",
            )
            .in_file(&self.path)
        })
    }
}

/// Bytes up to the end of the last whole line.
fn whole(mut file: &File) -> std::io::Result<u64> {
    const BLOCK: u64 = 65_536;
    let length = file.metadata()?.len();
    let mut end = length;
    let mut block = vec![0; BLOCK as usize];
    while end > 0 {
        let from = end.saturating_sub(BLOCK);
        let size = (end - from) as usize;
        let Some(part) = block.get_mut(..size) else {
            break;
        };
        file.seek(SeekFrom::Start(from))?;
        std::io::Read::read_exact(&mut file, part)?;
        if let Some(place) = part.iter().rposition(|byte| *byte == b'\n') {
            return Ok(from + place as u64 + 1);
        }
        end = from;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::super::row::Ending;
    use super::*;
    use serde_json::json;

    fn entry(number: u64) -> Entry {
        Entry {
            row: Row {
                number,
                values: vec![json!(number), json!(0.1)],
                ending: Ending::Finished,
                failure: None,
                objective: Some(0.1 + number as f64),
                figures: None,
            },
            interim: vec![1.0 / 3.0],
        }
    }

    fn open(path: &Path) -> Result<Log, Problem> {
        Log::open(
            path,
            Digest::of(b"sweep"),
            vec!["a".to_owned(), "b".to_owned()],
        )
    }

    fn numbers(known: &[(Entry, String)]) -> Vec<u64> {
        known.iter().map(|(entry, _)| entry.row.number).collect()
    }

    #[test]
    fn what_was_put_down_is_known_round_by_round() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = open(&path).unwrap();
        assert_eq!(log.known(100).unwrap(), []);
        for number in [1, 0, 2, 4, 3] {
            log.append(&entry(number).line().unwrap()).unwrap();
        }
        drop(log);
        let mut log = open(&path).unwrap();
        assert_eq!(numbers(&log.known(3).unwrap()), [1, 0, 2]);
        let rest = log.known(6).unwrap();
        assert_eq!(numbers(&rest), [4, 3]);
        assert_eq!(rest[1].0, entry(3));
        assert_eq!(log.known(9).unwrap(), []);
    }

    #[test]
    fn a_line_that_is_cut_off_is_taken_away_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = open(&path).unwrap();
        log.append(&entry(0).line().unwrap()).unwrap();
        let kept = std::fs::metadata(&path).unwrap().len();
        log.append(&entry(1).line().unwrap()).unwrap();
        drop(log);
        let bytes = std::fs::read(&path).unwrap();
        for length in [kept, kept + 1, kept + 20, bytes.len() as u64 - 1] {
            std::fs::write(&path, &bytes[..length as usize]).unwrap();
            let mut log = open(&path).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().len(), kept);
            assert_eq!(numbers(&log.known(9).unwrap()), [0]);
            log.append(&entry(1).line().unwrap()).unwrap();
            drop(log);
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        // The first line itself.
        std::fs::write(&path, &bytes[..10]).unwrap();
        assert_eq!(open(&path).unwrap().known(9).unwrap(), []);
    }

    #[test]
    fn a_log_of_another_sweep_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        drop(open(&path).unwrap());
        let before = std::fs::read(&path).unwrap();
        let other = Log::open(&path, Digest::of(b"other"), vec!["a".to_owned()]);
        let line = other.err().unwrap().to_string();
        assert!(
            line.starts_with("the folder holds a sweep of other"),
            "{line}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}
