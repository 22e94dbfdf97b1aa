//! What every measure must do whatever the signals are: laws, edges and refusals.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails where its inputs are broken"
)]
#![expect(
    clippy::float_cmp,
    reason = "what must be equal to the last bit is compared so"
)]

use ndarray::{Array2, ArrayView2, s};
use proptest::prelude::*;
use unbraid::Error;
use unbraid::evaluate::{
    BssEvalConfig, FrameConfig, FramewiseScores, Matching, Ratios, Scores, bss_eval_images,
    bss_eval_images_framewise, bss_eval_sources, bss_eval_sources_framewise, si_sdr, snr_db, v4,
};

/// Short filters keep the tests quick; nothing here depends on their length.
const GIVEN: BssEvalConfig = BssEvalConfig {
    filter_len: 12,
    matching: Matching::Given,
};
const BEST: BssEvalConfig = BssEvalConfig {
    filter_len: 12,
    matching: Matching::BestSir,
};
/// Sums in another order differ by this much.
const ROUNDING_DB: f64 = 1e-8;

type Signals = Vec<Array2<f64>>;

fn views<T>(arrays: &[Array2<T>]) -> Vec<ArrayView2<'_, T>> {
    arrays.iter().map(|array| array.view()).collect()
}

/// White noise of an LCG (Knuth's MMIX), uniform in -1 to 1.
fn noise(seed: u64, len: usize) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / 8_388_608.0 - 1.0
    };
    // Seeds next to each other begin alike.
    for _ in 0..8 {
        next();
    }
    (0..len).map(|_| next()).collect()
}

fn random(seed: u64, sources: usize, channels: usize, len: usize) -> Signals {
    (0..sources)
        .map(|source| {
            let samples = noise(seed * 31 + source as u64, channels * len);
            Array2::from_shape_vec((channels, len), samples).unwrap()
        })
        .collect()
}

/// References and estimates with some crosstalk and some noise.
fn scene(seed: u64, sources: usize, channels: usize, len: usize) -> (Signals, Signals) {
    let references = random(seed, sources, channels, len);
    let noises = random(seed + 1000, sources, channels, len);
    let estimates = (0..sources)
        .map(|source| {
            &references[source] + &references[(source + 1) % sources] * 0.2 + &noises[source] * 0.1
        })
        .collect();
    (references, estimates)
}

