//! Files of hints come in; what they say goes out.

use std::path::Path;

use unbraid::Audio;
use unbraid::knowledge::hints::{Clues, HintedStem};
use unbraid::resample::resample;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::read_regions;

use crate::args::HintArgs;
use crate::failure::Failure;

impl HintArgs {
    /// Read the hints about a recording.
    pub(crate) fn clues(&self, audio: &Audio, span: Span) -> Result<Clues, Failure> {
        let mut clues = Clues::default();
        for path in &self.regions {
            let regions = read_regions(path)?;
            clues.regions.boxes.extend(regions.boxes);
            clues.regions.strokes.extend(regions.strokes);
        }
        for hint in &self.hint {
            let Some((source, file)) = hint.split_once('=') else {
                return Err(Failure::usage(format!(
                    "--hint is `{hint}`, but must be a source and its stem, such as voice=vocals.wav"
                )));
            };
            let stem = read_stem(file, audio, span)?;
            clues.stems.push(HintedStem {
                source: source.trim().to_owned(),
                audio: stem,
                strength: self.hint_strength,
            });
        }
        Ok(clues)
    }
}

/// Read a stem of a recording, which must be as long as it.
fn read_stem(file: &str, audio: &Audio, span: Span) -> Result<Audio, Failure> {
    let stem = read_audio(Path::new(file), span)?.audio;
    let stem = resample(&stem, audio.sample_rate())?;
    let (found, wanted) = (stem.len_samples(), audio.len_samples());
    if found != wanted {
        return Err(Failure::usage(format!(
            "the stem {file} has {found} samples at {} Hz, but the recording {wanted}: export it as long as the recording",
            audio.sample_rate()
        )));
    }
    Ok(stem)
}
