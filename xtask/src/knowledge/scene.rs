//! Clips of a singer and a piano come in, ready to be separated; figures go out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::group::{Kind, Overrides, Source};
use unbraid::knowledge::{Dictionary, Example, Score, Tolerance};
use unbraid::mask::Render;
use unbraid::recipe::voice_piano::VoicePianoConfig;
use unbraid::recipe::{InformedConfig, Instrument, NOTE_EXPONENT, Task, informed};
use unbraid::sharing::StemsConfig;
use unbraid::{Audio, SeparateConfig, Separation, separate};
use unbraid_io::knowledge::{read_notes, read_score};

use crate::clips::{self, Clip};
use crate::piano::dictionary_of;
use crate::score::{downmix, rows};

/// A clip and the notes its piano plays.
pub(super) struct Take {
    pub(super) name: String,
    pub(super) mixture: Audio,
    /// Of the voice and of the piano, in the order of `sources`.
    pub(super) truths: Vec<Audio>,
    pub(super) sources: Vec<Source>,
    pub(super) score: Score,
}

/// SDR of the voice and of the piano, in dB.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figures {
    pub(super) voice: f64,
    pub(super) piano: f64,
}

impl Figures {
    pub(super) fn mean(self) -> f64 {
        0.5 * (self.voice + self.piano)
    }

    pub(super) fn cell(self) -> String {
        let Self { voice, piano } = self;
        format!("{:.2} ({voice:.1}, {piano:.1})", self.mean())
    }
}

/// What a separation may know, beside its settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) dictionary: &'a Dictionary,
    pub(super) score: Option<&'a Score>,
    /// How far the recording may be from the score, if not as usual.
    pub(super) tolerance: Option<Tolerance>,
}

impl<'a> Known<'a> {
    pub(super) fn new(dictionary: &'a Dictionary, score: Option<&'a Score>) -> Self {
        Self {
            dictionary,
            score,
            tolerance: None,
        }
    }

    /// The settings, with its tolerance.
    fn settle(&self, config: &InformedConfig) -> InformedConfig {
        InformedConfig {
            tolerance: self.tolerance.unwrap_or(config.tolerance),
            ..*config
        }
    }
}

impl Take {
    fn of(clip: Clip) -> Result<Self> {
        Ok(Self {
            score: read_score(&clip.folder.join("piano.mid"))?,
            name: clip.name,
            mixture: clip.mixture,
            truths: clip.truths,
            sources: clip.sources,
        })
    }

    /// A name that fits the head of a column.
    pub(super) fn short(&self) -> &str {
        self.name.trim_start_matches("singer-piano-")
    }

    /// Which of the sources is the piano.
    pub(super) fn piano(&self) -> Result<usize> {
        let mut sources = self.sources.iter();
        let found = sources.position(|source| source.kind == Some(Kind::Piano));
        found.context("the clip has no piano")
    }

    /// Piano notes beside free components.
    pub(super) fn free_voice(&self, known: Known<'_>, config: &InformedConfig) -> Result<Figures> {
        let found = notes_and_rest(&self.mixture, &self.sources, known, config)?;
        self.figures(&found.stems(&self.mixture)?.collect_audio()?)
    }

    /// Piano notes beside the model of a voice.
    pub(super) fn voice_model(
        &self,
        known: Known<'_>,
        config: &VoicePianoConfig,
    ) -> Result<Figures> {
        let found = self.with_voice_model(&self.mixture, known, config)?;
        self.figures(&found.stems(&self.mixture)?.collect_audio()?)
    }

    /// The same of another recording.
    pub(super) fn with_voice_model(
        &self,
        audio: &Audio,
        known: Known<'_>,
        config: &VoicePianoConfig,
    ) -> Result<Separation> {
        let config = SeparateConfig {
            sources: self.sources.clone(),
            instruments: vec![Instrument {
                source: self.sources[self.piano()?].name.clone(),
                dictionary: Some(known.dictionary.clone()),
                score: known.score.cloned(),
            }],
            voice_piano: *config,
            informed: known.settle(&InformedConfig::default()),
            ..SeparateConfig::default()
        };
        Ok(separate(audio, &config, &mut ())?)
    }

    pub(super) fn figures(&self, stems: &[Audio]) -> Result<Figures> {
        let (truths, stems) = (downmix(&self.truths), downmix(stems));
        let scores = bss_eval_sources(&rows(&truths), &rows(&stems), &BssEvalConfig::default())
            .context("cannot score the stems")?;
        let piano = self.piano()?;
        Ok(Figures {
            voice: scores.sources[1 - piano].sdr_db,
            piano: scores.sources[piano].sdr_db,
        })
    }
}

/// Separate a recording into the notes of its piano and the rest.
pub(super) fn notes_and_rest(
    audio: &Audio,
    sources: &[Source],
    known: Known<'_>,
    config: &InformedConfig,
) -> Result<Separation> {
    let piano = sources
        .iter()
        .find(|source| source.kind == Some(Kind::Piano));
    let instruments = [Instrument {
        source: piano.context("no piano")?.name.clone(),
        dictionary: Some(known.dictionary.clone()),
        score: known.score.cloned(),
    }];
    let task = Task {
        sources,
        instruments: &instruments,
        overrides: &Overrides::default(),
        stft: None,
        stems: StemsConfig {
            render: Render::Ratio {
                exponent: NOTE_EXPONENT,
            },
            ..StemsConfig::default()
        },
    };
    Ok(informed(audio, &task, &known.settle(config), &mut ())?)
}

/// Everything that is measured on.
pub(super) struct Scene {
    pub(super) takes: Vec<Take>,
    /// The notes of the clips' piano, in layers that the clips do not play.
    pub(super) notes: Vec<Example>,
    pub(super) dictionary: Dictionary,
    /// The settings of every row, but for what it changes.
    pub(super) usual: SeparateConfig,
}

impl Scene {
    pub(super) fn read(folder: &Path, usual: SeparateConfig) -> Result<Self> {
        let mut takes = Vec::new();
        for clip in clips::find(folder)? {
            if clip.folder.join("piano.mid").is_file() {
                takes.push(Take::of(clip)?);
            }
        }
        ensure!(!takes.is_empty(), "no clip has a piano and its score");
        let notes = read_notes(&folder.join("train/piano-salamander"))?.examples;
        Ok(Self {
            dictionary: dictionary_of(notes.clone())?,
            notes,
            takes,
            usual,
        })
    }

    /// The names of columns: every clip, without and with its score.
    pub(super) fn columns(&self) -> Vec<String> {
        let of =
            |take: &Take| ["no score", "score"].map(|column| format!("{}, {column}", take.short()));
        self.takes.iter().flat_map(of).collect()
    }

    /// Cells: every clip, without and with its score.
    pub(super) fn cells(
        &self,
        dictionary: &Dictionary,
        figures: impl Fn(&Take, Known<'_>) -> Result<Figures>,
    ) -> Result<Vec<String>> {
        let mut cells = Vec::new();
        for take in &self.takes {
            for score in [None, Some(&take.score)] {
                cells.push(figures(take, Known::new(dictionary, score))?.cell());
            }
        }
        Ok(cells)
    }
}

/// A row of a table in Markdown.
pub(super) fn row(name: &str, cells: &[String]) -> String {
    let line = format!("| {name} | {} |\n", cells.join(" | "));
    print!("{line}");
    line
}

/// The head of a table in Markdown.
pub(super) fn head(name: &str, cells: &[String]) -> String {
    let line: String = cells.iter().map(|_| "---|").collect();
    format!("{}|---|{line}\n", row(name, cells))
}
