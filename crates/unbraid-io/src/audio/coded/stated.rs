//! A container comes in; what it says beside its packets goes out: how long the recording is, and where in the decoded
//! samples.

use std::io::{Read, SeekFrom};

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known as codec_ids;
use symphonia::core::formats::Track;
use symphonia::core::io::MediaSource;

use super::is_lossless;
use crate::audio::kind::Kind;
use crate::audio::mp4::Movie;
use crate::audio::mpeg::Info;
use crate::audio::read::fill_source;
use crate::audio::timeline::{Delay, Timeline};

/// What a container says beside its packets.
pub(super) struct Stated {
    kind: Kind,
    movie: Option<Movie>,
    /// The information in the first frame of MPEG audio.
    info: Option<Info>,
    /// Bytes of a FLAC file's frames.
    pub(super) payload: Option<u64>,
    /// Whether another Ogg stream follows the first.
    is_chained: bool,
}

/// How long a recording is, and where in the decoded samples.
pub(super) struct Extent {
    pub(super) timeline: Timeline,
    pub(super) declared: Option<u64>,
    pub(super) estimated: Option<u64>,
    pub(super) delay: Delay,
}

impl Stated {
    /// Read what is said; the source is left at its beginning.
    pub(super) fn read(source: &mut dyn MediaSource, kind: Kind) -> std::io::Result<Self> {
        let mut stated = Self {
            kind,
            movie: None,
            info: None,
            payload: None,
            is_chained: false,
        };
        match kind {
            Kind::Mp4 => stated.movie = Some(Movie::read(source)?),
            Kind::Flac => {
                let begin = flac_frames_begin(source)?;
                let len = source.byte_len();
                stated.payload = begin
                    .zip(len)
                    .and_then(|(begin, len)| len.checked_sub(begin));
            }
            Kind::Ogg => stated.is_chained = is_chained(source)?,
            Kind::Frames(frame) => {
                let mut bytes = vec![0; frame.len];
                let found = fill_source(source, &mut bytes)?;
                stated.info = Info::parse(&bytes[..found], &frame);
            }
            Kind::Caf | Kind::Matroska | Kind::Pcm => {}
        }
        source.seek(SeekFrom::Start(0))?;
        Ok(stated)
    }

    /// Whether as many bytes are there as the first frame of MPEG audio counted: then it is its count of
    /// samples that is wrong, not the file that was cut.
    pub(super) fn is_whole(&self, len: u64) -> bool {
        self.info
            .is_some_and(|info| info.bytes.is_none_or(|bytes| u64::from(bytes) <= len))
    }

    pub(super) fn extent(
        &self,
        track: &Track,
        codec: &AudioCodecParameters,
        sample_rate: u32,
        len: u64,
    ) -> Extent {
        let lossless = Extent {
            timeline: Timeline::default(),
            declared: track.num_frames,
            estimated: None,
            delay: Delay::None,
        };
        let begins_at = |recording: std::ops::Range<u64>| Extent {
            declared: Some(recording.end - recording.start),
            delay: Delay::Trimmed(recording.start),
            timeline: Timeline::without(vec![0..recording.start, recording.end..u64::MAX]),
            estimated: None,
        };
        let unstated = |declared| Extent {
            timeline: Timeline::default(),
            declared,
            estimated: None,
            delay: Delay::Unstated,
        };
        match self.kind {
            Kind::Pcm | Kind::Flac => lossless,
            Kind::Frames(frame) => match &self.info {
                Some(info) => {
                    let (timeline, all) = info.timeline(&frame);
                    Extent {
                        declared: all.map(|all| timeline.kept(all)),
                        estimated: None,
                        delay: info.delay().map_or(Delay::Unstated, Delay::Trimmed),
                        timeline,
                    }
                }
                None => Extent {
                    // As many frames as there would be if all were like the first.
                    estimated: Some(len / frame.len as u64 * u64::from(frame.samples)),
                    ..unstated(None)
                },
            },
            Kind::Mp4 => {
                let all = track.num_frames.filter(|&all| all > 0);
                let recording = all
                    .zip(self.movie.as_ref())
                    .and_then(|(all, movie)| movie.recording(track.id, sample_rate, all));
                match recording {
                    Some(recording) => begins_at(recording),
                    None if is_lossless(codec) => Extent {
                        declared: all,
                        ..lossless
                    },
                    None => unstated(all),
                }
            }
            Kind::Caf => {
                let delay = u64::from(track.delay.unwrap_or(0));
                match track.num_frames {
                    Some(len) if delay > 0 || !is_lossless(codec) => {
                        begins_at(delay..delay.saturating_add(len))
                    }
                    len => Extent {
                        declared: len,
                        ..lossless
                    },
                }
            }
            Kind::Ogg => {
                let begin = track
                    .start_ts
                    .get()
                    .saturating_add(i64::from(track.delay.unwrap_or(0)))
                    .max(0);
                let end = track.num_frames.filter(|_| !self.is_chained);
                Extent {
                    timeline: Timeline::default(),
                    declared: end.and_then(|end| end.checked_sub(begin.cast_unsigned())),
                    estimated: None,
                    // Pages say where the recording begins and ends, to the sample.
                    delay: Delay::None,
                }
            }
            Kind::Matroska if is_lossless(codec) || codec.codec == codec_ids::CODEC_ID_VORBIS => {
                Extent {
                    declared: None,
                    ..lossless
                }
            }
            Kind::Matroska => unstated(None),
        }
    }
}

/// The byte behind the blocks of metadata of a FLAC file.
fn flac_frames_begin(source: &mut dyn MediaSource) -> std::io::Result<Option<u64>> {
    let mut word = [0; 4];
    let mut at = 4;
    source.seek(SeekFrom::Start(at))?;
    loop {
        if fill_source(source, &mut word)? < 4 {
            return Ok(None);
        }
        let len = u32::from_be_bytes([0, word[1], word[2], word[3]]);
        at += 4 + u64::from(len);
        if word[0] & 0x80 != 0 {
            return Ok(Some(at));
        }
        source.seek(SeekFrom::Start(at))?;
    }
}

/// Whether the last page of an Ogg file belongs to another stream than the first.
fn is_chained(source: &mut dyn MediaSource) -> std::io::Result<bool> {
    /// A page has 65307 bytes at most: the last one begins among these.
    const LONGEST: u64 = 1 << 16;
    let mut first = [0; 18];
    fill_source(source, &mut first)?;
    let len = source.byte_len().unwrap_or(0);
    source.seek(SeekFrom::Start(len.saturating_sub(LONGEST)))?;
    let mut tail = Vec::new();
    source.take(LONGEST).read_to_end(&mut tail)?;
    let last = tail.windows(18).rfind(|page| page.starts_with(b"OggS\0"));
    Ok(last.is_some_and(|page| page[14..18] != first[14..18]))
}
