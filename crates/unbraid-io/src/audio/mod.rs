//! Audio files come in as recordings; stems go out as audio files.

mod coded;
mod flush;
mod format;
mod kind;
mod metadata;
mod mp4;
mod mpeg;
mod pcm;
mod read;
mod stream;
mod timeline;
mod walk;
mod window;
mod write;

pub use format::{OutputFormat, file_len_bytes};
pub use metadata::{Cue, Metadata};
pub use read::{Probe, Recording, Span, probe, read_audio, read_bytes};
pub use stream::{AudioStream, Survey};
pub use timeline::Delay;
pub use walk::recordings_below;
pub use write::{AudioWriter, HELD_BACK, StemSet, WrittenStems};

use serde::{Deserialize, Serialize};

/// What a file said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFormat {
    /// The container's short name, such as `wave` or `flac`.
    pub container: String,
    /// The codec's short name, such as `pcm_s16le`.
    pub codec: String,
    /// Bits of a sample, where samples have a fixed width.
    pub bits_per_sample: Option<u32>,
}
