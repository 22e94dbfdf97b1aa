//! Clips with known stems come in; what hints, regions and onsets are worth goes out, as `docs/hints.md`.

mod loops;
mod paint;
mod time;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use ndarray::{Array2, Array3, Axis, s};
use unbraid::baseline::{Assign, IdealMask, Method, Task, run as baseline};
use unbraid::factorize::Factorization;
use unbraid::group::{Grouping, Source};
use unbraid::knowledge::hints::{Area, Clues, HintedStem};
use unbraid::separate::with_clues;
use unbraid::separation::Heard;
use unbraid::sharing::{Masks, Sharing, StemsConfig};
use unbraid::stems::StemBlocks;
use unbraid::{Audio, SeparateConfig, Separation, separate};

use crate::clips::{self, Clip};
use crate::root;
use crate::score::{downmix, ours_mono};

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The folder of clips with known stems, beside the demo's, left out if it does not exist;
    /// the variable `UNBRAID_CLIPS` changes the default
    #[arg(long, value_name = "DIR", default_value_os_t = clips::folder())]
    clips: PathBuf,
    /// Only clips whose name contains this; prints the tables instead of writing the page
    #[arg(long, value_name = "TEXT")]
    clip: Option<String>,
    /// Only this table (stems, leak, regions, time, loops); prints it instead of writing the page
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// A folder that holds `usr/share/…` of the Debian package of drum samples; without it, it is taken from this system,
    /// or else fetched by `apt-get download`
    #[arg(long, value_name = "DIR")]
    packages: Option<PathBuf>,
    /// Where to write the page
    #[arg(short, long, value_name = "FILE", default_value_os_t = root().join("docs/hints.md"))]
    output: PathBuf,
}

const HEAD: &str = "# What hints are worth\n\n\
    Made by `cargo run --release -p xtask -- hints`. SDR everywhere: BSS Eval 3 sources (512 taps), whole file, mono downmix, fixed order, mean over the \
    sources, dB, seed 0. How hints are given is in [the guide](guide/hints.md).\n\n";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut clips = clips::find(&arguments.clips)?;
    let wanted = |name: &str| {
        arguments
            .clip
            .as_ref()
            .is_none_or(|part| name.contains(part.as_str()))
    };
    clips.retain(|clip| wanted(&clip.name));
    let asked = |name: &str| arguments.table.as_ref().is_none_or(|table| table == name);
    let mut text = String::from(HEAD);
    if asked("stems") {
        text += &stems(&clips)?;
    }
    if asked("leak") {
        text += &leak(&clips)?;
    }
    if asked("regions") {
        text += &regions(&clips)?;
    }
    if asked("time") {
        writeln!(
            text,
            "## How soon a refit is heard\n\nThe demo again and again for three minutes, in stereo, factorised by 16 components; then `unbraid refit --regions` with ten boxes, reading \
             the recording and writing all stems included: {:.1} s (the middle one of five).\n",
            time::refit_secs()?
        )?;
    }
    if asked("loops") {
        text += &loops::table(arguments.packages.as_deref(), &arguments.clips)?;
    }
    if arguments.clip.is_some() || arguments.table.is_some() {
        print!("{text}");
        return Ok(());
    }
    fs::write(&arguments.output, text)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!("wrote {}", arguments.output.display());
    Ok(())
}

/// A clip, and what is found without hints: the recipe's work, which is the same under all of them.
struct Base<'a> {
    clip: &'a Clip,
    sources: Vec<Source>,
    components: Option<(Factorization, Grouping)>,
    sharing: Arc<dyn Sharing>,
}

impl<'a> Base<'a> {
    fn new(clip: &'a Clip) -> Result<Self> {
        let config = SeparateConfig {
            sources: clip.sources.clone(),
            ..SeparateConfig::default()
        };
        let found = separate(&clip.mixture, &config, &mut ())?;
        Ok(Self {
            clip,
            sources: found.sources,
            components: found.components,
            sharing: Arc::from(found.sharing),
        })
    }

