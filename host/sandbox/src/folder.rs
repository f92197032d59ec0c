//! The one granted folder, read-only. A path is relative, has no `..`, and what it resolves to (symbolic
//! links followed) lies inside the folder; anything else is denied.

use crate::bindings::common::files::{Entry, Error};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

fn io(path: &str, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::NotFound(path.to_owned()),
        _ => Error::Io(format!("{path}: {error}")),
    }
}

fn resolve(folder: Option<&Path>, path: &str) -> Result<PathBuf, Error> {
    let Some(folder) = folder else {
        return Err(Error::Denied(format!("{path}: no folder was granted")));
    };
    let relative = Path::new(path);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !plain || path.contains('\0') {
        return Err(Error::Denied(format!("{path}: leaves the granted folder")));
    }
    let root = folder.canonicalize().map_err(|error| io(".", &error))?;
    let target = root
        .join(relative)
        .canonicalize()
        .map_err(|error| io(path, &error))?;
    if target.starts_with(&root) {
        Ok(target)
    } else {
        Err(Error::Denied(format!("{path}: leaves the granted folder")))
    }
}

pub(crate) fn entries(folder: Option<&Path>, path: &str) -> Result<Vec<Entry>, Error> {
    let target = resolve(folder, path)?;
    let mut entries = Vec::new();
    for entry in target.read_dir().map_err(|error| io(path, &error))? {
        let entry = entry.map_err(|error| io(path, &error))?;
        let metadata = entry.metadata().map_err(|error| io(path, &error))?;
        entries.push(Entry {
            name: entry.file_name().to_string_lossy().into_owned(),
            is_folder: metadata.is_dir(),
            size: if metadata.is_dir() { 0 } else { metadata.len() },
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

pub(crate) fn size(folder: Option<&Path>, path: &str) -> Result<u64, Error> {
    let target = resolve(folder, path)?;
    Ok(target.metadata().map_err(|error| io(path, &error))?.len())
}

pub(crate) fn read(
    folder: Option<&Path>,
    path: &str,
    offset: u64,
    length: u32,
) -> Result<Vec<u8>, Error> {
    let target = resolve(folder, path)?;
    let metadata = target.metadata().map_err(|error| io(path, &error))?;
    if !metadata.is_file() {
        // Opening a pipe waits for somebody to write, where no limit ends it.
        return Err(Error::Io(format!("{path}: is no regular file")));
    }
    let mut file = File::open(target).map_err(|error| io(path, &error))?;
    file.seek(SeekFrom::Start(offset))
        .map_err(|error| io(path, &error))?;
    let mut bytes = Vec::new();
    file.take(u64::from(length))
        .read_to_end(&mut bytes)
        .map_err(|error| io(path, &error))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_climbs_out_is_denied() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.csv"), "a,b\n").unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link.csv")).unwrap();

        let root = Some(folder.path());
        assert_eq!(read(root, "in.csv", 2, 10).unwrap(), b"b\n");
        for path in ["../x", "/etc/hostname", "a/../../x", "link.csv", "in.csv\0"] {
            assert!(
                matches!(read(root, path, 0, 10), Err(Error::Denied(_))),
                "{path}"
            );
        }
        let pipe = std::process::Command::new("mkfifo")
            .arg(folder.path().join("pipe.csv"))
            .status();
        assert!(pipe.unwrap().success());
        for path in ["pipe.csv", "."] {
            assert!(
                matches!(read(root, path, 0, 10), Err(Error::Io(_))),
                "{path}"
            );
        }
        assert!(matches!(read(None, "in.csv", 0, 1), Err(Error::Denied(_))));
        assert!(matches!(
            read(root, "none.csv", 0, 1),
            Err(Error::NotFound(_))
        ));
    }
}
