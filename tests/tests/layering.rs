//! The floors of ARCHITECTURE.md: a crate imports from floors below its own. Beside it, only from the
//! fourth floor up and never in a circle; never from above. What every crate may use is the SDK, which
//! itself uses nothing of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bulkhead_tests::root;
use bulkhead_toolchain::{process, rustc};
use serde::Deserialize;

/// Crates of `host/` with their floors, lowest first.
const FLOORS: [(&str, u8); 17] = [
    ("bulkhead-domain", 0),
    ("bulkhead-sandbox", 1),
    ("bulkhead-egress", 1),
    ("bulkhead-market", 1),
    ("bulkhead-store", 1),
    ("bulkhead-registry", 2),
    ("bulkhead-orchestrator", 3),
    ("bulkhead-conform", 3),
    ("bulkhead-desk", 4),
    ("bulkhead-data", 4),
    ("bulkhead-session", 5),
    ("bulkhead-lab", 6),
    ("bulkhead-agent", 7),
    ("bulkhead-ops", 7),
    ("bulkhead-server", 8),
    ("bulkhead-cli", 9),
    ("bulkhead", 9),
];

/// Where a crate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In `host/`, on this floor.
    Floor(u8),
    /// In `sdk/`, below all floors.
    Sdk,
    /// In `tests/` or `xtask/`: uses what it likes, and nothing uses it.
    Outside,
}

/// One crate of the workspace and the workspace's crates that it imports, for whatever purpose.
struct Import {
    name: String,
    folder: String,
    imports: BTreeSet<String>,
}

fn place(name: &str, folder: &str) -> Result<Place, String> {
    match folder.split('/').next() {
        Some("host") => FLOORS
            .iter()
            .find(|(listed, _)| *listed == name)
            .map(|(_, floor)| Place::Floor(*floor))
            .ok_or_else(|| format!("{name} ({folder}) stands on no floor: list it in FLOORS")),
        Some("sdk") => Ok(Place::Sdk),
        Some("tests" | "xtask") => Ok(Place::Outside),
        _ => Err(format!(
            "{name} ({folder}) is in none of host, sdk, tests and xtask"
        )),
    }
}

/// Everything that breaks the rule, one line each.
fn violations(crates: &[Import]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut places = BTreeMap::new();
    for import in crates {
        match place(&import.name, &import.folder) {
            Ok(place) => {
                places.insert(import.name.as_str(), place);
            }
            Err(line) => wrong.push(line),
        }
    }
    // Imports between neighbours, to look for circles in.
    let mut sideways: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in crates {
        let Some(own) = places.get(import.name.as_str()) else {
            continue;
        };
        for other in &import.imports {
            let Some(theirs) = places.get(other.as_str()) else {
                continue;
            };
            let fault = match (own, theirs) {
                (Place::Outside, _) => None,
                (_, Place::Outside) => Some("is only for tests and tasks".to_owned()),
                (Place::Sdk, Place::Floor(_)) => Some("belongs to the host".to_owned()),
                (_, Place::Sdk) => None,
                (Place::Floor(mine), Place::Floor(floor)) if floor > mine => {
                    Some(format!("is on floor {floor}, above floor {mine}"))
                }
                (Place::Floor(1), Place::Floor(1)) => {
                    Some("is beside it on floor 1, where none knows another".to_owned())
                }
                (Place::Floor(mine), Place::Floor(floor)) => {
                    if mine == floor {
                        sideways.entry(&import.name).or_default().insert(other);
                    }
                    None
                }
            };
            if let Some(fault) = fault {
                wrong.push(format!("{} imports {other}, which {fault}", import.name));
            }
        }
    }
    for start in sideways.keys() {
        let mut open: Vec<&str> = vec![start];
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            for next in sideways.get(name).into_iter().flatten() {
                if next == start {
                    wrong.push(format!("{start} imports itself in a circle through {name}"));
                } else if seen.insert(*next) {
                    open.push(next);
                }
            }
        }
    }
    wrong
}

/// What `cargo metadata` says, as far as it is needed.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    path: Option<PathBuf>,
}

