//! Mixtures of one singer and one piano come in; how well they come apart goes out, as `docs/singer-and-piano.md`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use ndarray::Axis;
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};
use unbraid::group::Kind;
use unbraid::recipe::Instrument;
use unbraid::{SeparateConfig, separate};
use unbraid_io::knowledge::{read_dictionary, read_score};

use crate::clips::{self, Clip};
use crate::score::{downmix, rows};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folders of mixtures with their stems
    #[arg(long, value_name = "DIR", default_values_os_t = [clips::folder()])]
    clips: Vec<PathBuf>,
    /// Only clips whose name contains one of these
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,
    /// A dictionary instead of the built-in piano
    #[arg(long, value_name = "FILE")]
    piano: Option<PathBuf>,
    /// With the notes known
    #[arg(long)]
    score: bool,
    /// With the true pitch known
    #[arg(long)]
    melody: bool,
    /// A first listen
    #[arg(long)]
    fast: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut sums = Vec::new();
    for folder in &arguments.clips {
        for clip in clips::find(folder)? {
            let singer_and_piano = clip.sources.len() == 2
                && clip.sources.iter().any(|source| source.kind == Some(Kind::Voice))
                && clip.sources.iter().any(|source| source.kind == Some(Kind::Piano));
            let wanted = arguments.only.is_empty() || arguments.only.iter().any(|text| clip.name.contains(text.as_str()));
            if !singer_and_piano || !wanted {
                continue;
            }
            let figures = measure(&clip, arguments)?;
            println!("{}", figures.line(&clip.name));
            sums.push(figures);
        }
    }
    let mean = |of: fn(&Figures) -> f64| sums.iter().map(of).sum::<f64>() / sums.len() as f64;
    println!("MEAN {:.3} of {}  worst gain {:.2}  f0 {:.3}", mean(|f| (f.voice + f.piano) / 2.0), sums.len(),
        sums.iter().map(|f| (f.voice - f.mixture[0]).min(f.piano - f.mixture[1])).fold(f64::INFINITY, f64::min), mean(|f| f.f0));
    Ok(())
}

struct Figures {
    voice: f64,
    piano: f64,
    mixture: [f64; 2],
    f0: f64,
    secs: f64,
    notes: Vec<String>,
}

impl Figures {
    fn line(&self, name: &str) -> String {
        format!("{name:26} voice {:6.2} piano {:6.2} mean {:6.2} | mix {:6.2} {:6.2} | f0 {:.3} | {:.1} s {}",
            self.voice, self.piano, (self.voice + self.piano) / 2.0, self.mixture[0], self.mixture[1], self.f0, self.secs, self.notes.join("; "))
    }
}

fn measure(clip: &Clip, arguments: &Arguments) -> Result<Figures> {
    let mut config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    if arguments.fast {
        config.voice_piano = unbraid::recipe::voice_piano::VoicePianoConfig::fast();
    }
    let piano = clip.sources.iter().position(|s| s.kind == Some(Kind::Piano)).context("no piano")?;
    if arguments.piano.is_some() || arguments.score {
        config.instruments.push(Instrument {
            source: clip.sources[piano].name.clone(),
            dictionary: arguments.piano.as_deref().map(read_dictionary).transpose()?,
            score: if arguments.score { Some(read_score(&clip.folder.join("piano.mid"))?) } else { None },
        });
    }
    let truth = pitch(&clip.folder.join("f0.csv")).ok();
    if arguments.melody {
        let points = truth.as_ref().context("no f0.csv")?;
        config.melody = Some(unbraid::knowledge::Melody::new(points.iter().map(|&(time_secs, hz)| unbraid::knowledge::Pitch { time_secs, hz, confidence: 1.0 }).collect())?);
    }
    let begin = Instant::now();
    let separation = separate(&clip.mixture, &config, &mut ())?;
    let secs = begin.elapsed().as_secs_f64();
    let stems = separation.stems(&clip.mixture)?.collect_audio()?;
    if let Some(out) = std::env::var_os("UX_OUT") {
        std::fs::create_dir_all(&out)?;
        if let Some(score) = &separation.heard.score { unbraid_io::knowledge::write_notes_csv(&Path::new(&out).join(format!("{}.csv", clip.name)), score)?; }
    }
    let truths = downmix(&clip.truths);
    let sdr = |estimates: &ndarray::Array2<f32>| -> Result<Vec<f64>> {
        let scores = bss_eval_sources(&rows(&truths), &rows(estimates), &BssEvalConfig::default())?;
        Ok(scores.sources.iter().map(|s| s.sdr_db).collect())
    };
    let ours = sdr(&downmix(&stems))?;
    let plain = sdr(&downmix(&[clip.mixture.clone(), clip.mixture.clone()]))?;
    let voice = 1 - piano;
    let f0 = truth.map_or(f64::NAN, |truth| {
        let melody = separation.heard.melody.clone().unwrap_or_default();
        let (mut right, mut all) = (0.0, 0.0);
        for (secs, hz) in truth {
            if hz > 0.0 {
                all += 1.0;
                let found = melody.at(secs).map_or(0.0, |p| p.hz);
                if found > 0.0 && (1200.0 * (found / hz).log2()).abs() < 50.0 { right += 1.0; }
            }
        }
        right / all
    });
    let _ = Axis(0);
    Ok(Figures { voice: ours[voice], piano: ours[piano], mixture: [plain[voice], plain[piano]], f0, secs, notes: separation.notes })
}

fn pitch(path: &Path) -> Result<Vec<(f64, f64)>> {
    std::fs::read_to_string(path)?.lines().map(|line| {
        let (secs, hz) = line.split_once(',').context("no comma")?;
        Ok((secs.parse()?, hz.parse()?))
    }).collect()
}
