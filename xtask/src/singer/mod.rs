//! Mixtures of one singer and one piano come in; how well they come apart goes out, as `docs/singer-and-piano.md`.

mod material;
mod page;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use ndarray::Array2;
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::group::Kind;
use unbraid::knowledge::hints::{Grid, Hints, STEM_STRENGTH};
use unbraid::knowledge::{Dictionary, Grain, Lyrics, Melody, Sung};
use unbraid::recipe::Instrument;
use unbraid::sharing::Hinted;
use unbraid::{Audio, SeparateConfig, Separation, separate};
use unbraid_io::knowledge::{read_dictionary, read_lyrics, read_melody, read_score};

use self::rows::{Knowledge, ROWS, Row};
use crate::clips::{self, Clip};
use crate::root;
use crate::score::{downmix, rows};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of recorded clips with known stems
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Mixtures made for this, which `--make` makes anew; rows marked so are measured on them as well
    #[arg(long, value_name = "DIR", default_value_os_t = crate::scratch().join("singer/mixtures"))]
    mixtures: PathBuf,
    /// Make the mixtures from the training singer of the clips and from recorded notes (npm)
    #[arg(long)]
    make: bool,
    /// Only clips whose name contains one of these; prints instead of writing the page
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// Only rows whose name contains one of these; prints instead of writing the page
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    row: Vec<String>,
    /// A dictionary in the place of the built-in piano
    #[arg(long, value_name = "FILE")]
    piano: Option<PathBuf>,
    /// Settings of the recipe as JSON, over those of the row, such as `{"exponent":2}`
    #[arg(long, value_name = "JSON", default_value = "{}")]
    set: String,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/singer-and-piano.md"))]
    output: PathBuf,
}

/// What a row came to on a clip, in dB.
#[derive(Debug, Clone)]
struct Figures {
    row: &'static Row,
    /// Of the voice and of the piano.
    sdr_db: [f64; 2],
    /// The share of voiced frames whose pitch is within 50 cents of the clean voice's, if that is known.
    pitch_right: Option<f64>,
    /// Wall time.
    secs: f64,
}

/// A clip and what all rows came to.
#[derive(Debug)]
struct Measured {
    name: String,
    secs: f64,
    /// What the mixture as either stem scores.
    mixture_db: [f64; 2],
    /// As [`Figures::pitch_right`], of pYIN on the mixture.
    pyin_right: Option<f64>,
    /// Whether it was made for this.
    made: bool,
    rows: Vec<Figures>,
}

impl Figures {
    fn mean(&self) -> f64 {
        0.5 * (self.sdr_db[0] + self.sdr_db[1])
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.make {
        material::make(&arguments.clips, &arguments.mixtures)?;
    }
    let piano = arguments
        .piano
        .as_deref()
        .map(read_dictionary)
        .transpose()?;
    let whole = arguments.only.is_empty() && arguments.row.is_empty();
    let mut measured = Vec::new();
    for (folder, made) in [(&arguments.clips, false), (&arguments.mixtures, true)] {
        if !folder.is_dir() {
            println!("left out, there is no folder {}", folder.display());
            continue;
        }
        for clip in clips::find(folder)? {
            let named = |list: &[String], name: &str| {
                list.is_empty() || list.iter().any(|text| name.contains(text.as_str()))
            };
            if !is_singer_and_piano(&clip) || !named(&arguments.only, &clip.name) {
                continue;
            }
            let subject = Subject::new(&clip, made)?;
            let rows = ROWS.iter().filter(|row| row.on_made || !made);
            let mut figures = Vec::new();
            for row in rows.filter(|row| named(&arguments.row, row.name)) {
                let of_row = subject.figures(row, piano.as_ref(), &arguments.set)?;
                let [voice, played] = of_row.sdr_db;
                println!(
                    "{:24} {:28} {voice:6.2} {played:6.2} mean {:6.2}  pitch {:.3}  {:5.1} s",
                    clip.name,
                    row.name,
                    of_row.mean(),
                    of_row.pitch_right.unwrap_or(f64::NAN),
                    of_row.secs
                );
                figures.push(of_row);
            }
            measured.push(subject.measured(figures)?);
        }
    }
    ensure!(
        !measured.is_empty(),
        "there is no clip of a voice and a piano"
    );
    let text = page::page(&measured);
    if whole {
        fs::write(&arguments.output, text)
            .with_context(|| format!("cannot write {}", arguments.output.display()))?;
        println!("wrote {}", arguments.output.display());
    } else {
        print!("{text}");
    }
    Ok(())
}

fn is_singer_and_piano(clip: &Clip) -> bool {
    let has = |kind| clip.sources.iter().any(|source| source.kind == Some(kind));
    clip.sources.len() == 2 && has(Kind::Voice) && has(Kind::Piano)
}

/// A clip, and all that is known of it.
struct Subject<'a> {
    clip: &'a Clip,
    made: bool,
    /// Which of the sources is the voice.
    voice: usize,
    truths: Array2<f32>,
    /// The clean voice's pitch by pYIN.
    pitch: Option<Melody>,
    pitch_of_mixture: Option<Melody>,
}

