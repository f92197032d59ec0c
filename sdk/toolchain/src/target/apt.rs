//! Gets the sources of a compiler version from the package sources this machine is configured with.
//!
//! Address and keyring come from the machine's own configuration; only the suite is varied, because a
//! newer compiler is often packaged for a newer release of the distribution. The search has its own
//! state and cache, so nothing is installed and the machine's package lists stay as they are.
//! Signatures are checked as for any package.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sources::{Repository, repositories};
use crate::Progress;
use crate::process::{self, ProcessError};

/// Why no package with the sources was found.
#[derive(Debug, thiserror::Error)]
pub enum AptError {
    /// This machine has no apt.
    #[error("this machine has no {0}, so the distribution's sources cannot be fetched")]
    NoTool(&'static str),
    /// A step failed.
    #[error("fetching the compiler's sources: {0}")]
    Process(#[from] ProcessError),
    /// A file could not be read or written.
    #[error("fetching the compiler's sources, {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// No package source is configured.
    #[error("no package source is configured in {0}")]
    NoRepository(String),
    /// Every suite was asked; none has the version.
    #[error("no package with the sources of Rust {release} in the suites {suites}")]
    NotPackaged {
        /// The version wanted.
        release: String,
        /// The suites that were asked.
        suites: String,
    },
    /// The package does not hold the library's sources.
    #[error("the package {0} holds no library sources")]
    NoLibrary(String),
}

/// The library sources of one compiler version, unpacked.
pub(super) struct Package {
    /// Package and version, as the distribution names them.
    pub(super) name: String,
    /// Folder of the library's sources.
    pub(super) library: PathBuf,
}

/// Finds the sources of compiler `release`, downloads and unpacks them within `work`.
pub(super) fn library(
    release: &str,
    work: &Path,
    progress: Progress<'_>,
) -> Result<Package, AptError> {
    for tool in ["apt-get", "apt-cache", "apt-config", "dpkg-deb", "tar"] {
        if !process::exists(tool) {
            return Err(AptError::NoTool(tool));
        }
    }
    let system = System::read()?;
    let mut asked = Vec::new();
    let mut unreachable = None;
    for suite in system.suites() {
        for repository in system.repositories_for() {
            let apt = Apt::new(work, repository, &suite)?;
            if let Err(error) = process::output(apt.get().arg("update")) {
                unreachable.get_or_insert(error);
                continue;
            }
            if !asked.contains(&suite) {
                asked.push(suite.clone());
            }
            if let Some((name, version)) = apt.find(release)? {
                progress(&format!("target: fetching {name} {version} ({suite})"));
                return apt.unpack(&name, &version);
            }
        }
    }
    Err(AptError::NotPackaged {
        release: release.to_owned(),
        suites: match (asked.is_empty(), unreachable) {
            (true, Some(error)) => format!("(none could be reached: {error})"),
            (true, None) => "(none could be reached)".to_owned(),
            (false, _) => asked.join(", "),
        },
    })
}

/// What this machine says about its distribution.
struct System {
    repositories: Vec<Repository>,
    distribution: String,
    codename: String,
    /// Codenames of the distribution's releases, oldest first, where they are listed.
    series: Vec<String>,
}

impl System {
    fn read() -> Result<Self, AptError> {
        let config = process::output(Command::new("apt-config").args([
            "shell",
            "LIST",
            "Dir::Etc::sourcelist/f",
            "PARTS",
            "Dir::Etc::sourceparts/d",
        ]))?;
        let list = shell_value(&config, "LIST");
        let parts = shell_value(&config, "PARTS");
        let repositories = repositories(list.as_deref(), parts.as_deref());
        if repositories.is_empty() {
            let places: Vec<String> = [list, parts]
                .iter()
                .flatten()
                .map(|path| path.display().to_string())
                .collect();
            return Err(AptError::NoRepository(places.join(" or ")));
        }
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let field = |name| shell_text(&release, name).unwrap_or_default();
        let distribution = field("ID");
        let series = std::fs::read_to_string(format!("/usr/share/distro-info/{distribution}.csv"))
            .map(|csv| series(&csv))
            .unwrap_or_default();
        Ok(Self {
            repositories,
            distribution,
            codename: field("VERSION_CODENAME"),
            series,
        })
    }

    /// Suites to ask, cheapest first: those for backports are small, those of whole releases are not.
    fn suites(&self) -> Vec<String> {
        let newer: Vec<&str> = match self.series.iter().position(|name| *name == self.codename) {
            Some(own) => self.series[own + 1..].iter().map(String::as_str).collect(),
            None => Vec::new(),
        };
        let aliases: &[&str] = match self.distribution.as_str() {
            "debian" => &["stable-backports", "testing", "unstable"],
            "ubuntu" => &["devel"],
            _ => &[],
        };
        let own: Vec<String> = (self.repositories.iter())
            .flat_map(|repository| repository.suites.iter().cloned())
            .collect();
        let mut suites = Vec::new();
        let mut add = |suite: String| {
            if !suite.is_empty() && !suites.contains(&suite) {
                suites.push(suite);
            }
        };
        for name in std::iter::once(self.codename.as_str()).chain(newer.iter().copied()) {
            if !name.is_empty() {
                add(format!("{name}-backports"));
            }
        }
        for alias in aliases.iter().filter(|alias| alias.ends_with("-backports")) {
            add((*alias).to_owned());
        }
        own.into_iter().for_each(&mut add);
        for name in newer.iter().chain(aliases) {
            add((*name).to_owned());
        }
        suites
    }

    /// The repositories of the distribution itself; all of them where none says which release it is of.
    fn repositories_for(&self) -> Vec<&Repository> {
        let main: Vec<&Repository> = (self.repositories.iter())
            .filter(|repository| repository.suites.contains(&self.codename))
            .collect();
        if main.is_empty() {
            self.repositories.iter().collect()
        } else {
            main
        }
    }
}

/// apt with a state of its own and one repository and suite.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(work: &Path, repository: &Repository, suite: &str) -> Result<Self, AptError> {
        let folder = work.join("apt");
        for part in ["state/lists/partial", "cache/archives/partial", "parts"] {
            let path = folder.join(part);
            std::fs::create_dir_all(&path).map_err(|source| AptError::Io { path, source })?;
        }
        let path = folder.join("suite.sources");
        std::fs::write(&path, repository.source_for(suite))
            .map_err(|source| AptError::Io { path, source })?;
        Ok(Self { folder })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut option = |name: &str, value: &Path| {
            command.arg("-o");
            command.arg(format!("{name}={}", value.display()));
        };
        option("Dir::Etc::sourcelist", &self.folder.join("suite.sources"));
        option("Dir::Etc::sourceparts", &self.folder.join("parts"));
        option("Dir::Etc::preferencesparts", &self.folder.join("parts"));
        option("Dir::State", &self.folder.join("state"));
        option("Dir::State::status", Path::new("/dev/null"));
        option("Dir::Cache", &self.folder.join("cache"));
        // Started by root, apt would give up its rights and then fail on a private folder.
        option("APT::Sandbox::User", Path::new("root"));
        // An unreachable suite is an error here, not a warning.
        option("APT::Update::Error-Mode", Path::new("any"));
        command.current_dir(&self.folder).env("LC_ALL", "C");
        command
    }

