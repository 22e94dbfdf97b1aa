//! Samples come in, block by block; audio files go out, whose sum is the recording's.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use flac_codec::encode::{FlacSampleWriter, Options};
use ndarray::{ArrayView2, ArrayView3, Axis, s};
use rayon::prelude::*;

use super::flush::Flushable;
use super::format::{OutputFormat, file_len_bytes};
use super::pcm::write::WavFile;
use super::read::MOST_CHANNELS;
use crate::Error;
use crate::digest::sha256_of_file;
use crate::error::writing;

/// One audio file that is being written.
pub struct AudioWriter {
    path: PathBuf,
    sink: Sink,
}

enum Sink {
    Wav(WavFile),
    /// The second handle is for what the encoder leaves in the buffer.
    Flac(
        Box<FlacSampleWriter<Flushable<BufWriter<File>>>>,
        Flushable<BufWriter<File>>,
    ),
}

impl AudioWriter {
    /// Begin a file of a known length.
    ///
    /// # Errors
    ///
    /// - [`Error::Format`] if the format cannot hold so many channels, samples, or this rate.
    /// - [`Error::Write`] if the file cannot be made.
    pub fn create(
        path: &Path,
        format: OutputFormat,
        sample_rate: u32,
        channels: usize,
        len_samples: usize,
    ) -> Result<Self, Error> {
        let refuse = |requirement: &str, given: String| Error::Format {
            path: path.to_owned(),
            format: format.name(),
            requirement: requirement.to_owned(),
            given,
        };
        if sample_rate == 0 {
            return Err(refuse("rates from 1 Hz", "0 Hz".to_owned()));
        }
        let file = || File::create(path).map_err(writing(path));
        let sink = match format {
            OutputFormat::Flac => {
                /// The highest that the header of a frame can give; the stream's could give
                /// more, which decoders refuse.
                const MOST_HZ: u32 = 655_350;
                let Some(flac_channels) =
                    u8::try_from(channels).ok().filter(|c| (1..=8).contains(c))
                else {
                    return Err(refuse("1 to 8 channels", channels.to_string()));
                };
                if sample_rate > MOST_HZ {
                    return Err(refuse("rates up to 655350 Hz", format!("{sample_rate} Hz")));
                }
                let total = channels as u64 * len_samples as u64;
                let file = Flushable::new(BufWriter::new(file()?));
                let writer = FlacSampleWriter::new(
                    file.clone(),
                    Options::default(),
                    sample_rate,
                    24,
                    flac_channels,
                    Some(total),
                );
                Sink::Flac(
                    Box::new(writer.map_err(|error| flac_error(path, error))?),
                    file,
                )
            }
            OutputFormat::Wav16 | OutputFormat::Wav24 | OutputFormat::Wav32f => {
                /// What the 64 bits of RF64 can say, and systems can seek in.
                const MOST_BYTES: u64 = i64::MAX as u64 - 128;
                let bytes = file_len_bytes(format, channels, len_samples);
                if bytes > MOST_BYTES {
                    return Err(refuse("up to 2^63 bytes", format!("{bytes} bytes")));
                }
                if !(1..=MOST_CHANNELS).contains(&channels) {
                    return Err(refuse("1 to 64 channels", channels.to_string()));
                }
                let second = format.bytes_per_sample() * channels as u64 * u64::from(sample_rate);
                if second > u64::from(u32::MAX) {
                    return Err(refuse("up to 4 GiB in a second", format!("{second} bytes")));
                }
                let (channels, len) = (channels as u16, len_samples as u64);
                let begun = WavFile::begin(file()?, format, sample_rate, channels, len);
                Sink::Wav(begun.map_err(writing(path))?)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            sink,
        })
    }

    /// Write integers that are in the format's range, interleaved.
    fn write_integers(&mut self, samples: &[i32]) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Wav(file) => file.write_integers(samples).map_err(writing(&self.path)),
            Sink::Flac(writer, _) => writer
                .write(samples)
                .map_err(|error| flac_error(&self.path, error)),
        }
    }

    /// Write `(channels, samples)` in floating point.
    fn write_floats(&mut self, block: ArrayView2<'_, f32>, gain: f32) -> Result<(), Error> {
        if let Sink::Wav(file) = &mut self.sink {
            let samples = block.t();
            file.write_floats(samples.iter().map(|&sample| sample * gain))
                .map_err(writing(&self.path))?;
        }
        Ok(())
    }

    /// Complete the file; its SHA-256.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn finish(self) -> Result<String, Error> {
        match self.sink {
            Sink::Wav(file) => file.finish().map_err(writing(&self.path)),
            Sink::Flac(writer, mut file) => {
                writer
                    .finalize()
                    .map_err(|error| flac_error(&self.path, error))?;
                file.flush().map_err(writing(&self.path))?;
                // The encoder went back to its header.
                sha256_of_file(&self.path)
            }
        }
    }
}

