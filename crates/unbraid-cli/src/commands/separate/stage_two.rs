//! A song and the folder of stems that another program made of it come in; some of these stems, taken further apart,
//! and the others as they are, go out: files that add up to the song.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate, s};
use unbraid::group::{Kind, Source};
use unbraid::recipe::is_struck;
use unbraid::stems::StemBlocks;
use unbraid::{Audio, Separation, separate};
use unbraid_io::atomic::OutputFolder;
use unbraid_io::audio::{OutputFormat, Span, StemSet, WrittenStems, read_audio};
use unbraid_io::project::{Manifest, Output, write_manifest};

use super::{Task, describe, json, manifest, print_json};
use crate::args::SeparateArgs;
use crate::failure::Failure;
use crate::input;
use crate::output::say;
use crate::progress::Line;
use crate::render::{Original, Written};

/// What the stems leave of the song.
const RESIDUAL: &str = "residual";

/// Below this part of the song's peak, what the stems leave of it is rounding: half a step of 16 bits.
const ROUNDING: f32 = 1.0 / 65_536.0;

/// Samples of each channel that are written at a time.
const CHUNK: usize = 1 << 16;

/// One stem of the first stage.
struct Stem {
    name: String,
    audio: Audio,
    /// What it is to be taken apart into; nothing if it stays as it is.
    sources: Vec<Source>,
}

/// Take the stems of a folder further apart.
pub(super) fn run(task: &Task<'_>, folder: &Path) -> Result<(), Failure> {
    let args = task.args;
    let [song] = &args.files[..] else {
        return Err(Failure::usage(
            "--stage-two is about one song: give the recording that the stems were made of",
        ));
    };
    let target = args.output.join(input::track_name(song));
    let mut line = Line::new(&song.display().to_string(), args.common.quiet);
    let result = into_folder(task, folder, song, &target, &mut line)?;
    line.finish();
    print(args, song, &target, result)
}

/// The same into a folder that appears whole.
pub(super) fn into_folder(
    task: &Task<'_>,
    folder: &Path,
    song: &Path,
    target: &Path,
    line: &mut Line,
) -> Result<Manifest, Failure> {
    let (args, sources) = (task.args, &task.sources[..]);
    let span = args.common.span()?;
    let input::Loaded {
        recording,
        input: found,
        metadata,
    } = input::load(song, span)?;
    let song_audio = &recording.audio;
    let stems = stems(folder, song_audio, sources, span)?;
    let output = OutputFolder::create(target, args.common.overwrite)?;

    let mut notes = Vec::new();
    let mut separations: Vec<Option<Separation>> = Vec::new();
    for stem in &stems {
        separations.push(if stem.sources.is_empty() {
            None
        } else {
            let rate = stem.audio.sample_rate();
            let mut config = task.config_for(&stem.sources, rate);
            config.strokes = task.strokes_at(rate)?;
            config.clues = args.hints.clues(&stem.audio, span)?;
            let separation = separate(&stem.audio, &config, line)?;
            let of_stem = |note: &String| format!("{}: {note}", stem.name);
            notes.extend(separation.notes.iter().map(of_stem));
            Some(separation)
        });
    }
    let mut names = file_names(&stems, &separations);
    let left = left_of(song_audio, &stems);
    let loudest = left.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
    let peak = song_audio.peak();
    let residual = loudest > ROUNDING * peak;
    if residual {
        notes.push(format!(
            "the stems of {} miss the song by {:.1} dB of its peak: that is `{RESIDUAL}`",
            folder.display(),
            20.0 * (loudest / peak).log10()
        ));
        names.push(RESIDUAL.to_owned());
    }
    refuse_doubles(&names)?;
    let lanes = || -> Result<Vec<Lane<'_>>, Failure> {
        let mut lanes = Vec::new();
        for (stem, separation) in stems.iter().zip(&separations) {
            lanes.push(match separation {
                None => Lane::Whole(stem.audio.samples()),
                Some(separation) => Lane::Blocks {
                    blocks: Box::new(separation.stems(&stem.audio)?),
                    pending: Array3::zeros((separation.sources.len(), song_audio.channels(), 0)),
                },
            });
        }
        if residual {
            lanes.push(Lane::Whole(left.view()));
        }
        Ok(lanes)
    };
    let format = args.stems.format;
    let paths: Vec<PathBuf> = names
        .iter()
        .map(|name| output.path().join(format!("{name}.{}", format.extension())))
        .collect();
    let original = Original {
        audio: song_audio,
        metadata: &metadata,
    };
    let mut gain = 1.0;
    let mut written = write(&paths, format, gain, &original, lanes()?)?;
    if written.peak > 1.0 && StemSet::clips(format) {
        // A hair less, so that rounding does not reach full scale again.
        gain = (1.0 - 1e-6) / written.peak;
        written = write(&paths, format, gain, &original, lanes()?)?;
    }
    let outputs = names
        .iter()
        .zip(written.sha256)
        .map(|(name, sha256)| Output {
            path: format!("{name}.{}", format.extension()),
            sha256,
        });
    let written = Written {
        outputs: outputs.collect(),
        gain,
    };
    let settings = serde_json::json!({ "stage_two": folder, "sources": json(&sources)? });
    let result = manifest("separate", found, settings, None, None, notes, written);
    write_manifest(output.path(), &result)?;
    output.commit()?;
    Ok(result)
}

