//! Files that are there whole or not at all.

use bulkhead_domain::Problem;
use std::fs::File;
use std::io;
use std::path::Path;

/// Writes a file by way of a temporary one beside it: filled, flushed to disk, renamed. Whatever fails (a
/// full disk too), the file at `path` is as it was and nothing is left beside it.
///
/// # Errors
/// What `fill` says, or the host's problem with the disk.
pub fn write_atomically<T>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<T, Problem>,
) -> Result<T, Problem> {
    let blame = |error: io::Error| write_problem(&error, path);
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(blame)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".unfinished-");
    // Readable for whoever the umask allows, as every file that is written in the plain way.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(folder).map_err(blame)?;
    let value = fill(temporary.as_file_mut())?;
    temporary.as_file().sync_all().map_err(blame)?;
    temporary
        .persist(path)
        .map_err(|error| blame(error.error))?;
    // The new name is safe only once the folder is on disk too; folders cannot be opened everywhere.
    #[cfg(unix)]
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(blame)?;
    Ok(value)
}

/// The problem of a file that cannot be written.
pub(super) fn write_problem(error: &io::Error, path: &Path) -> Problem {
    let mend = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space and repeat",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "choose a folder that you may write to"
        }
        _ => "check the folder and repeat",
    };
    Problem::host(format!("cannot write the file: {error}"), mend).in_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn a_disk_that_fills_up_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("file");
        write_atomically(&path, |file| {
            file.write_all(b"old")
                .map_err(|error| write_problem(&error, &path))
        })
        .unwrap();
        let problem = write_atomically(&path, |file| {
            file.write_all(b"half of the n")
                .map_err(|error| write_problem(&error, &path))?;
            Err::<(), _>(write_problem(&io::ErrorKind::StorageFull.into(), &path))
        })
        .unwrap_err();
        assert_eq!(problem.exit_code(), 1);
        assert!(
            problem.to_string().ends_with("free some space and repeat"),
            "{problem}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let plain = folder.path().join("plain");
            std::fs::write(&plain, b"").unwrap();
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&plain));
        }
        assert_eq!(names(path.parent().unwrap()), ["file"]);
    }
}
