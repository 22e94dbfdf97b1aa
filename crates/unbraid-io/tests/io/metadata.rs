//! What a file says beside its samples is kept in what is written.

use std::path::{Path, PathBuf};

use lofty::config::WriteOptions;
use lofty::id3::v2::Id3v2Tag;
use lofty::ogg::tag::VorbisComments;
use lofty::picture::{MimeType, Picture, PictureType};
use lofty::tag::{Accessor as _, ItemKey, Tag, TagExt as _, TagType};
use ndarray::{Array3, Axis};
use unbraid_io::audio::{Cue, Metadata, OutputFormat, Span, StemSet, read_audio};

/// The smallest picture: one white pixel of PNG.
const PIXEL: [u8; 69] = [
    0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0, 0, 13, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 0, 0, 0, 0, 0x3A, 0x7E, 0x9B, 0x55, 0, 0, 0, 10, b'I', b'D', b'A', b'T', 0x78, 0x9C,
    0x63, 0xF8, 0xFF, 0xFF, 0x3F, 0, 0x05, 0xFE, 0x02, 0xFE, 0xDC, 0xCC, 0x59, 0xE7, 0, 0, 0, 0,
    b'I', b'E', b'N', b'D', 0xAE, 0x42, 0x60, 0x82,
];

const LEN: usize = 1000;

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let len = (body.len() as u32).to_le_bytes();
    let pad: &[u8] = if body.len() % 2 == 1 { &[0] } else { &[] };
    [&name[..], &len, body, pad].concat()
}

/// A recorder's file: `bext`, `iXML` and cue points with names, and a tag with a picture.
fn recorded(path: &Path) {
    let mut broadcast = vec![0; 602];
    broadcast[..5].copy_from_slice(b"scene");
    broadcast[338..346].copy_from_slice(&5_000_000_000_u64.to_le_bytes());
    broadcast.extend(b"A=PCM,F=8000,W=16,M=mono\r\n");
    let mut points = 2_u32.to_le_bytes().to_vec();
    for (number, sample) in [(7_u32, 100_u32), (9, 800)] {
        for word in [number, sample, u32::from_le_bytes(*b"data"), 0, 0, sample] {
            points.extend(word.to_le_bytes());
        }
    }
    let labels = [
        b"adtl".as_slice(),
        &chunk(b"labl", b"\x07\0\0\0verse\0"),
        &chunk(b"note", b"\x07\0\0\0louder\0"),
        &chunk(
            b"ltxt",
            &[&[9, 0, 0, 0, 50, 0, 0, 0][..], b"rgn ", &[0; 8]].concat(),
        ),
        &chunk(b"labl", b"\x09\0\0\0chorus\0"),
    ]
    .concat();
    let mut tag = Id3v2Tag::default();
    tag.set_title("Sång".to_owned());
    tag.set_artist("Nobody".to_owned());
    tag.insert_user_text("MOOD".to_owned(), "calm".to_owned());
    let picture = Picture::unchecked(PIXEL.to_vec())
        .pic_type(PictureType::CoverFront)
        .mime_type(MimeType::Png)
        .build();
    tag.insert_picture(picture);
    let mut id3 = Vec::new();
    tag.dump_to(&mut id3, WriteOptions::default()).unwrap();

    let samples: Vec<u8> = (0..LEN)
        .flat_map(|n| ((n as i16) * 7).to_le_bytes())
        .collect();
    let format = [1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x80, 0x3E, 0, 0, 2, 0, 16, 0];
    let info = [b"INFO".as_slice(), &chunk(b"IGNR", b"Folk\0\0")].concat();
    let body = [
        b"WAVE".as_slice(),
        &chunk(b"bext", &broadcast),
        &chunk(b"fmt ", &format),
        &chunk(b"iXML", b"<BWFXML/>"),
        &chunk(b"data", &samples),
        &chunk(b"cue ", &points),
        &chunk(b"LIST", &labels),
        &chunk(b"LIST", &info),
        &chunk(b"id3 ", &id3),
    ]
    .concat();
    std::fs::write(path, chunk(b"RIFF", &body)).unwrap();
}

/// Write what `from` holds and says as two stems; the first one's path.
fn rewritten(from: &Path, to: &Path, format: OutputFormat) -> PathBuf {
    let audio = read_audio(from, Span::default()).unwrap().audio;
    let (metadata, notes) = Metadata::read(from).unwrap();
    assert_eq!(notes, Vec::<String>::new());
    let paths = ["a", "b"].map(|name| to.with_extension(format!("{name}.{}", format.extension())));
    let (channels, len) = (audio.channels(), audio.len_samples());
    let mut set = StemSet::create_with(
        &paths,
        format,
        audio.sample_rate(),
        channels,
        len,
        1.0,
        &metadata,
    )
    .unwrap();
    let mut stems = Array3::zeros((2, channels, len));
    stems.index_axis_mut(Axis(0), 0).assign(&audio.samples());
    set.write(stems.view()).unwrap();
    set.finish().unwrap();
    let [first, second] = paths;
    assert_eq!(
        read_audio(&first, Span::default()).unwrap().audio,
        audio,
        "{format}"
    );
    assert!(read_audio(&second, Span::default()).unwrap().audio.peak() <= 0.0);
    first
}

