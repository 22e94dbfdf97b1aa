//! The true sources come in; the best grouping, the best masks and the best spatial filters they allow go out.
//!
//! All look at the answer: they bound what can be reached, and show which step loses how much.

use std::ops::Range;

use ndarray::{Array2, Array3, ArrayViewMut3, Axis};
use rayon::prelude::*;
use realfft::num_complex::Complex64;

use crate::mask::{share_out, winner_takes_all};
use crate::sharing::Sharing;
use crate::stft::{OverlapAdd, Spectrum};
use crate::{Audio, Error, Stft};

/// Values of a block of shares that are held at a time.
const BLOCK_VALUES: usize = 1 << 22;

/// The energy of every true source under every unit's share of the recording, `(units, sources)`.
///
/// ```text
/// energy[k,j] = Σ_cft share_k[c,f,t] |S_j[c,f,t]|²
/// ```
///
/// A unit is whatever `units` shares the recording out to: components, filters, stems. The row of a component
/// says whose it is; its largest value over its sum is the component's purity.
///
/// # Errors
///
/// [`Error::Shape`] if a true source has another shape than the recording.
pub fn energies_under(
    units: &dyn Sharing,
    mixture: &Audio,
    truths: &[Audio],
) -> Result<Array2<f64>, Error> {
    check_truths(mixture, truths)?;
    let stft = units.stft();
    let frames = stft.frames(mixture.len_samples());
    let (count, bins) = (units.sources(), stft.bins());
    let step = (BLOCK_VALUES / (count * bins).max(1)).clamp(1, 256);
    let mut energies = Array2::<f64>::zeros((count, truths.len()));
    for start in (0..frames).step_by(step) {
        let block = start..(start + step).min(frames);
        let spectrum = stft.forward_block(mixture, block.clone());
        let spectra: Vec<Spectrum> = truths
            .iter()
            .map(|truth| stft.forward_block(truth, block.clone()))
            .collect();
        let mut shares = Array3::zeros((count, block.len(), bins));
        for channel in 0..mixture.channels() {
            if channel < units.channels() {
                units.share(&spectrum, block.clone(), channel, &mut shares.view_mut());
            }
            for (source, spectrum) in spectra.iter().enumerate() {
                let rows = spectrum.channel_rows(channel);
                let sums: Vec<f64> = shares
                    .axis_iter(Axis(0))
                    .into_par_iter()
                    .map(|share| {
                        let share = share.to_slice().expect("a plane of a new array");
                        let products = share.iter().zip(rows);
                        products.map(|(w, x)| f64::from(w * x.norm_sqr())).sum()
                    })
                    .collect();
                for (unit, sum) in sums.into_iter().enumerate() {
                    energies[[unit, source]] += sum;
                }
            }
        }
    }
    Ok(energies)
}

/// Every unit to the source that has most of the energy under it; a silent one to the first.
#[must_use]
pub fn members_by_energy(energies: &Array2<f64>) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); energies.ncols()];
    for (unit, row) in energies.outer_iter().enumerate() {
        let mut best = 0;
        for (source, &energy) in row.iter().enumerate() {
            if energy > row[best] {
                best = source;
            }
        }
        members[best].push(unit);
    }
    members
}

/// The energy of every bin, all channels together, `(frames, bins)`.
pub(crate) fn energy(spectrum: &Spectrum) -> Array2<f32> {
    let (_, bins, frames) = spectrum.view().dim();
    let mut energy = Array2::zeros((frames, bins));
    for channel in spectrum.view().outer_iter() {
        energy.zip_mut_with(&channel.t(), |sum: &mut f32, value| {
            *sum += value.norm_sqr();
        });
    }
    energy
}

/// Refuse true sources that do not have the recording's shape.
pub(crate) fn check_truths(mixture: &Audio, truths: &[Audio]) -> Result<(), Error> {
    for truth in truths {
        if truth.samples().dim() != mixture.samples().dim() {
            return Err(Error::Shape {
                what: "a true source",
                expected: mixture.samples().shape().to_vec(),
                actual: truth.samples().shape().to_vec(),
            });
        }
    }
    Ok(())
}

