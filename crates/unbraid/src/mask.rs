//! Models of the sources come in; each source's share of every bin goes out.

use ndarray::parallel::prelude::*;
use ndarray::{Array1, ArrayView2, ArrayViewMut2, ArrayViewMut3, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::Error;

/// How the sources' models become sound.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Render {
    /// Every source gets its share of each bin of the recording, `model^exponent` over the sum.
    Ratio {
        /// 1 shares in proportion; more gives the bin to the stronger.
        exponent: f32,
    },
    /// Every bin goes whole to the source with the strongest model.
    Binary,
    /// The textbook's way: the source's model itself with the recording's phase, no mask.
    /// What the model does not explain is lost, so these stems do not add up to the recording.
    Model,
}

impl Render {
    pub(crate) fn check(self) -> Result<(), Error> {
        match self {
            Self::Ratio { exponent } => check_exponent(exponent),
            Self::Binary | Self::Model => Ok(()),
        }
    }
}

fn check_exponent(exponent: f32) -> Result<(), Error> {
    if exponent.is_finite() && exponent > 0.0 {
        return Ok(());
    }
    Err(Error::config(
        "mask.exponent",
        exponent,
        "a finite number above 0",
    ))
}

/// Turn the source models of one block of frames into each source's share of every bin, in place.
///
/// A mask is the fraction of a bin that belongs to one source:
///
/// ```text
/// mask[j] = model[j]^exponent / (sum over sources i of model[i]^exponent)
/// ```
///
/// On magnitude models, an exponent of 2 is the Wiener filter of independent Gaussian
/// sources and an exponent of 1 the ratio mask (Liutkus and Badeau 2015). Models are divided by the
/// largest of the bin before the power, so that none overflows or vanishes.
///
/// # Shapes
///
/// | | shape | meaning |
/// |---|---|---|
/// | `block`, before | `(sources, bins, frames of the block)` | modelled magnitude, ≥ 0 |
/// | `block`, after | the same | share of the bin, 0 to 1 |
///
/// In every bin the shares add up to one. Where all models are silent, the bin is
/// shared equally, so that the stems always add up to the mixture.
///
/// # Errors
///
/// - [`Error::Config`] if `exponent` is not a finite number above zero.
/// - [`Error::NotNonNegative`] if a model holds a negative or non-finite value.
///
/// # Examples
///
/// ```
/// use ndarray::array;
///
/// // Two sources, one bin, two frames; the second frame is silent.
/// let mut block = array![[[3.0, 0.0]], [[1.0, 0.0]]];
/// unbraid::mask::share_out(&mut block.view_mut(), 1.0)?;
///
/// assert_eq!(block, array![[[0.75, 0.5]], [[0.25, 0.5]]]);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - A. Liutkus, R. Badeau, *Generalized Wiener filtering with fractional power
///   spectrograms*, ICASSP 2015.
pub fn share_out(block: &mut ArrayViewMut3<'_, f32>, exponent: f32) -> Result<(), Error> {
    check_exponent(exponent)?;
    check_models(block)?;
    block
        .axis_iter_mut(Axis(1))
        .into_par_iter()
        .for_each(|part| share_out_part(part, exponent));
    Ok(())
}

/// Share out one `(sources, length)` part of a block.
fn share_out_part(mut part: ArrayViewMut2<'_, f32>, exponent: f32) {
    let largest = largest(part.view());
    let mut total = Array1::<f32>::zeros(largest.len());
    for mut model in part.outer_iter_mut() {
        Zip::from(&mut model)
            .and(&largest)
            .and(&mut total)
            .for_each(|model, &largest, total| {
                let relative = if largest > 0.0 { *model / largest } else { 1.0 };
                *model = match exponent {
                    1.0 => relative,
                    2.0 => relative * relative,
                    other => relative.powf(other),
                };
                *total += *model;
            });
    }
    for mut share in part.outer_iter_mut() {
        share /= &total;
    }
}

