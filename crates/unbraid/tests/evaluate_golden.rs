//! All measures against `mir_eval` 0.8.2 and museval 0.4.1 on generated signals.
//!
//! The values in `evaluate_golden.json` were computed by `xtask/python/bss_eval_golden.py`, whose
//! head says how to run it. It makes the same signals: additions and multiplications are done one by one
//! and in the same order here and there, so that the signals are equal to the last bit.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its inputs are broken"
)]
#![expect(clippy::float_cmp, reason = "equal infinities are equal")]

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};
use serde::de::DeserializeOwned;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, FramewiseScores, Matching, Ratios, ScaleInvariantRatios, Scores,
    bss_eval_images, bss_eval_sources, bss_eval_sources_framewise, si_sdr, snr_db, v4,
};

/// The generated signals are well conditioned; both sides lose about ten of sixteen digits.
const TOLERANCE_DB: f64 = 1e-6;
const WINDOW: usize = 8_000;
/// Samples of every signal.
const SAMPLES: usize = 22_000;
/// Where the second source is silent if there is a pause.
const SILENCE: Range<usize> = 8_000..17_000;

/// Gain into the left and the right channel, and the two feedback coefficients of a resonance.
/// The last source sounds on the left only.
const SOURCES: [(f64, f64, f64, f64); 3] = [
    (0.6, 0.4, 1.6, -0.9),
    (0.3, 0.5, 0.4, -0.8),
    (0.7, 0.0, -0.9, -0.7),
];

/// White noise of an LCG (Knuth's MMIX), uniform in -1 to 1.
fn noise(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f64 / 8_388_608.0 - 1.0
        })
        .collect()
}

/// A sample a quarter as loud, rounded to 16 bits.
fn round16(sample: f64) -> f32 {
    ((sample * 8192.0 + 0.5).floor() / 32768.0) as f32
}

/// Noises through resonances, panned, each `(2 channels, samples)`.
fn references(pause: bool) -> Vec<Array2<f32>> {
    (0_u64..)
        .zip(SOURCES)
        .map(|(source, (left, right, near, far))| {
            let mut out = Array2::zeros((2, SAMPLES));
            let (mut last, mut before) = (0.0, 0.0);
            for (n, drive) in noise(source + 1, SAMPLES).into_iter().enumerate() {
                let now = drive * 0.25 + near * last + far * before;
                (before, last) = (last, now);
                if !(pause && source == 1 && SILENCE.contains(&n)) {
                    out[[0, n]] = round16(now * left);
                    out[[1, n]] = round16(now * right);
                }
            }
            out
        })
        .collect()
}

/// Estimates in the order 2, 0, 1: too quiet, smeared, with crosstalk and noise.
fn estimates(references: &[Array2<f32>]) -> Vec<Array2<f32>> {
    [2_usize, 0, 1]
        .into_iter()
        .map(|source| {
            let (own, other) = (
                &references[source],
                &references[(source + 1) % references.len()],
            );
            let mut out = Array2::zeros((2, SAMPLES));
            for channel in 0..2 {
                let hiss = noise((100 + 10 * source + channel) as u64, SAMPLES);
                for (n, hiss) in hiss.into_iter().enumerate() {
                    let late = if n >= 3 {
                        f64::from(own[[channel, n - 3]]) * 0.2
                    } else {
                        0.0
                    };
                    let crosstalk = f64::from(other[[1 - channel, n]]) * 0.1;
                    let own = f64::from(own[[channel, n]]) * 0.9;
                    out[[channel, n]] = round16((own + late + crosstalk + hiss * 0.02) * 4.0);
                }
            }
            out
        })
        .collect()
}

/// The estimates put into the order of the references.
fn in_order(shuffled: &[Array2<f32>]) -> Vec<Array2<f32>> {
    [1, 2, 0].map(|place| shuffled[place].clone()).into()
}

/// Views of all arrays.
fn views<T>(arrays: &[Array2<T>]) -> Vec<ArrayView2<'_, T>> {
    arrays.iter().map(|array| array.view()).collect()
}

fn golden<T: DeserializeOwned>(part: &str) -> T {
    let all: serde_json::Value =
        serde_json::from_str(include_str!("evaluate_golden.json")).unwrap();
    serde_json::from_value(all[part].clone()).unwrap()
}

fn permuted() -> BssEvalConfig {
    BssEvalConfig {
        matching: Matching::BestSir,
        ..BssEvalConfig::default()
    }
}

/// References with a pause, and estimates in their order with the same pause.
fn with_pause() -> (Vec<Array2<f32>>, Vec<Array2<f32>>) {
    let references = references(true);
    let mut estimates = in_order(&estimates(&references));
    estimates[1].slice_mut(s![.., SILENCE]).fill(0.0);
    (references, estimates)
}

fn first_channels(signals: &[Array2<f32>]) -> Vec<Array2<f32>> {
    signals
        .iter()
        .map(|signal| signal.slice(s![..1, ..]).to_owned())
        .collect()
}

#[track_caller]
fn assert_db(what: &str, actual: f64, expected: f64) {
    let close = actual == expected || (actual - expected).abs() <= TOLERANCE_DB;
    assert!(
        close,
        "{what} is {actual} dB instead of {expected} dB ({:e})",
        actual - expected
    );
}

