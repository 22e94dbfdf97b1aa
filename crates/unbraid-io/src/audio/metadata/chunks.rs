//! The chunks of a WAV or AIFF file beside its samples come in; the chunks of a WAV file go out.
//!
//! `cue ` and `LIST` are Microsoft's (*Multimedia Programming Interface and Data Specifications 1.0*), `bext` is of EBU Tech
//! 3285, `MARK` of Apple's *Audio Interchange File Format 1.3*.

use std::io::{Cursor, Result, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

use super::{Cue, Metadata, tags};
use crate::audio::read::fill_source;

/// The longest chunk that is kept; tags with larger pictures are not read either.
const MOST_BYTES: u64 = 16 << 20;

/// The most chunks that are looked at.
const MOST_CHUNKS: usize = 4096;

/// The most cue points that are kept.
const MOST_CUES: usize = 1 << 16;

/// What stands around the samples of a WAV file.
#[derive(Debug, Clone, Default)]
pub(in crate::audio) struct Around {
    /// Whole chunks between the format and the samples.
    pub(in crate::audio) before: Vec<u8>,
    /// Whole chunks behind the samples.
    pub(in crate::audio) behind: Vec<u8>,
}

/// A chunk with its name, its length, and a byte more if that is odd.
pub(super) fn chunk(name: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = name.to_vec();
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes.extend((body.len() % 2 == 1).then_some(0));
    bytes
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

/// Read the chunks of a WAV or AIFF file that begins and ends at these bytes; whether it is WAV, and its tags are among
/// them.
pub(super) fn read(source: &mut dyn MediaSource, bytes: Range<u64>) -> Result<(Metadata, bool)> {
    let mut found = Found::default();
    let mut head = [0; 12];
    source.seek(SeekFrom::Start(bytes.start))?;
    fill_source(source, &mut head)?;
    let is_aiff = head.starts_with(b"FORM");
    let mut at = bytes.start + 12;
    let mut wide_data = None;
    for _ in 0..MOST_CHUNKS {
        let mut head = [0; 8];
        source.seek(SeekFrom::Start(at))?;
        if fill_source(source, &mut head)? < 8 {
            break;
        }
        let [name @ .., a, b, c, d] = head;
        let len = [a, b, c, d];
        let mut len = u64::from(if is_aiff {
            u32::from_be_bytes(len)
        } else {
            u32::from_le_bytes(len)
        });
        if &name == b"data" && len == u64::from(u32::MAX) {
            // A length that was never filled in: behind the samples nothing is.
            let Some(wide) = wide_data else { break };
            len = wide;
        }
        let end = at.saturating_add(8).saturating_add(len);
        if end > bytes.end {
            break;
        }
        let is_wanted = match &name {
            b"bext" | b"iXML" | b"cue " | b"LIST" | b"id3 " | b"ID3 " | b"ds64" => !is_aiff,
            b"MARK" => is_aiff,
            _ => false,
        };
        if is_wanted && len <= MOST_BYTES {
            let mut body = vec![0; len as usize];
            fill_source(source, &mut body)?;
            if &name == b"ds64" {
                wide_data = body
                    .get(8..16)
                    .map(|len| u64::from_le_bytes(len.try_into().expect("eight bytes")));
            } else {
                found.take(name, body);
            }
        }
        at = end + len % 2;
    }
    Ok((found.metadata(), !is_aiff))
}

/// What chunks have said so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    metadata: Metadata,
    /// The numbers of cue points, in the order of those.
    numbers: Vec<u32>,
    /// What a list says of a cue point: its number, and which.
    remarks: Vec<(u32, Remark)>,
    /// Chunks with tags, as they are.
    tagged: Vec<u8>,
}

#[derive(Debug)]
enum Remark {
    Label(Vec<u8>),
    Note(Vec<u8>),
    Len(u32),
}

impl Found {
    pub(super) fn take(&mut self, name: [u8; 4], body: Vec<u8>) {
        match &name {
            b"bext" => self.metadata.broadcast = Some(body),
            b"iXML" => self.metadata.ixml = Some(body),
            b"cue " => self.cues(&body),
            b"MARK" => self.marks(&body),
            b"LIST" if body.starts_with(b"adtl") => self.remarks(&body[4..]),
            b"LIST" if body.starts_with(b"INFO") => self.tagged.extend(chunk(name, &body)),
            b"id3 " | b"ID3 " => self.tagged.extend(chunk(*b"id3 ", &body)),
            _ => {}
        }
    }

    fn cues(&mut self, body: &[u8]) {
        for point in body
            .get(4..)
            .unwrap_or_default()
            .chunks_exact(24)
            .take(MOST_CUES)
        {
            let (Some(number), Some(sample)) = (word(point, 0), word(point, 20)) else {
                continue;
            };
            self.numbers.push(number);
            self.metadata.cues.push(Cue {
                sample: u64::from(sample),
                ..Cue::default()
            });
        }
    }

    /// AIFF's markers: a number, a place, and a name with its length in front.
    fn marks(&mut self, body: &[u8]) {
        let mut rest = body.get(2..).unwrap_or_default();
        while let [_, _, a, b, c, d, len, text @ ..] = rest {
            let len = usize::from(*len);
            let Some(label) = text.get(..len) else { break };
            self.metadata.cues.push(Cue {
                sample: u64::from(u32::from_be_bytes([*a, *b, *c, *d])),
                label: label.to_vec(),
                ..Cue::default()
            });
            if self.metadata.cues.len() == MOST_CUES {
                break;
            }
            rest = text.get(len + (len + 1) % 2..).unwrap_or_default();
        }
    }

    fn remarks(&mut self, mut rest: &[u8]) {
        while rest.len() >= 8 && self.remarks.len() < 3 * MOST_CUES {
            let len = word(rest, 4).unwrap_or(0) as usize;
            let Some(body) = rest.get(8..8_usize.saturating_add(len)) else {
                break;
            };
            if let Some(number) = word(body, 0) {
                let text = || {
                    let text = body[4..].split(|&byte| byte == 0).next();
                    text.unwrap_or_default().to_vec()
                };
                let remark = match &rest[..4] {
                    b"labl" => Some(Remark::Label(text())),
                    b"note" => Some(Remark::Note(text())),
                    b"ltxt" => word(body, 4).filter(|&len| len > 0).map(Remark::Len),
                    _ => None,
                };
                self.remarks.extend(remark.map(|remark| (number, remark)));
            }
            rest = rest.get(8 + len + len % 2..).unwrap_or_default();
        }
    }

    /// Everything, put together.
    pub(super) fn metadata(self) -> Metadata {
        let mut metadata = self.metadata;
        let place: std::collections::HashMap<u32, usize> = self
            .numbers
            .iter()
            .enumerate()
            .map(|(at, &number)| (number, at))
            .collect();
        for (number, remark) in self.remarks {
            let Some(cue) = place.get(&number).and_then(|&at| metadata.cues.get_mut(at)) else {
                continue;
            };
            match remark {
                Remark::Label(text) => cue.label = text,
                Remark::Note(text) => cue.note = text,
                Remark::Len(len) => cue.len_samples = Some(len),
            }
        }
        if !self.tagged.is_empty() {
            metadata.tags = tags::read(&mut Cursor::new(around_tags(&self.tagged)))
                .ok()
                .flatten();
        }
        metadata
    }
}

/// A WAV file without samples, for these chunks: Lofty reads tags of whole files.
fn around_tags(tagged: &[u8]) -> Vec<u8> {
    let format = [1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0, 2, 0, 16, 0];
    let body = [
        b"WAVE".as_slice(),
        &chunk(*b"fmt ", &format),
        tagged,
        &chunk(*b"data", &[]),
    ]
    .concat();
    chunk(*b"RIFF", &body)
}

impl Metadata {
    /// The chunks that say all of it.
    pub(in crate::audio) fn around(&self) -> Around {
        let mut around = self.around_untagged();
        if let Some(tags) = &self.tags {
            let (id3, info) = tags::riff(tags);
            around.behind.extend(info.unwrap_or_default());
            if let Some(id3) = id3 {
                around.behind.extend(chunk(*b"id3 ", &id3));
            }
        }
        around
    }

    /// The chunks that say all but the tags.
    pub(in crate::audio) fn around_untagged(&self) -> Around {
        let mut around = Around::default();
        for (name, body) in [(*b"bext", &self.broadcast), (*b"iXML", &self.ixml)] {
            if let Some(body) = body {
                around.before.extend(chunk(name, body));
            }
        }
        let cues = self.all_cues();
        if !cues.is_empty() {
            around.behind.extend(cue_chunks(&cues));
        }
        around
    }

    /// The cue points, or the tracks of a cue sheet.
    fn all_cues(&self) -> Vec<Cue> {
        let tracks = self
            .cuesheet
            .iter()
            .flat_map(flac_codec::metadata::Cuesheet::track_sample_ranges);
        let tracks = tracks.enumerate().map(|(track, samples)| Cue {
            sample: samples.start,
            label: format!("Track {}", track + 1).into_bytes(),
            ..Cue::default()
        });
        if self.cues.is_empty() {
            tracks.collect()
        } else {
            self.cues.clone()
        }
    }
}

fn cue_chunks(cues: &[Cue]) -> Vec<u8> {
    // The chunk counts in 32 bits.
    let cues: Vec<(u32, u32, &Cue)> = cues
        .iter()
        .zip(1_u32..)
        .filter_map(|(cue, number)| Some((number, u32::try_from(cue.sample).ok()?, cue)))
        .collect();
    let mut points = (cues.len() as u32).to_le_bytes().to_vec();
    let mut list = b"adtl".to_vec();
    for &(number, sample, cue) in &cues {
        for word in [number, sample, u32::from_le_bytes(*b"data"), 0, 0, sample] {
            points.extend(word.to_le_bytes());
        }
        for (name, text) in [(*b"labl", &cue.label), (*b"note", &cue.note)] {
            if !text.is_empty() {
                list.extend(chunk(
                    name,
                    &[&number.to_le_bytes()[..], text, &[0]].concat(),
                ));
            }
        }
        if let Some(len) = cue.len_samples {
            let mut region = number.to_le_bytes().to_vec();
            region.extend(len.to_le_bytes());
            region.extend(b"rgn ");
            // Country, language, dialect, code page: none.
            region.extend([0; 8]);
            list.extend(chunk(*b"ltxt", &region));
        }
    }
    let mut bytes = chunk(*b"cue ", &points);
    if list.len() > 4 {
        bytes.extend(chunk(*b"LIST", &list));
    }
    bytes
}
