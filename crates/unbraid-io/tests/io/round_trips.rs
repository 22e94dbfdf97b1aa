//! Recordings come in, of every shape; what is written and read again is compared.

use std::path::Path;

use proptest::prelude::*;
use unbraid_io::audio::{OutputFormat, Span, probe, read_audio, read_bytes};

use crate::helpers::{Dice, flac, interleaved, noise, read, write_stems};

/// Half a step of 16 and 24 bits; floats keep every bit.
fn tolerance(format: OutputFormat) -> f32 {
    match format {
        OutputFormat::Wav16 | OutputFormat::Flac16 => 0.5 / 32768.0,
        OutputFormat::Wav24 | OutputFormat::Flac => 0.5 / 8_388_608.0,
        OutputFormat::Wav32f => 0.0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn every_format_channels_length_and_rate_comes_back(
        format in prop::sample::select(OutputFormat::ALL.to_vec()),
        channels in 1_usize..=8,
        len in prop_oneof![1_usize..10, 1_usize..9000],
        rate in prop::sample::select(vec![1_u32, 8000, 11_025, 44_100, 48_000, 192_000, 768_000]),
        block in 1_usize..5000,
        seed: u64,
    ) {
        // Beyond what FLAC can hold.
        let rate = if format.extension() == "flac" { rate.min(655_350) } else { rate };
        let folder = tempfile::tempdir().unwrap();
        let stem = noise(channels, len, 0.99, seed);
        let (_, paths) =
            write_stems(folder.path(), format, rate, &[stem.view()], 1.0, block).unwrap();

        let said = probe(&paths[0]).unwrap();
        prop_assert_eq!((said.sample_rate, said.channels), (rate, channels));
        prop_assert_eq!(said.len_samples, Some(len as u64));

        let audio = read_audio(&paths[0], Span::default()).unwrap().audio;
        prop_assert_eq!(audio.sample_rate(), rate);
        prop_assert_eq!(audio.samples().dim(), (channels, len));
        let worst = audio
            .samples()
            .iter()
            .zip(&stem)
            .fold(0.0_f32, |worst, (found, wanted)| worst.max((found - wanted).abs()));
        prop_assert!(worst <= tolerance(format) * 1.0001, "{worst}");

        // A file in memory, whatever it is called, is the same file.
        let bytes = std::fs::read(&paths[0]).unwrap();
        let again = read_bytes(bytes, Path::new("photo.jpeg"), Span::default()).unwrap();
        prop_assert_eq!(again.audio, audio);
    }

    #[test]
    fn flac_of_any_width_comes_back_to_the_bit(
        bits in prop::sample::select(vec![8_u32, 12, 16, 20, 24]),
        channels in 1_usize..=8,
        len in 1_usize..3000,
        seed: u64,
    ) {
        let mut dice = Dice(seed);
        let samples: Vec<i32> = (0..channels * len).map(|_| dice.integer(bits)).collect();
        let recording = read(flac(bits, channels as u8, 44_100, &samples)).unwrap();
        prop_assert_eq!(recording.format.bits_per_sample, Some(bits));
        let full = (1_u32 << (bits - 1)) as f32;
        let expected: Vec<f32> = samples.iter().map(|&x| x as f32 / full).collect();
        prop_assert_eq!(interleaved(&recording), expected);
    }
}

#[test]
fn what_is_written_is_read_alike_by_other_decoders() {
    let folder = tempfile::tempdir().unwrap();
    let stem = noise(2, 5001, 0.9, 7);
    let wanted: Vec<i32> = stem
        .t()
        .iter()
        .map(|x| (x * 8_388_608.0).round() as i32)
        .collect();

    let (_, paths) = write_stems(
        folder.path(),
        OutputFormat::Wav24,
        44_100,
        &[stem.view()],
        1.0,
        999,
    )
    .unwrap();
    let found: Vec<i32> = hound::WavReader::open(&paths[0])
        .unwrap()
        .samples()
        .map(Result::unwrap)
        .collect();
    assert_eq!(found, wanted);

    let (_, paths) = write_stems(
        folder.path(),
        OutputFormat::Flac,
        44_100,
        &[stem.view()],
        1.0,
        999,
    )
    .unwrap();
    let file = std::io::BufReader::new(std::fs::File::open(&paths[0]).unwrap());
    let mut reader = flac_codec::decode::FlacSampleReader::new(file).unwrap();
    let mut found = Vec::new();
    reader.read_to_end(&mut found).unwrap();
    assert_eq!(found, wanted);
}

#[test]
fn the_same_stems_give_the_same_bytes() {
    let stem = noise(2, 3000, 0.9, 7);
    for format in OutputFormat::ALL {
        let bytes = |block| {
            let folder = tempfile::tempdir().unwrap();
            let (_, paths) =
                write_stems(folder.path(), format, 44_100, &[stem.view()], 1.0, block).unwrap();
            std::fs::read(&paths[0]).unwrap()
        };
        assert!(bytes(3000) == bytes(17), "{format} depends on the blocks");
    }
}
