//! What a plugin may do: what it asks for *and* the operator gave, never one of them alone.
//!
//! Promises: nothing is granted by asking, and nothing is had by a grant that was not asked for. A grant belongs
//! to the plugin, not to a version: a version that asks for more gets no more than was given.
//!
//! Bounds: hosts, secrets and storage are kept and shown here; the sandbox has no network yet that would use
//! them. Folders are in force ([`folder`]).

use bulkhead_domain::Problem;
use bulkhead_manifest::{Manifest, Requests};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// A set of capabilities: granted, or in force.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Capabilities {
    /// Folders that may be read, with everything in them; absolute, without links.
    pub files: BTreeSet<PathBuf>,
    /// Hosts that may be reached; `*.` in front stands for every name below.
    pub hosts: BTreeSet<String>,
    /// Secrets that may be referred to.
    pub secrets: BTreeSet<String>,
    /// Bytes of key-value storage.
    pub kv_bytes: u64,
}

impl Capabilities {
    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Capabilities::default()
    }

    /// Everything in either; the larger storage.
    #[must_use]
    pub fn with(mut self, more: &Capabilities) -> Capabilities {
        self.files.extend(more.files.iter().cloned());
        self.hosts.extend(more.hosts.iter().cloned());
        self.secrets.extend(more.secrets.iter().cloned());
        self.kv_bytes = self.kv_bytes.max(more.kv_bytes);
        self
    }

    /// What is left without `less`: of the storage nothing, where `less` names any.
    #[must_use]
    pub fn without(mut self, less: &Capabilities) -> Capabilities {
        self.files.retain(|folder| !less.files.contains(folder));
        self.hosts.retain(|host| !less.hosts.contains(host));
        self.secrets.retain(|secret| !less.secrets.contains(secret));
        if less.kv_bytes > 0 {
            self.kv_bytes = 0;
        }
        self
    }

    /// What it holds and `other` does not: of the storage all, where it is more.
    #[must_use]
    pub fn beyond(&self, other: &Capabilities) -> Capabilities {
        Capabilities {
            files: self.files.difference(&other.files).cloned().collect(),
            hosts: self.hosts.difference(&other.hosts).cloned().collect(),
            secrets: self.secrets.difference(&other.secrets).cloned().collect(),
            kv_bytes: if self.kv_bytes > other.kv_bytes {
                self.kv_bytes
            } else {
                0
            },
        }
    }

    /// Checks what an operator wrote, and puts every folder as it really is.
    ///
    /// # Errors
    /// One line naming the first thing that is none: a folder, a host, a secret's name.
    pub fn checked(mut self) -> Result<Capabilities, Problem> {
        self.files = (self.files.iter())
            .map(|folder| {
                let real = folder.canonicalize().ok().filter(|real| real.is_dir());
                real.ok_or_else(|| {
                    Problem::user("there is no such folder to grant", "correct its path")
                        .in_file(folder)
                })
            })
            .collect::<Result<_, _>>()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '*' | ':');
        if let Some(host) =
            (self.hosts.iter()).find(|host| host.is_empty() || !host.chars().all(plain))
        {
            return Err(Problem::user(
                format!("'{host}' is no host name"),
                "leave scheme and path out, such as api.example.com or *.example.com",
            ));
        }
        let named = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        match (self.secrets.iter()).find(|name| name.is_empty() || !name.chars().all(named)) {
            Some(name) => Err(Problem::user(
                format!("'{name}' is no name of a secret"),
                "use upper-case letters, digits and `_`",
            )),
            None => Ok(self),
        }
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names: Vec<String> = (self.files.iter())
            .map(|folder| folder.display().to_string())
            .collect();
        names.extend(self.hosts.iter().chain(&self.secrets).cloned());
        if self.kv_bytes > 0 {
            names.push(format!("{} bytes of storage", self.kv_bytes));
        }
        f.write_str(&if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        })
    }
}

/// What is in force: what a manifest asks for and the operator gave.
#[must_use]
pub fn effective(asked: &Requests, granted: &Capabilities) -> Capabilities {
    let hosts = asked.hosts.iter();
    let narrower = hosts
        .filter(|host| granted.hosts.iter().any(|wide| covers(wide, host)))
        .chain(
            (granted.hosts.iter()).filter(|host| asked.hosts.iter().any(|wide| covers(wide, host))),
        );
    Capabilities {
        files: if asked.files {
            granted.files.clone()
        } else {
            BTreeSet::new()
        },
        hosts: narrower.cloned().collect(),
        secrets: (asked.secrets.iter())
            .filter(|name| granted.secrets.contains(*name))
            .cloned()
            .collect(),
        kv_bytes: asked.kv_quota.min(granted.kv_bytes),
    }
}

/// Whether everything that `host` stands for is among what `wide` stands for. A port is part of the name.
fn covers(wide: &str, host: &str) -> bool {
    if wide == host || wide == "*" {
        return true;
    }
    let below = wide.strip_prefix('*').filter(|rest| rest.starts_with('.'));
    below.is_some_and(|rest| host.len() > rest.len() && host.ends_with(rest))
}

