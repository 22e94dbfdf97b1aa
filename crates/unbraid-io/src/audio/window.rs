//! A source and a part of it come in; a source that is that part alone goes out.

use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

/// Some bytes of a source, without what stands before and behind them.
pub(super) struct Window {
    source: Box<dyn MediaSource>,
    bytes: Range<u64>,
    /// Where the next byte comes from, counted in the source.
    at: u64,
}

impl Window {
    /// The source has to be seekable.
    pub(super) fn new(mut source: Box<dyn MediaSource>, bytes: Range<u64>) -> Result<Self> {
        let at = source.seek(SeekFrom::Start(bytes.start))?;
        Ok(Self { source, bytes, at })
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.bytes.end.saturating_sub(self.at);
        let most = left.min(buffer.len() as u64) as usize;
        let found = self.source.read(&mut buffer[..most])?;
        self.at += found as u64;
        Ok(found)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => self.bytes.start.checked_add(at),
            SeekFrom::End(offset) => self.bytes.end.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.at.checked_add_signed(offset),
        };
        let Some(target) = target.filter(|&target| target >= self.bytes.start) else {
            return Err(Error::from(ErrorKind::InvalidInput));
        };
        self.at = self.source.seek(SeekFrom::Start(target))?;
        Ok(self.at - self.bytes.start)
    }
}

impl MediaSource for Window {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.bytes.end - self.bytes.start)
    }
}
