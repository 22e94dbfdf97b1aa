//! A recording goes out to every encoder; how far what we read is from it, and from what another decoder reads, comes back.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use ndarray::{Array2, ArrayView1};
use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::audio::{Delay, OutputFormat, Span, StemSet, read_audio};

use super::cases::{CASES, Case};
use super::shell;

const FF: &str = "ffmpeg -y -v error -i in.wav";

/// What came of a case.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) rate: u32,
    pub(super) channels: usize,
    pub(super) found: Result<Found, String>,
}

/// How a file compares.
pub(super) struct Found {
    pub(super) codec: String,
    pub(super) delay: Delay,
    /// Samples by which what we read is late against the recording, and longer than it.
    pub(super) lag: i64,
    pub(super) surplus: i64,
    /// The same against the other decoder, and the largest difference to it.
    pub(super) peer_lag: i64,
    pub(super) peer_surplus: i64,
    pub(super) peer_difference: f32,
}

impl Row {
    /// Whether it is read as the other decoder reads it, to the sample, and lies where the recording does, or says that this
    /// cannot be known; or is refused as it should be.
    pub(super) fn is_fine(&self) -> bool {
        match &self.found {
            Ok(found) => {
                let most = if is_lossless(&found.codec) {
                    0.0
                } else {
                    LOSSY
                };
                found.peer_lag == 0
                    && found.peer_difference <= most
                    && (found.delay == Delay::Unstated || found.lag == 0)
            }
            Err(reason) => REFUSED.contains(&self.name) && reason.contains("unsupported"),
        }
    }
}

/// What is not read.
const REFUSED: [&str; 2] = ["Opus", "AAC 5.1 in M4A"];

/// By how much two decoders of a lossy format may differ: they round in different places.
const LOSSY: f32 = 1e-4;

fn is_lossless(codec: &str) -> bool {
    codec.starts_with("pcm") || ["flac", "alac"].contains(&codec)
}

/// A second of music, or a few seconds at rates that no music has.
fn recording(rate: u32, channels: usize) -> Result<Audio> {
    let music_rate = rate.clamp(8000, 192_000);
    let (drums, guitar) = drums_and_guitar(1.3, music_rate);
    let mono = mix(&[&drums, &guitar]);
    let len = mono.len_samples() - 37;
    let samples = Array2::from_shape_fn((channels, len), |(channel, n)| {
        // Every channel is told from the others by its level.
        mono.channel(0)[n] * 0.5 / (1.0 + 0.25 * channel as f32)
    });
    Ok(Audio::new(samples, rate)?)
}

fn write(path: &Path, audio: &Audio) -> Result<()> {
    let (channels, len) = (audio.channels(), audio.len_samples());
    let paths = [path.to_owned()];
    let mut set = StemSet::create(
        &paths,
        OutputFormat::Wav32f,
        audio.sample_rate(),
        channels,
        len,
        1.0,
    )?;
    set.write(audio.samples().insert_axis(ndarray::Axis(0)))?;
    set.finish()?;
    Ok(())
}

/// Make a file of a case in a folder; the recording, and the file's name.
pub(super) fn make(folder: &Path, case: &Case) -> Result<(Audio, String)> {
    let audio = recording(case.rate, case.channels)?;
    write(&folder.join("in.wav"), &audio)?;
    let name = format!(
        "{}.{}",
        case.name.replace([' ', ',', '.'], "_"),
        case.ending
    );
    shell(folder, &case.line.replace("$out", &name))?;
    Ok((audio, name))
}

pub(super) fn compare(folder: &Path, only: Option<&str>) -> Result<Vec<Row>> {
    let chosen = CASES
        .iter()
        .filter(|case| only.is_none_or(|word| case.name.contains(word)));
    chosen
        .map(|case| {
            let (audio, name) =
                make(folder, case).with_context(|| format!("cannot make {}", case.name))?;
            let found = found(&folder.join(&name), &audio).map_err(|error| {
                let text = format!("{error:#}");
                text.rsplit_once(": ")
                    .map_or(text.clone(), |(reason, _)| reason.to_owned())
            });
            Ok(Row {
                name: case.name,
                rate: case.rate,
                channels: case.channels,
                found,
            })
        })
        .collect()
}

fn found(path: &Path, audio: &Audio) -> Result<Found> {
    let ours = read_audio(path, Span::default())?;
    let peer = decoded_by_ffmpeg(path, audio.channels())?;
    let first = ours.audio.samples().row(0).to_owned();
    let peer_first = peer.row(0).to_owned();
    let (lag, peer_lag) = (
        lag(first.view(), audio.samples().row(0)),
        lag(first.view(), peer_first.view()),
    );
    let len = |samples: usize| samples as i64;
    Ok(Found {
        codec: ours.format.codec.clone(),
        delay: ours.delay,
        lag,
        surplus: len(ours.audio.len_samples()) - len(audio.len_samples()),
        peer_lag,
        peer_surplus: len(ours.audio.len_samples()) - len(peer.ncols()),
        peer_difference: difference(&ours.audio, &peer, peer_lag),
    })
}

