//! Samples and numbers come in; text that a page can hold goes out.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use flac_codec::encode::{FlacSampleWriter, Options};
use unbraid::Audio;

use crate::Error;

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// 32-bit floats, little endian.
pub(super) fn floats(values: impl Iterator<Item = f32>) -> String {
    base64(&values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())
}

/// The first two channels as FLAC of 16 bits.
pub(super) fn flac(audio: &Audio) -> Result<Vec<u8>, Error> {
    let refuse = |error: flac_codec::Error| Error::Encode {
        reason: error.to_string(),
    };
    let channels = audio.channels().min(2);
    let samples: Vec<i32> = audio
        .samples()
        .columns()
        .into_iter()
        .flat_map(|sample| {
            let steps = |value: &f32| (value * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i32;
            sample.iter().take(channels).map(steps).collect::<Vec<_>>()
        })
        .collect();
    let file = Shared::default();
    let mut writer = FlacSampleWriter::new(
        file.clone(),
        Options::default(),
        audio.sample_rate(),
        16,
        channels as u8,
        Some(samples.len() as u64),
    )
    .map_err(refuse)?;
    writer.write(&samples).map_err(refuse)?;
    writer.finalize().map_err(refuse)?;
    Ok(file.with(|file| std::mem::take(file.get_mut())))
}

/// The encoder swallows its writer; this handle keeps the bytes.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Cursor<Vec<u8>>>>);

impl Shared {
    fn with<T>(&self, act: impl FnOnce(&mut Cursor<Vec<u8>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.with(|file| file.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.with(|file| file.seek(to))
    }
}
