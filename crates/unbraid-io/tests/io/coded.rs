//! Files of other people's encoders come in (`tests/data`); that each is the recording it was made of, to the sample, is
//! checked.

use std::path::{Path, PathBuf};

use unbraid::Audio;
use unbraid::testsignals::{drums_and_guitar, mix};
use unbraid_io::Error;
use unbraid_io::audio::{Delay, Recording, Span, probe, read_audio, read_bytes};

use crate::helpers::Dice;

/// The recording that `cargo xtask files --data` made the files of.
fn original() -> Audio {
    let (drums, guitar) = drums_and_guitar(0.5, 22_050);
    mix(&[&drums, &guitar])
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn read_named(bytes: Vec<u8>, name: &str) -> Result<Recording, Error> {
    read_bytes(bytes, Path::new(name), Span::default())
}

/// By how many samples a recording is late: the highest cross-correlation.
fn lag(late: &[f32], original: &[f32]) -> i64 {
    let product = |lag: i64| -> f64 {
        (1500..original.len() - 1500)
            .map(|n| {
                f64::from(original[n])
                    * f64::from(late.get((n as i64 + lag) as usize).copied().unwrap_or(0.0))
            })
            .sum()
    };
    (-1500..=1500)
        .max_by(|a, b| product(*a).total_cmp(&product(*b)))
        .unwrap()
}

const STATED: [&str; 6] = [
    "lame.mp3",
    "ffmpeg.m4a",
    "alac.m4a",
    "alac.caf",
    "oggenc.ogg",
    "sox.aiff",
];
const UNSTATED: [(&str, i64); 2] = [("lame-untagged.mp3", 1105), ("ffmpeg.aac", 1024)];

#[test]
fn every_format_is_aligned_to_the_sample() {
    let original = original();
    for name in STATED {
        let found = read_audio(&path(name), Span::default()).unwrap();
        assert_eq!(
            lag(found.audio.channel(0), original.channel(0)),
            0,
            "{name}"
        );
        assert_eq!(found.audio.len_samples(), original.len_samples(), "{name}");
        assert_eq!(found.notes, Vec::<String>::new(), "{name}");
        assert_ne!(found.delay, Delay::Unstated, "{name}");
        let probed = probe(&path(name)).unwrap();
        assert_eq!((probed.sample_rate, probed.channels), (22_050, 1), "{name}");
        if name != "alac.caf" {
            assert_eq!(
                probed.len_samples,
                Some(original.len_samples() as u64),
                "{name}"
            );
        }
    }
    for (name, late) in UNSTATED {
        let found = read_audio(&path(name), Span::default()).unwrap();
        assert_eq!(
            lag(found.audio.channel(0), original.channel(0)),
            late,
            "{name}"
        );
        assert!(found.notes[0].contains("does not say"), "{:?}", found.notes);
        assert!(probe(&path(name)).unwrap().is_estimate);
    }
}

#[test]
fn without_losses_every_bit_is_there() {
    let whole = read_audio(&path("sox.aiff"), Span::default())
        .unwrap()
        .audio;
    let original = original();
    let apart = whole
        .channel(0)
        .iter()
        .zip(original.channel(0))
        .map(|(a, b)| (a - b).abs());
    assert!(apart.fold(0.0, f32::max) <= 1.0 / 32768.0);
    for name in ["alac.m4a", "alac.caf"] {
        let audio = read_audio(&path(name), Span::default()).unwrap().audio;
        let far = |x: f32, y: f32| (x - y).abs() > 1.5 / 32768.0;
        assert!(
            !audio
                .samples()
                .iter()
                .zip(whole.samples())
                .any(|(x, y)| far(*x, *y)),
            "{name}"
        );
    }
}

#[test]
fn names_and_tags_in_front_do_not_matter() {
    let tag = [b"ID3\x04\0\0\0\0\x02\0".as_slice(), &[0xFF; 256]].concat();
    let behind = [b"TAG".as_slice(), &[0xFF; 125]].concat();
    for name in STATED.into_iter().chain(UNSTATED.map(|(name, _)| name)) {
        let plain = read_named(bytes(name), "song.wav").unwrap();
        let tagged = read_named(
            [tag.clone(), tag.clone(), bytes(name)].concat(),
            "song.flac",
        )
        .unwrap();
        assert_eq!(tagged, plain, "{name}");
        if name.ends_with("mp3") {
            let tagged = read_named([bytes(name), behind.clone()].concat(), "song").unwrap();
            assert_eq!(tagged, plain, "{name}");
        }
    }
}

#[test]
fn spans_are_the_same_samples() {
    for name in STATED {
        let whole = read_audio(&path(name), Span::default()).unwrap().audio;
        for (start, len) in [(0, 1), (1000, 3000), (1151, 2), (9000, 2025)] {
            let span = Span {
                start_secs: f64::from(start) / 22_050.0,
                duration_secs: Some(f64::from(len) / 22_050.0),
            };
            let part = read_audio(&path(name), span).unwrap().audio;
            let expected = &whole.channel(0)[start as usize..(start + len) as usize];
            assert_eq!(part.channel(0), expected, "{name} from {start}");
        }
    }
}

#[test]
fn streams_one_behind_the_other_are_one_recording() {
    let one = read_named(bytes("oggenc.ogg"), "one.ogg").unwrap().audio;
    let mut other = bytes("oggenc.ogg");
    renumber(&mut other);
    let both = read_named([bytes("oggenc.ogg"), other].concat(), "both.ogg").unwrap();
    let expected = [one.channel(0), one.channel(0)].concat();
    assert_eq!(both.audio.channel(0), expected);

    // The header of the first MP3 counts its own samples alone: nothing of the other is taken for padding.
    let one = read_named(bytes("lame.mp3"), "one.mp3").unwrap().audio;
    let both = read_named([bytes("lame.mp3"), bytes("lame.mp3")].concat(), "both.mp3").unwrap();
    assert!(both.audio.len_samples() >= 2 * one.len_samples());
    let said = both.notes.iter().any(|note| note.contains("declares"));
    assert!(said, "{:?}", both.notes);
}

/// Give the pages of an Ogg stream another serial number, as chained streams have.
fn renumber(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let body: usize = bytes[at + 27..at + 27 + segments]
            .iter()
            .map(|len| usize::from(*len))
            .sum();
        let page = &mut bytes[at..at + 27 + segments + body];
        page[14] ^= 1;
        page[22..26].fill(0);
        let mut crc = 0_u32;
        for byte in page.iter() {
            crc ^= u32::from(*byte) << 24;
            for _ in 0..8 {
                crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            }
        }
        page[22..26].copy_from_slice(&crc.to_le_bytes());
        at += 27 + segments + body;
    }
}

