//! A recording or a project comes in; what it is, and what separating it would cost, goes out.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use ndarray::Array3;
use serde::Serialize;
use unbraid::evidence::ClassShares;
use unbraid::factorize::FactorizeConfig;
use unbraid::fit::{FitConfig, fit};
use unbraid::group::{Overrides, parse_sources};
use unbraid::knowledge::{Atom, Dictionary, Provenance};
use unbraid::model::{LowRank, Start};
use unbraid::recipe::rank_iterations;
use unbraid::separate::{Recipe, recipe};
use unbraid::sharing::StemsConfig;
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::{SeparateConfig, Spectrogram, Stft, StftConfig};
use unbraid_io::audio::{SourceFormat, Span, probe};
use unbraid_io::knowledge::{read_dictionary, read_onsets};
use unbraid_io::project::{BATCH, BatchState, MANIFEST, read_batch, read_manifest};

use super::separate::pieces::{Limits, cut};
use super::separate::{Asked, Knowledge, settings, strokes};
use super::{compact, describe, print_json};
use crate::args::InfoArgs;
use crate::cost::{self, Shape};
use crate::failure::Failure;
use crate::output::say;

/// What `info` says of a recording.
#[derive(Debug, Serialize)]
struct RecordingInfo {
    format: SourceFormat,
    sample_rate: u32,
    channels: usize,
    len_samples: Option<u64>,
    duration_secs: Option<f64>,
    bins: usize,
    frames: Option<usize>,
    components: usize,
    iterations: usize,
    /// Into how many pieces it would be cut.
    pieces: usize,
    /// What separating it would take, on this machine with these settings.
    estimated_secs: Option<f64>,
    estimated_memory_bytes: Option<u64>,
}

pub(crate) fn run(args: &InfoArgs) -> Result<(), Failure> {
    if args.path.is_dir() || args.path.file_name().is_some_and(|name| name == MANIFEST) {
        let folder = if args.path.is_dir() {
            args.path.as_path()
        } else {
            args.path.parent().unwrap_or(Path::new("."))
        };
        if folder.join(BATCH).exists() && !folder.join(MANIFEST).exists() {
            return batch(args, folder);
        }
        return project(args, folder);
    }
    if is_dictionary(&args.path) {
        let dictionary = read_dictionary(&args.path)?;
        if args.json {
            return print_json(&DictionaryInfo::of(&dictionary));
        }
        print_dictionary(&args.path, &dictionary);
        return Ok(());
    }
    recording(args)
}

/// Whether a file is named as `unbraid learn` names what it writes.
pub(crate) fn is_dictionary(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending == "safetensors")
}

/// What `info` says of a dictionary.
#[derive(Debug, Serialize)]
pub(crate) struct DictionaryInfo<'a> {
    kind: &'a str,
    atoms: &'a [Atom],
    sample_rate: u32,
    stft: StftConfig,
    examples: usize,
    provenance: &'a Provenance,
}

impl<'a> DictionaryInfo<'a> {
    pub(crate) fn of(dictionary: &'a Dictionary) -> Self {
        Self {
            kind: dictionary.kind(),
            atoms: dictionary.atoms(),
            sample_rate: dictionary.sample_rate(),
            stft: dictionary.stft(),
            examples: dictionary.examples().len(),
            provenance: dictionary.provenance(),
        }
    }
}

pub(crate) fn print_dictionary(path: &Path, dictionary: &Dictionary) {
    say!("{}", path.display());
    for line in dictionary_lines(dictionary) {
        say!("  {line}");
    }
}

/// What a dictionary is, line by line.
pub(crate) fn dictionary_lines(dictionary: &Dictionary) -> Vec<String> {
    let atoms = dictionary.atoms();
    let set = |value: fn(&Atom) -> Option<u32>| -> BTreeSet<u32> {
        atoms.iter().filter_map(value).collect()
    };
    let keys = set(|atom| atom.key().map(u32::from));
    let layers = set(|atom| Some(atom.velocity.round() as u32));
    let slices = set(|atom| Some(atom.slice as u32));
    let filters = dictionary.is_of_filters();
    let mut lines = vec![format!(
        "a dictionary of kind {}: {} {}",
        dictionary.kind(),
        atoms.len(),
        if filters {
            "filters of a singer"
        } else {
            "templates"
        }
    )];
    if let (Some(low), Some(high)) = (keys.first(), keys.last()) {
        lines.push(format!(
            "{} notes from MIDI {low} to {high}, {} slices of life",
            keys.len(),
            slices.len()
        ));
    }
    let labels: BTreeSet<&str> = atoms.iter().map(|atom| atom.label.as_str()).collect();
    if filters {
        let labels: Vec<&str> = labels
            .into_iter()
            .filter(|label| !label.is_empty())
            .collect();
        lines.push(format!("phonemes: {}", labels.join(" ")));
    }
    let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
    lines.push(format!("velocities: {}", layers.join(", ")));
    let stft = dictionary.stft();
    lines.push(format!(
        "for {} Hz, {} windows of {} samples{}",
        dictionary.sample_rate(),
        stft.window,
        stft.window_len,
        if filters {
            ", and any other (filters are smooth)"
        } else if dictionary.examples().is_empty() {
            " alone (it carries no sounds)"
        } else {
            ", and any other (it carries its sounds)"
        }
    ));
    let provenance = dictionary.provenance();
    for (what, text) in [
        ("from", &provenance.origin),
        ("by", &provenance.author),
        ("licence", &provenance.licence),
        ("made by", &provenance.program),
    ] {
        if !text.is_empty() {
            lines.push(format!("{what}: {text}"));
        }
    }
    lines
}

