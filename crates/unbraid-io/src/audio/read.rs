//! A file or bytes come in; samples and what the file said of itself go out.
//!
//! Files are told by their content, never by their name.

use std::fs::File;
use std::io::{BufReader, Cursor, ErrorKind, Read, SeekFrom};
use std::path::Path;

use ndarray::Array2;
use symphonia::core::io::{MediaSource, ReadOnlySource};
use unbraid::Audio;

use super::SourceFormat;
use super::coded::CodedDecoder;
use super::wav::WavDecoder;
use crate::Error;
use crate::error::reading;

/// The part of a recording that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Span {
    /// Where it begins, in seconds.
    pub start_secs: f64,
    /// How long it is at most, in seconds; to the end without.
    pub duration_secs: Option<f64>,
}

/// A recording and the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The samples of the span.
    pub audio: Audio,
    /// What the file said of itself.
    pub format: SourceFormat,
}

/// What a file says of itself, without its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// Container, codec, width.
    pub format: SourceFormat,
    /// The sample rate in Hz.
    pub sample_rate: u32,
    /// The number of channels.
    pub channels: usize,
    /// Samples per channel, if the header says so.
    pub len_samples: Option<u64>,
}

/// The most channels that are read or written: more is a damaged header.
pub(super) const MOST_CHANNELS: usize = 64;

/// The highest level that is read, full scale being 1.
///
/// Integers of 32 bits that were stored as floats without scaling reach 2^31, and are still a
/// recording. Beyond are bytes that never were samples; and the library squares magnitudes in
/// `f32`, which has to stay far from overflow for transforms of up to 2^24 samples:
/// (2^32 · 2^24)² = 2^112.
const HIGHEST_LEVEL: f32 = (1_u64 << 32) as f32;

/// Read a span of an audio file.
///
/// Integers become multiples of 2^−15 (16 bit) or 2^−23 (24 bit), full scale ±1. Memory grows with
/// what is decoded, never with what a header claims.
///
/// # Errors
///
/// [`Error::Read`], [`Error::Empty`], [`Error::NotAudio`], [`Error::Damaged`], [`Error::Truncated`],
/// [`Error::NoSamples`], [`Error::NotFinite`], [`Error::Level`], [`Error::Span`] or
/// [`Error::EmptySpan`], each with the path.
pub fn read_audio(path: &Path, span: Span) -> Result<Recording, Error> {
    Reader::open(path)?.read(span)
}

/// Read a span of an audio file that is in memory; `name` stands for the path in errors.
///
/// # Errors
///
/// As [`read_audio`].
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use unbraid_io::audio::{Span, read_bytes};
///
/// let error = read_bytes(b"dear diary".to_vec(), Path::new("song.wav"), Span::default()).unwrap_err();
/// assert!(error.to_string().starts_with("not audio"));
/// ```
pub fn read_bytes(bytes: Vec<u8>, name: &Path, span: Span) -> Result<Recording, Error> {
    Reader::new(Box::new(Cursor::new(bytes)), name)?.read(span)
}

/// Read what a file says of itself.
///
/// # Errors
///
/// As [`read_audio`], as far as the header goes.
pub fn probe(path: &Path) -> Result<Probe, Error> {
    let reader = Reader::open(path)?;
    let header = reader.decoder.header();
    Ok(Probe {
        format: header.format.clone(),
        sample_rate: header.sample_rate,
        channels: header.channels,
        len_samples: header.declared,
    })
}

/// What a decoder knows before the first sample.
pub(super) struct Header {
    pub(super) format: SourceFormat,
    pub(super) sample_rate: u32,
    /// 1 to [`MOST_CHANNELS`].
    pub(super) channels: usize,
    /// Samples per channel, if the file says so.
    pub(super) declared: Option<u64>,
}

/// A file that is being decoded.
pub(super) trait Decode {
    fn header(&self) -> &Header;

    /// Put the next samples, interleaved, in place of those that are there; `decoded` of each channel
    /// came before. False at the end, wherever that is.
    fn next_block(&mut self, samples: &mut Vec<f32>, decoded: u64) -> Result<bool, Error>;

    /// After the end: whether the samples were those that the file was made of.
    fn verify(&mut self) -> Result<(), String>;
}

/// Read until the buffer is full or the source ends; say how much there was.
pub(super) fn fill(source: &mut dyn Read, buffer: &mut [u8], path: &Path) -> Result<usize, Error> {
    fill_source(source, buffer).map_err(reading(path))
}

