//! A folder comes in; the stems in it, or the tracks of a data set and their stems, go out.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::audio::probe;
use crate::error::reading;

/// What a mixture's file is called.
const MIXTURES: [&str; 2] = ["mixture", "mix"];
/// Endings that promise audio: such a file is never passed over in silence if it cannot be read.
const ENDINGS: [&str; 3] = ["wav", "wave", "flac"];
/// The subsets of MUSDB18.
const SUBSETS: [&str; 2] = ["test", "train"];

/// An audio file that holds one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stem {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

impl Stem {
    /// The stem in a file, named after the file.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let name = path.file_stem().unwrap_or(path.as_os_str());
        Self {
            name: name.to_string_lossy().into_owned(),
            path: path.to_owned(),
        }
    }

    fn is_mixture(&self) -> bool {
        MIXTURES
            .iter()
            .any(|mixture| self.name.eq_ignore_ascii_case(mixture))
    }
}

/// What is in one folder of stems.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StemFolder {
    /// The stems, sorted by name.
    pub stems: Vec<Stem>,
    /// The mixture, called `mixture` or `mix`.
    pub mixture: Option<PathBuf>,
    /// Files that are not audio that can be read, sorted.
    pub ignored: Vec<PathBuf>,
}

impl StemFolder {
    /// Look into a folder; not into those below it.
    ///
    /// Hidden files are passed over. Files are told by their content, but one whose name promises
    /// WAV or FLAC has to be that.
    ///
    /// # Errors
    ///
    /// - [`Error::Read`] if the folder or a file cannot be read.
    /// - Those of [`probe`] for a file that is called `.wav` or `.flac` and is not.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let mut found = Self::default();
        for path in entries(folder)? {
            if path.is_dir() {
                continue;
            }
            match probe(&path) {
                Ok(_) => {
                    let stem = Stem::new(&path);
                    if stem.is_mixture() && found.mixture.is_none() {
                        found.mixture = Some(path);
                    } else if !stem.is_mixture() {
                        found.stems.push(stem);
                    }
                }
                Err(Error::Read { path, source }) => return Err(Error::Read { path, source }),
                Err(error) if promises_audio(&path) => return Err(error),
                Err(_) => found.ignored.push(path),
            }
        }
        found.stems.sort();
        Ok(found)
    }
}

/// How a data set keeps its tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// MUSDB18-HQ: `train|test/<track>/{mixture,vocals,…}.wav`.
    Musdb,
    /// DSD100 and MSD100: `Mixtures|Sources/Dev|Test/<track>/….wav`.
    Dsd,
    /// A folder of folders of stems: `<track>/….wav`.
    Tracks,
}

impl Layout {
    /// Such as `MUSDB18`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Musdb => "MUSDB18",
            Self::Dsd => "DSD100",
            Self::Tracks => "tracks",
        }
    }
}

/// One track of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Track {
    /// The part of the data set it belongs to, such as `test`.
    pub subset: Option<String>,
    /// The track's name.
    pub name: String,
    /// The folder of its references.
    pub references: PathBuf,
    /// The folder of its mixture.
    pub mixture: PathBuf,
}

impl Track {
    /// Such as `test/Song`.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.subset {
            Some(subset) => format!("{subset}/{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The folder below `root` that has this track's estimates, if there is one.
    ///
    /// Separators keep them in `<subset>/<track>/`, in `<track>/`, or as the data set keeps its sources. A
    /// folder called after the mixture's file may lie in between, as it does when whole data sets are
    /// separated track by track.
    #[must_use]
    pub fn estimates(&self, root: &Path) -> Option<PathBuf> {
        let mut places = Vec::new();
        if let Some(subset) = &self.subset {
            places.push(root.join(subset).join(&self.name));
            places.push(root.join("Sources").join(subset).join(&self.name));
        }
        places.push(root.join(&self.name));
        places
            .into_iter()
            .find(|place| place.is_dir())
            .map(|place| {
                let below = MIXTURES.iter().map(|mixture| place.join(mixture));
                below
                    .into_iter()
                    .find(|below| below.is_dir())
                    .unwrap_or(place)
            })
    }
}

/// The tracks of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// How it keeps them.
    pub layout: Layout,
    /// The tracks, sorted by subset and name.
    pub tracks: Vec<Track>,
}

impl Dataset {
    /// The tracks below a folder; nothing if the folder is not a data set, such as one of stems.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if a folder cannot be read.
    pub fn find(root: &Path) -> Result<Option<Self>, Error> {
        let is_dsd = ["Mixtures", "Sources"]
            .iter()
            .all(|name| root.join(name).is_dir());
        let (layout, tracks) = if is_dsd {
            let mut tracks = Vec::new();
            for subset in folders(&root.join("Sources"))? {
                let mixtures = root.join("Mixtures").join(name_of(&subset));
                for references in folders(&subset)? {
                    tracks.push(Track {
                        subset: Some(name_of(&subset)),
                        name: name_of(&references),
                        mixture: mixtures.join(name_of(&references)),
                        references,
                    });
                }
            }
            (Layout::Dsd, tracks)
        } else if entries(root)?.iter().any(|path| promises_audio(path)) {
            return Ok(None);
        } else if SUBSETS.iter().any(|subset| root.join(subset).is_dir()) {
            let mut tracks = Vec::new();
            for subset in SUBSETS.iter().filter(|subset| root.join(subset).is_dir()) {
                tracks.extend(tracks_in(&root.join(subset), Some(subset))?);
            }
            (Layout::Musdb, tracks)
        } else {
            (Layout::Tracks, tracks_in(root, None)?)
        };
        let is_empty_folder = layout == Layout::Tracks && tracks.is_empty();
        Ok((!is_empty_folder).then_some(Self { layout, tracks }))
    }
}

