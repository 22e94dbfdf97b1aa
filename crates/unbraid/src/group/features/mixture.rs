//! Factors, the mixture they explain and how percussive each of its values looks come in; how
//! percussive each component's share of the mixture is goes out.

use std::ops::Range;

use ndarray::{Array2, ArrayBase, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Data, Ix2, s};

use rayon::prelude::*;

use crate::Error;
use crate::evidence::{Class, ClassShares};
use crate::group::FactorView;
use crate::group::factors::non_negative;

/// Frames that are worked on at a time: bounds the memory, and keeps a block in the cache.
const BLOCK_FRAMES: usize = 64;

/// How percussive the mixture is where each component sounds, 0 to 1.
///
/// ```text
/// share[k] = Σ_ft energy_k[f,t] · percussive[f,t] / Σ_ft energy_k[f,t]
/// energy_k = (spectrogram · component_k / Σ_j component_j)²
/// ```
///
/// `percussive` is usually [`hpss::percussive_share`](crate::analysis::hpss::percussive_share) of
/// the spectrogram; any other evidence per bin and frame (a learnt mask, another separator's
/// stem) has the same form. With pan gains, `spectrogram` is the sum over the channels. A silent
/// component has the share one half.
///
/// # Shapes
///
/// | | shape |
/// |---|---|
/// | `spectrogram`, `percussive` | `(bins, frames)` |
/// | result | one per component |
///
/// # Errors
///
/// Those of [`features`](crate::group::features), and [`Error::Shape`] if `spectrogram` or
/// `percussive` has another shape than the factors' product.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::group::{FactorView, percussive_shares};
///
/// // Two components that never meet: the first sounds where the mixture is percussive.
/// let templates = array![[1.0, 0.0], [0.0, 1.0]];
/// let activations = array![[2.0, 0.0], [1.0, 1.0]];
/// let factors = FactorView {
///     templates: templates.view(),
///     activations: activations.view(),
///     gains: None,
///     percussive_shares: None,
///     sample_rate: 8,
///     fft_len: 2,
///     hop_len: 1,
/// };
/// let spectrogram = array![[2.0, 0.0], [1.0, 1.0]];
/// let percussive = array![[0.9, 0.5], [0.0, 0.2]];
/// let shares = percussive_shares(&factors, spectrogram.view(), percussive.view())?;
/// assert_eq!(shares, [0.9, 0.1]);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn percussive_shares(
    factors: &FactorView<'_>,
    spectrogram: ArrayView2<'_, f32>,
    percussive: ArrayView2<'_, f32>,
) -> Result<Vec<f32>, Error> {
    factors.check()?;
    non_negative("the spectrogram", spectrogram)?;
    non_negative("the percussive shares of the spectrogram", percussive)?;
    let expected = [factors.templates.nrows(), factors.activations.ncols()];
    for (what, actual) in [
        ("the spectrogram", spectrogram.shape()),
        (
            "the percussive shares of the spectrogram",
            percussive.shape(),
        ),
    ] {
        if actual != expected {
            return Err(Error::Shape {
                what,
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
    }
    let percussive = percussive.t();
    let shares = energy_shares(factors, spectrogram, 1, &|_, frames, out| {
        out.assign(&percussive.slice(s![frames, ..]));
    });
    Ok(shares.column(0).to_vec())
}

/// How much of every component's energy a network hears as each of [`Class::ALL`], `(components, classes)`: as
/// [`percussive_shares`], with the network's shares as the evidence.
///
/// # Errors
///
/// Those of [`percussive_shares`].
pub fn class_shares(
    factors: &FactorView<'_>,
    spectrogram: ArrayView2<'_, f32>,
    heard: &ClassShares,
) -> Result<Array2<f32>, Error> {
    factors.check()?;
    non_negative("the spectrogram", spectrogram)?;
    let expected = [factors.templates.nrows(), factors.activations.ncols()];
    for (what, actual) in [
        ("the spectrogram", spectrogram.dim()),
        ("what the network heard", heard.dim()),
    ] {
        if [actual.0, actual.1] != expected {
            return Err(Error::Shape {
                what,
                expected: expected.to_vec(),
                actual: vec![actual.0, actual.1],
            });
        }
    }
    let classes = Class::ALL.len();
    Ok(energy_shares(
        factors,
        spectrogram,
        classes,
        &|class, frames, out| {
            heard.write(&Class::ALL[class..=class], frames, out);
        },
    ))
}

/// Writes one of several evidences, by its number, for some frames: `(frames, bins)`.
type Writing<'a> = dyn Fn(usize, Range<usize>, &mut ArrayViewMut2<'_, f32>) + Sync + 'a;

/// The share of every component's energy that lies where each of some evidences is, `(components, evidences)`.
fn energy_shares(
    factors: &FactorView<'_>,
    spectrogram: ArrayView2<'_, f32>,
    evidences: usize,
    evidence: &Writing<'_>,
) -> Array2<f32> {
    // The gains scale whole components; folded into the templates they need no axis of their own.
    let mut templates = factors.templates.to_owned();
    if let Some(gains) = factors.gains {
        for (mut template, gain) in templates
            .axis_iter_mut(Axis(1))
            .zip(gains.sum_axis(Axis(1)))
        {
            template *= gain;
        }
    }
    let templates = templates.t().as_standard_layout().into_owned();
    let squared = templates.t().mapv(|value| value * value);
    let components = factors.components();
    let (bins, frames) = spectrogram.dim();
    let blocks = (0..frames).into_par_iter().step_by(BLOCK_FRAMES);
    // What a block adds to the energy of every component, and to that of it under each evidence.
    let added = blocks.map_init(
        || Array2::<f32>::zeros((BLOCK_FRAMES, bins)),
        |part, start| {
            let mut energies = Array2::<f64>::zeros((components, 1 + evidences));
            let block = start..frames.min(start + BLOCK_FRAMES);
            let activations = factors.activations.slice(s![.., block.clone()]);
            let activations = activations.t();
            let mut weight: Array2<f32> = activations.dot(&templates);
            // (spectrogram / model)², where a component's own factors are taken out of the sum.
            let values = spectrogram.slice(s![.., block.clone()]);
            weight.zip_mut_with(&values.t(), |model, value| {
                let ratio = if *model > 0.0 { value / *model } else { 0.0 };
                *model = (ratio * ratio).min(f32::MAX);
            });
            let activations = activations.mapv(|value| value * value);
            add_energies(&mut energies.column_mut(0), &squared, &weight, &activations);
            for number in 0..evidences {
                let mut part = part.slice_mut(s![..block.len(), ..]);
                evidence(number, block.clone(), &mut part);
                part *= &weight;
                let mut energies = energies.column_mut(1 + number);
                add_energies(&mut energies, &squared, &part, &activations);
            }
            energies
        },
    );
    // Added up in order: the same at any thread count.
    let mut energies = Array2::<f64>::zeros((components, 1 + evidences));
    for block in added.collect::<Vec<_>>() {
        energies += &block;
    }
    Array2::from_shape_fn((components, evidences), |(k, number)| {
        if energies[[k, 0]] > 0.0 {
            ((energies[[k, 1 + number]] / energies[[k, 0]]) as f32).clamp(0.0, 1.0)
        } else if evidences == 1 {
            0.5
        } else {
            1.0 / evidences as f32
        }
    })
}

/// `energy[k] += Σ_ft squared[f,k] · weight[t,f] · activations[t,k]`.
fn add_energies<S: Data<Elem = f32>>(
    energy: &mut ArrayViewMut1<'_, f64>,
    squared: &Array2<f32>,
    weight: &ArrayBase<S, Ix2>,
    activations: &Array2<f32>,
) {
    let at_frames = weight.dot(squared);
    for (weights, row) in at_frames.rows().into_iter().zip(activations.rows()) {
        for ((energy, a), b) in energy.iter_mut().zip(weights).zip(row) {
            *energy += f64::from(*a) * f64::from(*b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula, value by value.
    fn naive(
        templates: &Array2<f32>,
        activations: &Array2<f32>,
        spectrogram: &Array2<f32>,
        percussive: &Array2<f32>,
    ) -> Vec<f64> {
        let model = templates.dot(activations);
        (0..templates.ncols())
            .map(|k| {
                let (mut part, mut all) = (0.0, 0.0);
                for ((f, t), value) in spectrogram.indexed_iter() {
                    let share = templates[[f, k]] * activations[[k, t]] / model[[f, t]];
                    let energy = f64::from(share * value).powi(2);
                    part += energy * f64::from(percussive[[f, t]]);
                    all += energy;
                }
                part / all
            })
            .collect()
    }

    #[test]
    fn blocks_add_up_to_the_formula() {
        let wave =
            |i: usize, j: usize, seed: f32| ((i * 37 + j * 11) as f32 * seed).sin().abs() + 0.01;
        let templates = Array2::from_shape_fn((9, 3), |(f, k)| wave(f, k, 1.3));
        let activations = Array2::from_shape_fn((3, 150), |(k, t)| wave(k, t, 0.7));
        let spectrogram = Array2::from_shape_fn((9, 150), |(f, t)| wave(f, t, 0.3));
        let percussive = Array2::from_shape_fn((9, 150), |(f, t)| wave(f, t, 2.1).min(1.0));
        let factors = FactorView {
            templates: templates.view(),
            activations: activations.view(),
            gains: None,
            percussive_shares: None,
            sample_rate: 100,
            fft_len: 16,
            hop_len: 4,
        };
        let shares = percussive_shares(&factors, spectrogram.view(), percussive.view()).unwrap();
        let truth = naive(&templates, &activations, &spectrogram, &percussive);
        for (share, truth) in shares.iter().zip(&truth) {
            assert!(
                (f64::from(*share) - truth).abs() < 1e-5,
                "{share} is not {truth}"
            );
        }
    }

    #[test]
    fn a_silent_component_is_neither() {
        let (templates, activations) = (Array2::zeros((3, 1)), Array2::ones((1, 4)));
        let factors = FactorView {
            templates: templates.view(),
            activations: activations.view(),
            gains: None,
            percussive_shares: None,
            sample_rate: 8,
            fft_len: 4,
            hop_len: 1,
        };
        let ones = Array2::ones((3, 4));
        assert_eq!(
            percussive_shares(&factors, ones.view(), ones.view()).unwrap(),
            [0.5]
        );
        let wrong = Array2::ones((3, 5));
        let error = percussive_shares(&factors, wrong.view(), ones.view()).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the spectrogram has shape [3, 5]"),
            "{error}"
        );
    }
}