/// Turn the source models of one block of frames into binary masks, in place.
///
/// Every bin goes to the source with the largest model; of equals, to the first.
///
/// # Shapes
///
/// As [`share_out`].
///
/// # Errors
///
/// [`Error::NotNonNegative`] if a model holds a negative or non-finite value.
///
/// # Examples
///
/// ```
/// use ndarray::array;
///
/// let mut block = array![[[3.0, 0.0]], [[1.0, 0.0]]];
/// unbraid::mask::winner_takes_all(&mut block.view_mut())?;
///
/// assert_eq!(block, array![[[1.0, 1.0]], [[0.0, 0.0]]]);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn winner_takes_all(block: &mut ArrayViewMut3<'_, f32>) -> Result<(), Error> {
    check_models(block)?;
    block
        .axis_iter_mut(Axis(1))
        .into_par_iter()
        .for_each(|mut part| {
            let largest = largest(part.view());
            let mut taken = Array1::from_elem(largest.raw_dim(), false);
            for mut model in part.outer_iter_mut() {
                Zip::from(&mut model)
                    .and(&largest)
                    .and(&mut taken)
                    .for_each(|model, &largest, taken| {
                        let wins = !*taken && *model >= largest;
                        *taken |= wins;
                        *model = f32::from(u8::from(wins));
                    });
            }
        });
    Ok(())
}

/// The largest model along the sources.
fn largest(part: ArrayView2<'_, f32>) -> Array1<f32> {
    let mut largest = Array1::<f32>::zeros(part.ncols());
    for model in part.outer_iter() {
        Zip::from(&mut largest)
            .and(model)
            .for_each(|largest, &value| *largest = if value > *largest { value } else { *largest });
    }
    largest
}

/// Refuse what is no model.
fn check_models(block: &ArrayViewMut3<'_, f32>) -> Result<(), Error> {
    let is_model = |&value: &f32| (0.0..=f32::MAX).contains(&value);
    let all = block.axis_iter(Axis(1)).into_par_iter().all(|part| {
        part.rows()
            .into_iter()
            .all(|row| row.fold(true, |all, value| all & is_model(value)))
    });
    if !all {
        let values = block.indexed_iter().map(|((s, f, t), &v)| ([s, f, t], v));
        crate::spectrogram::check_non_negative("a source's model", values)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;
    use proptest::prelude::*;

    use super::*;

    fn models() -> impl Strategy<Value = Array3<f32>> {
        (1_usize..5, 1_usize..6, 1_usize..6).prop_flat_map(|(sources, bins, frames)| {
            let value = prop_oneof![
                Just(0.0_f32),
                1e-30_f32..1e-20,
                0.0_f32..1.0,
                1e10_f32..1e30
            ];
            proptest::collection::vec(value, sources * bins * frames).prop_map(move |values| {
                Array3::from_shape_vec((sources, bins, frames), values).unwrap()
            })
        })
    }

    proptest! {
        #[test]
        fn masks_of_all_sources_add_up_to_one(models in models(), exponent in 0.1_f32..4.0) {
            for exponent in [exponent, 1.0, 2.0] {
                let mut block = models.clone();
                share_out(&mut block.view_mut(), exponent).unwrap();
                prop_assert!(block.iter().all(|share| (0.0..=1.0).contains(share)));
                prop_assert!(block.sum_axis(Axis(0)).iter().all(|sum| (sum - 1.0).abs() < 1e-6));
            }
            let mut block = models;
            winner_takes_all(&mut block.view_mut()).unwrap();
            prop_assert!(block.sum_axis(Axis(0)).iter().all(|sum| sum.to_bits() == 1.0_f32.to_bits()));
        }

        #[test]
        fn the_stronger_source_gets_the_larger_share(a in 0.0_f32..1.0, b in 0.0_f32..1.0) {
            let mut block = Array3::from_shape_vec((2, 1, 1), vec![a, b]).unwrap();
            share_out(&mut block.view_mut(), 1.5).unwrap();
            prop_assert!((a <= b) == (block[[0, 0, 0]] <= block[[1, 0, 0]]));
        }
    }

    #[test]
    fn exponents_that_are_no_positive_number_are_refused() {
        let mut block = Array3::ones((2, 1, 1));
        for exponent in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = share_out(&mut block.view_mut(), exponent).unwrap_err();
            assert!(
                matches!(
                    error,
                    Error::Config {
                        field: "mask.exponent",
                        ..
                    }
                ),
                "{exponent}"
            );
        }
    }

    #[test]
    fn models_that_are_negative_or_not_finite_are_refused() {
        for value in [-1.0, f32::NAN, f32::INFINITY] {
            let mut block = Array3::ones((2, 3, 4));
            block[[1, 2, 3]] = value;
            let error = share_out(&mut block.clone().view_mut(), 1.0).unwrap_err();
            assert!(
                matches!(&error, Error::NotNonNegative { at, .. } if *at == [1, 2, 3]),
                "{error}"
            );
            assert!(winner_takes_all(&mut block.view_mut()).is_err());
        }
    }
}
