//! Samples come in; the bytes of audio files go out, made by hand or by independent encoders.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use flac_codec::encode::{FlacSampleWriter, Options};
use ndarray::{Array2, ArrayView2, Axis};
use unbraid_io::Error;
use unbraid_io::audio::{OutputFormat, Recording, Span, StemSet, read_bytes};

/// Numbers without pattern that are the same every time (`SplitMix64`).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    /// Between −1 and 1.
    pub(crate) fn level(&mut self) -> f32 {
        (self.roll() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// An integer of so many bits.
    pub(crate) fn integer(&mut self, bits: u32) -> i32 {
        (self.roll() as i32) >> (32 - bits)
    }
}

/// A WAV file to be written by hand, each field as wrong as one likes.
pub(crate) struct Wav {
    pub(crate) tag: u16,
    pub(crate) channels: u16,
    pub(crate) rate: u32,
    pub(crate) bits: u16,
    /// Bytes of a frame; computed without.
    pub(crate) block: Option<u16>,
    /// Whether the header is `WAVEFORMATEXTENSIBLE`.
    pub(crate) extensible: bool,
    pub(crate) riff_len: Option<u32>,
    pub(crate) data_len: Option<u32>,
    /// Chunks between `fmt ` and `data`.
    pub(crate) before: Vec<u8>,
    /// Chunks after `data`.
    pub(crate) after: Vec<u8>,
    pub(crate) data: Vec<u8>,
}

impl Wav {
    pub(crate) fn new(tag: u16, bits: u16, channels: u16, data: Vec<u8>) -> Self {
        Self {
            tag,
            channels,
            rate: 8000,
            bits,
            block: None,
            extensible: false,
            riff_len: None,
            data_len: None,
            before: Vec::new(),
            after: Vec::new(),
            data,
        }
    }

    /// 16-bit integers, interleaved.
    pub(crate) fn pcm16(channels: u16, samples: &[i16]) -> Self {
        Self::new(
            1,
            16,
            channels,
            samples.iter().flat_map(|x| x.to_le_bytes()).collect(),
        )
    }

    /// 32-bit floats, interleaved.
    pub(crate) fn floats(channels: u16, samples: &[f32]) -> Self {
        Self::new(
            3,
            32,
            channels,
            samples.iter().flat_map(|x| x.to_le_bytes()).collect(),
        )
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let block = self
            .block
            .unwrap_or(self.bits.div_ceil(8).wrapping_mul(self.channels));
        let mut fmt = Vec::new();
        let tag = if self.extensible { 0xFFFE } else { self.tag };
        fmt.extend(tag.to_le_bytes());
        fmt.extend(self.channels.to_le_bytes());
        fmt.extend(self.rate.to_le_bytes());
        fmt.extend(self.rate.wrapping_mul(u32::from(block)).to_le_bytes());
        fmt.extend(block.to_le_bytes());
        fmt.extend(self.bits.to_le_bytes());
        if self.extensible {
            fmt.extend(22_u16.to_le_bytes());
            fmt.extend(self.bits.to_le_bytes());
            fmt.extend(0_u32.to_le_bytes());
            fmt.extend(self.tag.to_le_bytes());
            fmt.extend([0, 0, 0, 0, 16, 0, 0x80, 0, 0, 0xAA, 0, 0x38, 0x9B, 0x71]);
        }
        let mut body = b"WAVE".to_vec();
        body.extend(chunk(b"fmt ", &fmt));
        body.extend(&self.before);
        body.extend(b"data");
        body.extend(
            self.data_len
                .unwrap_or(self.data.len() as u32)
                .to_le_bytes(),
        );
        body.extend(&self.data);
        body.extend(&self.after);
        let mut bytes = b"RIFF".to_vec();
        bytes.extend(self.riff_len.unwrap_or(body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes
    }
}

/// A chunk, padded to an even length.
pub(crate) fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    if content.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

/// A FLAC file of interleaved integers.
pub(crate) fn flac(bits: u32, channels: u8, rate: u32, samples: &[i32]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let options = Options::default().block_size(512).unwrap();
    let total = Some(samples.len() as u64);
    let mut writer =
        FlacSampleWriter::new(&mut bytes, options, rate, bits, channels, total).unwrap();
    writer.write(samples).unwrap();
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// The samples of one stem as they come back from a file.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Recording, Error> {
    read_bytes(bytes, Path::new("song.wav"), Span::default())
}

/// Interleaved samples of a recording.
pub(crate) fn interleaved(recording: &Recording) -> Vec<f32> {
    recording.audio.samples().t().iter().copied().collect()
}

/// Write stems, `(channels, samples)` each, in blocks; say the level and where they are.
pub(crate) fn write_stems(
    folder: &Path,
    format: OutputFormat,
    rate: u32,
    stems: &[ArrayView2<'_, f32>],
    gain: f64,
    block: usize,
) -> Result<(f64, Vec<PathBuf>), Error> {
    let paths: Vec<PathBuf> = (0..stems.len())
        .map(|stem| folder.join(format!("{stem}.{}", format.extension())))
        .collect();
    let (channels, len) = stems[0].dim();
    let mut set = StemSet::create(&paths, format, rate, channels, len, gain)?;
    let all = ndarray::stack(Axis(0), stems).unwrap();
    for part in all.axis_chunks_iter(Axis(2), block) {
        set.write(part)?;
    }
    let written = set.finish()?;
    for (path, sha256) in paths.iter().zip(&written.sha256) {
        assert_eq!(
            &unbraid_io::project::sha256_of_file(path)?,
            sha256,
            "the digest made while writing"
        );
    }
    Ok((written.peak, paths))
}

/// Noise of a level, `(channels, samples)`.
pub(crate) fn noise(channels: usize, len: usize, level: f32, seed: u64) -> Array2<f32> {
    let mut dice = Dice(seed);
    Array2::from_shape_simple_fn((channels, len), || dice.level() * level)
}

/// Names in a folder, hidden ones included.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