/// The members of the workspace in `folder`.
#[expect(clippy::unwrap_used, reason = "a part of the tests")]
fn members(folder: &Path) -> Vec<Package> {
    let text = process::output(
        rustc::cargo_command()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(folder),
    )
    .unwrap();
    serde_json::from_str::<Metadata>(&text).unwrap().packages
}

#[test]
fn no_crate_imports_from_above_its_floor() {
    let root = root().canonicalize().unwrap();
    let crates: Vec<Import> = members(&root)
        .into_iter()
        .map(|package| Import {
            folder: (package.manifest_path.parent().unwrap())
                .strip_prefix(&root)
                .unwrap()
                .display()
                .to_string(),
            name: package.name,
            imports: (package.dependencies.into_iter())
                .filter(|dependency| dependency.path.is_some())
                .map(|dependency| dependency.name)
                .collect(),
        })
        .collect();
    assert!(
        crates.len() > 10,
        "cargo names {} crates only",
        crates.len()
    );
    let wrong = violations(&crates);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn plugins_use_nothing_of_this_repository_but_the_sdk() {
    let root = root().canonicalize().unwrap();
    let own = [root.join("sdk"), root.join("plugins")];
    let members = members(&root.join("plugins"));
    let mut wrong = Vec::new();
    let mut plugins = 0;
    for package in &members {
        let paths: Vec<&PathBuf> = (package.dependencies.iter())
            .filter_map(|dependency| dependency.path.as_ref())
            .collect();
        for path in &paths {
            if !own.iter().any(|folder| path.starts_with(folder)) {
                wrong.push(format!("{} depends on {}", package.name, path.display()));
            }
        }
        if package
            .manifest_path
            .with_file_name("plugin.toml")
            .is_file()
        {
            plugins += 1;
            if !paths.iter().any(|path| path.starts_with(&own[0])) {
                wrong.push(format!("{} does without the SDK", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(plugins > 0, "no member of plugins/ has a plugin.toml");
}

fn import(name: &str, folder: &str, imports: &[&str]) -> Import {
    Import {
        name: name.to_owned(),
        folder: folder.to_owned(),
        imports: imports.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn the_rule_allows_what_is_below_and_finds_what_is_not() {
    let domain = || import("bulkhead-domain", "host/domain", &["bulkhead-venue"]);
    let venue = || import("bulkhead-venue", "sdk/venue", &[]);
    let desk = |imports: &[&str]| import("bulkhead-desk", "host/desk", imports);
    let data = |imports: &[&str]| import("bulkhead-data", "host/data", imports);
    let below = [
        venue(),
        domain(),
        desk(&["bulkhead-domain", "bulkhead-venue"]),
        data(&["bulkhead-desk"]),
        import("bulkhead-tests", "tests", &["bulkhead-desk"]),
    ];
    assert_eq!(violations(&below), Vec::<String>::new());

    let found = |crates: &[Import]| violations(crates).join("\n");
    let store = import("bulkhead-store", "host/store", &["bulkhead-desk"]);
    assert_eq!(
        found(&[desk(&[]), store]),
        "bulkhead-store imports bulkhead-desk, which is on floor 4, above floor 1"
    );
    let circle = [desk(&["bulkhead-data"]), data(&["bulkhead-desk"])];
    assert!(found(&circle).contains("in a circle"), "{}", found(&circle));
    let market = import("bulkhead-market", "host/market", &["bulkhead-store"]);
    let store = import("bulkhead-store", "host/store", &[]);
    assert!(found(&[market, store]).contains("none knows another"));
    let venue = import("bulkhead-venue", "sdk/venue", &["bulkhead-domain"]);
    assert!(found(&[venue, domain()]).contains("belongs to the host"));
    let tests = import("bulkhead-tests", "tests", &[]);
    assert!(found(&[desk(&["bulkhead-tests"]), tests]).contains("only for tests"));
    assert!(found(&[import("bulkhead-new", "host/new", &[])]).contains("stands on no floor"));
    assert!(found(&[import("bulkhead-x", "else/x", &[])]).contains("in none of"));
}
