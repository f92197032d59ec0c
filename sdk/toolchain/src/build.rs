//! Builds plugins: sources in, finished components out.
//!
//! A folder is a plugin when it holds `plugin.toml` beside its `Cargo.toml`. cargo compiles the crate to
//! a core module for `wasm32-unknown-unknown`, the module is turned into a component that imports
//! nothing but the contract's interfaces, and the manifest is appended as the component's one top-level
//! section. A component appears whole or not at all, and one whose module and manifest are unchanged
//! is left as it is.
//!
//! Compiling writes to a target folder of its own (`wasm` within the usual one), so that it never waits
//! for, nor rebuilds, what the host's build has locked. The compiler's own messages go to this
//! process's standard error as they come.

mod error;
mod members;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bulkhead_manifest::Manifest;
use serde::Deserialize;

use crate::process::ProcessError;
use crate::rustc::{self, Compiler};
use crate::stamp::{self, Stamp};
use crate::{Progress, TARGET};
use error::io_at;
use members::{Metadata, PluginCrate};

pub use error::BuildError;

/// Largest component that is written, in bytes.
pub const MAX_COMPONENT_BYTES: usize = 64 * 1024 * 1024;

/// How and where to build.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder that receives `<id>.wasm`; made when missing.
    pub out: PathBuf,
    /// cargo's target folder; `wasm` within the workspace's own when absent.
    pub target_dir: Option<PathBuf>,
    /// Refuse to change the lock file.
    pub locked: bool,
}

impl Options {
    /// Options that leave components in `out`.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            target_dir: None,
            locked: false,
        }
    }
}

/// A component that is in its place.
#[derive(Clone, Debug)]
pub struct BuiltPlugin {
    /// Folder of its sources.
    pub source: PathBuf,
    /// The component.
    pub path: PathBuf,
    /// The manifest it carries.
    pub manifest: Manifest,
    /// SHA-256 of the component, in lower-case hexadecimal digits.
    pub digest: String,
    /// Size of the component.
    pub bytes: u64,
    /// Whether it was written now, rather than found as it should be.
    pub changed: bool,
}