#[track_caller]
fn assert_ratios(what: &str, actual: &[Ratios], expected: &[Ratios]) {
    assert_eq!(actual.len(), expected.len());
    for (source, (actual, expected)) in actual.iter().zip(expected).enumerate() {
        let what = format!("{what}, source {source}");
        assert_db(&format!("SDR of {what}"), actual.sdr_db, expected.sdr_db);
        assert_db(&format!("SIR of {what}"), actual.sir_db, expected.sir_db);
        assert_db(&format!("SAR of {what}"), actual.sar_db, expected.sar_db);
        assert_eq!(
            actual.isr_db.is_some(),
            expected.isr_db.is_some(),
            "ISR of {what}"
        );
        if let (Some(actual), Some(expected)) = (actual.isr_db, expected.isr_db) {
            assert_db(&format!("ISR of {what}"), actual, expected);
        }
    }
}

#[track_caller]
fn assert_scores(actual: &Scores, expected: &Scores) {
    assert_eq!(actual.permutation, expected.permutation);
    assert_ratios("the whole", &actual.sources, &expected.sources);
}

#[track_caller]
fn assert_frames(actual: &FramewiseScores, expected: &FramewiseScores) {
    assert_eq!(actual.frames.len(), expected.frames.len());
    for (frame, (actual, expected)) in actual.frames.iter().zip(&expected.frames).enumerate() {
        assert_eq!(actual.start_samples, expected.start_samples);
        assert_eq!(actual.len_samples, expected.len_samples);
        assert_eq!(actual.permutation, expected.permutation);
        assert_eq!(
            actual.sources.is_some(),
            expected.sources.is_some(),
            "frame {frame}"
        );
        if let (Some(actual), Some(expected)) = (&actual.sources, &expected.sources) {
            assert_ratios(&format!("frame {frame}"), actual, expected);
        }
    }
}

#[test]
fn sources_of_shuffled_estimates_are_those_of_mir_eval() {
    let references = references(false);
    let estimates = first_channels(&estimates(&references));
    let references = first_channels(&references);
    let scores = bss_eval_sources(&views(&references), &views(&estimates), &permuted()).unwrap();
    assert_scores(&scores, &golden("sources"));
}

#[test]
fn sources_frame_by_frame_with_a_silent_frame_are_those_of_mir_eval() {
    let (references, estimates) = with_pause();
    let (references, estimates) = (first_channels(&references), first_channels(&estimates));
    let frames = FrameConfig {
        window_len: WINDOW,
        hop_len: 4_500,
    };
    let (references, estimates) = (views(&references), views(&estimates));
    let config = BssEvalConfig::default();
    let scores = bss_eval_sources_framewise(&references, &estimates, &frames, &config).unwrap();
    assert_eq!(scores.frames_scored(), scores.frames.len() - 1);
    assert_frames(&scores, &golden("sources_framewise"));
}

#[test]
fn images_of_one_channel_are_those_of_mir_eval() {
    let references = references(false);
    let estimates = first_channels(&estimates(&references));
    let references = first_channels(&references);
    let scores = bss_eval_images(&views(&references), &views(&estimates), &permuted()).unwrap();
    assert_scores(&scores, &golden("images"));
}

#[test]
fn stereo_images_with_a_silent_channel_are_those_of_museval() {
    let references = references(false);
    let estimates = estimates(&references);
    let scores = bss_eval_images(&views(&references), &views(&estimates), &permuted()).unwrap();
    assert_scores(&scores, &golden("stereo_images"));
}

#[test]
fn stereo_sources_are_those_of_museval() {
    let references = references(false);
    let estimates = estimates(&references);
    let scores = bss_eval_sources(&views(&references), &views(&estimates), &permuted()).unwrap();
    assert_scores(&scores, &golden("stereo_sources"));
}

#[test]
fn version_4_with_overlapping_and_silent_frames_is_that_of_museval() {
    let (references, estimates) = with_pause();
    let frames = FrameConfig {
        window_len: WINDOW,
        hop_len: WINDOW / 2,
    };
    let config = BssEvalConfig::default();
    let scores = v4::bss_eval(&views(&references), &views(&estimates), &frames, &config).unwrap();
    assert_eq!(scores.frames_scored(), scores.frames.len() - 1);
    assert_frames(&scores, &golden("v4"));
}

#[test]
fn version_4_of_shuffled_estimates_is_that_of_museval() {
    let references = references(false);
    let estimates = estimates(&references);
    let frames = FrameConfig {
        window_len: WINDOW,
        hop_len: WINDOW,
    };
    let scores = v4::bss_eval(
        &views(&references),
        &views(&estimates),
        &frames,
        &permuted(),
    )
    .unwrap();
    assert_frames(&scores, &golden("v4_permuted"));
}

#[test]
fn scale_invariant_ratios_and_snr_are_those_of_their_formulas_in_numpy() {
    let references = references(false);
    let estimates = in_order(&estimates(&references));
    let (references, estimates) = (views(&references), views(&estimates));
    let expected: Vec<ScaleInvariantRatios> = golden("scale_invariant");
    let actual = si_sdr(&references, &estimates).unwrap();
    assert_eq!(actual.len(), expected.len());
    for (source, (actual, expected)) in actual.iter().zip(&expected).enumerate() {
        assert_db(
            &format!("SI-SDR of source {source}"),
            actual.sdr_db,
            expected.sdr_db,
        );
        assert_db(
            &format!("SI-SIR of source {source}"),
            actual.sir_db,
            expected.sir_db,
        );
        assert_db(
            &format!("SI-SAR of source {source}"),
            actual.sar_db,
            expected.sar_db,
        );
    }
    let expected: Vec<f64> = golden("snr_db");
    let actual = snr_db(&references, &estimates).unwrap();
    for (source, (&actual, &expected)) in actual.iter().zip(&expected).enumerate() {
        assert_db(&format!("SNR of source {source}"), actual, expected);
    }
}
