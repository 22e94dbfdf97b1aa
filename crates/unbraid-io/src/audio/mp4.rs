//! An MP4 file comes in; what its edit lists and iTunes' tag say of delay and padding goes out.
//!
//! Boxes are those of ISO/IEC 14496-12: `moov` holds a `trak` per track, whose `edts/elst` says which part of the
//! media is the recording (8.6.6); `iTunSMPB` is Apple's own, from before edit lists were usual.

use std::io::{Read, Result, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

use super::read::fill_source;

/// The most bytes of `moov` that are read: larger is none.
const MOST_BYTES: u64 = 1 << 26;

/// What a file says of the delay and padding of its tracks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Movie {
    timescale: u32,
    tracks: Vec<TrackEdits>,
    itunes: Option<Itunes>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct TrackEdits {
    id: u32,
    timescale: u32,
    /// Duration in the movie's timescale, and where it begins in the track's; −1 is a pause.
    edits: Vec<(u64, i64)>,
}

/// `iTunSMPB`, in samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Itunes {
    delay: u64,
    len: u64,
}

/// The boxes in some bytes: their names and contents.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (name, header, len) = header(bytes)?;
        let end = if len == 0 {
            bytes.len()
        } else {
            usize::try_from(len).ok()?
        };
        let content = bytes.get(header..end)?;
        bytes = &bytes[end..];
        Some((name, content))
    })
}

/// The name of the first box, the length of its header, and of all; 0 is to the end.
fn header(bytes: &[u8]) -> Option<([u8; 4], usize, u64)> {
    let short = number(bytes, 0)?;
    let name = bytes.get(4..8)?.try_into().expect("four bytes");
    match short {
        1 => Some((name, 16, wide(bytes, 8)?)).filter(|(.., len)| *len >= 16),
        0 => Some((name, 8, 0)),
        short => Some((name, 8, u64::from(short))).filter(|(.., len)| *len >= 8),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().expect("four bytes")))
}

fn wide(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from(number(bytes, at)?) << 32 | u64::from(number(bytes, at + 4)?))
}

fn child<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, name| {
        boxes(bytes)
            .find(|(found, _)| found == *name)
            .map(|(_, content)| content)
    })
}

impl Movie {
    /// Read what is there; the source is left at its beginning.
    pub(super) fn read(source: &mut dyn MediaSource) -> Result<Self> {
        let mut at = source.seek(SeekFrom::Start(0))?;
        let mut movie = Self::default();
        loop {
            let mut start = [0; 16];
            let found = fill_source(source, &mut start)?;
            let Some((name, header, len)) = header(&start[..found]) else {
                break;
            };
            if &name == b"moov" {
                source.seek(SeekFrom::Start(at + header as u64))?;
                let left = if len == 0 {
                    MOST_BYTES
                } else {
                    len - header as u64
                };
                let mut bytes = Vec::new();
                (&mut *source)
                    .take(left.min(MOST_BYTES))
                    .read_to_end(&mut bytes)?;
                movie = Self::parse(&bytes);
                break;
            }
            match at.checked_add(len) {
                Some(next) if len > 0 => at = source.seek(SeekFrom::Start(next))?,
                _ => break,
            }
        }
        source.seek(SeekFrom::Start(0))?;
        Ok(movie)
    }

    fn parse(moov: &[u8]) -> Self {
        let timescale = child(moov, &[b"mvhd"]).and_then(timescale).unwrap_or(0);
        let tracks = boxes(moov)
            .filter(|(name, _)| name == b"trak")
            .filter_map(|(_, trak)| track(trak))
            .collect();
        let list = child(moov, &[b"udta", b"meta"])
            // `meta` is a full box: version and flags come first.
            .and_then(|meta| child(meta.get(4..)?, &[b"ilst"]));
        let itunes = list.and_then(|list| {
            boxes(list)
                .filter(|(name, _)| name == b"----")
                .find(|(_, item)| {
                    child(item, &[b"name"]).and_then(|name| name.get(4..)) == Some(b"iTunSMPB")
                })
                .and_then(|(_, item)| Itunes::parse(child(item, &[b"data"])?.get(8..)?))
        });
        Self {
            timescale,
            tracks,
            itunes,
        }
    }

    /// The samples of a track that are the recording, of `len` there are in all; nothing if the file
    /// does not say, or says what cannot be followed.
    pub(super) fn recording(&self, track: u32, sample_rate: u32, len: u64) -> Option<Range<u64>> {
        if let Some(itunes) = self.itunes
            && self.tracks.len() == 1
            && itunes.len > 0
            && itunes
                .delay
                .checked_add(itunes.len)
                .is_some_and(|end| end <= len)
        {
            return Some(itunes.delay..itunes.delay + itunes.len);
        }
        let track = self.tracks.iter().find(|found| found.id == track)?;
        let mut edits = track.edits.iter().filter(|(_, begin)| *begin >= 0);
        let (&(duration, begin), None) = (edits.next()?, edits.next()) else {
            return None;
        };
        if track.timescale == 0 || self.timescale == 0 {
            return None;
        }
        let scaled = |value: u64, from: u32| {
            let samples = (u128::from(value) * u128::from(sample_rate) + u128::from(from / 2))
                / u128::from(from);
            u64::try_from(samples).unwrap_or(u64::MAX)
        };
        let begin = scaled(begin.cast_unsigned(), track.timescale);
        if begin >= len {
            return None;
        }
        let end = begin.saturating_add(scaled(duration, self.timescale));
        // Movies count in coarser steps than tracks do, mostly milliseconds: within one of them of the
        // end, it is the end.
        let step = if self.timescale == track.timescale {
            0
        } else {
            scaled(1, self.timescale) + 1
        };
        let is_whole = duration == 0 || end.saturating_add(step) >= len;
        Some(begin..if is_whole { len } else { end })
    }
}

