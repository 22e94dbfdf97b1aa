//! What can go wrong with a file, named by what the user must change.

use std::path::{Path, PathBuf};

/// Every error of this crate. The file's path comes last in each message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be opened or read.
    #[error("cannot read: {source}: {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file or folder could not be written.
    #[error("cannot write: {source}: {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Output is there already.
    #[error("there already: {}", path.display())]
    Exists {
        /// The file or folder.
        path: PathBuf,
    },
    /// Pieces of an interrupted work are there.
    #[error("an interrupted separation is there: {}", path.display())]
    Interrupted {
        /// The folder of its pieces.
        path: PathBuf,
    },
    /// Pieces of another work are there: of another recording, or with other settings.
    #[error("what was interrupted there is another recording, or had other settings: {}", path.display())]
    OtherWork {
        /// The folder of its pieces.
        path: PathBuf,
    },
    /// Too little is free for what is to be written.
    #[error("{needed_bytes} bytes are needed, {free_bytes} are free: {}", path.display())]
    NoRoom {
        /// The folder.
        path: PathBuf,
        /// What is to be written.
        needed_bytes: u64,
        /// What is free.
        free_bytes: u64,
    },
    /// The file holds nothing.
    #[error("the file is empty: {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file holds no audio that can be read.
    #[error("not audio that can be read ({reason}): {}", path.display())]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The file is audio, but damaged.
    #[error("damaged audio ({reason}, after {samples} samples): {}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
        /// Samples per channel decoded before.
        samples: u64,
    },
    /// The file ends before the samples that its header declares.
    #[error("truncated: {declared} samples declared, {found} there: {}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Samples per channel that the header declares.
        declared: u64,
        /// Samples per channel that are there.
        found: u64,
    },
    /// The file decodes to more than any recording of its size.
    #[error("decodes to more than {most_samples} samples, which no recording of its size does: {}", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most samples per channel that are decoded of it.
        most_samples: u64,
    },
    /// The file has a header of audio but no sample.
    #[error("no samples: {}", path.display())]
    NoSamples {
        /// The file.
        path: PathBuf,
    },
    /// A sample is NaN or infinite.
    #[error("channel {channel} holds {value} at sample {sample}: {}", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The channel, from 0.
        channel: usize,
        /// The sample, from 0.
        sample: usize,
        /// The value.
        value: f32,
    },
    /// A sample is so far beyond full scale that it never was one.
    #[error("channel {channel} holds {value:e} at sample {sample}, full scale being 1: {}", path.display())]
    Level {
        /// The file.
        path: PathBuf,
        /// The channel, from 0.
        channel: usize,
        /// The sample, from 0.
        sample: usize,
        /// The value.
        value: f32,
    },
    /// A stem holds NaN or an infinity: nothing that can be heard, nor written as an integer.
    #[error("the stem would hold {value} in channel {channel} at sample {sample}: {}", path.display())]
    Stem {
        /// The file.
        path: PathBuf,
        /// The channel, from 0.
        channel: usize,
        /// The sample, from 0.
        sample: usize,
        /// The value.
        value: f32,
    },
    /// The wanted span lies outside the recording.
    #[error("the span begins at {start_secs} s, but the recording ends at {len_secs} s: {}", path.display())]
    Span {
        /// The file.
        path: PathBuf,
        /// Where the span begins.
        start_secs: f64,
        /// Where the recording ends.
        len_secs: f64,
    },
    /// The wanted span holds no sample, or is none.
    #[error("no sample lies in a span of {duration_secs} s from {start_secs} s: {}", path.display())]
    EmptySpan {
        /// The file.
        path: PathBuf,
        /// Where the span begins.
        start_secs: f64,
        /// How long it is.
        duration_secs: f64,
    },
    /// The output format cannot hold this audio.
    #[error("{format} holds {requirement}, not {given}: {}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The output format.
        format: &'static str,
        /// What it can hold.
        requirement: String,
        /// What it was to hold.
        given: String,
    },
    /// A file of a project is missing, damaged, or does not fit the others.
    #[error("not a usable project ({reason}): {}", path.display())]
    Project {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of regions is damaged, or holds something else.
    #[error("not usable regions ({reason}): {}", path.display())]
    Regions {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A table of onsets is damaged, or holds something else.
    #[error("not usable onsets ({reason}): {}", path.display())]
    Onsets {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of scores is damaged, or holds something else.
    #[error("not usable scores ({reason}): {}", path.display())]
    Scores {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A dictionary is damaged, or holds something else.
    #[error("not a usable dictionary ({reason}): {}", path.display())]
    Dictionary {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A MIDI file is damaged, or holds no score.
    #[error("not a usable score ({reason}): {}", path.display())]
    Midi {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of pitches is damaged, or holds something else.
    #[error("not a usable melody ({reason}): {}", path.display())]
    Melody {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of lyrics is damaged, or has no times.
    #[error("not usable lyrics ({reason}): {}", path.display())]
    Lyrics {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A SoundFont is damaged, or has not what is asked for.
    #[error("not a usable SoundFont ({reason}): {}", path.display())]
    SoundFont {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is nothing to learn notes from.
    #[error("no notes to learn from ({reason}): {}", path.display())]
    Notes {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The project was written by a later version.
    #[error("written in project format {found}, but this program knows up to {known}: {}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format version found.
        found: u32,
        /// The latest known.
        known: u32,
    },
}

impl Error {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Exists { .. } => Some(
                "pass --overwrite to replace it, or choose another -o; `separate --resume` leaves alone what is done",
            ),
            Self::Interrupted { .. } => {
                Some("pass --resume to go on with it, or --overwrite to begin anew")
            }
            Self::OtherWork { .. } => {
                Some("give the same options and file, or pass --overwrite to begin anew")
            }
            Self::NoRoom { .. } => {
                Some("free some space, choose another -o, or a smaller --format")
            }
            Self::Empty { .. } | Self::NoSamples { .. } => {
                Some("check that the recording was saved or copied completely")
            }
            Self::NotAudio { .. } => Some(
                "WAV, AIFF, FLAC, MP3, Ogg Vorbis, AAC and ALAC (M4A, CAF) are read, told by their content and not by \
                 the file's name",
            ),
            Self::TooLong { .. } => Some("separate a part of it with --duration"),
            Self::Damaged { .. } | Self::Truncated { .. } => {
                Some("copy the file again, or separate the part before the damage with --duration")
            }
            Self::NotFinite { .. } | Self::Level { .. } => {
                Some("export the recording again; no sound has such samples")
            }
            Self::Stem { .. } => Some(
                "this is a fault of the program: try another --seed or -k, and report it with the recording's format",
            ),
            Self::Span { .. } => Some("choose a smaller --start"),
            Self::EmptySpan { .. } => {
                Some("--start is at least 0, and --duration long enough for one sample")
            }
            Self::Format { .. } => Some("choose another --format, or a shorter --duration"),
            Self::Version { .. } => Some("use a later version of unbraid"),
            Self::Project { .. } => Some("make it again with `unbraid factorize`"),
            Self::Read { .. } => Some("check the name, and that you may read the file"),
            Self::Write { .. } => {
                Some("check the free space, and that you may write there; or choose another -o")
            }
            Self::Dictionary { .. } => Some("make it again with `unbraid learn`"),
            Self::Midi { .. } => Some(
                "a standard MIDI file (.mid) with notes outside of channel 10 is wanted, or a table with the columns onset, offset, note",
            ),
            Self::SoundFont { .. } => Some(
                "a SoundFont 2 file (.sf2) and one of its presets are wanted (--preset, --bank)",
            ),
            Self::Lyrics { .. } => Some(
                "LRC, UltraStar, TextGrid, HTS or Audacity labels are wanted: text without times can be timed in Audacity \
                 (labels), or by a forced aligner that writes a TextGrid",
            ),
            Self::Melody { .. } => Some(
                "lines of seconds, Hz and perhaps a confidence are wanted, as Sonic Visualiser, Tony, pYIN and CREPE write",
            ),
            Self::Notes { .. } => Some(
                "single notes are wanted, one a file, named like A4v10.wav or 060-080.wav, or with a clear pitch",
            ),
            Self::Regions { .. } => Some(
                "regions are labels as Audacity exports them, or JSON; docs/guide/hints.md shows both",
            ),
            Self::Onsets { .. } => Some(
                "onsets are lines of seconds, what is struck and, if it is known, how hard, such as `0.35,snare,0.8`",
            ),
            Self::Scores { .. } => {
                Some("museval's JSON files are read, such as `unbraid evaluate -o` writes them")
            }
        }
    }
}

/// Attach a path to what the system said.
pub(crate) fn reading(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Read { path, source }
}

/// Attach a path to what the system said.
pub(crate) fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}
