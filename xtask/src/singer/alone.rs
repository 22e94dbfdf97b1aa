//! A voice or a piano alone comes in; how much of it is given to the other, which is not there, goes out.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use unbraid::{Audio, SeparateConfig, separate};

use super::subject::Subject;

/// What became of a source alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Alone {
    /// Its energy, and that of the stem of what is not there.
    energies: [f64; 2],
    /// What the separation says of itself.
    pub(super) notes: Vec<String>,
}

impl Alone {
    /// How far the stem of what is not there is below what is.
    pub(super) fn below_db(&self) -> f64 {
        10.0 * (self.energies[0] / self.energies[1]).log10()
    }
}

/// Separate one of a clip's sources alone: the voice, or the piano.
pub(super) fn alone(subject: &Subject, voice: bool) -> Result<Alone> {
    let clip = &subject.clip;
    let own = if voice {
        subject.voice
    } else {
        1 - subject.voice
    };
    let config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    let truth = &clip.truths[own];
    let separation = separate(truth, &config, &mut ())?;
    let notes = separation.notes.clone();
    let stems = separation.stems(truth)?.collect_audio()?;
    let absent = stems.get(1 - own).context("no second stem")?;
    Ok(Alone {
        energies: [energy(truth), energy(absent)],
        notes,
    })
}

fn energy(audio: &Audio) -> f64 {
    audio.samples().iter().map(|x| f64::from(*x).powi(2)).sum()
}
