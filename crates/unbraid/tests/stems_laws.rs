//! The stems add up to the recording, whatever the settings.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers among them")]

use ndarray::{Array2, ArrayView2, Axis, s};
use proptest::prelude::*;
use unbraid::factorize::{Factorization, FactorizeConfig, factorize};
use unbraid::fit::{FitConfig, fit};
use unbraid::group::parse_sources;
use unbraid::mask::Render;
use unbraid::model::{LowRank, Update};
use unbraid::pieces::{Cut, Joint};
use unbraid::sharing::{Ensemble, Sharing, StemsConfig};
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::stems::StemBlocks;
use unbraid::testsignals::{drums_and_guitar, mix, noise};
use unbraid::{Audio, SeparateConfig, Spectrogram, Stft, StftConfig, separate};

/// −120 dB of the recording's peak, as the product promises.
const INAUDIBLE: f32 = 1e-6;

fn config(components: usize, quantity: Quantity, channels: Channels) -> FactorizeConfig {
    let mut config = FactorizeConfig {
        stft: Some(StftConfig::with_fft_len(256)),
        quantity,
        channels,
        ..FactorizeConfig::default()
    };
    config.blind.components = components;
    config.blind.fit.iterations = 3;
    config
}

/// Different signals in every channel, with a silent stretch.
fn recording(channels: usize, len: usize, seed: u64) -> Audio {
    let values = noise(channels * len, seed);
    let samples = Array2::from_shape_fn((channels, len), |(c, n)| {
        let gap = n > len / 3 && n < len / 2;
        if gap { 0.0 } else { 0.4 * values[c * len + n] }
    });
    Audio::new(samples, 8000).unwrap()
}

fn worst_rest(
    audio: &Audio,
    factorization: &Factorization,
    members: Vec<Vec<usize>>,
    config: StemsConfig,
) -> f32 {
    let mut rest = audio.samples().to_owned();
    for stem in factorization.stems(audio, &members, config).unwrap() {
        assert_eq!(stem.len_samples(), audio.len_samples());
        rest -= &stem.samples();
    }
    rest.iter().fold(0.0, |worst, x| worst.max(x.abs()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn masked_stems_add_up_to_the_recording(
        channels in 1_usize..4,
        len in 1_usize..6000,
        components in 1_usize..5,
        exponent in 0.3_f32..4.0,
        binary in any::<bool>(),
        pan in any::<bool>(),
        power in any::<bool>(),
        residual in any::<bool>(),
        seed in 0_u64..1000,
    ) {
        let audio = recording(channels, len, seed);
        let quantity = if power { Quantity::Power } else { Quantity::Magnitude };
        let layout = if pan { Channels::Pan } else { Channels::Sum };
        let frames = len.div_ceil(64) + 1;
        let config = config(components.min(frames), quantity, layout);
        let factorization = factorize(&audio, &config, &mut ()).unwrap();
        let render = if binary { Render::Binary } else { Render::Ratio { exponent } };
        // An empty source too: its stem is silent, and the others still add up.
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); 3];
        for component in 0..config.blind.components {
            members[component % 2].push(component);
        }
        let config = StemsConfig { render, residual, ..StemsConfig::default() };
        let worst = worst_rest(&audio, &factorization, members, config);
        prop_assert!(worst <= INAUDIBLE * audio.peak().max(1e-3), "{worst}");
    }
}

#[test]
fn a_residual_makes_up_for_what_the_model_itself_loses() {
    let (drums, guitar) = drums_and_guitar(1.0, 8000);
    let audio = mix(&[&drums, &guitar]);
    let factorization = factorize(
        &audio,
        &config(4, Quantity::Magnitude, Channels::Sum),
        &mut (),
    )
    .unwrap();
    let members = vec![vec![0, 1], vec![2, 3]];
    let literal = StemsConfig {
        render: Render::Model,
        ..StemsConfig::default()
    };
    let lost = worst_rest(&audio, &factorization, members.clone(), literal);
    assert!(
        lost > 0.01,
        "the model alone cannot be the recording: {lost}"
    );
    let whole = StemsConfig {
        residual: true,
        ..literal
    };
    let rest = worst_rest(&audio, &factorization, members, whole);
    assert!(rest < INAUDIBLE * audio.peak(), "{rest}");
}

