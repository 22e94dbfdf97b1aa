//! A file comes in; what it is, and where it lies between the tags that were put around it, goes out.
//!
//! Files are told by their content. Tags that players put before and behind a stream (ID3, APE, Lyrics3)
//! are no part of it: a frame that has no length of its own would take what follows for its own end.

use std::io::{Result, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

use super::mpeg::{self, Codec, Frame};
use super::pcm::PcmDecoder;
use super::read::fill_source;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// WAV or AIFF: samples as they are.
    Pcm,
    Flac,
    Ogg,
    Caf,
    Mp4,
    Matroska,
    /// Frames of MPEG audio or AAC, one after the other; the first one.
    Frames(Frame),
}

/// Whether a file with these first bytes can be nothing but a recording: no film, and no words.
pub(super) fn begins_like_audio(start: &[u8]) -> bool {
    matches!(
        Kind::of_start(start),
        Some(Kind::Pcm | Kind::Flac | Kind::Ogg | Kind::Caf)
    ) || matches!(
        start,
        [
            _,
            _,
            _,
            _,
            b'f',
            b't',
            b'y',
            b'p',
            b'M',
            b'4',
            b'A' | b'B',
            ..
        ]
    ) || id3_len(start.get(..10).unwrap_or_default()).is_some()
}

impl Kind {
    /// Tell a file by its first bytes.
    fn of_start(start: &[u8]) -> Option<Self> {
        if PcmDecoder::knows(start) {
            return Some(Self::Pcm);
        }
        match start {
            [b'f', b'L', b'a', b'C', ..] => Some(Self::Flac),
            [b'O', b'g', b'g', b'S', ..] => Some(Self::Ogg),
            [b'c', b'a', b'f', b'f', ..] => Some(Self::Caf),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Some(Self::Mp4),
            [0x1A, 0x45, 0xDF, 0xA3, ..] => Some(Self::Matroska),
            _ => None,
        }
    }

    /// Tell a source that can be searched, and say which of its bytes are the stream.
    ///
    /// The source may be left anywhere.
    pub(super) fn tell(
        source: &mut dyn MediaSource,
        len: u64,
    ) -> Result<Option<(Self, Range<u64>)>> {
        let begin = behind_id3(source, len)?;
        source.seek(SeekFrom::Start(begin))?;
        let mut start = vec![0; 16];
        let found = fill_source(source, &mut start)?;
        start.truncate(found);
        if let Some(kind) = Self::of_start(&start) {
            let end = if kind == Self::Flac {
                before_tags(source, begin, len)?
            } else {
                len
            };
            return Ok(Some((kind, begin..end)));
        }
        let end = before_tags(source, begin, len)?;
        source.seek(SeekFrom::Start(begin))?;
        let mut bytes = vec![0; mpeg::SEARCHED.min((end - begin) as usize)];
        let found = fill_source(source, &mut bytes)?;
        let whole = found as u64 == end - begin;
        let first = mpeg::find(&bytes[..found], whole);
        Ok(first.map(|(at, frame)| (Self::Frames(frame), begin + at as u64..end)))
    }

    /// The name of the container, where it has none of its own.
    pub(super) fn frames_name(self) -> Option<&'static str> {
        match self {
            Self::Frames(Frame {
                codec: Codec::Adts, ..
            }) => Some("adts"),
            _ => None,
        }
    }
}

/// Tags in front that are passed over: more is no recording.
const MOST_TAGS: usize = 16;

/// The first byte behind tags of ID3 version 2 (*ID3 tag version 2.4.0*, 3.1).
fn behind_id3(source: &mut dyn MediaSource, len: u64) -> Result<u64> {
    let mut begin = 0;
    for _ in 0..MOST_TAGS {
        source.seek(SeekFrom::Start(begin))?;
        let mut head = [0; 10];
        let found = fill_source(source, &mut head)?;
        let Some(tag) = id3_len(&head[..found]).filter(|tag| begin + tag < len) else {
            break;
        };
        begin += tag;
    }
    Ok(begin)
}

