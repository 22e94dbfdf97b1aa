//! What a file says beside its samples comes in; the same goes out, as the blocks of a file that is written.
//!
//! Kept are tags (text, ratings, pictures), cue points with their labels, and what broadcasters and recorders of sound for
//! films write (`bext`, `iXML`). Tags are read and translated by Lofty; what a tag of one format says that another has
//! no name for is carried over as text of its own.

mod chunks;
mod containers;
mod flac;
mod tags;

use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use flac_codec::metadata::Cuesheet;
use lofty::tag::Tag;
use symphonia::core::io::MediaSource;

use super::kind::Kind;
use crate::Error;
use crate::error::reading;

pub(super) use chunks::Around;

/// What a recording's file says beside its samples.
///
/// # Examples
///
/// ```
/// # use std::path::Path;
/// # use unbraid_io::audio::{Metadata, OutputFormat, StemSet};
/// # let dir = tempfile::tempdir().unwrap();
/// # let path = dir.path().join("song.wav");
/// # let mut set = StemSet::create(&[path.clone()], OutputFormat::Wav16, 8000, 1, 1, 1.0)?;
/// # set.write(ndarray::array![[[0.5]]].view())?;
/// # set.finish()?;
/// let (metadata, notes) = Metadata::read(&path)?;
/// assert!(metadata.is_empty() && notes.is_empty());
/// # Ok::<(), unbraid_io::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Metadata {
    tags: Option<Tag>,
    broadcast: Option<Vec<u8>>,
    ixml: Option<Vec<u8>>,
    cues: Vec<Cue>,
    cuesheet: Option<Cuesheet>,
}

/// A place in a recording that somebody marked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cue {
    /// The sample.
    pub sample: u64,
    /// How many samples are marked, if it is more than a place.
    pub len_samples: Option<u32>,
    /// Its name, in the encoding of the file.
    pub label: Vec<u8>,
    /// A remark on it.
    pub note: Vec<u8>,
}

impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tags = self.tags.as_ref().map(tags::comments);
        f.debug_struct("Metadata")
            .field("tags", &tags)
            .field("pictures", &self.pictures())
            .field("broadcast", &self.broadcast)
            .field("ixml", &self.ixml)
            .field("cues", &self.cues)
            .field("cuesheet", &self.cuesheet)
            .finish()
    }
}

impl Metadata {
    /// Read what a file says beside its samples, and what of it could not be read.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if the system refuses. What is damaged is left out with a note.
    pub fn read(path: &Path) -> Result<(Self, Vec<String>), Error> {
        let mut file = File::open(path).map_err(reading(path))?;
        Self::of(&mut file).map_err(reading(path))
    }

    /// As [`Metadata::read`], of a file in memory.
    #[must_use]
    pub fn read_bytes(bytes: &[u8]) -> (Self, Vec<String>) {
        // Memory does not refuse to be read.
        Self::of(&mut Cursor::new(bytes.to_vec())).unwrap_or_default()
    }

    fn of(source: &mut dyn MediaSource) -> std::io::Result<(Self, Vec<String>)> {
        let Some(len) = source.byte_len().filter(|_| source.is_seekable()) else {
            return Ok((Self::default(), Vec::new()));
        };
        let Some((kind, bytes)) = Kind::tell(source, len)? else {
            return Ok((Self::default(), Vec::new()));
        };
        let mut notes = Vec::new();
        let (mut found, is_wav) = match kind {
            Kind::Pcm => chunks::read(source, bytes)?,
            Kind::Flac => (flac::read(source, bytes.start)?, false),
            _ => (Self::default(), false),
        };
        if !is_wav {
            let read = match kind {
                Kind::Matroska => containers::matroska(source),
                Kind::Caf => containers::caf(source).map_err(|error| error.to_string()),
                _ => tags::read(source),
            };
            match read {
                Ok(tags) => found.tags = tags,
                Err(reason) => notes.push(format!(
                    "its tags could not be read ({reason}) and are not kept"
                )),
            }
        }
        Ok((found, notes))
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_none()
            && self.broadcast.is_none()
            && self.ixml.is_none()
            && self.cues.is_empty()
            && self.cuesheet.is_none()
    }

    /// The text of a tag, such as `TITLE` or `ALBUM`, by its name in Vorbis comments.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        let tags = self.tags.as_ref()?;
        let found = tags::comments(tags).into_iter();
        found
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, text)| text)
            .next()
    }

    /// How many pictures there are.
    #[must_use]
    pub fn pictures(&self) -> usize {
        self.tags.as_ref().map_or(0, |tags| tags.pictures().len())
    }

    /// The cue points.
    #[must_use]
    pub fn cues(&self) -> &[Cue] {
        &self.cues
    }

    /// The chunk `bext` of a Broadcast Wave file, as EBU Tech 3285 describes it.
    #[must_use]
    pub fn broadcast(&self) -> Option<&[u8]> {
        self.broadcast.as_deref()
    }

    /// The same for a part of the recording: places are counted from its first sample, and those outside of it are
    /// left out.
    #[must_use]
    pub fn in_span(mut self, begin_sample: u64, len_samples: u64) -> Self {
        self.cues.retain(|cue| {
            (begin_sample..=begin_sample.saturating_add(len_samples)).contains(&cue.sample)
        });
        for cue in &mut self.cues {
            cue.sample -= begin_sample;
        }
        if begin_sample > 0 {
            self.cuesheet = None;
        }
        if let Some(reference) = self
            .broadcast
            .as_mut()
            .and_then(|chunk| chunk.get_mut(TIME_REFERENCE..TIME_REFERENCE + 8))
        {
            let since_midnight = u64::from_le_bytes((&*reference).try_into().expect("eight bytes"));
            reference.copy_from_slice(&since_midnight.wrapping_add(begin_sample).to_le_bytes());
        }
        self
    }
}

/// Where `bext` says, in samples since midnight, when the recording began.
const TIME_REFERENCE: usize = 338;
