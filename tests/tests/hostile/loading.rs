//! Files that are no plugin, or not the plugin that they say they are.

use std::fs::File;

use bulkhead_domain::strategy::State;
use bulkhead_manifest::MAX_SECTION_BYTES;
use bulkhead_sandbox::{Engines, Grants, Loader, ModelPlugin, Plugin, PluginError, Setup};
use proptest::prelude::{ProptestConfig, any, prop};
use proptest::test_runner::TestRunner;

use crate::assemble::{assembled, bare, expect_case, section, with_section};
use crate::bench::{Host, bar, contained, create};

fn refused(host: &Host, wasm: &[u8]) -> bulkhead_domain::Problem {
    let problem = host.loader.load(wasm).err().expect("it was loaded");
    assert_eq!(problem.exit_code(), 2, "{problem}");
    problem
}

#[test]
fn two_manifests_are_refused() {
    contained("two-manifests", |host| {
        let one = assembled("two-manifests");
        assert!(host.loader.load(&one).is_ok(), "with one it is a plugin");
        refused(host, &with_section(&one, &section("two-manifests")))
    });
}

#[test]
fn a_manifest_that_lies_about_its_kind_is_refused() {
    contained("lying-kind", |host| refused(host, &assembled("lying-kind")));
}

#[test]
fn a_manifest_that_is_too_long_is_refused() {
    contained("long-manifest", |host| {
        let component = bare("long-manifest");
        let mut manifest = section("long-manifest");
        manifest.resize(MAX_SECTION_BYTES, b' ');
        host.loader
            .load(&with_section(&component, &manifest))
            .unwrap();
        manifest.push(b' ');
        refused(host, &with_section(&component, &manifest))
    });
}

#[test]
fn a_plugin_for_another_contract_is_refused() {
    contained("unsupported-api", |host| {
        refused(host, &assembled("unsupported-api"))
    });
}

#[test]
fn a_plugin_of_the_wrong_kind_is_named_with_both_kinds() {
    contained("wrong-kind", |host| {
        ModelPlugin::new(host.built("innocent"), Setup::default())
            .err()
            .unwrap()
    });
}

#[test]
fn what_is_no_component_is_refused_with_the_file_named() {
    let mut host = Host::start();
    let folder = tempfile::tempdir().unwrap();
    let whole = assembled("damaged");
    let after_manifest = [whole.as_slice(), b"\x0bgarbage".as_slice()].concat();
    let broken_code = {
        let mut bytes = bare("damaged");
        let at = bytes.len() / 2;
        bytes[at..at + 16].fill(0xff);
        with_section(&bytes, &section("damaged"))
    };
    for (case, bytes) in [
        ("empty", b"".as_slice()),
        ("script", b"#!/bin/sh\nrm -rf /\n"),
        ("core module", b"\0asm\x01\0\0\0"),
        ("no manifest", &bare("damaged")),
        ("cut off", &whole[..whole.len() - 7]),
        ("garbage after the manifest", &after_manifest),
        ("broken code", &broken_code),
    ] {
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, bytes).unwrap();
        let problem = host.loader.load_file(&path).err().expect(case);
        assert_eq!(problem.exit_code(), 2, "{problem}");
        assert_eq!(problem.file.as_deref(), Some(path.as_path()));
        expect_case("damaged", case, &problem.to_string());
    }
    let missing = folder.path().join("none.wasm");
    let problem = host.loader.load_file(&missing).err().unwrap();
    expect_case("damaged", "missing", &problem.to_string());
    host.carries_on();
}

#[test]
fn a_file_too_large_to_be_a_plugin_or_no_file_at_all_is_refused_before_it_is_read() {
    let host = Host::start();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.wasm");
    // A hole: it takes no space on disk, and would take all of it in memory.
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let problem = host.loader.load_file(&path).err().unwrap();
    expect_case("damaged", "too large", &problem.to_string());
    let problem = host.loader.load_file(folder.path()).err().unwrap();
    expect_case("damaged", "folder", &problem.to_string());
    let problem = host.loader.load_file("/dev/zero".as_ref()).err().unwrap();
    expect_case("damaged", "device", &problem.to_string());
}

fn start(plugin: &Plugin) -> Result<(), PluginError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(plugin.start(&Grants::default()))
}

/// Loads and instantiates whatever the bytes are: each step ends with a value or a one-line error.
fn survive(loader: &Loader, wasm: &[u8]) {
    let problem = match loader.load(wasm) {
        Ok(plugin) => match start(&plugin) {
            Ok(()) => return,
            Err(error) => error.to_string(),
        },
        Err(problem) => problem.to_string(),
    };
    assert_eq!(problem.lines().count(), 1, "{problem}");
}

#[test]
fn a_component_cut_off_anywhere_is_refused() {
    let loader = Loader::new(std::sync::Arc::new(Engines::start().unwrap()), None);
    let whole = assembled("damaged");
    start(&loader.load(&whole).unwrap()).unwrap();
    for length in 0..whole.len() {
        let problem = loader.load(&whole[..length]).err();
        assert!(
            problem.is_some(),
            "{length} of {} bytes were loaded",
            whole.len()
        );
    }
}

#[test]
fn no_damage_to_a_component_panics_the_host() {
    let loader = Loader::new(std::sync::Arc::new(Engines::start().unwrap()), None);
    let whole = assembled("damaged");
    let config = ProptestConfig {
        cases: 1_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let damage = prop::collection::vec((any::<prop::sample::Index>(), 1..=255_u8), 1..4);
    TestRunner::new(config)
        .run(&damage, |damage| {
            let mut bytes = whole.clone();
            for (place, change) in damage {
                let at = place.index(bytes.len());
                bytes[at] ^= change;
            }
            survive(&loader, &bytes);
            Ok(())
        })
        .unwrap();
}

#[test]
fn no_damage_to_a_real_plugin_panics_the_host() {
    let mut host = Host::start();
    let loader = Loader::new(std::sync::Arc::new(Engines::start().unwrap()), None);
    let whole = std::fs::read(bulkhead_tests::hostile("innocent")).unwrap();
    let config = ProptestConfig {
        cases: 12,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let damage = (any::<prop::sample::Index>(), 1..=255_u8);
    TestRunner::new(config)
        .run(&damage, |(place, change)| {
            let mut bytes = whole.clone();
            let at = place.index(bytes.len());
            bytes[at] ^= change;
            let Ok(plugin) = loader.load(&bytes) else {
                return Ok(());
            };
            if plugin
                .expect_kind(bulkhead_manifest::Kind::Strategy)
                .is_err()
            {
                return Ok(());
            }
            if let Ok(mut strategy) = create(plugin, "") {
                let _ = strategy.on_bar(1, &bar(1), &State::default());
            }
            Ok(())
        })
        .unwrap();
    host.carries_on();
}

#[test]
fn a_plugin_imports_nothing_but_the_contract() {
    let host = Host::start();
    let plugin = host.built("innocent");
    assert_eq!(plugin.manifest().id, "innocent");
    assert!(
        plugin
            .imports()
            .iter()
            .all(|name| name.starts_with("bulkhead:plugin/")),
        "{:?}",
        plugin.imports()
    );
}