fn close(a: &Ratios, b: &Ratios) -> bool {
    let close = |a: f64, b: f64| a == b || (a - b).abs() < ROUNDING_DB;
    close(a.sdr_db, b.sdr_db)
        && close(a.sir_db, b.sir_db)
        && close(a.sar_db, b.sar_db)
        && close(a.isr_db.unwrap_or(0.0), b.isr_db.unwrap_or(0.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shuffled_estimates_are_found_and_score_as_before(
        seed in 0_u64..1000,
        sources in 2_usize..5,
        channels in 1_usize..3,
        shift in 0_usize..5,
    ) {
        let (references, estimates) = scene(seed, sources, channels, 700);
        let shuffled: Signals =
            (0..sources).map(|k| estimates[(k + shift) % sources].clone()).collect();
        let before = bss_eval_images(&views(&references), &views(&estimates), &GIVEN).unwrap();
        let after = bss_eval_images(&views(&references), &views(&shuffled), &BEST).unwrap();
        let order = &after.permutation;
        for (j, (before, after)) in before.sources.iter().zip(&after.sources).enumerate() {
            prop_assert_eq!((order[j] + shift) % sources, j);
            prop_assert!(close(before, after), "source {}: {:?} and {:?}", j, before, after);
        }
    }

    #[test]
    fn gains_of_estimates_leave_what_allows_for_filters_alone(
        seed in 0_u64..1000,
        channels in 1_usize..3,
        gain in 0.01..50.0_f64,
    ) {
        let (references, estimates) = scene(seed, 2, channels, 700);
        let louder: Signals = estimates.iter().map(|estimate| estimate * gain).collect();
        let (references, estimates, louder) = (views(&references), views(&estimates), views(&louder));
        let before = bss_eval_sources(&references, &estimates, &GIVEN).unwrap();
        let after = bss_eval_sources(&references, &louder, &GIVEN).unwrap();
        prop_assert!(before.sources.iter().zip(&after.sources).all(|(a, b)| close(a, b)));

        let before = bss_eval_images(&references, &estimates, &GIVEN).unwrap();
        let after = bss_eval_images(&references, &louder, &GIVEN).unwrap();
        for (before, after) in before.sources.iter().zip(&after.sources) {
            prop_assert!((before.sir_db - after.sir_db).abs() < ROUNDING_DB);
            prop_assert!((before.sar_db - after.sar_db).abs() < ROUNDING_DB);
        }

        let before = si_sdr(&references, &estimates).unwrap();
        let after = si_sdr(&references, &louder).unwrap();
        for (before, after) in before.iter().zip(&after) {
            prop_assert!((before.sdr_db - after.sdr_db).abs() < ROUNDING_DB);
            prop_assert!((before.sir_db - after.sir_db).abs() < ROUNDING_DB);
            prop_assert!((before.sar_db - after.sar_db).abs() < ROUNDING_DB);
        }
    }

    #[test]
    fn one_gain_for_everything_changes_no_measure(seed in 0_u64..1000, exponent in -40_i32..20) {
        let gain = 2.0_f64.powi(exponent);
        let (references, estimates) = scene(seed, 3, 2, 700);
        let scale = |signals: &Signals| -> Signals { signals.iter().map(|s| s * gain).collect() };
        let (quiet_references, quiet_estimates) = (scale(&references), scale(&estimates));
        let frames = FrameConfig { window_len: 300, hop_len: 200 };
        let before = v4::bss_eval(&views(&references), &views(&estimates), &frames, &GIVEN).unwrap();
        let after =
            v4::bss_eval(&views(&quiet_references), &views(&quiet_estimates), &frames, &GIVEN).unwrap();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn the_scale_invariant_error_is_that_of_interference_and_of_artifacts(seed in 0_u64..1000) {
        let (references, estimates) = scene(seed, 3, 2, 500);
        for ratios in si_sdr(&views(&references), &views(&estimates)).unwrap() {
            let error = |db: f64| 10.0_f64.powf(-db / 10.0);
            let sum = error(ratios.sir_db) + error(ratios.sar_db);
            prop_assert!((error(ratios.sdr_db) / sum - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn a_perfect_estimate_scores_beyond_what_16_bits_could_hold() {
    let references = random(1, 3, 2, 5_000);
    let references = views(&references);
    let scores = bss_eval_images(&references, &references, &GIVEN).unwrap();
    for ratios in &scores.sources {
        assert!(ratios.sdr_db == f64::INFINITY, "{ratios:?}");
        assert!(ratios.isr_db.unwrap() > 200.0, "{ratios:?}");
        assert!(ratios.sir_db > 200.0 && ratios.sar_db > 200.0, "{ratios:?}");
    }
    assert!(
        si_sdr(&references, &references)
            .unwrap()
            .iter()
            .all(|ratios| ratios.sdr_db > 250.0)
    );
    assert_eq!(
        snr_db(&references, &references).unwrap(),
        [f64::INFINITY; 3]
    );
}

#[test]
fn a_filtered_reference_is_perfect_for_the_sources_version_alone() {
    // The reference ends early enough for its echoes.
    let mut reference = random(2, 1, 1, 3_000).remove(0);
    reference.slice_mut(s![.., 2_960..]).fill(0.0);
    let mut filtered = Array2::<f64>::zeros((1, 3_000));
    for (delay, gain) in [(0, 0.5), (3, -0.4), (11, 0.2)] {
        let mut late = filtered.slice_mut(s![.., delay..]);
        late.scaled_add(gain, &reference.slice(s![.., ..3_000 - delay]));
    }
    let scores = bss_eval_sources(&[reference.view()], &[filtered.view()], &GIVEN).unwrap();
    assert!(scores.sources[0].sdr_db > 200.0, "{scores:?}");
    let scores = bss_eval_images(&[reference.view()], &[filtered.view()], &GIVEN).unwrap();
    assert!(scores.sources[0].sdr_db < 10.0, "{scores:?}");
}

#[test]
fn references_that_are_multiples_of_each_other_are_scored_like_one() {
    let (references, estimates) = scene(3, 2, 1, 900);
    let wide = |signals: &Signals, gain: f64| -> Signals {
        signals
            .iter()
            .map(|signal| ndarray::concatenate![ndarray::Axis(0), *signal, signal * gain])
            .collect()
    };
    let narrow = bss_eval_images(&views(&references), &views(&estimates), &GIVEN).unwrap();
    for gain in [1.0, 0.7] {
        let (references, estimates) = (wide(&references, gain), wide(&estimates, gain));
        let wide = bss_eval_images(&views(&references), &views(&estimates), &GIVEN).unwrap();
        for (narrow, wide) in narrow.sources.iter().zip(&wide.sources) {
            assert!(close(narrow, wide), "gain {gain}: {narrow:?} and {wide:?}");
        }
    }
}

#[test]
fn a_band_that_no_reference_has_counts_as_artifact_and_not_as_interference() {
    // Slow sines: beyond a few taps, their delayed versions are sums of each other.
    let sine = |period: f64| {
        Array2::from_shape_fn((1, 4_000), |(_, n)| {
            (std::f64::consts::TAU * n as f64 / period).sin()
        })
    };
    let (low, high) = (sine(97.0), sine(41.0));
    let hiss = Array2::from_shape_vec((1, 4_000), noise(5, 4_000)).unwrap();
    let estimate = &low + &high * 0.01 + hiss * 0.1;
    let config = BssEvalConfig {
        filter_len: 64,
        ..GIVEN
    };
    let references = [low.view(), high.view()];
    let scores = bss_eval_images(&references, &[estimate.view(), high.view()], &config).unwrap();
    let ratios = scores.sources[0];
    // The hiss has a variance of a 300th, the low tone one of a half.
    assert!((ratios.sar_db - 21.8).abs() < 0.5, "{ratios:?}");
    assert!(ratios.sir_db > 35.0, "{ratios:?}");
}

#[test]
fn version_4_with_one_frame_is_version_3() {
    let (references, estimates) = scene(4, 3, 2, 1_500);
    let (references, estimates) = (views(&references), views(&estimates));
    let Scores { sources: whole, .. } = bss_eval_images(&references, &estimates, &GIVEN).unwrap();
    let frames = FrameConfig {
        window_len: 1_500,
        hop_len: 1,
    };
    let one = v4::bss_eval(&references, &estimates, &frames, &GIVEN).unwrap();
    assert_eq!(one.frames.len(), 1);
    for (whole, one) in whole.iter().zip(one.frames[0].sources.as_ref().unwrap()) {
        assert!(close(whole, one), "{whole:?} and {one:?}");
    }
}

#[test]
fn frames_of_version_3_are_whole_recordings_of_their_own() {
    let (references, estimates) = scene(5, 2, 2, 1_000);
    let (references, estimates) = (views(&references), views(&estimates));
    let frames = FrameConfig {
        window_len: 400,
        hop_len: 250,
    };
    let scores = bss_eval_images_framewise(&references, &estimates, &frames, &BEST).unwrap();
    assert_eq!(scores.frames.len(), 3);
    for frame in scores.frames {
        let range = frame.start_samples..frame.start_samples + frame.len_samples;
        let cut = |views: &[ArrayView2<'_, f64>]| -> Signals {
            views
                .iter()
                .map(|view| view.slice(s![.., range.clone()]).to_owned())
                .collect()
        };
        let (references, estimates) = (cut(&references), cut(&estimates));
        let alone = bss_eval_images(&views(&references), &views(&estimates), &BEST).unwrap();
        assert_eq!(frame.permutation, alone.permutation);
        assert_eq!(frame.sources.unwrap(), alone.sources);
    }
}

#[test]
fn a_recording_shorter_than_two_frames_of_version_3_is_scored_whole() {
    let (references, estimates) = scene(6, 2, 1, 1_000);
    let (references, estimates) = (views(&references), views(&estimates));
    let frames = FrameConfig {
        window_len: 600,
        hop_len: 600,
    };
    let scores = bss_eval_sources_framewise(&references, &estimates, &frames, &GIVEN).unwrap();
    let whole = bss_eval_sources(&references, &estimates, &GIVEN).unwrap();
    assert_eq!(scores.frames.len(), 1);
    assert_eq!(scores.frames[0].len_samples, 1_000);
    assert_eq!(scores.frames[0].sources.as_ref().unwrap(), &whole.sources);
}

#[test]
fn one_thread_and_three_threads_give_the_same_bits() {
    let (references, estimates) = scene(7, 3, 2, 30_000);
    let (references, estimates) = (views(&references), views(&estimates));
    let frames = FrameConfig {
        window_len: 10_000,
        hop_len: 7_000,
    };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| v4::bss_eval(&references, &estimates, &frames, &BEST).unwrap())
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn views_of_any_layout_and_type_score_alike() {
    let (references, estimates) = scene(8, 2, 2, 600);
    let single = |signals: &Signals| -> Vec<Array2<f32>> {
        signals
            .iter()
            .map(|signal| signal.mapv(|sample| sample as f32))
            .collect()
    };
    let (references, estimates) = (single(&references), single(&estimates));
    let turned = |signals: &[Array2<f32>]| -> Vec<Array2<f32>> {
        signals
            .iter()
            .map(|signal| signal.t().as_standard_layout().into_owned())
            .collect()
    };
    let double = |signals: &[Array2<f32>]| -> Signals {
        signals
            .iter()
            .map(|signal| signal.mapv(f64::from))
            .collect()
    };
    let plain = bss_eval_images(&views(&references), &views(&estimates), &GIVEN).unwrap();
    let (turned_references, turned_estimates) = (turned(&references), turned(&estimates));
    let references_back: Vec<_> = turned_references.iter().map(|signal| signal.t()).collect();
    let estimates_back: Vec<_> = turned_estimates.iter().map(|signal| signal.t()).collect();
    assert_eq!(
        plain,
        bss_eval_images(&references_back, &estimates_back, &GIVEN).unwrap()
    );
    let (references, estimates) = (double(&references), double(&estimates));
    assert_eq!(
        plain,
        bss_eval_images(&views(&references), &views(&estimates), &GIVEN).unwrap()
    );
}

#[test]
fn the_improvement_of_the_mixture_over_itself_is_zero() {
    let (references, _) = scene(9, 2, 1, 600);
    let mixture = &references[0] + &references[1];
    let estimates = [mixture.view(), mixture.view()];
    let scores = bss_eval_images(&views(&references), &estimates, &GIVEN).unwrap();
    let ratios = &scores.sources[0];
    let none = ratios.improvement_over(ratios);
    assert_eq!(
        (none.sdr_db, none.isr_db, none.sir_db),
        (0.0, Some(0.0), 0.0)
    );
    // The two sources are equally loud.
    assert!(ratios.sdr_db.abs() < 0.5, "{ratios:?}");
}

#[test]
fn scores_survive_json_with_their_infinities() {
    let references = random(10, 1, 1, 300);
    let scores = bss_eval_images(&views(&references), &views(&references), &GIVEN).unwrap();
    assert_eq!(scores.sources[0].sir_db, f64::INFINITY);
    let text = serde_json::to_string(&scores).unwrap();
    assert!(text.contains("\"inf\""), "{text}");
    assert_eq!(serde_json::from_str::<Scores>(&text).unwrap(), scores);
}

#[test]
fn the_median_leaves_out_frames_without_scores_and_infinite_ratios() {
    let mut references = random(11, 2, 1, 1_000);
    let mut estimates = scene(11, 2, 1, 1_000).1;
    references[0].slice_mut(s![.., 200..400]).fill(0.0);
    let (start, end) = (600, 800);
    let exact = references[1].slice(s![.., start..end]).to_owned();
    estimates[1].slice_mut(s![.., start..end]).assign(&exact);
    let frames = FrameConfig {
        window_len: 200,
        hop_len: 200,
    };
    let (references, estimates) = (views(&references), views(&estimates));
    let scores = v4::bss_eval(&references, &estimates, &frames, &GIVEN).unwrap();
    assert_eq!((scores.frames.len(), scores.frames_scored()), (5, 4));
    let mut sdr: Vec<f64> = scores
        .frames
        .iter()
        .filter_map(|frame| frame.sources.as_ref())
        .map(|ratios| ratios[1].sdr_db)
        .collect();
    sdr.sort_by(f64::total_cmp);
    assert_eq!(sdr[3], f64::INFINITY);
    assert_eq!(scores.median()[1].sdr_db, sdr[1]);
    assert!(FramewiseScores { frames: Vec::new() }.median().is_empty());
}

#[test]
fn silence_is_an_error_where_no_measure_defines_it() {
    let (references, estimates) = scene(12, 2, 2, 300);
    let silent: Signals = vec![references[0].clone(), Array2::zeros((2, 300))];
    let (references, estimates, silent) = (views(&references), views(&estimates), views(&silent));
    let frames = FrameConfig {
        window_len: 100,
        hop_len: 100,
    };

    let expected = Error::Silent {
        what: "reference",
        index: 1,
    };
    assert_eq!(
        bss_eval_sources(&silent, &estimates, &GIVEN).unwrap_err(),
        expected
    );
    assert_eq!(
        bss_eval_images(&silent, &estimates, &GIVEN).unwrap_err(),
        expected
    );
    assert_eq!(
        v4::bss_eval(&silent, &estimates, &frames, &GIVEN).unwrap_err(),
        expected
    );
    assert_eq!(si_sdr(&silent, &estimates).unwrap_err(), expected);
    assert_eq!(snr_db(&silent, &estimates).unwrap_err(), expected);

    let expected = Error::Silent {
        what: "estimate",
        index: 1,
    };
    assert_eq!(
        bss_eval_sources(&references, &silent, &GIVEN).unwrap_err(),
        expected
    );
    assert_eq!(
        v4::bss_eval(&references, &silent, &frames, &GIVEN).unwrap_err(),
        expected
    );
    assert_eq!(si_sdr(&references, &silent).unwrap_err(), expected);
    // An estimate of nothing is off by the reference itself.
    assert_eq!(snr_db(&references, &silent).unwrap()[1], 0.0);
}

#[test]
fn channels_that_cancel_each_other_out_count_as_silent_as_they_do_for_mir_eval() {
    let (references, estimates) = scene(13, 1, 1, 300);
    let opposite = ndarray::concatenate![ndarray::Axis(0), references[0], -&references[0]];
    let estimate = ndarray::concatenate![ndarray::Axis(0), estimates[0], estimates[0]];
    let error = bss_eval_images(&[opposite.view()], &[estimate.view()], &GIVEN).unwrap_err();
    assert_eq!(
        error,
        Error::Silent {
            what: "reference",
            index: 0
        }
    );
    assert!(snr_db(&[opposite.view()], &[estimate.view()]).is_ok());
}

#[test]
fn signals_that_do_not_fit_together_are_refused_by_name() {
    let (references, estimates) = scene(14, 2, 2, 300);
    let (references, estimates) = (views(&references), views(&estimates));
    let error = bss_eval_images(&references, &estimates[..1], &GIVEN).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the list of estimates has shape [1], but [2] is needed"
    );
    let shorter: Vec<_> = estimates
        .iter()
        .map(|view| view.slice(s![.., ..299]))
        .collect();
    let error = snr_db(&references, &shorter).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an estimate has shape [2, 299], but [2, 300] is needed"
    );
    let error = si_sdr::<f64>(&[], &[]).unwrap_err();
    assert!(
        matches!(error, Error::TooShort { actual: 0, .. }),
        "{error}"
    );
    let nothing = Array2::<f64>::zeros((1, 0));
    let error = si_sdr(&[nothing.view()], &[nothing.view()]).unwrap_err();
    assert!(
        matches!(error, Error::TooShort { actual: 0, .. }),
        "{error}"
    );

    let mut broken = references[1].to_owned();
    broken[[1, 7]] = f64::NAN;
    let error = bss_eval_images(&references, &[estimates[0], broken.view()], &GIVEN).unwrap_err();
    let Error::NotFinite {
        what: "an estimate",
        channel: 1,
        sample: 7,
        ..
    } = error
    else {
        panic!("{error}");
    };
}

#[test]
fn settings_that_make_no_sense_are_refused_by_their_field() {
    let (references, estimates) = scene(15, 1, 1, 100);
    let (references, estimates) = (views(&references), views(&estimates));
    let field = |error: Error| match error {
        Error::Config { field, .. } => field,
        error => panic!("{error}"),
    };
    let frames = FrameConfig {
        window_len: 10,
        hop_len: 10,
    };
    let no_filter = BssEvalConfig {
        filter_len: 0,
        ..GIVEN
    };
    let error = bss_eval_images(&references, &estimates, &no_filter).unwrap_err();
    assert_eq!(field(error), "evaluate.filter_len");
    for (window_len, hop_len, expected) in
        [(0, 10, "evaluate.window_len"), (10, 0, "evaluate.hop_len")]
    {
        let frames = FrameConfig {
            window_len,
            hop_len,
        };
        let error = v4::bss_eval(&references, &estimates, &frames, &GIVEN).unwrap_err();
        assert_eq!(field(error), expected);
    }
    assert!(v4::bss_eval(&references, &estimates, &frames, &GIVEN).is_ok());
}

#[test]
fn signals_shorter_than_the_filters_are_scored_without_numbers_made_up() {
    let (references, estimates) = scene(16, 1, 1, 5);
    let config = BssEvalConfig {
        filter_len: 512,
        ..GIVEN
    };
    let scores = bss_eval_images(&views(&references), &views(&estimates), &config).unwrap();
    assert!(scores.sources[0].sdr_db.is_finite(), "{scores:?}");
}