    fn get(&self) -> Command {
        let mut command = self.command("apt-get");
        command.arg("-q");
        command
    }

    /// Name and version of the package with the sources of `release`.
    fn find(&self, release: &str) -> Result<Option<(String, String)>, AptError> {
        let short = release.rsplit_once('.').map_or(release, |(short, _)| short);
        for name in ["rust-src".to_owned(), format!("rust-{short}-src")] {
            let table = process::output(self.command("apt-cache").args(["madison", &name]))?;
            if let Some(version) = packaged_version(&table, release) {
                return Ok(Some((name, version)));
            }
        }
        Ok(None)
    }

    fn unpack(&self, name: &str, version: &str) -> Result<Package, AptError> {
        process::output(self.get().args(["download", &format!("{name}={version}")]))?;
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| AptError::Io { path, source }
        };
        let archive = find(&self.folder, |path| {
            path.extension().is_some_and(|extension| extension == "deb")
        })
        .map_err(io(&self.folder))?
        .ok_or_else(|| AptError::NoLibrary(name.to_owned()))?;

        // Only the library: the package holds the whole compiler.
        let unpacked = self.folder.join("unpacked");
        std::fs::create_dir_all(&unpacked).map_err(io(&unpacked))?;
        let mut reader = Command::new("dpkg-deb")
            .arg("--fsys-tarfile")
            .arg(&archive)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(io(&archive))?;
        let stream = reader.stdout.take().map_or_else(Stdio::null, Stdio::from);
        let status = Command::new("tar")
            .args(["-x", "--wildcards", "./usr/src/rustc-*/library"])
            .current_dir(&unpacked)
            .stdin(stream)
            .status()
            .map_err(io(&unpacked))?;
        let read = reader.wait().map_err(io(&archive))?;
        if !status.success() || !read.success() {
            return Err(AptError::NoLibrary(format!("{name} {version}")));
        }
        let sources = unpacked.join("usr/src");
        let library = find(&sources, |path| path.join("library/Cargo.lock").is_file())
            .map_err(io(&sources))?
            .ok_or_else(|| AptError::NoLibrary(format!("{name} {version}")))?
            .join("library");
        Ok(Package {
            name: format!("{name} {version}"),
            library,
        })
    }
}

