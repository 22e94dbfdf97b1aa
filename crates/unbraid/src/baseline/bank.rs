//! Bands or fundamentals come in; a bank of filters whose responses add up to one goes out, and the shares
//! of every source once its filters are given to sources.
//!
//! A bank is what a factorisation would be if its templates were drawn up beforehand: every filter is a
//! template that nobody learnt.

use ndarray::{Array1, Array2, ArrayView2, Axis, s};

use super::oracle::members_by_energy;
use super::written::Written;
use crate::{Audio, Error, Stft};

/// Zero-phase filters whose responses add up to one in every bin.
///
/// # Shapes
///
/// [`Bank::responses`] is `(filters, bins)`, every value from 0 to 1, every column with a sum of one.
#[derive(Debug, Clone, PartialEq)]
pub struct Bank {
    responses: Array2<f32>,
    centers_hz: Vec<f64>,
}

/// The most filters a bank may have.
const MOST_FILTERS: usize = 4096;

impl Bank {
    /// Band-pass filters side by side: triangles that cross at one half, at equal distances on the mel scale.
    ///
    /// ```text
    /// mel(f) = 2595 log10(1 + f / 700 Hz)
    /// ```
    ///
    /// The lowest filter reaches down to 0 Hz, the highest up to half the sample rate.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless there are from 1 to 4096 bands.
    ///
    /// # Examples
    ///
    /// ```
    /// use unbraid::{Stft, StftConfig, baseline::Bank};
    ///
    /// let stft = Stft::new(StftConfig::with_fft_len(1024))?;
    /// let bank = Bank::band_pass(&stft, 16_000, 8)?;
    /// assert_eq!(bank.responses().dim(), (8, 513));
    /// assert!(bank.responses().sum_axis(ndarray::Axis(0)).iter().all(|sum| (sum - 1.0).abs() < 1e-5));
    /// # Ok::<(), unbraid::Error>(())
    /// ```
    pub fn band_pass(stft: &Stft, sample_rate: u32, bands: usize) -> Result<Self, Error> {
        check_count("baseline.bands", bands)?;
        let bins = stft.frequencies_hz(sample_rate);
        let top = mel(bins.last().copied().unwrap_or(0.0));
        // Centres in the middle of equal shares of the mel scale.
        let step = top / bands as f64;
        let mut responses = Array2::zeros((bands, bins.len()));
        for (bin, &hz) in bins.iter().enumerate() {
            let at = (mel(hz) / step - 0.5).clamp(0.0, (bands - 1) as f64);
            let below = at.floor() as usize;
            let above = (below + 1).min(bands - 1);
            let part = (at - below as f64) as f32;
            responses[[below, bin]] += 1.0 - part;
            responses[[above, bin]] += part;
        }
        let centers_hz = (0..bands)
            .map(|band| hertz((band as f64 + 0.5) * step))
            .collect();
        Ok(Self {
            responses,
            centers_hz,
        })
    }

    /// One filter per bin of the transform: the finest bank there can be.
    #[must_use]
    pub fn every_bin(stft: &Stft, sample_rate: u32) -> Self {
        Self {
            responses: Array2::eye(stft.bins()),
            centers_hz: stft.frequencies_hz(sample_rate),
        }
    }

    /// Comb filters, one per fundamental, each passing its multiples, and a last filter for what lies between
    /// all teeth.
    ///
    /// A tooth has the shape and the width of the window's main lobe, so that a steady harmonic tone passes its
    /// own comb whole. Where teeth of several combs meet, they share the bin.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if there is no fundamental, there are more than 4095, or one is not between 10 Hz
    /// and half the sample rate.
    pub fn combs(stft: &Stft, sample_rate: u32, fundamentals_hz: &[f64]) -> Result<Self, Error> {
        check_count("baseline.fundamentals", fundamentals_hz.len() + 1)?;
        let nyquist = f64::from(sample_rate) / 2.0;
        if fundamentals_hz.is_empty() {
            return Err(Error::config(
                "baseline.fundamentals",
                "empty",
                "at least one frequency in Hz",
            ));
        }
        for &f0 in fundamentals_hz {
            if !(f0 >= 10.0 && f0 < nyquist) {
                let requirement = format!("between 10 Hz and half the sample rate ({nyquist} Hz)");
                return Err(Error::config("baseline.fundamentals", f0, requirement));
            }
        }
        let teeth = teeth(stft, sample_rate, fundamentals_hz);
        let combs = fundamentals_hz.len();
        let mut responses = Array2::zeros((combs + 1, stft.bins()));
        responses.slice_mut(s![..combs, ..]).assign(&teeth);
        for mut bin in responses.columns_mut() {
            let total: f32 = bin.sum();
            if total > 1.0 {
                bin.mapv_inplace(|response| response / total);
            }
            bin[combs] = (1.0 - bin.slice(s![..combs]).sum()).max(0.0);
        }
        let mut centers_hz = fundamentals_hz.to_vec();
        centers_hz.push(f64::NAN);
        Ok(Self {
            responses,
            centers_hz,
        })
    }

