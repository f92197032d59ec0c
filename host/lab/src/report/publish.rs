//! Files that appear whole or not at all.
//!
//! A file is written beside its final place under a name of its own, forced to the disk and only then
//! renamed. Until then the old file stands; whatever goes wrong, the unfinished one is removed.

use bulkhead_domain::Problem;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is safely on the disk but not yet in its place; dropped, it is removed.
#[derive(Debug)]
pub(crate) struct Staged {
    unfinished: PathBuf,
    place: PathBuf,
    published: bool,
}

/// Makes the folder if it is not there.
pub(crate) fn prepare(folder: &Path) -> Result<(), Problem> {
    fs::create_dir_all(folder).map_err(|error| problem("make the folder", folder, &error))
}

/// Writes a file of the folder, short of putting it in its place.
pub(crate) fn stage(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Staged, Problem> {
    let (staged, file) = begin(folder, name)?;
    write_through(file, write).map_err(|error| problem("write", &staged.place, &error))?;
    Ok(staged)
}

/// Begins a file of the folder that is written piece by piece; whoever writes it syncs it before it is published.
pub(crate) fn begin(folder: &Path, name: &str) -> Result<(Staged, File), Problem> {
    let place = folder.join(name);
    // Found out only when one of two files was renamed, it would leave a new one beside an old one.
    if place.is_dir() {
        let what = "there is a folder where a file of the report belongs";
        return Err(Problem::host(what, "move it away, or name another folder").in_file(place));
    }
    // The process id keeps two runs that write into one folder out of each other's unfinished file.
    let staged = Staged {
        unfinished: folder.join(format!(".{name}.{}.unfinished", std::process::id())),
        place,
        published: false,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&staged.unfinished)
        .map_err(|error| problem("write", &staged.place, &error))?;
    Ok((staged, file))
}

impl Staged {
    /// Where it will be.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// Puts the file in its place and returns the place.
    pub(crate) fn publish(mut self) -> Result<PathBuf, Problem> {
        fs::rename(&self.unfinished, &self.place).map_err(|error| {
            let what = format!("cannot put a finished file in its place: {error}");
            Problem::host(what, "make way for it and write the report again").in_file(&self.place)
        })?;
        self.published = true;
        sync_folder(&self.place);
        Ok(self.place.clone())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // There is nobody to tell, and the caller is already told of the cause.
            let _ = fs::remove_file(&self.unfinished);
        }
    }
}

fn write_through(
    file: File,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()
}

/// Makes the rename itself durable. Not every file system lets a folder be synced, and the file is whole
/// either way, so a failure here is none.
fn sync_folder(place: &Path) {
    if let Some(folder) = place.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

pub(crate) fn problem(what: &str, path: &Path, error: &io::Error) -> Problem {
    let mend = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space or name another folder; nothing was changed"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a folder that may be written to; nothing was changed"
        }
        _ => "name another folder or mend the cause; nothing was changed",
    };
    Problem::host(format!("cannot {what}: {error}"), mend).in_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bulkhead_domain::Blame;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_half_written() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("report.html"), "old").unwrap();
        let problem = stage(folder.path(), "report.html", |out| {
            out.write_all(&[b'x'; 200_000])?;
            Err(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(problem.blame, Blame::Host);
        assert!(problem.to_string().contains("free some space"), "{problem}");
        assert!(problem.to_string().contains("report.html"), "{problem}");
        assert_eq!(names(folder.path()), ["report.html"]);
        let kept = fs::read_to_string(folder.path().join("report.html")).unwrap();
        assert_eq!(kept, "old");
    }

    #[test]
    fn a_file_that_is_staged_and_not_published_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let staged = stage(folder.path(), "report.html", |out| out.write_all(b"new")).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(staged);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn publishing_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("report.html"), "an older, longer text").unwrap();
        let staged = stage(folder.path(), "report.html", |out| out.write_all(b"new")).unwrap();
        let place = staged.publish().unwrap();
        assert_eq!(fs::read_to_string(place).unwrap(), "new");
        assert_eq!(names(folder.path()), ["report.html"]);
    }

    #[test]
    fn a_place_that_is_taken_by_a_folder_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("report.html/kept")).unwrap();
        let staged = stage(folder.path(), "report.html", |out| out.write_all(b"new"));
        let problem = staged.unwrap_err().to_string();
        assert!(problem.contains("move it away"), "{problem}");
        assert_eq!(names(folder.path()), ["report.html"]);
    }

    #[test]
    fn a_folder_that_is_a_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("taken");
        fs::write(&file, "").unwrap();
        let problem = prepare(&file.join("out")).unwrap_err();
        assert_eq!(problem.exit_code(), 1);
        assert!(problem.to_string().contains("taken"), "{problem}");
    }
}
