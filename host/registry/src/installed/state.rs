//! What is known of an installed plugin.

use crate::grants::Capabilities;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_manifest::{Kind, Manifest};
use serde::Serialize;
use serde_json::{Map, Value};

/// A plugin's default configuration.
pub type Config = Map<String, Value>;

/// Fewest digits that a version may be named by.
const PREFIX: usize = 6;

/// An installed plugin with all its versions, as of one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstalledPlugin {
    /// Its id.
    pub id: String,
    /// Its kind, the same for every version.
    pub kind: Kind,
    /// Whether it may run.
    pub standing: Standing,
    /// The version that serves.
    pub active: Digest,
    /// What served before, for a rollback.
    pub previous: Option<Served>,
    /// Counts every change of the active version, across uninstalling too.
    pub generation: u64,
    /// Counts every change.
    pub revision: u64,
    /// The version that is being compared with the active one.
    pub shadow: Option<Shadow>,
    /// The default configuration of the active version.
    pub config: Config,
    /// What the operator gave.
    pub granted: Capabilities,
    /// Every installed version, oldest first.
    pub versions: Vec<Version>,
}

/// Whether a plugin may run, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    /// Whether it may.
    pub enabled: bool,
    /// Why; may be empty where it may.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Who.
    pub by: String,
}

/// A version with the configuration it serves with.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Served {
    /// The version.
    pub digest: Digest,
    /// Its default configuration.
    pub config: Config,
}

/// A candidate that answers beside the active version and decides nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shadow {
    /// The version.
    pub digest: Digest,
    /// Its default configuration.
    pub config: Config,
    /// How much of the traffic it sees, in percent.
    pub percent: u8,
    /// When it is promoted, as it was given; see [`Shadow::rule`].
    pub rule: Value,
}

/// One installed version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Version {
    /// SHA-256 of its component.
    pub digest: Digest,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Size of its component.
    pub bytes: u64,
    /// When it was installed.
    pub installed: Timestamp,
    /// By whom.
    pub by: String,
}

impl Version {
    /// Version and digest, for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{} ({})", self.manifest.version, self.digest.short())
    }
}

impl InstalledPlugin {
    /// A version by its digest.
    #[must_use]
    pub fn version(&self, digest: &Digest) -> Option<&Version> {
        (self.versions.iter()).find(|version| version.digest == *digest)
    }

    /// A version by its number, its digest or at least six first digits of that.
    ///
    /// # Errors
    /// When there is none, or several are meant: then two of them are named.
    pub fn find(&self, wanted: &str) -> Result<&Version, Problem> {
        let digits = wanted.len() >= PREFIX && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
        let prefix = wanted.to_ascii_lowercase();
        let by_number = |version: &&Version| version.manifest.version == wanted;
        let by_digest =
            |version: &&Version| digits && version.digest.to_string().starts_with(&prefix);
        let mut found: Vec<&Version> = self.versions.iter().filter(by_number).collect();
        if found.is_empty() {
            found = self.versions.iter().filter(by_digest).collect();
        }
        match found.as_slice() {
            [one] => Ok(one),
            [one, other, ..] => Err(Problem::user(
                format!(
                    "'{wanted}' may be {} or {} of plugin {}",
                    one.label(),
                    other.label(),
                    self.id
                ),
                "name it by more digits of its digest",
            )),
            [] => {
                let known: Vec<String> = self.versions.iter().map(Version::label).collect();
                Err(Problem::user(
                    format!("no version '{wanted}' of plugin {} is installed", self.id),
                    format!("installed are {}", known.join(", ")),
                ))
            }
        }
    }

    /// The default configuration that a version is given by name: what it served with last, where it did; else
    /// the active version's.
    #[must_use]
    pub fn config_of(&self, digest: &Digest) -> &Config {
        let previous = self.previous.as_ref().filter(|one| one.digest == *digest);
        let shadow = self.shadow.as_ref().filter(|one| one.digest == *digest);
        match (previous, shadow) {
            _ if self.active == *digest => &self.config,
            (_, Some(shadow)) => &shadow.config,
            (Some(previous), None) => &previous.config,
            (None, None) => &self.config,
        }
    }

    /// Nothing where the plugin may run.
    ///
    /// # Errors
    /// One line that says who disabled it, when and why.
    pub fn usable(&self) -> Result<(), Problem> {
        let Standing {
            enabled,
            reason,
            since,
            by,
        } = &self.standing;
        if *enabled {
            return Ok(());
        }
        Err(Problem::user(
            format!(
                "plugin {} is disabled since {since} by {by}: {reason}",
                self.id
            ),
            format!("`bulkhead plugin enable {}` enables it", self.id),
        ))
    }
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Past {
    /// Its number, over all plugins.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub by: String,
    /// The plugin.
    pub plugin: String,
    /// Which change.
    pub change: String,
    /// What it did, in words.
    pub what: String,
    /// Why, where a reason was given.
    pub reason: String,
    /// The generation that it left.
    pub generation: u64,
    /// The version that was active after it.
    pub active: Digest,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn version(number: &str, seed: &str) -> Version {
        let manifest = json!({
            "id": "x", "version": number, "kind": "strategy", "api": "0.1",
            "licence": "Apache-2.0", "description": "d",
            "config-schema": {
                "type": "object", "additionalProperties": false,
                "properties": { "fast": { "type": "integer" }, "slow": { "type": "integer" } },
            },
        });
        Version {
            digest: Digest::of(seed.as_bytes()),
            manifest: Manifest::from_json(manifest.to_string().as_bytes()).unwrap(),
            bytes: 8,
            installed: Timestamp(1),
            by: "person:a".to_owned(),
        }
    }

    pub(crate) fn plugin(versions: Vec<Version>) -> InstalledPlugin {
        InstalledPlugin {
            id: "x".to_owned(),
            kind: Kind::Strategy,
            standing: Standing {
                enabled: true,
                reason: String::new(),
                since: Timestamp(1),
                by: "person:a".to_owned(),
            },
            active: versions[0].digest,
            previous: None,
            generation: 1,
            revision: 1,
            shadow: None,
            config: Config::new(),
            granted: Capabilities::default(),
            versions,
        }
    }

    #[test]
    fn a_version_is_found_by_number_or_by_digits_that_are_its_own() {
        let plugin = plugin(vec![version("1.0.0", "a"), version("1.1.0", "b")]);
        let second = &plugin.versions[1];
        assert_eq!(plugin.find("1.1.0").unwrap(), second);
        let digits: String = second.digest.to_string().chars().take(6).collect();
        assert_eq!(plugin.find(&digits).unwrap(), second);
        assert_eq!(plugin.find(&digits.to_uppercase()).unwrap(), second);
        let few = plugin.find(&digits[..5]).unwrap_err().to_string();
        assert!(few.contains("installed are 1.0.0 ("), "{few}");
    }

    #[test]
    fn what_may_be_two_versions_names_both() {
        let plugin = plugin(vec![version("1.0.0", "a"), version("1.0.0", "b")]);
        let problem = plugin.find("1.0.0").unwrap_err().to_string();
        for version in &plugin.versions {
            assert!(problem.contains(&version.digest.short()), "{problem}");
            assert_eq!(plugin.find(&version.digest.to_string()).unwrap(), version);
        }
    }
}
