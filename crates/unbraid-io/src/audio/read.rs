//! A file or bytes come in; samples and what the file said of itself go out.
//!
//! Files are told by their content, never by their name.

use std::fs::File;
use std::io::{Cursor, ErrorKind};
use std::path::Path;

use ndarray::Array2;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use unbraid::Audio;

use super::SourceFormat;
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

/// The most channels that are read: more is a damaged header.
const MOST_CHANNELS: usize = 64;

/// Read a span of an audio file.
///
/// Integers become multiples of 2^−15 (16 bit) or 2^−23 (24 bit), full scale ±1. Memory grows with
/// what is decoded, never with what a header claims.
///
/// # Errors
///
/// [`Error::Read`], [`Error::Empty`], [`Error::NotAudio`], [`Error::Damaged`], [`Error::Truncated`],
/// [`Error::NoSamples`], [`Error::NotFinite`] or [`Error::Span`], each with the path.
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
    if bytes.is_empty() {
        return Err(Error::Empty {
            path: name.to_owned(),
        });
    }
    Reader::new(Box::new(Cursor::new(bytes)), name)?.read(span)
}

/// Read what a file says of itself.
///
/// # Errors
///
/// As [`read_audio`], as far as the header goes.
pub fn probe(path: &Path) -> Result<Probe, Error> {
    let reader = Reader::open(path)?;
    Ok(Probe {
        format: reader.format,
        sample_rate: reader.sample_rate,
        channels: reader.channels,
        len_samples: reader.declared,
    })
}

struct Reader<'a> {
    path: &'a Path,
    container: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    sample_rate: u32,
    channels: usize,
    declared: Option<u64>,
    format: SourceFormat,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(reading(path))?;
        let metadata = file.metadata().map_err(reading(path))?;
        if metadata.is_dir() {
            let source = std::io::Error::from(ErrorKind::IsADirectory);
            return Err(Error::Read {
                path: path.to_owned(),
                source,
            });
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(Error::Empty {
                path: path.to_owned(),
            });
        }
        Self::new(Box::new(file), path)
    }

    fn new(source: Box<dyn MediaSource>, path: &'a Path) -> Result<Self, Error> {
        let not_audio = |reason: String| Error::NotAudio {
            path: path.to_owned(),
            reason,
        };
        let stream = MediaSourceStream::new(source, Default::default());
        let (format, meta) = (FormatOptions::default(), MetadataOptions::default());
        let container = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, format, meta)
            .map_err(|error| not_audio(said(&error)))?;
        let track = container
            .default_track(TrackType::Audio)
            .ok_or_else(|| not_audio("no audio track".into()))?;
        let codec = track
            .codec_params
            .as_ref()
            .and_then(|params| params.audio())
            .ok_or_else(|| not_audio("no known codec".into()))?;
        let sample_rate = codec
            .sample_rate
            .filter(|&rate| rate > 0)
            .ok_or_else(|| not_audio("no sample rate".into()))?;
        let channels = codec
            .channels
            .as_ref()
            .map_or(0, |channels| channels.count());
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(not_audio(format!(
                "{channels} channels, not 1 to {MOST_CHANNELS}"
            )));
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(codec, &AudioDecoderOptions::default())
            .map_err(|error| not_audio(said(&error)))?;
        let format = SourceFormat {
            container: container.format_info().short_name.to_owned(),
            codec: decoder.codec_info().short_name.to_owned(),
            bits_per_sample: codec.bits_per_sample,
        };
        let (track, declared) = (track.id, track.num_frames);
        Ok(Self {
            path,
            container,
            decoder,
            track,
            sample_rate,
            channels,
            declared,
            format,
        })
    }

    fn read(mut self, span: Span) -> Result<Recording, Error> {
        let rate = f64::from(self.sample_rate);
        let start = (span.start_secs * rate).round() as u64;
        let wanted = span
            .duration_secs
            .map_or(u64::MAX, |secs| (secs * rate).round() as u64);
        let end = start.saturating_add(wanted);
        // Interleaved samples of the span, and how many of each channel were decoded in all.
        let mut samples: Vec<f32> = Vec::new();
        let mut packet_samples: Vec<f32> = Vec::new();
        let mut decoded = 0_u64;
        while decoded < end {
            let packet = match self.container.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                // Some containers say that the stream ended in the middle of a packet in this
                // way; whether anything is missing is told by the count below.
                Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    break;
                }
                Err(error) => return Err(self.damaged(&error, decoded)),
            };
            if packet.track_id != self.track {
                continue;
            }
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(error) => return Err(self.damaged(&error, decoded)),
            };
            if buffer.spec().rate() != self.sample_rate
                || buffer.spec().channels().count() != self.channels
            {
                let reason = "the rate or the channels change in the middle".to_owned();
                return Err(Error::Damaged {
                    path: self.path.into(),
                    reason,
                    samples: decoded,
                });
            }
            buffer.copy_to_vec_interleaved(&mut packet_samples);
            let count = (packet_samples.len() / self.channels) as u64;
            let skip = start.saturating_sub(decoded).min(count) as usize * self.channels;
            let keep = end.saturating_sub(decoded).min(count) as usize * self.channels;
            if skip < keep {
                samples.extend_from_slice(&packet_samples[skip..keep]);
            }
            decoded += count;
        }
        if decoded == 0 {
            return match self.declared {
                Some(declared) if declared > 0 => Err(Error::Truncated {
                    path: self.path.into(),
                    declared,
                    found: 0,
                }),
                _ => Err(Error::NoSamples {
                    path: self.path.into(),
                }),
            };
        }
        if let Some(declared) = self.declared
            && decoded < declared.min(end)
        {
            return Err(Error::Truncated {
                path: self.path.into(),
                declared,
                found: decoded,
            });
        }
        if samples.is_empty() {
            let len_secs = decoded as f64 / rate;
            let start_secs = span.start_secs;
            return Err(Error::Span {
                path: self.path.into(),
                start_secs,
                len_secs,
            });
        }
        self.deliver(samples)
    }

    fn deliver(self, samples: Vec<f32>) -> Result<Recording, Error> {
        let len = samples.len() / self.channels;
        let interleaved = Array2::from_shape_vec((len, self.channels), samples)
            .expect("whole packets of all channels were added");
        let samples = interleaved.t().as_standard_layout().into_owned();
        let audio = Audio::new(samples, self.sample_rate).map_err(|error| match error {
            unbraid::Error::NotFinite {
                value,
                channel,
                sample,
                ..
            } => Error::NotFinite {
                path: self.path.into(),
                channel,
                sample,
                value: value as f32,
            },
            other => Error::NotAudio {
                path: self.path.into(),
                reason: other.to_string(),
            },
        })?;
        Ok(Recording {
            audio,
            format: self.format,
        })
    }

    fn damaged(&self, error: &DecodeError, samples: u64) -> Error {
        Error::Damaged {
            path: self.path.into(),
            reason: said(error),
            samples,
        }
    }
}

/// What the decoder says, in one line.
fn said(error: &DecodeError) -> String {
    match error {
        DecodeError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            "it ends too early".into()
        }
        DecodeError::Unsupported(what) => format!("unsupported: {what}"),
        DecodeError::DecodeError(what) => (*what).into(),
        other => other.to_string(),
    }
}
