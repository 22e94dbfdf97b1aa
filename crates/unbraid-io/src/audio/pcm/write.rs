//! Interleaved samples come in; a WAV file of a length known beforehand goes out, RF64 where the 32 bits
//! of RIFF are not enough.
//!
//! Written by hand as it is read by hand: many stems are written at once, and a library that takes samples one
//! by one is slower than the separation itself.

use std::fs::File;
use std::io::{self, Write};

use crate::audio::OutputFormat;
use crate::audio::metadata::Around;
use crate::digest::Digest;

/// What every identifier of an encoding ends with in `WAVEFORMATEXTENSIBLE`.
use super::wav::SUBTYPE;

/// Lengths from here on do not fit into RIFF's 32 bits, with the header before them.
const MOST_RIFF_BYTES: u64 = u32::MAX as u64 - 128;

/// A WAV file being written.
pub(crate) struct WavFile {
    file: File,
    digest: Digest,
    format: OutputFormat,
    /// Bytes of data that the header promises and that have not come.
    left: u64,
    /// Whether an odd number of bytes is promised: then one more follows.
    padded: bool,
    /// What is still to be written.
    bytes: Vec<u8>,
    /// Chunks that come behind the data.
    behind: Vec<u8>,
}

/// Bytes that are hashed and written at once.
const WRITTEN_AT_ONCE: usize = 1 << 16;

impl WavFile {
    /// Write the header of `len_samples` samples per channel.
    pub(crate) fn begin(
        file: File,
        format: OutputFormat,
        sample_rate: u32,
        channels: u16,
        len_samples: u64,
        around: Around,
    ) -> io::Result<Self> {
        let frame = format.bytes_per_sample() * u64::from(channels);
        let left = frame * len_samples;
        let mut begun = Self {
            file,
            digest: Digest::default(),
            format,
            left,
            padded: left % 2 == 1,
            bytes: header(format, sample_rate, channels, len_samples, &around),
            behind: around.behind,
        };
        begun.put()?;
        Ok(begun)
    }

    /// Write integers that are in the format's range.
    pub(crate) fn write_integers(&mut self, samples: &[i32]) -> io::Result<()> {
        let before = self.bytes.len();
        match self.format {
            OutputFormat::Wav16 => {
                let low = |&sample: &i32| (sample as i16).to_le_bytes();
                self.bytes.extend(samples.iter().flat_map(low));
            }
            _ => pack_24(samples, &mut self.bytes),
        }
        self.count(before)
    }

    /// Write samples in floating point.
    pub(crate) fn write_floats(&mut self, samples: impl Iterator<Item = f32>) -> io::Result<()> {
        let before = self.bytes.len();
        self.bytes.extend(samples.flat_map(f32::to_le_bytes));
        self.count(before)
    }

    /// Hand everything that came to the system.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.put()
    }

    /// Complete the file; its SHA-256.
    pub(crate) fn finish(mut self) -> io::Result<String> {
        if self.left > 0 {
            let reason = format!("{} bytes fewer came than were promised", self.left);
            return Err(io::Error::other(reason));
        }
        self.bytes.extend(self.padded.then_some(0));
        self.bytes.append(&mut self.behind);
        self.put()?;
        Ok(self.digest.hex())
    }

    /// Count the bytes from `before` on as data, and write when there are enough.
    fn count(&mut self, before: usize) -> io::Result<()> {
        let Some(left) = self.left.checked_sub((self.bytes.len() - before) as u64) else {
            return Err(io::Error::other("more samples came than were promised"));
        };
        self.left = left;
        if self.bytes.len() < WRITTEN_AT_ONCE {
            return Ok(());
        }
        self.put()
    }

    fn put(&mut self) -> io::Result<()> {
        self.digest.update(&self.bytes);
        self.file.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}

/// The low 24 bits of every sample, little end first. Four samples make three words: a loop over single
/// bytes takes as long as all the rest of writing.
fn pack_24(samples: &[i32], bytes: &mut Vec<u8>) {
    let before = bytes.len();
    bytes.resize(before + 3 * samples.len(), 0);
    let (fours, rest) = samples.as_chunks::<4>();
    let (twelves, tail) = bytes[before..].as_chunks_mut::<12>();
    for (out, four) in twelves.iter_mut().zip(fours) {
        let [a, b, c, d] = four.map(|sample| sample as u32 & 0x00FF_FFFF);
        let words = [a | b << 24, b >> 8 | c << 16, c >> 16 | d << 8];
        for (out, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *out = word.to_le_bytes();
        }
    }
    for (out, sample) in tail.as_chunks_mut::<3>().0.iter_mut().zip(rest) {
        out.copy_from_slice(&sample.to_le_bytes()[..3]);
    }
}

