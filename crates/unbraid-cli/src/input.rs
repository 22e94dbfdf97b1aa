//! A path comes in; a recording, its checksum and the name of its output go out.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use unbraid_io::audio::{Metadata, Recording, Span, read_audio, read_bytes};
use unbraid_io::project::{Input, sha256_of_bytes, sha256_of_file};

use crate::failure::Failure;

/// Standard input or output.
pub(crate) const STANDARD: &str = "-";

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// A recording that was read.
pub(crate) struct Loaded {
    pub(crate) recording: Recording,
    /// Its description for the manifest.
    pub(crate) input: Input,
    /// What its file says beside the samples.
    pub(crate) metadata: Metadata,
}

/// Read a recording, and describe it for the manifest.
pub(crate) fn read(path: &Path, span: Span) -> Result<(Recording, Input), Failure> {
    let Loaded {
        recording, input, ..
    } = load(path, span)?;
    Ok((recording, input))
}

/// Read a recording with what its file says beside the samples.
pub(crate) fn load(path: &Path, span: Span) -> Result<Loaded, Failure> {
    let (recording, sha256, (metadata, lost)) = if is_standard(path) {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        let sha256 = sha256_of_bytes(&bytes);
        let metadata = Metadata::read_bytes(&bytes);
        (
            read_bytes(bytes, Path::new("standard input"), span)?,
            sha256,
            metadata,
        )
    } else {
        (
            read_audio(path, span)?,
            sha256_of_file(path)?,
            Metadata::read(path)?,
        )
    };
    let audio = &recording.audio;
    let begin = span.start_secs * f64::from(audio.sample_rate());
    let metadata = metadata.in_span(begin.round() as u64, audio.len_samples() as u64);
    let input = Input {
        path: path.display().to_string(),
        sha256,
        format: recording.format.clone(),
        delay: recording.delay,
        notes: [&recording.notes[..], &lost].concat(),
        sample_rate: audio.sample_rate(),
        channels: audio.channels(),
        len_samples: audio.len_samples(),
        start_secs: span.start_secs,
        duration_secs: span.duration_secs,
    };
    Ok(Loaded {
        recording,
        input,
        metadata,
    })
}

/// The name of one recording's output: its file name without the ending.
pub(crate) fn track_name(path: &Path) -> PathBuf {
    if is_standard(path) {
        return PathBuf::from("stdin");
    }
    path.file_stem()
        .map_or_else(|| PathBuf::from("track"), PathBuf::from)
}
