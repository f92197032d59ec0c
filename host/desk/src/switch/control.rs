//! Asking the process that owns the gateway, over a socket in the state folder that only its user can use.
//!
//! One request and one answer a connection, each one line of JSON.

use super::gate::{Acknowledgement, Gate};
use super::latch::{Latch, Latches, Scope};
use bulkhead_domain::{Problem, Timestamp};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest request or answer in bytes.
const LONGEST: u64 = 1 << 20;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask", deny_unknown_fields)]
pub enum Ask {
    /// Restrict trading.
    Raise {
        /// How.
        latch: Latch,
    },
    /// Lift a restriction.
    Lower {
        /// Whose.
        scope: Scope,
        /// Who asks.
        person: String,
        /// Why.
        reason: String,
        /// When.
        time: Timestamp,
    },
    /// Which restrictions hold.
    Status,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "answer")]
pub enum Answer {
    /// It holds.
    Raised {
        /// How.
        acknowledgement: Acknowledgement,
    },
    /// It holds no more.
    Lowered {
        /// What held.
        latch: Latch,
    },
    /// What holds.
    Status {
        /// The restrictions.
        latches: Latches,
    },
    /// It could not be done.
    Refused {
        /// What is wrong.
        what: String,
        /// How to mend it.
        mend: String,
    },
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// The owner's side: answers until it is dropped.
pub struct Control {
    path: PathBuf,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Starts to answer in a thread of its own. The caller holds the folder's gateway lock, so a socket that
    /// is there already is a leftover.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(folder: &Path, gate: Arc<Gate>) -> Result<Control, Problem> {
        let path = socket(folder);
        let failed = |error: &std::io::Error| {
            Problem::host(
                format!("the control socket cannot be made: {error}"),
                "use a state folder with a shorter path on a local disk that you own",
            )
            .in_file(&path)
        };
        if path.exists() {
            std::fs::remove_file(&path).map_err(|error| failed(&error))?;
        }
        let listener = UnixListener::bind(&path).map_err(|error| failed(&error))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| failed(&error))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("bulkhead-control".to_owned())
            .spawn(move || {
                for connection in listener.incoming() {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    if let Ok(connection) = connection {
                        // Whoever hangs up early is told nothing.
                        let _ = serve(connection, &gate);
                    }
                }
            })
            .map_err(|error| failed(&error))?;
        Ok(Control {
            path,
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread; if nobody can connect, nobody can wait for it either.
        let woken = UnixStream::connect(&self.path).is_ok();
        let _ = std::fs::remove_file(&self.path);
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn serve(connection: UnixStream, gate: &Gate) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(connection.try_clone()?.take(LONGEST)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => answer(ask, gate),
        Err(error) => Answer::Refused {
            what: format!("the request cannot be read: {error}"),
            mend: "use the `bulkhead` of the same version as the one that runs".to_owned(),
        },
    };
    send(connection, &answer)
}

fn answer(ask: Ask, gate: &Gate) -> Answer {
    let refused = |problem: Problem| Answer::Refused {
        what: problem.what,
        mend: problem.mend,
    };
    match ask {
        Ask::Raise { latch } => match gate.raise(latch) {
            Ok(acknowledgement) => Answer::Raised { acknowledgement },
            Err(error) => refused(error.into()),
        },
        Ask::Lower {
            scope,
            person,
            reason,
            time,
        } => match gate.lower(&scope, &person, &reason, time) {
            Ok(latch) => Answer::Lowered { latch },
            Err(error) => refused(error.into()),
        },
        Ask::Status => Answer::Status {
            latches: gate.latches(),
        },
    }
}

fn send(mut connection: UnixStream, message: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    connection.write_all(&line)
}

/// Asks the owner of a state folder's gateway.
///
/// # Errors
/// When it does not answer in time.
pub fn ask(folder: &Path, request: &Ask) -> Result<Answer, Problem> {
    let path = socket(folder);
    let failed = |error: &dyn std::fmt::Display| {
        Problem::host(
            format!("the process that owns the broker connections does not answer: {error}"),
            "end that process; what it sent and what works at the broker is unknown until it is started again",
        )
        .in_file(&path)
    };
    let exchange = || -> std::io::Result<String> {
        let connection = UnixStream::connect(&path)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        send(connection.try_clone()?, request)?;
        let mut line = String::new();
        BufReader::new(connection.take(LONGEST)).read_line(&mut line)?;
        Ok(line)
    };
    let line = exchange().map_err(|error| failed(&error))?;
    serde_json::from_str(&line).map_err(|error| failed(&error))
}
