//! The bytes of a WAV file come in; samples go out, and back.
//!
//! Read by hand rather than by a library because people's files break the format's rules in ways
//! that need a decision: lengths that were never filled in by a writer to a pipe, more channels than
//! there are names of loudspeakers, headers that lie.

mod header;
mod sample;
pub(super) mod write;

use std::io::Read;
use std::path::Path;

use super::read::{Decode, Header, fill};
use crate::Error;
use sample::Encoding;

/// Frames that are decoded at once: memory grows with what is there, not with what is declared.
const BLOCK_FRAMES: u64 = 4096;

/// The data of a WAV file, being decoded.
pub(super) struct WavDecoder<'a> {
    path: &'a Path,
    source: Box<dyn Read + 'a>,
    header: Header,
    encoding: Encoding,
    /// Frames that the header promises still.
    left: u64,
    bytes: Vec<u8>,
}

impl<'a> WavDecoder<'a> {
    /// Read the header, up to the data.
    pub(super) fn new(
        mut source: Box<dyn Read + 'a>,
        len_bytes: Option<u64>,
        path: &'a Path,
    ) -> Result<Self, Error> {
        let (header, encoding) = header::read(&mut source, len_bytes, path)?;
        let left = header.declared.unwrap_or(u64::MAX);
        Ok(Self {
            path,
            source,
            header,
            encoding,
            left,
            bytes: Vec::new(),
        })
    }

    /// Whether a file that begins with these bytes is for this reader.
    pub(super) fn knows(start: &[u8]) -> bool {
        matches!(start.get(..4), Some(b"RIFF" | b"RF64" | b"BW64"))
            && start.get(8..12) == Some(b"WAVE")
    }
}

impl Decode for WavDecoder<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next_block(&mut self, samples: &mut Vec<f32>, _decoded: u64) -> Result<bool, Error> {
        samples.clear();
        let frame = self.encoding.bytes() * self.header.channels;
        let wanted = self.left.min(BLOCK_FRAMES) as usize * frame;
        self.bytes.resize(wanted, 0);
        let found = fill(&mut self.source, &mut self.bytes, self.path)?;
        // A frame that was cut in two is not a sample of every channel.
        let frames = found / frame;
        self.encoding.decode(&self.bytes[..frames * frame], samples);
        self.left -= frames as u64;
        Ok(frames > 0)
    }

    fn verify(&mut self) -> Result<(), String> {
        // The format has no checksum.
        Ok(())
    }
}
