//! What became of every recording of a batch goes out as `unbraid-batch.json`, and comes back in.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::manifest::Program;
use crate::Error;
use crate::atomic::write_file;
use crate::error::reading;

/// The file name of a batch's manifest.
pub const BATCH: &str = "unbraid-batch.json";

/// Everything that is known of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The version of the project format.
    pub format_version: u32,
    /// What wrote it.
    pub program: Program,
    /// Every recording, in the order of their tracks.
    pub recordings: Vec<BatchRecording>,
}

/// One recording of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRecording {
    /// The path as it was given or found.
    pub path: String,
    /// The folder of its stems and their `unbraid.json`, relative to the batch's manifest; empty for what has none.
    pub track: String,
    /// What became of it.
    pub state: BatchState,
    /// The SHA-256 of the recording, once it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What became of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchState {
    /// Its turn has not come.
    Waiting,
    /// Separated by this run.
    Done,
    /// Separated by an earlier run, and left as it was.
    Kept,
    /// Not separated; the error says why.
    Failed,
}

/// Write `unbraid-batch.json` into a folder.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_batch(folder: &Path, batch: &Batch) -> Result<(), Error> {
    let path = folder.join(BATCH);
    let mut text = serde_json::to_string_pretty(batch).map_err(|error| Error::Project {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    text.push('\n');
    write_file(&path, text.as_bytes())
}

/// Read `unbraid-batch.json` from a folder.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Project`] if it is something else.
pub fn read_batch(folder: &Path) -> Result<Batch, Error> {
    let path = folder.join(BATCH);
    let text = fs::read(&path).map_err(reading(&path))?;
    serde_json::from_slice(&text).map_err(|error| Error::Project {
        path,
        reason: error.to_string(),
    })
}
