//! A file or bytes come in; samples and what the file said of itself go out.
//!
//! Files are told by their content, never by their name.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;

use ndarray::Array2;
use symphonia::core::io::{MediaSource, ReadOnlySource};
use unbraid::Audio;

use super::SourceFormat;
use super::coded::CodedDecoder;
use super::kind::Kind;
use super::pcm::PcmDecoder;
use super::stream::AudioStream;
use super::timeline::Delay;
use super::window::Window;
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
    /// What is known of the samples that the encoder put before the recording.
    pub delay: Delay,
    /// What the user should know of how it was read.
    pub notes: Vec<String>,
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
    /// Samples per channel, if the header says so and as many can be there, or else estimated by the file's size.
    pub len_samples: Option<u64>,
    /// Whether that number is an estimate.
    pub is_estimate: bool,
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
/// what is decoded, never with what a header claims; a file decodes to no more than the larger of 2^30 samples
/// and 64 per byte. Samples that an encoder put before and behind the recording are left out where the file says
/// which they are.
///
/// # Errors
///
/// [`Error::Read`], [`Error::Empty`], [`Error::TooLong`], [`Error::NotAudio`], [`Error::Damaged`], [`Error::Truncated`],
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
    // Where the size of the file says how much can be there, a header cannot declare more.
    let len_samples = match (header.declared, header.estimated) {
        (Some(declared), Some(there)) => Some(declared.min(there)),
        (declared, estimated) => declared.or(estimated),
    };
    Ok(Probe {
        format: header.format.clone(),
        sample_rate: header.sample_rate,
        channels: header.channels,
        len_samples,
        is_estimate: header.declared.is_none(),
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
    /// As many as the size of the file has room for, if that can be told.
    pub(super) estimated: Option<u64>,
    pub(super) delay: Delay,
}

/// A file that is being decoded.
pub(super) trait Decode {
    fn header(&self) -> &Header;

    /// Put the next samples, interleaved, in place of those that are there; `decoded` of each channel
    /// came before. False at the end, wherever that is.
    fn next_block(&mut self, samples: &mut Vec<f32>, decoded: u64) -> Result<bool, Error>;

    /// After the end: whether the samples were those that the file was made of.
    fn verify(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// Whether a recording that ended after so many samples lacks some.
    fn is_cut(&self, found: u64) -> bool {
        self.header()
            .declared
            .is_some_and(|declared| found < declared)
    }

    /// What the user should know; so many samples were there, up to the end or the end of the span.
    fn notes(&mut self, _found: u64, _at_end: bool) -> Vec<String> {
        Vec::new()
    }
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

/// A file may decode to so many samples, whatever its size: 4 GiB of them.
const MOST_SAMPLES: u64 = 1 << 30;

/// A larger file may decode to so many samples per byte: all but silence takes more bytes.
const MOST_SAMPLES_PER_BYTE: u64 = 64;

/// A file that was told by its content, and its decoder.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) decoder: Box<dyn Decode + 'a>,
    /// The most samples, of all channels together, that are decoded.
    pub(super) most_samples: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn open(path: &'a Path) -> Result<Self, Error> {
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
        if !source.is_seekable() {
            // A pipe: samples as they are can be read as they come. Where other formats begin and end can only be
            // told by going back and forth.
            let is_pcm = PcmDecoder::knows(&start);
            let rest = Cursor::new(start.clone()).chain(source);
            if is_pcm {
                let source = Box::new(BufReader::new(ReadOnlySource::new(rest)));
                let decoder = Box::new(PcmDecoder::new(source, &start, None, path)?);
                return Ok(Self {
                    path,
                    decoder,
                    most_samples: u64::MAX,
                });
            }
            let mut bytes = Vec::new();
            let mut rest = rest;
            rest.read_to_end(&mut bytes).map_err(reading(path))?;
            source = Box::new(Cursor::new(bytes));
        }
        let len = source.byte_len().unwrap_or(0);
        let told = Kind::tell(source.as_mut(), len).map_err(reading(path))?;
        let Some((kind, bytes)) = told else {
            return Err(Error::NotAudio {
                path: path.to_owned(),
                reason: "no format that is known".to_owned(),
            });
        };
        let most_samples = MOST_SAMPLES.max(len.saturating_mul(MOST_SAMPLES_PER_BYTE));
        let len = bytes.end - bytes.start;
        let source = Window::new(source, bytes).map_err(reading(path))?;
        let decoder: Box<dyn Decode + 'a> = if kind == Kind::Pcm {
            let mut source = BufReader::with_capacity(1 << 16, source);
            let start = source.fill_buf().map_err(reading(path))?;
            let start = start[..start.len().min(12)].to_vec();
            Box::new(PcmDecoder::new(Box::new(source), &start, Some(len), path)?)
        } else {
            Box::new(CodedDecoder::new(Box::new(source), kind, path)?)
        };
        Ok(Self {
            path,
            decoder,
            most_samples,
        })
    }

    fn read(self, span: Span) -> Result<Recording, Error> {
        let mut stream = AudioStream::new(self, span)?;
        let mut samples = Samples::default();
        while let Some(block) = stream.take(usize::MAX)? {
            samples.extend(block);
        }
        let notes = stream.notes();
        let header = stream.header();
        let samples = samples.by_channel(header.channels);
        let audio = Audio::new(samples, header.sample_rate).map_err(|error| Error::NotAudio {
            path: stream.path().to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Recording {
            audio,
            format: header.format.clone(),
            delay: header.delay,
            notes,
        })
    }

    /// The first sample of the span, and the one after its last.
    pub(super) fn samples_of(&self, span: Span) -> Result<(u64, u64), Error> {
        let rate = f64::from(self.decoder.header().sample_rate);
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
}

/// The first of some samples that no recording has.
pub(super) fn first_impossible(samples: &[f32]) -> Option<(usize, f32)> {
    let all = samples.iter().copied().enumerate();
    all.into_iter()
        .find(|(_, x)| !x.is_finite() || x.abs() > HIGHEST_LEVEL)
}

/// Interleaved samples, in blocks that are given back one by one while they are sorted by channel: never are
/// all of them in memory twice.
#[derive(Default)]
struct Samples {
    blocks: Vec<Vec<f32>>,
    len: usize,
}

/// Samples of a block: more bytes than allocators keep for themselves when they are freed.
const BLOCK: usize = (32 << 20) / size_of::<f32>() + 1024;

impl Samples {
    fn extend(&mut self, mut samples: &[f32]) {
        self.len += samples.len();
        while !samples.is_empty() {
            let room = self.blocks.last().map_or(0, |block| BLOCK - block.len());
            if room == 0 {
                self.blocks.push(Vec::with_capacity(BLOCK));
                continue;
            }
            let (now, later) = samples.split_at(room.min(samples.len()));
            self.blocks
                .last_mut()
                .expect("one has room")
                .extend_from_slice(now);
            samples = later;
        }
    }

    /// `(channels, samples)`.
    fn by_channel(self, channels: usize) -> Array2<f32> {
        let len = self.len / channels;
        let mut sorted = Array2::zeros((channels, len));
        let all = sorted.as_slice_mut().expect("just made");
        let (mut channel, mut sample) = (0, 0);
        for block in self.blocks {
            for value in block {
                all[channel * len + sample] = value;
                channel += 1;
                if channel == channels {
                    (channel, sample) = (0, sample + 1);
                }
            }
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{OutputFormat, StemSet};

    #[test]
    fn a_small_file_does_not_decode_to_more_than_is_allowed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("silence.flac");
        let mut set = StemSet::create(
            std::slice::from_ref(&path),
            OutputFormat::Flac,
            8000,
            2,
            500_000,
            1.0,
        )
        .unwrap();
        set.write(ndarray::Array3::zeros((1, 2, 500_000)).view())
            .unwrap();
        set.finish().unwrap();
        // Silence takes next to nothing: this is why there has to be a bound at all.
        assert!(std::fs::metadata(&path).unwrap().len() < 20_000);
        let mut reader = Reader::open(&path).unwrap();
        assert_eq!(reader.most_samples, MOST_SAMPLES);
        reader.most_samples = 900_000;
        let error = reader.read(Span::default()).unwrap_err();
        assert!(
            matches!(
                error,
                Error::TooLong {
                    most_samples: 450_000,
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.hint().is_some());
    }
}
