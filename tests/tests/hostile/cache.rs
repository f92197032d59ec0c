//! The cache of compiled components: machine code that somebody else changed is never run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier};

use bulkhead_domain::strategy::State;
use bulkhead_sandbox::{AotCache, Engines, Loader, Origin, Plugin};

use crate::bench::{bar, built, create, logged};

fn loader(folder: &Path) -> Loader {
    let cache = AotCache::open(folder).unwrap();
    Loader::new(Arc::new(Engines::start().unwrap()), Some(cache))
}

fn entries(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut paths: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    paths.sort();
    paths
}

fn works(plugin: Plugin) {
    create(plugin, "")
        .unwrap()
        .on_bar(1, &bar(1), &State::default())
        .unwrap();
}

#[test]
fn a_second_load_comes_from_the_cache_of_this_process_or_another() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    let first = loader(&folder);
    assert_eq!(built(&first, "innocent").origin(), Origin::Compiled);
    let second = built(&first, "innocent");
    assert_eq!(second.origin(), Origin::Cached);
    works(second);
    let elsewhere = built(&loader(&folder), "innocent");
    assert_eq!(elsewhere.origin(), Origin::Cached);
    works(elsewhere);
}

#[test]
fn everything_in_the_cache_is_for_this_user_only() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    built(&loader(&folder), "innocent");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    for entry in folder.read_dir().unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
}

#[test]
fn a_tampered_entry_is_moved_aside_reported_and_compiled_anew() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    let loader = loader(&folder);
    built(&loader, "innocent");
    let entry = entries(&folder, "cwasm").remove(0);
    let genuine = fs::read(&entry).unwrap();
    // The mark at the front, the code that authenticates, the machine code, and its last byte.
    for place in [0, 12, genuine.len() / 2, genuine.len() - 1] {
        let mut tampered = genuine.clone();
        tampered[place] ^= 1;
        fs::write(&entry, &tampered).unwrap();

        let (plugin, log) = logged(|| built(&loader, "innocent"));
        assert_eq!(plugin.origin(), Origin::Compiled, "byte {place}");
        works(plugin);
        let aside = entries(&folder, "rejected");
        assert_eq!(aside.len(), 1);
        assert_eq!(
            fs::read(&aside[0]).unwrap(),
            tampered,
            "kept for whoever asks"
        );
        assert!(
            log.contains(
                "the compile cache entry of plugin innocent did not verify and was not used"
            ) && log.contains(aside[0].to_str().unwrap()),
            "{log}"
        );
        assert_eq!(log.lines().count(), 1, "{log}");

        assert_eq!(built(&loader, "innocent").origin(), Origin::Cached);
        fs::remove_file(&aside[0]).unwrap();
    }
}

#[test]
fn an_entry_of_another_plugin_or_another_host_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, other) = (folder.path().join("mine"), folder.path().join("other"));
    let loader = loader(&mine);
    built(&loader, "innocent");
    let entry = entries(&mine, "cwasm").remove(0);

    // Genuine, but of another component.
    built(&loader, "panic");
    let stranger = entries(&mine, "cwasm")
        .into_iter()
        .find(|path| *path != entry)
        .unwrap();
    fs::copy(&stranger, &entry).unwrap();
    let plugin = built(&loader, "innocent");
    assert_eq!(plugin.origin(), Origin::Compiled);
    works(plugin);

    // Genuine elsewhere, under another key.
    built(&crate::cache::loader(&other), "innocent");
    fs::copy(entries(&other, "cwasm").remove(0), &entry).unwrap();
    assert_eq!(built(&loader, "innocent").origin(), Origin::Compiled);

    // Cut off.
    let genuine = fs::read(&entry).unwrap();
    fs::write(&entry, &genuine[..20]).unwrap();
    assert_eq!(built(&loader, "innocent").origin(), Origin::Compiled);
}

#[test]
fn a_cache_folder_that_is_open_to_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    AotCache::open(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    let problem = AotCache::open(&folder).err().unwrap();
    assert_eq!(
        problem.to_string(),
        format!(
            "the compile cache is open to other users (mode 755) ({}); run chmod 700 on it, or delete it",
            folder.display()
        )
    );
    assert_eq!(problem.exit_code(), 2);
}

#[test]
fn a_cache_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    AotCache::open(&folder).unwrap();
    let mine = folder.metadata().unwrap().uid();
    if chown(&folder, Some(mine + 1), None).is_err() {
        // Only a user who may give files away can also read what others closed to it.
        return;
    }
    let problem = AotCache::open(&folder).err().unwrap();
    assert_eq!(
        problem.to_string(),
        format!(
            "the compile cache belongs to user {}, not to user {mine}, who runs this ({}); name another folder, or delete this one",
            mine + 1,
            folder.display()
        )
    );
    assert_eq!(problem.exit_code(), 2);
}

#[test]
fn a_broken_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    AotCache::open(&folder).unwrap();
    fs::write(folder.join("key"), b"short").unwrap();
    let problem = AotCache::open(&folder).err().unwrap();
    assert!(
        problem
            .to_string()
            .starts_with("the compile cache's key has 5 bytes, not 32"),
        "{problem}"
    );
}

#[test]
fn plugins_loaded_by_many_at_once_are_never_taken_for_tampered_ones() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("aot");
    let together = Barrier::new(4);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                together.wait();
                let loader = loader(&folder);
                works(built(&loader, "innocent"));
                works(built(&loader, "innocent"));
            });
        }
    });
    assert_eq!(entries(&folder, "rejected"), [] as [PathBuf; 0]);
    assert_eq!(entries(&folder, "tmp"), [] as [PathBuf; 0]);
    assert_eq!(built(&loader(&folder), "innocent").origin(), Origin::Cached);
}
