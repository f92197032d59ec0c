//! From a state and a change to the next state, or why not. Pure: nothing is loaded, read or written here.

use super::change::{Change, Request};
use super::compared::{comparable, rule_of};
use super::state::{Config, InstalledPlugin, Served, Shadow, Standing, Version};
use crate::config::check_for;
use crate::grants::Capabilities;
use bulkhead_domain::{Digest, Problem, Timestamp};

/// What a change comes to.
pub(super) struct Plan {
    /// In words.
    pub(super) what: String,
    /// The plugin afterwards; `None` where it is uninstalled.
    pub(super) after: Option<InstalledPlugin>,
    /// The version that has to load and start first.
    pub(super) load: Option<Digest>,
    /// Whether whoever runs the plugin has to take that version.
    pub(super) serve: bool,
}

/// Who asks and when, and what only the caller knows.
pub(super) struct Asked<'a> {
    pub(super) by: &'a str,
    pub(super) time: Timestamp,
    /// The version that is to be installed.
    pub(super) new: Option<Version>,
    /// Whether its component is there, whole.
    pub(super) whole: bool,
    /// The last generation of an id that was installed before.
    pub(super) last: u64,
}

impl Plan {
    /// A change that needs nothing loaded.
    fn of(what: impl Into<String>, after: InstalledPlugin) -> Plan {
        Plan {
            what: what.into(),
            after: Some(after),
            load: None,
            serve: false,
        }
    }

    /// The versions that are there before and not afterwards.
    pub(super) fn removed<'a>(
        &'a self,
        before: Option<&'a InstalledPlugin>,
    ) -> impl Iterator<Item = &'a Version> {
        let stays = |version: &Version| {
            let after = self.after.as_ref();
            after.is_some_and(|after| after.version(&version.digest).is_some())
        };
        let versions = before.into_iter().flat_map(|before| &before.versions);
        versions.filter(move |version| !stays(version))
    }
}

