//! A clip and what is known of it come in; what the separation comes to goes out.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::group::Kind;
use unbraid::knowledge::hints::{HintedStem, STEM_STRENGTH};
use unbraid::knowledge::{Dictionary, Grain, Lyrics, Melody, Provenance, Sung};
use unbraid::recipe::Instrument;
use unbraid::recipe::voice_piano::{VoicePianoConfig, learn_voice};
use unbraid::{Audio, SeparateConfig, separate};
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::{read_lyrics, read_melody, read_notes, read_score};

use super::material;
use super::rows::{Knowledge, Piano, Row};
use crate::clips::Clip;
use crate::piano::{self, dictionary_of};
use crate::score::{downmix, rows};

/// What a row came to on a clip, in dB.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Figures {
    /// Of the voice and of the piano.
    pub(super) sdr_db: [f64; 2],
    /// The share of voiced frames whose pitch is within 50 cents of the clean voice's, if that is known.
    pub(super) pitch_right: Option<f64>,
    /// Wall time.
    pub(super) secs: f64,
    /// What the separation says of itself.
    pub(super) notes: Vec<String>,
}

impl Figures {
    pub(super) fn mean(&self) -> f64 {
        0.5 * (self.sdr_db[0] + self.sdr_db[1])
    }
}

/// Where the half of the training song that is learnt from ends; mixtures begin there (`mixtures.py`).
const LEARNT_TO_SECS: f64 = 11.0;

/// What separations may know beside the clip, made when it is first asked for.
pub(super) struct Beside {
    clips: PathBuf,
    learnt: OnceCell<Dictionary>,
    foreign: OnceCell<Dictionary>,
    singer: OnceCell<Dictionary>,
    /// In the place of the built-in piano, for every row that names none.
    pub(super) given: Option<Dictionary>,
    /// Settings over those of the rows, as JSON.
    pub(super) set: serde_json::Map<String, serde_json::Value>,
}

impl Beside {
    pub(super) fn new(clips: &Path, given: Option<Dictionary>, set: &str) -> Result<Self> {
        Ok(Self {
            clips: clips.to_owned(),
            learnt: OnceCell::new(),
            foreign: OnceCell::new(),
            singer: OnceCell::new(),
            given,
            set: serde_json::from_str(set)
                .with_context(|| format!("`{set}` is no object of settings"))?,
        })
    }

    /// The filters of the training singer.
    fn singer(&self) -> Result<Dictionary> {
        if self.singer.get().is_none() {
            let folder = self.clips.join("train/singer");
            let span = Span {
                start_secs: 0.0,
                duration_secs: Some(LEARNT_TO_SECS),
            };
            let audio = read_audio(&folder.join("voice.flac"), span)?.audio;
            let lyrics = phonemes(&folder.join("voice_phonemes.csv"))?.between(0.0, LEARNT_TO_SECS);
            let config = VoicePianoConfig::default();
            let learnt = learn_voice(&audio, Some(&lyrics), None, Provenance::default(), &config)?;
            println!("{} filters of the singer", learnt.atoms().len());
            let _ = self.singer.set(learnt);
        }
        self.singer.get().cloned().context("set just above")
    }

    fn piano(&self, which: Option<Piano>) -> Result<Option<Dictionary>> {
        let (cell, folder) = match which {
            None => return Ok(self.given.clone()),
            Some(Piano::Learnt) => (&self.learnt, self.clips.join("train/piano-salamander")),
            Some(Piano::Foreign) => (&self.foreign, piano::another()?),
        };
        if cell.get().is_none() {
            let _ = cell.set(dictionary_of(read_notes(&folder)?.examples)?);
        }
        Ok(cell.get().cloned())
    }
}

/// A clip, and all that is known of it.
pub(super) struct Subject {
    pub(super) clip: Clip,
    pub(super) made: bool,
    /// Which of the sources is the voice.
    pub(super) voice: usize,
    truths: Array2<f32>,
    /// The clean voice's pitch by pYIN.
    pitch: Option<Melody>,
    pitch_of_mixture: Option<Melody>,
}

/// Whether a clip has one voice and one piano.
pub(super) fn is_singer_and_piano(clip: &Clip) -> bool {
    let has = |kind| clip.sources.iter().any(|source| source.kind == Some(kind));
    clip.sources.len() == 2 && has(Kind::Voice) && has(Kind::Piano)
}

impl Subject {
    pub(super) fn new(clip: Clip, made: bool) -> Result<Self> {
        let mut sources = clip.sources.iter();
        let voice = sources
            .position(|source| source.kind == Some(Kind::Voice))
            .context("no voice")?;
        let pitches = if made {
            clip.folder.clone()
        } else {
            material::pitches(&clip)?
        };
        let read = |name: &str| {
            let path = pitches.join(name);
            path.is_file().then(|| read_melody(&path)).transpose()
        };
        Ok(Self {
            made,
            voice,
            truths: downmix(&clip.truths),
            pitch: read("f0.csv")?,
            pitch_of_mixture: read("f0_mixture.csv")?,
            clip,
        })
    }

    /// The name under which what a row comes to is kept.
    pub(super) fn name(&self, row: &Row, beside: &Beside) -> Result<String> {
        let settings = serde_json::to_string(&self.config(row, beside)?.voice_piano)?;
        let piano = beside
            .given
            .as_ref()
            .map_or("", |piano| &piano.provenance().origin);
        Ok(format!(
            "{} · {:?} · {settings} · {piano}",
            self.clip.name, row.known
        ))
    }

