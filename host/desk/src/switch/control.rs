//! Asking the process that owns the gateway, over a socket in the state folder that only its user can use.
//!
//! Promises: a person is who the system says is at the other end, whatever the request says. Who may write to the
//! state folder has the operator's role; there is no other yet. An agent is named by whoever speaks for it, and
//! can only restrict. A change of the plugins is carried out by an [`Operations`] that the owner was started with;
//! what it means is nothing that is known here. It may take long (a compiler runs): that keeps nobody from stopping
//! trade, and an owner that ends begins no other, and answers everybody until those that it has begun are done.
//!
//! One request and one answer a connection, each one line of JSON. The process that has just taken the
//! gateway lock listens a moment later. One that ends may hang up on whoever came at its last moment: what may be
//! asked twice is asked again for a while.

use super::error::Acknowledgement;
use super::gate::{FENCE_PATIENCE, Gate};
use super::latch::{Latch, Latches, Scope};
use super::person::peer;
use bulkhead_domain::{Blame, Problem, Timestamp};
use bulkhead_store::writer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(15);
/// A restriction is answered in time though its commit and its fence take as long as they may.
const _: () = assert!(
    PATIENCE.as_nanos() > writer::PATIENCE.saturating_add(FENCE_PATIENCE).as_nanos(),
    "whoever restricts gives up before the owner does"
);
/// How long whoever asks for a change of the plugins waits for it, and how long an owner that ends waits for one
/// that it has begun: a component is compiled and started meanwhile.
const CHANGE_PATIENCE: Duration = Duration::from_secs(180);
/// How long a request may take to arrive: it is one short line that is written at once.
const REQUEST_PATIENCE: Duration = Duration::from_secs(2);
/// Longest request or answer in bytes.
const LONGEST: u64 = 1 << 20;
/// Connections that are served at once; more wait.
const CONNECTIONS: usize = 32;
/// Changes of the plugins that are made at once; more are refused, so that there is always a connection left to
/// stop trade by.
const CHANGES: usize = 4;
/// Pause before another look or another try.
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
    /// Change the plugins.
    Plugin {
        /// How; [`Operations`] knows what it means.
        change: Value,
    },
}

impl Ask {
    fn patience(&self) -> Duration {
        match self {
            Ask::Plugin { .. } => CHANGE_PATIENCE,
            Ask::Raise { .. } | Ask::Lower { .. } | Ask::Status => PATIENCE,
        }
    }

    /// Whether asking twice is as good as asking once.
    fn may_be_repeated(&self) -> bool {
        matches!(self, Ask::Raise { .. } | Ask::Status)
    }
}