fn print(args: &SeparateArgs, song: &Path, target: &Path, result: Manifest) -> Result<(), Failure> {
    if args.common.json {
        return print_json(&[result]);
    }
    if !args.common.quiet {
        say!("{}: {}", song.display(), describe(&result.input));
        for output in &result.outputs {
            say!("  {}", target.join(&output.path).display());
        }
        for note in &result.notes {
            say!("  note: {note}");
        }
    }
    Ok(())
}

fn refuse_doubles(names: &[String]) -> Result<(), Failure> {
    let mut seen = names.iter().enumerate();
    match seen.find(|(at, name)| names[..*at].contains(name)) {
        Some((_, name)) => Err(Failure::usage(format!("`{name}` would be written twice"))),
        None => Ok(()),
    }
}

/// The names of the files, without their endings.
fn file_names(stems: &[Stem], separations: &[Option<Separation>]) -> Vec<String> {
    let mut names = Vec::new();
    for (stem, separation) in stems.iter().zip(separations) {
        match separation {
            None => names.push(stem.name.clone()),
            Some(separation) => {
                names.extend(separation.sources.iter().map(|source| source.name.clone()));
            }
        }
    }
    names
}

/// The stems of a folder, with what each is to be taken apart into.
fn stems(
    folder: &Path,
    song: &Audio,
    sources: &[Source],
    span: Span,
) -> Result<Vec<Stem>, Failure> {
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the stems' folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()
        .with_context(|| format!("cannot read the stems' folder {}", folder.display()))?;
    paths.retain(|path| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| {
            ["wav", "flac", "mp3", "ogg", "m4a", "aiff"].contains(&ending.to_lowercase().as_str())
        })
    });
    paths.sort();
    let mut stems = Vec::new();
    for path in paths {
        let audio = read_audio(&path, span)?.audio;
        let shape = |audio: &Audio| (audio.samples().dim(), audio.sample_rate());
        if shape(&audio) != shape(song) {
            let ((channels, len), rate) = shape(&audio);
            let ((song_channels, song_len), song_rate) = shape(song);
            return Err(Failure::usage(format!(
                "{} has {channels} channels of {len} samples at {rate} Hz, but the song {song_channels} of {song_len} at {song_rate} Hz: give the \
                 recording that the stems were made of",
                path.display()
            )));
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        stems.push(Stem {
            name: name.into_owned(),
            audio,
            sources: Vec::new(),
        });
    }
    if stems.is_empty() {
        return Err(Failure::usage(format!(
            "there are no stems in {}: a folder with files such as drums.wav, bass.wav, other.wav, vocals.wav is wanted",
            folder.display()
        )));
    }
    assign(&mut stems, sources, folder)?;
    Ok(stems)
}

