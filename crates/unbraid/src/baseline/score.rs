//! True stems and a method's stems come in; what they are marked with goes out.

use ndarray::{Array2, ArrayView2, Axis};

use crate::evaluate::{BssEvalConfig, bss_eval_sources, si_sdr};
use crate::{Audio, Error};

/// What a stem is marked with, in dB.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SourceScores {
    /// Signal to distortion: everything that is wrong.
    pub sdr_db: f64,
    /// Signal to interference: what belongs to other sources.
    pub sir_db: f64,
    /// Signal to artifacts: what belongs to no source.
    pub sar_db: f64,
    /// Scale-invariant signal to distortion.
    pub si_sdr_db: f64,
}

/// Mark stems as this project always does: BSS Eval 3 sources with filters of 512 samples, whole file, mono downmix,
/// fixed order; and SI-SDR of the same.
///
/// Silence has no score: a silent stem is marked as a whisper of the mixture, 120 dB down, which scores as badly as
/// the mixture does.
///
/// # Errors
///
/// Those of [`bss_eval_sources`] and [`si_sdr`].
pub fn scores(truths: &[Audio], stems: &[Audio]) -> Result<Vec<SourceScores>, Error> {
    let truths: Vec<Array2<f32>> = truths.iter().map(downmix).collect();
    let stems: Vec<Array2<f32>> = stems
        .iter()
        .map(|stem| {
            let stem = downmix(stem);
            if stem.iter().any(|sample| *sample != 0.0) {
                return stem;
            }
            let mut whisper = Array2::zeros(stem.dim());
            for truth in &truths {
                whisper.scaled_add(1e-6, truth);
            }
            whisper
        })
        .collect();
    let (truths, stems) = (views(&truths), views(&stems));
    let bss = bss_eval_sources(&truths, &stems, &BssEvalConfig::default())?;
    let invariant = si_sdr(&truths, &stems)?;
    let each = bss.sources.iter().zip(&invariant);
    Ok(each
        .map(|(bss, invariant)| SourceScores {
            sdr_db: bss.sdr_db,
            sir_db: bss.sir_db,
            sar_db: bss.sar_db,
            si_sdr_db: invariant.sdr_db,
        })
        .collect())
}

/// The mean over the sources of the SDR of [`scores`].
///
/// # Errors
///
/// As [`scores`].
pub fn mean_sdr_db(truths: &[Audio], stems: &[Audio]) -> Result<f64, Error> {
    let scores = scores(truths, stems)?;
    Ok(scores.iter().map(|it| it.sdr_db).sum::<f64>() / scores.len().max(1) as f64)
}

/// The mean of the channels, without rounding between them.
fn downmix(audio: &Audio) -> Array2<f32> {
    let mean = audio.samples().mapv(f64::from).mean_axis(Axis(0));
    let mean = mean.expect("audio has at least one channel");
    mean.mapv(|sample| sample as f32).insert_axis(Axis(0))
}

fn views(all: &[Array2<f32>]) -> Vec<ArrayView2<'_, f32>> {
    all.iter().map(|one| one.view()).collect()
}

#[cfg(test)]
pub(super) fn mean_si_sdr_db(truths: &[Audio], stems: &[Audio]) -> f64 {
    let view = |all: &[Audio]| -> Vec<Array2<f32>> {
        all.iter().map(|audio| audio.samples().to_owned()).collect()
    };
    let (truths, stems) = (view(truths), view(stems));
    let ratios = si_sdr(&views(&truths), &views(&stems)).unwrap();
    ratios.iter().map(|ratios| ratios.sdr_db).sum::<f64>() / ratios.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testsignals::{drums_and_guitar, mix};

    #[test]
    fn a_silent_stem_is_marked_like_the_mixture_and_a_true_one_far_above() {
        let (drums, guitar) = drums_and_guitar(1.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let silence = Audio::new(Array2::zeros(drums.samples().dim()), 8000).unwrap();
        let truths = [drums.clone(), guitar];
        let mixed = scores(&truths, &[mixture.clone(), mixture.clone()]).unwrap();
        let found = scores(&truths, &[drums, silence]).unwrap();
        assert!(found[0].sdr_db > 60.0, "{found:?}");
        assert!(
            (found[1].sdr_db - mixed[1].sdr_db).abs() < 0.1,
            "{found:?} {mixed:?}"
        );
    }
}
