//! Running the host's command in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        Ran {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Standard output as JSON, of a command that succeeded.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// That the command refused with nothing but this line on standard error.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str) {
        assert_eq!(
            (self.code, self.err.as_str(), self.out.as_str()),
            (2, format!("error: {line}\n").as_str(), "")
        );
    }
}

/// A folder to run commands in; everything they keep is in it.
pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// The command, to be run here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command_in(self.folder.path(), self.folder.path(), arguments)
    }

    /// Runs the command here.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }
}

/// The command in a folder, with the user's cache in another.
pub(crate) fn command_in(folder: &Path, cache: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(bulkhead_tests::bulkhead());
    command
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CACHE_HOME", cache.join("cache"))
        .env_remove("RUST_LOG")
        .env_remove("BULKHEAD_PLUGINS")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Ran {
    Ran::of(command.output().unwrap())
}
