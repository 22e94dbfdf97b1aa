//! The bytes of a header come in; its fields go out, one after the other.

use std::io::Read;
use std::path::Path;

use crate::Error;
use crate::audio::read::fill;

/// The bytes before the data, counted.
pub(super) struct Chunks<'a> {
    source: &'a mut dyn Read,
    path: &'a Path,
    position: u64,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(source: &'a mut dyn Read, path: &'a Path) -> Self {
        Self {
            source,
            path,
            position: 0,
        }
    }

    /// Bytes that were passed so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> Error {
        Error::NotAudio {
            path: self.path.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], Error> {
        let mut bytes = [0; LEN];
        let found = fill(self.source, &mut bytes, self.path)?;
        self.position += found as u64;
        if found < LEN {
            return Err(self.refuse(format!(
                "its header is cut off after {} bytes",
                self.position
            )));
        }
        Ok(bytes)
    }

    pub(super) fn skip(&mut self, len: u64) -> Result<(), Error> {
        let passed = std::io::copy(&mut (&mut *self.source).take(len), &mut std::io::sink())
            .map_err(crate::error::reading(self.path))?;
        self.position += passed;
        if passed < len {
            return Err(self.refuse("it ends before any sample"));
        }
        Ok(())
    }
}
