//! Starts a plugin from the SDK's template for its kind.
//!
//! The new folder appears whole or not at all. It is a workspace of its own that depends on the SDK
//! only, and it carries the cargo settings that a plugin needs, so that `cargo check` in it sees what
//! the build sees.

use std::path::{Path, PathBuf};

use bulkhead_manifest::{Kind, Manifest, ManifestError};

use crate::TARGET;

/// Why no plugin was started.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The name is refused.
    #[error(
        "`{name}` cannot be a plugin's name: {reason}; use lower-case words joined by `-`, such as `my-idea`"
    )]
    Name {
        /// The name given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Something is there already.
    #[error("{} already exists; choose another name or folder", .0.display())]
    Exists(PathBuf),
    /// The SDK is not where it was said to be.
    #[error("{}: no SDK here (its templates/{kind} is missing); give the path of Bulkhead's sdk folder", sdk.display())]
    NoSdk {
        /// The path given.
        sdk: PathBuf,
        /// The kind asked for.
        kind: Kind,
    },
    /// A template names something that is not known.
    #[error("{}: unknown placeholder {{{{{placeholder}}}}}", path.display())]
    Placeholder {
        /// The template.
        path: PathBuf,
        /// The placeholder.
        placeholder: String,
    },
    /// The template's manifest is refused.
    #[error("the template's plugin.toml: {0}")]
    Manifest(#[from] ManifestError),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
}

/// Longest name: what the manifest allows.
const MAX_NAME: usize = 64;

/// Names that no crate may have, or that would shadow one that every crate sees.
const RESERVED: [&str; 57] = [
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "use",
    "virtual",
    "where",
    "yield",
];

/// Crates that every plugin uses: a package of the same name could not depend on them.
const USED: [&str; 3] = ["bulkhead-sdk", "schemars", "serde"];

/// The SDK that this crate was built beside: there whenever the checkout it came from still is.
pub fn sdk() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Writes a plugin of the given kind and name into the new folder `folder`, depending on the SDK in
/// `sdk`; returns the files written, relative to `folder`.
pub fn new(
    kind: Kind,
    name: &str,
    folder: &Path,
    sdk: &Path,
) -> Result<Vec<PathBuf>, ScaffoldError> {
    check_name(name)?;
    if folder.exists() {
        return Err(ScaffoldError::Exists(folder.to_owned()));
    }
    let no_sdk = || ScaffoldError::NoSdk {
        sdk: sdk.to_owned(),
        kind,
    };
    let sdk = sdk.canonicalize().map_err(|_| no_sdk())?;
    let templates = sdk.join("templates").join(kind.as_str());
    if !templates.is_dir() {
        return Err(no_sdk());
    }
    let mut files = render(&templates, name, &sdk)?;
    files.push((PathBuf::from(".cargo/config.toml"), cargo_config()));
    files.sort();
    for (path, text) in &files {
        if path == Path::new("plugin.toml") {
            Manifest::from_toml(text)?;
        }
    }

    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(parent).map_err(io_at(parent))?;
    let staging = tempfile::Builder::new()
        .prefix(".plugin-new-")
        .tempdir_in(parent)
        .map_err(io_at(parent))?;
    // Within the private folder, so that the plugin's own folder has the usual rights.
    let whole = staging.path().join("plugin");
    for (path, text) in &files {
        let path = whole.join(path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(io_at(parent))?;
        }
        std::fs::write(&path, text).map_err(io_at(&path))?;
    }
    std::fs::rename(&whole, folder).map_err(io_at(folder))?;
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

fn io_at(path: &Path) -> impl FnOnce(std::io::Error) -> ScaffoldError {
    let path = path.to_owned();
    move |source| ScaffoldError::Io { path, source }
}

/// The settings with which cargo builds a plugin: the same that the build tool passes.
fn cargo_config() -> String {
    format!(
        "# What `bulkhead plugin build` passes to the compiler, for editors and plain cargo.\n\
         [target.{TARGET}]\n\
         rustflags = ['--cfg', 'getrandom_backend=\"custom\"', '-Ctarget-feature=+simd128']\n"
    )
}

fn check_name(name: &str) -> Result<(), ScaffoldError> {
    let refuse = |reason| {
        Err(ScaffoldError::Name {
            name: name.to_owned(),
            reason,
        })
    };
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > MAX_NAME {
        return refuse("it is longer than 64 characters");
    }
    if let Some(other) = name
        .chars()
        .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'))
    {
        return refuse(match other {
            'A'..='Z' => "it has capital letters",
            '_' => "it has an underscore",
            _ => "it has something else than letters, digits and `-`",
        });
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return refuse("it does not start with a letter");
    }
    if name.ends_with('-') || name.contains("--") {
        return refuse("it has a `-` without a word after it");
    }
    if RESERVED.contains(&name) {
        return refuse("Rust keeps that word for itself");
    }
    if USED.contains(&name) {
        return refuse("every plugin uses a crate of that name");
    }
    Ok(())
}

/// The template's files, filled in.
fn render(
    templates: &Path,
    name: &str,
    sdk: &Path,
) -> Result<Vec<(PathBuf, String)>, ScaffoldError> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = templates.join(&folder);
        for entry in std::fs::read_dir(&path).map_err(io_at(&path))? {
            let entry = entry.map_err(io_at(&path))?;
            let relative = folder.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(relative);
            } else if relative
                .extension()
                .is_some_and(|extension| extension == "tmpl")
            {
                let text = std::fs::read_to_string(entry.path()).map_err(io_at(&entry.path()))?;
                found.push((relative, text));
            }
        }
    }
    let mut type_name = type_name(name);
    // A plugin called `strategy` or `result` must not take the place of what its template names so.
    if found.iter().any(|(_, text)| has_word(text, &type_name)) {
        type_name.push_str("Plugin");
    }
    let values = [
        ("id", name.to_owned()),
        ("crate", name.replace('-', "_")),
        ("type", type_name),
        ("sdk", sdk.display().to_string().replace('\\', "/")),
    ];
    found
        .into_iter()
        .map(|(relative, text)| match fill(&text, &values) {
            Ok(text) => Ok((destination(&relative), text)),
            Err(placeholder) => Err(ScaffoldError::Placeholder {
                path: templates.join(relative),
                placeholder,
            }),
        })
        .collect()
}