    /// The mean SDR of what the command would make of the clip under clues, and what it says of them.
    fn score(&self, clues: Clues) -> Result<f64> {
        let config = SeparateConfig {
            sources: self.clip.sources.clone(),
            clues,
            ..SeparateConfig::default()
        };
        let found = Separation {
            sources: self.sources.clone(),
            components: self.components.clone(),
            onsets: Vec::new(),
            heard: Heard::default(),
            notes: Vec::new(),
            sharing: Box::new(self.sharing.clone()),
        };
        let hinted = with_clues(found, &self.clip.mixture, &config, &mut ())?;
        for note in &hinted.notes {
            println!("  {}: {note}", self.clip.name);
        }
        of_stems(
            self.clip,
            &hinted.stems(&self.clip.mixture)?.collect_audio()?,
        )
    }
}

fn of_stems(clip: &Clip, stems: &[Audio]) -> Result<f64> {
    let (truths, mut stems) = (downmix(&clip.truths), downmix(stems));
    let whole = truths.sum_axis(ndarray::Axis(0));
    for (mut stem, truth) in stems.outer_iter_mut().zip(truths.outer_iter()) {
        // BSS Eval has no answer for silence; a whisper of the others has one, and a bad one.
        if stem.iter().all(|sample| *sample == 0.0) {
            stem.assign(&((&whole - &truth) * 1e-6));
        }
    }
    ours_mono(&truths, &stems)
}

fn oracle(clip: &Clip) -> Result<f64> {
    let config = SeparateConfig {
        sources: clip.sources.clone(),
        ..SeparateConfig::default()
    };
    let task = Task::new(&clip.mixture, &clip.truths, &config);
    let method = Method::IdealMask(IdealMask::Ratio { exponent: 1.0 });
    of_stems(clip, &baseline(method, &task, &mut ())?.stems)
}

/// A stem for the first source, at a strength.
fn hint(clip: &Clip, audio: Audio, strength: f32) -> Clues {
    Clues {
        stems: vec![HintedStem {
            source: clip.sources[0].name.clone(),
            audio,
            strength,
        }],
        ..Clues::default()
    }
}

fn names(clip: &Clip) -> String {
    let names: Vec<&str> = clip.sources.iter().map(|s| s.name.as_str()).collect();
    names.join(", ")
}

const STRENGTHS: [f32; 3] = [0.5, 1.0, 2.0];

/// A stem that is right, one that is another source's, one that is no part of the recording, and silence.
fn stems(clips: &[Clip]) -> Result<String> {
    let mut text = String::from(
        "## A stem that is right, wrong, or empty\n\n\
         The hint is for the first source of each clip: its true stem; the true stem with 30 % of everything else in it; the true stem of the \
         second source; the first source of another clip; silence. Behind the hint: `--hint-strength`.\n\n\
         | clip | sources | none | true, 0.5 | 1 | 2 | leaking, 0.5 | 1 | 2 | another source's, 0.5 | 1 | 2 | foreign, 0.5 | 1 | 2 | silence | ideal ratio mask |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (at, clip) in clips.iter().enumerate() {
        let silence = Audio::new(
            Array2::zeros(clip.mixture.samples().dim()),
            clip.mixture.sample_rate(),
        )?;
        let foreign = fitted(&clips[(at + 1) % clips.len()].truths[0], clip)?;
        let leaking = leaking(clip, 0.3)?;
        let hints = [&clip.truths[0], &leaking, &clip.truths[1], &foreign];
        let base = Base::new(clip)?;
        let mut cells = vec![base.score(Clues::default())?];
        for audio in hints {
            for strength in STRENGTHS {
                cells.push(base.score(hint(clip, audio.clone(), strength))?);
            }
        }
        cells.push(base.score(hint(clip, silence, 1.0))?);
        cells.push(oracle(clip)?);
        row(&mut text, &[&clip.name, &names(clip)], &cells);
    }
    text.push('\n');
    Ok(text)
}

/// The first source with some of everything else.
fn leaking(clip: &Clip, leak: f32) -> Result<Audio> {
    let mut samples = clip.truths[0].samples().to_owned();
    for other in &clip.truths[1..] {
        samples.scaled_add(leak, &other.samples());
    }
    Ok(Audio::new(samples, clip.mixture.sample_rate())?)
}

