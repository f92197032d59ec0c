//! Asking the process that owns the gateway, over a socket in the state folder that only its user can use.
//!
//! Promises: a person is who the system says is at the other end, whatever the request says. Who may write to the
//! state folder has the operator's role; there is no other yet. An agent is named by whoever speaks for it, and
//! can only restrict.
//!
//! One request and one answer a connection, each one line of JSON. The process that has just taken the
//! gateway lock listens a moment later.

use super::error::Acknowledgement;
use super::gate::Gate;
use super::latch::{Latch, Latches, Scope};
use super::person::peer;
use bulkhead_domain::{Blame, Problem, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a request may take to arrive: it is one short line that is written at once.
const REQUEST_PATIENCE: Duration = Duration::from_secs(2);
/// Longest request or answer in bytes.
const LONGEST: u64 = 1 << 20;
/// Connections that are served at once; more wait.
const CONNECTIONS: usize = 32;
/// Pause after a connection that could not be taken, for want of descriptors.
const RETRY: Duration = Duration::from_millis(20);
/// Longest path of a socket that every Unix takes (macOS: 104 with the zero at the end).
const LONGEST_PATH: usize = 100;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "ask", deny_unknown_fields)]
pub enum Ask {
    /// Restrict trading.
    Raise {
        /// How. A person is recorded as the user who asks, an agent by its name.
        latch: Latch,
    },
    /// Lift a restriction.
    Lower {
        /// Whose.
        scope: Scope,
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
        /// Whether the host is to blame, not whoever asked.
        #[serde(default)]
        host: bool,
    },
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Where the socket is by a path short enough for the system, and the folder that this path goes through,
/// which has to stay open as long as it is used.
fn address(folder: &Path) -> std::io::Result<(PathBuf, Option<File>)> {
    let path = socket(folder);
    if path.as_os_str().len() <= LONGEST_PATH || !Path::new("/proc/self/fd").is_dir() {
        return Ok((path, None));
    }
    let folder = File::open(folder)?;
    let through = format!("/proc/self/fd/{}/control.sock", folder.as_raw_fd());
    Ok((PathBuf::from(through), Some(folder)))
}

/// The owner's side: answers until it is dropped.
pub struct Control {
    folder: PathBuf,
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
        let (address, _open) = address(folder).map_err(|error| failed(&error))?;
        let listener = UnixListener::bind(&address).map_err(|error| failed(&error))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(|error| failed(&error))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopping);
        let thread = std::thread::Builder::new()
            .name("bulkhead-control".to_owned())
            .spawn(move || listen(&listener, &stop, &gate))
            .map_err(|error| failed(&error))?;
        Ok(Control {
            folder: folder.to_owned(),
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the thread; if nobody can connect, nobody can wait for it either.
        let woken = connect(&self.folder).is_ok();
        let _ = std::fs::remove_file(socket(&self.folder));
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
    }
}

fn connect(folder: &Path) -> std::io::Result<UnixStream> {
    let (address, _open) = address(folder)?;
    UnixStream::connect(address)
}

/// Serves every connection in a thread of its own: whoever connects and says nothing keeps nobody from
/// stopping trade.
fn listen(listener: &UnixListener, stop: &AtomicBool, gate: &Arc<Gate>) {
    let serving = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok(connection) = connection else {
            std::thread::sleep(RETRY);
            continue;
        };
        while serving.load(Ordering::Acquire) >= CONNECTIONS {
            std::thread::sleep(RETRY);
        }
        let turn = Turn::take(&serving);
        let gate = Arc::clone(gate);
        let spawned = std::thread::Builder::new()
            .name("bulkhead-control".to_owned())
            .spawn(move || {
                // Whoever hangs up early is told nothing.
                let _ = serve(connection, &gate);
                drop(turn);
            });
        if spawned.is_err() {
            std::thread::sleep(RETRY);
        }
    }
}

/// One connection that is served, until it is dropped.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    fn take(serving: &Arc<AtomicUsize>) -> Turn {
        serving.fetch_add(1, Ordering::AcqRel);
        Turn(Arc::clone(serving))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve(connection: UnixStream, gate: &Gate) -> std::io::Result<()> {
    connection.set_read_timeout(Some(REQUEST_PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(connection.try_clone()?.take(LONGEST)).read_line(&mut line)?;
    let answer = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => answer(ask, &peer(&connection)?, gate),
        Err(error) => Answer::Refused {
            what: format!("the request cannot be read: {error}"),
            mend: "use the `bulkhead` of the same version as the one that runs".to_owned(),
            host: false,
        },
    };
    send(connection, &answer)
}

fn answer(ask: Ask, person: &str, gate: &Gate) -> Answer {
    let refused = |problem: Problem| Answer::Refused {
        host: problem.blame == Blame::Host,
        what: problem.what,
        mend: problem.mend,
    };
    match ask {
        Ask::Raise { latch } => {
            // Whoever asks is no rule and not the host: a resumed session would take it for its own.
            let actor = match latch.actor.split_once(':') {
                Some(("person", _)) => format!("person:{person}"),
                Some(("agent", name)) if !name.is_empty() => latch.actor.clone(),
                _ => {
                    return refused(Problem::user(
                        format!("'{}' is nobody who can restrict trading", latch.actor),
                        "name a person:NAME or an agent:NAME",
                    ));
                }
            };
            match gate.raise(Latch { actor, ..latch }) {
                Ok(acknowledgement) => Answer::Raised { acknowledgement },
                Err(error) => refused(error.into()),
            }
        }
        Ask::Lower {
            scope,
            reason,
            time,
        } => match gate.lower(&scope, person, &reason, time) {
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

/// Asks the owner of a state folder's gateway. `None` when nobody listens: the owner has not begun to, or is
/// gone.
///
/// # Errors
/// When it does not answer in time.
pub fn ask(folder: &Path, request: &Ask) -> Result<Option<Answer>, Problem> {
    let failed = |error: &dyn std::fmt::Display| {
        Problem::host(
            format!("the process that owns the broker connections does not answer: {error}"),
            "end that process; what it sent and what works at the broker is unknown until it is started again",
        )
        .in_file(socket(folder))
    };
    let connection = match connect(folder) {
        Ok(connection) => connection,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
    };
    let exchange = || -> std::io::Result<String> {
        connection.set_read_timeout(Some(PATIENCE))?;
        connection.set_write_timeout(Some(PATIENCE))?;
        send(connection.try_clone()?, request)?;
        let mut line = String::new();
        BufReader::new((&connection).take(LONGEST)).read_line(&mut line)?;
        Ok(line)
    };
    let line = exchange().map_err(|error| failed(&error))?;
    if line.is_empty() {
        return Err(failed(&"it hung up"));
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|error| failed(&error))
}
