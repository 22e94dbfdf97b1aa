//! Files of hints come in; a separation goes out with them weighed in.

use std::path::Path;

use unbraid::fit::FitConfig;
use unbraid::knowledge::hints::{Grid, Hints};
use unbraid::observe::Observer;
use unbraid::refit::under_hints;
use unbraid::sharing::StemsConfig;
use unbraid::{Audio, Separation};
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::read_regions;

use crate::args::HintArgs;
use crate::failure::Failure;

/// Iterations under a person's regions, where the fit before had its own.
const ITERATIONS: usize = 30;

impl HintArgs {
    /// Whether nothing was hinted.
    pub(crate) fn is_empty(&self) -> bool {
        self.hint.is_empty() && self.regions.is_empty()
    }

    /// Read the hints about the named sources of a recording.
    pub(crate) fn read(
        &self,
        grid: Grid<'_>,
        sources: &[String],
        audio: &Audio,
        span: Span,
    ) -> Result<Hints, Failure> {
        let mut hints = Hints::new(grid, sources)?;
        for path in &self.regions {
            hints = hints.with_regions(&read_regions(path)?)?;
        }
        for hint in &self.hint {
            let Some((source, file)) = hint.split_once('=') else {
                return Err(Failure::usage(format!(
                    "--hint is `{hint}`, but must be a source and its stem, such as voice=vocals.wav"
                )));
            };
            let stem = read_stem(file, audio, span)?;
            hints = hints.with_stem(source, &stem, audio, grid.stft, self.hint_strength)?;
        }
        Ok(hints)
    }

    /// The stem that is hinted for a source, in mono or with the recording's channels, if there is one and it counts.
    pub(crate) fn stem_of(
        &self,
        source: &str,
        audio: &Audio,
        span: Span,
    ) -> Result<Option<Audio>, Failure> {
        let given = self.hint.iter().filter_map(|hint| hint.split_once('='));
        let Some((_, file)) = given.into_iter().find(|(name, _)| *name == source) else {
            return Ok(None);
        };
        let stem = read_stem(file, audio, span)?;
        let same = stem.channels() == audio.channels();
        Ok((same && self.hint_strength > 0.0).then_some(stem))
    }

    /// Weigh the hints into what was found without them.
    pub(crate) fn weigh(
        &self,
        separation: Separation,
        audio: &Audio,
        span: Span,
        stems: StemsConfig,
        fit: &FitConfig,
        observer: &mut dyn Observer,
    ) -> Result<Separation, Failure> {
        if self.is_empty() {
            return Ok(separation);
        }
        let names: Vec<String> = separation
            .sources
            .iter()
            .map(|source| source.name.clone())
            .collect();
        let grid = Grid {
            stft: separation.sharing.stft(),
            sample_rate: audio.sample_rate(),
            frames: separation.sharing.frames(),
        };
        let hints = self.read(grid, &names, audio, span)?;
        let fit = FitConfig {
            iterations: fit.iterations.min(ITERATIONS),
            ..*fit
        };
        Ok(under_hints(
            separation, audio, &hints, stems, &fit, observer,
        )?)
    }
}

/// Read a stem of a recording, which must be as long as it.
fn read_stem(file: &str, audio: &Audio, span: Span) -> Result<Audio, Failure> {
    let stem = read_audio(Path::new(file), span)?.audio;
    let (found, wanted) = (stem.len_samples(), audio.len_samples());
    if (stem.sample_rate(), found) != (audio.sample_rate(), wanted) {
        return Err(Failure::usage(format!(
            "the stem {file} has {found} samples at {} Hz, but the recording {wanted} at {} Hz: export it as long as the \
             recording, at the same rate",
            stem.sample_rate(),
            audio.sample_rate()
        )));
    }
    Ok(stem)
}