/// The folder as it really is, where it lies within one that is granted.
///
/// # Errors
/// When it is no folder, or no granted folder holds it; then how to grant it.
pub fn folder(
    manifest: &Manifest,
    granted: &Capabilities,
    folder: &Path,
) -> Result<PathBuf, Problem> {
    let real = folder.canonicalize().map_err(|error| {
        Problem::user(
            format!(
                "the folder meant for plugin {} cannot be read: {error}",
                manifest.id
            ),
            "correct its path",
        )
        .in_file(folder)
    })?;
    let in_force = effective(&manifest.requests, granted);
    // A granted folder may have become a link since: it is what it is now that counts, on both sides.
    let held = (in_force.files.iter())
        .filter_map(|granted| granted.canonicalize().ok())
        .any(|granted| real.starts_with(granted));
    if held {
        return Ok(real);
    }
    Err(Problem::user(
        format!("plugin {} is not granted this folder", manifest.id),
        format!(
            "`bulkhead plugin grant {} --files {}` grants it, if that is meant",
            manifest.id,
            real.display()
        ),
    )
    .in_file(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<T: Ord + From<&'static str>>(names: &[&'static str]) -> BTreeSet<T> {
        names.iter().map(|name| T::from(name)).collect()
    }

    fn asked() -> Requests {
        Requests {
            hosts: vec!["*.example.com".to_owned(), "api.other.org".to_owned()],
            secrets: vec!["KEY".to_owned(), "OTHER".to_owned()],
            files: false,
            kv_quota: 100,
        }
    }

    #[test]
    fn asking_alone_and_granting_alone_give_nothing() {
        assert!(effective(&asked(), &Capabilities::default()).is_empty());
        let all = Capabilities {
            files: set(&["/"]),
            hosts: set(&["*"]),
            secrets: set(&["KEY"]),
            kv_bytes: 5,
        };
        assert!(effective(&Requests::default(), &all).is_empty());
    }

    #[test]
    fn the_narrower_side_is_in_force() {
        let granted = Capabilities {
            files: set(&["/data"]),
            hosts: set(&["api.example.com", "*.org", "nobody.asked.net"]),
            secrets: set(&["KEY", "UNASKED"]),
            kv_bytes: 1_000,
        };
        let in_force = effective(&asked(), &granted);
        assert_eq!(in_force.hosts, set(&["api.example.com", "api.other.org"]));
        assert_eq!(in_force.secrets, set(&["KEY"]));
        assert_eq!((in_force.kv_bytes, in_force.files.len()), (100, 0));
    }

    #[test]
    fn a_wildcard_covers_names_below_it_and_not_beside_it() {
        assert!(covers("*.example.com", "api.example.com"));
        assert!(covers("*.example.com", "*.eu.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "badexample.com"));
        assert!(!covers("*.example.com", "api.example.com:8443"));
        assert!(!covers("api.example.com", "*.example.com"));
    }

    #[test]
    fn what_is_revoked_is_gone_and_the_rest_stays() {
        let had = Capabilities {
            hosts: set(&["a.com", "b.com"]),
            kv_bytes: 9,
            ..Capabilities::default()
        };
        let less = Capabilities {
            hosts: set(&["a.com"]),
            ..Capabilities::default()
        };
        let left = had.without(&less);
        assert_eq!((left.hosts.clone(), left.kv_bytes), (set(&["b.com"]), 9));
        let kv = Capabilities {
            kv_bytes: 1,
            ..Capabilities::default()
        };
        assert_eq!(left.without(&kv).kv_bytes, 0);
    }

    #[test]
    fn a_folder_is_judged_by_where_it_really_is() {
        let root = tempfile::tempdir().unwrap();
        let (inside, outside) = (root.path().join("in/deep"), root.path().join("in-not"));
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, root.path().join("in/link")).unwrap();
        let manifest = serde_json::json!({
            "id": "csv", "version": "1.0.0", "kind": "data-source", "api": "0.1",
            "licence": "Apache-2.0", "description": "d", "requests": { "files": true },
        });
        let manifest = Manifest::from_json(manifest.to_string().as_bytes()).unwrap();
        let granted = Capabilities {
            files: [root.path().join("in")].into(),
            ..Capabilities::default()
        }
        .checked()
        .unwrap();
        assert!(folder(&manifest, &granted, &inside).is_ok());
        for refused in [
            outside,
            root.path().join("in/link"),
            root.path().join("in/.."),
        ] {
            let problem = folder(&manifest, &granted, &refused)
                .unwrap_err()
                .to_string();
            assert!(
                problem.contains("bulkhead plugin grant csv --files"),
                "{problem}"
            );
        }
    }

    #[test]
    fn what_no_operator_can_mean_is_refused() {
        let wrong = [
            Capabilities {
                files: set(&["/no/such/folder"]),
                ..Capabilities::default()
            },
            Capabilities {
                hosts: set(&["https://a.com/x"]),
                ..Capabilities::default()
            },
            Capabilities {
                secrets: set(&["key"]),
                ..Capabilities::default()
            },
        ];
        for one in wrong {
            assert_eq!(one.checked().unwrap_err().exit_code(), 2);
        }
    }
}
