//! Files and folders come in; recordings and the names of their output go out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use unbraid_io::audio::recordings_below;

use crate::failure::Failure;
use crate::input::{is_standard, track_name};

/// A recording and the folder of its output, below the output's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) file: PathBuf,
    pub(crate) name: PathBuf,
}

/// What was given, walked through.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    pub(crate) list: Vec<Track>,
    /// What could not be looked into.
    pub(crate) unreadable: Vec<unbraid_io::Error>,
    /// Whether more was given than one file.
    pub(crate) is_batch: bool,
}

impl Tracks {
    /// Walk through what was given; `output` is no part of it.
    ///
    /// A track is named by its path below a folder that was given alone, or else below the folder that all share, without
    /// its ending. Where two would have one name, they keep their endings.
    pub(crate) fn of(given: &[PathBuf], output: &Path) -> Result<Self, Failure> {
        let mut found = Self {
            is_batch: given.len() > 1 || given.iter().any(|path| path.is_dir()),
            ..Self::default()
        };
        let mut files = Vec::new();
        for path in given {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let before = files.len() + found.unreadable.len();
            for recording in recordings_below(path, output) {
                match recording {
                    Ok(file) => files.push(file),
                    Err(error) => found.unreadable.push(error),
                }
            }
            if before == files.len() + found.unreadable.len() {
                return Err(Failure::Other(anyhow::anyhow!(
                    "no recordings in the folder {}: WAV, AIFF, FLAC, MP3, Ogg Vorbis, M4A and CAF are taken, in its \
                     subfolders too",
                    path.display()
                )));
            }
        }
        let mut seen = HashSet::new();
        files.retain(|file| seen.insert(file.clone()));
        let names = names(&files, &common(given));
        found.list = files
            .into_iter()
            .zip(names)
            .map(|(file, name)| Track { file, name })
            .collect();
        Ok(found)
    }
}

/// The parts of a path that lead downwards: what lies outside of the output folder stays out.
fn downwards(path: &Path) -> PathBuf {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect()
}

/// The folder that all of what was given shares.
fn common(given: &[PathBuf]) -> PathBuf {
    let parts = |path: &PathBuf| -> PathBuf {
        let folder = if path.is_dir() {
            path.as_path()
        } else {
            path.parent().unwrap_or(Path::new(""))
        };
        folder
            .components()
            .filter(|part| *part != Component::CurDir)
            .collect()
    };
    let mut folders = given.iter().filter(|path| !is_standard(path)).map(parts);
    let first = folders.next().unwrap_or_default();
    folders.fold(first, |common, folder| {
        let shared = common.components().zip(folder.components());
        shared.take_while(|(a, b)| a == b).map(|(a, _)| a).collect()
    })
}

fn names(files: &[PathBuf], common: &Path) -> Vec<PathBuf> {
    let below: Vec<PathBuf> = files
        .iter()
        .map(|file| {
            let file: PathBuf = file
                .components()
                .filter(|part| *part != Component::CurDir)
                .collect();
            let below = file.strip_prefix(common).ok().and_then(Path::parent);
            downwards(below.unwrap_or(Path::new("")))
        })
        .collect();
    let mut keeps_ending = vec![false; files.len()];
    loop {
        let names: Vec<PathBuf> = files
            .iter()
            .zip(&below)
            .zip(&keeps_ending)
            .map(|((file, below), &keeps)| match file.file_name() {
                Some(name) if keeps => below.join(name),
                _ => below.join(track_name(file)),
            })
            .collect();
        // Some file systems take `Song` and `song` for one.
        let plain = |name: &Path| name.to_string_lossy().to_lowercase();
        let mut taken: HashMap<String, usize> = HashMap::new();
        for name in &names {
            *taken.entry(plain(name)).or_default() += 1;
        }
        // A track must not be the folder of others.
        for folder in below.iter().collect::<BTreeSet<_>>() {
            for folder in folder.ancestors() {
                *taken.entry(plain(folder)).or_default() += 1;
            }
        }
        let mut changed = false;
        for (name, keeps) in names.iter().zip(&mut keeps_ending) {
            let clashes = taken[&plain(name)] > 1;
            changed |= clashes && !*keeps;
            *keeps |= clashes;
        }
        if !changed {
            return names;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(files: &[&str]) -> Vec<String> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let tracks = Tracks::of(&files, Path::new("separated")).unwrap().list;
        tracks
            .into_iter()
            .map(|track| track.name.display().to_string())
            .collect()
    }

    #[test]
    fn a_track_is_the_path_below_the_common_folder_without_its_ending() {
        assert_eq!(named(&["a/b/song.wav"]), ["song"]);
        assert_eq!(named(&["a/x/one.wav", "a/y/two.flac"]), ["x/one", "y/two"]);
        assert_eq!(named(&["a/one.wav", "./a/y/two.flac"]), ["one", "y/two"]);
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
    fn what_would_have_one_name_keeps_its_ending() {
        assert_eq!(
            named(&["a.wav", "a.flac", "b.wav"]),
            ["a.wav", "a.flac", "b"]
        );
        assert_eq!(named(&["a.wav", "A.flac"]), ["a.wav", "A.flac"]);
        assert_eq!(
            named(&["a.mp3", "a.wav", "a.mp3.wav"]),
            ["a.mp3", "a.wav", "a.mp3.wav"]
        );
        // `a` is the folder of another.
        assert_eq!(named(&["a.wav", "a/b.wav"]), ["a.wav", "a/b"]);
        assert_eq!(named(&["a.wav", "a.wav"]), ["a"]);
    }
}
