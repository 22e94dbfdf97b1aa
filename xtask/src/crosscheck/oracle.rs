//! A recording's true sources come in; the best grouping and the best mask they allow go out.
//!
//! Both look at the answer: they bound what grouping and masking can reach, and show which of the
//! two loses more.

use anyhow::Result;
use ndarray::{Array2, Array3, Axis};
use unbraid::factorize::Factorization;
use unbraid::mask::share_out;
use unbraid::stft::{OverlapAdd, Spectrum};
use unbraid::{Audio, Stft};

/// Every component wholly to the true source that has most of the energy under its mask.
///
/// ```text
/// energy of source j under component k = Σ_{c,f,t} w[f,k]·h[k,t] / Λ[f,t] · |S_j[c,f,t]|²
/// ```
///
/// A component that is silent goes to the first source.
pub(super) fn group(factorization: &Factorization, truths: &[Audio]) -> Vec<Vec<usize>> {
    let model = &factorization.fit.model;
    let templates = model.templates().as_standard_layout().into_owned();
    let activations = model.activations().t().as_standard_layout().into_owned();
    let energies: Vec<Array2<f32>> = truths
        .iter()
        .map(|truth| energy(&factorization.stft.forward(truth)))
        .collect();

    let components = model.components();
    let mut under = Array2::<f64>::zeros((components, truths.len()));
    let mut parts = vec![0.0; components];
    for (frame, gains) in activations.outer_iter().enumerate() {
        for (bin, weights) in templates.outer_iter().enumerate() {
            for (part, (w, h)) in parts.iter_mut().zip(weights.iter().zip(gains)) {
                *part = w * h;
            }
            let total: f32 = parts.iter().sum();
            if total <= 0.0 {
                continue;
            }
            for (source, energy) in energies.iter().enumerate() {
                let each = energy[[frame, bin]] / total;
                for (part, under) in parts.iter().zip(under.column_mut(source)) {
                    *under += f64::from(part * each);
                }
            }
        }
    }

    let mut members = vec![Vec::new(); truths.len()];
    for (component, energies) in under.outer_iter().enumerate() {
        let mut best = 0;
        for (source, &energy) in energies.iter().enumerate() {
            if energy > energies[best] {
                best = source;
            }
        }
        members[best].push(component);
    }
    members
}

/// The energy of every bin, all channels together, `(frames, bins)`.
fn energy(spectrum: &Spectrum) -> Array2<f32> {
    let (_, bins, frames) = spectrum.view().dim();
    let mut energy = Array2::zeros((frames, bins));
    for channel in spectrum.view().outer_iter() {
        energy.zip_mut_with(&channel.t(), |sum: &mut f32, value| {
            *sum += value.norm_sqr();
        });
    }
    energy
}

/// The stems by the true magnitudes' own ratio mask, channel by channel.
pub(super) fn ratio_mask(
    stft: &Stft,
    mixture: &Audio,
    truths: &[Audio],
    exponent: f32,
) -> Result<Vec<Audio>> {
    let spectrum = stft.forward(mixture);
    let spectra: Vec<Spectrum> = truths.iter().map(|truth| stft.forward(truth)).collect();
    let (frames, bins) = (spectrum.frames(), spectrum.bins());
    let shape = (mixture.channels(), mixture.len_samples());
    let mut stems = vec![Array2::<f32>::zeros(shape); truths.len()];
    for channel in 0..mixture.channels() {
        let mut shares = Array3::zeros((truths.len(), frames, bins));
        for (mut share, truth) in shares.outer_iter_mut().zip(&spectra) {
            let truth = truth.view();
            share.zip_mut_with(&truth.index_axis(Axis(0), channel).t(), |share, value| {
                *share = value.norm();
            });
        }
        share_out(&mut shares.view_mut(), exponent)?;
        let plane = spectrum
            .view()
            .index_axis_move(Axis(0), channel)
            .reversed_axes();
        let rows = plane.as_standard_layout();
        let rows = rows.as_slice().expect("in standard layout");
        for (stem, share) in stems.iter_mut().zip(shares.outer_iter()) {
            let weights = share.to_slice().expect("a plane of a contiguous block");
            let mut overlap = OverlapAdd::new(stft, mixture.len_samples());
            let samples = overlap.push_weighted(rows, weights);
            for (out, sample) in stem.row_mut(channel).iter_mut().zip(samples) {
                *out = *sample;
            }
        }
    }
    let audio = |samples| Ok(Audio::new(samples, mixture.sample_rate())?);
    stems.into_iter().map(audio).collect()
}

#[cfg(test)]
mod tests {
    use unbraid::StftConfig;
    use unbraid::factorize::{FactorizeConfig, factorize};
    use unbraid::sharing::StemsConfig;
    use unbraid::testsignals::{drums_and_guitar, mix};

    use super::super::score::ours;
    use super::*;

    #[test]
    fn knowing_the_answer_separates_better_than_the_mixture_and_a_mask_better_than_groups() {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let truths = [drums, guitar];
        let untouched = ours(&truths, &[mixture.clone(), mixture.clone()]).unwrap();

        let mut config = FactorizeConfig::default();
        config.blind.components = 6;
        let factorization = factorize(&mixture, &config, &mut ()).unwrap();
        let members = group(&factorization, &truths);
        let mut all = members.concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5]);
        let stems = factorization
            .stems(&mixture, &members, StemsConfig::default())
            .unwrap();
        let grouped = ours(&truths, &stems).unwrap();
        assert!(grouped > untouched + 5.0, "{grouped} over {untouched} dB");

        let stft = Stft::new(StftConfig::for_sample_rate(8000)).unwrap();
        let masked = ratio_mask(&stft, &mixture, &truths, 1.0).unwrap();
        let masked = ours(&truths, &masked).unwrap();
        assert!(masked > grouped, "{masked} over {grouped} dB");
    }
}