/// Which ideal mask.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum IdealMask {
    /// Every bin whole to the strongest source.
    Binary,
    /// Every source its share, `|S_j|^exponent` over the sum.
    Ratio {
        /// 1 of magnitudes, 2 of powers.
        exponent: f32,
    },
}

/// The masks of the true sources' own magnitudes, channel by channel.
///
/// # References
///
/// - D. Wang, *On ideal binary mask as the computational goal of auditory scene analysis*, 2005.
/// - A. Liutkus, R. Badeau, *Generalized Wiener filtering with fractional power spectrograms*, ICASSP 2015.
#[derive(Debug, Clone, Copy)]
pub struct IdealMasks<'a> {
    stft: &'a Stft,
    truths: &'a [Audio],
    mask: IdealMask,
    channels: usize,
    frames: usize,
}

impl<'a> IdealMasks<'a> {
    /// Prepare the masks of a recording.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if a true source has another shape than the recording.
    /// - [`Error::Config`] if there is none, or an exponent is no finite number above 0.
    pub fn new(
        stft: &'a Stft,
        mixture: &Audio,
        truths: &'a [Audio],
        mask: IdealMask,
    ) -> Result<Self, Error> {
        check_truths(mixture, truths)?;
        if truths.is_empty() {
            return Err(Error::config("sources", 0, "at least one true source"));
        }
        if let IdealMask::Ratio { exponent } = mask
            && !(exponent.is_finite() && exponent > 0.0)
        {
            return Err(Error::config(
                "mask.exponent",
                exponent,
                "a finite number above 0",
            ));
        }
        let channels = mixture.channels();
        Ok(Self {
            stft,
            truths,
            mask,
            channels,
            frames: stft.frames(mixture.len_samples()),
        })
    }
}

impl Sharing for IdealMasks<'_> {
    fn stft(&self) -> &Stft {
        self.stft
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn sources(&self) -> usize {
        self.truths.len()
    }

    fn channels(&self) -> usize {
        self.channels
    }

    fn share(
        &self,
        _: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        for (mut share, truth) in shares.outer_iter_mut().zip(self.truths) {
            let spectrum = self.stft.forward_block(truth, frames.clone());
            for (share, value) in share.iter_mut().zip(spectrum.channel_rows(channel)) {
                *share = value.norm();
            }
        }
        let shared = match self.mask {
            IdealMask::Binary => winner_takes_all(shares),
            IdealMask::Ratio { exponent } => share_out(shares, exponent),
        };
        shared.expect("magnitudes of finite samples, and an exponent that was checked");
    }
}

/// The stems of the multichannel Wiener filter that knows every source's power and covariance.
///
/// ```text
/// v_j[f,t] = mean over c of |S_j[c,f,t]|²
/// R_j[f]   = Σ_t S_j S_jᴴ / Σ_t v_j              channels × channels
/// stem_j   = v_j R_j (Σ_i v_i R_i)⁻¹ X
/// ```
///
/// With one channel this is the ideal ratio mask of powers.
///
/// # Errors
///
/// [`Error::Shape`] if a true source has another shape than the recording.
///
/// # References
///
/// - N. Q. K. Duong, E. Vincent, R. Gribonval, *Under-determined reverberant audio source separation using a
///   full-rank spatial covariance model*, IEEE TASLP 2010.
pub fn multichannel_wiener(
    stft: &Stft,
    mixture: &Audio,
    truths: &[Audio],
) -> Result<Vec<Audio>, Error> {
    check_truths(mixture, truths)?;
    let covariances: Vec<Covariance> = truths
        .iter()
        .map(|truth| Covariance::of(stft, truth))
        .collect();
    let (channels, frames, bins) = (
        mixture.channels(),
        stft.frames(mixture.len_samples()),
        stft.bins(),
    );
    let mut overlaps = vec![OverlapAdd::new(stft, mixture.len_samples()); truths.len() * channels];
    let mut samples = vec![Array2::<f32>::zeros(mixture.samples().dim()); truths.len()];
    let mut done = 0;
    for start in (0..frames).step_by(BLOCK_FRAMES) {
        let block = start..(start + BLOCK_FRAMES).min(frames);
        let spectrum = stft.forward_block(mixture, block.clone());
        let spectra: Vec<Spectrum> = truths
            .iter()
            .map(|truth| stft.forward_block(truth, block.clone()))
            .collect();
        // (sources, channels, frames, bins), frame by frame.
        let frames: Vec<Vec<Complex64>> = (0..block.len())
            .into_par_iter()
            .map(|frame| filter_frame(&spectrum, &spectra, &covariances, frame))
            .collect();
        let mut finished = 0;
        for (row, overlap) in overlaps.iter_mut().enumerate() {
            let values: Vec<_> = frames
                .iter()
                .flat_map(|frame| &frame[row * bins..(row + 1) * bins])
                .map(|value| realfft::num_complex::Complex32::new(value.re as f32, value.im as f32))
                .collect();
            let part = overlap.push(&values);
            finished = part.len();
            let mut out = samples[row / channels].row_mut(row % channels);
            for (out, sample) in out.iter_mut().skip(done).zip(part) {
                *out = *sample;
            }
        }
        done += finished;
    }
    samples
        .into_iter()
        .map(|samples| Audio::new(samples, mixture.sample_rate()))
        .collect()
}

