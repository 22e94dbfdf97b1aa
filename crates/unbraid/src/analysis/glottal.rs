//! A pitch path comes in; where the harmonics of a voice on that path lie in a spectrogram goes out.

use std::f64::consts::TAU;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use crate::{Audio, Stft};

/// Pitches on a fine grid, evenly spaced in cents.
///
/// # Examples
///
/// ```
/// let grid = unbraid::analysis::glottal::Grid::new(90.0, 900.0, 5);
/// assert_eq!(grid.len(), 200);
/// assert!((grid.hz(60) / grid.hz(0) - 2.0).abs() < 1e-9);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    lowest_hz: f64,
    per_semitone: usize,
    len: usize,
}

impl Grid {
    /// From `lowest_hz` up to at most `highest_hz`.
    #[must_use]
    pub fn new(lowest_hz: f64, highest_hz: f64, per_semitone: usize) -> Self {
        let steps = 12.0 * per_semitone as f64 * (highest_hz / lowest_hz).log2();
        Self {
            lowest_hz,
            per_semitone,
            len: (steps + 1e-9) as usize + 1,
        }
    }

    /// The number of pitches.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "a grid holds at least one pitch"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Pitches per semitone.
    #[must_use]
    pub fn per_semitone(&self) -> usize {
        self.per_semitone
    }

    /// The frequency of a (possibly fractional) place on the grid.
    #[must_use]
    pub fn at(&self, place: f64) -> f64 {
        self.lowest_hz * (place / (12.0 * self.per_semitone as f64)).exp2()
    }

    /// The frequency of a pitch.
    #[must_use]
    pub fn hz(&self, index: usize) -> f64 {
        self.at(index as f64)
    }

    /// The place of a frequency on the grid.
    #[must_use]
    pub fn place(&self, hz: f64) -> f64 {
        12.0 * self.per_semitone as f64 * (hz / self.lowest_hz).log2()
    }
}

/// Harmonics of a voice are modelled up to here.
pub const HIGHEST_HZ: f64 = 9800.0;

/// The magnitude of a Hann window's transform, `offset` bins from its peak, which is one half;
/// zero beyond four bins.
fn hann_lobe(offset: f64) -> f64 {
    if offset.abs() > 4.0 {
        return 0.0;
    }
    let sinc = |x: f64| {
        if x == 0.0 {
            1.0
        } else {
            (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
        }
    };
    (0.5 * sinc(offset) + 0.25 * sinc(offset - 1.0) + 0.25 * sinc(offset + 1.0)).abs()
}

/// A comb for every pitch of a grid: harmonics that fall off as one over their number, each as
/// wide as the window makes it and as a voice is unsteady.
///
/// `spread_cents` is that unsteadiness: the comb is the mean of five between minus and plus so many cents.
///
/// # Shapes
///
/// The result is `(pitches, bins)`; every row adds up to one.
#[must_use]
pub fn combs(grid: &Grid, bins: usize, bin_hz: f64, spread_cents: f64) -> Array2<f32> {
    let mut combs = Array2::<f32>::zeros((grid.len(), bins));
    let rows: Vec<_> = combs.outer_iter_mut().enumerate().collect();
    rows.into_par_iter().for_each(|(index, mut row)| {
        let detunes: &[f64] = if spread_cents > 0.0 {
            &[-1.0, -0.5, 0.0, 0.5, 1.0]
        } else {
            &[0.0]
        };
        for detune in detunes {
            let f0 = grid.hz(index) * (detune * spread_cents / 1200.0).exp2();
            let top = HIGHEST_HZ.min((bins - 1) as f64 * bin_hz * 0.98);
            for harmonic in 1..=(top / f0) as usize {
                let centre = harmonic as f64 * f0 / bin_hz;
                let first = (centre - 4.0).ceil().max(0.0) as usize;
                for bin in first..=((centre + 4.0) as usize).min(bins - 1) {
                    row[bin] += (hann_lobe(bin as f64 - centre) / harmonic as f64) as f32;
                }
            }
        }
        let sum = row.sum();
        if sum > 0.0 {
            row /= sum;
        }
    });
    combs
}

/// How the harmonics of an excitation are widened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Smear {
    /// The excitation is the root mean square of five, between minus and plus so many cents.
    pub cents: f64,
    /// A harmonic that ends leaves this share of itself to the next frame, and so on.
    pub tail: f32,
}

/// Frames that are synthesised at a time.
const CHUNK_FRAMES: usize = 64;

