//! A stream of coded packets comes in; samples go out, decoded by Symphonia.
//!
//! Symphonia takes the packets out of the container and decodes them; which of the decoded samples are the
//! recording is worked out here, from what the container says ([`Timeline`]).

mod stated;
mod vorbis;

use std::io::ErrorKind;
use std::path::Path;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known as codec_ids;
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as DecodeError;
use symphonia::core::formats::probe::{Hint, Probe};
use symphonia::core::formats::{FormatOptions, FormatReader, Track, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::default::formats;

use super::SourceFormat;
use super::kind::Kind;
use super::mpeg::{Codec, Frame};
use super::read::{Decode, Header, MOST_CHANNELS};
use super::timeline::{Delay, Timeline};
use crate::Error;
use crate::error::reading;
use stated::Stated;

/// A stream, being decoded.
pub(super) struct CodedDecoder<'a> {
    path: &'a Path,
    container: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    kind: Kind,
    track: u32,
    header: Header,
    is_lossless: bool,
    timeline: Timeline,
    /// Bytes of all packets together, if known, and of those that came out.
    payload: Option<u64>,
    passed: u64,
    /// Where the next packet of an Ogg stream belongs, once the first one has come.
    expected: Option<i64>,
    /// Packets in all, and those that could not be decoded and are silence.
    packets: u64,
    silent: u64,
    /// Samples that the last packet gave.
    last_len: u64,
    /// Whether fewer samples than declared are a wrong header, not a file that was cut.
    is_whole: bool,
    notes: Vec<String>,
}

/// Damaged packets of a codec with losses that are borne in any case: the first frames of a stream that was cut
/// out of a longer one need what came before them.
const SILENT_AT_LEAST: u64 = 2;

/// Of so many packets one may be damaged beside those.
const SILENT_OF: u64 = 20;

impl Kind {
    fn probe(self) -> Probe {
        let mut probe = Probe::default();
        match self {
            Self::Flac => probe.register_format::<formats::FlacReader<'_>>(),
            Self::Ogg => probe.register_format::<formats::OggReader<'_>>(),
            Self::Caf => probe.register_format::<formats::CafReader<'_>>(),
            Self::Mp4 => probe.register_format::<formats::IsoMp4Reader<'_>>(),
            Self::Matroska => probe.register_format::<formats::MkvReader<'_>>(),
            Self::Frames(Frame {
                codec: Codec::Adts, ..
            }) => {
                probe.register_format::<formats::AdtsReader<'_>>();
            }
            Self::Frames(_) => probe.register_format::<formats::MpaReader<'_>>(),
            Self::Pcm => {}
        }
        probe
    }
}

impl<'a> CodedDecoder<'a> {
    /// The source has to be seekable, and to begin and end with the stream.
    pub(super) fn new(
        mut source: Box<dyn MediaSource>,
        kind: Kind,
        path: &'a Path,
    ) -> Result<Self, Error> {
        let not_audio = |reason: String| Error::NotAudio {
            path: path.to_owned(),
            reason,
        };
        let len = source.byte_len().unwrap_or(0);
        let stated = Stated::read(source.as_mut(), kind).map_err(reading(path))?;
        let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
        let (format, meta) = (FormatOptions::default(), MetadataOptions::default());
        let container = kind
            .probe()
            .probe(&Hint::new(), stream, format, meta)
            .map_err(|error| not_audio(said(&error)))?;
        let track = container
            .default_track(TrackType::Audio)
            .ok_or_else(|| not_audio("no audio track".into()))?
            .clone();
        let codec = audio_codec(&track).ok_or_else(|| not_audio("no known codec".into()))?;
        let decoder = decoder(codec).map_err(|error| not_audio(refused(codec, &error)))?;
        // What the decoder's own header says counts before the container's.
        let known = decoder.codec_params();
        let sample_rate = known
            .sample_rate
            .or(codec.sample_rate)
            .filter(|&rate| rate > 0)
            .ok_or_else(|| not_audio("no sample rate".into()))?;
        let channels = known
            .channels
            .as_ref()
            .or(codec.channels.as_ref())
            .map_or(0, Channels::count);
        if channels == 0 || channels > MOST_CHANNELS {
            return Err(not_audio(format!(
                "{channels} channels, not 1 to {MOST_CHANNELS}"
            )));
        }
        let info = container.format_info().short_name;
        let is_lossless = is_lossless(codec);
        let format = SourceFormat {
            container: kind.frames_name().unwrap_or(info).to_owned(),
            codec: decoder.codec_info().short_name.to_owned(),
            bits_per_sample: codec.bits_per_sample.filter(|_| is_lossless),
        };
        let extent = stated.extent(&track, codec, sample_rate, len);
        let header = Header {
            format,
            sample_rate,
            channels,
            declared: extent.declared,
            estimated: extent.estimated,
            delay: extent.delay,
        };
        Ok(Self {
            path,
            container,
            decoder,
            kind,
            track: track.id,
            header,
            is_lossless,
            timeline: extent.timeline,
            payload: stated.payload,
            passed: 0,
            expected: None,
            packets: 0,
            silent: 0,
            last_len: 0,
            is_whole: stated.is_whole(len),
            notes: Vec::new(),
        })
    }

