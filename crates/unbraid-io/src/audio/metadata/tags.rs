//! Tags of every format come in, as Lofty reads them; the tags of WAV and FLAC go out.

use std::io::{BufReader, Read, Seek, SeekFrom};

use lofty::config::{ParseOptions, ParsingMode, WriteOptions};
use lofty::file::TaggedFileExt as _;
use lofty::id3::v2::{Frame, Id3v2Tag};
use lofty::iff::wav::RiffInfoList;
use lofty::ogg::tag::VorbisComments;
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag, TagExt as _, TagType};

/// What describes the old file and would be untrue of a new one.
const OF_THE_OLD_FILE: [ItemKey; 3] = [
    ItemKey::EncoderSoftware,
    ItemKey::EncoderSettings,
    ItemKey::Length,
];

/// Read the tags of a file; all of them as one, what stands in the format's own tag first.
pub(super) fn read(source: &mut (impl Read + Seek + ?Sized)) -> Result<Option<Tag>, String> {
    source.seek(SeekFrom::Start(0)).map_err(said)?;
    let options = ParseOptions::new()
        .read_properties(false)
        .parsing_mode(ParsingMode::Relaxed);
    let probe = Probe::new(BufReader::new(source))
        .options(options)
        .guess_file_type()
        .map_err(said)?;
    if probe.file_type().is_none() {
        return Ok(None);
    }
    let file = probe.read().map_err(said)?;
    let Some(first) = file.primary_tag().or(file.first_tag()) else {
        return Ok(None);
    };
    let mut all = first.clone();
    for other in file.tags() {
        if other.tag_type() == all.tag_type() {
            continue;
        }
        for item in other.items() {
            if all.get(item.key()).is_none() {
                all.push_unchecked(item.clone());
            }
        }
        if all.pictures().is_empty() {
            for picture in other.pictures() {
                all.push_picture(picture.clone());
            }
        }
    }
    Ok(without_the_old_file(all))
}

/// The tag without what would be untrue of a new file; nothing if nothing is left.
pub(super) fn without_the_old_file(mut tag: Tag) -> Option<Tag> {
    for key in OF_THE_OLD_FILE {
        tag.remove_key(key);
    }
    (tag.items().len() > 0 || !tag.pictures().is_empty() || tag.has_format_specific_items())
        .then_some(tag)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The tags as Vorbis comments: names and texts.
pub(super) fn comments(tags: &Tag) -> Vec<(String, String)> {
    let comments = VorbisComments::from(tags.clone());
    let mut all: Vec<(String, String)> = comments
        .items()
        .map(|(key, text)| (key.to_owned(), text.to_owned()))
        .collect();
    if tags.tag_type() == TagType::Id3v2 {
        // Text that ID3 has no name for stands there under a name of its own.
        for frame in &Id3v2Tag::from(tags.clone()) {
            if let Frame::UserText(text) = frame
                && is_name(&text.description)
                && ItemKey::from_key(TagType::Id3v2, &text.description).is_none()
                && !all
                    .iter()
                    .any(|(key, _)| key.eq_ignore_ascii_case(&text.description))
            {
                all.push((text.description.to_string(), text.content.to_string()));
            }
        }
    }
    all
}

/// Whether a Vorbis comment may have this name (*Ogg Vorbis I format specification: comment field*).
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| (0x20..=0x7D).contains(&byte) && byte != b'=')
}

/// The tags as a tag of ID3 version 2, and as a list `INFO` of RIFF for programs that know no other.
pub(super) fn riff(tags: &Tag) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let mut id3 = Id3v2Tag::from(tags.clone());
    if tags.tag_type() == TagType::VorbisComments {
        for (name, text) in VorbisComments::from(tags.clone()).items() {
            if ItemKey::from_key(TagType::VorbisComments, name).is_none() {
                id3.insert_user_text(name.to_owned(), text.to_owned());
            }
        }
    }
    let info = RiffInfoList::from(tags.clone());
    let options = WriteOptions::new().preferred_padding(0);
    let (mut id3_bytes, mut info_bytes) = (Vec::new(), Vec::new());
    let id3 = id3.dump_to(&mut id3_bytes, options).is_ok() && !id3_bytes.is_empty();
    let info = info.dump_to(&mut info_bytes, options).is_ok() && !info_bytes.is_empty();
    (id3.then_some(id3_bytes), info.then_some(info_bytes))
}
