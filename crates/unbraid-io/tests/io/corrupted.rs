//! Damaged files come in, the same every time; that none is taken for whole is checked.

use crate::helpers::{Dice, Wav, flac, interleaved, read};
use unbraid_io::Error;

/// Noise on a tone, as integers of 16 bits.
fn samples(len: usize) -> Vec<i32> {
    let mut dice = Dice(5);
    let tone = |n: usize| ((n as f32 * 0.1).sin() * 9000.0) as i32;
    (0..len).map(|n| tone(n / 2) + dice.integer(9)).collect()
}

fn wav(samples: &[i32]) -> Vec<u8> {
    Wav::pcm16(2, &samples.iter().map(|&x| x as i16).collect::<Vec<_>>()).bytes()
}

/// Bits flipped, cut, bytes taken from elsewhere, the header of another file: in turn.
fn damage(bytes: &mut Vec<u8>, other: &[u8], kind: usize, dice: &mut Dice) {
    match kind % 6 {
        0 => {
            for _ in 0..=dice.below(8) {
                let at = dice.below(bytes.len());
                bytes[at] ^= 1 << dice.below(8);
            }
        }
        1 => {
            let at = dice.below(bytes.len().min(100));
            bytes[at] = dice.roll() as u8;
        }
        2 => bytes.truncate(dice.below(bytes.len())),
        3 => {
            let (from, to, len) = (
                dice.below(bytes.len()),
                dice.below(bytes.len()),
                dice.below(600),
            );
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            let end = (to + dice.below(600)).min(bytes.len());
            bytes.splice(to..end, piece);
        }
        4 => {
            let len = dice.below(80);
            bytes[..len].copy_from_slice(&other[..len]);
        }
        _ => {
            let at = dice.below(80);
            let len = dice.below(12).min(bytes.len() - at);
            for byte in &mut bytes[at..at + len] {
                *byte = if dice.below(2) == 0 {
                    0xFF
                } else {
                    dice.roll() as u8
                };
            }
        }
    }
}

#[test]
fn damaged_files_are_refused_or_are_recordings() {
    let samples = samples(6000);
    let files = [
        wav(&samples),
        flac(16, 2, 44_100, &samples),
        flac(24, 2, 44_100, &samples),
    ];
    let mut dice = Dice(2024);
    let mut refused = [0; 3];
    for (which, file) in files.iter().enumerate() {
        for kind in 0..240 {
            let mut bytes = file.clone();
            damage(&mut bytes, &files[(which + 1) % 3], kind, &mut dice);
            match read(bytes) {
                Ok(recording) => {
                    let audio = recording.audio;
                    assert!(
                        audio.len_samples() > 0 && audio.samples().iter().all(|x| x.is_finite())
                    );
                    // A file of 24 kB cannot hold more.
                    assert!(
                        audio.samples().len() < 100_000,
                        "{:?}",
                        audio.samples().dim()
                    );
                }
                Err(error) => {
                    refused[which] += 1;
                    assert!(error.to_string().ends_with("song.wav"), "{error}");
                    assert!(error.hint().is_some(), "{error:?}");
                }
            }
        }
    }
    assert!(refused.iter().all(|&count| count > 60), "{refused:?}");
}

#[test]
fn a_flac_file_cut_anywhere_is_refused() {
    let samples = samples(4000);
    let file = flac(16, 2, 44_100, &samples);
    let mut dice = Dice(3);
    let cuts = (0..file.len())
        .filter(|_| dice.below(40) == 0)
        .chain(file.len() - 9..file.len());
    for len in cuts {
        match read(file[..len].to_vec()) {
            Err(Error::Truncated {
                declared: 2000,
                found,
                ..
            }) => assert!(found < 2000),
            Err(Error::NotAudio { .. } | Error::Empty { .. }) => assert!(len < 9000, "{len}"),
            other => panic!("cut at {len} of {}: {other:?}", file.len()),
        }
    }
}

#[test]
fn a_damaged_frame_of_flac_is_an_error_and_no_gap() {
    let samples = samples(20_000);
    let file = flac(16, 2, 44_100, &samples);
    let whole = read(file.clone()).unwrap();
    let mut dice = Dice(4);
    for _ in 0..60 {
        let mut bytes = file.clone();
        // Behind the metadata.
        let at = file.len() / 3 + dice.below(file.len() * 2 / 3);
        bytes[at] ^= 1 << dice.below(8);
        let error = read(bytes).expect_err("a damaged frame");
        assert!(
            matches!(error, Error::Damaged { .. } | Error::Truncated { .. }),
            "at {at}: {error:?}"
        );
    }
    // A frame that is missing altogether, found by its neighbours' places.
    let frame = |bytes: &[u8], from: usize| {
        (from..bytes.len() - 1)
            .find(|&at| bytes[at] == 0xFF && bytes[at + 1] == 0xF8)
            .unwrap()
    };
    let first = frame(&file, file.len() / 2);
    let second = frame(&file, first + 800);
    let mut bytes = file.clone();
    bytes.drain(first..second);
    assert!(matches!(
        read(bytes),
        Err(Error::Damaged { .. } | Error::Truncated { .. })
    ));
    assert_eq!(interleaved(&whole).len(), samples.len());
}

#[test]
fn a_wrong_checksum_is_an_error() {
    let mut file = flac(16, 1, 8000, &samples(3000));
    // The last of the 34 bytes of STREAMINFO, behind the mark and the block's header.
    file[8 + 33] ^= 1;
    let error = read(file).unwrap_err();
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn without_length_and_checksum_a_damaged_last_frame_is_still_found() {
    let samples = samples(6000);
    let mut file = flac(16, 2, 44_100, &samples);
    // STREAMINFO's lower 36 bits before the checksum are the length.
    file[8 + 13] &= 0xF0;
    file[8 + 14..8 + 34].fill(0);
    assert_eq!(
        interleaved(&read(file.clone()).unwrap()).len(),
        samples.len()
    );
    for back in [1, 2, 40, 300] {
        let mut damaged = file.clone();
        let at = file.len() - back;
        damaged[at] ^= 4;
        assert!(read(damaged).is_err(), "{back} before the end");
        assert!(
            read(file[..at].to_vec()).is_err(),
            "cut {back} before the end"
        );
    }
}

#[test]
fn what_is_appended_to_a_file_is_no_sound() {
    let samples = samples(6000);
    let tag = [b"TAG".as_slice(), &[b'x'; 125]].concat();
    for file in [wav(&samples), flac(16, 2, 44_100, &samples)] {
        let whole = read(file.clone()).unwrap();
        let tagged = read([file, tag.clone()].concat()).unwrap();
        assert_eq!(tagged, whole);
    }
}