/// Another recording, as long as a clip's and in as many channels.
fn fitted(audio: &Audio, clip: &Clip) -> Result<Audio> {
    let (channels, len) = clip.mixture.samples().dim();
    let samples = Array2::from_shape_fn((channels, len), |(channel, sample)| {
        let own = audio.channel(channel.min(audio.channels() - 1));
        own.get(sample % own.len().max(1)).copied().unwrap_or(0.0)
    });
    Ok(Audio::new(samples, clip.mixture.sample_rate())?)
}

/// The voice's stem with more and more of the piano in it.
fn leak(clips: &[Clip]) -> Result<String> {
    let mut text = String::from(
        "## A vocal stem that leaks\n\n\
         `separate --sources voice,piano --hint voice=STEM`, where the stem is the true one and so much of the piano. The leak is the same everywhere, so that it can be found and \
         taken out whole; a separator's own leak is not, and helps less.\n\n\
         | clip | no hint | 0 % | 30 % | 60 % | 90 % | the 30 % stem itself, and the rest | ideal ratio mask |\n|---|---|---|---|---|---|---|---|\n",
    );
    for clip in clips {
        let voice = clip.sources.iter().position(|s| s.name == "voice");
        if clip.sources.len() != 2 || voice.is_none() || !names(clip).contains("piano") {
            continue;
        }
        let base = Base::new(clip)?;
        let mut cells = vec![base.score(Clues::default())?];
        let voice_first = Clip {
            name: clip.name.clone(),
            mixture: clip.mixture.clone(),
            truths: in_order(&clip.truths, voice == Some(0)),
            sources: in_order(&clip.sources, voice == Some(0)),
            folder: clip.folder.clone(),
        };
        for leak in [0.0, 0.3, 0.6, 0.9] {
            let stem = leaking(&voice_first, leak)?;
            cells.push(base.score(hint(&voice_first, stem, 1.0))?);
        }
        let stem = leaking(&voice_first, 0.3)?;
        let rest = &voice_first.mixture.samples() - &stem.samples();
        let rest = Audio::new(rest, stem.sample_rate())?;
        cells.push(of_stems(&voice_first, &[stem, rest])?);
        cells.push(oracle(&voice_first)?);
        row(&mut text, &[&clip.name], &cells);
    }
    text.push('\n');
    Ok(text)
}

fn in_order<T: Clone>(pair: &[T], as_it_is: bool) -> Vec<T> {
    let mut pair = pair.to_vec();
    if !as_it_is {
        pair.reverse();
    }
    pair
}

/// Boxes as a person would paint them.
fn regions(clips: &[Clip]) -> Result<String> {
    let mut text = String::from(
        "## Ten seconds of regions\n\n\
         Boxes of half a second by five bands (cut at 300, 1000, 3000 and 8000 Hz) over the first ten seconds: a box is painted for the source that has most of its \
         energy by the true stems, where that is more than 70 %; of all boxes, so many (drawn by a seed) are painted for another source instead. Strength 0.7, what the painter knows.\n\n\
         Known without being told: of the boxes painted right, those whose source has most of the energy by what is separated without them. Ideal within the boxes: the ideal ratio mask \
         where a box was painted, and what is separated without them elsewhere: more than any box can say.\n\n\
         | clip | sources | boxes | known without being told | none | all right | 20 % wrong | 40 % wrong | ideal within the boxes | NMF with oracle groups | ideal ratio mask |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for clip in clips {
        let base = Base::new(clip)?;
        let mut cells = vec![base.score(Clues::default())?];
        for wrong in [0.0, 0.2, 0.4] {
            let regions = paint::boxes(clip, 10.0, wrong)?;
            let clues = Clues {
                regions,
                ..Clues::default()
            };
            cells.push(under_regions(clip, clues)?);
        }
        let config = SeparateConfig {
            sources: clip.sources.clone(),
            ..SeparateConfig::default()
        };
        let task = Task::new(&clip.mixture, &clip.truths, &config);
        let right = paint::boxes(clip, 10.0, 0.0)?.boxes;
        let Bound { known, sdr_db } = bound(&base, &right)?;
        cells.push(sdr_db);
        let grouped = baseline(Method::Nmf(Assign::Oracle), &task, &mut ())?.stems;
        cells.push(of_stems(clip, &grouped)?);
        cells.push(oracle(clip)?);
        let counts = [right.len().to_string(), known.to_string()];
        row(
            &mut text,
            &[&clip.name, &names(clip), &counts[0], &counts[1]],
            &cells,
        );
    }
    text += "\nOn all clips but the last, nearly every box says what is known without it, so that there is hardly anything to gain: even the ideal mask within the \
             boxes gains 0.0 to 1.1 dB. Boxes are worth a decibel and more where sources are not told apart without them, as the voice and the mallets are not.\n";
    text.push('\n');
    Ok(text)
}