/// As [`fill`], for where no path is known.
pub(super) fn fill_source(source: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match source.read(&mut buffer[found..]) {
            Ok(0) => break,
            Ok(len) => found += len,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

struct Reader<'a> {
    path: &'a Path,
    decoder: Box<dyn Decode + 'a>,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(reading(path))?;
        if file.metadata().map_err(reading(path))?.is_dir() {
            let source = std::io::Error::from(ErrorKind::IsADirectory);
            return Err(Error::Read {
                path: path.to_owned(),
                source,
            });
        }
        Self::new(Box::new(file), path)
    }

    fn new(mut source: Box<dyn MediaSource>, path: &'a Path) -> Result<Self, Error> {
        let mut start = vec![0; 12];
        let found = fill(&mut source, &mut start, path)?;
        start.truncate(found);
        if found == 0 {
            return Err(Error::Empty {
                path: path.to_owned(),
            });
        }
        let is_wav = WavDecoder::knows(&start);
        let len_bytes = source.byte_len();
        // Back to the beginning: by going there, or by putting in front again what a pipe gave.
        let source: Box<dyn MediaSource> = if source.is_seekable() {
            source.seek(SeekFrom::Start(0)).map_err(reading(path))?;
            source
        } else {
            Box::new(ReadOnlySource::new(Cursor::new(start).chain(source)))
        };
        let decoder: Box<dyn Decode + 'a> = if is_wav {
            Box::new(WavDecoder::new(
                Box::new(BufReader::new(source)),
                len_bytes,
                path,
            )?)
        } else {
            Box::new(CodedDecoder::new(source, path)?)
        };
        Ok(Self { path, decoder })
    }

    fn read(mut self, span: Span) -> Result<Recording, Error> {
        let Header {
            sample_rate,
            channels,
            declared,
            ..
        } = *self.decoder.header();
        let (start, end) = self.samples_of(span, f64::from(sample_rate))?;
        // Interleaved samples of the span, and how many of each channel were decoded in all.
        let mut samples: Vec<f32> = Vec::new();
        let mut block: Vec<f32> = Vec::new();
        let mut decoded = 0_u64;
        let mut ended = false;
        while decoded < end {
            if !self.decoder.next_block(&mut block, decoded)? {
                ended = true;
                break;
            }
            let count = (block.len() / channels) as u64;
            let skip = start.saturating_sub(decoded).min(count) as usize * channels;
            let keep = end.saturating_sub(decoded).min(count) as usize * channels;
            if skip < keep {
                samples.extend_from_slice(&block[skip..keep]);
            }
            decoded += count;
        }
        if let Some(declared) = declared
            && decoded < declared.min(end)
        {
            return Err(Error::Truncated {
                path: self.path.into(),
                declared,
                found: decoded,
            });
        }
        if decoded == 0 {
            return Err(Error::NoSamples {
                path: self.path.into(),
            });
        }
        if ended && let Err(reason) = self.decoder.verify() {
            return Err(Error::Damaged {
                path: self.path.into(),
                reason,
                samples: decoded,
            });
        }
        if samples.is_empty() {
            let len_secs = decoded as f64 / f64::from(sample_rate);
            let start_secs = span.start_secs;
            return Err(Error::Span {
                path: self.path.into(),
                start_secs,
                len_secs,
            });
        }
        self.deliver(samples, start as usize)
    }

    /// The first sample of the span, and the one after its last.
    fn samples_of(&self, span: Span, rate: f64) -> Result<(u64, u64), Error> {
        let Span {
            start_secs,
            duration_secs,
        } = span;
        let start = (start_secs * rate).round();
        let wanted = duration_secs.map_or(f64::INFINITY, |secs| (secs * rate).round());
        // Also refuses NaN, of which neither holds.
        if start_secs >= 0.0 && wanted >= 1.0 {
            // Casts stop at the highest integer.
            let start = start as u64;
            return Ok((start, start.saturating_add(wanted as u64)));
        }
        let duration_secs = duration_secs.unwrap_or(f64::INFINITY);
        Err(Error::EmptySpan {
            path: self.path.into(),
            start_secs,
            duration_secs,
        })
    }

    fn deliver(self, samples: Vec<f32>, start: usize) -> Result<Recording, Error> {
        let Header {
            sample_rate,
            channels,
            ref format,
            ..
        } = *self.decoder.header();
        let path = || self.path.to_owned();
        if let Some(at) = samples
            .iter()
            .position(|x| !x.is_finite() || x.abs() > HIGHEST_LEVEL)
        {
            let (value, channel, sample) = (samples[at], at % channels, start + at / channels);
            return Err(if value.is_finite() {
                Error::Level {
                    path: path(),
                    channel,
                    sample,
                    value,
                }
            } else {
                Error::NotFinite {
                    path: path(),
                    channel,
                    sample,
                    value,
                }
            });
        }
        let interleaved = Array2::from_shape_vec((samples.len() / channels, channels), samples)
            .expect("whole frames were added");
        let samples = interleaved.t().as_standard_layout().into_owned();
        let audio = Audio::new(samples, sample_rate).map_err(|error| Error::NotAudio {
            path: path(),
            reason: error.to_string(),
        })?;
        Ok(Recording {
            audio,
            format: format.clone(),
        })
    }
}