impl<'a> Subject<'a> {
    fn new(clip: &'a Clip, made: bool) -> Result<Self> {
        let voice = clip
            .sources
            .iter()
            .position(|source| source.kind == Some(Kind::Voice));
        let pitches = if made {
            clip.folder.clone()
        } else {
            material::pitches(clip)?
        };
        let read = |name: &str| {
            let path = pitches.join(name);
            path.is_file().then(|| read_melody(&path)).transpose()
        };
        Ok(Self {
            made,
            voice: voice.context("no voice")?,
            truths: downmix(&clip.truths),
            pitch: read("f0.csv")?,
            pitch_of_mixture: read("f0_mixture.csv")?,
            clip,
        })
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

    fn figures(&self, row: &'static Row, piano: Option<&Dictionary>, set: &str) -> Result<Figures> {
        let clip = self.clip;
        let mut config = SeparateConfig {
            sources: clip.sources.clone(),
            ..SeparateConfig::default()
        };
        (row.settings)(&mut config.voice_piano);
        let mut settings = serde_json::to_value(config.voice_piano)?;
        let changes: serde_json::Map<String, serde_json::Value> = serde_json::from_str(set)?;
        for (name, value) in changes {
            settings[name] = value;
        }
        config.voice_piano = serde_json::from_value(settings)?;
        if piano.is_some() || row.known.contains(&Knowledge::Score) {
            let score = read_score(&clip.folder.join("piano.mid"));
            config.instruments.push(Instrument {
                source: clip.sources[1 - self.voice].name.clone(),
                dictionary: piano.cloned(),
                score: row
                    .known
                    .contains(&Knowledge::Score)
                    .then_some(score)
                    .transpose()?,
            });
        }
        if row.known.contains(&Knowledge::Melody) {
            config.melody = Some(self.pitch.clone().context("no pitch of the clean voice")?);
        }
        if row.known.contains(&Knowledge::Lyrics) {
            config.lyrics = Some(self.lyrics()?);
        }
        let leaking = row.known.iter().find_map(|known| match known {
            Knowledge::Leaking(share) => Some(*share),
            _ => None,
        });
        if let Some(share) = leaking {
            let voice = &clip.truths[self.voice].samples();
            let leak = clip.truths[1 - self.voice].samples().mapv(|x| share * x);
            config.voice_stem = Some(Audio::new(voice + &leak, clip.mixture.sample_rate())?);
        }
        let begin = Instant::now();
        let separation = separate(&clip.mixture, &config, &mut ())?;
        let secs = begin.elapsed().as_secs_f64();
        let heard = separation.heard.melody.clone();
        let separation = self.hinted(separation, config.voice_stem.as_ref())?;
        let stems = separation.stems(&clip.mixture)?.collect_audio()?;
        Ok(Figures {
            row,
            sdr_db: self.sdr_db(&stems)?,
            pitch_right: heard.and_then(|heard| self.pitch_right(&heard)),
            secs,
        })
    }

    /// As `--hint voice=FILE` does.
    fn hinted(&self, mut separation: Separation, stem: Option<&Audio>) -> Result<Separation> {
        let Some(stem) = stem else {
            return Ok(separation);
        };
        let names: Vec<&str> = self.clip.sources.iter().map(|s| s.name.as_str()).collect();
        let stft = separation.sharing.stft().clone();
        let grid = Grid {
            stft: &stft,
            sample_rate: self.clip.mixture.sample_rate(),
            frames: separation.sharing.frames(),
        };
        let hints = Hints::new(grid, &names)?.with_stem(
            names[self.voice],
            stem,
            &self.clip.mixture,
            &stft,
            STEM_STRENGTH,
        )?;
        separation.sharing = Box::new(Hinted::new(separation.sharing, hints)?);
        Ok(separation)
    }

    fn measured(&self, rows: Vec<Figures>) -> Result<Measured> {
        let mixture = &self.clip.mixture;
        let pyin = self.pitch_of_mixture.as_ref();
        Ok(Measured {
            name: self.clip.name.clone(),
            secs: mixture.duration_secs(),
            mixture_db: self.sdr_db(&[mixture.clone(), mixture.clone()])?,
            pyin_right: pyin.and_then(|pyin| self.pitch_right(pyin)),
            made: self.made,
            rows,
        })
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
        let [onset, offset, phoneme, ..] = fields[..] else {
            anyhow::bail!("{}: `{line}` has no phoneme", path.display());
        };
        Ok(Sung {
            onset_secs: onset.parse()?,
            offset_secs: offset.parse()?,
            text: phoneme.to_owned(),
            note: None,
        })
    });
    Ok(Lyrics::new(sung.collect::<Result<_>>()?, Grain::Phonemes)?)
}