/// Builds the one plugin in `folder`.
pub fn plugin(
    folder: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<BuiltPlugin, BuildError> {
    for missing in ["Cargo.toml", "plugin.toml"] {
        if !folder.join(missing).is_file() {
            return Err(BuildError::NotAPlugin {
                folder: folder.to_owned(),
                missing,
            });
        }
    }
    let folder = folder.canonicalize().map_err(io_at(folder))?;
    let metadata = Metadata::read(&folder)?;
    let crates = metadata.plugins(|source| source == folder)?;
    let mut built = build(&folder, &metadata, crates, options, progress)?;
    built.pop().ok_or(BuildError::NoPlugins(folder))
}

/// Builds every plugin of the workspace in `folder`, with one run of cargo; in the order of their ids.
pub fn workspace(
    folder: &Path,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Vec<BuiltPlugin>, BuildError> {
    let folder = folder.canonicalize().map_err(io_at(folder))?;
    let metadata = Metadata::read(&folder)?;
    let crates = metadata.plugins(|_| true)?;
    if crates.is_empty() {
        return Err(BuildError::NoPlugins(folder));
    }
    build(&folder, &metadata, crates, options, progress)
}

fn build(
    folder: &Path,
    metadata: &Metadata,
    crates: BTreeMap<String, PluginCrate>,
    options: &Options,
    progress: Progress<'_>,
) -> Result<Vec<BuiltPlugin>, BuildError> {
    std::fs::create_dir_all(&options.out).map_err(io_at(&options.out))?;
    let target_dir = options
        .target_dir
        .clone()
        .unwrap_or_else(|| metadata.target_directory.join("wasm"));
    let modules = compile(folder, metadata, &crates, &target_dir, options.locked)?;
    let mut built = Vec::with_capacity(crates.len());
    for (id, member) in crates {
        let module = (modules.get(&member.manifest_path))
            .ok_or_else(|| BuildError::NoCdylib(member.source.join("Cargo.toml")))?;
        let stamps = target_dir.join("stamps");
        let done = finish(&id, member, module, &stamps, &options.out)?;
        if done.changed {
            progress(&format!(
                "built {id} {}: {} ({} KiB)",
                done.manifest.version,
                done.path.display(),
                done.bytes.div_ceil(1024)
            ));
        }
        built.push(done);
    }
    Ok(built)
}

/// Runs cargo and returns each crate's module, by the path of its `Cargo.toml`.
fn compile(
    folder: &Path,
    metadata: &Metadata,
    crates: &BTreeMap<String, PluginCrate>,
    target_dir: &Path,
    locked: bool,
) -> Result<BTreeMap<PathBuf, PathBuf>, BuildError> {
    let compiler = Compiler::in_folder(folder)?;
    let mut command = rustc::cargo_command();
    command
        .args(["build", "--lib", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .arg("--manifest-path")
        .arg(metadata.workspace_root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target_dir)
        .env(
            "CARGO_ENCODED_RUSTFLAGS",
            flags(metadata, &compiler).join("\u{1f}"),
        )
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    if locked {
        command.arg("--locked");
    }
    for member in crates.values() {
        command.args(["--package", &member.package]);
    }
    let done = command.output().map_err(|source| ProcessError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    })?;
    if !done.status.success() {
        return Err(BuildError::Compile(folder.to_owned()));
    }
    Ok(modules(&String::from_utf8_lossy(&done.stdout)))
}

/// Flags for the compiler: what every plugin needs, and this machine's paths kept out of the result.
/// The workspace's own files need nothing, because cargo names them relative to it.
fn flags(metadata: &Metadata, compiler: &Compiler) -> Vec<String> {
    let mut flags = vec![
        "--cfg".to_owned(),
        r#"getrandom_backend="custom""#.to_owned(),
        "-Ctarget-feature=+simd128".to_owned(),
    ];
    let mut remap = |from: &Path, to: &str| {
        flags.push(format!("--remap-path-prefix={}={to}", from.display()));
    };
    let cargo_home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    if let Some(home) = cargo_home {
        remap(&home, "/cargo");
    }
    if let Some(commit) = &compiler.commit {
        let sources = compiler.sysroot.join("lib/rustlib/src/rust");
        remap(&sources, &format!("/rustc/{commit}"));
    }
    // Of several prefixes that fit, the compiler takes the last: here the longest.
    for (path, name) in metadata.outside() {
        remap(&path, &format!("/deps/{name}"));
    }
    flags
}

/// The part of cargo's messages that says where a module is.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

fn modules(messages: &str) -> BTreeMap<PathBuf, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter_map(|message| {
            let module = (message.filenames.into_iter()).find(|file| {
                file.extension()
                    .is_some_and(|extension| extension == "wasm")
            })?;
            Some((message.manifest_path, module))
        })
        .collect()
}

/// Turns a compiled module into the finished component, unless that is there already.
fn finish(
    id: &str,
    member: PluginCrate,
    module: &Path,
    stamps: &Path,
    out: &Path,
) -> Result<BuiltPlugin, BuildError> {
    let path = out.join(format!("{id}.wasm"));
    let core = std::fs::read(module).map_err(io_at(module))?;
    let manifest_error = |source| BuildError::Manifest {
        path: member.source.join("plugin.toml"),
        source,
    };
    let section = member.manifest.to_json().map_err(manifest_error)?;
    let input = stamp::digest(&[stamp::RECIPE, &core, &section]);
    if let Some(found) = Stamp::valid(stamps, id, &input, &path) {
        return Ok(BuiltPlugin {
            source: member.source,
            path,
            manifest: member.manifest,
            digest: found.output,
            bytes: found.bytes,
            changed: false,
        });
    }
    let component = componentize(&core).map_err(|reason| BuildError::Componentize {
        id: id.to_owned(),
        reason,
    })?;
    let component =
        bulkhead_manifest::append_section(&component, &member.manifest).map_err(manifest_error)?;
    if component.len() > MAX_COMPONENT_BYTES {
        return Err(BuildError::TooLarge {
            id: id.to_owned(),
            bytes: component.len(),
        });
    }
    stamp::write_whole(&path, &component).map_err(io_at(&path))?;
    let stamp = Stamp {
        input,
        output: stamp::digest(&[&component]),
        bytes: component.len() as u64,
    };
    stamp.save(stamps, id).map_err(io_at(stamps))?;
    Ok(BuiltPlugin {
        source: member.source,
        path,
        manifest: member.manifest,
        digest: stamp.output,
        bytes: stamp.bytes,
        changed: true,
    })
}

/// The component made of a core module that was compiled against the contract.
///
/// The error is one line.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    let one_line = |error| format!("{error:#}").replace('\n', " ");
    let (_, bindings) = wit_component::metadata::decode(module).map_err(one_line)?;
    if bindings.resolve.worlds[bindings.world].exports.is_empty() {
        return Err("it exports nothing of the contract; call the SDK's export macro".to_owned());
    }
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| encoder.encode())
        .map_err(one_line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_its_files_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = plugin(folder.path(), &Options::new(folder.path()), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("no Cargo.toml here"), "{error}");
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        let error = plugin(folder.path(), &Options::new(folder.path()), &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains("no plugin.toml here"), "{error}");
    }

    #[test]
    fn modules_are_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","manifest_path":"/p/serde/Cargo.toml","filenames":["/t/libserde.rlib"]}
{"reason":"compiler-artifact","manifest_path":"/p/a/Cargo.toml","filenames":["/t/a.wasm","/t/liba.rlib"]}
not json
{"reason":"build-finished","success":true}"#;
        let modules = modules(messages);
        assert_eq!(modules.len(), 1);
        assert_eq!(
            modules.get(Path::new("/p/a/Cargo.toml")),
            Some(&PathBuf::from("/t/a.wasm"))
        );
    }

    #[test]
    fn what_is_no_module_of_the_contract_is_refused_in_one_line() {
        let error = componentize(b"\0asm\x01\0\0\0").unwrap_err();
        assert!(!error.contains('\n') && !error.is_empty(), "{error}");
        assert!(componentize(b"nonsense").is_err());
    }
}