#[test]
fn stems_of_components_add_up_to_the_stem_of_their_source() {
    let (drums, guitar) = drums_and_guitar(1.0, 8000);
    let audio = mix(&[&drums, &guitar]);
    let factorization = factorize(
        &audio,
        &config(4, Quantity::Magnitude, Channels::Sum),
        &mut (),
    )
    .unwrap();
    let render = |members: Vec<Vec<usize>>| {
        factorization
            .stems(&audio, &members, StemsConfig::default())
            .unwrap()
    };
    let each = render((0..4).map(|k| vec![k]).collect());
    let both = render(vec![vec![0, 2], vec![1, 3]]);
    let sum = &each[0].samples() + &each[2].samples();
    let worst = (&sum - &both[0].samples())
        .iter()
        .fold(0.0_f32, |worst, x| worst.max(x.abs()));
    assert!(worst < 2.0 * INAUDIBLE, "{worst}");
}

#[test]
fn scaling_the_recording_scales_the_stems() {
    let (drums, guitar) = drums_and_guitar(1.0, 8000);
    let audio = mix(&[&drums, &guitar]);
    let stems = |factor: f32| {
        let scaled = Audio::new(audio.samples().mapv(|x| x * factor), 8000).unwrap();
        let config = SeparateConfig {
            factorize: config(4, Quantity::Magnitude, Channels::Sum),
            sources: parse_sources("drums,guitar", &[]).unwrap(),
            ..SeparateConfig::default()
        };
        let separation = separate(&scaled, &config, &mut ()).unwrap();
        separation.stems(&scaled).unwrap().collect_audio().unwrap()
    };
    let plain = stems(1.0);
    for (factor, allowed) in [(0.125, 0.0), (3.0, 1e-3)] {
        for (stem, scaled) in plain.iter().zip(stems(factor)) {
            let worst = stem
                .samples()
                .iter()
                .zip(scaled.samples())
                .fold(0.0_f32, |worst, (x, y)| worst.max((x * factor - y).abs()));
            assert!(
                worst <= allowed * factor * audio.peak(),
                "× {factor}: {worst}"
            );
        }
    }
}

#[test]
fn the_same_stems_come_out_at_any_thread_count() {
    let audio = recording(2, 40_000, 5);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let config = SeparateConfig {
                factorize: config(5, Quantity::Magnitude, Channels::Pan),
                sources: parse_sources("drums,rest", &[]).unwrap(),
                ..SeparateConfig::default()
            };
            let separation = separate(&audio, &config, &mut ()).unwrap();
            separation.stems(&audio).unwrap().collect_audio().unwrap()
        })
    };
    assert!(
        run(1) == run(7),
        "the number of threads changed the samples"
    );
}

#[test]
fn a_model_of_another_recording_is_refused() {
    let audio = recording(1, 4000, 1);
    let factorization = factorize(
        &audio,
        &config(2, Quantity::Magnitude, Channels::Sum),
        &mut (),
    )
    .unwrap();
    let other = recording(1, 9000, 1);
    let members = vec![vec![0], vec![1]];
    let refused = |audio: &Audio, members: Vec<Vec<usize>>, render| {
        let config = StemsConfig {
            render,
            ..StemsConfig::default()
        };
        factorization
            .stems(audio, &members, config)
            .unwrap_err()
            .to_string()
    };
    let ratio = Render::Ratio { exponent: 1.0 };
    assert!(refused(&other, members.clone(), ratio).contains("the model"));
    assert!(refused(&audio, vec![vec![7]], ratio).contains("`sources` is 7"));
    let nothing = Render::Ratio { exponent: 0.0 };
    assert!(refused(&audio, members, nothing).contains("`mask.exponent`"));
}