/// The spectrogram of a voice without a filter: harmonics of equal strength along a path.
///
/// They are synthesised, so that vibrato and glides within a frame widen them as they do a real voice's.
/// Odd and even harmonics are transformed apart and added in power, so that neighbours do not beat. A
/// steady harmonic has the peak one.
///
/// # Shapes
///
/// `path_hz` and `voiced` hold one value per frame of a recording of `len_samples` samples under `stft`;
/// the result is `(frames, bins)`, the lowest `bins` of the transform.
#[must_use]
pub fn excitation(
    path_hz: &[f64],
    voiced: &[bool],
    stft: &Stft,
    sample_rate: u32,
    bins: usize,
    smear: Smear,
) -> Array2<f32> {
    let frames = path_hz.len();
    let mut out = Array2::<f32>::zeros((frames, bins));
    let cents: Vec<f64> = if smear.cents > 0.0 {
        [-1.0, -0.5, 0.0, 0.5, 1.0]
            .iter()
            .map(|step| step * smear.cents)
            .collect()
    } else {
        vec![0.0]
    };
    let top = HIGHEST_HZ.min(f64::from(sample_rate) / 2.0 * 0.98);
    // The peak of a steady unit cosine under the window is half the window's sum.
    let window_sum: f64 = (0..stft.config().window_len)
        .zip(stft.config().window.samples(stft.config().window_len))
        .map(|(_, w)| w)
        .sum();
    let gain = (2.0 / window_sum) as f32;
    out.as_slice_mut()
        .expect("made contiguous just above")
        .par_chunks_mut(CHUNK_FRAMES * bins)
        .enumerate()
        .for_each(|(chunk, out)| {
            let first = chunk * CHUNK_FRAMES;
            let here = first..first + out.len() / bins;
            if !voiced[here.clone()].contains(&true) {
                return;
            }
            let hop = stft.config().hop_len;
            let pad = stft.config().window_len.div_ceil(2 * hop);
            let chunk = Chunk {
                path_hz,
                first_sample: (first as i64 - pad as i64) * hop as i64,
                samples: (here.len() + 2 * pad) * hop,
                hop,
                sample_rate: f64::from(sample_rate),
                top,
            };
            for cents in &cents {
                let audio = chunk.synthesize((cents / 1200.0).exp2(), sample_rate);
                let spectrum = stft.forward_block(&audio, pad..pad + here.len());
                for channel in 0..2 {
                    let rows = spectrum.channel_rows(channel).chunks_exact(stft.bins());
                    for (out, row) in out.chunks_exact_mut(bins).zip(rows) {
                        for (out, value) in out.iter_mut().zip(row) {
                            *out += value.norm_sqr();
                        }
                    }
                }
            }
            for (frame, row) in here.zip(out.chunks_exact_mut(bins)) {
                let on = f32::from(u8::from(voiced[frame]));
                for x in row {
                    *x = on * gain * (*x / cents.len() as f32).sqrt();
                }
            }
        });
    if smear.tail > 0.0 {
        let values = out.as_slice_mut().expect("made contiguous just above");
        for frame in 1..frames {
            let (before, now) = values.split_at_mut(frame * bins);
            for (now, before) in now[..bins].iter_mut().zip(&before[(frame - 1) * bins..]) {
                *now = now.max(smear.tail * before);
            }
        }
    }
    out
}

/// Some samples of the harmonics along a path.
struct Chunk<'a> {
    path_hz: &'a [f64],
    first_sample: i64,
    samples: usize,
    hop: usize,
    sample_rate: f64,
    top: f64,
}