fn flac_error(path: &Path, error: flac_codec::Error) -> Error {
    let source = match error {
        flac_codec::Error::Io(source) => source,
        other => std::io::Error::other(other),
    };
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// All stems of one recording, written in step so that they add up to it.
///
/// In integer formats the sum of the stems is rounded, not each stem: stem `i` becomes
///
/// ```text
/// q[i] = round(x[0] + … + x[i]) − round(x[0] + … + x[i−1])
/// ```
///
/// so that all of them add up to the rounded sum exactly, each within one step of its own value.
///
/// Samples are rounded, packed and written on all threads; the bytes do not depend on how many there are.
pub struct StemSet {
    writers: Vec<AudioWriter>,
    format: OutputFormat,
    gain: f64,
    peak: f64,
}

/// What a [`StemSet`] has written.
#[derive(Debug, Clone, PartialEq)]
pub struct WrittenStems {
    /// The highest level, full scale being 1. Above 1, an integer format has clipped, and only then: written
    /// again with this set's gain over that level, it does not.
    pub peak: f64,
    /// The SHA-256 of every file.
    pub sha256: Vec<String>,
}

/// Samples of every stem that are rounded together: few enough to stay in a core's cache.
const CHUNK_SAMPLES: usize = 2048;

impl StemSet {
    /// Begin one file per path.
    ///
    /// `gain` is applied to every stem alike: 1, or less if a first attempt clipped.
    ///
    /// # Errors
    ///
    /// As [`AudioWriter::create`].
    pub fn create(
        paths: &[PathBuf],
        format: OutputFormat,
        sample_rate: u32,
        channels: usize,
        len_samples: usize,
        gain: f64,
    ) -> Result<Self, Error> {
        let writers = paths
            .iter()
            .map(|path| AudioWriter::create(path, format, sample_rate, channels, len_samples))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            writers,
            format,
            gain,
            peak: 0.0,
        })
    }

    /// Write the next samples of every stem, `(stems, channels, samples)`.
    ///
    /// Integers that would leave the format's range are held at its end; [`StemSet::finish`] tells.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    ///
    /// # Panics
    ///
    /// If there are not as many stems as paths.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "views are handed over like slices"
    )]
    pub fn write(&mut self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        assert_eq!(
            block.len_of(Axis(0)),
            self.writers.len(),
            "one stem per path"
        );
        let peak = match self.format.integer_bits() {
            None => self.write_floats(block)?,
            Some(bits) => self.write_integers(block, bits)?,
        };
        self.peak = self.peak.max(peak);
        Ok(())
    }

    fn write_floats(&mut self, block: ArrayView3<'_, f32>) -> Result<f64, Error> {
        let gain = self.gain as f32;
        let peaks: Vec<f32> = self
            .writers
            .par_iter_mut()
            .enumerate()
            .map(|(index, writer)| {
                let stem = block.index_axis(Axis(0), index);
                writer.write_floats(stem, gain)?;
                Ok(stem.fold(0.0_f32, |peak, x| peak.max((x * gain).abs())))
            })
            .collect::<Result<_, Error>>()?;
        Ok(f64::from(peaks.into_iter().fold(0.0, f32::max)))
    }

    fn write_integers(&mut self, block: ArrayView3<'_, f32>, bits: u32) -> Result<f64, Error> {
        let rounding = Rounding {
            gain: self.gain,
            full: f64::from(1_u32 << (bits - 1)),
        };
        let len = block.len_of(Axis(2));
        let chunks: Vec<Range<usize>> = (0..len)
            .step_by(CHUNK_SAMPLES)
            .map(|start| start..(start + CHUNK_SAMPLES).min(len))
            .collect();
        let rounded: Vec<Rounded> = chunks
            .into_par_iter()
            .map(|samples| rounding.round(block.slice(s![.., .., samples])))
            .collect();
        self.writers
            .par_iter_mut()
            .enumerate()
            .try_for_each(|(stem, writer)| {
                rounded
                    .iter()
                    .try_for_each(|chunk| writer.write_integers(&chunk.stems[stem]))
            })?;
        Ok(rounded.iter().fold(0.0, |peak, chunk| peak.max(chunk.peak)))
    }

    /// Complete all files.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn finish(self) -> Result<WrittenStems, Error> {
        let peak = self.peak;
        let sha256 = self
            .writers
            .into_par_iter()
            .map(AudioWriter::finish)
            .collect::<Result<_, _>>()?;
        Ok(WrittenStems { peak, sha256 })
    }

    /// Whether a level of more than full scale loses anything.
    #[must_use]
    pub fn clips(format: OutputFormat) -> bool {
        format.integer_bits().is_some()
    }
}

/// Samples that are rounded side by side, so that the compiler uses vectors: a maximum over one after the other
/// would forbid it.
const LANES: usize = 8;