pub(super) fn plan(
    before: Option<&InstalledPlugin>,
    request: &Request,
    asked: Asked<'_>,
) -> Result<Plan, Problem> {
    let (by, time) = (asked.by, asked.time);
    if let Change::Install { grant, .. } = &request.change {
        let Some(new) = asked.new else {
            return Err(Problem::host(
                "there is no component to install",
                "please report it",
            ));
        };
        let grant = grant.clone().checked()?;
        return match before {
            None => Ok(first(new, request, asked.last, grant)),
            Some(before) => another(before, new, asked.whole, &grant),
        };
    }
    let Some(before) = before else {
        return Err(Problem::user(
            format!("no plugin {} is installed", request.plugin),
            "`bulkhead plugin list` names what is; `bulkhead plugin install` installs one",
        ));
    };
    let mut after = before.clone();
    let standing = |enabled| Standing {
        enabled,
        reason: request.reason.clone(),
        since: time,
        by: by.to_owned(),
    };
    let id = &before.id;
    match &request.change {
        Change::Install { .. } => Err(Problem::host("it was planned already", "please report it")),
        Change::Enable => {
            if before.standing.enabled {
                return Err(nothing(format!(
                    "plugin {id} is enabled already, since {} by {}",
                    before.standing.since, before.standing.by
                )));
            }
            after.standing = standing(true);
            let served = serves(before, &after, &before.active)?;
            Ok(Plan {
                what: format!("enabled it, at {served}"),
                load: Some(before.active),
                serve: true,
                after: Some(after),
            })
        }
        Change::Disable => {
            if request.reason.trim().is_empty() {
                return Err(Problem::user(
                    "disabling needs a reason",
                    "give --reason TEXT",
                ));
            }
            if let Err(problem) = before.usable() {
                return Err(nothing(problem.what));
            }
            after.standing = standing(false);
            Ok(Plan::of("disabled it", after))
        }
        Change::Uninstall { version: None, .. } => {
            if before.standing.enabled {
                return Err(Problem::user(
                    format!("plugin {id} is enabled, so it is not uninstalled"),
                    format!("`bulkhead plugin disable {id} --reason TEXT` first"),
                ));
            }
            Ok(Plan {
                what: format!("uninstalled it, {} versions", before.versions.len()),
                after: None,
                load: None,
                serve: false,
            })
        }
        Change::Uninstall {
            version: Some(wanted),
            ..
        } => uninstall(before, after, wanted),
        Change::Grant(more) => {
            after.granted = after.granted.with(&more.clone().checked()?);
            let new = after.granted.beyond(&before.granted);
            if new.is_empty() {
                return Err(nothing(format!(
                    "plugin {id} is granted all of that already"
                )));
            }
            Ok(Plan::of(format!("granted {new}"), after))
        }
        Change::Revoke(less) => {
            let not_granted = |what: &dyn std::fmt::Display| {
                nothing(format!(
                    "plugin {id} is not granted {what}, but {}",
                    before.granted
                ))
            };
            if less.kv_bytes > 0 && before.granted.kv_bytes == 0 {
                return Err(not_granted(&"any storage"));
            }
            let missing = Capabilities {
                kv_bytes: 0,
                ..less.beyond(&before.granted)
            };
            if !missing.is_empty() {
                return Err(not_granted(&missing));
            }
            after.granted = after.granted.without(less);
            let gone = before.granted.beyond(&after.granted);
            if gone.is_empty() {
                return Err(nothing("nothing was named to revoke".to_owned()));
            }
            Ok(Plan::of(format!("revoked {gone}"), after))
        }
        Change::ConfigSet(settings) => {
            after.config = settings.over(&before.config)?;
            if after.config == before.config {
                return Err(nothing(format!("plugin {id} is configured so already")));
            }
            serves(before, &after, &before.active)?;
            if let Some(shadow) = &mut after.shadow {
                // Both sides of a comparison get it, so that a promotion keeps what was set meanwhile.
                shadow.config = settings.loosely_over(&shadow.config);
                let digest = shadow.digest;
                serves(before, &after, &digest)?;
            }
            let names: Vec<&str> = settings
                .set
                .keys()
                .chain(&settings.unset)
                .map(String::as_str)
                .collect();
            let what = if settings.replace {
                "replaced its configuration".to_owned()
            } else {
                format!("configured {}", names.join(", "))
            };
            Ok(Plan::of(what, after))
        }
        Change::Swap { to, settings } => {
            let digest = before.find(to)?.digest;
            let config = settings.over(&before.config)?;
            swapped(before, digest, config, "swapped")
        }
        Change::Rollback => match &before.previous {
            Some(previous) => {
                let verb = "rolled back";
                let mut plan = swapped(before, previous.digest, previous.config.clone(), verb)?;
                if previous.config != before.config {
                    plan.what.push_str(" and the configuration that it had");
                }
                Ok(plan)
            }
            None => Err(nothing(format!(
                "no version of plugin {id} served before {}",
                label(before, &before.active)
            ))),
        },
        Change::Promote => match &before.shadow {
            Some(shadow) => swapped(before, shadow.digest, shadow.config.clone(), "promoted"),
            None => Err(nothing(format!(
                "no version of plugin {id} is being compared"
            ))),
        },
        Change::Shadow {
            to,
            percent,
            rule,
            settings,
        } => {
            let digest = before.find(to)?.digest;
            different(before, &digest)?;
            before.usable()?;
            if !(1..=100).contains(percent) {
                return Err(Problem::user(
                    format!("{percent} % of the traffic cannot be mirrored"),
                    "give 1 to 100",
                ));
            }
            rule_of(rule)?;
            comparable(before.kind, *percent, rule)?;
            after.shadow = Some(Shadow {
                digest,
                config: settings.over(&before.config)?,
                percent: *percent,
                rule: rule.clone(),
            });
            let shown = serves(before, &after, &digest)?;
            Ok(Plan {
                what: format!("compares {shown} with it on {percent} % of the traffic"),
                load: Some(digest),
                serve: false,
                after: Some(after),
            })
        }
        Change::StopShadow => match after.shadow.take() {
            Some(shadow) => {
                let what = format!("compares {} no longer", label(before, &shadow.digest));
                Ok(Plan::of(what, after))
            }
            None => Err(nothing(format!(
                "no version of plugin {id} is being compared"
            ))),
        },
    }
}

fn nothing(what: String) -> Problem {
    Problem::user(what, "nothing was changed")
}

fn label(plugin: &InstalledPlugin, digest: &Digest) -> String {
    let version = plugin.version(digest);
    version.map_or_else(|| digest.short(), Version::label)
}

/// Checks that a version of `after` takes its configuration, and names it.
fn serves(
    before: &InstalledPlugin,
    after: &InstalledPlugin,
    digest: &Digest,
) -> Result<String, Problem> {
    let Some(version) = before.version(digest) else {
        return Err(Problem::host(
            format!("plugin {} has no version {}", before.id, digest.short()),
            "restore the database from a backup",
        ));
    };
    check_for(
        version,
        after.config_of(digest),
        after.active == *digest && before.active == *digest,
    )?;
    Ok(version.label())
}

