//! The tasks themselves.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};
use bulkhead_toolchain::build::{self, Options};
use bulkhead_toolchain::target::{self, Origin};
use bulkhead_toolchain::{TARGET, contract, process};

use crate::tree::{Tree, run, say};

/// Everything that the demo needs.
pub(crate) fn setup(tree: &Tree) -> Result<()> {
    wasm_target(tree)?;
    components(tree, "plugins", &tree.plugins())?;
    released_anew(tree)?;
    host(tree)
}

/// The wasm target and all components.
pub(crate) fn plugins(tree: &Tree) -> Result<()> {
    wasm_target(tree)?;
    components(tree, "plugins", &tree.plugins())?;
    released_anew(tree)?;
    components(tree, "tests/hostile", &tree.hostile())
}

fn wasm_target(tree: &Tree) -> Result<()> {
    match target::ensure(&tree.root, &mut say)? {
        Origin::Present => {}
        Origin::Rustup => say(&format!("target: rustup added {TARGET}")),
        Origin::Sources(folder) => {
            say(&format!("target: built {TARGET} from {}", folder.display()))
        }
        Origin::Package(name) => say(&format!("target: built {TARGET} from {name}")),
    }
    Ok(())
}

/// The components of a workspace of plugins.
fn components(tree: &Tree, workspace: &str, out: &Path) -> Result<()> {
    say(&format!("building {workspace}"));
    let mut options = Options::new(out);
    options.target_dir = Some(tree.target.join("wasm"));
    let built = build::workspace(&tree.root.join(workspace), &options, &mut say)?;
    let changed = built.iter().filter(|plugin| plugin.changed).count();
    say(&format!(
        "{} components in {}, {changed} of them new",
        built.len(),
        out.display()
    ));
    Ok(())
}

/// The plugin that the demo swaps in the middle of a session, released anew: the same code under the next version
/// number, so that what comes of the swap can be compared with what would have come without.
const RELEASED_ANEW: &str = "linfa";

fn released_anew(tree: &Tree) -> Result<()> {
    let file = format!("{RELEASED_ANEW}.wasm");
    let component = std::fs::read(tree.plugins().join(&file)).context(file.clone())?;
    let mut manifest = bulkhead_manifest::read_section(&component)?;
    let next = manifest.version.rsplit_once('.').and_then(|(most, patch)| {
        let patch: u64 = patch.parse().ok()?;
        Some(format!("{most}.{}", patch + 1))
    });
    manifest.version = next.with_context(|| format!("version {}", manifest.version))?;
    let next = bulkhead_manifest::replace_section(&component, &manifest)?;
    let folder = tree.plugins().join("next");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(file);
    if std::fs::read(&path).ok().as_ref() != Some(&next) {
        std::fs::write(&path, next).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn host(tree: &Tree) -> Result<()> {
    say("building the host (some minutes the first time)");
    // The whole workspace, not only the binary: cargo chooses features for the packages that are named
    // together, and the tests are to find wasmtime built with the same ones.
    run(tree
        .cargo()
        .args(["build", "--workspace", "--exclude", "xtask"]))
}

/// The main job on the demo's configuration, run in the checkout's root. Ends as `bulkhead` ends, which
/// has said by itself what went wrong. A component that is not there is said before anything is built.
pub(crate) fn demo(tree: &Tree, with: &[PathBuf], out: Option<&Path>) -> Result<ExitCode> {
    let mut command = Command::new(tree.bulkhead());
    command.current_dir(&tree.root).arg("paper");
    for file in with {
        let file = std::path::absolute(file).context("--with")?;
        if !file.is_file() {
            say(&format!(
                "error: there is no file {}; correct --with",
                file.display()
            ));
            return Ok(ExitCode::from(2));
        }
        command.arg("--with").arg(file);
    }
    let out = match out {
        Some(folder) => std::path::absolute(folder).context("--out")?,
        None => Path::new("out").join("demo"),
    };
    command
        .arg("--config")
        .arg(Path::new("examples").join("demo").join("demo.toml"))
        .arg("--plugins")
        .arg(tree.plugins())
        .arg("--out")
        .arg(out);
    setup(tree)?;
    become_it(command)
}

/// Goes on as the command, so that Ctrl-C is the command's to answer and the terminal waits for it.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", command.get_program().display()))
}

/// Runs the command and ends as it ends.
#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<ExitCode> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Every test of the host, the plugins and the documentation.
pub(crate) fn test(tree: &Tree, soak: bool, all: bool) -> Result<()> {
    plugins(tree)?;
    let mut failed = Vec::new();
    let mut part = |name: &str, command: &mut Command| -> Result<()> {
        say(name);
        match run(command) {
            Ok(()) => Ok(()),
            Err(error) if all => {
                say(&format!("{error:#}"));
                failed.push(name.to_owned());
                Ok(())
            }
            Err(error) => Err(error),
        }
    };

    let nextest = process::exists("cargo-nextest");
    let mut host = tree.cargo();
    host.env("BULKHEAD_PLUGINS", tree.plugins())
        .env("BULKHEAD_HOSTILE", tree.hostile());
    if nextest {
        host.args(["nextest", "run", "--workspace"]);
    } else {
        host.args(["test", "--workspace", "--lib", "--bins", "--tests"]);
    }
    if all {
        host.arg("--no-fail-fast");
    }
    match (soak, nextest) {
        (true, true) => {
            host.args(["--run-ignored", "all"]);
        }
        (true, false) => {
            host.args(["--", "--include-ignored"]);
        }
        (false, _) => {}
    }
    part("tests of the host", &mut host)?;
    part(
        "examples in the documentation",
        tree.cargo().args(["test", "--workspace", "--doc"]),
    )?;
    let mut plugins = tree.cargo();
    plugins
        .args(["test", "--workspace", "--manifest-path"])
        .arg(tree.root.join("plugins").join("Cargo.toml"))
        .arg("--target-dir")
        .arg(tree.target.join("plugins-native"));
    if all {
        plugins.arg("--no-fail-fast");
    }
    part("tests of the plugins, natively", &mut plugins)?;

    if !failed.is_empty() {
        bail!("failed: {}", failed.join("; "));
    }
    say("all tests passed");
    Ok(())
}

/// The benchmarks.
pub(crate) fn bench(tree: &Tree, prefix: Option<&str>) -> Result<()> {
    wasm_target(tree)?;
    components(tree, "plugins", &tree.plugins())?;
    // The demo's figures are those of the binary that people run.
    if prefix.is_none_or(|prefix| prefix.starts_with("demo") || "demo".starts_with(prefix)) {
        host(tree)?;
    }
    let mut command = tree.cargo();
    command
        .args(["run", "--profile", "bench", "--package", "bulkhead-bench"])
        .env("BULKHEAD_PLUGINS", tree.plugins())
        .env("BULKHEAD_BENCH_JSON", tree.target.join("bench.json"));
    if let Some(prefix) = prefix {
        command.args(["--", prefix]);
    }
    run(&mut command)
}

/// The record of the contract's version.
pub(crate) fn wit_release(tree: &Tree, replace: bool) -> Result<()> {
    let wit = tree.root.join("wit");
    let path = contract::record(&wit, &wit.join("released"), replace)
        .context("the contract was not recorded")?;
    say(&format!("recorded {}", path.display()));
    Ok(())
}