/// How samples become integers.
#[derive(Clone, Copy)]
struct Rounding {
    gain: f64,
    /// The integer of the level 1.
    full: f64,
}

/// Some samples of all stems as integers.
struct Rounded {
    /// Interleaved, one per stem.
    stems: Vec<Vec<i32>>,
    peak: f64,
}

/// 1.5 · 2^52: adding it leaves no room for a fraction, so that the low bits of the sum are the nearest integer,
/// of two equally near the even one. Of this, in contrast to `f64::round`, the compiler makes vectors.
const TO_INTEGER: f64 = 6_755_399_441_055_744.0;

/// Sums are held below this, far above what any integer format can hold, so that [`TO_INTEGER`] is exact.
const FARTHEST: f64 = 1_125_899_906_842_624.0;

impl Rounding {
    /// Round `(stems, channels, samples)`.
    fn round(self, block: ArrayView3<'_, f32>) -> Rounded {
        let (stems, channels, len) = block.dim();
        let width = len.div_ceil(LANES);
        // What the stems so far add up to, before and after rounding.
        let mut sums = vec![[0.0; LANES]; channels * width];
        let mut written = sums.clone();
        let mut samples = vec![[0.0; LANES]; width];
        let mut row = vec![[0; LANES]; width];
        let mut rounded = Rounded {
            stems: Vec::with_capacity(stems),
            peak: 0.0,
        };
        for stem in block.outer_iter() {
            let mut interleaved = vec![0; channels * len];
            for (channel, values) in stem.outer_iter().enumerate() {
                let copies = samples.as_flattened_mut().iter_mut();
                copies.zip(values).for_each(|(copy, &value)| *copy = value);
                let at = channel * width..(channel + 1) * width;
                let (sums, written) = (&mut sums[at.clone()], &mut written[at]);
                let peak = self.round_row(&samples, sums, written, &mut row);
                rounded.peak = rounded.peak.max(peak);
                let places = interleaved[channel..].iter_mut().step_by(channels);
                let integers = row.as_flattened();
                places.zip(integers).for_each(|(place, &n)| *place = n);
            }
            rounded.stems.push(interleaved);
        }
        rounded
    }

    /// Round one channel of one stem; returns its level.
    fn round_row(
        self,
        samples: &[[f32; LANES]],
        sums: &mut [[f64; LANES]],
        written: &mut [[f64; LANES]],
        out: &mut [[i32; LANES]],
    ) -> f64 {
        let Self { gain, full } = self;
        // The highest level, and the exact values farthest beyond either end of the range.
        let (mut highest, mut above, mut below) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let rows = samples.iter().zip(sums).zip(written).zip(out);
        for (((samples, sums), written), out) in rows {
            for lane in 0..LANES {
                let exact = f64::from(samples[lane]) * gain * full;
                sums[lane] += exact;
                let now = rounded(higher(lower(sums[lane], FARTHEST), -FARTHEST));
                let value = now - written[lane];
                written[lane] = now;
                let held = higher(lower(value, full - 1.0), -full);
                out[lane] = (held + TO_INTEGER).to_bits() as u32 as i32;
                highest[lane] = higher(highest[lane], exact.abs());
                let beyond = if (value - held).abs() > 0.0 {
                    exact
                } else {
                    0.0
                };
                above[lane] = higher(above[lane], beyond);
                below[lane] = lower(below[lane], beyond);
            }
        }
        let highest = highest.into_iter().fold(0.0, f64::max);
        let above = above.into_iter().fold(0.0, f64::max) / (full - 1.0);
        let below = -below.into_iter().fold(0.0, f64::min) / full;
        level(highest / full, above.max(below))
    }
}

/// The higher of two numbers, none of them NaN: one instruction, which `f64::max` is not.
#[inline]
fn higher(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The lower of two numbers, none of them NaN.
#[inline]
fn lower(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The nearest integer, halves away from zero, for numbers up to [`FARTHEST`].
#[inline]
fn rounded(x: f64) -> f64 {
    let even = (x + TO_INTEGER) - TO_INTEGER;
    let rest = x - even;
    let up = if rest >= 0.5 && x > 0.0 { 1.0 } else { 0.0 };
    let down = if rest <= -0.5 && x < 0.0 { 1.0 } else { 0.0 };
    even + (up - down)
}

/// The level of some samples, above 1 if and only if one of them was clipped; `clipped` is the highest of those,
/// relative to its end of the range.
///
/// What is written is less than one step from the exact value, so the range is safe for all that is within
/// `−full` and `full − 1`; the share of 10⁻⁹ is for the rounding of sums.
fn level(highest: f64, clipped: f64) -> f64 {
    if clipped > 0.0 {
        clipped * (1.0 + 1e-9)
    } else {
        highest.min(1.0)
    }
}
