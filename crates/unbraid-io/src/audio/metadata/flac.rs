//! The blocks of a FLAC file beside its samples come in; the blocks of another go out.
//!
//! Chunks of WAV that FLAC has no block for are kept as the `flac` program keeps them (`--keep-foreign-metadata`): in blocks
//! of the application `riff`, one per chunk.

use std::io::{BufReader, Result, SeekFrom};

use flac_codec::encode::Options;
use flac_codec::metadata::{Application, Block, Picture, PictureType, VorbisComment, read_blocks};
use lofty::picture::{MimeType, PictureInformation};
use symphonia::core::io::MediaSource;

use super::chunks::Found;
use super::{Metadata, tags};

/// `riff`, as a number.
const RIFF: u32 = 0x7269_6666;

/// The longest block: lengths have 24 bits.
const MOST_BYTES: usize = (1 << 24) - 1;

/// Read the cue sheet and the chunks that came from a WAV file.
pub(super) fn read(source: &mut dyn MediaSource, begin: u64) -> Result<Metadata> {
    source.seek(SeekFrom::Start(begin))?;
    let mut found = Found::default();
    let mut cuesheet = None;
    for block in read_blocks(BufReader::new(source)) {
        match block {
            Ok(Block::Application(Application { id: RIFF, data })) => {
                if let Some((name, body)) = data.split_first_chunk::<4>()
                    && let Some((len, body)) = body.split_first_chunk::<4>()
                    && let Some(body) = body.get(..u32::from_le_bytes(*len) as usize)
                {
                    found.take(*name, body.to_vec());
                }
            }
            Ok(Block::Cuesheet(sheet)) => cuesheet = Some(sheet),
            Ok(_) => {}
            // Whether the stream can be read is for its decoder to say.
            Err(_) => break,
        }
    }
    let mut metadata = found.metadata();
    metadata.cuesheet = cuesheet;
    Ok(metadata)
}

impl Metadata {
    /// The options of an encoder that writes all of it; `header` is that of a WAV file with the same samples and chunks.
    pub(in crate::audio) fn flac_options(
        &self,
        mut options: Options,
        header: impl FnOnce() -> Vec<u8>,
    ) -> Options {
        if let Some(tags) = &self.tags {
            let fields = tags::comments(tags).into_iter();
            let fields: Vec<String> = fields.map(|(key, text)| format!("{key}={text}")).collect();
            if !fields.is_empty() {
                options = options.comment(VorbisComment {
                    fields,
                    ..VorbisComment::default()
                });
            }
            for picture in tags.pictures().iter().filter_map(picture) {
                options = options.picture(picture);
            }
        }
        if let Some(sheet) = &self.cuesheet {
            options = options.cuesheet(sheet.clone());
        }
        if self.broadcast.is_none() && self.ixml.is_none() && self.cues.is_empty() {
            return options;
        }
        let header = header();
        let (riff, mut rest) = header.split_at(12);
        let mut blocks = vec![riff.to_vec()];
        while let Some(len) = rest.get(4..8) {
            let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
            let end = match &rest[..4] {
                // Of the samples the head alone.
                b"data" => 8,
                _ => (8 + len + len % 2).min(rest.len()),
            };
            let (block, next) = rest.split_at(end);
            blocks.push(block.to_vec());
            rest = next;
        }
        for data in blocks {
            if data.len() + 4 <= MOST_BYTES {
                options = options.application(Application { id: RIFF, data });
            }
        }
        options
    }
}

fn picture(from: &lofty::picture::Picture) -> Option<Picture> {
    use PictureType as T;
    const TYPES: [PictureType; 21] = [
        T::Other,
        T::Png32x32,
        T::GeneralFileIcon,
        T::FrontCover,
        T::BackCover,
        T::LinerNotes,
        T::MediaLabel,
        T::LeadArtist,
        T::Artist,
        T::Conductor,
        T::Band,
        T::Composer,
        T::Lyricist,
        T::RecordingLocation,
        T::DuringRecording,
        T::DuringPerformance,
        T::ScreenCapture,
        T::Fish,
        T::Illustration,
        T::BandLogo,
        T::PublisherLogo,
    ];
    if from.data().len() + 4096 > MOST_BYTES {
        return None;
    }
    let size = PictureInformation::from_picture(from).unwrap_or_default();
    Some(Picture {
        picture_type: TYPES
            .get(usize::from(from.pic_type().as_u8()))
            .copied()
            .unwrap_or(T::Other),
        media_type: from.mime_type().map_or("", MimeType::as_str).to_owned(),
        description: from.description().unwrap_or_default().to_owned(),
        width: size.width,
        height: size.height,
        color_depth: size.color_depth,
        colors_used: std::num::NonZero::new(size.num_colors),
        data: from.data().to_vec(),
    })
}
