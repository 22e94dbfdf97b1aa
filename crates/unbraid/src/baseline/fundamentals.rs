//! A spectrogram comes in; the fundamentals that sound in it most go out.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use crate::Stft;

/// Steps of the grid of candidates per semitone.
const STEPS: usize = 4;
/// The lowest and the highest candidate: E1 and C6, the range of singers, guitars and most of a piano.
const LOWEST_HZ: f64 = 41.2;
const HIGHEST_HZ: f64 = 1046.5;
/// Partials that are added up.
const PARTIALS: usize = 10;
/// Fundamentals found in one frame at the most.
const VOICES: usize = 4;

/// The fundamentals that sound most in a recording, strongest first.
///
/// In every frame, the salience of a candidate is the sum of compressed magnitudes at its multiples, weighted
/// as in Klapuri 2006; the strongest is taken, its teeth are damped, and the next is sought. What was
/// found adds up over all frames; its peaks, at least half a semitone apart, are the answer.
///
/// ```text
/// salience(f0) = Σ_m (f0 + 27 Hz) / (m f0 + 320 Hz) · √(largest magnitude within the tooth at m f0)
/// ```
///
/// `spectrogram` is `(bins, frames)`. Fewer than `count` are returned where fewer sound; none in silence.
///
/// # References
///
/// - A. Klapuri, *Multiple fundamental frequency estimation by summing harmonic amplitudes*, ISMIR 2006.
#[must_use]
pub fn detect_fundamentals(
    stft: &Stft,
    sample_rate: u32,
    spectrogram: ArrayView2<'_, f32>,
    count: usize,
) -> Vec<f64> {
    let bin_hz = f64::from(sample_rate) / stft.config().fft_len as f64;
    let octaves = (HIGHEST_HZ.min(f64::from(sample_rate) / 4.0) / LOWEST_HZ).log2();
    let candidates: Vec<f64> = (0..=(octaves.max(0.0) * 12.0 * STEPS as f64) as usize)
        .map(|step| LOWEST_HZ * (step as f64 / (12 * STEPS) as f64).exp2())
        .collect();
    let partials = partials(&candidates, bin_hz, spectrogram.nrows());
    let mut found = Array1::<f64>::zeros(candidates.len());
    for frame in spectrogram.axis_iter(Axis(1)) {
        let mut whitened: Vec<f64> = frame.iter().map(|&v| f64::from(v).sqrt()).collect();
        let mut first = 0.0;
        for _ in 0..VOICES {
            let Some((best, salience)) = strongest(&partials, &whitened) else {
                break;
            };
            if first == 0.0 {
                first = salience;
            }
            // What is far weaker than the strongest is what the strongest left behind.
            if salience <= 0.0 || salience < 0.4 * first {
                break;
            }
            found[best] += salience;
            for partial in &partials[best] {
                for bin in partial.bins.clone() {
                    whitened[bin] *= 0.15;
                }
            }
        }
    }
    peaks(&found, count)
        .into_iter()
        .map(|step| candidates[step])
        .collect()
}

/// Where a multiple of a candidate lies, and what it counts.
struct Partial {
    bins: std::ops::Range<usize>,
    weight: f64,
}

fn partials(candidates: &[f64], bin_hz: f64, bins: usize) -> Vec<Vec<Partial>> {
    let partial = |f0: f64, multiple: usize| {
        let at = multiple as f64 * f0;
        let center = (at / bin_hz).round() as usize;
        (center + 1 < bins).then(|| Partial {
            bins: center.saturating_sub(1)..center + 2,
            weight: (f0 + 27.0) / (at + 320.0),
        })
    };
    candidates
        .iter()
        .map(|&f0| (1..=PARTIALS).filter_map(|m| partial(f0, m)).collect())
        .collect()
}

fn strongest(partials: &[Vec<Partial>], whitened: &[f64]) -> Option<(usize, f64)> {
    let salience = |partials: &Vec<Partial>| -> f64 {
        partials
            .iter()
            .map(|partial| {
                let largest = whitened[partial.bins.clone()]
                    .iter()
                    .fold(0.0_f64, |a, &b| a.max(b));
                partial.weight * largest
            })
            .sum()
    };
    let all = partials.iter().map(salience).enumerate();
    all.max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The places of the highest peaks, half a semitone apart or more.
fn peaks(found: &Array1<f64>, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..found.len()).filter(|&at| found[at] > 0.0).collect();
    order.sort_by(|&a, &b| found[b].total_cmp(&found[a]).then(a.cmp(&b)));
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        if kept.len() == count {
            break;
        }
        if kept.iter().all(|&other| at.abs_diff(other) >= STEPS / 2) {
            kept.push(at);
        }
    }
    kept
}

/// Templates of combs whose teeth fall as 1/m, as those of strings and voices do on average,
/// `(bins, fundamentals)`.
#[must_use]
pub fn comb_templates(stft: &Stft, sample_rate: u32, fundamentals_hz: &[f64]) -> Array2<f32> {
    let bin_hz = f64::from(sample_rate) / stft.config().fft_len as f64;
    let mut teeth = super::bank::teeth(stft, sample_rate, fundamentals_hz);
    for (mut comb, f0) in teeth.outer_iter_mut().zip(fundamentals_hz) {
        for (bin, tooth) in comb.iter_mut().enumerate() {
            *tooth /= (bin as f64 * bin_hz / f0).max(1.0) as f32;
        }
    }
    teeth.reversed_axes()
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::spectrogram::{Channels, Quantity};
    use crate::{Audio, Spectrogram, StftConfig};

    #[test]
    fn the_fundamentals_of_two_notes_are_found_and_no_others_before_them() {
        let rate = 16_000;
        let tone = |f0: f64, n: usize| -> f64 {
            let time = n as f64 / f64::from(rate);
            (1..=6)
                .map(|m| (std::f64::consts::TAU * f0 * f64::from(m) * time).sin() / f64::from(m))
                .sum()
        };
        let samples = Array2::from_shape_fn((1, 32_000), |(_, n)| {
            let f0 = if n < 16_000 { 220.0 } else { 329.63 };
            (0.2 * tone(f0, n)) as f32
        });
        let audio = Audio::new(samples, rate).unwrap();
        let stft = Stft::new(StftConfig::for_sample_rate(rate)).unwrap();
        let spectrogram =
            Spectrogram::of(&audio, &stft, Quantity::Magnitude, Channels::Sum, &mut ()).unwrap();
        let values = spectrogram.view().index_axis_move(Axis(0), 0);
        let mut found = detect_fundamentals(&stft, rate, values, 2);
        found.sort_by(f64::total_cmp);
        let cents = |a: f64, b: f64| 1200.0 * (a / b).log2().abs();
        assert!(cents(found[0], 220.0) < 30.0, "{found:?}");
        assert!(cents(found[1], 329.63) < 30.0, "{found:?}");
        let silence = Array2::zeros((stft.bins(), 5));
        assert!(detect_fundamentals(&stft, rate, silence.view(), 2).is_empty());
    }
}