    /// The responses, `(filters, bins)`.
    #[must_use]
    pub fn responses(&self) -> ArrayView2<'_, f32> {
        self.responses.view()
    }

    /// The number of filters.
    #[must_use]
    pub fn filters(&self) -> usize {
        self.responses.nrows()
    }

    /// Centre frequencies or fundamentals in Hz; NaN for the filter between the teeth of all combs.
    #[must_use]
    pub fn centers_hz(&self) -> &[f64] {
        &self.centers_hz
    }

    /// How much passes each filter in each frame: the weighted mean of the spectrogram under its response,
    /// `(filters, frames)` from `(bins, frames)`.
    #[must_use]
    pub fn outputs(&self, spectrogram: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut outputs = self.responses.dot(&spectrogram);
        for (mut row, response) in outputs.outer_iter_mut().zip(self.responses.outer_iter()) {
            let width = response.sum();
            if width > 0.0 {
                row /= width;
            }
        }
        outputs
    }

    /// The energy of every source that passes each filter, `(sources, filters, frames)`.
    ///
    /// ```text
    /// energy[j,b,t] = Σ_cf response[b,f] |S_j[c,f,t]|²
    /// ```
    #[must_use]
    pub fn energies(&self, stft: &Stft, truths: &[Audio]) -> Vec<Array2<f32>> {
        truths
            .iter()
            .map(|truth| {
                self.responses
                    .dot(&super::oracle::energy(&stft.forward(truth)).t())
            })
            .collect()
    }

    /// The filters of every source if each is given to the true source that has most of the energy under it.
    #[must_use]
    pub fn members_by_energy(&self, stft: &Stft, truths: &[Audio]) -> Vec<Vec<usize>> {
        let energies = self.energies(stft, truths);
        let shape = (self.filters(), energies.len());
        let totals = Array2::from_shape_fn(shape, |(filter, source)| {
            let row = energies[source].row(filter);
            row.iter().map(|&value| f64::from(value)).sum()
        });
        members_by_energy(&totals)
    }
}

fn check_count(field: &'static str, count: usize) -> Result<(), Error> {
    if (1..=MOST_FILTERS).contains(&count) {
        return Ok(());
    }
    let requirement = format!("between 1 and {MOST_FILTERS} filters");
    Err(Error::config(field, count, requirement))
}

/// The mel of a frequency in Hz.
pub(super) fn mel(hz: f64) -> f64 {
    2595.0 * (1.0 + hz / 700.0).log10()
}

/// The frequency in Hz of a mel.
pub(super) fn hertz(mel: f64) -> f64 {
    700.0 * (10.0_f64.powf(mel / 2595.0) - 1.0)
}

/// The teeth of every comb before they share bins, `(fundamentals, bins)`.
pub(crate) fn teeth(stft: &Stft, sample_rate: u32, fundamentals_hz: &[f64]) -> Array2<f32> {
    let config = stft.config();
    let bin_hz = f64::from(sample_rate) / config.fft_len as f64;
    // Half the main lobe of a Hann window: two bins of a transform as long as the window.
    let half_width_hz = 2.0 * f64::from(sample_rate) / config.window_len as f64;
    Array2::from_shape_fn((fundamentals_hz.len(), stft.bins()), |(comb, bin)| {
        let hz = bin as f64 * bin_hz;
        let f0 = fundamentals_hz[comb];
        let nearest = (hz / f0).round().max(1.0) * f0;
        let off = (hz - nearest).abs() / half_width_hz;
        if off < 1.0 {
            (0.5 + 0.5 * (std::f64::consts::PI * off).cos()) as f32
        } else {
            0.0
        }
    })
}

