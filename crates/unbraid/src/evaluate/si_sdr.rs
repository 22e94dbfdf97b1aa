//! References and estimates come in; ratios that allow for one gain, or for none, go out.

use std::ops::Range;

use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

use super::correlation::correlate;
use super::projection::{Pairing, Projector};
use super::scores::ratio_db;
use super::signals::{Sample, Signals, with_checked};
use crate::Error;

/// How well one estimate matches its reference up to a gain. Higher is better.
///
/// The three are tied together: `10^(-SDR/10) = 10^(-SIR/10) + 10^(-SAR/10)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ScaleInvariantRatios {
    /// SI-SDR: the reference at its best gain against everything else in the estimate.
    #[serde(with = "super::decibels")]
    pub sdr_db: f64,
    /// SI-SIR: the same against what is a sum of the references at any gains.
    #[serde(with = "super::decibels")]
    pub sir_db: f64,
    /// SI-SAR: the same against what no sum of references explains.
    #[serde(with = "super::decibels")]
    pub sar_db: f64,
}

impl ScaleInvariantRatios {
    /// By how many dB these ratios are better than `baseline`, ratio by ratio.
    ///
    /// With the ratios of the plain mixture, given as the estimate of every source, as baseline this is
    /// the improvement over the mixture (SI-SDRi).
    #[must_use]
    pub fn improvement_over(&self, baseline: &Self) -> Self {
        Self {
            sdr_db: self.sdr_db - baseline.sdr_db,
            sir_db: self.sir_db - baseline.sir_db,
            sar_db: self.sar_db - baseline.sar_db,
        }
    }
}

/// SI-SDR, SI-SIR and SI-SAR of every estimate against the reference at its place.
///
/// ```text
/// target = s <s, e> / |s|²     all = projection of e onto the span of all references
/// SI-SDR = |target|² / |e - target|²
/// SI-SIR = |target|² / |all - target|²
/// SI-SAR = |target|² / |e - all|²
/// ```
///
/// with `s` the reference and `e` the estimate. The channels of a source count as one long signal with one
/// gain. The mean is not removed.
///
/// # Shapes
///
/// Both lists have one array `(channels, samples)` per source, all of one shape; the result has
/// one entry per source.
///
/// # Errors
///
/// - [`Error::TooShort`] if there is no reference, channel or sample.
/// - [`Error::Shape`] if the shapes or the numbers of references and estimates differ.
/// - [`Error::NotFinite`] if a sample is NaN or infinite.
/// - [`Error::Silent`] if a reference or an estimate is zero throughout: the ratios are 0 / 0.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::evaluate::si_sdr;
///
/// let (first, second) = (array![[1.0_f32, 1.0, 0.0, 0.0]], array![[0.0_f32, 0.0, 1.0, 1.0]]);
/// // Twice the first source, a tenth of that of the second, and another tenth of neither.
/// let estimate = array![[2.2_f32, 1.8, 0.2, 0.2]];
///
/// let references = [first.view(), second.view()];
/// let ratios = si_sdr(&references, &[estimate.view(), second.view()])?;
/// assert!((ratios[0].sir_db - 20.0).abs() < 1e-5);
/// assert!((ratios[0].sar_db - 20.0).abs() < 1e-5);
/// assert!((ratios[0].sdr_db - 16.9897).abs() < 1e-4);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - J. Le Roux, S. Wisdom, H. Erdogan, J. R. Hershey, *SDR – half-baked or well done?*, ICASSP
///   2019, doi:10.1109/ICASSP.2019.8683855.
pub fn si_sdr<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
) -> Result<Vec<ScaleInvariantRatios>, Error> {
    with_checked(references, estimates, |references, estimates| {
        let (references, estimates) = (Joined(references), Joined(estimates));
        let whole = 0..references.len_samples();
        for (what, signals) in [("reference", &references), ("estimate", &estimates)] {
            refuse_zeros(what, signals, &whole)?;
        }
        // One gain is a filter of one tap.
        let correlations = correlate(&references, &estimates, &whole, 1);
        let shape = (references.sources(), 1);
        let projector = Projector::new(&correlations, shape, whole.len(), Pairing::Given)?;
        let energies = projector.energies(&references, &estimates, &[whole]);
        Ok(energies[0]
            .iter()
            .map(|energies| ScaleInvariantRatios {
                sdr_db: ratio_db(energies.own, energies.filtered_error),
                sir_db: ratio_db(energies.own, energies.interference),
                sar_db: ratio_db(energies.own, energies.artifacts),
            })
            .collect())
    })
}