    /// The settings of a row, without what is known.
    fn config(&self, row: &Row, beside: &Beside) -> Result<SeparateConfig> {
        let mut config = SeparateConfig {
            sources: self.clip.sources.clone(),
            ..SeparateConfig::default()
        };
        (row.settings)(&mut config.voice_piano);
        let mut settings = serde_json::to_value(config.voice_piano)?;
        for (name, value) in &beside.set {
            settings[name] = value.clone();
        }
        config.voice_piano = serde_json::from_value(settings)?;
        Ok(config)
    }

    /// The scores of the voice and of the piano.
    fn sdr_db(&self, stems: &[Audio]) -> Result<[f64; 2]> {
        let estimates = downmix(stems);
        let scores = bss_eval_sources(
            &rows(&self.truths),
            &rows(&estimates),
            &BssEvalConfig::default(),
        )
        .context("cannot score the stems")?;
        let of = |source: usize| scores.sources[source].sdr_db;
        Ok([of(self.voice), of(1 - self.voice)])
    }

    /// What the mixture as either stem scores.
    pub(super) fn mixture_db(&self) -> Result<[f64; 2]> {
        let mixture = &self.clip.mixture;
        self.sdr_db(&[mixture.clone(), mixture.clone()])
    }

    pub(super) fn figures(&self, row: &Row, beside: &Beside) -> Result<Figures> {
        let clip = &self.clip;
        let mut config = self.config(row, beside)?;
        let mut other = None;
        let mut score = None;
        for known in row.known {
            match known {
                Knowledge::Score => score = Some(read_score(&clip.folder.join("piano.mid"))?),
                Knowledge::Melody => {
                    config.melody =
                        Some(self.pitch.clone().context("no pitch of the clean voice")?);
                }
                Knowledge::Lyrics => config.lyrics = Some(self.lyrics()?),
                Knowledge::Leaking(share) => config.clues.stems.push(self.leaking(*share)?),
                Knowledge::Piano(which) => other = Some(*which),
                Knowledge::Filters => config.instruments.push(Instrument {
                    source: clip.sources[self.voice].name.clone(),
                    dictionary: Some(beside.singer()?),
                    score: None,
                }),
            }
        }
        let dictionary = beside.piano(other)?;
        if dictionary.is_some() || score.is_some() {
            let source = clip.sources[1 - self.voice].name.clone();
            config.instruments.push(Instrument {
                source,
                dictionary,
                score,
            });
        }
        let begin = Instant::now();
        let separation = separate(&clip.mixture, &config, &mut ())?;
        let secs = begin.elapsed().as_secs_f64();
        let heard = separation.heard.melody.clone();
        let notes = separation.notes.clone();
        let stems = separation.stems(&clip.mixture)?.collect_audio()?;
        Ok(Figures {
            sdr_db: self.sdr_db(&stems)?,
            pitch_right: heard.and_then(|heard| self.pitch_right(&heard)),
            secs,
            notes,
        })
    }

    /// The true voice with a share of the piano, as another program's stem.
    fn leaking(&self, share: f32) -> Result<HintedStem> {
        let clip = &self.clip;
        let leak = clip.truths[1 - self.voice].samples().mapv(|x| share * x);
        Ok(HintedStem {
            source: clip.sources[self.voice].name.clone(),
            audio: Audio::new(
                &clip.truths[self.voice].samples() + &leak,
                clip.mixture.sample_rate(),
            )?,
            strength: STEM_STRENGTH,
        })
    }

    /// As [`Figures::pitch_right`], of pYIN on the mixture.
    pub(super) fn pyin_right(&self) -> Option<f64> {
        self.pitch_right(self.pitch_of_mixture.as_ref()?)
    }

    /// The share of the clean voice's voiced frames in which a melody is within 50 cents.
    fn pitch_right(&self, melody: &Melody) -> Option<f64> {
        let truth = self.pitch.as_ref()?;
        let voiced: Vec<_> = truth
            .points()
            .iter()
            .filter(|point| point.hz > 0.0)
            .collect();
        let right = voiced.iter().filter(|point| {
            let found = melody.at(point.time_secs).map_or(0.0, |found| found.hz);
            found > 0.0 && (1200.0 * (found / point.hz).log2()).abs() < 50.0
        });
        Some(right.count() as f64 / voiced.len().max(1) as f64)
    }

    /// The phonemes.
    fn lyrics(&self) -> Result<Lyrics> {
        if self.made {
            return Ok(read_lyrics(&self.clip.folder.join("lyrics.txt"))?);
        }
        phonemes(&self.clip.folder.join("voice_phonemes.csv"))
    }
}

/// Read `onset,offset,phoneme,note`.
fn phonemes(path: &Path) -> Result<Lyrics> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let sung = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        ensure!(
            fields.len() > 2,
            "{}: `{line}` has no phoneme",
            path.display()
        );
        Ok(Sung {
            onset_secs: fields[0].parse()?,
            offset_secs: fields[1].parse()?,
            text: fields[2].to_owned(),
            note: None,
        })
    });
    Ok(Lyrics::new(sung.collect::<Result<_>>()?, Grain::Phonemes)?)
}