/// What another program reads, `(channels, samples)`.
fn decoded_by_ffmpeg(path: &Path, channels: usize) -> Result<Array2<f32>> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-f", "f32le", "-c:a", "pcm_f32le", "-"])
        .output()?;
    let samples: Vec<f32> = output
        .stdout
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().expect("four bytes")))
        .collect();
    let frames = samples.len() / channels;
    let interleaved =
        Array2::from_shape_vec((frames, channels), samples[..frames * channels].to_vec())?;
    Ok(interleaved.t().as_standard_layout().into_owned())
}

/// By how many samples `one` is late against `other`: the highest cross-correlation.
fn lag(one: ArrayView1<'_, f32>, other: ArrayView1<'_, f32>) -> i64 {
    const FARTHEST: i64 = 3000;
    let len = one.len().min(other.len()) as i64;
    let farthest = FARTHEST.min(len / 4);
    let (one, other) = (one.to_vec(), other.to_vec());
    let (begin, end) = (
        farthest as usize,
        (len - farthest).min(farthest + 24_000) as usize,
    );
    let product = |lag: i64| -> f64 {
        (begin..end)
            .map(|n| {
                let at = (n as i64 + lag) as usize;
                f64::from(other[n]) * f64::from(one.get(at).copied().unwrap_or(0.0))
            })
            .sum()
    };
    (-farthest..=farthest)
        .max_by(|a, b| product(*a).total_cmp(&product(*b)))
        .unwrap_or(0)
}

fn difference(ours: &Audio, peer: &Array2<f32>, lag: i64) -> f32 {
    let mut worst = 0.0_f32;
    for channel in 0..ours.channels().min(peer.nrows()) {
        for (n, x) in ours.channel(channel).iter().enumerate() {
            let at = n as i64 - lag;
            if let Some(y) = usize::try_from(at)
                .ok()
                .and_then(|at| peer.get((channel, at)))
            {
                worst = worst.max((x - y).abs());
            }
        }
    }
    worst
}

/// Files for the tests of `unbraid-io`: small, of a recording that the tests make anew.
pub(super) fn write_data(folder: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target)?;
    let audio = {
        let (drums, guitar) = drums_and_guitar(0.5, 22_050);
        mix(&[&drums, &guitar])
    };
    write(&folder.join("in.wav"), &audio)?;
    let lame = "sox in.wav -b 16 -D t.wav && lame --quiet -b 64 --add-id3v2 --tt Etude --ta Nobody";
    for (name, line) in [
        ("lame.mp3", format!("{lame} t.wav lame.mp3")),
        (
            "lame-untagged.mp3",
            format!("{lame} -t t.wav lame-untagged.mp3"),
        ),
        (
            "ffmpeg.m4a",
            format!("{FF} -c:a aac -b:a 48k -metadata title=Etude ffmpeg.m4a"),
        ),
        ("ffmpeg.aac", format!("{FF} -c:a aac -b:a 48k ffmpeg.aac")),
        (
            "alac.m4a",
            format!("{FF} -c:a alac -sample_fmt s16p alac.m4a"),
        ),
        (
            "alac.caf",
            format!(
                "{FF} -c:a alac -sample_fmt s16p -metadata title=Etude -metadata artist=Nobody alac.caf"
            ),
        ),
        (
            "flac.mka",
            format!(
                "ffmpeg -y -v error -f lavfi -i color=c=white:s=8x8 -frames:v 1 cover.png && \
                 {FF} -c:a flac -metadata title=Etude -metadata artist=Nobody -metadata track=3 \
                 -attach cover.png -metadata:s:t mimetype=image/png flac.mka"
            ),
        ),
        (
            "oggenc.ogg",
            "oggenc -Q -q 1 -s 1 -t Etude -a Nobody in.wav -o oggenc.ogg".to_owned(),
        ),
        ("sox.aiff", "sox in.wav -b 16 -D sox.aiff".to_owned()),
        (
            "surround.ogg",
            "sox -D in.wav -b 16 six.wav remix 1v0.5 1v0.4 1v0.33 1v0.28 1v0.25 1v0.22 && \
             oggenc -Q -q 3 -s 1 six.wav -o surround.ogg"
                .to_owned(),
        ),
    ] {
        shell(folder, &line)?;
        fs::copy(folder.join(name), target.join(name))?;
    }
    Ok(())
}
