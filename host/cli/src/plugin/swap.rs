//! `bulkhead plugin swap`, `rollback`, `promote` and `stop-shadow`: which version serves.
//!
//! What was seen when the command was typed is what is meant: where somebody else changed the plugin before this
//! command's turn came, nothing is changed and it says who did.

use super::config::settings;
use super::{Why, installed, make, request};
use crate::options::GlobalOptions;
use bulkhead_domain::Problem;
use bulkhead_registry::{Change, Request};
use clap::Args;
use serde_json::Value;

#[derive(Debug, Args)]
pub(crate) struct Swap {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    /// The installed version: by number, or by the first digits of its digest
    #[arg(long, value_name = "VERSION")]
    to: String,
    #[command(flatten)]
    expect: Expect,
    /// Do not put it in service: compare it with what serves. Sessions mirror this share of the calls to it, and
    /// nobody hears its answers. For AI providers, risk rules and strategies; what keeps state (strategies, and rules
    /// that export `snapshot`) needs 100%
    #[arg(long, value_name = "N%", value_parser = percent)]
    shadow: Option<u8>,
    /// What the compared version has to show, a JSON object such as {"calls": 500, "agreement": 0.99}: it is refused, or
    /// promoted where `automatic` is true, without a person
    #[arg(long, value_name = "JSON", requires = "shadow")]
    rule: Option<String>,
    /// A setting that changes with it; may be repeated
    #[arg(long, value_name = "KEY=JSON")]
    set: Vec<String>,
    /// A setting that goes with it; may be repeated
    #[arg(long, value_name = "KEY")]
    unset: Vec<String>,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Back {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    expect: Expect,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    expect: Expect,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct StopShadow {
    /// The plugin's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Expect {
    /// Change it only while this is its revision, as `plugin inspect` shows it; the one that is now unless given
    #[arg(long, value_name = "REVISION")]
    expect: Option<u64>,
}

pub(crate) fn swap(options: &GlobalOptions, arguments: Swap) -> Result<(), Problem> {
    let Swap { to, set, unset, .. } = arguments;
    let settings = settings(&set, unset)?;
    let change = match arguments.shadow {
        None => Change::Swap { to, settings },
        Some(percent) => Change::Shadow {
            to,
            percent,
            rule: rule(arguments.rule.as_deref())?,
            settings,
        },
    };
    let request = request(arguments.id, change, arguments.why);
    seen(options, request, &arguments.expect)
}

pub(crate) fn rollback(options: &GlobalOptions, arguments: Back) -> Result<(), Problem> {
    let request = request(arguments.id, Change::Rollback, arguments.why);
    seen(options, request, &arguments.expect)
}

pub(crate) fn promote(options: &GlobalOptions, arguments: Promote) -> Result<(), Problem> {
    let request = request(arguments.id, Change::Promote, arguments.why);
    seen(options, request, &arguments.expect)
}

pub(crate) fn stop_shadow(options: &GlobalOptions, arguments: StopShadow) -> Result<(), Problem> {
    make(
        options,
        &request(arguments.id, Change::StopShadow, arguments.why),
    )
}

fn seen(options: &GlobalOptions, mut request: Request, expect: &Expect) -> Result<(), Problem> {
    let now = installed(options, &request.plugin)?.revision;
    request.expect = Some(expect.expect.unwrap_or(now));
    make(options, &request)
}

fn rule(text: Option<&str>) -> Result<Value, Problem> {
    let Some(text) = text else {
        return Ok(Value::Null);
    };
    let mend = "write it as a JSON object";
    match serde_json::from_str(text) {
        Ok(rule @ Value::Object(_)) => Ok(rule),
        Ok(_) => Err(Problem::user("--rule is no JSON object", mend)),
        Err(error) => Err(Problem::user(format!("--rule is not JSON: {error}"), mend)),
    }
}

fn percent(text: &str) -> Result<u8, String> {
    let digits = text.strip_suffix('%').unwrap_or(text);
    match digits.parse() {
        Ok(percent @ 1..=100) => Ok(percent),
        _ => Err("that is no share; give a whole number from 1% to 100%".to_owned()),
    }
}
