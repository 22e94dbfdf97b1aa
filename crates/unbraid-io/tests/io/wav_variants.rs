//! WAV files come in as people's programs write them; that all of each is read is checked.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use unbraid_io::Error;
use unbraid_io::audio::{Span, read_audio};

use crate::helpers::{Dice, Wav, chunk, flac, interleaved, read};

#[test]
fn every_width_is_read_to_its_last_bit() {
    let mut dice = Dice(1);
    for channels in [1_u16, 2, 3, 8, 26, 27, 40, 64] {
        for extensible in [false, true] {
            let count = usize::from(channels) * 101;
            for bits in [8_u16, 16, 24, 32] {
                let values: Vec<i32> = (0..count).map(|_| dice.integer(u32::from(bits))).collect();
                let data = values.iter().flat_map(|&x| {
                    let x = if bits == 8 { x + 128 } else { x };
                    x.to_le_bytes()[..usize::from(bits / 8)].to_vec()
                });
                let mut wav = Wav::new(1, bits, channels, data.collect());
                wav.extensible = extensible;
                let recording = read(wav.bytes()).unwrap();
                let full = f64::from(bits - 1).exp2();
                let expected: Vec<f32> = values
                    .iter()
                    .map(|&x| (f64::from(x) / full) as f32)
                    .collect();
                assert_eq!(
                    interleaved(&recording),
                    expected,
                    "{bits} bits, {channels} channels"
                );
                assert_eq!(recording.format.bits_per_sample, Some(u32::from(bits)));
            }
            let values: Vec<f64> = (0..count).map(|_| f64::from(dice.level()) * 3.0).collect();
            let expected: Vec<f32> = values.iter().map(|&x| x as f32).collect();
            for (bits, data) in [
                (32, expected.iter().flat_map(|x| x.to_le_bytes()).collect()),
                (64, values.iter().flat_map(|x| x.to_le_bytes()).collect()),
            ] {
                let mut wav = Wav::new(3, bits, channels, data);
                wav.extensible = extensible;
                assert_eq!(
                    interleaved(&read(wav.bytes()).unwrap()),
                    expected,
                    "f{bits}"
                );
            }
        }
    }
}