/// Everything before the first sample.
pub(crate) fn header(
    format: OutputFormat,
    sample_rate: u32,
    channels: u16,
    len_samples: u64,
    around: &Around,
) -> Vec<u8> {
    let bits = 8 * format.bytes_per_sample() as u16;
    let frame = format.bytes_per_sample() * u64::from(channels);
    let data = frame * len_samples;
    // The plain form is for what every old program reads; all else is to say what its channels and bits are.
    let plain = bits == 16 && channels <= 2;
    let fmt_len: u32 = if plain { 16 } else { 40 };
    let others = (around.before.len() + around.behind.len()) as u64;
    let large = data + others > MOST_RIFF_BYTES;
    let ds64_len = if large { 8 + 28 } else { 0 };
    let riff = 4 + ds64_len + 8 + u64::from(fmt_len) + 8 + data + data % 2 + others;
    let in_32 = |len: u64| if large { u32::MAX } else { len as u32 };

    let mut out = Vec::with_capacity(128);
    out.extend(if large { b"RF64" } else { b"RIFF" });
    out.extend(in_32(riff).to_le_bytes());
    out.extend(b"WAVE");
    if large {
        out.extend(b"ds64");
        out.extend(28_u32.to_le_bytes());
        for len in [riff, data, len_samples] {
            out.extend(len.to_le_bytes());
        }
        out.extend(0_u32.to_le_bytes());
    }
    let encoding: u16 = if format == OutputFormat::Wav32f { 3 } else { 1 };
    out.extend(b"fmt ");
    out.extend(fmt_len.to_le_bytes());
    out.extend(if plain { encoding } else { 0xFFFE }.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(sample_rate.to_le_bytes());
    out.extend((frame as u32 * sample_rate).to_le_bytes());
    out.extend((frame as u16).to_le_bytes());
    out.extend(bits.to_le_bytes());
    if !plain {
        out.extend(22_u16.to_le_bytes());
        out.extend(bits.to_le_bytes());
        // Loudspeakers in the standard's order, a single one in the middle; beyond the eighteen that have
        // names, none.
        let loudspeakers: u32 = match channels {
            1 => 4,
            2..=18 => (1 << channels) - 1,
            _ => 0,
        };
        out.extend(loudspeakers.to_le_bytes());
        out.extend(encoding.to_le_bytes());
        out.extend(SUBTYPE);
    }
    out.extend(&around.before);
    out.extend(b"data");
    out.extend(in_32(data).to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Error;
    use crate::audio::{Span, read_bytes};

    #[test]
    fn bits_beyond_twenty_four_are_cut_off_in_any_number_of_samples() {
        let samples: Vec<i32> = (0..11).map(|n| (n - 5) * 1_398_101).collect();
        for len in 0..samples.len() {
            let mut bytes = Vec::new();
            pack_24(&samples[..len], &mut bytes);
            let slow: Vec<u8> = samples[..len]
                .iter()
                .flat_map(|sample| sample.to_le_bytes()[..3].to_vec())
                .collect();
            assert_eq!(bytes, slow, "{len} samples");
        }
    }

    #[test]
    fn what_is_too_long_for_riff_becomes_rf64_with_its_true_length() {
        for (len, magic) in [
            (715_827_000, b"RIFF"),
            (715_828_000, b"RF64"),
            (1 << 33, b"RF64"),
        ] {
            let bytes = header(OutputFormat::Wav24, 44_100, 2, len, &Around::default());
            assert_eq!(&bytes[..4], magic, "{len} samples");
            let mut file = bytes.clone();
            file.extend([0; 6]);
            // The reader finds one sample of the number that was promised.
            let error = read_bytes(file, Path::new("long.wav"), Span::default()).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { declared, found: 1, .. } if declared == len),
                "{len} samples: {error:?}"
            );
        }
    }
}