#[test]
fn tags_cover_cue_points_and_broadcast_data_are_kept_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("take.wav");
    recorded(&path);
    let (original, _) = Metadata::read(&path).unwrap();
    let cue = |sample, len_samples, label: &str, note: &str| Cue {
        sample,
        len_samples,
        label: label.into(),
        note: note.into(),
    };
    let cues = [
        cue(100, None, "verse", "louder"),
        cue(800, Some(50), "chorus", ""),
    ];
    for format in OutputFormat::ALL {
        let written = rewritten(&path, &dir.path().join("once"), format);
        // And from there into every other.
        for other in OutputFormat::ALL {
            let again = rewritten(&written, &dir.path().join("twice"), other);
            for file in [&path, &written, &again] {
                let (found, _) = Metadata::read(file).unwrap();
                let which = format!("{format}, {other}: {}", file.display());
                for (name, text) in [
                    ("TITLE", "Sång"),
                    ("ARTIST", "Nobody"),
                    ("MOOD", "calm"),
                    ("GENRE", "Folk"),
                ] {
                    assert_eq!(found.text(name).as_deref(), Some(text), "{which}");
                }
                assert_eq!(found.pictures(), 1, "{which}");
                assert_eq!(found.cues(), cues, "{which}");
                assert_eq!(found.broadcast(), original.broadcast(), "{which}");
                assert!(found.broadcast().unwrap().ends_with(b"M=mono\r\n"));
            }
        }
    }
}

#[test]
fn places_are_counted_from_the_beginning_of_the_span() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("take.wav");
    recorded(&path);
    let part = Metadata::read(&path).unwrap().0.in_span(150, 700);
    let places: Vec<u64> = part.cues().iter().map(|cue| cue.sample).collect();
    assert_eq!(places, [650]);
    assert_eq!(
        part.broadcast().unwrap()[338..346],
        5_000_000_150_u64.to_le_bytes()
    );
    let part = Metadata::read(&path).unwrap().0.in_span(0, 700);
    assert_eq!(part.cues().len(), 1);
}

#[test]
fn vorbis_comments_with_names_of_their_own_and_several_values_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain.wav");
    recorded(&plain);
    let mut comments = VorbisComments::default();
    for (name, text) in [
        ("TITLE", "One"),
        ("ARTIST", "A"),
        ("ARTIST", "B"),
        ("MY_OWN", "value"),
        ("REPLAYGAIN_TRACK_GAIN", "-3.2 dB"),
    ] {
        comments.push(name.to_owned(), text.to_owned());
    }
    let flac = rewritten(&plain, &dir.path().join("plain"), OutputFormat::Flac);
    comments
        .save_to_path(&flac, WriteOptions::default())
        .unwrap();
    for format in OutputFormat::ALL {
        let written = rewritten(&flac, &dir.path().join("again"), format);
        let (found, _) = Metadata::read(&written).unwrap();
        for (name, text) in [
            ("TITLE", "One"),
            ("MY_OWN", "value"),
            ("REPLAYGAIN_TRACK_GAIN", "-3.2 dB"),
        ] {
            assert_eq!(found.text(name).as_deref(), Some(text), "{format}: {name}");
        }
    }
    let written = rewritten(&flac, &dir.path().join("again"), OutputFormat::Flac);
    let file = lofty::probe::read_from_path(written).unwrap();
    let tag: &Tag = lofty::file::TaggedFileExt::tag(&file, TagType::VorbisComments).unwrap();
    let artists: Vec<&str> = tag.get_strings(ItemKey::TrackArtist).collect();
    assert_eq!(artists, ["A", "B"]);
}

#[test]
fn damaged_tags_are_left_out_and_never_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("take.wav");
    recorded(&path);
    let whole = std::fs::read(&path).unwrap();
    let mut state = 1_u64;
    for _ in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..4 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        bytes.truncate(bytes.len() - (state >> 40) as usize % 200);
        let (found, _) = Metadata::read_bytes(&bytes);
        // A cue takes 24 bytes.
        assert!(found.cues().len() <= bytes.len() / 24);
    }
}

#[test]
fn tags_of_caf_and_matroska_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    for (name, pictures) in [("alac.caf", 0), ("flac.mka", 1)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/data")
            .join(name);
        for format in [OutputFormat::Wav24, OutputFormat::Flac] {
            let written = rewritten(&path, &dir.path().join(name), format);
            for file in [&path, &written] {
                let (found, _) = Metadata::read(file).unwrap();
                assert_eq!(
                    found.text("TITLE").as_deref(),
                    Some("Etude"),
                    "{name}, {format}"
                );
                assert_eq!(
                    found.text("ARTIST").as_deref(),
                    Some("Nobody"),
                    "{name}, {format}"
                );
                assert_eq!(found.text("ENCODER"), None, "{name}, {format}");
                assert_eq!(found.pictures(), pictures, "{name}, {format}");
            }
        }
    }
    // A damaged chunk of texts is none.
    let path = dir.path().join("damaged.caf");
    std::fs::write(
        &path,
        b"caff\0\x01\0\0info\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\x09title",
    )
    .unwrap();
    let (found, notes) = Metadata::read(&path).unwrap();
    assert!(found.is_empty() && notes.is_empty());
}
