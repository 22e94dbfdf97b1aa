//! Files come in as values of the library, and values go out as files: every reader and writer.
//!
//! | module | reads and writes |
//! |---|---|
//! | [`audio`] | recordings in (WAV, AIFF, FLAC, MP3, Ogg, M4A, CAF), stems out (WAV, FLAC) |
//! | [`knowledge`] | dictionaries, folders of notes, scores |
//! | [`metrics`] | scores in museval's JSON; where data sets and separators keep their stems |
//! | [`atomic`] | output that appears whole under its final name, or not at all |
//! | [`project`] | the project folder: `unbraid.json`, the fit as `.safetensors` and `.npz` |
//!
//! Everything read is untrusted: lengths are checked against what is there, and what cannot be
//! used is refused with the file, the reason and the remedy ([`Error::hint`]).

pub mod atomic;
pub mod audio;
mod digest;
pub mod error;
pub mod knowledge;
pub mod metrics;
pub mod project;

pub use error::Error;