/// Whether `word` occurs in Rust source as a whole identifier.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|found| found == word)
}

/// Where a template's file goes: its name without `.tmpl`, and Rust sources into `src`.
fn destination(template: &Path) -> PathBuf {
    let path = template.with_extension("");
    let top_level = path.parent() == Some(Path::new(""));
    if top_level && path.extension().is_some_and(|extension| extension == "rs") {
        Path::new("src").join(path)
    } else {
        path
    }
}

/// `my-idea` as a type's name: `MyIdea`.
fn type_name(name: &str) -> String {
    name.split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

/// Puts values in place of `{{name}}`; an unknown name is the error.
fn fill(text: &str, values: &[(&str, String)]) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let (before, after) = rest.split_at(start);
        filled.push_str(before);
        let inside = &after[2..];
        let end = inside
            .find(|c: char| !(c.is_ascii_lowercase() || c == '-' || c == '_'))
            .unwrap_or(inside.len());
        // Braces that hold no plain word are the language's own, as in `format!("{{{x}}}")`.
        if end == 0 || !inside[end..].starts_with("}}") {
            filled.push_str("{{");
            rest = inside;
            continue;
        }
        let name = &inside[..end];
        let (_, value) = values
            .iter()
            .find(|(known, _)| *known == name)
            .ok_or_else(|| name.to_owned())?;
        filled.push_str(value);
        rest = &inside[end + 2..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk() -> tempfile::TempDir {
        let sdk = tempfile::tempdir().unwrap();
        let templates = sdk.path().join("templates/strategy");
        std::fs::create_dir_all(&templates).unwrap();
        std::fs::write(
            templates.join("Cargo.toml.tmpl"),
            "name = \"{{id}}\"\npath = \"{{sdk}}\"\n",
        )
        .unwrap();
        std::fs::write(
            templates.join("plugin.toml.tmpl"),
            "id = \"{{id}}\"\nversion = \"0.1.0\"\nkind = \"strategy\"\napi = \"0.1\"\nlicence = \"MIT\"\ndescription = \"An idea.\"\n",
        )
        .unwrap();
        std::fs::write(
            templates.join("lib.rs.tmpl"),
            "struct {{type}}; // {{crate}} {{ x }} {{{y}}}\n",
        )
        .unwrap();
        std::fs::write(templates.join("README"), "not a template").unwrap();
        sdk
    }

    #[test]
    fn a_plugin_is_written_from_its_template() {
        let sdk = sdk();
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("deep/my-idea");
        let files = new(Kind::Strategy, "my-idea", &folder, sdk.path()).unwrap();
        assert_eq!(
            files,
            [
                ".cargo/config.toml",
                "Cargo.toml",
                "plugin.toml",
                "src/lib.rs"
            ]
            .map(PathBuf::from)
        );
        let text = |path| std::fs::read_to_string(folder.join(path)).unwrap();
        assert!(text("Cargo.toml").contains("name = \"my-idea\""));
        assert!(text("Cargo.toml").contains(sdk.path().canonicalize().unwrap().to_str().unwrap()));
        assert_eq!(
            text("src/lib.rs"),
            "struct MyIdea; // my_idea {{ x }} {{{y}}}\n"
        );
        let config: toml::Table = text(".cargo/config.toml").parse().unwrap();
        assert!(config["target"][TARGET]["rustflags"].is_array());
        assert_eq!(
            std::fs::read_dir(place.path().join("deep"))
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn a_type_that_the_template_names_keeps_its_name() {
        let sdk = sdk();
        let template = sdk.path().join("templates/strategy/lib.rs.tmpl");
        let text = "use x::{Strategy, StrategyError}; struct {{type}}; fn f() -> Result<(), ()>";
        std::fs::write(template, text).unwrap();
        let place = tempfile::tempdir().unwrap();
        for (name, type_name) in [
            ("strategy", "StrategyPlugin"),
            ("result", "ResultPlugin"),
            ("strat", "Strat"),
        ] {
            let folder = place.path().join(name);
            new(Kind::Strategy, name, &folder, sdk.path()).unwrap();
            let text = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
            assert!(text.contains(&format!("struct {type_name};")), "{text}");
        }
    }

    #[test]
    fn a_name_that_is_no_name_is_refused_with_its_reason() {
        let sdk = sdk();
        let place = tempfile::tempdir().unwrap();
        for (name, reason) in [
            ("", "it is empty"),
            ("My-Idea", "capital letters"),
            ("my_idea", "underscore"),
            ("my idea", "something else"),
            ("../idea", "something else"),
            ("1st", "does not start with a letter"),
            ("idea-", "without a word"),
            ("my--idea", "without a word"),
            ("match", "keeps that word"),
            ("serde", "uses a crate of that name"),
            (&"a".repeat(65), "longer than 64"),
        ] {
            let error = new(Kind::Strategy, name, &place.path().join("x"), sdk.path())
                .unwrap_err()
                .to_string();
            assert!(error.contains(reason), "{name}: {error}");
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn nothing_is_written_over_and_nothing_left_half_done() {
        let sdk = sdk();
        let place = tempfile::tempdir().unwrap();
        let taken = place.path().join("taken");
        std::fs::create_dir(&taken).unwrap();
        assert!(matches!(
            new(Kind::Strategy, "taken", &taken, sdk.path()),
            Err(ScaffoldError::Exists(_))
        ));
        assert!(matches!(
            new(Kind::Model, "idea", &place.path().join("a"), sdk.path()),
            Err(ScaffoldError::NoSdk { .. })
        ));
        std::fs::write(
            sdk.path().join("templates/strategy/more.txt.tmpl"),
            "{{who}}",
        )
        .unwrap();
        let error = new(Kind::Strategy, "idea", &place.path().join("b"), sdk.path()).unwrap_err();
        assert!(
            error.to_string().ends_with("unknown placeholder {{who}}"),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
