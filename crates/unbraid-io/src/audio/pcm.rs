//! The bytes of a WAV or AIFF file come in; samples go out, and back as WAV.
//!
//! Read by hand rather than by a library because people's files break the formats' rules in ways
//! that need a decision: lengths that were never filled in by a writer to a pipe, more channels than
//! there are names of loudspeakers, headers that lie.

mod aiff;
mod chunks;
mod sample;
mod wav;
pub(super) mod write;

use std::io::Read;
use std::path::Path;

use super::read::{Decode, Header, fill};
use crate::Error;
use sample::Layout;

/// Frames that are decoded at once: memory grows with what is there, not with what is declared.
const BLOCK_FRAMES: u64 = 4096;

/// The samples of a file that holds them as they are.
pub(super) struct PcmDecoder<'a> {
    path: &'a Path,
    source: Box<dyn Read + 'a>,
    header: Header,
    layout: Layout,
    /// Frames that the header promises still.
    left: u64,
    bytes: Vec<u8>,
}

impl<'a> PcmDecoder<'a> {
    /// Read the header, up to the samples.
    pub(super) fn new(
        mut source: Box<dyn Read + 'a>,
        start: &[u8],
        len_bytes: Option<u64>,
        path: &'a Path,
    ) -> Result<Self, Error> {
        let (header, layout) = if start.starts_with(b"FORM") {
            aiff::read(&mut source, len_bytes, path)?
        } else {
            wav::read(&mut source, len_bytes, path)?
        };
        let left = header.declared.unwrap_or(u64::MAX);
        Ok(Self {
            path,
            source,
            header,
            layout,
            left,
            bytes: Vec::new(),
        })
    }

    /// Whether a file that begins with these bytes is for this reader.
    pub(super) fn knows(start: &[u8]) -> bool {
        matches!(
            (start.get(..4), start.get(8..12)),
            (Some(b"RIFF" | b"RF64" | b"BW64"), Some(b"WAVE"))
                | (Some(b"FORM"), Some(b"AIFF" | b"AIFC"))
        )
    }
}

impl Decode for PcmDecoder<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next_block(&mut self, samples: &mut Vec<f32>, _decoded: u64) -> Result<bool, Error> {
        samples.clear();
        let frame = self.layout.bytes() * self.header.channels;
        let wanted = self.left.min(BLOCK_FRAMES) as usize * frame;
        self.bytes.resize(wanted, 0);
        let found = fill(&mut self.source, &mut self.bytes, self.path)?;
        // A frame that was cut in two is not a sample of every channel.
        let frames = found / frame;
        self.layout
            .decode(&mut self.bytes[..frames * frame], samples);
        self.left -= frames as u64;
        Ok(frames > 0)
    }
}
