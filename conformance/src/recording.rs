//! Recording: what a run saw, as a file with a digest.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The results of one run against one target.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// The version of this format.
    pub format: u32,
    /// `mock`, `url` or `aws`.
    pub target: String,
    /// The region, as in `us-west-2`.
    pub region: String,
    /// The day of the run in UTC, as in `2026-11-26`.
    pub date: String,
    /// The version of the runner.
    pub version: String,
    /// The recorded claims.
    pub claims: Vec<Recorded>,
    /// The digest of everything above.
    pub digest: String,
}

/// The recording of one claim.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The claim, as in `messaging/content-is-not-trimmed`.
    pub claim: String,
    /// `same` or `different`.
    pub result: String,
    /// The frames and responses that clients received, with labels in the place of IDs, tokens,
    /// times and accounts.
    pub transcript: Vec<String>,
}

impl Recording {
    /// Completes a recording with its digest.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.digest = self.computed_digest();
        self
    }

    fn computed_digest(&self) -> String {
        let unsealed = Self { digest: String::new(), ..self.clone() };
        let text = serde_json::to_string(&unsealed).unwrap_or_default();
        let digest = Sha256::digest(text.as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }

    /// Returns the text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is not a recording, or was changed since it was written.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let recording: Self = serde_json::from_str(&text)
            .map_err(|error| format!("{shown}: this is not a recording: {error}"))?;
        if recording.format != FORMAT {
            let found = recording.format;
            return Err(format!("{shown}: the format is {found}, and this program reads {FORMAT}"));
        }
        if recording.digest != recording.computed_digest() {
            return Err(format!(
                "{shown}: the digest does not match, so the recording was changed after the run \
                 that wrote it; record it again"
            ));
        }
        Ok(recording)
    }
}

/// Reads all recordings in a folder, sorted by name.
///
/// # Errors
///
/// If the folder or one of its recordings cannot be read; see [`Recording::read`].
pub fn read_all(folder: &Path) -> Result<Vec<(PathBuf, Recording)>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_json = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "json");
    let mut paths: Vec<_> = paths.filter(is_json).collect();
    paths.sort();
    paths.into_iter().map(|path| Recording::read(&path).map(|read| (path, read))).collect()
}

/// The version of the format.
pub const FORMAT: u32 = 1;