    fn is_first_of_vorbis(&self) -> bool {
        self.kind == Kind::Matroska && self.packets == 1 && self.header.format.codec == "vorbis"
    }

    fn damaged(&self, reason: impl Into<String>, samples: u64) -> Error {
        Error::Damaged {
            path: self.path.into(),
            reason: reason.into(),
            samples,
        }
    }

    /// The next packet of the track, or nothing at the end, wherever that is.
    fn next_packet(&mut self, decoded: u64) -> Result<Option<Packet>, Error> {
        loop {
            match self.container.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => {
                    self.passed += packet.data.len() as u64;
                    self.packets += 1;
                    return Ok(Some(packet));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Ok(None),
                // Some containers say in this way that the stream ended in the middle of a packet;
                // whether anything is missing is told by counting.
                Err(DecodeError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    if self.kind == Kind::Ogg {
                        self.note("it ends without the mark of an end: it may have been cut");
                    }
                    return Ok(None);
                }
                Err(DecodeError::ResetRequired) => self.next_link(decoded)?,
                Err(error) => return Err(self.damaged(said(&error), decoded)),
            }
        }
    }

    /// Go on with the next of several streams that were written one behind the other.
    fn next_link(&mut self, decoded: u64) -> Result<(), Error> {
        let track = self.container.default_track(TrackType::Audio).cloned();
        let Some((track, codec)) = track
            .as_ref()
            .and_then(|track| Some((track, audio_codec(track)?)))
        else {
            return Err(self.damaged("the next stream of its chain is no audio", decoded));
        };
        let channels = codec.channels.as_ref().map_or(0, Channels::count);
        if codec.sample_rate != Some(self.header.sample_rate) || channels != self.header.channels {
            let reason = format!(
                "the next stream of its chain has {channels} channels at {} Hz",
                codec.sample_rate.unwrap_or(0)
            );
            return Err(self.damaged(reason, decoded));
        }
        self.decoder = decoder(codec).map_err(|error| self.damaged(said(&error), decoded))?;
        self.track = track.id;
        self.expected = None;
        // The length of the first stream is not the file's.
        self.header.declared = None;
        Ok(())
    }

    /// Decode a packet into interleaved samples.
    fn decode(
        &mut self,
        packet: &Packet,
        samples: &mut Vec<f32>,
        decoded: u64,
    ) -> Result<(), Error> {
        samples.clear();
        match self.decoder.decode(packet) {
            Ok(buffer) => {
                let spec = buffer.spec();
                if spec.rate() == self.header.sample_rate
                    && spec.channels().count() == self.header.channels
                {
                    buffer.copy_to_vec_interleaved(samples);
                    return Ok(());
                }
                Err(self.damaged("the rate or the channels change in the middle", decoded))
            }
            Err(error) => {
                self.silent += 1;
                if self.is_lossless || self.silent > SILENT_AT_LEAST.max(self.packets / SILENT_OF) {
                    return Err(self.damaged(said(&error), decoded));
                }
                let len = match self.kind {
                    Kind::Frames(frame) => u64::from(frame.samples),
                    _ => packet.block_dur().get().min(1 << 16),
                };
                samples.resize(len as usize * self.header.channels, 0.0);
                Ok(())
            }
        }
    }

    /// Leave out of an Ogg packet's samples what its page's place says is delay or padding.
    fn trim_page(
        &mut self,
        packet: &Packet,
        samples: &mut Vec<f32>,
        decoded: u64,
    ) -> Result<(), Error> {
        let channels = self.header.channels;
        let len = (samples.len() / channels) as u64;
        let begin = packet.pts.get();
        if self.expected.is_some_and(|expected| begin > expected) {
            return Err(self.damaged("pages are missing", decoded));
        }
        self.expected = begin.checked_add_unsigned(packet.block_dur().get());
        let before = u64::try_from(-begin.min(0)).unwrap_or(0);
        let front = packet.trim_start.get().max(before).min(len);
        let back = packet.trim_end.get().min(len - front);
        samples.truncate((len - back) as usize * channels);
        samples.drain(..front as usize * channels);
        Ok(())
    }

    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

impl Decode for CodedDecoder<'_> {
    fn header(&self) -> &Header {
        &self.header
    }

