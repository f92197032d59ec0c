//! A data source that reaches for files outside the granted folder.

use std::fs;
use std::os::unix::fs::symlink;

use bulkhead_domain::data::PageRequest;
use bulkhead_sandbox::{CallError, DataSourcePlugin, Grants, PoolPolicy, Setup};

use crate::assemble::expect_case;
use crate::bench::Host;

fn climber(host: &Host, folder: Option<std::path::PathBuf>) -> DataSourcePlugin {
    let setup = Setup {
        grants: Grants {
            folder,
            ..Grants::default()
        },
        ..Setup::default()
    };
    DataSourcePlugin::new(host.built("path-climber"), setup, PoolPolicy::default()).unwrap()
}

/// What came of reading, measuring and listing a path.
fn reach(host: &Host, climber: &DataSourcePlugin, path: &str) -> [String; 3] {
    let request = PageRequest {
        symbol: path.to_owned(),
        ..PageRequest::default()
    };
    host.runtime.block_on(async {
        let errors: [CallError; 3] = [
            climber.bars(request.clone()).await.unwrap_err(),
            climber.series(request).await.unwrap_err(),
            climber.instruments(path, None).await.unwrap_err(),
        ];
        errors.map(|error| error.to_string())
    })
}

#[test]
fn a_path_that_climbs_out_of_the_granted_folder_is_denied() {
    let mut host = Host::start();
    let around = tempfile::tempdir().unwrap();
    let granted = around.path().join("granted");
    let sibling = around.path().join("granted-not");
    fs::create_dir_all(granted.join("inner")).unwrap();
    fs::create_dir_all(&sibling).unwrap();
    fs::write(granted.join("inner/open.csv"), "mine").unwrap();
    fs::write(sibling.join("secret.csv"), "secret").unwrap();
    symlink(sibling.join("secret.csv"), granted.join("link.csv")).unwrap();
    symlink(&sibling, granted.join("inner/door")).unwrap();
    symlink("../../granted-not", granted.join("inner/back")).unwrap();

    let climber = climber(&host, Some(granted.clone()));
    for (case, path) in [
        ("upwards", "../granted-not/secret.csv"),
        ("upwards from within", "inner/../../granted-not/secret.csv"),
        ("folder above", ".."),
        ("absolute", "/etc/hostname"),
        ("link", "link.csv"),
        ("through a link", "inner/door/secret.csv"),
        ("through a relative link", "inner/back/secret.csv"),
        ("zero byte", "inner/open.csv\0.png"),
    ] {
        for error in reach(&host, &climber, path) {
            expect_case("path-climber", case, &error);
            assert!(!error.contains("got"), "{path}: {error}");
        }
    }
    // An absolute path is denied even to what lies within.
    let within = granted.join("inner/open.csv");
    let [read, ..] = reach(&host, &climber, within.to_str().unwrap());
    assert!(read.contains("leaves the granted folder"), "{read}");

    let [read, size, _] = reach(&host, &climber, "inner/open.csv");
    assert!(read.ends_with("got: mine"), "{read}");
    assert!(size.ends_with("got: 4 bytes"), "{size}");
    let [.., listed] = reach(&host, &climber, "inner");
    assert!(listed.ends_with("got: back door open.csv"), "{listed}");
    host.carries_on();
}

#[test]
fn without_a_grant_there_are_no_files_at_all() {
    let host = Host::start();
    let climber = climber(&host, None);
    for path in ["", ".", "inner/open.csv", "/etc/hostname"] {
        for error in reach(&host, &climber, path) {
            expect_case("path-climber", "no grant", &error);
        }
    }
}