/// The first version of a plugin.
fn first(new: Version, request: &Request, last: u64, grant: Capabilities) -> Plan {
    let after = InstalledPlugin {
        id: request.plugin.clone(),
        kind: new.manifest.kind,
        standing: Standing {
            enabled: false,
            reason: "it was not enabled yet".to_owned(),
            since: new.installed,
            by: new.by.clone(),
        },
        active: new.digest,
        previous: None,
        generation: last + 1,
        revision: 1,
        shadow: None,
        config: Config::new(),
        granted: grant,
        versions: vec![new],
    };
    let new = &after.versions[0];
    let granted = if after.granted.is_empty() {
        String::new()
    } else {
        format!(" and granted {}", after.granted)
    };
    Plan {
        what: format!("installed {}{granted}", new.label()),
        load: Some(new.digest),
        serve: false,
        after: Some(after),
    }
}

/// One more version, or one whose component is to be put back.
fn another(
    before: &InstalledPlugin,
    new: Version,
    whole: bool,
    grant: &Capabilities,
) -> Result<Plan, Problem> {
    if new.manifest.kind != before.kind {
        return Err(Problem::user(
            format!(
                "{} {} is of kind {}, and plugin {} is installed as {}",
                new.manifest.id, new.manifest.version, new.manifest.kind, before.id, before.kind
            ),
            "give it another id, or uninstall that plugin first",
        ));
    }
    let (digest, label) = (new.digest, new.label());
    let mut after = before.clone();
    after.granted = after.granted.with(grant);
    let granted = after.granted.beyond(&before.granted);
    if before.active != digest && !granted.is_empty() {
        return Err(Problem::user(
            format!(
                "{label} would not be the active version of plugin {}, and {} would be given {granted}",
                before.id,
                self::label(before, &before.active)
            ),
            format!(
                "install it without, swap it in, then `bulkhead plugin grant {} --requested`",
                before.id
            ),
        ));
    }
    let what = match before.version(&digest) {
        Some(_) if whole && !granted.is_empty() => format!("granted {granted}"),
        Some(_) if whole => {
            return Err(nothing(format!(
                "plugin {} {label} is installed already",
                before.id
            )));
        }
        Some(_) => format!("put the component of {label} back"),
        None => {
            after.versions.push(new);
            format!(
                "installed {label} beside {}",
                self::label(before, &before.active)
            )
        }
    };
    Ok(Plan {
        what,
        load: Some(digest),
        serve: false,
        after: Some(after),
    })
}

fn uninstall(
    before: &InstalledPlugin,
    mut after: InstalledPlugin,
    wanted: &str,
) -> Result<Plan, Problem> {
    let version = before.find(wanted)?;
    let (digest, label) = (version.digest, version.label());
    if before.active == digest {
        return Err(Problem::user(
            format!("{label} is the active version of plugin {}", before.id),
            "swap another one in first, or disable the plugin and uninstall all of it",
        ));
    }
    if before
        .shadow
        .as_ref()
        .is_some_and(|shadow| shadow.digest == digest)
    {
        return Err(Problem::user(
            format!(
                "{label} is being compared with the active version of plugin {}",
                before.id
            ),
            format!(
                "`bulkhead plugin promote {0}` puts it in service, `bulkhead plugin stop-shadow {0}` drops it",
                before.id
            ),
        ));
    }
    after.versions.retain(|version| version.digest != digest);
    after.previous = after.previous.filter(|previous| previous.digest != digest);
    Ok(Plan::of(format!("uninstalled {label}"), after))
}

fn different(before: &InstalledPlugin, digest: &Digest) -> Result<(), Problem> {
    if before.active == *digest {
        return Err(nothing(format!(
            "{} is the active version of plugin {} already, in generation {}",
            label(before, digest),
            before.id,
            before.generation
        )));
    }
    Ok(())
}

/// Another active version. What was compared with the old one says nothing of it, so that ends.
fn swapped(
    before: &InstalledPlugin,
    digest: Digest,
    config: Config,
    verb: &str,
) -> Result<Plan, Problem> {
    different(before, &digest)?;
    let mut after = before.clone();
    after.previous = Some(Served {
        digest: before.active,
        config: before.config.clone(),
    });
    after.shadow = None;
    after.active = digest;
    after.config = config;
    after.generation += 1;
    let to = serves(before, &after, &digest)?;
    Ok(Plan {
        what: format!("{verb} from {} to {to}", label(before, &before.active)),
        load: Some(digest),
        serve: before.standing.enabled,
        after: Some(after),
    })
}

#[cfg(test)]
mod tests;