/// Give the filters of a bank to sources once and for all; `members` holds the filters of each. A filter that nobody has is
/// shared equally.
///
/// # Errors
///
/// [`Error::Config`] if there is no source, or a filter does not exist or is given twice.
pub fn assigned_bank(
    bank: &Bank,
    stft: &Stft,
    frames: usize,
    members: &[Vec<usize>],
) -> Result<Written, Error> {
    let filters = bank.filters();
    if members.is_empty() {
        return Err(Error::config("sources", "empty", "at least one source"));
    }
    let mut taken = vec![false; filters];
    for &filter in members.iter().flatten() {
        if filter >= filters || std::mem::replace(&mut taken[filter], true) {
            let requirement = format!("filters below {filters}, each for one source");
            return Err(Error::config("baseline.assignment", filter, requirement));
        }
    }
    let mut fixed = Array2::zeros((members.len(), bank.responses.ncols()));
    for (mut share, filters) in fixed.outer_iter_mut().zip(members) {
        for &filter in filters {
            share += &bank.responses.row(filter);
        }
    }
    let missing: Array1<f32> = 1.0 - fixed.sum_axis(Axis(0));
    let each = missing.mapv(|missing| missing.max(0.0) / members.len() as f32);
    for mut share in fixed.outer_iter_mut() {
        share += &each;
    }
    Ok(Written::new(
        stft,
        frames,
        members.len(),
        move |_, shares| {
            for (mut source, fixed) in shares.outer_iter_mut().zip(fixed.outer_iter()) {
                for mut frame in source.outer_iter_mut() {
                    frame.assign(&fixed);
                }
            }
        },
    ))
}

/// Give every filter of a bank, anew in every frame, to the true source that has most of the energy there: what the
/// best possible switch could do.
///
/// # Errors
///
/// [`Error::Config`] if there are no true sources, or more than 255.
pub fn switched_bank(bank: &Bank, stft: &Stft, truths: &[Audio]) -> Result<Written, Error> {
    if truths.is_empty() || truths.len() > 255 {
        return Err(Error::config(
            "sources",
            truths.len(),
            "from 1 to 255 sources",
        ));
    }
    let energies = bank.energies(stft, truths);
    let (filters, frames) = energies[0].dim();
    // The source of each filter in each frame.
    let owners = Array2::from_shape_fn((frames, filters), |(frame, filter)| {
        let mut best = 0;
        for source in 1..energies.len() {
            if energies[source][[filter, frame]] > energies[best][[filter, frame]] {
                best = source;
            }
        }
        best as u8
    });
    let responses = bank.responses.clone();
    Ok(Written::new(
        stft,
        frames,
        truths.len(),
        move |frames, shares| {
            let owners = owners.slice(s![frames, ..]);
            for (source, mut share) in shares.outer_iter_mut().enumerate() {
                let mine = owners.mapv(|owner| f32::from(u8::from(usize::from(owner) == source)));
                share.assign(&mine.dot(&responses));
            }
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StftConfig;

    fn stft() -> Stft {
        Stft::new(StftConfig::with_fft_len(1024)).unwrap()
    }

    #[test]
    fn responses_of_every_bank_add_up_to_one() {
        let stft = stft();
        for bank in [
            Bank::band_pass(&stft, 16_000, 1).unwrap(),
            Bank::band_pass(&stft, 16_000, 24).unwrap(),
            Bank::band_pass(&stft, 16_000, 2000).unwrap(),
            Bank::every_bin(&stft, 16_000),
            Bank::combs(&stft, 16_000, &[110.0, 220.0, 311.1]).unwrap(),
        ] {
            let sums = bank.responses().sum_axis(Axis(0));
            let worst = sums
                .iter()
                .fold(0.0_f32, |worst, sum| worst.max((sum - 1.0).abs()));
            assert!(worst < 1e-5, "{} filters: {worst}", bank.filters());
            assert!(bank.responses().iter().all(|r| (0.0..=1.0).contains(r)));
        }
    }

    #[test]
    fn a_comb_passes_multiples_and_stops_what_lies_between() {
        let stft = stft();
        // Multiples of 500 Hz fall on every 32nd bin.
        let bank = Bank::combs(&stft, 16_000, &[500.0]).unwrap();
        let comb = bank.responses().row(0).to_owned();
        for multiple in 1..16 {
            assert!(
                comb[32 * multiple] > 0.99,
                "multiple {multiple}: {}",
                comb[32 * multiple]
            );
            assert!(comb[32 * multiple + 16] < 1e-6);
        }
        assert!(comb[0] < 1e-6, "no tooth at 0 Hz");
    }

    #[test]
    fn filters_that_do_not_exist_or_belong_to_two_are_refused() {
        let bank = Bank::band_pass(&stft(), 16_000, 4).unwrap();
        for members in [vec![vec![4], vec![]], vec![vec![1], vec![1]], vec![]] {
            assert!(
                assigned_bank(&bank, &stft(), 10, &members).is_err(),
                "{members:?}"
            );
        }
        for fundamentals in [&[][..], &[5.0], &[8000.0], &[f64::NAN]] {
            let error = Bank::combs(&stft(), 16_000, fundamentals).unwrap_err();
            assert!(
                error.to_string().contains("baseline.fundamentals"),
                "{error}"
            );
        }
        assert!(Bank::band_pass(&stft(), 16_000, 0).is_err());
    }
}
