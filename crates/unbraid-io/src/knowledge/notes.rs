//! A folder of single notes comes in; examples to learn from go out.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use unbraid::knowledge::Example;

use super::naming::{NoteName, note_name};
use super::sfz::read_sfz;
use crate::Error;
use crate::audio::{Span, read_audio};
use crate::error::reading;

/// Endings of files that may hold a note; what is in them is told by content.
const ENDINGS: [&str; 12] = [
    "wav", "flac", "ogg", "oga", "mp3", "m4a", "aif", "aiff", "aifc", "caf", "rf64", "bw64",
];

/// Notes that were found.
#[derive(Debug, Clone)]
pub struct Found {
    /// What to learn from.
    pub examples: Vec<Example>,
    /// Files that no pitch was found in, by name or by ear.
    pub unpitched: Vec<PathBuf>,
    /// How many pitches were told by ear.
    pub detected: usize,
}

/// A note and where its sound is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) name: NoteName,
}

/// Read a folder of single notes, its subfolders included, a single file, or an SFZ file.
///
/// Note and loudness are told by the file's name ([`note_name`]) or by the SFZ's opcodes, the note else by ear.
/// Layers that are only numbered become velocities in proportion to the highest number in the folder.
///
/// # Errors
///
/// - [`Error::Notes`] if there are no audio files, nothing in them is pitched, or two files are one note in one layer.
/// - What reading audio gives.
pub fn read_notes(path: &Path) -> Result<Found, Error> {
    let refuse = |reason: String| Error::Notes {
        path: path.to_owned(),
        reason,
    };
    let places = if path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("sfz"))
    {
        read_sfz(path)?
    } else if path.is_dir() {
        let mut files = Vec::new();
        walk(path, &mut files)?;
        files
            .into_iter()
            .map(|file| Place {
                name: note_name(&file),
                path: file,
            })
            .collect()
    } else {
        vec![Place {
            name: note_name(path),
            path: path.to_owned(),
        }]
    };
    if places.is_empty() {
        return Err(refuse("no audio file is in it".to_owned()));
    }
    let mut seen: BTreeMap<(u8, Option<u8>, Option<u8>), &Path> = BTreeMap::new();
    for place in &places {
        let NoteName {
            note,
            velocity,
            layer,
        } = place.name;
        let Some(note) = note else { continue };
        if let Some(other) = seen.insert((note, velocity, layer), &place.path) {
            return Err(refuse(format!(
                "{} and {} are the same note of the same layer",
                other.display(),
                place.path.display()
            )));
        }
    }
    let highest = places
        .iter()
        .filter_map(|place| place.name.layer)
        .max()
        .unwrap_or(1)
        .max(1);
    // As many notes as there are threads are in memory whole; what is kept of each is short.
    let span = Span {
        start_secs: 0.0,
        duration_secs: Some(unbraid::knowledge::LIFE_SECS + 5.0),
    };
    let mut found = Found {
        examples: Vec::new(),
        unpitched: Vec::new(),
        detected: 0,
    };
    for place in &places {
        let audio = read_audio(&place.path, span)?.audio;
        let mono: Vec<f32> = audio
            .samples()
            .mean_axis(ndarray::Axis(0))
            .map(|mean| mean.to_vec())
            .unwrap_or_default();
        let Ok(mut example) = Example::new(mono, audio.sample_rate()) else {
            found.unpitched.push(place.path.clone());
            continue;
        };
        let velocity = match (place.name.velocity, place.name.layer) {
            (Some(velocity), _) => f32::from(velocity),
            (None, Some(layer)) => 127.0 * f32::from(layer) / f32::from(highest),
            (None, None) => 64.0,
        };
        example = example.with_velocity(velocity);
        if let Some(note) = place.name.note {
            example = example.with_note(f32::from(note));
        } else {
            example = example.with_detected_note();
            if example.note().is_none() {
                found.unpitched.push(place.path.clone());
                continue;
            }
            found.detected += 1;
        }
        found.examples.push(example);
    }
    if found.examples.is_empty() {
        let first = found.unpitched.first().map_or_else(String::new, |file| {
            format!(", the first of them {}", file.display())
        });
        return Err(refuse(format!(
            "nothing in its {} audio files has a pitch{first}",
            places.len()
        )));
    }
    Ok(found)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let mut entries = fs::read_dir(folder)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(reading(folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden {
            continue;
        }
        if entry.file_type().map_err(reading(&path))?.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|ending| {
            ENDINGS
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        }) {
            files.push(path);
        }
    }
    Ok(())
}