/// What the owner does besides stopping trade.
pub trait Operations: Send + Sync {
    /// Changes the plugins in the name of a person, and tells what became of it.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn plugin(&self, change: Value, person: &str) -> Result<Value, Problem>;
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
    /// The plugins are changed.
    Plugin {
        /// What became of it.
        applied: Value,
    },
    /// The owner is about to end; nothing was done.
    Ending,
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
    /// Begins no change of the plugins any more.
    ending: Arc<AtomicBool>,
    /// Answers nobody any more.
    stopping: Arc<AtomicBool>,
    /// Changes that are being made.
    changing: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

/// What every connection is served with.
#[derive(Clone)]
struct Owner {
    gate: Arc<Gate>,
    operations: Arc<dyn Operations>,
    changing: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    stopping: Arc<AtomicBool>,
}

impl Control {
    /// Starts to answer in a thread of its own. The caller holds the folder's gateway lock, so a socket that
    /// is there already is a leftover.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn start(
        folder: &Path,
        gate: Arc<Gate>,
        operations: Arc<dyn Operations>,
    ) -> Result<Control, Problem> {
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
        let ending = Arc::new(AtomicBool::new(false));
        let stopping = Arc::new(AtomicBool::new(false));
        let changing = Arc::new(AtomicUsize::new(0));
        let owner = Owner {
            gate,
            operations,
            changing: Arc::clone(&changing),
            ending: Arc::clone(&ending),
            stopping: Arc::clone(&stopping),
        };
        let thread = std::thread::Builder::new()
            .name("bulkhead-control".to_owned())
            .spawn(move || listen(&listener, &owner))
            .map_err(|error| failed(&error))?;
        Ok(Control {
            folder: folder.to_owned(),
            ending,
            stopping,
            changing,
            thread: Some(thread),
        })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // Whoever takes the lock next must find no change half-way; and whoever asked for it waits for the answer.
        // Trade can be stopped meanwhile.
        let begun = Instant::now();
        while self.changing.load(Ordering::SeqCst) > 0 && begun.elapsed() < CHANGE_PATIENCE {
            std::thread::sleep(RETRY);
        }
        self.stopping.store(true, Ordering::SeqCst);
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
fn listen(listener: &UnixListener, owner: &Owner) {
    let serving = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if owner.stopping.load(Ordering::Acquire) {
            return;
        }
        let Ok(connection) = connection else {
            std::thread::sleep(RETRY);
            continue;
        };
        let turn = loop {
            match Turn::take(&serving, CONNECTIONS) {
                Some(turn) => break turn,
                None => std::thread::sleep(RETRY),
            }
        };
        let owner = owner.clone();
        let spawned = std::thread::Builder::new()
            .name("bulkhead-control".to_owned())
            .spawn(move || {
                // Whoever hangs up early is told nothing.
                let _ = serve(connection, &owner);
                drop(turn);
            });
        if spawned.is_err() {
            std::thread::sleep(RETRY);
        }
    }
}

/// One of those that are served, or that change the plugins, until it is dropped.
struct Turn(Arc<AtomicUsize>);

impl Turn {
    /// `None` where there are as many as there may be.
    fn take(count: &Arc<AtomicUsize>, most: usize) -> Option<Turn> {
        let one_more = |count: usize| (count < most).then_some(count + 1);
        let taken = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more);
        taken.is_ok().then(|| Turn(Arc::clone(count)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn serve(connection: UnixStream, owner: &Owner) -> std::io::Result<()> {
    connection.set_read_timeout(Some(REQUEST_PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(connection.try_clone()?.take(LONGEST)).read_line(&mut line)?;
    let ask = serde_json::from_str::<Ask>(&line);
    // Held until the answer is sent.
    let turn = match ask {
        Ok(Ask::Plugin { .. }) => Turn::take(&owner.changing, CHANGES),
        _ => None,
    };
    let answer = match ask {
        Ok(Ask::Plugin { .. }) if turn.is_none() => refused(Problem::user(
            "the process that owns the broker connections is busy with other changes of plugins; nothing was changed",
            "repeat the command",
        )),
        Ok(ask) => answer(ask, &peer(&connection)?, owner),
        Err(error) => Answer::Refused {
            what: format!("the request cannot be read: {error}"),
            mend: "use the `bulkhead` of the same version as the one that runs".to_owned(),
            host: false,
        },
    };
    let sent = send(connection, &answer);
    drop(turn);
    sent
}

fn refused(problem: Problem) -> Answer {
    let host = problem.blame == Blame::Host;
    // The place belongs to what is wrong; an answer has no room of its own for it.
    let (what, mend) = match &problem.file {
        Some(file) => (
            format!("{} ({})", problem.what, file.display()),
            problem.mend,
        ),
        None => (problem.what, problem.mend),
    };
    Answer::Refused { what, mend, host }
}

/// The caller has counted the change already, so an owner that begins to end after this looked waits for it.
fn change_plugins(change: Value, person: &str, owner: &Owner) -> Answer {
    if owner.ending.load(Ordering::SeqCst) {
        return Answer::Ending;
    }
    match owner.operations.plugin(change, person) {
        Ok(applied) => Answer::Plugin { applied },
        Err(problem) => refused(problem),
    }
}

fn answer(ask: Ask, person: &str, owner: &Owner) -> Answer {
    let gate = &owner.gate;
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
        Ask::Plugin { change } => change_plugins(change, person, owner),
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
    let begun = Instant::now();
    loop {
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
            Err(error) => return Err(silent(folder, &error)),
        };
        match exchange(&connection, request) {
            // Its successor is asked, or there is none.
            Ok(Answer::Ending) if begun.elapsed() < request.patience() => {
                std::thread::sleep(RETRY);
            }
            Ok(answer) => return Ok(Some(answer)),
            Err(error)
                if hung_up(&error)
                    && request.may_be_repeated()
                    && begun.elapsed() < request.patience() =>
            {
                std::thread::sleep(RETRY);
            }
            Err(error) if matches!(request, Ask::Plugin { .. }) => {
                return Err(Problem::host(
                    format!(
                        "the process that owns the broker connections has not answered: {error}; it may still make \
                         the change"
                    ),
                    "look at the plugin's history (`bulkhead plugin history ID`) before you repeat the command",
                )
                .in_file(socket(folder)));
            }
            Err(error) => return Err(silent(folder, &error)),
        }
    }
}

/// What it means that an owner does not answer.
fn silent(folder: &Path, error: &std::io::Error) -> Problem {
    Problem::host(
        format!("the process that owns the broker connections does not answer: {error}"),
        "end that process; what it sent and what works at the broker is unknown until it is started again",
    )
    .in_file(socket(folder))
}

fn exchange(connection: &UnixStream, request: &Ask) -> std::io::Result<Answer> {
    connection.set_read_timeout(Some(request.patience()))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    send(connection.try_clone()?, request)?;
    let mut line = String::new();
    BufReader::new(connection.take(LONGEST)).read_line(&mut line)?;
    if line.is_empty() {
        return Err(std::io::Error::new(ErrorKind::UnexpectedEof, "it hung up"));
    }
    Ok(serde_json::from_str(&line)?)
}

/// Whether the other side went without a word.
fn hung_up(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}