#[test]
fn the_mean_of_several_shares_adds_up_and_lies_between_them() {
    let audio = recording(2, 3000, 5);
    let factorization = factorize(
        &audio,
        &config(4, Quantity::Magnitude, Channels::Sum),
        &mut (),
    )
    .unwrap();
    let sharing = |members: [Vec<usize>; 2]| -> Box<dyn Sharing> {
        Box::new(
            factorization
                .sharing(&members, StemsConfig::default())
                .unwrap(),
        )
    };
    let groups = [
        [vec![0, 1], vec![2, 3]],
        [vec![0], vec![1, 2, 3]],
        [vec![2], vec![0, 1, 3]],
    ];
    let stems = |sharing: &dyn Sharing| {
        StemBlocks::new(&audio, sharing)
            .unwrap()
            .collect_audio()
            .unwrap()
    };
    let mut mean = Array2::<f32>::zeros(audio.samples().raw_dim());
    for members in groups.clone() {
        mean.scaled_add(1.0 / 3.0, &stems(sharing(members).as_ref())[0].samples());
    }
    let ensemble = Ensemble::new(groups.map(sharing).into()).unwrap();
    let fused = stems(&ensemble);
    // Rendering is linear in the shares, so the mean of the masks is the mean of the stems.
    for (a, b) in fused[0].samples().iter().zip(&mean) {
        assert!((a - b).abs() < INAUDIBLE, "{a} is not {b}");
    }
    let whole = &fused[0].samples() + &fused[1].samples();
    for (a, b) in whole.iter().zip(audio.samples()) {
        assert!((a - b).abs() < INAUDIBLE, "{a} is not {b}");
    }

    let other = factorize(
        &audio,
        &config(3, Quantity::Magnitude, Channels::Pan),
        &mut (),
    )
    .unwrap();
    let other = other.sharing(&[vec![0], vec![1, 2]], StemsConfig::default());
    let mixed = Ensemble::new(vec![
        sharing([vec![0, 1], vec![2, 3]]),
        Box::new(other.unwrap()),
    ]);
    assert!(mixed.unwrap_err().to_string().contains("ensemble"));
}

/// What templates that stay as they are make of a recording.
fn explained_by(templates: ArrayView2<'_, f32>, audio: &Audio) -> Factorization {
    let stft = Stft::new(StftConfig::with_fft_len(512)).unwrap();
    let quantity = Quantity::Magnitude;
    let values = Spectrogram::of(audio, &stft, quantity, Channels::Sum, &mut ()).unwrap();
    // The same level in the recording's scale, whatever the spectrogram's.
    let level = 0.1 / values.scale();
    let start = Array2::from_elem((templates.ncols(), values.frames()), level);
    let model = LowRank::from_factors("fixed", templates, start.view(), 1).unwrap();
    let model = model.with_templates(Update::Fixed).with_pan(Update::Fixed);
    let config = FitConfig {
        iterations: 40,
        exact: true,
        ..FitConfig::default()
    };
    Factorization {
        fit: fit(model, &values, &config, &mut ()).unwrap(),
        sample_rate: audio.sample_rate(),
        scale: values.scale(),
        percussive_shares: Vec::new(),
        rank: None,
        stft,
        quantity,
    }
}

#[test]
fn pieces_under_fixed_templates_are_the_whole_to_minus_90_db() {
    let (drums, guitar) = drums_and_guitar(10.0, 8000);
    let audio = mix(&[&drums, &guitar]);
    let mut learnt = config(6, Quantity::Magnitude, Channels::Sum);
    learnt.stft = Some(StftConfig::with_fft_len(512));
    learnt.blind.fit.iterations = 40;
    let learnt = factorize(&audio, &learnt, &mut ()).unwrap();
    let templates = learnt.fit.model.templates();
    let members = [vec![0, 2, 4], vec![1, 3, 5]];
    let stems = |audio: &Audio| {
        let found = explained_by(templates, audio);
        found
            .stems(audio, &members, StemsConfig::default())
            .unwrap()
    };
    let whole = stems(&audio);

    let cut = Cut {
        len_samples: 8192,
        fade_samples: 2000,
        margin_samples: 2048,
        grid_samples: 128,
    };
    let pieces = cut.pieces(audio.len_samples() as u64).unwrap();
    assert!(pieces.len() >= 10);
    let mut before = None;
    let mut worst = 0.0_f32;
    for piece in pieces {
        let read = piece.read.start as usize..piece.read.end as usize;
        let part = audio.samples().slice(s![.., read]).to_owned();
        let parts = stems(&Audio::new(part, 8000).unwrap());
        let views: Vec<_> = parts
            .iter()
            .map(|stem| stem.samples().insert_axis(Axis(0)))
            .collect();
        let block = ndarray::concatenate(Axis(0), &views).unwrap();
        let mut joint = Joint::new(&piece, 2, 1, before).unwrap();
        let own = joint.push(block.view());
        before = Some(joint.into_tail());
        for (stem, whole) in own.outer_iter().zip(&whole) {
            let span = piece.own.start as usize..piece.own.end as usize;
            let error = &stem - &whole.samples().slice(s![.., span]);
            worst = error.iter().fold(worst, |worst, x| worst.max(x.abs()));
        }
    }
    let db = 20.0 * (worst / audio.peak()).log10();
    assert!(db < -90.0, "{db} dB");
}
