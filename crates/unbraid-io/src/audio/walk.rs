//! A folder comes in; the recordings below it go out.

use std::fs::File;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::kind::begins_like_audio;
use super::read::fill_source;
use crate::Error;
use crate::project::MANIFEST;

/// Endings of files that are meant to be recordings, whatever is in them: damaged ones too.
const ENDINGS: [&str; 27] = [
    "wav", "wave", "bwf", "rf64", "w64", "aif", "aiff", "aifc", "flac", "mp1", "mp2", "mp3",
    "mpga", "ogg", "oga", "opus", "m4a", "m4b", "mp4", "aac", "adts", "alac", "caf", "mka", "wma",
    "ape", "wv",
];

/// The recordings below a folder, sorted by their paths, and what could not be looked into.
///
/// A file is one by its ending, or by its first bytes where it has another or none. Left out are hidden files and folders,
/// `except` (where output goes), and folders that hold an `unbraid.json`, which are results. Links to files are followed,
/// links to folders are not, so that the way always ends.
#[must_use]
pub fn recordings_below(folder: &Path, except: &Path) -> Vec<Result<PathBuf, Error>> {
    let except = except.canonicalize().ok();
    let is_wanted = |entry: &walkdir::DirEntry| {
        if entry.depth() == 0 {
            return true;
        }
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let is_output = || {
            let path = entry.path();
            path.join(MANIFEST).exists() || except.is_some() && path.canonicalize().ok() == except
        };
        let is_skipped = is_hidden || entry.file_type().is_dir() && is_output();
        !is_skipped
    };
    let found = WalkDir::new(folder).sort_by_file_name().into_iter();
    found
        .filter_entry(is_wanted)
        .filter_map(|entry| match entry {
            Ok(entry) => {
                let path = entry.into_path();
                is_recording(&path).then_some(Ok(path))
            }
            Err(error) => {
                let path = error.path().unwrap_or(folder).to_owned();
                Some(Err(Error::Read {
                    path,
                    source: error.into(),
                }))
            }
        })
        .collect()
}

fn is_recording(path: &Path) -> bool {
    if !path.is_file() {
        return false;
    }
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    if ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
        return true;
    }
    let mut start = [0; 16];
    let read = File::open(path).and_then(|mut file| fill_source(&mut file, &mut start));
    read.is_ok_and(|found| begins_like_audio(&start[..found]))
}
