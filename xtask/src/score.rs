//! True sources and estimates come in; one figure in dB goes out.
//!
//! The measure everywhere here: BSS Eval 3 sources with filters of 512 samples, whole file, mono downmix,
//! fixed order, mean over the sources.

use anyhow::{Context, Result};
use ndarray::{Array2, ArrayView2, Axis, s};
use unbraid::Audio;
use unbraid::evaluate::{BssEvalConfig, bss_eval_sources};

/// Sources in mono, `(sources, samples)`.
pub(crate) fn downmix(sources: &[Audio]) -> Array2<f32> {
    let len = sources.first().map_or(0, Audio::len_samples);
    let mut mono = Array2::zeros((sources.len(), len));
    for (mut row, source) in mono.outer_iter_mut().zip(sources) {
        let mean = source.samples().mapv(f64::from).mean_axis(Axis(0));
        let mean = mean.expect("audio has at least one channel");
        row.zip_mut_with(&mean, |out, &sample| *out = sample as f32);
    }
    mono
}

/// The mean SDR by `unbraid::evaluate` of sources that are mono already.
pub(crate) fn ours_mono(truths: &Array2<f32>, estimates: &Array2<f32>) -> Result<f64> {
    let each = each_mono(truths, estimates)?;
    Ok(each.iter().sum::<f64>() / each.len() as f64)
}

/// The same for every source.
pub(crate) fn each_mono(truths: &Array2<f32>, estimates: &Array2<f32>) -> Result<Vec<f64>> {
    let (truths, estimates) = (rows(truths), rows(estimates));
    let scores = bss_eval_sources(&truths, &estimates, &BssEvalConfig::default())
        .context("cannot score the stems")?;
    Ok(scores.sources.iter().map(|it| it.sdr_db).collect())
}

/// Every row as a source of one channel.
pub(crate) fn rows(all: &Array2<f32>) -> Vec<ArrayView2<'_, f32>> {
    let row = |source| all.slice(s![source..=source, ..]);
    (0..all.nrows()).map(row).collect()
}

/// The mean, the least and the largest of some figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: &[f64]) -> Self {
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn a_downmix_is_the_mean_of_the_channels() {
        let audio = Audio::new(array![[1.0, -0.5], [0.5, 0.5]], 8000).unwrap();
        assert_eq!(
            downmix(&[audio.clone(), audio]),
            array![[0.75, 0.0], [0.75, 0.0]]
        );
    }

    #[test]
    fn a_spread_has_the_mean_between_its_ends() {
        let spread = Spread::of(&[3.0, 1.0, 2.0, 4.0]);
        assert_eq!((spread.mean, spread.min, spread.max), (2.5, 1.0, 4.0));
    }
}
