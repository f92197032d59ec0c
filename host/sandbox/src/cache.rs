//! Compiled components on disk.
//!
//! An entry is derived from the component's bytes and never taken from a publisher. It is keyed by
//! (SHA-256 of the wasm, compatibility digest of the engine), authenticated with a key that only this host
//! has, and lives in a folder that only this user can read. An entry that does not verify is never
//! executed: it is moved aside, reported in one line and compiled anew.

use crate::engine::compatibility;
use bulkhead_domain::{Digest, Problem};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"BHAOT\0\0\x01";
const MAC_BYTES: usize = 32;

/// The cache's folder and its key.
pub struct AotCache {
    folder: PathBuf,
    key: [u8; 32],
}

/// What came of looking an entry up.
pub(crate) enum Lookup {
    Found(Component),
    Absent,
    /// The entry did not verify; it was moved to the path.
    Tampered(PathBuf),
}

impl AotCache {
    /// Opens the cache, making folder and key when they are not there.
    ///
    /// # Errors
    /// When the folder cannot be made or read, is open to other users, or its key is broken.
    pub fn open(folder: impl Into<PathBuf>) -> Result<AotCache, Problem> {
        let folder = folder.into();
        let failed = |what: &str, error: &std::io::Error| {
            Problem::host(
                format!("the compile cache {what}: {error}"),
                "check the folder's owner and free space",
            )
            .in_file(&folder)
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)
            .map_err(|e| failed("cannot be made", &e))?;
        let metadata = fs::metadata(&folder).map_err(|e| failed("cannot be read", &e))?;
        let mode = metadata.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Problem::user(
                format!(
                    "the compile cache is open to other users (mode {:03o})",
                    mode & 0o777
                ),
                "run chmod 700 on it, or delete it",
            )
            .in_file(&folder));
        }
        let path = folder.join("key");
        if let Ok(user) = own(&path)
            && metadata.uid() != user
        {
            return Err(Problem::user(
                format!(
                    "the compile cache belongs to user {}, not to user {user}, who runs this",
                    metadata.uid()
                ),
                "name another folder, or delete this one",
            )
            .in_file(&folder));
        }
        let key = match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|bytes: Vec<u8>| {
                Problem::user(
                    format!("the compile cache's key has {} bytes, not 32", bytes.len()),
                    "delete the cache folder",
                )
                .in_file(&path)
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(|error| {
                    Problem::host(
                        format!("no randomness for the compile cache's key: {error}"),
                        "",
                    )
                })?;
                first_or_same(&path, key).map_err(|error| failed("cannot be written", &error))?
            }
            Err(error) => return Err(failed("cannot be read", &error)),
        };
        Ok(AotCache { folder, key })
    }

    fn entry(&self, wasm: &Digest, engine: &Digest) -> PathBuf {
        self.folder.join(format!("{wasm}-{}.cwasm", engine.short()))
    }

    fn mac(&self, wasm: &Digest, engine: &Digest, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(MAGIC);
        mac.update(wasm.bytes());
        mac.update(engine.bytes());
        mac.update(code);
        Some(mac)
    }

    /// Looks a component up. Anything unreadable counts as absent.
    pub(crate) fn load(&self, engine: &Engine, wasm: &Digest) -> Lookup {
        let compatibility = compatibility(engine);
        let path = self.entry(wasm, &compatibility);
        let Ok(bytes) = fs::read(&path) else {
            return Lookup::Absent;
        };
        let code = bytes.get(MAGIC.len() + MAC_BYTES..).unwrap_or_default();
        let genuine = bytes.starts_with(MAGIC)
            && self.mac(wasm, &compatibility, code).is_some_and(|mac| {
                mac.verify_slice(
                    bytes
                        .get(MAGIC.len()..MAGIC.len() + MAC_BYTES)
                        .unwrap_or_default(),
                )
                .is_ok()
            });
        if genuine {
            // SAFETY: the bytes carry a MAC under a key that only this host's user can read, made over this
            // very wasm digest and engine compatibility digest by `store` below, from the engine's own output.
            if let Ok(component) = unsafe { Component::deserialize(engine, code) } {
                return Lookup::Found(component);
            }
        }
        let aside = path.with_extension("rejected");
        if fs::rename(&path, &aside).is_err() {
            let _ = fs::remove_file(&path);
        }
        Lookup::Tampered(aside)
    }

    /// Stores a compiled component. A cache that cannot be written is not an error: the next start compiles.
    pub(crate) fn store(&self, engine: &Engine, wasm: &Digest, component: &Component) {
        let compatibility = compatibility(engine);
        let path = self.entry(wasm, &compatibility);
        let written = component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|code| {
                let mac = self
                    .mac(wasm, &compatibility, &code)
                    .ok_or("no key")?
                    .finalize()
                    .into_bytes();
                write_private(&path, &[MAGIC, &mac, &code]).map_err(|error| error.to_string())
            });
        if let Err(error) = written {
            tracing::warn!(
                "the compile cache entry {} cannot be written: {error}",
                path.display()
            );
        }
    }
}

/// Writes a file that only this user can read, whole or not at all.
fn write_private(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let temporary = beside(path);
    let written = write_new(&temporary, parts).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Puts the key in its place, or takes the one that another process put there first: two keys in use would
/// make each process reject what the other stored.
fn first_or_same(path: &Path, key: [u8; 32]) -> std::io::Result<[u8; 32]> {
    let temporary = beside(path);
    let linked = write_new(&temporary, &[&key]).and_then(|()| fs::hard_link(&temporary, path));
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read(path)?
            .try_into()
            .map_err(|_| std::io::Error::other("the key has not 32 bytes")),
        // Not every file system has hard links.
        Err(_) => write_private(path, &[&key]).map(|()| key),
    }
}

/// The user in whose name this process makes files beside the path. A user who may read everybody's files
/// would else take machine code from whoever owns the folder.
fn own(path: &Path) -> std::io::Result<u32> {
    let probe = beside(path);
    let user = File::create_new(&probe).and_then(|file| file.metadata());
    let _ = fs::remove_file(&probe);
    Ok(user?.uid())
}

/// A name for a file in the making that no other thread or process uses.
fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("{}-{count}.tmp", std::process::id()))
}

fn write_new(path: &Path, parts: &[&[u8]]) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn all_who_open_a_new_cache_at_once_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..20 {
            let path = folder.path().join(round.to_string());
            let together = Barrier::new(8);
            let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8)
                    .map(|_| {
                        scope.spawn(|| {
                            together.wait();
                            AotCache::open(&path).unwrap().key
                        })
                    })
                    .collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            let stored = fs::read(path.join("key")).unwrap();
            assert!(keys.iter().all(|key| key[..] == stored), "round {round}");
            assert_eq!(path.read_dir().unwrap().count(), 1, "nothing left over");
        }
    }
}
