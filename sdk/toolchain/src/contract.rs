//! The contract's text, reduced to what a compiled plugin depends on.
//!
//! [`read`] resolves a folder of WIT files and prints the package again without its comments and
//! independent of how it is laid out in files. [`check`] compares that with the record of the same
//! version: a contract that changes must change its version too. Records are named `<version>.wit`.

use std::path::{Path, PathBuf};

use wit_component::WitPrinter;
use wit_parser::{PackageId, Resolve};

/// A resolved contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    /// Package name without version, such as `bulkhead:plugin`.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its comment-free text.
    pub text: String,
}

/// Why a contract was refused.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The files do not parse or resolve.
    #[error("{}: {reason}", path.display())]
    Invalid {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, with file, line and column where they are known.
        reason: String,
    },
    /// The package has no version.
    #[error("{}: the package has no version", .0.display())]
    Unversioned(PathBuf),
    /// This version has no record.
    #[error("no record of {package} {version} at {}; make it with `cargo xtask wit-release`", path.display())]
    Unrecorded {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Where the record would be.
        path: PathBuf,
    },
    /// The contract changed, its version did not.
    #[error(
        "{package} changed but its version is still {version}: compiled plugins would break.\n\
         Raise the version in the .wit files, then run `cargo xtask wit-release`; only a version that \
         nobody has received yet may be recorded anew, with `cargo xtask wit-release --replace`.\n{difference}"
    )]
    Changed {
        /// The package.
        package: String,
        /// Its version.
        version: String,
        /// Lines that differ, as `-` recorded and `+` now.
        difference: String,
    },
    /// The version has a record that says something else, and nobody asked to replace it.
    #[error("{} already records another text of this version; `--replace` writes over it, which is right only as long as nobody has received that version", .0.display())]
    Recorded(PathBuf),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
}

/// Most differing lines that an error shows.
const SHOWN_LINES: usize = 40;

/// Resolves the WIT package in the folder `wit`.
pub fn read(wit: &Path) -> Result<Contract, ContractError> {
    let mut resolve = Resolve::default();
    let package = resolve
        .push_dir(wit)
        .map(|(package, _)| package)
        .map_err(|error| invalid(wit, resolve.render_error(&error)))?;
    reduce(&resolve, package, wit)
}

/// The record of `contract`'s version in `released`, printed the same way as the contract is.
fn recorded(contract: &Contract, path: &Path) -> Result<Contract, ContractError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ContractError::Unrecorded {
                package: contract.package.clone(),
                version: contract.version.clone(),
                path: path.to_owned(),
            });
        }
        Err(source) => {
            return Err(ContractError::Io {
                path: path.to_owned(),
                source,
            });
        }
    };
    let mut resolve = Resolve::default();
    let package = resolve
        .push_str(path, &text)
        .map_err(|error| invalid(path, resolve.render_error(&error)))?;
    reduce(&resolve, package, path)
}

/// Compares the contract in `wit` with the record of its version in `released`.
pub fn check(wit: &Path, released: &Path) -> Result<Contract, ContractError> {
    let contract = read(wit)?;
    let record = recorded(&contract, &record_path(&contract, released))?;
    if record == contract {
        Ok(contract)
    } else {
        Err(ContractError::Changed {
            difference: difference(&record.text, &contract.text),
            package: contract.package,
            version: contract.version,
        })
    }
}

/// Records the contract in `wit` and returns the record's path. A record of the same version that says
/// something else is written over only if `replace`.
pub fn record(wit: &Path, released: &Path, replace: bool) -> Result<PathBuf, ContractError> {
    let contract = read(wit)?;
    let path = record_path(&contract, released);
    match recorded(&contract, &path) {
        Ok(record) if record == contract => return Ok(path),
        Err(ContractError::Unrecorded { .. }) => {}
        _ if replace => {}
        Ok(_) => return Err(ContractError::Recorded(path)),
        Err(error) => return Err(error),
    }
    let io = |source| ContractError::Io {
        path: path.clone(),
        source,
    };
    std::fs::create_dir_all(released).map_err(io)?;
    crate::stamp::write_whole(&path, contract.text.as_bytes()).map_err(io)?;
    Ok(path)
}

fn record_path(contract: &Contract, released: &Path) -> PathBuf {
    released.join(format!("{}.wit", contract.version))
}