/// The signal-to-noise ratio in dB of every estimate against the reference at its place.
///
/// ```text
/// SNR = |s|² / |e - s|²
/// ```
///
/// over all channels together. A silent estimate has an SNR of 0 dB, a perfect one of infinity.
///
/// # Shapes
///
/// Both lists have one array `(channels, samples)` per source, all of one shape; the result has
/// one entry per source.
///
/// # Errors
///
/// Those of [`si_sdr()`], but that silent estimates are fine.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::evaluate::snr_db;
///
/// let (reference, estimate) = (array![[1.0_f64, -1.0]], array![[0.9_f64, -0.9]]);
/// let snr = snr_db(&[reference.view()], &[estimate.view()])?;
/// assert!((snr[0] - 20.0).abs() < 1e-12);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn snr_db<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
) -> Result<Vec<f64>, Error> {
    with_checked(references, estimates, |references, estimates| {
        let (references, estimates) = (Joined(references), Joined(estimates));
        let whole = 0..references.len_samples();
        refuse_zeros("reference", &references, &whole)?;
        let ratios = (0..references.sources()).map(|source| {
            let (mut signal, mut error) = (0.0, 0.0);
            let (mut s, mut e) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
            for start in whole.clone().step_by(BLOCK) {
                references.read(source, &whole, start as isize, &mut s);
                estimates.read(source, &whole, start as isize, &mut e);
                signal += s.iter().map(|s| s * s).sum::<f64>();
                error += s
                    .iter()
                    .zip(&e)
                    .map(|(s, e)| (e - s) * (e - s))
                    .sum::<f64>();
            }
            ratio_db(signal, error)
        });
        Ok(ratios.collect())
    })
}

/// Samples looked at in one go.
const BLOCK: usize = 4096;

fn refuse_zeros(
    what: &'static str,
    signals: &Joined<'_>,
    whole: &Range<usize>,
) -> Result<(), Error> {
    match (0..signals.sources()).find(|&index| signals.is_silent(index, whole)) {
        Some(index) => Err(Error::Silent { what, index }),
        None => Ok(()),
    }
}

/// Sources whose channels are joined to one long signal.
struct Joined<'a>(&'a dyn Signals);

impl Signals for Joined<'_> {
    fn sources(&self) -> usize {
        self.0.sources()
    }

    fn channels(&self) -> usize {
        1
    }

    fn len_samples(&self) -> usize {
        self.0.channels() * self.0.len_samples()
    }

    fn read(&self, source: usize, range: &Range<usize>, start: isize, out: &mut [f64]) {
        let (channels, len) = (self.0.channels(), self.0.len_samples());
        out.fill(0.0);
        let end = start + out.len() as isize;
        for channel in 0..channels {
            let offset = channel * len;
            let from = start.max(offset.max(range.start) as isize);
            let to = end.min((offset + len).min(range.end) as isize);
            if from < to {
                let part = &mut out[(from - start) as usize..(to - start) as usize];
                self.0.read(
                    source * channels + channel,
                    &(0..len),
                    from - offset as isize,
                    part,
                );
            }
        }
    }

    fn is_silent(&self, source: usize, range: &Range<usize>) -> bool {
        let mut samples = vec![0.0; BLOCK];
        range.clone().step_by(BLOCK).all(|start| {
            self.read(source, range, start as isize, &mut samples);
            samples.iter().all(|&sample| sample == 0.0)
        })
    }
}
