//! Samples come in, block by block; audio files go out, whose sum is the recording's.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flac_codec::encode::{FlacSampleWriter, Options};
use hound::{SampleFormat, WavSpec, WavWriter};
use ndarray::{ArrayView2, ArrayView3, Axis};

use super::flush::Flushable;
use super::format::{OutputFormat, file_len_bytes};
use super::read::MOST_CHANNELS;
use crate::Error;
use crate::error::writing;

/// One audio file that is being written.
pub struct AudioWriter {
    path: PathBuf,
    sink: Sink,
    interleaved: Vec<i32>,
}

enum Sink {
    Wav(WavWriter<BufWriter<File>>),
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
        let file = || {
            File::create(path)
                .map(BufWriter::new)
                .map_err(writing(path))
        };
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
                let file = Flushable::new(file()?);
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
                /// What is left of 2^32 bytes beside the header.
                const MOST_BYTES: u64 = u32::MAX as u64 - 128;
                let bytes = file_len_bytes(format, channels, len_samples);
                if bytes > MOST_BYTES {
                    return Err(refuse("up to 4 GiB", format!("{bytes} bytes")));
                }
                if !(1..=MOST_CHANNELS).contains(&channels) {
                    return Err(refuse("1 to 64 channels", channels.to_string()));
                }
                let second = format.bytes_per_sample() * channels as u64 * u64::from(sample_rate);
                if second > u64::from(u32::MAX) {
                    return Err(refuse("up to 4 GiB in a second", format!("{second} bytes")));
                }
                let channels = channels as u16;
                let (bits, sample_format) = match format.integer_bits() {
                    Some(bits) => (bits, SampleFormat::Int),
                    None => (32, SampleFormat::Float),
                };
                let bits_per_sample = bits as u16;
                let spec = WavSpec {
                    channels,
                    sample_rate,
                    bits_per_sample,
                    sample_format,
                };
                let writer =
                    WavWriter::new(file()?, spec).map_err(|error| wav_error(path, error))?;
                Sink::Wav(writer)
            }
        };
        Ok(Self {
            path: path.to_owned(),
            sink,
            interleaved: Vec::new(),
        })
    }

    /// Write integers that are in the format's range, interleaved.
    fn write_integers(&mut self, samples: &[i32]) -> Result<(), Error> {
        match &mut self.sink {
            Sink::Wav(writer) => samples
                .iter()
                .try_for_each(|&sample| writer.write_sample(sample))
                .map_err(|error| wav_error(&self.path, error)),
            Sink::Flac(writer, _) => writer
                .write(samples)
                .map_err(|error| flac_error(&self.path, error)),
        }
    }

    /// Write `(channels, samples)` in floating point.
    fn write_floats(&mut self, block: &ArrayView2<'_, f32>) -> Result<(), Error> {
        if let Sink::Wav(writer) = &mut self.sink {
            block
                .t()
                .iter()
                .try_for_each(|&sample| writer.write_sample(sample))
                .map_err(|error| wav_error(&self.path, error))?;
        }
        Ok(())
    }

    /// Complete the file.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn finish(self) -> Result<(), Error> {
        match self.sink {
            Sink::Wav(writer) => writer
                .finalize()
                .map_err(|error| wav_error(&self.path, error)),
            Sink::Flac(writer, mut file) => {
                writer
                    .finalize()
                    .map_err(|error| flac_error(&self.path, error))?;
                file.flush().map_err(writing(&self.path))
            }
        }
    }
}

fn wav_error(path: &Path, error: hound::Error) -> Error {
    let source = match error {
        hound::Error::IoError(source) => source,
        other => std::io::Error::other(other),
    };
    Error::Write {
        path: path.to_owned(),
        source,
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
pub struct StemSet {
    writers: Vec<AudioWriter>,
    format: OutputFormat,
    gain: f64,
    peak: f64,
}

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
        let Some(bits) = self.format.integer_bits() else {
            let gain = self.gain as f32;
            for (writer, stem) in self.writers.iter_mut().zip(block.outer_iter()) {
                let scaled = stem.mapv(|x| x * gain);
                let peak = scaled.iter().fold(0.0_f32, |peak, x| peak.max(x.abs()));
                self.peak = self.peak.max(f64::from(peak));
                writer.write_floats(&scaled.view())?;
            }
            return Ok(());
        };
        let full = f64::from(1_u32 << (bits - 1));
        let (_, channels, len) = block.dim();
        // What the stems so far add up to, before and after rounding.
        let mut sums = vec![0.0_f64; channels * len];
        let mut written = vec![0_i64; channels * len];
        for (writer, stem) in self.writers.iter_mut().zip(block.outer_iter()) {
            let mut interleaved = std::mem::take(&mut writer.interleaved);
            interleaved.clear();
            let samples = stem.t();
            for ((&sample, sum), written) in samples.iter().zip(&mut sums).zip(&mut written) {
                let exact = f64::from(sample) * self.gain * full;
                *sum += exact;
                let rounded = sum.round() as i64;
                let value = rounded - *written;
                *written = rounded;
                let held = value.clamp(-(full as i64), full as i64 - 1);
                self.peak = self.peak.max(level(exact, full, held != value));
                interleaved.push(held as i32);
            }
            writer.write_integers(&interleaved)?;
            writer.interleaved = interleaved;
        }
        Ok(())
    }

    /// Complete all files; say the highest level, full scale being 1. Above 1, an integer format has
    /// clipped, and only then: written again with this set's gain over that level, it does not.
    ///
    /// # Errors
    ///
    /// [`Error::Write`] if the system refuses.
    pub fn finish(self) -> Result<f64, Error> {
        for writer in self.writers {
            writer.finish()?;
        }
        Ok(self.peak)
    }

    /// Whether a level of more than full scale loses anything.
    #[must_use]
    pub fn clips(format: OutputFormat) -> bool {
        format.integer_bits().is_some()
    }
}

/// The level of a sample, `exact` in integer steps: above 1 if and only if it was clipped.
///
/// What is written is less than one step from `exact`, so the range is safe for all that is within
/// `−full` and `full − 1`; the share of 10⁻⁹ is for the rounding of sums.
fn level(exact: f64, full: f64, clipped: bool) -> f64 {
    if clipped {
        let limit = if exact > 0.0 { full - 1.0 } else { full };
        (exact.abs() / limit) * (1.0 + 1e-9)
    } else {
        (exact.abs() / full).min(1.0)
    }
}
