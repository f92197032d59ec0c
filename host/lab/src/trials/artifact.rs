//! Fitted models that are kept: their bytes with where they come from, under one digest, until they expire.
//!
//! An artifact is a folder of the state folder's `artifacts`, named by the SHA-256 over its provenance and its bytes
//! together. So neither the model nor its expiry can be changed without its name giving it away. For callers: what
//! is kept is used through [`load_artifact`] alone, which refuses what has expired or does not match its name.

use super::spec::{TrialSpec, unwritten};
use bulkhead_domain::digest::DigestBuilder;
use bulkhead_domain::time::DAY;
use bulkhead_domain::{Digest, Problem, Timestamp};
use bulkhead_market::catalog::write_atomically;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Days that a model is good for unless more or fewer are given.
pub const DEFAULT_DAYS: u32 = 90;

/// Where a model comes from and how long it is good for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ArtifactProvenance {
    /// The trial that it was fitted in.
    pub trial: String,
    /// Digest of the trial's configuration.
    pub config: Digest,
    /// The configuration: plugin, data and their digests, features, label.
    pub spec: TrialSpec,
    /// Close of the last bar that it learnt from; the labels learnt from ended later.
    pub trained_to: Timestamp,
    /// When the last label that it learnt from was known.
    pub labels_to: Timestamp,
    /// When it was made.
    pub made: Timestamp,
    /// From when on it is refused.
    pub expires: Timestamp,
}

/// So many days after a moment, for [`ArtifactProvenance::expires`].
#[must_use]
pub fn expiry(made: Timestamp, days: u32) -> Timestamp {
    Timestamp(made.0.saturating_add(i64::from(days).saturating_mul(DAY)))
}

fn folder(state: &Path, digest: Digest) -> PathBuf {
    state.join("artifacts").join(digest.to_string())
}

fn named(provenance: &[u8], model: &[u8]) -> Digest {
    DigestBuilder::new()
        .part("provenance", provenance)
        .part("model", model)
        .finish()
}

/// Keeps a fitted model. Returns its name.
///
/// # Errors
/// The disk's.
pub fn keep_artifact(
    state: &Path,
    provenance: &ArtifactProvenance,
    model: &[u8],
) -> Result<Digest, Problem> {
    let text = serde_json::to_vec(provenance).map_err(|error| unwritten(&error))?;
    let digest = named(&text, model);
    let folder = folder(state, digest);
    let failed = |error: std::io::Error| {
        Problem::host(
            format!("a fitted model cannot be kept: {error}"),
            "free some space, or check the state folder",
        )
        .in_file(&folder)
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (name, bytes) in [("model.bin", model), ("provenance.json", text.as_slice())] {
        write_atomically(&folder.join(name), |file| {
            file.write_all(bytes).map_err(failed)
        })?;
    }
    Ok(digest)
}

/// Loads a model that is good at `now`.
///
/// # Errors
/// When there is none of that name, it or its provenance was changed, or it has expired.
pub fn load_artifact(
    state: &Path,
    digest: Digest,
    now: Timestamp,
) -> Result<(ArtifactProvenance, Vec<u8>), Problem> {
    let folder = folder(state, digest);
    let read = |name: &str| {
        std::fs::read(folder.join(name)).map_err(|error| {
            Problem::user(
                format!(
                    "the fitted model {} cannot be read: {error}",
                    digest.short()
                ),
                "name one that `bulkhead trial show` lists, or run its trial again",
            )
            .in_file(folder.join(name))
        })
    };
    let (text, model) = (read("provenance.json")?, read("model.bin")?);
    let changed = |what: &str| {
        Problem::user(
            format!("the fitted model {} {what}", digest.short()),
            "it must not be used: run its trial again",
        )
        .in_file(&folder)
    };
    if named(&text, &model) != digest {
        return Err(changed("was changed since it was kept"));
    }
    let provenance: ArtifactProvenance = serde_json::from_slice(&text)
        .map_err(|_| changed("is of another version of this program"))?;
    if now >= provenance.expires {
        return Err(changed(&format!(
            "expired on {}",
            provenance.expires.date()
        )));
    }
    Ok((provenance, model))
}
