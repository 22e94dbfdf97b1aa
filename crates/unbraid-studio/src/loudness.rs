//! A recording and its components come in; how loud any mix of them sounds goes out.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use unbraid::Audio;
use unbraid::factorize::Factorization;

/// Frames that are looked at, spread over the recording.
const FRAMES: usize = 400;

/// What two components have in common, weighted as the ear does: a symmetric matrix G, so that components played
/// with gains g have the power gᵀGg, and the mixture 1ᵀG1.
///
/// Shares are those of ratio masks with exponent 1, the weighting is that of ITU-R BS.1770-5 (K-weighting).
pub(crate) fn gram(audio: &Audio, factorization: &Factorization) -> Array2<f64> {
    let model = &factorization.fit.model;
    let (components, frames) = (model.components(), model.frames());
    let weights: Vec<f32> = factorization
        .stft
        .frequencies_hz(audio.sample_rate())
        .iter()
        .map(|&hz| k_weight(hz) as f32)
        .collect();
    // One row per bin.
    let templates = model.templates().as_standard_layout().into_owned();
    let activations = model.activations();
    let step = frames.div_ceil(FRAMES).max(1);
    let chosen: Vec<usize> = (0..frames).step_by(step).collect();
    let parts: Vec<Vec<f64>> = chosen
        .par_chunks(16)
        .map(|chunk| {
            let mut sums = vec![0.0_f64; components * components];
            let mut shares = vec![0.0_f32; components];
            for &frame in chunk {
                let spectrum = factorization.stft.forward_block(audio, frame..frame + 1);
                let gains = activations.column(frame);
                for (bin, row) in templates.axis_iter(Axis(0)).enumerate() {
                    let power: f32 = spectrum
                        .view()
                        .axis_iter(Axis(0))
                        .map(|channel| channel[[bin, 0]].norm_sqr())
                        .sum();
                    let mut total = 0.0;
                    for ((share, w), h) in shares.iter_mut().zip(row).zip(gains) {
                        *share = w * h;
                        total += *share;
                    }
                    let power = f64::from(power * weights[bin]);
                    if power <= 0.0 {
                        continue;
                    }
                    for share in &mut shares {
                        *share = if total > 0.0 {
                            *share / total
                        } else {
                            1.0 / components as f32
                        };
                    }
                    for a in 0..components {
                        let scaled = power * f64::from(shares[a]);
                        for b in a..components {
                            sums[a * components + b] += scaled * f64::from(shares[b]);
                        }
                    }
                }
            }
            sums
        })
        .collect();
    let mut gram = Array2::zeros((components, components));
    for part in parts {
        for a in 0..components {
            for b in a..components {
                gram[[a, b]] += part[a * components + b];
            }
        }
    }
    for a in 0..components {
        for b in 0..a {
            gram[[a, b]] = gram[[b, a]];
        }
    }
    gram
}

/// The squared gain of K-weighting: the two filters of BS.1770-5, tables 1 and 2, as given for 48 kHz.
fn k_weight(hz: f64) -> f64 {
    let omega = std::f64::consts::TAU * hz.min(23_999.0) / 48_000.0;
    let shelf = squared(
        [
            1.535_124_859_586_97,
            -2.691_696_189_406_38,
            1.198_392_810_852_85,
        ],
        [1.0, -1.690_659_293_182_41, 0.732_480_774_215_85],
        omega,
    );
    let high_pass = squared(
        [1.0, -2.0, 1.0],
        [1.0, -1.990_047_454_833_98, 0.990_072_250_366_21],
        omega,
    );
    shelf * high_pass
}

fn squared(b: [f64; 3], a: [f64; 3], omega: f64) -> f64 {
    let power = |c: [f64; 3]| {
        let re = c[0] + c[1] * omega.cos() + c[2] * (2.0 * omega).cos();
        let im = c[1] * omega.sin() + c[2] * (2.0 * omega).sin();
        re * re + im * im
    };
    power(b) / power(a)
}

#[cfg(test)]
mod tests {
    use unbraid::factorize::{FactorizeConfig, factorize};
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::*;

    #[test]
    fn the_weighting_is_that_of_the_standard() {
        // BS.1770: +0.69 dB at 997 Hz, about +4 dB far above, and a high-pass below 100 Hz.
        let db = |hz: f64| 10.0 * k_weight(hz).log10();
        assert!((db(997.0) - 0.69).abs() < 0.02, "{}", db(997.0));
        assert!((db(10_000.0) - 4.0).abs() < 0.1, "{}", db(10_000.0));
        assert!(db(20.0) < -12.0, "{}", db(20.0));
    }

    #[test]
    fn all_components_together_are_as_loud_as_the_mixture() {
        let (drums, guitar) = drums_and_guitar(1.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let mut config = FactorizeConfig::default();
        config.blind.components = 4;
        config.blind.fit.iterations = 20;
        let factorization = factorize(&mixture, &config, &mut ()).unwrap();
        let gram = gram(&mixture, &factorization);
        let expected: f64 = (0..factorization.fit.model.frames())
            .map(|frame| {
                let spectrum = factorization.stft.forward_block(&mixture, frame..frame + 1);
                let hz = factorization.stft.frequencies_hz(8000);
                hz.iter()
                    .enumerate()
                    .map(|(bin, &hz)| {
                        k_weight(hz) * f64::from(spectrum.view()[[0, bin, 0]].norm_sqr())
                    })
                    .sum::<f64>()
            })
            .sum();
        assert!(
            (gram.sum() / expected - 1.0).abs() < 1e-4,
            "{} for {expected}",
            gram.sum()
        );
    }
}