impl Chunk<'_> {
    fn hz(&self, sample: i64) -> f64 {
        let last = self.path_hz.len() - 1;
        let place = (sample as f64 / self.hop as f64).clamp(0.0, last as f64);
        let (left, share) = (place as usize, place.fract());
        let right = (left + 1).min(last);
        self.path_hz[left] * (1.0 - share) + self.path_hz[right] * share
    }

    /// Odd harmonics in the first channel, even ones in the second.
    fn synthesize(&self, ratio: f64, sample_rate: u32) -> Audio {
        const BLOCK: usize = 256;
        let mut samples = Array2::<f32>::zeros((2, self.samples));
        let mut phase = 0.0_f64;
        let (mut f0, mut c1, mut s1) = ([0.0_f32; BLOCK], [0.0_f32; BLOCK], [0.0_f32; BLOCK]);
        for start in (0..self.samples).step_by(BLOCK) {
            let len = BLOCK.min(self.samples - start);
            let mut lowest = f64::INFINITY;
            for n in 0..len {
                let hz = ratio * self.hz(self.first_sample + (start + n) as i64);
                lowest = lowest.min(hz);
                phase = (phase + TAU * hz / self.sample_rate) % TAU;
                f0[n] = hz as f32;
                (s1[n], c1[n]) = (phase.sin() as f32, phase.cos() as f32);
            }
            let (mut ck, mut sk) = (c1, s1);
            for harmonic in 1..=(self.top / lowest) as usize {
                // Phases that spread, so that harmonics do not all peak together.
                let angle = (0.7 * (harmonic * harmonic) as f64) % TAU;
                let (cosine, sine) = (angle.cos() as f32, angle.sin() as f32);
                let limit = (self.top / harmonic as f64) as f32;
                let mut row = samples.row_mut((harmonic + 1) % 2);
                let out = &mut row.as_slice_mut().expect("rows are contiguous")[start..start + len];
                for (n, out) in out.iter_mut().enumerate() {
                    let value = ck[n] * cosine - sk[n] * sine;
                    *out += if f0[n] < limit { value } else { 0.0 };
                }
                for n in 0..BLOCK {
                    let turned = ck[n] * c1[n] - sk[n] * s1[n];
                    sk[n] = sk[n] * c1[n] + ck[n] * s1[n];
                    ck[n] = turned;
                }
            }
        }
        Audio::new(samples, sample_rate).expect("sums of cosines are finite")
    }
}

/// How well a comb on every pitch agrees with a spectrogram, frame by frame: the cosine of the angle between
/// their square roots, relative to the frame's best.
///
/// # Shapes
///
/// `spectrogram` is `(frames, bins)`, `combs` `(pitches, bins)`, the result `(frames, pitches)`.
#[must_use]
pub fn agreement(spectrogram: ArrayView2<'_, f32>, combs: ArrayView2<'_, f32>) -> Array2<f32> {
    let unit = |values: ArrayView2<'_, f32>| {
        let mut roots = values.mapv(f32::sqrt);
        for mut row in roots.outer_iter_mut() {
            let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row /= norm.max(f32::MIN_POSITIVE);
        }
        roots
    };
    let mut cosines = unit(spectrogram).dot(&unit(combs).t());
    for mut row in cosines.outer_iter_mut() {
        let most = row.iter().fold(0.0_f32, |most, x| most.max(*x));
        row /= most.max(1e-9);
    }
    cosines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StftConfig;

    #[test]
    fn a_steady_path_makes_peaks_of_height_one_at_the_harmonics() {
        let stft = Stft::new(StftConfig::with_fft_len(1024)).unwrap();
        let smear = Smear {
            cents: 0.0,
            tail: 0.0,
        };
        // Twenty bins apart.
        let f0 = 20.0 * 16_000.0 / 1024.0;
        let e = excitation(&[f0; 100], &[true; 100], &stft, 16_000, 400, smear);
        let row = e.row(50);
        for harmonic in 1..10 {
            let peak = row[20 * harmonic];
            assert!((peak - 1.0).abs() < 0.02, "harmonic {harmonic}: {peak}");
            assert!(row[20 * harmonic + 10] < 0.01);
        }
    }

    #[test]
    fn vibrato_widens_the_upper_harmonics() {
        let stft = Stft::new(StftConfig::with_fft_len(2048)).unwrap();
        let smear = Smear {
            cents: 0.0,
            tail: 0.0,
        };
        let hop = stft.config().hop_len as f64 / 16_000.0;
        let steady = vec![300.0; 100];
        let vibrato: Vec<f64> = (0..100)
            .map(|t| 300.0 * (0.03 * (TAU * 5.5 * f64::from(t) * hop).sin()).exp())
            .collect();
        let peak = |path: &[f64]| {
            let e = excitation(path, &[true; 100], &stft, 16_000, 700, smear);
            // Around the fifteenth harmonic.
            e.row(50)
                .iter()
                .skip(560)
                .take(40)
                .fold(0.0_f32, |m, x| m.max(*x))
        };
        assert!(peak(&vibrato) < 0.6 * peak(&steady));
    }

    #[test]
    fn the_comb_of_the_right_pitch_agrees_best() {
        let grid = Grid::new(90.0, 900.0, 5);
        let combs = combs(&grid, 1025, 10.77, 40.0);
        let spectrogram = combs.select(ndarray::Axis(0), &[17, 90, 170]);
        let agreement = agreement(spectrogram.view(), combs.view());
        for (row, expected) in agreement.outer_iter().zip([17, 90, 170]) {
            assert!((row[expected] - 1.0).abs() < 1e-5);
        }
    }
}
