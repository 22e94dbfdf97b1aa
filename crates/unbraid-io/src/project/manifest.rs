//! How a result was made comes in; `unbraid.json` goes out, and back in.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use unbraid::fit::Stop;
use unbraid::group::Grouping;

use crate::Error;
use crate::atomic::write_file;
use crate::audio::{Delay, SourceFormat};
use crate::error::reading;

/// The manifest's file name.
pub const MANIFEST: &str = "unbraid.json";

/// The version of the project format that this program writes.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that is known about a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the project format.
    pub format_version: u32,
    /// What wrote it.
    pub program: Program,
    /// `separate`, `factorize` or `group`.
    pub command: String,
    /// The recording it was made from.
    pub input: Input,
    /// All settings, as the library names them; with them and the input it can be made again.
    pub settings: Value,
    /// How well the components explain the recording; none where the recipe has no one fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Objective>,
    /// Which component belongs to which source, and why; none before grouping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouping: Option<Grouping>,
    /// What the user should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What all stems were multiplied by, to keep an integer format from clipping.
    pub gain: f64,
    /// Every file that was written beside this one.
    pub outputs: Vec<Output>,
}

/// The program that wrote a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// `unbraid`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The recording a result was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The path as it was given; `-` for standard input.
    pub path: String,
    /// The SHA-256 of the file.
    pub sha256: String,
    /// What the file said of itself.
    pub format: SourceFormat,
    /// What is known of the samples that its encoder put before the recording, and were left out.
    #[serde(default)]
    pub delay: Delay,
    /// What the user should know of how it was read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The sample rate in Hz.
    pub sample_rate: u32,
    /// The number of channels.
    pub channels: usize,
    /// Samples per channel of the span that was used.
    pub len_samples: usize,
    /// Where the span begins, in seconds.
    pub start_secs: f64,
    /// How long the span was asked to be, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_secs: Option<f64>,
}

/// The course of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Objective {
    /// Before the first iteration.
    pub first: f64,
    /// After the last.
    pub last: f64,
    /// Iterations done.
    pub iterations: usize,
    /// Why the fit ended.
    pub stop: Stop,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its path, relative to the manifest.
    pub path: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// Write `unbraid.json` into a folder.
///
/// # Errors
///
/// [`Error::Write`] if the system refuses.
pub fn write_manifest(folder: &Path, manifest: &Manifest) -> Result<(), Error> {
    let path = folder.join(MANIFEST);
    let mut text = serde_json::to_string_pretty(manifest).map_err(|error| Error::Project {
        path: path.clone(),
        reason: error.to_string(),
    })?;
    text.push('\n');
    write_file(&path, text.as_bytes())
}

/// Read `unbraid.json` from a folder.
///
/// # Errors
///
/// - [`Error::Read`] if it is not there.
/// - [`Error::Version`] if a later program wrote it.
/// - [`Error::Project`] if it is not a manifest.
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let text = fs::read(&path).map_err(reading(&path))?;
    let damaged = |error: serde_json::Error| Error::Project {
        path: path.clone(),
        reason: error.to_string(),
    };
    let value: Value = serde_json::from_slice(&text).map_err(damaged)?;
    match value.get("format_version").and_then(Value::as_u64) {
        Some(found) if found > u64::from(FORMAT_VERSION) => {
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            Err(Error::Version {
                path,
                found,
                known: FORMAT_VERSION,
            })
        }
        Some(1..) => serde_json::from_value(value).map_err(damaged),
        _ => Err(Error::Project {
            path,
            reason: "it says no `format_version`".to_owned(),
        }),
    }
}