const BLOCK_FRAMES: usize = 64;

/// A source's spatial covariance of every bin, of unit mean power.
struct Covariance {
    channels: usize,
    /// `(bins, channels · channels)`.
    values: Vec<Vec<Complex64>>,
}

impl Covariance {
    fn of(stft: &Stft, truth: &Audio) -> Self {
        let (channels, bins) = (truth.channels(), stft.bins());
        let frames = stft.frames(truth.len_samples());
        let mut values = vec![vec![Complex64::default(); channels * channels]; bins];
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let spectrum = stft.forward_block(truth, start..(start + BLOCK_FRAMES).min(frames));
            let view = spectrum.view();
            values.par_iter_mut().enumerate().for_each(|(bin, sums)| {
                for frame in 0..spectrum.frames() {
                    for a in 0..channels {
                        for b in 0..channels {
                            let (x, y) = (view[[a, bin, frame]], view[[b, bin, frame]]);
                            let product = x * y.conj();
                            sums[a * channels + b] +=
                                Complex64::new(f64::from(product.re), f64::from(product.im));
                        }
                    }
                }
            });
        }
        for sums in &mut values {
            let power: f64 = (0..channels).map(|c| sums[c * channels + c].re).sum();
            let power = power / channels as f64;
            for (at, value) in sums.iter_mut().enumerate() {
                // Where a source never sounds, nothing is known of its direction.
                *value = if power > 0.0 {
                    *value / power
                } else {
                    Complex64::from(f64::from(u8::from(at % (channels + 1) == 0)))
                };
            }
        }
        Self { channels, values }
    }
}

/// All sources' filtered bins of one frame, `(sources, channels, bins)`.
fn filter_frame(
    spectrum: &Spectrum,
    spectra: &[Spectrum],
    covariances: &[Covariance],
    frame: usize,
) -> Vec<Complex64> {
    let (channels, bins) = (spectrum.channels(), spectrum.bins());
    let view = spectrum.view();
    let mut out = vec![Complex64::default(); spectra.len() * channels * bins];
    let mut total = vec![Complex64::default(); channels * channels];
    let mut solved = vec![Complex64::default(); channels];
    for bin in 0..bins {
        let powers: Vec<f64> = spectra
            .iter()
            .map(|spectrum| {
                let values = spectrum.view();
                let sum: f32 = (0..channels)
                    .map(|c| values[[c, bin, frame]].norm_sqr())
                    .sum();
                f64::from(sum) / channels as f64
            })
            .collect();
        total.fill(Complex64::default());
        for (power, covariance) in powers.iter().zip(covariances) {
            for (total, value) in total.iter_mut().zip(&covariance.values[bin]) {
                *total += value * *power;
            }
        }
        // Far below what 24 bits can hold; makes a rank-one sum solvable.
        let floor = 1e-9 * powers.iter().sum::<f64>() + f64::MIN_POSITIVE;
        for channel in 0..channels {
            total[channel * (channels + 1)] += floor;
            let value = view[[channel, bin, frame]];
            solved[channel] = Complex64::new(f64::from(value.re), f64::from(value.im));
        }
        solve(&mut total, &mut solved);
        for (source, (power, covariance)) in powers.iter().zip(covariances).enumerate() {
            for channel in 0..channels {
                let row = &covariance.values[bin][channel * channels..][..channels];
                let value: Complex64 = row.iter().zip(&solved).map(|(r, x)| r * x).sum();
                out[(source * covariance.channels + channel) * bins + bin] = value * *power;
            }
        }
    }
    out
}

