//! Files and folders that are missing, broken or in the way.

use crate::cli::{Place, finish};
use crate::small::{PAPER, SESSION, assert_refused, command, json, paper, store, text};
use bulkhead_store::StoreError;
use bulkhead_tests::plugins;
use std::process::Command;

#[test]
fn files_that_are_missing_broken_or_in_the_way_are_named() {
    let place = Place::new();
    place.run(&PAPER).refused(
        "the plugin folder cannot be read: No such file or directory (os error 2) (target/plugins); build the \
         plugins with `cargo xtask plugins`, or name their folder with --plugins",
    );
    finish(command(&place, &PAPER)).refused(
        "the configuration cannot be read: No such file or directory (os error 2) (session.toml); check the path",
    );
    place.write("session.toml", SESSION);

    // A file where folders should be.
    place.write("blocked", "");
    for (folders, parts) in [
        (["--out", "blocked"], &["report's folder", "blocked"][..]),
        (
            ["--out", "blocked/out"],
            &["report's folder", "blocked/out"],
        ),
        (["--state", "blocked"], &["state folder", "blocked"]),
    ] {
        let mut arguments = PAPER.to_vec();
        if folders[0] == "--out" {
            arguments.truncate(3);
        }
        arguments.extend(folders);
        let ran = finish(command_without_state(&place, &arguments));
        println!("{}", ran.err);
        assert_refused(&place, &ran, 2, parts);
    }

    // A database that is none, and one that was damaged.
    std::fs::create_dir_all(place.path("state")).unwrap();
    place.write("state/bulkhead.db", "no database, but a note".repeat(50));
    let ran = paper(&place, SESSION);
    assert_refused(&place, &ran, 2, &["bulkhead.db", "not a SQLite database"]);
    let explained = finish(command(&place, &["explain", "t-1"]));
    assert_refused(
        &place,
        &explained,
        2,
        &["bulkhead.db", "not a SQLite database"],
    );
    std::fs::remove_file(place.path("state/bulkhead.db")).unwrap();
    json(&place);
    std::fs::remove_dir_all(place.path("out")).unwrap();
    // What is still in the log beside the database would mend it.
    let folded = store(&place);
    bulkhead_store::wait(async {
        folded.close().await;
        Ok::<_, StoreError>(())
    })
    .unwrap();
    let mut bytes = std::fs::read(place.path("state/bulkhead.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].fill(0xa5);
    place.write("state/bulkhead.db", &bytes);
    // Nobody gave us this file: that it is broken is the machine's failure.
    let ran = paper(&place, SESSION);
    println!("{}", ran.err);
    assert_refused(&place, &ran, 1, &["bulkhead.db", "damaged"]);
    let explained = finish(command(&place, &["explain", "t-1"]));
    assert_refused(&place, &explained, 1, &["bulkhead.db", "damaged"]);
    // It is as it was: there may be something to be saved in it.
    assert!(std::fs::read(place.path("state/bulkhead.db")).unwrap() == bytes);
}

/// As [`command`], but for the state folder.
fn command_without_state(place: &Place, arguments: &[&str]) -> Command {
    let plugins = plugins();
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/aot");
    let mut all = vec!["--plugins", text(&plugins), "--cache", cache];
    all.extend(arguments);
    place.command(&all)
}
