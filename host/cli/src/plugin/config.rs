//! `bulkhead plugin config`: the configuration that an installed plugin has where a session says nothing else.

use super::{Why, installed, make, request};
use crate::conform;
use crate::options::GlobalOptions;
use crate::output;
use bulkhead_domain::Problem;
use bulkhead_registry::{Change, Settings};
use clap::{Args, Subcommand};
use serde_json::Value;
use std::path::Path;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Change settings (KEY=JSON), or replace them all by those of a file (.json or .toml)
    Set(Set),
    /// Show the settings
    Show(Show),
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    /// Settings, such as fast=20 or symbols='["A", "B"]'; or one file that replaces them all
    #[arg(value_name = "KEY=JSON|FILE")]
    values: Vec<String>,
    /// A setting to remove; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn run(options: &GlobalOptions, command: Command) -> Result<(), Problem> {
    match command {
        Command::Set(arguments) => {
            let settings = match arguments.values.as_slice() {
                [file] if !file.contains('=') => whole(file, arguments.unset)?,
                values => settings(values, arguments.unset)?,
            };
            if settings == Settings::default() {
                return Err(Problem::user(
                    "nothing was named to set",
                    "give KEY=JSON, --unset KEY or a file",
                ));
            }
            let change = Change::ConfigSet(settings);
            make(options, &request(arguments.id, change, arguments.why))
        }
        Command::Show(arguments) => {
            let plugin = installed(options, &arguments.id)?;
            // It is JSON already.
            output::json(&plugin.config)
        }
    }
}

/// A file's settings in the place of all there are.
fn whole(file: &str, unset: Vec<String>) -> Result<Settings, Problem> {
    let ending = Path::new(file)
        .extension()
        .and_then(|ending| ending.to_str());
    if !matches!(ending, Some("json" | "toml")) || !Path::new(file).exists() {
        return Err(Problem::user(
            format!("'{file}' is no setting and no file"),
            "write KEY=JSON, or name a .json or .toml file",
        ));
    }
    if !unset.is_empty() {
        return Err(Problem::user(
            "a file replaces all settings, so there is nothing to unset",
            "leave --unset out",
        ));
    }
    match conform::config(file)? {
        Value::Object(set) => Ok(Settings {
            replace: true,
            set,
            unset,
        }),
        _ => Err(Problem::user("the file holds no settings", "correct it").in_file(file)),
    }
}

/// Settings as they are written at the command line.
pub(super) fn settings(values: &[String], unset: Vec<String>) -> Result<Settings, Problem> {
    let mut settings = Settings {
        unset,
        ..Settings::default()
    };
    for text in values {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() || value.is_empty() {
            return Err(Problem::user(
                format!("'{text}' is no setting"),
                "write it as KEY=JSON, such as fast=20",
            ));
        }
        let value = parsed(value).map_err(|error| {
            Problem::user(
                format!("the value of {key} is no JSON: {error}"),
                r#"quote it for the shell, such as 'symbols=["A", "B"]'"#,
            )
        })?;
        if settings.set.insert(key.to_owned(), value).is_some() {
            return Err(Problem::user(format!("{key} is set twice"), "set it once"));
        }
    }
    Ok(settings)
}

/// JSON, or a plain word for a text that a shell took the quotes of.
fn parsed(value: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(value).or_else(|error| {
        if value.starts_with(['{', '[', '"']) {
            Err(error)
        } else {
            Ok(Value::String(value.to_owned()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(values: &[&str]) -> Result<Settings, String> {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        settings(&values, Vec::new()).map_err(|problem| problem.to_string())
    }

    #[test]
    fn settings_are_json_or_plain_words() {
        let found = set(&[
            "fast=20",
            "file=a=b.csv",
            r#"symbols=["A"]"#,
            r#"size="100""#,
        ])
        .unwrap();
        let expected = json!({"fast": 20, "file": "a=b.csv", "symbols": ["A"], "size": "100"});
        assert_eq!(Value::Object(found.set), expected);
    }

    #[test]
    fn what_is_no_setting_is_named() {
        for (values, said) in [
            (&["fast"][..], "'fast' is no setting"),
            (&["=2"], "'=2' is no setting"),
            (&["a=[1"], "the value of a is no JSON"),
            (&["a=1", "a=2"], "a is set twice"),
        ] {
            let problem = set(values).unwrap_err();
            assert!(problem.contains(said), "{problem}");
        }
    }
}