fn recording(args: &InfoArgs) -> Result<(), Failure> {
    let found = probe(&args.path)?;
    let working_rate = args.sample_rate.unwrap_or(found.sample_rate);
    let settings = settings_of(args, working_rate)?;
    let config = settings.factorize;
    let stft = Stft::new(
        config
            .stft
            .unwrap_or_else(|| StftConfig::for_sample_rate(working_rate)),
    )?;
    let len = found.len_samples.and_then(|len| usize::try_from(len).ok());
    let at_working_rate = f64::from(working_rate) / f64::from(found.sample_rate);
    let frames = len.map(|len| stft.frames((len as f64 * at_working_rate).ceil() as usize));
    let planes = match config.channels {
        Channels::Sum => 1,
        Channels::Pan => found.channels,
    };
    let again = (recipe(&settings) == Recipe::Drums).then_some(settings.drums);
    let estimated_secs = match frames {
        Some(frames) => Some(
            secs_per_frame(
                &config,
                &stft,
                working_rate,
                again.map(|it| it.component_iterations(&settings.sources)),
            )? * (frames * planes) as f64
                * config.blind.restarts.max(1) as f64,
        ),
        None => None,
    };
    let shape = Shape::of(&found, Span::default());
    let limits = Limits {
        memory: args.memory,
        piece: args.piece,
        working_rate,
    };
    let pieces = match len {
        Some(len) => match cut(limits, &settings, shape)? {
            Some(cut) => cut.pieces(len as u64)?,
            None => Vec::new(),
        },
        None => Vec::new(),
    };
    let longest = pieces
        .iter()
        .map(|piece| piece.read.end - piece.read.start)
        .max();
    let estimated_memory_bytes = len.map(|len| {
        let shape = Shape {
            len_samples: longest.unwrap_or(len as u64),
            ..shape
        };
        cost::separate_bytes(shape, working_rate, &settings)
    });
    let info = RecordingInfo {
        duration_secs: found
            .len_samples
            .map(|len| len as f64 / f64::from(found.sample_rate)),
        format: found.format,
        sample_rate: found.sample_rate,
        channels: found.channels,
        len_samples: found.len_samples,
        bins: stft.bins(),
        frames,
        components: config.blind.components,
        iterations: config.blind.fit.iterations,
        pieces: pieces.len().max(1),
        estimated_secs,
        estimated_memory_bytes,
    };
    if args.json {
        return print_json(&info);
    }
    print_recording(&args.path, &info, again.is_some());
    Ok(())
}

fn print_recording(path: &Path, info: &RecordingInfo, is_fitted_again: bool) {
    say!("{}", path.display());
    let width = info
        .format
        .bits_per_sample
        .map_or_else(String::new, |bits| format!(", {bits} bit"));
    say!("  {} ({}{width})", info.format.container, info.format.codec);
    let secs = info.duration_secs.map_or_else(
        || "of unstated length".to_owned(),
        |secs| format!("{secs:.2} s"),
    );
    say!(
        "  {secs}, {} channels, {} Hz",
        info.channels,
        info.sample_rate
    );
    let (Some(frames), Some(secs), Some(bytes)) = (
        info.frames,
        info.estimated_secs,
        info.estimated_memory_bytes,
    ) else {
        return;
    };
    say!("  spectrogram: {} bins × {frames} frames", info.bins);
    let fitted_again = if is_fitted_again {
        ", a network and fits in parts"
    } else {
        ""
    };
    let in_pieces = match info.pieces {
        1 => String::new(),
        pieces => format!(" in {pieces} pieces"),
    };
    say!(
        "  separating it{in_pieces} with {} components, {} iterations{fitted_again}: about {secs:.1} s and {} MB on \
         this machine",
        info.components,
        info.iterations,
        bytes.div_ceil(1_000_000)
    );
}

