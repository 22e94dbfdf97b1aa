//! A file comes in; its samples go out piece by piece, never all of them at once.

use std::path::Path;

use ndarray::Array2;
use unbraid::Audio;

use super::read::{Header, Reader, Span, first_impossible};
use super::{SourceFormat, timeline::Delay};
use crate::Error;

/// The samples of a span of a file, in order, as many at a time as are asked for.
///
/// What [`super::read_audio`] checks is checked here as well, as soon as it is come by: a file whose end is missing
/// is found out at its end. Read it through once ([`AudioStream::survey`]) before work that must not fail late.
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
/// use unbraid_io::audio::{AudioStream, Span};
///
/// let mut stream = AudioStream::open(Path::new("concert.flac"), Span::default())?;
/// while let Some(second) = stream.next(44_100)? {
///     println!("{:.3}", second.peak());
/// }
/// # Ok::<(), unbraid_io::Error>(())
/// ```
pub struct AudioStream<'a> {
    reader: Reader<'a>,
    span: Span,
    /// The first sample of the span, and the one after its last.
    wanted: (u64, u64),
    /// How many of each channel were decoded in all.
    decoded: u64,
    /// Whether the file came to its end.
    ended: bool,
    block: Vec<f32>,
    /// What was decoded and not yet taken: the part of `block` from here on.
    taken: usize,
    /// The end of what is wanted of `block`.
    until: usize,
}

/// What is known of a recording that was read through.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// What the file said of itself.
    pub format: SourceFormat,
    /// What is known of the samples that the encoder put before the recording.
    pub delay: Delay,
    /// The sample rate in Hz.
    pub sample_rate: u32,
    /// The number of channels.
    pub channels: usize,
    /// Samples per channel of the span.
    pub len_samples: u64,
    /// What the user should know of how it was read.
    pub notes: Vec<String>,
}

impl<'a> AudioStream<'a> {
    /// Begin to read a span.
    ///
    /// # Errors
    ///
    /// As [`super::read_audio`], as far as the header goes.
    pub fn open(path: &'a Path, span: Span) -> Result<Self, Error> {
        Self::new(Reader::open(path)?, span)
    }

    pub(super) fn new(reader: Reader<'a>, span: Span) -> Result<Self, Error> {
        let wanted = reader.samples_of(span)?;
        Ok(Self {
            reader,
            span,
            wanted,
            decoded: 0,
            ended: false,
            block: Vec::new(),
            taken: 0,
            until: 0,
        })
    }

    /// The sample rate in Hz.
    #[must_use]
    pub fn sample_rate(&self) -> u32 {
        self.header().sample_rate
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.header().channels
    }

    /// The next samples: as many as asked for, or what is left; none at the end of the span.
    ///
    /// # Errors
    ///
    /// As [`super::read_audio`].
    pub fn next(&mut self, len_samples: usize) -> Result<Option<Audio>, Error> {
        let channels = self.channels();
        let mut samples = Array2::zeros((channels, len_samples));
        let mut filled = 0;
        while filled < len_samples {
            let Some(part) = self.take(len_samples - filled)? else {
                break;
            };
            for (row, samples_of_all) in part.chunks_exact(channels).enumerate() {
                for (channel, &value) in samples_of_all.iter().enumerate() {
                    samples[[channel, filled + row]] = value;
                }
            }
            filled += part.len() / channels;
        }
        if filled == 0 {
            return Ok(None);
        }
        if filled < len_samples {
            samples = samples.slice(ndarray::s![.., ..filled]).to_owned();
        }
        let made = Audio::new(samples, self.sample_rate());
        made.map(Some).map_err(|error| Error::NotAudio {
            path: self.reader.path.to_owned(),
            reason: error.to_string(),
        })
    }