#[test]
fn cut_and_damaged_files_are_refused_by_name_or_are_recordings() {
    let mut dice = Dice(7);
    for name in STATED.into_iter().chain(UNSTATED.map(|(name, _)| name)) {
        let whole = bytes(name);
        for round in 0..24 {
            let mut damaged = whole.clone();
            if round % 3 == 0 {
                damaged.truncate(dice.below(whole.len()));
            } else {
                for _ in 0..=dice.below(4) {
                    let at = dice.below(if round % 3 == 1 { 400 } else { whole.len() });
                    damaged[at] = dice.roll() as u8;
                }
            }
            match read_named(damaged, "song.bin") {
                Ok(recording) => {
                    assert!(
                        recording.audio.len_samples() < 400_000,
                        "{name}, round {round}"
                    );
                }
                Err(error) => {
                    assert!(error.to_string().ends_with("song.bin"), "{name}: {error}");
                    assert!(error.hint().is_some(), "{name}: {error}");
                }
            }
        }
    }
    for name in ["ffmpeg.m4a", "alac.m4a", "sox.aiff"] {
        let mut cut = bytes(name);
        // Some keep their index behind the samples: without it nothing is known.
        cut.truncate(cut.len() * 2 / 3);
        let error = read_named(cut, "cut").unwrap_err();
        assert!(
            matches!(error, Error::Truncated { .. } | Error::NotAudio { .. }),
            "{name}: {error:?}"
        );
    }
}

#[test]
fn channels_of_surround_vorbis_are_those_of_the_recording() {
    let original = original();
    let surround = read_audio(&path("surround.ogg"), Span::default())
        .unwrap()
        .audio;
    assert_eq!(surround.channels(), 6);
    assert_eq!(surround.len_samples(), original.len_samples());
    for (channel, gain) in [0.5, 0.4, 0.33, 0.28, 0.25, 0.22].into_iter().enumerate() {
        if channel == 3 {
            // Of the fourth, for bass loudspeakers, the encoder keeps the bass alone.
            continue;
        }
        let expected = original.channel(0).iter().map(|x| x * gain);
        let (mut signal, mut noise) = (0.0, 0.0);
        for (x, y) in expected.zip(surround.channel(channel)) {
            signal += x * x;
            noise += (x - y) * (x - y);
        }
        let ratio_db = 10.0 * (signal / noise).log10();
        assert!(ratio_db > 12.0, "channel {channel}: {ratio_db} dB");
    }
}
