//! Reads the machine's apt configuration: one-line `*.list` files and deb822 `*.sources` files, as
//! described in sources.list(5). Only what is needed to ask the same place for another suite is kept.

use std::path::{Path, PathBuf};

/// One configured place that holds packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// Addresses, separated by spaces.
    pub(super) uris: String,
    /// Suites it is configured for.
    pub(super) suites: Vec<String>,
    /// Components, separated by spaces.
    pub(super) components: String,
    /// Keyring or key, as written, where one is named.
    pub(super) signed_by: Option<String>,
}

impl Repository {
    /// A deb822 entry for the same place and another suite.
    pub(super) fn source_for(&self, suite: &str) -> String {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: {}\nTargets: Packages\n",
            self.uris, self.components
        );
        if let Some(key) = &self.signed_by {
            text.push_str("Signed-By:");
            text.push_str(key);
            text.push('\n');
        }
        text
    }
}

/// Everything configured in the file `list` and the folder `parts`, in apt's order.
pub(super) fn repositories(list: Option<&Path>, parts: Option<&Path>) -> Vec<Repository> {
    let mut files: Vec<PathBuf> = parts
        .and_then(|folder| std::fs::read_dir(folder).ok())
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.sort();
    files.splice(0..0, list.map(Path::to_owned));
    let mut found = Vec::new();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => found.extend(text.lines().filter_map(one_line)),
            Some("sources") => found.extend(deb822(&text)),
            _ => {}
        }
    }
    found
}

/// `deb [option=value …] uri suite component …`
fn one_line(line: &str) -> Option<Repository> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let uri = words.next()?;
    let suite = words.next()?;
    let components: Vec<&str> = words.collect();
    // A suite that ends in a slash is a folder without components: there is no other suite beside it.
    if suite.ends_with('/') || components.is_empty() {
        return None;
    }
    let signed_by = options
        .split_whitespace()
        .find_map(|option| option.strip_prefix("signed-by="))
        .map(|key| format!(" {key}"));
    Some(Repository {
        uris: uri.to_owned(),
        suites: vec![suite.to_owned()],
        components: components.join(" "),
        signed_by,
    })
}

/// Entries of a deb822 file: fields `Name: value`, continued by indented lines, entries apart by blank lines.
fn deb822(text: &str) -> Vec<Repository> {
    let mut entries: Vec<Vec<(String, String)>> = vec![Vec::new()];
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            entries.push(Vec::new());
        } else if let Some(entry) = entries.last_mut() {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = entry.last_mut() {
                    value.push('\n');
                    value.push_str(line);
                }
            } else if let Some((name, value)) = line.split_once(':') {
                entry.push((name.trim().to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    entries
        .iter()
        .filter_map(|entry| repository(entry))
        .collect()
}

fn repository(entry: &[(String, String)]) -> Option<Repository> {
    let field = |name: &str| {
        entry
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        field(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let enabled = field("enabled").is_none_or(|value| {
        !["no", "false", "without", "off", "disable"]
            .contains(&value.trim().to_ascii_lowercase().as_str())
    });
    let suites: Vec<String> = words("suites")
        .into_iter()
        .filter(|suite| !suite.ends_with('/'))
        .collect();
    let uris = words("uris");
    let components = words("components");
    if !enabled
        || !words("types").iter().any(|kind| kind == "deb")
        || suites.is_empty()
        || uris.is_empty()
        || components.is_empty()
    {
        return None;
    }
    Some(Repository {
        uris: uris.join(" "),
        suites,
        components: components.join(" "),
        signed_by: field("signed-by").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deb822_entries_are_read_with_comments_and_inline_keys() {
        let text = "Types: deb deb-src\n# a comment\nURIs: mirror:/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main contrib\nSigned-By: /keys/archive.gpg\n\n\n\
                    Types: deb\nURIs: mirror:/other\nSuites: stable\nComponents: main\n\
                    Signed-By:\n -----BEGIN-----\n .\n abc\n -----END-----\n\n\
                    Types: deb\nURIs: mirror:/off\nSuites: stable\nComponents: main\nEnabled: no\n\n\
                    Types: deb-src\nURIs: mirror:/source\nSuites: stable\nComponents: main\n\n\
                    Types: deb\nURIs: mirror:/flat\nSuites: ./\n";
        let found = deb822(text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].suites, ["bookworm", "bookworm-updates"]);
        assert_eq!(
            found[0].source_for("trixie-backports"),
            "Types: deb\nURIs: mirror:/debian\nSuites: trixie-backports\nComponents: main contrib\n\
             Targets: Packages\nSigned-By: /keys/archive.gpg\n"
        );
        assert!(
            found[1]
                .source_for("sid")
                .ends_with("Signed-By:\n -----BEGIN-----\n .\n abc\n -----END-----\n"),
            "{:?}",
            found[1]
        );
    }

    #[test]
    fn one_line_entries_are_read_with_and_without_options() {
        let found =
            one_line("deb [arch=amd64 signed-by=/keys/a.gpg] mirror:/debian trixie main # here")
                .unwrap();
        assert_eq!(found.uris, "mirror:/debian");
        assert_eq!(found.suites, ["trixie"]);
        assert_eq!(found.signed_by.as_deref(), Some(" /keys/a.gpg"));
        assert_eq!(
            one_line("deb mirror:/d sid main contrib")
                .unwrap()
                .components,
            "main contrib"
        );
        for line in [
            "",
            "# deb mirror:/debian trixie main",
            "deb-src mirror:/debian trixie main",
            "deb mirror:/flat ./",
        ] {
            assert_eq!(one_line(line), None, "{line}");
        }
    }

    #[test]
    fn files_are_read_from_both_places_and_others_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("parts");
        std::fs::create_dir(&parts).unwrap();
        let list = folder.path().join("sources.list");
        std::fs::write(&list, "deb mirror:/one sid main\n").unwrap();
        std::fs::write(parts.join("b.list"), "deb mirror:/three sid main\n").unwrap();
        std::fs::write(
            parts.join("a.sources"),
            "Types: deb\nURIs: mirror:/two\nSuites: sid\nComponents: main\n",
        )
        .unwrap();
        std::fs::write(parts.join("c.list.disabled"), "deb mirror:/four sid main\n").unwrap();
        let found = repositories(Some(&list), Some(&parts));
        let uris: Vec<_> = found.iter().map(|found| found.uris.as_str()).collect();
        assert_eq!(uris, ["mirror:/one", "mirror:/two", "mirror:/three"]);
    }
}
