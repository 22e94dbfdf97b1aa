//! A FLAC file comes in; where its frames lie goes out, and the file without what was appended to it.
//!
//! Frames have no length of their own: the last one ends where the file does, so that a tag behind it
//! would be taken for a part of it; and whether anything is missing from a file that does not say
//! its length is told by the bytes that belong to no frame.

use std::io::{Read, Result, Seek, SeekFrom};

use symphonia::core::io::MediaSource;

use super::read::fill_source;

/// The length of an ID3 tag of version 1, which begins with `TAG`.
const TAG_LEN: u64 = 128;

/// The first bytes of a file.
pub(super) struct Head {
    source: Box<dyn MediaSource>,
    len: u64,
}

impl Head {
    /// Hide an appended tag, if the source is FLAC and can be searched for one; say how many bytes
    /// its frames have.
    pub(super) fn of_flac(
        mut source: Box<dyn MediaSource>,
    ) -> Result<(Box<dyn MediaSource>, Option<u64>)> {
        let Some(all) = source.byte_len().filter(|_| source.is_seekable()) else {
            return Ok((source, None));
        };
        let begin = frames_begin(source.as_mut())?;
        let mut len = all;
        if let Some(tag) = all.checked_sub(TAG_LEN) {
            let mut mark = [0; 3];
            source.seek(SeekFrom::Start(tag))?;
            if fill_source(&mut source, &mut mark)? == 3 && &mark == b"TAG" {
                len = tag;
            }
        }
        source.seek(SeekFrom::Start(0))?;
        let payload = begin.and_then(|begin| len.checked_sub(begin));
        if payload.is_none() {
            return Ok((source, None));
        }
        Ok((Box::new(Self { source, len }), payload))
    }
}

/// The byte behind the blocks of metadata, if the source is FLAC.
fn frames_begin(source: &mut dyn MediaSource) -> Result<Option<u64>> {
    let mut word = [0; 4];
    let mut at = 4;
    if fill_source(source, &mut word)? < 4 || &word != b"fLaC" {
        return Ok(None);
    }
    loop {
        if fill_source(source, &mut word)? < 4 {
            return Ok(None);
        }
        let len = u32::from_be_bytes([0, word[1], word[2], word[3]]);
        at += 4 + u64::from(len);
        if word[0] & 0x80 != 0 {
            return Ok(Some(at));
        }
        source.seek(SeekFrom::Start(at))?;
    }
}

impl Read for Head {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = self.len.saturating_sub(self.source.stream_position()?);
        let most = left.min(buffer.len() as u64) as usize;
        self.source.read(&mut buffer[..most])
    }
}

impl Seek for Head {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::End(offset) => SeekFrom::Start(self.len.saturating_add_signed(offset)),
            other => other,
        };
        self.source.seek(to)
    }
}

impl MediaSource for Head {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