/// The bytes of a tag of ID3 version 2 that begins with these ten.
pub(super) fn id3_len(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', major, minor, flags, sizes @ ..] = head else {
        return None;
    };
    let sizes: [u8; 4] = sizes.try_into().ok()?;
    if *major == 0xFF || *minor == 0xFF || sizes.iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let size = sizes
        .iter()
        .fold(0, |size, byte| size << 7 | u64::from(*byte));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    Some(10 + size + footer)
}

/// The first byte of the tags behind a stream: ID3 version 1, APE, Lyrics3, ID3 version 2 with a footer.
fn before_tags(source: &mut dyn MediaSource, begin: u64, len: u64) -> Result<u64> {
    const TAIL: usize = 128;
    let mut end = len;
    for _ in 0..MOST_TAGS {
        let tail_len = TAIL.min((end - begin) as usize);
        source.seek(SeekFrom::Start(end - tail_len as u64))?;
        let mut tail = vec![0; tail_len];
        if fill_source(source, &mut tail)? < tail_len {
            break;
        }
        match tag_len(&tail).filter(|&tag| tag <= end - begin) {
            Some(tag) => end -= tag,
            None => break,
        }
    }
    Ok(end)
}

/// The bytes of a tag that ends with these.
fn tag_len(tail: &[u8]) -> Option<u64> {
    if tail.len() == 128 && tail.starts_with(b"TAG") {
        return Some(128);
    }
    if let Some(footer) = tail.len().checked_sub(32).map(|at| &tail[at..])
        && footer.starts_with(b"APETAGEX")
    {
        let word =
            |at: usize| u32::from_le_bytes(footer[at..at + 4].try_into().expect("four bytes"));
        let header = if word(20) & 1 << 31 != 0 { 32 } else { 0 };
        return Some(u64::from(word(12)) + header);
    }
    if let Some(footer) = tail.len().checked_sub(15).map(|at| &tail[at..])
        && footer.ends_with(b"LYRICS200")
    {
        let size: u64 = std::str::from_utf8(&footer[..6]).ok()?.parse().ok()?;
        return Some(size + 15);
    }
    if let Some(footer) = tail.len().checked_sub(10).map(|at| &tail[at..])
        && footer.starts_with(b"3DI")
    {
        let head = [b"ID3", &footer[3..]].concat();
        return id3_len(&head);
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn tell(bytes: Vec<u8>) -> Option<(Kind, Range<u64>)> {
        let len = bytes.len() as u64;
        Kind::tell(&mut Cursor::new(bytes), len).unwrap()
    }

    #[test]
    fn tags_around_a_stream_are_not_of_it() {
        let id3 = [b"ID3\x04\0\0\0\0\x01\x02".as_slice(), &[7; 130]].concat();
        let v1 = [b"TAG".as_slice(), &[b'x'; 125]].concat();
        let mut ape = vec![9; 50];
        ape.extend(b"APETAGEX\xD0\x07\0\0");
        ape.extend(82_u32.to_le_bytes());
        ape.extend([0; 16]);
        let lyrics = b"LYRICSBEGININD00002110000017LYRICS200";
        let mut lyrics_there = lyrics.to_vec();
        lyrics_there.splice(22..28, *b"000022");
        let stream = [b"fLaC".as_slice(), &[1; 300]].concat();
        let all = [
            id3.clone(),
            id3.clone(),
            stream.clone(),
            ape,
            lyrics_there,
            v1,
        ]
        .concat();
        let expected = (Kind::Flac, 280..280 + stream.len() as u64);
        assert_eq!(tell(all), Some(expected));
        assert_eq!(tell(stream.clone()), Some((Kind::Flac, 0..304)));
        // A tag longer than the file is none.
        let lying = [b"ID3\x04\0\0\x7F\x7F\x7F\x7F".as_slice(), &stream].concat();
        assert_eq!(tell(lying), None);
    }

    #[test]
    fn words_and_nothing_are_no_recording() {
        for bytes in [&b""[..], b"x", b"dear diary", b"ID3", &[0; 5000]] {
            assert_eq!(tell(bytes.to_vec()), None);
        }
    }
}
