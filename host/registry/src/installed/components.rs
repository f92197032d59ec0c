//! The bytes of installed components, each in a file named by its digest.
//!
//! Promises: a file appears whole or not at all; what is read is what was installed, or refused.

use bulkhead_domain::{Digest, Problem};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The folder of components.
#[derive(Debug, Clone)]
pub(super) struct Components(PathBuf);

impl Components {
    pub(super) fn new(folder: PathBuf) -> Components {
        Components(folder)
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.0.join(format!("{digest}.wasm"))
    }

    /// Puts a component in its place; on disk when this returns.
    pub(super) fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), Problem> {
        let path = self.path(digest);
        let beside = path.with_extension("wasm.new");
        let written = write(&self.0, &beside, bytes)
            .and_then(|()| fs::rename(&beside, &path))
            .and_then(|()| File::open(&self.0)?.sync_all());
        written.map_err(|error| {
            // What is left of it is in nobody's way; the next one of this digest writes over it.
            let _ = fs::remove_file(&beside);
            Problem::host(
                format!("the component cannot be kept: {error}; nothing was changed"),
                "check the state folder's owner and free space",
            )
            .in_file(&path)
        })
    }

    /// A component's bytes, which are what was installed.
    pub(super) fn get(&self, digest: &Digest, label: &str) -> Result<Vec<u8>, Problem> {
        let path = self.path(digest);
        let mend = "install it again from its source, and find out who changed the state folder";
        let bytes = bulkhead_sandbox::read_component(&path).map_err(|problem| {
            Problem::host(format!("{label} is not readable: {}", problem.what), mend).in_file(&path)
        })?;
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(Problem::host(
                format!(
                    "{label} is not what was installed: its SHA-256 begins with {}, not {}",
                    found.short(),
                    digest.short()
                ),
                mend,
            )
            .in_file(&path));
        }
        Ok(bytes)
    }

    /// Removes a component that no version names any more.
    pub(super) fn remove(&self, digest: &Digest) {
        // A file that stays takes room and is never loaded.
        if let Err(error) = fs::remove_file(self.path(digest)) {
            tracing::warn!(%error, "the component {digest} is no longer installed and was not removed");
        }
    }
}

fn write(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_was_tampered_with_is_refused_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let components = Components::new(folder.path().join("plugins"));
        let digest = Digest::of(b"good");
        components.put(&digest, b"good").unwrap();
        assert_eq!(components.get(&digest, "x").unwrap(), b"good");
        fs::write(components.path(&digest), b"evil").unwrap();
        let problem = components
            .get(&digest, "plugin x 1.0.0")
            .unwrap_err()
            .to_string();
        assert!(
            problem.starts_with("plugin x 1.0.0 is not what was installed"),
            "{problem}"
        );
        components.put(&digest, b"good").unwrap();
        assert!(components.get(&digest, "x").is_ok());
        components.remove(&digest);
        assert!(components.get(&digest, "x").is_err());
    }
}