/// Solve a small Hermitian positive system in place, by elimination without pivots.
fn solve(matrix: &mut [Complex64], vector: &mut [Complex64]) {
    let n = vector.len();
    for pivot in 0..n {
        for row in pivot + 1..n {
            let factor = matrix[row * n + pivot] / matrix[pivot * n + pivot];
            for column in pivot..n {
                let above = matrix[pivot * n + column];
                matrix[row * n + column] -= factor * above;
            }
            let above = vector[pivot];
            vector[row] -= factor * above;
        }
    }
    for row in (0..n).rev() {
        for column in row + 1..n {
            let known = vector[column];
            vector[row] -= matrix[row * n + column] * known;
        }
        vector[row] /= matrix[row * n + row];
    }
}

#[cfg(test)]
mod tests {
    use super::super::render;
    use super::super::score::mean_si_sdr_db;
    use super::*;
    use crate::StftConfig;
    use crate::testsignals::{drums_and_guitar, mix};

    fn stereo(audio: &Audio, gains: [f32; 2]) -> Audio {
        let samples = Array2::from_shape_fn((2, audio.len_samples()), |(channel, n)| {
            gains[channel] * audio.channel(0)[n]
        });
        Audio::new(samples, audio.sample_rate()).unwrap()
    }

    #[test]
    fn with_one_channel_the_wiener_filter_is_the_ratio_mask_of_powers_and_with_two_it_is_better() {
        let (drums, guitar) = drums_and_guitar(1.0, 8000);
        let stft = Stft::new(StftConfig::for_sample_rate(8000)).unwrap();
        let mask = IdealMask::Ratio { exponent: 2.0 };
        let both = |truths: &[Audio; 2]| {
            let mixture = mix(&[&truths[0], &truths[1]]);
            let masks = IdealMasks::new(&stft, &mixture, truths, mask).unwrap();
            let masked = render(&masks, &mixture).unwrap();
            (
                masked,
                multichannel_wiener(&stft, &mixture, truths).unwrap(),
            )
        };
        let (masked, filtered) = both(&[drums.clone(), guitar.clone()]);
        let differences = masked[0].samples().to_owned() - filtered[0].samples();
        let worst = differences
            .iter()
            .fold(0.0_f32, |worst, d| worst.max(d.abs()));
        assert!(worst < 1e-4, "{worst}");

        let truths = [stereo(&drums, [1.0, 0.3]), stereo(&guitar, [0.2, 1.0])];
        let (masked, filtered) = both(&truths);
        let [masked, filtered] = [masked, filtered].map(|stems| mean_si_sdr_db(&truths, &stems));
        assert!(filtered > masked + 6.0, "{filtered} over {masked} dB");
    }

    #[test]
    fn units_that_are_the_sources_own_masks_hold_mostly_that_source() {
        let (drums, guitar) = drums_and_guitar(1.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let truths = [drums, guitar];
        let stft = Stft::new(StftConfig::for_sample_rate(8000)).unwrap();
        let masks = IdealMasks::new(&stft, &mixture, &truths, IdealMask::Binary).unwrap();
        let energies = energies_under(&masks, &mixture, &truths).unwrap();
        assert_eq!(members_by_energy(&energies), [[0], [1]]);
        for source in 0..2 {
            let purity = energies[[source, source]] / energies.row(source).sum();
            assert!(purity > 0.9, "{energies}");
        }
    }
}