fn tracks_in(folder: &Path, subset: Option<&str>) -> Result<Vec<Track>, Error> {
    Ok(folders(folder)?
        .into_iter()
        .map(|references| Track {
            subset: subset.map(str::to_owned),
            name: name_of(&references),
            mixture: references.clone(),
            references,
        })
        .collect())
}

/// What is in a folder, sorted, without what is hidden.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(reading(folder))? {
        let entry = entry.map_err(reading(folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = entries(folder)?;
    found.retain(|path| path.is_dir());
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn promises_audio(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        ENDINGS
            .iter()
            .any(|ending| extension.eq_ignore_ascii_case(ending))
    }) && !path.is_dir()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ndarray::Array3;

    use super::*;
    use crate::audio::{OutputFormat, StemSet};

    fn write(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut set =
            StemSet::create(&[path.to_owned()], OutputFormat::Wav16, 8000, 1, 8, 1.0).unwrap();
        set.write(Array3::from_elem((1, 1, 8), 0.25).view())
            .unwrap();
        set.finish().unwrap();
    }

    fn names(folder: &StemFolder) -> Vec<&str> {
        folder.stems.iter().map(|stem| stem.name.as_str()).collect()
    }

    #[test]
    fn stems_mixture_and_the_rest_of_a_folder_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "vocals.wav",
            "Mix.wav",
            "no ending",
            "b.c.wav",
            "below/x.wav",
        ] {
            write(&dir.path().join(name));
        }
        fs::write(dir.path().join("read me.txt"), "hello".repeat(400)).unwrap();
        fs::write(dir.path().join(".hidden.wav"), "no audio").unwrap();
        let folder = StemFolder::read(dir.path()).unwrap();
        assert_eq!(names(&folder), ["b.c", "no ending", "vocals"]);
        assert_eq!(folder.mixture, Some(dir.path().join("Mix.wav")));
        assert_eq!(folder.ignored, [dir.path().join("read me.txt")]);
    }

    #[test]
    fn a_file_that_promises_audio_and_has_none_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("drums.wav"), "not audio".repeat(400)).unwrap();
        let error = StemFolder::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains("drums.wav"), "{error}");
    }

    #[test]
    fn data_sets_are_told_by_their_folders() {
        for (files, layout, labels, mixture) in [
            (
                &["train/B/bass.wav", "test/A/bass.wav", "test/A/mixture.wav"][..],
                Layout::Musdb,
                &["test/A", "train/B"][..],
                "test/A",
            ),
            (
                &[
                    "Mixtures/Dev/1 - A/mixture.wav",
                    "Sources/Dev/1 - A/bass.wav",
                ],
                Layout::Dsd,
                &["Dev/1 - A"],
                "Mixtures/Dev/1 - A",
            ),
            (
                &["two/x.wav", "one/x.wav", "readme.txt"],
                Layout::Tracks,
                &["one", "two"],
                "one",
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            for file in files {
                write(&dir.path().join(file));
            }
            let found = Dataset::find(dir.path()).unwrap().unwrap();
            assert_eq!(found.layout, layout);
            let found_labels: Vec<String> = found.tracks.iter().map(Track::label).collect();
            assert_eq!(found_labels, labels);
            assert_eq!(found.tracks[0].mixture, dir.path().join(mixture));
        }
    }

    #[test]
    fn a_folder_of_stems_is_no_data_set() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Dataset::find(dir.path()).unwrap(), None);
        write(&dir.path().join("drums.wav"));
        write(&dir.path().join("components/00.wav"));
        write(&dir.path().join("test/00.wav"));
        assert_eq!(Dataset::find(dir.path()).unwrap(), None);
    }

    #[test]
    fn estimates_are_found_where_separators_put_them() {
        let track = Track {
            subset: Some("test".to_owned()),
            name: "A".to_owned(),
            references: PathBuf::new(),
            mixture: PathBuf::new(),
        };
        for (file, folder) in [
            ("test/A/drums.wav", "test/A"),
            ("A/drums.wav", "A"),
            ("A/mixture/drums.wav", "A/mixture"),
            ("test/A/mixture/drums.wav", "test/A/mixture"),
            ("Sources/test/A/drums.wav", "Sources/test/A"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            assert_eq!(track.estimates(dir.path()), None);
            write(&dir.path().join(file));
            assert_eq!(track.estimates(dir.path()), Some(dir.path().join(folder)));
        }
    }
}