#[test]
fn files_of_an_independent_encoder_are_read() {
    for (bits, sample_format) in [
        (8, hound::SampleFormat::Int),
        (24, hound::SampleFormat::Int),
        (32, hound::SampleFormat::Float),
    ] {
        let spec = hound::WavSpec {
            channels: 3,
            sample_rate: 96_000,
            bits_per_sample: bits,
            sample_format,
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..300_i16 {
            match sample_format {
                hound::SampleFormat::Int => writer.write_sample(i32::from(n % 100)).unwrap(),
                hound::SampleFormat::Float => writer.write_sample(f32::from(n % 100)).unwrap(),
            }
        }
        writer.finalize().unwrap();
        let full = if bits == 32 {
            1.0
        } else {
            f32::from(bits - 1).exp2()
        };
        let expected: Vec<f32> = (0..300_u16).map(|n| f32::from(n % 100) / full).collect();
        let recording = read(bytes.into_inner()).unwrap();
        assert_eq!(interleaved(&recording), expected);
        assert_eq!(recording.audio.sample_rate(), 96_000);
    }
}

#[test]
fn samples_narrower_than_their_bytes_fill_the_upper_bits() {
    // 20 bits in three bytes, 24 in four: the format keeps unused bits at the lower end.
    let mut wav = Wav::new(1, 20, 1, vec![0, 0, 0x40]);
    assert_eq!(interleaved(&read(wav.bytes()).unwrap()), [0.5]);
    wav = Wav::new(1, 24, 1, vec![0, 0, 0, 0xC0]);
    wav.block = Some(4);
    assert_eq!(interleaved(&read(wav.bytes()).unwrap()), [-0.5]);
}

#[test]
fn lengths_that_a_writer_to_a_pipe_never_filled_in_mean_all_that_is_there() {
    let samples: Vec<i16> = (0..9001).collect();
    let expected: Vec<f32> = samples.iter().map(|&x| f32::from(x) / 32768.0).collect();
    let full = u32::MAX;
    for (riff_len, data_len) in [
        (0, 0),
        (36, 0),
        (full, 0),
        (full, full),
        (0, full),
        (full - 8, full - 44),
        (0x7FFF_F024, 0x7FFF_F000),
        (0x8000_0024, 0x8000_0000),
        (full, 0x7FFF_FFFF),
    ] {
        let mut wav = Wav::pcm16(1, &samples);
        (wav.riff_len, wav.data_len) = (Some(riff_len), Some(data_len));
        let recording = read(wav.bytes()).unwrap();
        assert_eq!(
            interleaved(&recording),
            expected,
            "{riff_len:x} {data_len:x}"
        );
    }
}

#[test]
fn a_length_of_zero_before_other_chunks_is_zero() {
    let mut wav = Wav::pcm16(1, &[]);
    wav.after = chunk(b"LIST", b"INFOIART\x06\0\0\0Nobody");
    assert!(matches!(read(wav.bytes()), Err(Error::NoSamples { .. })));
}

#[test]
fn other_chunks_are_no_sound() {
    let mut wav = Wav::pcm16(2, &[1, 2, 3, 4]);
    wav.before = [chunk(b"bext", &[7; 605]), chunk(b"fact", &[9, 9, 9, 9])].concat();
    wav.after = [chunk(b"cue ", &[7; 29]), chunk(b"id3 ", &[1; 400])].concat();
    let expected = [1.0, 2.0, 3.0, 4.0].map(|x: f32| x / 32768.0);
    assert_eq!(interleaved(&read(wav.bytes()).unwrap()), expected);
}

#[test]
fn the_outer_length_does_not_matter() {
    for riff_len in [1, 4, 20, 50, 1 << 30] {
        let mut wav = Wav::pcm16(2, &[1, 2, 3, 4]);
        wav.riff_len = Some(riff_len);
        assert_eq!(
            read(wav.bytes()).unwrap().audio.len_samples(),
            2,
            "{riff_len}"
        );
    }
}

#[test]
fn wide_lengths_are_read() {
    let mut wav = Wav::pcm16(1, &[5; 100]);
    wav.after = chunk(b"LIST", &[1; 50]);
    wav.data_len = Some(u32::MAX);
    wav.riff_len = Some(u32::MAX);
    for name in [b"RF64", b"BW64"] {
        let mut bytes = wav.bytes();
        bytes[..4].copy_from_slice(name);
        let lengths = [[0; 8], 200_u64.to_le_bytes(), 100_u64.to_le_bytes()].concat();
        bytes.splice(
            12..12,
            chunk(b"ds64", &[lengths.as_slice(), &[0; 4]].concat()),
        );
        assert_eq!(read(bytes).unwrap().audio.len_samples(), 100);
    }
}

#[test]
fn a_length_that_lies_costs_neither_memory_nor_time() {
    // Two thirds of 4 GiB, of which there are 100 bytes.
    let mut wav = Wav::pcm16(2, &[5; 50]);
    wav.data_len = Some(0xAAAA_AAA8);
    let error = read(wav.bytes()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Truncated {
                declared: 0x2AAA_AAAA,
                found: 25,
                ..
            }
        ),
        "{error:?}"
    );
    // The same past 4 GiB, and in a chunk that nobody knows.
    wav.before = chunk(b"junk", &[]);
    let mut bytes = wav.bytes();
    bytes[40..44].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
    assert!(matches!(read(bytes), Err(Error::NotAudio { .. })));
}

/// Sparse, so that no disk is filled; the kernel gives zeros.
#[test]
fn a_placeholder_that_is_the_true_length_is_a_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let mut wav = Wav::pcm16(1, &[]);
    wav.rate = 1;
    wav.data_len = Some(0x8000_0000);
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&wav.bytes()).unwrap();
    file.seek(SeekFrom::Start(44 + 0x8000_0000)).unwrap();
    file.write_all(b"LIST").unwrap();
    let said = unbraid_io::audio::probe(&path).unwrap();
    assert_eq!(said.len_samples, Some(0x4000_0000));
    let span = Span {
        start_secs: 0.0,
        duration_secs: Some(3.0),
    };
    assert_eq!(read_audio(&path, span).unwrap().audio.len_samples(), 3);
}

#[cfg(unix)]
#[test]
fn pipes_are_read_like_files() {
    let samples: Vec<i32> = (0..30_000).map(|n| n % 1000).collect();
    let short: Vec<i16> = samples.iter().map(|&x| x as i16).collect();
    for bytes in [Wav::pcm16(1, &short).bytes(), flac(16, 1, 8000, &samples)] {
        let expected = read(bytes.clone()).unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let feeder = std::thread::spawn(move || writer.write_all(&bytes));
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&reader);
        let path = format!("/dev/fd/{descriptor}");
        assert_eq!(
            read_audio(Path::new(&path), Span::default()).unwrap(),
            expected
        );
        feeder.join().unwrap().unwrap();
    }
}
