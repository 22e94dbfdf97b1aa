//! A stream of coded packets comes in; samples go out, decoded by Symphonia.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::OnceLock;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::SourceFormat;
use super::flac::Head;
use super::read::{Decode, Header, MOST_CHANNELS};
use crate::Error;
use crate::error::reading;

/// A stream, being decoded.
pub(super) struct CodedDecoder<'a> {
    path: &'a Path,
    container: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    header: Header,
    /// Bytes of all packets together, if known, and of those that came out.
    payload: Option<u64>,
    passed: u64,
}

/// The containers that are read here. WAV is not among them: it has a reader of its own.
fn probe() -> &'static Probe {
    static PROBE: OnceLock<Probe> = OnceLock::new();
    PROBE.get_or_init(|| {
        let mut probe = Probe::default();
        probe.register_format::<symphonia::default::formats::FlacReader>();
        probe
    })
}

impl<'a> CodedDecoder<'a> {
    pub(super) fn new(source: Box<dyn MediaSource>, path: &'a Path) -> Result<Self, Error> {
        let not_audio = |reason: String| Error::NotAudio {
            path: path.to_owned(),
            reason,
        };
        let (source, payload) = Head::of_flac(source).map_err(reading(path))?;
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let (format, meta) = (FormatOptions::default(), MetadataOptions::default());
        let container = probe()
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
        let channels = codec.channels.as_ref().map_or(0, Channels::count);
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(not_audio(format!(
                "{channels} channels, not 1 to {MOST_CHANNELS}"
            )));
        }
        let mut options = AudioDecoderOptions::default();
        options.verify = true;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(codec, &options)
            .map_err(|error| not_audio(said(&error)))?;
        let format = SourceFormat {
            container: container.format_info().short_name.to_owned(),
            codec: decoder.codec_info().short_name.to_owned(),
            bits_per_sample: codec.bits_per_sample,
        };
        let (track, declared) = (track.id, track.num_frames);
        let header = Header {
            format,
            sample_rate,
            channels,
            declared,
        };
        Ok(Self {
            path,
            container,
            decoder,
            track,
            header,
            payload,
            passed: 0,
        })
    }

    /// Whether bytes remain that are no packet.
    fn is_short(&self) -> bool {
        self.payload.is_some_and(|payload| self.passed < payload)
    }

    fn damaged(&self, reason: String, samples: u64) -> Error {
        Error::Damaged {
            path: self.path.into(),
            reason,
            samples,
        }
    }
}

impl Decode for CodedDecoder<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next_block(&mut self, samples: &mut Vec<f32>, decoded: u64) -> Result<bool, Error> {
        loop {
            let packet = match self.container.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) if self.header.declared.is_none() && self.is_short() => {
                    return Err(self.damaged("its end makes no whole frame".into(), decoded));
                }
                Ok(None) => return Ok(false),
                // Some containers say in this way that the stream ended in the middle of a packet;
                // whether anything is missing is told by counting.
                Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(false);
                }
                Err(error) => return Err(self.damaged(said(&error), decoded)),
            };
            if packet.track_id != self.track {
                continue;
            }
            self.passed += packet.data.len() as u64;
            // Damaged packets are passed over in silence by the container's reader; what comes
            // after them would otherwise move up into the gap.
            let begin = packet.pts.get();
            if begin != decoded as i64 {
                let reason = format!("what follows belongs at sample {begin}");
                return Err(self.damaged(reason, decoded));
            }
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(error) => return Err(self.damaged(said(&error), decoded)),
            };
            let spec = buffer.spec();
            if spec.rate() != self.header.sample_rate
                || spec.channels().count() != self.header.channels
            {
                let reason = "the rate or the channels change in the middle".to_owned();
                return Err(self.damaged(reason, decoded));
            }
            buffer.copy_to_vec_interleaved(samples);
            if !samples.is_empty() {
                return Ok(true);
            }
        }
    }

    fn verify(&mut self) -> Result<(), String> {
        match self.decoder.finalize().verify_ok {
            Some(false) => Err("the samples do not have the checksum that the header gives".into()),
            _ => Ok(()),
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