/// The timescale of `mvhd` or `mdhd`.
fn timescale(content: &[u8]) -> Option<u32> {
    number(content, if content.first()? == &1 { 20 } else { 12 })
}

fn track(trak: &[u8]) -> Option<TrackEdits> {
    let tkhd = child(trak, &[b"tkhd"])?;
    let id = number(tkhd, if tkhd.first()? == &1 { 20 } else { 12 })?;
    let timescale = child(trak, &[b"mdia", b"mdhd"]).and_then(timescale)?;
    let mut edits = Vec::new();
    if let Some(elst) = child(trak, &[b"edts", b"elst"]) {
        let (is_wide, count) = (elst.first()? == &1, number(elst, 4)?);
        for entry in 0..count as usize {
            let edit = if is_wide {
                let at = entry.checked_mul(20)? + 8;
                (wide(elst, at), wide(elst, at + 8).map(u64::cast_signed))
            } else {
                let at = entry.checked_mul(12)? + 8;
                let begin = number(elst, at + 4).map(|begin| i64::from(begin.cast_signed()));
                (number(elst, at).map(u64::from), begin)
            };
            // A list that ends early is what there is of it.
            let (Some(duration), Some(begin)) = edit else {
                break;
            };
            edits.push((duration, begin));
        }
    }
    Some(TrackEdits {
        id,
        timescale,
        edits,
    })
}

impl Itunes {
    /// Numbers in hexadecimal: nothing, delay, padding, length, and more nothing.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let mut words = text
            .split_ascii_whitespace()
            .map(|word| u64::from_str_radix(word, 16).ok());
        let delay = words.nth(1)??;
        let len = words.nth(1)??;
        Some(Self { delay, len })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Case<'a> = (u32, &'a [(u64, i64)], Option<Range<u64>>);

    fn movie(timescale: u32, edits: &[(u64, i64)], itunes: Option<Itunes>) -> Movie {
        let track = TrackEdits {
            id: 1,
            timescale: 44_100,
            edits: edits.to_vec(),
        };
        Movie {
            timescale,
            tracks: vec![track],
            itunes,
        }
    }

    #[test]
    fn an_edit_is_the_recording() {
        let cases: [Case<'_>; 8] = [
            (44_100, &[(50_000, 1024)], Some(1024..51_024)),
            (1000, &[(1000, 1024)], Some(1024..45_124)),
            (1000, &[(1135, 1024)], Some(1024..51_100)),
            (1000, &[(0, 2112)], Some(2112..51_100)),
            (1000, &[(50, -1), (1000, 0)], Some(0..44_100)),
            (1000, &[(1000, 0), (1000, 1000)], None),
            (1000, &[(1000, 60_000)], None),
            (1000, &[], None),
        ];
        for (timescale, edits, expected) in cases {
            let found = movie(timescale, edits, None).recording(1, 44_100, 51_100);
            assert_eq!(found, expected, "{edits:?} at {timescale}");
        }
        assert_eq!(
            movie(1000, &[(0, 1)], None).recording(2, 44_100, 51_100),
            None
        );
    }

    #[test]
    fn itunes_tag_counts_before_edits_unless_it_lies() {
        let text = b" 00000000 00000840 000001C0 000000000000BF00 00000000 00000000";
        let itunes = Itunes::parse(text);
        assert_eq!(
            itunes,
            Some(Itunes {
                delay: 2112,
                len: 48_896
            })
        );
        let movie = movie(44_100, &[(40_000, 1024)], itunes);
        assert_eq!(movie.recording(1, 44_100, 51_200), Some(2112..51_008));
        assert_eq!(movie.recording(1, 44_100, 51_000), Some(1024..41_024));
        for damaged in [&b""[..], b"0 1 2", b"0 x 2 3", b"\xff\xff"] {
            assert_eq!(Itunes::parse(damaged), None);
        }
    }

    #[test]
    fn damaged_boxes_are_none() {
        for bytes in [
            &[0_u8, 0, 0, 4, b'm', b'o', b'o', b'v'][..],
            &[0xFF; 40],
            &[0, 0, 0, 1, 1, 1, 1, 1],
            &[],
        ] {
            assert_eq!(boxes(bytes).count(), 0);
            assert_eq!(Movie::parse(bytes), Movie::default());
        }
    }
}
