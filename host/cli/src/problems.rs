//! The toolchain's errors as problems: whose mistake each is.

use bulkhead_domain::Problem;
use bulkhead_manifest::ManifestError;
use bulkhead_toolchain::build::BuildError;
use bulkhead_toolchain::scaffold::ScaffoldError;
use bulkhead_toolchain::target::TargetError;
use std::path::Path;

/// Why a plugin was not built.
pub(crate) fn of_build(error: BuildError) -> Problem {
    match error {
        BuildError::Manifest { path, source } => of_manifest(source, &path),
        BuildError::NotAPlugin { folder, missing } => Problem::user(
            format!("this is no plugin: there is no {missing}"),
            "name a plugin's folder, or make one with `bulkhead plugin new`",
        )
        .in_file(folder),
        BuildError::NoPlugins(_)
        | BuildError::NoCdylib(_)
        | BuildError::SameId { .. }
        | BuildError::Compile(_)
        | BuildError::Componentize { .. }
        | BuildError::TooLarge { .. } => Problem::user(error.to_string(), ""),
        // A workspace that cargo cannot read is most often a mistake in a Cargo.toml.
        BuildError::Process(ref source) => match source {
            bulkhead_toolchain::process::ProcessError::Failed { .. } => {
                Problem::user(error.to_string(), "")
            }
            bulkhead_toolchain::process::ProcessError::Start { .. } => {
                Problem::host(error.to_string(), "")
            }
        },
        BuildError::Rustc(_) | BuildError::Answer { .. } | BuildError::Io { .. } => {
            Problem::host(error.to_string(), "")
        }
    }
}

/// What is wrong with a `plugin.toml`.
fn of_manifest(error: ManifestError, path: &Path) -> Problem {
    match error {
        ManifestError::Toml {
            line,
            column,
            reason,
        } => {
            let problem = Problem::user(reason, "correct it").in_file(path);
            match (u64::try_from(line), column) {
                (Ok(1..), 1..) => problem.at_line(line as u64).at_column(column.to_string()),
                _ => problem,
            }
        }
        other => Problem::user(other.to_string(), "").in_file(path),
    }
}

/// Why no plugin was started.
pub(crate) fn of_scaffold(error: ScaffoldError) -> Problem {
    match error {
        ScaffoldError::Name { .. } | ScaffoldError::Exists(_) | ScaffoldError::NoSdk { .. } => {
            Problem::user(error.to_string(), "")
        }
        ScaffoldError::Placeholder { .. }
        | ScaffoldError::Manifest(_)
        | ScaffoldError::Io { .. } => Problem::host(error.to_string(), ""),
    }
}

/// Why there is no compiler for components.
pub(crate) fn of_target(error: &TargetError) -> Problem {
    Problem::host(error.to_string(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_in_plugin_toml_is_placed() {
        let error = BuildError::Manifest {
            path: "my-idea/plugin.toml".into(),
            source: ManifestError::Toml {
                line: 3,
                column: 5,
                reason: "unknown field `colour`".to_owned(),
            },
        };
        let problem = of_build(error);
        assert_eq!(
            problem.to_string(),
            "unknown field `colour` (my-idea/plugin.toml, line 3, column 5); correct it"
        );
        assert_eq!(problem.exit_code(), 2);
    }
}
