//! Stems come in; that their files add up, and what is said of clipping, is checked.

use ndarray::{Array2, ArrayView2};
use proptest::prelude::*;
use unbraid_io::audio::{OutputFormat, Span, StemSet, read_audio};

use crate::helpers::{noise, write_stems};

fn full_scale(format: OutputFormat) -> f64 {
    if matches!(format, OutputFormat::Wav16 | OutputFormat::Flac16) {
        32768.0
    } else {
        8_388_608.0
    }
}

/// The integers in files, `(channels, samples)` each.
fn integers(paths: &[std::path::PathBuf], full: f64) -> Vec<Array2<i64>> {
    paths
        .iter()
        .map(|path| {
            let recording = read_audio(path, Span::default()).unwrap();
            recording
                .audio
                .samples()
                .mapv(|x| (f64::from(x) * full) as i64)
        })
        .collect()
}

fn format() -> impl Strategy<Value = OutputFormat> {
    prop::sample::select(OutputFormat::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn stems_in_integers_add_up_to_the_rounded_sum_and_stay_near_their_own(
        format in format(),
        count in 1_usize..6,
        channels in 1_usize..=8,
        len in 1_usize..700,
        block in 1_usize..300,
        seed: u64,
    ) {
        prop_assume!(StemSet::clips(format));
        let folder = tempfile::tempdir().unwrap();
        let stems: Vec<_> =
            (0..count as u64).map(|i| noise(channels, len, 0.15, seed ^ (i << 32))).collect();
        let views: Vec<ArrayView2<'_, f32>> = stems.iter().map(|stem| stem.view()).collect();
        let (level, paths) = write_stems(folder.path(), format, 8000, &views, 1.0, block).unwrap();
        prop_assert!(level <= 1.0);

        let full = full_scale(format);
        let found = integers(&paths, full);
        for at in ndarray::indices((channels, len)) {
            let exact: Vec<f64> = stems.iter().map(|stem| f64::from(stem[at]) * full).collect();
            let sum: i64 = found.iter().map(|stem| stem[at]).sum();
            prop_assert_eq!(sum, exact.iter().sum::<f64>().round() as i64, "at {:?}", at);
            for (found, exact) in found.iter().zip(&exact) {
                prop_assert!((found[at] as f64 - exact).abs() <= 1.0, "{} for {exact}", found[at]);
            }
        }
    }

    #[test]
    fn a_second_write_with_the_gain_of_the_first_does_not_clip(
        format in format(),
        count in 1_usize..5,
        level in 0.9_f32..40.0,
        seed: u64,
    ) {
        prop_assume!(StemSet::clips(format));
        let folder = tempfile::tempdir().unwrap();
        let stems: Vec<_> =
            (0..count as u64).map(|i| noise(2, 300, level, seed ^ (i << 32))).collect();
        let views: Vec<ArrayView2<'_, f32>> = stems.iter().map(|stem| stem.view()).collect();
        let write = |gain| write_stems(folder.path(), format, 8000, &views, gain, 128).unwrap();
        let (first, _) = write(1.0);
        let highest = stems.iter().flatten().fold(0.0_f32, |high, x| high.max(x.abs()));
        if highest > 1.001 {
            prop_assert!(first >= f64::from(highest) && first < f64::from(highest) * 1.001);
        }
        if first > 1.0 {
            let (second, paths) = write(1.0 / first);
            prop_assert!(second <= 1.0, "{second} after {first}");
            // What was not held at the end of the range still adds up.
            let full = full_scale(format);
            let found = integers(&paths, full);
            for at in ndarray::indices((2, 300)) {
                let sum: i64 = found.iter().map(|stem| stem[at]).sum();
                let exact: f64 =
                    stems.iter().map(|stem| f64::from(stem[at]) / first * full).sum();
                prop_assert_eq!(sum, exact.round() as i64);
            }
        }
    }

    #[test]
    fn sixteen_bits_in_and_one_stem_out_are_the_same_bits(
        channels in 1_usize..=8,
        len in 1_usize..500,
        seed: u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = crate::helpers::Dice(seed);
        let samples: Vec<i16> = (0..channels * len).map(|_| dice.integer(16) as i16).collect();
        let input = crate::helpers::Wav::pcm16(channels as u16, &samples).bytes();
        let audio = crate::helpers::read(input).unwrap().audio;
        let stems = [audio.samples()];
        let (level, paths) =
            write_stems(folder.path(), OutputFormat::Wav16, 8000, &stems, 1.0, 77).unwrap();
        prop_assert!(level <= 1.0);
        let again: Vec<i16> =
            hound::WavReader::open(&paths[0]).unwrap().samples().map(Result::unwrap).collect();
        prop_assert_eq!(again, samples);
    }
}

#[test]
fn the_ends_of_the_range_are_not_called_clipped_and_one_step_more_is() {
    let folder = tempfile::tempdir().unwrap();
    let step = 1.0 / 32768.0;
    for (value, clips) in [
        (-1.0, false),
        (1.0 - step, false),
        (1.0 - step / 4.0, true),
        (1.0, true),
        (-1.0 - step, true),
    ] {
        let stem = Array2::from_elem((1, 3), value);
        let (level, _) = write_stems(
            folder.path(),
            OutputFormat::Wav16,
            8000,
            &[stem.view()],
            1.0,
            3,
        )
        .unwrap();
        assert_eq!(level > 1.0, clips, "{value} has level {level}");
    }
}

#[test]
fn silence_has_the_level_zero() {
    let folder = tempfile::tempdir().unwrap();
    for format in OutputFormat::ALL {
        let stem = Array2::zeros((2, 10));
        let (level, _) = write_stems(
            folder.path(),
            format,
            8000,
            &[stem.view(), stem.view()],
            1.0,
            3,
        )
        .unwrap();
        assert!(level.abs() < 1e-30, "{format}: {level}");
    }
}

#[test]
fn floats_keep_their_bits_whatever_their_level() {
    let folder = tempfile::tempdir().unwrap();
    let stem = ndarray::array![[1.5, -70.25, 1e-40, -0.0, 3e9, f32::MIN_POSITIVE]];
    let format = OutputFormat::Wav32f;
    let (level, paths) =
        write_stems(folder.path(), format, 44_100, &[stem.view()], 1.0, 4).unwrap();
    assert!((level - 3e9).abs() < 1.0, "{level}");
    assert!(!StemSet::clips(format));
    let again = read_audio(&paths[0], Span::default()).unwrap().audio;
    let bits = |x: ArrayView2<'_, f32>| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(again.samples()), bits(stem.view()));
}

#[test]
fn stems_that_are_no_numbers_are_refused_in_every_format() {
    for format in OutputFormat::ALL {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let folder = tempfile::tempdir().unwrap();
            let (good, mut stem) = (noise(2, 300, 0.1, 1), noise(2, 300, 0.1, 2));
            stem[[1, 250]] = bad;
            let stems = [good.view(), stem.view()];
            let error = write_stems(folder.path(), format, 8000, &stems, 1.0, 100).unwrap_err();
            let unbraid_io::Error::Stem {
                channel: 1,
                sample: 250,
                value,
                ..
            } = error
            else {
                panic!("{format}: {error}");
            };
            assert_eq!(value.to_bits(), bad.to_bits());
        }
    }
}
