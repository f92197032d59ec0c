//! One process owns the broker connections of a state folder.

use bulkhead_domain::Problem;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a session that starts waits for a command to give the lock back. Commands do first what takes long, such
/// as to compile, and have it for a moment.
pub const BRIEFLY: Duration = Duration::from_secs(2);
/// Pause between two tries.
const RETRY: Duration = Duration::from_millis(20);

/// The lock, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct GatewayLock(File);

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("process {0} owns the broker connections of this state folder")]
    Owned(String),
    /// The file system says no.
    #[error("the gateway lock cannot be taken: {0}")]
    Io(#[from] std::io::Error),
}

impl From<LockError> for Problem {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Owned(_) => Problem::user(
                error.to_string(),
                "wait until it ends, stop it, or use another --state folder",
            ),
            LockError::Io(_) => Problem::host(
                error.to_string(),
                "check the state folder's owner and free space",
            ),
        }
    }
}

impl GatewayLock {
    /// Takes the lock of a state folder, waiting a little for a process that has it for a moment only.
    ///
    /// # Errors
    /// [`LockError::Owned`] when another process still has it after `patience`.
    pub fn take_within(folder: &Path, patience: Duration) -> Result<GatewayLock, LockError> {
        let begun = Instant::now();
        loop {
            match GatewayLock::take(folder) {
                Err(LockError::Owned(_)) if begun.elapsed() < patience => {
                    std::thread::sleep(RETRY);
                }
                other => return other,
            }
        }
    }

    /// Takes the lock of a state folder.
    ///
    /// # Errors
    /// [`LockError::Owned`] at once when another process has it.
    pub fn take(folder: &Path) -> Result<GatewayLock, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("gateway.lock"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // The owner may be writing it at this moment.
                let _ = file.read_to_string(&mut owner);
                let owner = owner.trim();
                return Err(LockError::Owned(
                    if owner.is_empty() { "?" } else { owner }.to_owned(),
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        file.set_len(0)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(std::process::id().to_string().as_bytes())?;
        Ok(GatewayLock(file))
    }
}

impl Drop for GatewayLock {
    fn drop(&mut self) {
        // The number of a process that is gone would only mislead.
        let _ = self.0.set_len(0);
    }
}