/// The mean SDR of what the command makes of a clip under regions, which also decide where components go.
fn under_regions(clip: &Clip, clues: Clues) -> Result<f64> {
    let config = SeparateConfig {
        sources: clip.sources.clone(),
        clues,
        ..SeparateConfig::default()
    };
    let found = separate(&clip.mixture, &config, &mut ())?;
    of_stems(clip, &found.stems(&clip.mixture)?.collect_audio()?)
}

/// What boxes could say at most.
struct Bound {
    /// Boxes whose source has most of the energy anyway.
    known: usize,
    /// The mean SDR with the ideal ratio mask within them.
    sdr_db: f64,
}

fn bound(base: &Base<'_>, boxes: &[Area]) -> Result<Bound> {
    let clip = base.clip;
    let (stft, frames) = (base.sharing.stft().clone(), base.sharing.frames());
    let whole = stft.forward_block(&clip.mixture, 0..frames);
    let shape = (base.sharing.sources(), frames, stft.bins());
    let mut shares = Array3::zeros(shape);
    base.sharing
        .share(&whole, 0..frames, 0, &mut shares.view_mut());
    let rate = clip.mixture.sample_rate();
    // (frames, bins), of all channels together.
    let magnitudes = |audio: &Audio| -> Array2<f32> {
        let spectrum = stft.forward_block(audio, 0..frames);
        let powers = spectrum.view().mapv(|x| x.norm_sqr()).sum_axis(Axis(0));
        powers.mapv(f32::sqrt).reversed_axes()
    };
    let mixture = magnitudes(&clip.mixture).mapv(|x| x * x);
    let truths: Vec<Array2<f32>> = clip.truths.iter().map(magnitudes).collect();
    let all = truths
        .iter()
        .fold(Array2::zeros((frames, stft.bins())), |sum, it| sum + it);
    let (times, hz) = (stft.times_secs(frames, rate), stft.frequencies_hz(rate));
    let within = |grid: &[f64], [from, to]: [f64; 2]| {
        grid.partition_point(|&at| at < from)..grid.partition_point(|&at| at < to)
    };
    let mut known = 0;
    for area in boxes {
        let (rows, bins) = (within(&times, area.secs), within(&hz, area.hz));
        let cells = s![rows, bins];
        let source = clip.sources.iter().position(|it| it.name == area.source);
        let source = source.context("boxes are of the clip's sources")?;
        let energy = mixture.slice(cells);
        let own = &shares.index_axis(Axis(0), source).slice(cells) * &energy;
        known += usize::from(own.sum() > 0.5 * energy.sum());
        for (mut share, truth) in shares.outer_iter_mut().zip(&truths) {
            let ideal = &truth.slice(cells) / &all.slice(cells).mapv(|x: f32| x.max(1e-12));
            share.slice_mut(cells).assign(&ideal);
        }
    }
    let masks = Masks::new(stft, shares, StemsConfig::default())?;
    let stems = StemBlocks::new(&clip.mixture, &masks)?.collect_audio()?;
    let sdr_db = of_stems(clip, &stems)?;
    Ok(Bound { known, sdr_db })
}

fn row(text: &mut String, names: &[&str], cells: &[f64]) {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:.2}")).collect();
    let line = format!("| {} | {} |", names.join(" | "), cells.join(" | "));
    println!("{line}");
    writeln!(text, "{line}").expect("a string takes everything");
}
