//! Deterministic signals whose answers are known, for tests.

use std::f32::consts::TAU;

use ndarray::{Array2, Array3};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Audio;
use crate::spectrogram::{Quantity, Spectrogram};

/// Uniform noise in ±1.
#[must_use]
pub fn noise(len_samples: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len_samples)
        .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        .collect()
}

/// Uniform values in (0, 1].
#[must_use]
pub fn positive(shape: (usize, usize), seed: u64) -> Array2<f32> {
    let values = noise(shape.0 * shape.1, seed)
        .into_iter()
        .map(|x| 0.5 * x + 0.5 + 1e-4)
        .collect();
    Array2::from_shape_vec(shape, values).expect("as many values as the shape has")
}

/// Clicks of decaying noise on every beat, as a drum is; and a chord that is struck on every
/// other beat and rings, as a guitar does. Each at a peak of about one half.
#[must_use]
pub fn drums_and_guitar(secs: f32, sample_rate: u32) -> (Audio, Audio) {
    let rate = sample_rate as f32;
    let len = (secs * rate) as usize;
    let hiss = noise(len, 1);
    let beat = 0.25;
    let drums = Array2::from_shape_fn((1, len), |(_, n)| {
        let since = (n as f32 / rate) % beat;
        0.5 * hiss[n] * (-since * 60.0).exp()
    });
    let guitar = Array2::from_shape_fn((1, len), |(_, n)| {
        let time = n as f32 / rate;
        let since = time % (2.0 * beat);
        let chord: f32 = [220.0, 277.2, 329.6]
            .iter()
            .map(|pitch| {
                let tone = |m: f32| (TAU * m * pitch * time).sin() / m;
                tone(1.0) + tone(2.0) + tone(3.0)
            })
            .sum();
        0.1 * chord * (-since * 3.0).exp() * (since * 200.0).min(1.0)
    });
    let audio = |samples| Audio::new(samples, sample_rate).expect("made of finite numbers");
    (audio(drums), audio(guitar))
}

/// The sum of recordings of one shape.
///
/// # Panics
///
/// If there is none, or their shapes differ.
#[must_use]
pub fn mix(sources: &[&Audio]) -> Audio {
    let mut samples = sources[0].samples().to_owned();
    for source in &sources[1..] {
        samples += &source.samples();
    }
    Audio::new(samples, sources[0].sample_rate()).expect("sums of finite numbers")
}

/// A spectrogram that is exactly a product of non-negative factors of the given rank.
#[must_use]
pub fn product_spectrogram(bins: usize, frames: usize, rank: usize, seed: u64) -> Spectrogram {
    let sparse = |shape, seed| positive(shape, seed).mapv(|x| if x < 0.5 { 0.0 } else { x });
    let product = sparse((bins, rank), seed).dot(&sparse((rank, frames), seed + 1));
    let values = Array3::from_shape_fn((1, bins, frames), |(_, f, t)| product[[f, t]]);
    Spectrogram::from_values(values.view(), Quantity::Magnitude).expect("non-negative")
}

/// A spectrogram of uniform noise with some bins exactly zero and some tiny.
#[must_use]
pub fn noisy_spectrogram(channels: usize, bins: usize, frames: usize, seed: u64) -> Spectrogram {
    let values = noise(channels * bins * frames, seed);
    let values = Array3::from_shape_fn((channels, bins, frames), |(c, f, t)| {
        let value = values[(c * bins + f) * frames + t].abs();
        match (f + 3 * t) % 17 {
            0 => 0.0,
            1 => value * 1e-12,
            _ => value,
        }
    });
    Spectrogram::from_values(values.view(), Quantity::Magnitude).expect("non-negative")
}
