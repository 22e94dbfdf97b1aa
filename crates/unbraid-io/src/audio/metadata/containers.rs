//! Tags of Matroska and CAF files, which Lofty does not read, come in; the same tags go out under Lofty's names.

use std::io::{Read, Result, Seek, SeekFrom};

use lofty::picture::{MimeType, Picture, PictureType};
use lofty::tag::{ItemKey, ItemValue, Tag, TagItem, TagType};
use symphonia::core::formats::{Attachment, FormatOptions, FormatReader as _};
use symphonia::core::io::{MediaSource, MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::RawValue;
use symphonia::default::formats::MkvReader;

use super::tags::without_the_old_file;
use crate::audio::read::fill_source;

/// The longest chunk of texts that is read.
const MOST_BYTES: u64 = 1 << 24;

/// What other containers call what Vorbis comments have another name for.
const NAMES: [(&str, &str); 12] = [
    ("PART_NUMBER", "TRACKNUMBER"),
    ("TOTAL_PARTS", "TRACKTOTAL"),
    ("TRACK", "TRACKNUMBER"),
    ("TRACK NUMBER", "TRACKNUMBER"),
    ("DATE_RELEASED", "DATE"),
    ("DATE_RECORDED", "DATE"),
    ("YEAR", "DATE"),
    ("RECORDED DATE", "DATE"),
    ("COMMENTS", "COMMENT"),
    ("WRITTEN_BY", "AUTHOR"),
    ("ALBUM_ARTIST", "ALBUMARTIST"),
    ("TEMPO", "BPM"),
];

/// Read the tags and pictures of a Matroska file.
pub(super) fn matroska(source: &mut dyn MediaSource) -> std::result::Result<Option<Tag>, String> {
    let title = matroska_title(source).map_err(|error| error.to_string())?;
    let mut texts: Vec<_> = title
        .map(|title| ("TITLE".to_owned(), title))
        .into_iter()
        .collect();
    source
        .seek(SeekFrom::Start(0))
        .map_err(|error| error.to_string())?;
    let source = Box::new(Borrowed(source));
    let stream = MediaSourceStream::new(source, MediaSourceStreamOptions::default());
    let mut reader =
        MkvReader::try_new(stream, FormatOptions::default()).map_err(|error| error.to_string())?;
    let mut metadata = reader.metadata();
    loop {
        if let Some(revision) = metadata.current() {
            let of_tracks = revision.per_track.iter().map(|track| &track.metadata);
            for container in std::iter::once(&revision.media).chain(of_tracks) {
                for tag in &container.tags {
                    // What it is said of stands before the name: `ALBUM@ARTIST`.
                    let key = tag.raw.key.rsplit('@').next().unwrap_or_default();
                    texts.extend(text(&tag.raw.value).map(|text| (key.to_owned(), text)));
                }
            }
        }
        if metadata.pop().is_none() {
            break;
        }
    }
    let pictures = reader.attachments().iter().filter_map(|attachment| {
        let Attachment::File(file) = attachment else {
            return None;
        };
        let kind = file.media_type.as_deref()?;
        kind.starts_with("image/").then(|| {
            Picture::unchecked(file.data.to_vec())
                .pic_type(PictureType::CoverFront)
                .mime_type(MimeType::from_str(kind))
                .build()
        })
    });
    Ok(tag(texts, pictures))
}

/// The title that a Matroska file has beside its tags (RFC 9559, 5.1.2.12), which Symphonia passes over.
fn matroska_title(source: &mut dyn MediaSource) -> Result<Option<String>> {
    const SEGMENT: u64 = 0x1853_8067;
    const INFO: u64 = 0x1549_A966;
    const TITLE: u64 = 0x7BA9;
    const CLUSTER: u64 = 0x1F43_B675;
    let mut at = 0;
    loop {
        source.seek(SeekFrom::Start(at))?;
        let Some((id, id_len)) = ebml_number(source, false)? else {
            return Ok(None);
        };
        let Some((len, len_len)) = ebml_number(source, true)? else {
            return Ok(None);
        };
        let body = at + id_len + len_len;
        match id {
            // What is inside of these comes next.
            SEGMENT | INFO => at = body,
            TITLE => {
                let mut text = Vec::new();
                source.take(len.min(MOST_BYTES)).read_to_end(&mut text)?;
                let text = String::from_utf8_lossy(&text);
                return Ok(Some(text.trim_end_matches('\0').to_owned()));
            }
            CLUSTER => return Ok(None),
            _ => {
                let Some(next) = body.checked_add(len) else {
                    return Ok(None);
                };
                at = next;
            }
        }
    }
}

/// A number of one to eight bytes, and how many it had; its marker is no part of a length, but of a name (RFC 8794, 4).
fn ebml_number(source: &mut dyn MediaSource, is_len: bool) -> Result<Option<(u64, u64)>> {
    let mut first = [0];
    if fill_source(source, &mut first)? == 0 || first[0] == 0 {
        return Ok(None);
    }
    let more = first[0].leading_zeros() as usize;
    let marker = 0x80_u8 >> more;
    let mut number = u64::from(if is_len { first[0] & !marker } else { first[0] });
    let mut rest = [0; 7];
    if fill_source(source, &mut rest[..more])? < more {
        return Ok(None);
    }
    for byte in &rest[..more] {
        number = number << 8 | u64::from(*byte);
    }
    Ok(Some((number, 1 + more as u64)))
}

fn text(value: &RawValue) -> Option<String> {
    match value {
        RawValue::Binary(_) | RawValue::Flag => None,
        RawValue::StringList(texts) => Some(texts.join("; ")),
        value => Some(value.to_string()),
    }
}

/// Read the texts of a CAF file (*Apple Core Audio Format Specification 1.0*, information chunk).
pub(super) fn caf(source: &mut dyn MediaSource) -> Result<Option<Tag>> {
    let mut at = 8;
    loop {
        source.seek(SeekFrom::Start(at))?;
        let mut head = [0; 12];
        if fill_source(source, &mut head)? < head.len() {
            return Ok(None);
        }
        let (name, len) = head.split_at(4);
        // A chunk of −1 bytes, which only samples may have, lasts to the end of the file.
        let Ok(len) = u64::try_from(i64::from_be_bytes(len.try_into().expect("eight bytes")))
        else {
            return Ok(None);
        };
        if name == b"info" {
            let mut body = Vec::new();
            source.take(len.min(MOST_BYTES)).read_to_end(&mut body)?;
            let mut texts = body
                .get(4..)
                .unwrap_or_default()
                .split(|byte| *byte == 0)
                .map(|text| String::from_utf8_lossy(text).into_owned());
            let mut pairs = Vec::new();
            while let (Some(key), Some(value)) = (texts.next(), texts.next()) {
                pairs.push((key, value));
            }
            return Ok(tag(pairs, std::iter::empty()));
        }
        let Some(next) = at.checked_add(12).and_then(|at| at.checked_add(len)) else {
            return Ok(None);
        };
        at = next;
    }
}

/// One tag of texts and pictures, unless there are none.
fn tag(texts: Vec<(String, String)>, pictures: impl Iterator<Item = Picture>) -> Option<Tag> {
    let mut tag = Tag::new(TagType::VorbisComments);
    for (name, text) in texts {
        let name = name.to_uppercase();
        let name = NAMES
            .iter()
            .find_map(|(theirs, ours)| (*theirs == name).then_some(*ours))
            .unwrap_or(&name);
        // A song has one title, whether the file or its track says so.
        if let Some(key) = ItemKey::from_key(TagType::VorbisComments, name)
            && !text.is_empty()
            && tag.get(key).is_none()
        {
            tag.push(TagItem::new(key, ItemValue::Text(text)));
        }
    }
    for picture in pictures {
        tag.push_picture(picture);
    }
    without_the_old_file(tag)
}

/// A source that is lent to a reader which wants to own one.
struct Borrowed<'a>(&'a mut dyn MediaSource);

impl Read for Borrowed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.0.read(buffer)
    }
}

impl Seek for Borrowed<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.0.seek(to)
    }
}

impl MediaSource for Borrowed<'_> {
    fn is_seekable(&self) -> bool {
        self.0.is_seekable()
    }

    fn byte_len(&self) -> Option<u64> {
        self.0.byte_len()
    }
}
