//! A writer comes in that an encoder is going to swallow; a second handle goes out, to flush it.
//!
//! A buffer that is dropped by its owner loses its last bytes in silence where the disk is full.

use std::io::{Result, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle of a shared writer.
pub(super) struct Flushable<W>(Arc<Mutex<W>>);

impl<W> Flushable<W> {
    pub(super) fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    fn writer(&self) -> MutexGuard<'_, W> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<W> Clone for Flushable<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W: Write> Write for Flushable<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        self.writer().flush()
    }
}

impl<W: Seek> Seek for Flushable<W> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.writer().seek(to)
    }
}