/// Say what each stem is to be taken apart into.
fn assign(stems: &mut [Stem], sources: &[Source], folder: &Path) -> Result<(), Failure> {
    for source in sources {
        let struck = is_struck(source);
        if source.kind == Some(Kind::Rest) && !struck {
            continue;
        }
        let homes = if struck {
            &["drums"]
        } else {
            homes(source.kind)
        };
        let home = homes
            .iter()
            .find_map(|home| stems.iter().position(|stem| stem.name == *home));
        let Some(home) = home else {
            return Err(Failure::usage(format!(
                "`{}` would be in {}, which is not in {}",
                source.name,
                homes.join(" or "),
                folder.display()
            )));
        };
        stems[home].sources.push(source.clone());
    }
    for stem in stems {
        let whole = matches!(
            (&stem.sources[..], stem.name.as_str()),
            (
                [Source {
                    kind: Some(Kind::Drums),
                    ..
                }],
                "drums"
            ) | (
                [Source {
                    kind: Some(Kind::Bass),
                    ..
                }],
                "bass"
            ) | (
                [Source {
                    kind: Some(Kind::Voice),
                    ..
                }],
                "vocals"
            ) | (
                [Source {
                    kind: Some(Kind::Piano),
                    ..
                }],
                "piano"
            ) | (
                [Source {
                    kind: Some(Kind::Guitar),
                    ..
                }],
                "guitar"
            )
        );
        if whole {
            // It is there already; only its name may change.
            stem.name = stem.sources.remove(0).name;
        } else if !stem.sources.is_empty() {
            let rest = format!("{}_rest", stem.name);
            stem.sources.push(Source {
                name: rest,
                kind: Some(Kind::Rest),
            });
        }
    }
    Ok(())
}

/// The stems of the usual networks that a source may be in, the likeliest first.
fn homes(kind: Option<Kind>) -> &'static [&'static str] {
    match kind {
        Some(Kind::Voice) => &["vocals", "voice"],
        Some(Kind::Bass) => &["bass", "other"],
        Some(Kind::Piano) => &["piano", "other", "accompaniment"],
        Some(Kind::Guitar) => &["guitar", "other", "accompaniment"],
        None | Some(Kind::Rest) => &["other"],
        Some(_) => &["drums"],
    }
}

/// What the stems leave of the song.
fn left_of(song: &Audio, stems: &[Stem]) -> Array2<f32> {
    let mut left = song.samples().to_owned();
    for stem in stems {
        left -= &stem.audio.samples();
    }
    left
}

/// One or several files' samples, in order.
enum Lane<'a> {
    Whole(ArrayView2<'a, f32>),
    Blocks {
        blocks: Box<StemBlocks<'a>>,
        /// `(stems, channels, samples)` that were made but not written yet.
        pending: Array3<f32>,
    },
}

impl Lane<'_> {
    /// The samples from `start` to `end`, `(stems, channels, samples)`.
    fn take(&mut self, start: usize, end: usize) -> Result<Array3<f32>, Failure> {
        match self {
            Lane::Whole(samples) => Ok(samples
                .slice(s![.., start..end])
                .insert_axis(Axis(0))
                .to_owned()),
            Lane::Blocks { blocks, pending } => {
                let mut made = vec![std::mem::take(pending)];
                let mut have = made[0].len_of(Axis(2));
                while have < end - start {
                    let block = blocks.next().context("the stems ended before the song")?;
                    have += block.len_of(Axis(2));
                    made.push(block);
                }
                let views: Vec<_> = made.iter().map(|block| block.view()).collect();
                let all = concatenate(Axis(2), &views).context("blocks differ in shape")?;
                *pending = all.slice(s![.., .., end - start..]).to_owned();
                Ok(all.slice(s![.., .., ..end - start]).to_owned())
            }
        }
    }
}

fn write(
    paths: &[PathBuf],
    format: OutputFormat,
    gain: f64,
    Original { audio, metadata }: &Original<'_>,
    mut lanes: Vec<Lane<'_>>,
) -> Result<WrittenStems, Failure> {
    let (channels, len) = audio.samples().dim();
    let rate = audio.sample_rate();
    let mut set = StemSet::create_with(paths, format, rate, channels, len, gain, metadata)?;
    for start in (0..len).step_by(CHUNK) {
        let end = (start + CHUNK).min(len);
        let parts = lanes
            .iter_mut()
            .map(|lane| lane.take(start, end))
            .collect::<Result<Vec<_>, _>>()?;
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let block = concatenate(Axis(0), &views).context("stems differ in shape")?;
        set.write(block.view())?;
    }
    Ok(set.finish()?)
}