/// The settings that `separate` would have with the same arguments.
fn settings_of(args: &InfoArgs, working_rate: u32) -> Result<SeparateConfig, Failure> {
    let sources = parse_sources(&args.sources, &[])?;
    let asked = Asked {
        factorize: &args.factorize,
        knowledge: &args.knowledge,
        known: &Knowledge::read(&args.knowledge, &sources)?,
        effort: &args.effort,
        stems: StemsConfig::default(),
        exponent_chosen: false,
    };
    let mut settings = settings(&asked, &sources, &Overrides::none(), working_rate);
    settings.onsets = args.onsets.as_deref().map(read_onsets).transpose()?;
    settings.strokes = strokes(&args.stroke)?;
    Ok(settings)
}

/// Time a few iterations on made-up frames: what a frame costs here, with these settings.
///
/// `again` is what fitting again costs, in iterations of one component, if the network is asked.
fn secs_per_frame(
    factorize: &FactorizeConfig,
    stft: &Stft,
    sample_rate: u32,
    again: Option<usize>,
) -> Result<f64, Failure> {
    const FRAMES: usize = 768;
    const ITERATIONS: usize = 24;
    /// What the rest of the chain costs beside 200 iterations of 16 components.
    const REST_ITERATIONS: f64 = 60.0;
    let components = factorize.blind.components.clamp(1, FRAMES);
    let values = Array3::from_shape_fn((1, stft.bins(), FRAMES), |(_, f, t)| {
        1.0 + ((f * 7 + t * 13) % 29) as f32
    });
    let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude)?;
    let start = LowRank::free(&spectrogram, components, Start::Random, 0)?;
    let config = FitConfig {
        beta: factorize.blind.fit.beta,
        iterations: ITERATIONS,
        ..FitConfig::default()
    };
    let began = Instant::now();
    fit(start, &spectrogram, &config, &mut ())?;
    let per_iteration = began.elapsed().as_secs_f64() / ITERATIONS as f64;
    let mut iterations = factorize.blind.fit.iterations as f64 + REST_ITERATIONS;
    if factorize.choose_rank {
        iterations += rank_iterations(components) as f64 / components as f64;
    }
    let mut network_secs = 0.0;
    if let Some(again) = again {
        iterations += again as f64 / components as f64;
        let began = Instant::now();
        let stft = stft.config();
        let bin_hz = f64::from(sample_rate) / stft.fft_len as f64;
        let hop_secs = stft.hop_len as f64 / f64::from(sample_rate);
        // Only how long it takes is of interest.
        let _ = ClassShares::of(spectrogram.magnitudes().view(), bin_hz, hop_secs);
        network_secs = began.elapsed().as_secs_f64();
    }
    Ok((per_iteration * iterations + network_secs) / FRAMES as f64)
}

fn batch(args: &InfoArgs, folder: &Path) -> Result<(), Failure> {
    let batch = read_batch(folder)?;
    if args.json {
        return print_json(&batch);
    }
    say!("{}", folder.display());
    say!("  {} recordings", batch.recordings.len());
    for (state, word) in [
        (BatchState::Done, "separated"),
        (BatchState::Kept, "done before"),
        (BatchState::Waiting, "waiting: `separate --resume` goes on"),
        (BatchState::Failed, "failed"),
    ] {
        let of = batch.recordings.iter().filter(|one| one.state == state);
        match of.count() {
            0 => {}
            count => say!("  {count} {word}"),
        }
    }
    for error in batch.recordings.iter().filter_map(|one| one.error.as_ref()) {
        say!("    {error}");
    }
    Ok(())
}

fn project(args: &InfoArgs, folder: &Path) -> Result<(), Failure> {
    let manifest = read_manifest(folder)?;
    if args.json {
        return print_json(&manifest);
    }
    let program = &manifest.program;
    say!("{}", folder.display());
    say!(
        "  made by {} {} ({})",
        program.name,
        program.version,
        manifest.command
    );
    say!(
        "  from {}: {}",
        manifest.input.path,
        describe(&manifest.input)
    );
    if let Some(objective) = &manifest.objective {
        say!(
            "  {} iterations, objective {:.4e} → {:.4e}",
            objective.iterations,
            objective.first,
            objective.last
        );
    }
    if let Some(grouping) = &manifest.grouping {
        for (source, members) in grouping.sources.iter().zip(grouping.members()) {
            say!("  {}: components {}", source.name, compact(&members));
        }
    }
    for output in &manifest.outputs {
        say!("  {}", output.path);
    }
    for note in &manifest.notes {
        say!("  note: {note}");
    }
    Ok(())
}
