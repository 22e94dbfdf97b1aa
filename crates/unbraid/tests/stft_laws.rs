//! The transform can be undone, whole and block by block, for every legal setting.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers among them")]

use ndarray::Array2;
use proptest::prelude::*;
use unbraid::stft::OverlapAdd;
use unbraid::testsignals::noise;
use unbraid::{Audio, Error, Stft, StftConfig, Window};

/// Two transforms in f32 of at most 256 samples, and the amplification of at most ten that the
/// overlap check allows.
const ROUNDING: f32 = 2e-5;

fn audio(channels: usize, len: usize, seed: u64) -> Audio {
    let samples = Array2::from_shape_vec((channels, len), noise(channels * len, seed)).unwrap();
    Audio::new(samples, 8000).unwrap()
}

fn legal() -> impl Strategy<Value = StftConfig> {
    (
        0..Window::ALL.len(),
        1_usize..160,
        0_usize..40,
        1_usize..160,
    )
        .prop_filter_map(
            "only legal settings",
            |(window, window_len, padding, hop_len)| {
                let fft_len = (window_len + padding).max(2);
                let config = StftConfig {
                    window: Window::ALL[window],
                    window_len,
                    fft_len,
                    hop_len,
                };
                Stft::new(config).ok().map(|_| config)
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_inverse_gives_the_signal_back(config in legal(), len in 1_usize..700, seed in 0_u64..99) {
        let audio = audio(2, len, seed);
        let stft = Stft::new(config).unwrap();
        let spectrum = stft.forward(&audio);
        prop_assert_eq!(spectrum.view().dim(), (2, stft.bins(), stft.frames(len)));
        let again = stft.inverse(&spectrum, len, 8000).unwrap();
        for (index, (given, found)) in audio.samples().iter().zip(again.samples()).enumerate() {
            prop_assert!((given - found).abs() < ROUNDING, "{index} of {len}: {given} {found} {config:?}");
        }
    }

    #[test]
    fn blocks_of_any_size_give_the_same_bits(
        config in legal(),
        len in 1_usize..700,
        cuts in proptest::collection::vec(1_usize..9, 1..200),
    ) {
        let audio = audio(1, len, 3);
        let stft = Stft::new(config).unwrap();
        let whole = stft.forward(&audio);
        let frames = stft.frames(len);
        let mut overlap = OverlapAdd::new(&stft, len);
        let mut found = Vec::new();
        let mut start = 0;
        let mut cuts = cuts.into_iter().cycle();
        while start < frames {
            let end = (start + cuts.next().unwrap()).min(frames);
            let block = stft.forward_block(&audio, start..end);
            let expected = whole.view();
            prop_assert_eq!(block.view(), expected.slice(ndarray::s![.., .., start..end]));
            let rows: Vec<_> = block.view().permuted_axes([0, 2, 1]).iter().copied().collect();
            found.extend_from_slice(overlap.push(&rows));
            start = end;
        }
        let again = stft.inverse(&whole, len, 8000).unwrap();
        prop_assert_eq!(found.as_slice(), again.channel(0));
    }

    #[test]
    fn the_energy_of_a_frame_is_that_of_its_samples(seed in 0_u64..99) {
        // Parseval, with a rectangular window and no overlap.
        let config = StftConfig { window: Window::Rectangular, window_len: 64, fft_len: 64, hop_len: 64 };
        let audio = audio(1, 640, seed);
        let spectrum = Stft::new(config).unwrap().forward(&audio);
        let energy: f32 = spectrum
            .view()
            .indexed_iter()
            .map(|((_, f, _), x)| if f == 0 || f == 32 { x.norm_sqr() } else { 2.0 * x.norm_sqr() })
            .sum();
        let given: f32 = audio.samples().iter().map(|x| x * x).sum();
        prop_assert!((energy / 64.0 - given).abs() < 1e-4 * given);
    }
}

#[test]
fn the_spectrum_is_that_of_the_defining_sum() {
    let config = StftConfig {
        window: Window::Hann,
        window_len: 24,
        fft_len: 32,
        hop_len: 6,
    };
    let audio = audio(1, 90, 5);
    let stft = Stft::new(config).unwrap();
    let spectrum = stft.forward(&audio);
    let window = Window::Hann.samples(24);
    for ((_, f, t), found) in spectrum.view().indexed_iter() {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, w) in window.iter().enumerate() {
            let at = (t * 6 + n) as isize - 12;
            let x = usize::try_from(at)
                .ok()
                .and_then(|at| audio.channel(0).get(at))
                .copied();
            let angle = -std::f64::consts::TAU * (f * n) as f64 / 32.0;
            re += w * f64::from(x.unwrap_or(0.0)) * angle.cos();
            im += w * f64::from(x.unwrap_or(0.0)) * angle.sin();
        }
        let error = (f64::from(found.re) - re).hypot(f64::from(found.im) - im);
        assert!(
            error < 1e-5,
            "bin {f}, frame {t}: {found} instead of {re} {im}"
        );
    }
}

#[test]
fn one_sample_is_enough() {
    for window in Window::ALL {
        let stft = Stft::new(StftConfig {
            window,
            ..StftConfig::with_fft_len(2048)
        })
        .unwrap();
        let audio = Audio::new(ndarray::array![[0.7]], 44_100).unwrap();
        let again = stft.inverse(&stft.forward(&audio), 1, 44_100).unwrap();
        assert!((again.channel(0)[0] - 0.7).abs() < 1e-6, "{window}");
    }
}

#[test]
fn settings_that_cannot_be_undone_are_refused_by_name() {
    let good = StftConfig::with_fft_len(64);
    let cases = [
        (
            "stft.fft_len",
            StftConfig {
                fft_len: 1,
                window_len: 1,
                ..good
            },
        ),
        (
            "stft.fft_len",
            StftConfig {
                fft_len: 1 << 25,
                ..good
            },
        ),
        (
            "stft.window_len",
            StftConfig {
                window_len: 0,
                ..good
            },
        ),
        (
            "stft.window_len",
            StftConfig {
                window_len: 65,
                ..good
            },
        ),
        ("stft.hop_len", StftConfig { hop_len: 0, ..good }),
        (
            "stft.hop_len",
            StftConfig {
                hop_len: 64,
                ..good
            },
        ),
    ];
    for (field, config) in cases {
        let error = Stft::new(config).unwrap_err();
        assert!(
            matches!(&error, Error::Config { field: f, .. } if *f == field),
            "{field}: {error}"
        );
    }
    let message = Stft::new(StftConfig {
        hop_len: 64,
        ..good
    })
    .unwrap_err()
    .to_string();
    assert!(message.contains("between 1 and"), "{message}");
    // Without a taper, frames need not overlap.
    let config = StftConfig {
        window: Window::Rectangular,
        hop_len: 64,
        ..good
    };
    assert!(Stft::new(config).is_ok());
}

#[test]
fn a_spectrum_of_another_length_is_refused() {
    let stft = Stft::new(StftConfig::with_fft_len(64)).unwrap();
    let spectrum = stft.forward(&audio(1, 1000, 1));
    assert!(matches!(
        stft.inverse(&spectrum, 2000, 8000),
        Err(Error::Shape { .. })
    ));
}