fn reduce(resolve: &Resolve, package: PackageId, path: &Path) -> Result<Contract, ContractError> {
    let name = &resolve.packages[package].name;
    let version = (name.version.as_ref())
        .ok_or_else(|| ContractError::Unversioned(path.to_owned()))?
        .to_string();
    let mut printer = WitPrinter::default();
    printer.emit_docs(false);
    printer
        .print(resolve, package, &[])
        .map_err(|error| invalid(path, format!("{error:#}")))?;
    Ok(Contract {
        package: format!("{}:{}", name.namespace, name.name),
        version,
        text: printer.output.to_string(),
    })
}

fn invalid(path: &Path, reason: String) -> ContractError {
    ContractError::Invalid {
        path: path.to_owned(),
        reason,
    }
}

/// Lines of only one of the two texts, in order, by the longest common subsequence.
fn difference(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    // common[i][j]: length of the longest common subsequence of old[i..] and new[j..].
    let mut common = vec![vec![0usize; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i][j] = if old[i] == new[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            i += 1;
            j += 1;
        } else if j >= new.len() || (i < old.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("- {}", old[i].trim()));
            i += 1;
        } else {
            lines.push(format!("+ {}", new[j].trim()));
            j += 1;
        }
    }
    let left_out = lines.len().saturating_sub(SHOWN_LINES);
    lines.truncate(SHOWN_LINES);
    if left_out > 0 {
        lines.push(format!("and {left_out} more lines"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: &str = "package a:b@0.1.0;\n/// Types.\ninterface types { record bar { open: f64, close: f64 } }\n";

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn comments_and_the_layout_in_files_do_not_matter() {
        let one = folder(&[
            ("types.wit", TYPES),
            (
                "model.wit",
                "package a:b@0.1.0;\ninterface model { use types.{bar}; fit: func(bars: list<bar>); }\n",
            ),
        ]);
        let two = folder(&[(
            "all.wit",
            "package a:b@0.1.0;\ninterface model {\n use types.{bar};\n // another comment\n fit: func(bars: list<bar>);\n}\n\
             interface types { record bar {\n open: f64,\n close: f64,\n } }\n",
        )]);
        let one = read(one.path()).unwrap();
        let two = read(two.path()).unwrap();
        assert_eq!(one, two);
        assert!(!one.text.contains("Types."), "{}", one.text);
    }

    #[test]
    fn a_change_without_a_new_version_is_refused_and_shown() {
        let wit = folder(&[("types.wit", TYPES)]);
        let released = wit.path().join("released");
        let error = check(wit.path(), &released).unwrap_err();
        assert!(
            error.to_string().contains("no record of a:b 0.1.0"),
            "{error}"
        );
        record(wit.path(), &released, false).unwrap();
        check(wit.path(), &released).unwrap();

        let changed = TYPES.replace("close: f64", "close: f32");
        std::fs::write(wit.path().join("types.wit"), &changed).unwrap();
        let error = check(wit.path(), &released).unwrap_err().to_string();
        assert!(error.contains("version is still 0.1.0"), "{error}");
        assert!(error.contains("- close: f64,\n+ close: f32,"), "{error}");
        assert!(matches!(
            record(wit.path(), &released, false),
            Err(ContractError::Recorded(_))
        ));

        std::fs::write(
            wit.path().join("types.wit"),
            changed.replace("0.1.0", "0.2.0"),
        )
        .unwrap();
        record(wit.path(), &released, false).unwrap();
        check(wit.path(), &released).unwrap();
        assert_eq!(std::fs::read_dir(&released).unwrap().count(), 2);
    }

    #[test]
    fn a_version_nobody_has_may_be_recorded_anew() {
        let wit = folder(&[("types.wit", TYPES)]);
        let released = wit.path().join("released");
        record(wit.path(), &released, false).unwrap();
        std::fs::write(wit.path().join("types.wit"), TYPES.replace("open", "first")).unwrap();
        record(wit.path(), &released, true).unwrap();
        check(wit.path(), &released).unwrap();
    }

    #[test]
    fn a_contract_without_version_and_one_that_does_not_parse_are_named() {
        let wit = folder(&[("types.wit", "package a:b;\ninterface types {}\n")]);
        assert!(matches!(
            read(wit.path()),
            Err(ContractError::Unversioned(_))
        ));
        let wit = folder(&[("types.wit", "package a:b@0.1.0;\ninterface {}\n")]);
        let error = read(wit.path()).unwrap_err().to_string();
        assert!(error.contains("types.wit:2:11"), "{error}");
    }
}