fn find(folder: &Path, wanted: impl Fn(&Path) -> bool) -> std::io::Result<Option<PathBuf>> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if wanted(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// The version in apt's table that packages exactly `release`.
fn packaged_version(table: &str, release: &str) -> Option<String> {
    table.lines().find_map(|line| {
        let version = line.split('|').nth(1)?.trim();
        let rest = version.strip_prefix(release)?;
        // Not `1.95.01` and not `1.95.0~beta`, which sorts before the release.
        (rest.is_empty() || rest.starts_with(['+', '-'])).then(|| version.to_owned())
    })
}

/// A value of the form `NAME='value'`, `NAME="value"` or `NAME=value`.
fn shell_text(text: &str, name: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        .map(|value| value.trim().trim_matches(['\'', '"']).to_owned())
}

fn shell_value(text: &str, name: &str) -> Option<PathBuf> {
    shell_text(text, name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

/// Codenames from a distribution's list of releases, in its order. Versionless entries (Debian's
/// unstable) are left out.
fn series(csv: &str) -> Vec<String> {
    csv.lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split(',');
            let version = fields.next()?;
            let codename = fields.nth(1)?;
            (!version.is_empty() && !codename.is_empty()).then(|| codename.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(codename: &str, series: &[&str]) -> System {
        System {
            repositories: vec![
                Repository {
                    uris: "mirror:/main".to_owned(),
                    suites: vec![codename.to_owned(), format!("{codename}-updates")],
                    components: "main".to_owned(),
                    signed_by: None,
                },
                Repository {
                    uris: "mirror:/other".to_owned(),
                    suites: vec!["nodistro".to_owned()],
                    components: "main".to_owned(),
                    signed_by: None,
                },
            ],
            distribution: "debian".to_owned(),
            codename: codename.to_owned(),
            series: series.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    #[test]
    fn small_suites_and_newer_releases_are_asked_in_that_order() {
        let system = system("bookworm", &["bullseye", "bookworm", "trixie"]);
        assert_eq!(
            system.suites(),
            [
                "bookworm-backports",
                "trixie-backports",
                "stable-backports",
                "bookworm",
                "bookworm-updates",
                "nodistro",
                "trixie",
                "testing",
                "unstable"
            ]
        );
    }

    #[test]
    fn only_the_distribution_itself_is_asked() {
        let system = system("bookworm", &[]);
        let asked: Vec<_> = system
            .repositories_for()
            .iter()
            .map(|repository| repository.uris.as_str())
            .collect();
        assert_eq!(asked, ["mirror:/main"]);
    }

    #[test]
    fn only_the_same_version_will_do() {
        let table = " rust-src | 1.96.1+dfsg1-2~bpo13+1 | mirror trixie-backports/main amd64 Packages\n \
                     rust-src | 1.95.0~beta.3+dfsg1-1 | mirror experimental/main amd64 Packages\n \
                     rust-src | 1.95.0+dfsg1-2~bpo13+1 | mirror trixie-backports/main amd64 Packages\n";
        assert_eq!(
            packaged_version(table, "1.95.0").as_deref(),
            Some("1.95.0+dfsg1-2~bpo13+1")
        );
        assert_eq!(packaged_version(table, "1.95.1"), None);
        assert_eq!(packaged_version(table, "1.9"), None);
    }

    #[test]
    fn releases_are_read_from_the_distributions_list() {
        let csv = "version,codename,series,created,release,eol\n\
                   12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-06-10\n\
                   13,Trixie,trixie,2023-06-10,2025-08-09\n\
                   ,Sid,sid,1993-08-16\n";
        assert_eq!(series(csv), ["bookworm", "trixie"]);
    }

    #[test]
    fn settings_are_read_with_and_without_quotes() {
        let text = "ID=debian\nVERSION_CODENAME=\"bookworm\"\nLIST='/etc/apt/sources.list'\n";
        assert_eq!(shell_text(text, "ID").as_deref(), Some("debian"));
        assert_eq!(
            shell_text(text, "VERSION_CODENAME").as_deref(),
            Some("bookworm")
        );
        assert_eq!(
            shell_value(text, "LIST").as_deref(),
            Some(Path::new("/etc/apt/sources.list"))
        );
        assert_eq!(shell_text(text, "PARTS"), None);
    }
}
