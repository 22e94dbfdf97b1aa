//! Paths come in; recordings, their checksums and the names of their tracks go out.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use unbraid_io::audio::{Recording, Span, read_audio, read_bytes};
use unbraid_io::project::{Input, sha256_of_bytes, sha256_of_file};

use crate::failure::Failure;

/// Standard input or output.
pub(crate) const STANDARD: &str = "-";

/// Whether a path stands for standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path == Path::new(STANDARD)
}

/// Read a recording, and describe it for the manifest.
pub(crate) fn read(path: &Path, span: Span) -> Result<(Recording, Input), Failure> {
    let (recording, sha256) = if is_standard(path) {
        let mut bytes = Vec::new();
        std::io::stdin()
            .read_to_end(&mut bytes)
            .context("cannot read standard input")?;
        let sha256 = sha256_of_bytes(&bytes);
        (
            read_bytes(bytes, Path::new("standard input"), span)?,
            sha256,
        )
    } else {
        (read_audio(path, span)?, sha256_of_file(path)?)
    };
    let input = Input {
        path: path.display().to_string(),
        sha256,
        format: recording.format.clone(),
        delay: recording.delay,
        notes: recording.notes.clone(),
        sample_rate: recording.audio.sample_rate(),
        channels: recording.audio.channels(),
        len_samples: recording.audio.len_samples(),
        start_secs: span.start_secs,
        duration_secs: span.duration_secs,
    };
    Ok((recording, input))
}

/// The name of one recording's output: its file name without the ending.
pub(crate) fn track_name(path: &Path) -> PathBuf {
    if is_standard(path) {
        return PathBuf::from("stdin");
    }
    path.file_stem()
        .map_or_else(|| PathBuf::from("track"), PathBuf::from)
}

/// The names of several recordings' output: their paths below their common folder, without the
/// ending.
pub(crate) fn tracks(files: &[PathBuf]) -> Result<Vec<(PathBuf, PathBuf)>, Failure> {
    let folder = |path: &PathBuf| path.parent().map(Path::to_owned).unwrap_or_default();
    let mut common: Option<PathBuf> = None;
    for file in files.iter().filter(|file| !is_standard(file)) {
        common = Some(match common {
            None => folder(file),
            Some(common) => {
                let parent = folder(file);
                let shared = common.components().zip(parent.components());
                shared.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
            }
        });
    }
    let common = common.unwrap_or_default();
    let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    let mut named = Vec::new();
    for file in files {
        let below = file.strip_prefix(&common).ok().and_then(Path::parent);
        // A path may climb (`../other`); what lies outside of the output folder stays out.
        let below: PathBuf = below
            .into_iter()
            .flat_map(Path::components)
            .filter(|part| matches!(part, std::path::Component::Normal(_)))
            .collect();
        let track = below.join(track_name(file));
        if let Some(other) = seen.insert(track.clone(), file) {
            return Err(Failure::usage(format!(
                "{} and {} would both be written to `{}`: separate them into different folders \
                 (-o)",
                other.display(),
                file.display(),
                track.display()
            )));
        }
        named.push((file.clone(), track));
    }
    Ok(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Vec<String> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let tracks = tracks(&files).unwrap();
        tracks
            .into_iter()
            .map(|(_, track)| track.display().to_string())
            .collect()
    }

    #[test]
    fn a_track_is_the_path_below_the_common_folder_without_its_ending() {
        assert_eq!(named(&["a/b/song.wav"]), ["song"]);
        assert_eq!(named(&["a/x/one.wav", "a/y/two.flac"]), ["x/one", "y/two"]);
        assert_eq!(named(&["a/one.wav", "a/y/two.flac"]), ["one", "y/two"]);
        assert_eq!(
            named(&["/m/a/one.wav", "/m/a/b.c/two.x.flac"]),
            ["one", "b.c/two.x"]
        );
        assert_eq!(named(&["-"]), ["stdin"]);
        assert_eq!(named(&["mein Lied é.wav"]), ["mein Lied é"]);
    }

    #[test]
    fn paths_that_climb_stay_below_the_output_folder() {
        assert_eq!(named(&["../a/one.wav", "b/two.wav"]), ["a/one", "b/two"]);
    }

    #[test]
    fn two_files_with_one_track_are_refused() {
        let files = [PathBuf::from("a.wav"), PathBuf::from("a.flac")];
        let message = tracks(&files).unwrap_err().to_string();
        assert!(
            message.contains("a.wav") && message.contains("a.flac"),
            "{message}"
        );
    }
}