    /// Leave out the next samples; how many there were.
    ///
    /// # Errors
    ///
    /// As [`super::read_audio`].
    pub fn skip(&mut self, len_samples: u64) -> Result<u64, Error> {
        let channels = self.channels();
        let mut left = len_samples;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let Some(part) = self.take(most)? else { break };
            left -= (part.len() / channels) as u64;
        }
        Ok(len_samples - left)
    }

    /// Read a span through to its end: whether it can be read, how long it is, and what the file says of itself.
    ///
    /// # Errors
    ///
    /// As [`super::read_audio`].
    pub fn survey(path: &Path, span: Span) -> Result<Survey, Error> {
        let mut stream = AudioStream::open(path, span)?;
        let len_samples = stream.skip(u64::MAX)?;
        let notes = stream.notes();
        let header = stream.header();
        Ok(Survey {
            format: header.format.clone(),
            delay: header.delay,
            sample_rate: header.sample_rate,
            channels: header.channels,
            len_samples,
            notes,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.reader.path
    }

    pub(super) fn header(&self) -> &Header {
        self.reader.decoder.header()
    }

    /// What the user should know; to be asked at the end.
    pub(super) fn notes(&mut self) -> Vec<String> {
        self.reader.decoder.notes(self.decoded, self.ended)
    }

    /// The next samples, interleaved, at most so many of each channel; none at the end of the span.
    pub(super) fn take(&mut self, most: usize) -> Result<Option<&[f32]>, Error> {
        let channels = self.channels();
        while self.taken == self.until {
            if !self.decode()? {
                return Ok(None);
            }
        }
        let from = self.taken;
        let room = (self.until - from) / channels;
        self.taken += most.min(room) * channels;
        Ok(Some(&self.block[from..self.taken]))
    }

    /// Decode the next block; false at the end of the span.
    fn decode(&mut self) -> Result<bool, Error> {
        let channels = self.channels();
        let (start, end) = self.wanted;
        if self.ended || self.decoded >= end {
            return Ok(false);
        }
        let path = self.reader.path;
        if !self
            .reader
            .decoder
            .next_block(&mut self.block, self.decoded)?
        {
            self.ended = true;
            self.check_end()?;
            return Ok(false);
        }
        let before = self.decoded;
        let count = (self.block.len() / channels) as u64;
        let skip = start.saturating_sub(before).min(count) as usize * channels;
        let keep = end.saturating_sub(before).min(count) as usize * channels;
        (self.taken, self.until) = (skip.min(keep), keep);
        self.decoded += count;
        if self.decoded.saturating_mul(channels as u64) > self.reader.most_samples {
            return Err(Error::TooLong {
                path: path.into(),
                most_samples: self.reader.most_samples / channels as u64,
            });
        }
        if let Some((at, value)) = first_impossible(&self.block[self.taken..self.until]) {
            let at = self.taken + at;
            let (channel, sample) = (at % channels, before as usize + at / channels);
            let path = path.to_owned();
            return Err(if value.is_finite() {
                Error::Level {
                    path,
                    channel,
                    sample,
                    value,
                }
            } else {
                Error::NotFinite {
                    path,
                    channel,
                    sample,
                    value,
                }
            });
        }
        Ok(true)
    }

    /// Whether the file that ended here is whole, and long enough for the span.
    fn check_end(&mut self) -> Result<(), Error> {
        let path = self.reader.path;
        let decoder = &mut self.reader.decoder;
        if decoder.is_cut(self.decoded) {
            return Err(Error::Truncated {
                path: path.into(),
                declared: decoder.header().declared.unwrap_or(0),
                found: self.decoded,
            });
        }
        if self.decoded == 0 {
            return Err(Error::NoSamples { path: path.into() });
        }
        if let Err(reason) = decoder.verify() {
            return Err(Error::Damaged {
                path: path.into(),
                reason,
                samples: self.decoded,
            });
        }
        if self.decoded <= self.wanted.0 {
            return Err(Error::Span {
                path: path.into(),
                start_secs: self.span.start_secs,
                len_secs: self.decoded as f64 / f64::from(decoder.header().sample_rate),
            });
        }
        Ok(())
    }
}
