//! Notes of what a component was made from, so that an unchanged one is not made again.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Changes whenever the same input is to give another component: this crate's version and a number.
pub(crate) const RECIPE: &[u8] = concat!(env!("CARGO_PKG_VERSION"), " 1").as_bytes();

/// What one component was made from, and what came of it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    /// Digest of recipe, module and manifest.
    pub(crate) input: String,
    /// Digest of the component.
    pub(crate) output: String,
    /// Size of the component.
    pub(crate) bytes: u64,
}

impl Stamp {
    /// The note on plugin `id` in `folder`, if it is for `input` and the file at `path` is the one it describes.
    pub(crate) fn valid(folder: &Path, id: &str, input: &str, path: &Path) -> Option<Self> {
        let stamp: Self = serde_json::from_slice(&std::fs::read(file(folder, id)).ok()?).ok()?;
        (stamp.input == input && stamp.output == digest(&[&std::fs::read(path).ok()?]))
            .then_some(stamp)
    }

    /// Writes the note.
    pub(crate) fn save(&self, folder: &Path, id: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        write_whole(&file(folder, id), &serde_json::to_vec(self)?)
    }
}

fn file(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.json"))
}

/// SHA-256 of the parts, each preceded by its length, in lower-case hexadecimal digits; of a single part
/// it is the plain SHA-256.
pub(crate) fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        if parts.len() > 1 {
            hasher.update((part.len() as u64).to_le_bytes());
        }
        hasher.update(part);
    }
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Writes a file so that it has its old content or all of the new, at every moment.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(name);
    let written = std::fs::File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&partial, path));
    if moved.is_err() {
        // The error that matters is the one above.
        let _ = std::fs::remove_file(&partial);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_holds_only_for_its_input_and_its_output() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        write_whole(&component, b"component").unwrap();
        let stamp = Stamp {
            input: digest(&[RECIPE, b"module"]),
            output: digest(&[b"component"]),
            bytes: 9,
        };
        stamp.save(folder.path(), "a").unwrap();
        let valid = |input: &str| Stamp::valid(folder.path(), "a", input, &component);
        assert_eq!(valid(&stamp.input), Some(Stamp { ..stamp }));
        assert_eq!(valid(&digest(&[RECIPE, b"other"])), None);
        write_whole(&component, b"tampered").unwrap();
        assert_eq!(valid(&digest(&[RECIPE, b"module"])), None);
    }

    #[test]
    fn the_digest_of_one_part_is_its_sha256_and_parts_do_not_run_together() {
        assert_eq!(
            digest(&[b"abc"]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let occupied = folder.path().join("occupied");
        std::fs::create_dir(&occupied).unwrap();
        std::fs::write(occupied.join("file"), "").unwrap();
        write_whole(&occupied, b"bytes").unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
