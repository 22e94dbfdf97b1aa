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
use super::metadata::Metadata;
use super::pcm::write::{WavFile, header};
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
        metadata: &Metadata,
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
            OutputFormat::Flac | OutputFormat::Flac16 => {
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
                let options = metadata.flac_options(flac_options(), || {
                    let around = metadata.around_untagged();
                    let mut bytes = header(
                        format.uncompressed(),
                        sample_rate,
                        channels as u16,
                        len_samples as u64,
                        &around,
                    );
                    bytes.extend(around.behind);
                    bytes
                });
                let writer = FlacSampleWriter::new(
                    file.clone(),
                    options,
                    sample_rate,
                    format.integer_bits().unwrap_or(24),
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
                let begun = WavFile::begin(
                    file()?,
                    format,
                    sample_rate,
                    channels,
                    len,
                    metadata.around(),
                );
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

    /// Hand what was written to the system, but for the last samples that an encoder holds back until it has
    /// [`HELD_BACK`] of them.
    fn flush(&mut self) -> Result<(), Error> {
        let flushed = match &mut self.sink {
            Sink::Wav(file) => file.flush(),
            Sink::Flac(_, file) => file.flush(),
        };
        flushed.map_err(writing(&self.path))
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

/// As the encoder's own, but that the better pair of left, right, middle and side is told by their sums instead of by
/// coding them all: about twice as fast, for files that are 1 % larger.
fn flac_options() -> Options {
    Options::default().fast_channel_correlation(true)
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
    /// Samples of each channel that were written.
    written: usize,
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

/// At most so many samples that were written may be missing from a file that was flushed: the largest block of FLAC.
pub const HELD_BACK: u64 = 1 << 16;

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
        let none = Metadata::default();
        Self::create_with(
            paths,
            format,
            sample_rate,
            channels,
            len_samples,
            gain,
            &none,
        )
    }

    /// As [`StemSet::create`]; every file says this of itself.
    ///
    /// # Errors
    ///
    /// As [`AudioWriter::create`].
    pub fn create_with(
        paths: &[PathBuf],
        format: OutputFormat,
        sample_rate: u32,
        channels: usize,
        len_samples: usize,
        gain: f64,
        metadata: &Metadata,
    ) -> Result<Self, Error> {
        let writers = paths
            .iter()
            .map(|path| {
                AudioWriter::create(path, format, sample_rate, channels, len_samples, metadata)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            writers,
            format,
            gain,
            peak: 0.0,
            written: 0,
        })
    }

    /// Write the next samples of every stem, `(stems, channels, samples)`.
    ///
    /// Integers that would leave the format's range are held at its end; [`StemSet::finish`] tells.
    ///
    /// # Errors
    ///
    /// - [`Error::Write`] if the system refuses.
    /// - [`Error::Stem`] if a sample is NaN or infinite; nothing of the block is written.
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
        self.check(block)?;
        let peak = match self.format.integer_bits() {
            None => self.write_floats(block)?,
            Some(bits) => self.write_integers(block, bits)?,
        };
        self.peak = self.peak.max(peak);
        self.written += block.len_of(Axis(2));
        Ok(())
    }

    /// Whether all samples are numbers.
    fn check(&self, block: ArrayView3<'_, f32>) -> Result<(), Error> {
        let stems = block.outer_iter().into_par_iter().enumerate();
        stems.try_for_each(|(stem, samples)| {
            // Times zero and added up, numbers stay zero, in a loop without branches.
            if samples.fold(0.0, |sum, x| sum + x * 0.0) == 0.0 {
                return Ok(());
            }
            let found = samples.indexed_iter().find(|(_, x)| !x.is_finite());
            let ((channel, sample), &value) = found.expect("one of them is none");
            Err(Error::Stem {
                path: self.writers[stem].path.clone(),
                channel,
                sample: self.written + sample,
                value,
            })
        })
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

    /// Hand what was written to the system, so that a program that is killed loses at most the last [`HELD_BACK`] samples.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writers.iter_mut().try_for_each(AudioWriter::flush)
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
        let Self { gain, full } = self;
        let (stems, channels, len) = block.dim();
        // What the stems so far add up to, before and after rounding.
        let (mut sums, mut written) = (vec![0.0; channels * len], vec![0.0; channels * len]);
        let mut row = Row {
            exact: vec![0.0; len],
            value: vec![0.0; len],
            integers: vec![0; len],
        };
        let mut rounded = Rounded {
            stems: Vec::with_capacity(stems),
            peak: 0.0,
        };
        for stem in block.outer_iter() {
            let mut interleaved = vec![0; channels * len];
            for (channel, samples) in stem.outer_iter().enumerate() {
                let scaled = row.exact.iter_mut().zip(samples);
                scaled.for_each(|(exact, &x)| *exact = f64::from(x) * gain * full);
                let at = channel * len..(channel + 1) * len;
                let peak = row.round(full, &mut sums[at.clone()], &mut written[at]);
                rounded.peak = rounded.peak.max(peak);
                let places = interleaved[channel..].iter_mut().step_by(channels);
                places.zip(&row.integers).for_each(|(place, &n)| *place = n);
            }
            rounded.stems.push(interleaved);
        }
        rounded
    }
}

/// One channel of one stem on its way to integers: step by step, so that the compiler makes vectors of every step.
struct Row {
    /// In integer steps.
    exact: Vec<f64>,
    /// Rounded, not yet held within the range.
    value: Vec<f64>,
    integers: Vec<i32>,
}

impl Row {
    /// Round what is in `exact`; returns its level. `sums` and `written` are those of the stems before, and after.
    fn round(&mut self, full: f64, sums: &mut [f64], written: &mut [f64]) -> f64 {
        let Self {
            exact,
            value,
            integers,
        } = self;
        let (low, high) = (-full, full - 1.0);
        for (sum, exact) in sums.iter_mut().zip(&*exact) {
            *sum += exact;
        }
        for ((value, written), sum) in value.iter_mut().zip(written).zip(sums) {
            let now = rounded(higher(lower(*sum, FARTHEST), -FARTHEST));
            *value = now - *written;
            *written = now;
        }
        for (integer, &value) in integers.iter_mut().zip(&*value) {
            let held = higher(lower(value, high), low);
            *integer = (held + TO_INTEGER).to_bits() as u32 as i32;
        }
        let highest = largest(exact.iter().map(|x| x.abs()));
        if largest(value.iter().map(|&x| higher(x - high, low - x))) <= 0.0 {
            return (highest / full).min(1.0);
        }
        // Held at the end of the range: the farthest beyond it says how much too high the level is. What is
        // written is less than one step from the exact value, so the range is safe for all that is within
        // −full and full − 1; the share of 10⁻⁹ is for the rounding of sums.
        let beyond = |(&value, &exact): (&f64, &f64)| match value {
            _ if (low..=high).contains(&value) => 0.0,
            _ if exact > 0.0 => exact / high,
            _ => exact / low,
        };
        let worst = value.iter().zip(&*exact).map(beyond);
        worst.fold(0.0, f64::max) * (1.0 + 1e-9)
    }
}

/// The largest of some numbers, or zero: eight at a time, as a maximum over one after the other would forbid
/// the compiler to use vectors.
fn largest(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    const LANES: usize = 8;
    let mut most = [0.0; LANES];
    let mut values = values;
    while values.len() >= LANES {
        for most in &mut most {
            *most = higher(*most, values.next().unwrap_or(0.0));
        }
    }
    most.into_iter().chain(values).fold(0.0, higher)
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
