//! Factorisations and recordings made in code, whose parts are known.

use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const SAMPLE_RATE: u32 = 44_100;
pub(crate) const HOP_LEN: usize = 512;

/// A factorisation with the spectrogram it was made for.
pub(crate) struct Known {
    pub(crate) spectrogram: Array2<f32>,
    pub(crate) templates: Array2<f32>,
    pub(crate) activations: Array2<f32>,
    pub(crate) fft_len: usize,
    /// Components of drums and of tones.
    pub(crate) drums: Vec<usize>,
    pub(crate) tones: Vec<usize>,
}

/// A quarter of the components are drums (broad spectra, short hits in a rhythm), the rest decaying
/// harmonic tones; the spectrogram is their product under speckle, as real spectrograms are.
pub(crate) fn known(components: usize, frames: usize, fft_len: usize) -> Known {
    let bins = fft_len / 2 + 1;
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let drum_count = components.div_ceil(4);
    let bin_hz = SAMPLE_RATE as f32 / fft_len as f32;
    let mut templates = Array2::<f32>::zeros((bins, components));
    let mut activations = Array2::<f32>::zeros((components, frames));
    for component in 0..components {
        let drum = component < drum_count;
        let template: Array1<f32> = if drum {
            // From a kick drum to a hi-hat: a hump that moves up and widens.
            let height = component as f32 / drum_count as f32;
            let (center, width) = (90.0 * 80.0_f32.powf(height), 0.5 + height);
            Array1::from_shape_fn(bins, |bin| {
                let octaves = ((bin as f32 + 0.1) * bin_hz / center).log2() / width;
                (-octaves * octaves).exp() + 1e-4
            })
        } else {
            let fundamental = 82.4 * 2_f32.powf((component - drum_count) as f32 * 5.0 / 12.0 % 4.0);
            Array1::from_shape_fn(bins, |bin| {
                let hz = bin as f32 * bin_hz;
                let partials = (1..30).map(|n| {
                    let away = (hz - fundamental * n as f32) / bin_hz / 0.8;
                    (-away * away).exp() / (n as f32).powf(1.3)
                });
                partials.sum::<f32>() + 2e-5
            })
        };
        templates.column_mut(component).assign(&template);
        let (period, decay) = if drum {
            (22 << (component % 3), 4.0)
        } else {
            (
                random.random_range(60..160),
                random.random_range(20.0..60.0),
            )
        };
        let mut level = 0.0_f32;
        let offset = random.random_range(0..period);
        for frame in 0..frames {
            level *= (-1.0_f32 / decay).exp();
            if frame % period == offset && random.random_bool(0.8) {
                level += random.random_range(0.3..1.0);
            }
            activations[[component, frame]] = level;
        }
    }
    let mut spectrogram = templates.dot(&activations);
    spectrogram.mapv_inplace(|value| {
        // Rayleigh: the magnitude of a complex Gaussian bin, mean one; over a noise floor.
        let speckle = (-(1.0 - random.random::<f32>()).ln()).sqrt() / 0.886;
        (value + 3e-4) * speckle
    });
    Known {
        spectrogram,
        templates,
        activations,
        fft_len,
        drums: (0..drum_count).collect(),
        tones: (drum_count..components).collect(),
    }
}

/// A mixture of clicks and decaying tones: `(mixture, clicks, tones)`, `(2, samples)` each.
pub(crate) fn recording(secs: f32) -> (Array2<f32>, Array2<f32>, Array2<f32>) {
    let len = (secs * SAMPLE_RATE as f32) as usize;
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let noise: Vec<f32> = (0..len).map(|_| random.random_range(-1.0..1.0)).collect();
    let time = |n: usize| n as f32 / SAMPLE_RATE as f32;
    let clicks = Array2::from_shape_fn((2, len), |(channel, n)| {
        let beat = time(n) / 0.25;
        let since = (beat % 1.0) * 0.25;
        let kick = (beat as usize).is_multiple_of(2);
        let sound = if kick {
            (std::f32::consts::TAU * 60.0 * since).sin() * (-since * 18.0).exp()
                + noise[n] * (-since * 300.0).exp() * 0.3
        } else {
            noise[n] * (-since * 40.0).exp() * 0.6
        };
        sound * if channel == 0 { 0.6 } else { 0.5 }
    });
    let notes = [196.0, 246.94, 293.66, 392.0, 293.66];
    let tones = Array2::from_shape_fn((2, len), |(channel, n)| {
        let beat = time(n) / 0.6;
        let (note, since) = (notes[beat as usize % notes.len()], (beat % 1.0) * 0.6);
        let sound: f32 = (1..12)
            .map(|m| {
                let m = m as f32;
                (std::f32::consts::TAU * note * m * since).sin() * (-since * (1.0 + m)).exp() / m
            })
            .sum();
        sound * (since * 200.0).min(1.0) * if channel == 0 { 0.2 } else { 0.25 }
    });
    (&clicks + &tones, clicks, tones)
}
