//! Files that cannot be used come in; that each is refused with path, reason and remedy is checked.

use std::path::Path;

use unbraid_io::Error;
use unbraid_io::audio::{Span, probe, read_audio, read_bytes};

use crate::helpers::{Dice, Wav, chunk, flac};

/// Bytes, and what the message must say.
fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let floats = |value| Wav::floats(2, &[0.0, 0.5, 0.25, value]).bytes();
    let with = |change: fn(&mut Wav)| {
        let mut wav = Wav::pcm16(2, &[1; 2000]);
        change(&mut wav);
        wav.bytes()
    };
    let mut dice = Dice(6);
    let hiss: Vec<i32> = (0..20_000).map(|_| dice.integer(12)).collect();
    let whole = flac(16, 1, 8000, &hiss);
    let mut no_data = with(|_| ());
    no_data.truncate(36);
    let mut other_form = with(|_| ());
    other_form[8..12].copy_from_slice(b"AVI ");
    let no_format = [b"RIFF\x10\0\0\0WAVE".as_slice(), &chunk(b"data", &[1; 8])].concat();
    vec![
        ("empty", vec![], "the file is empty"),
        ("one byte", vec![7], "not audio"),
        (
            "text",
            b"Dear diary,\ntoday I recorded nothing.\n".to_vec(),
            "not audio",
        ),
        ("long text", b"na ".repeat(100_000), "not audio"),
        ("zeros", vec![0; 100_000], "not audio"),
        (
            "a picture",
            [b"\x89PNG\r\n\x1a\n".as_slice(), &[9; 5000]].concat(),
            "not audio",
        ),
        ("a film", other_form, "not audio"),
        ("header only", with(|wav| wav.data.clear()), "no samples"),
        ("no data chunk", no_data, "header is cut off after 36 bytes"),
        ("no format chunk", no_format, "no `fmt ` chunk"),
        (
            "cut header",
            with(|_| ())[..30].to_vec(),
            "header is cut off after 30 bytes",
        ),
        (
            "cut data",
            with(|_| ())[..1044].to_vec(),
            "truncated: 1000 samples declared, 250 there",
        ),
        (
            "no data there",
            with(|_| ())[..44].to_vec(),
            "truncated: 1000 samples declared, 0 there",
        ),
        (
            "0 channels",
            with(|wav| (wav.channels, wav.block) = (0, Some(4))),
            "0 channels, not 1 to 64",
        ),
        (
            "65 channels",
            with(|wav| wav.channels = 65),
            "65 channels, not 1 to 64",
        ),
        (
            "40000 channels",
            with(|wav| wav.channels = 40_000),
            "40000 channels, not 1 to 64",
        ),
        ("0 Hz", with(|wav| wav.rate = 0), "a sample rate of 0 Hz"),
        (
            "0 bits",
            with(|wav| wav.bits = 0),
            "WAV encoding 1 with 0 bits",
        ),
        (
            "48 bits",
            with(|wav| wav.bits = 48),
            "WAV encoding 1 with 48 bits",
        ),
        ("ADPCM", with(|wav| wav.tag = 2), "WAV encoding 2"),
        (
            "a frame of 0 bytes",
            with(|wav| wav.block = Some(0)),
            "contradicts itself",
        ),
        (
            "a frame of 7 bytes",
            with(|wav| wav.block = Some(7)),
            "contradicts itself",
        ),
        ("NaN", floats(f32::NAN), "channel 1 holds NaN at sample 1"),
        (
            "infinity",
            floats(f32::INFINITY),
            "channel 1 holds inf at sample 1",
        ),
        (
            "minus infinity",
            floats(f32::NEG_INFINITY),
            "channel 1 holds -inf at sample 1",
        ),
        (
            "beyond any level",
            floats(-3e30),
            "channel 1 holds -3e30 at sample 1",
        ),
        (
            "cut FLAC",
            whole[..whole.len() / 2].to_vec(),
            "truncated: 20000 samples declared, ",
        ),
        ("FLAC without frames", whole[..60].to_vec(), "not audio"),
        ("FLAC's mark alone", b"fLaC".to_vec(), "not audio"),
    ]
}

#[test]
fn what_cannot_be_used_is_refused_with_path_reason_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("Ünsere Aufnahme 3.wav");
    for (name, bytes, reason) in cases() {
        std::fs::write(&path, &bytes).unwrap();
        let by_path = read_audio(&path, Span::default()).unwrap_err();
        let by_bytes = read_bytes(bytes, &path, Span::default()).unwrap_err();
        let message = by_path.to_string();
        assert_eq!(message, by_bytes.to_string(), "{name}");
        assert!(message.contains(reason), "{name}: {message}");
        assert!(
            message.ends_with(path.to_str().unwrap()),
            "{name}: {message}"
        );
        assert!(by_path.hint().is_some(), "{name} has no hint");
    }
}

#[test]
fn levels_of_integers_stored_as_floats_are_a_recording() {
    let samples = [2_147_483_648.0, -32768.0, 4_294_967_296.0];
    let recording = crate::helpers::read(Wav::floats(1, &samples).bytes()).unwrap();
    assert_eq!(recording.audio.channel(0), samples);
}

#[test]
fn a_bad_sample_is_counted_from_the_start_of_the_file() {
    let mut samples = [0.5; 100];
    samples[71] = f32::NAN;
    let bytes = Wav::floats(2, &samples).bytes();
    let span = |start, len| Span {
        start_secs: f64::from(start) / 8000.0,
        duration_secs: Some(f64::from(len) / 8000.0),
    };
    let error = read_bytes(bytes.clone(), Path::new("x"), span(30, 10)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NotFinite {
                channel: 1,
                sample: 35,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(read_bytes(bytes, Path::new("x"), span(0, 35)).is_ok());
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.wav");
    for (path, reason) in [
        (folder.path(), "is a directory"),
        (missing.as_path(), "No such file"),
    ] {
        for error in [
            read_audio(path, Span::default()).map(drop).unwrap_err(),
            probe(path).map(drop).unwrap_err(),
        ] {
            let message = error.to_string();
            assert!(message.contains(reason), "{message}");
            assert!(message.ends_with(path.to_str().unwrap()), "{message}");
            assert!(error.hint().is_some());
        }
    }
}
