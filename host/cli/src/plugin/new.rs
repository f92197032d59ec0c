//! `bulkhead plugin new`

use crate::options::GlobalOptions;
use crate::{output, problems};
use bulkhead_domain::Problem;
use bulkhead_manifest::Kind;
use bulkhead_toolchain::scaffold;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What sort of plugin it is to be
    #[arg(long, value_parser = PossibleValuesParser::new(Kind::ALL.map(Kind::as_str)).try_map(|name| name.parse::<Kind>()))]
    kind: Kind,
    /// Its name: lower-case words joined by `-`
    name: String,
    /// The folder to make; one of the plugin's name here unless given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Bulkhead's sdk folder; that of the checkout this command was built in unless given
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

pub(crate) fn run(options: &GlobalOptions, arguments: Arguments) -> Result<(), Problem> {
    let Arguments {
        kind,
        name,
        dir,
        sdk,
    } = arguments;
    let sdk = match sdk {
        Some(given) => given,
        None => built_beside().ok_or_else(|| {
            Problem::user(
                "the SDK that this command was built beside is gone",
                "give Bulkhead's sdk folder with --sdk",
            )
        })?,
    };
    let folder = dir.unwrap_or_else(|| PathBuf::from(&name));
    let files = scaffold::new(kind, &name, &folder, &sdk).map_err(problems::of_scaffold)?;
    if options.json {
        return output::json(&json!({
            "name": name, "kind": kind, "folder": folder, "files": files,
        }));
    }
    let files: Vec<String> = files
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    let place = folder.display();
    output::line(format!(
        "made {name} ({kind}) in {place}: {}\n\n\
         next:\n\
         \x20 bulkhead plugin build {place}    makes {name}.wasm\n\
         \x20 bulkhead plugin test {place}     its own tests, then the host's checks\n\
         \x20 edit {place}/src/lib.rs and build again",
        files.join(", ")
    ))
}

fn built_beside() -> Option<PathBuf> {
    let sdk = scaffold::sdk();
    sdk.join("Cargo.toml").is_file().then_some(sdk)
}