    fn next_block(&mut self, samples: &mut Vec<f32>, decoded: u64) -> Result<bool, Error> {
        loop {
            let Some(packet) = self.next_packet(decoded)? else {
                // Frames have no length of their own: whether the last one is whole is told by what is left.
                let is_short = self.payload.is_some_and(|payload| self.passed < payload);
                if self.kind == Kind::Flac && self.header.declared.is_none() && is_short {
                    return Err(self.damaged("its end makes no whole frame", decoded));
                }
                return Ok(false);
            };
            // Damaged packets are passed over in silence by the container's reader; what comes
            // after them would otherwise move up into the gap.
            let begin = packet.pts.get();
            if self.kind == Kind::Flac && begin != decoded as i64 {
                return Err(
                    self.damaged(format!("what follows belongs at sample {begin}"), decoded)
                );
            }
            self.decode(&packet, samples, decoded)?;
            self.last_len = (samples.len() / self.header.channels) as u64;
            if self.is_first_of_vorbis() {
                // Nothing overlaps with the first block; in Ogg its page says so.
                samples.clear();
            }
            if self.kind == Kind::Ogg {
                self.trim_page(&packet, samples, decoded)?;
            } else {
                self.timeline.pass(samples, self.header.channels);
            }
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

    fn is_cut(&self, found: u64) -> bool {
        // Some writers of CAF count the last packet as a full one.
        let bearable = if self.kind == Kind::Caf {
            self.last_len.max(4096)
        } else {
            0
        };
        !self.is_whole
            && self
                .header
                .declared
                .is_some_and(|declared| found + bearable < declared)
    }

    fn notes(&mut self, found: u64, at_end: bool) -> Vec<String> {
        if self.silent > 0 {
            self.note(format!(
                "{} of {} packets were damaged and are silence",
                self.silent, self.packets
            ));
        }
        if let Some(declared) = self.header.declared
            && at_end
            && found != declared
            && self.kind != Kind::Caf
        {
            self.note(format!(
                "its header declares {declared} samples, {found} are there"
            ));
        }
        if self.header.delay == Delay::Unstated {
            self.note(
                "the file does not say how much silence its encoder put before the recording: stems are aligned \
                 with what is heard, not with the original",
            );
        }
        std::mem::take(&mut self.notes)
    }
}

fn audio_codec(track: &Track) -> Option<&AudioCodecParameters> {
    track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
}

/// Samples of a channel in one packet, at most: more is damage, and decoders would make room for it.
const MOST_PACKET_SAMPLES: u64 = 1 << 20;

fn decoder(codec: &AudioCodecParameters) -> Result<Box<dyn AudioDecoder>, DecodeError> {
    let mut codec = codec.clone();
    if codec
        .max_frames_per_packet
        .is_some_and(|most| most > MOST_PACKET_SAMPLES)
    {
        return Err(DecodeError::DecodeError(
            "packets longer than 1 048 576 samples",
        ));
    }
    if codec.codec == codec_ids::CODEC_ID_VORBIS
        && let Some(headers) = &mut codec.extra_data
    {
        vorbis::reverse_couplings(headers);
    }
    // Delay and padding are taken away by `Timeline` and `trim_page`.
    let options = AudioDecoderOptions::default().verify(true).gapless(false);
    symphonia::default::get_codecs().make_audio_decoder(&codec, &options)
}

/// Whether what is decoded is, to the bit, what was encoded.
fn is_lossless(codec: &AudioCodecParameters) -> bool {
    !matches!(
        codec.codec,
        codec_ids::CODEC_ID_AAC
            | codec_ids::CODEC_ID_VORBIS
            | codec_ids::CODEC_ID_MP1
            | codec_ids::CODEC_ID_MP2
            | codec_ids::CODEC_ID_MP3
    )
}

/// Why there is no decoder for a codec.
fn refused(codec: &AudioCodecParameters, error: &DecodeError) -> String {
    let name = match codec.codec {
        codec_ids::CODEC_ID_OPUS => "Opus",
        codec_ids::CODEC_ID_SPEEX => "Speex",
        codec_ids::CODEC_ID_AC3 => "AC-3",
        codec_ids::CODEC_ID_EAC3 => "E-AC-3",
        codec_ids::CODEC_ID_AAC => "AAC other than AAC-LC with 1 or 2 channels, such as HE-AAC",
        _ => return said(error),
    };
    format!("unsupported: {name}")
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
