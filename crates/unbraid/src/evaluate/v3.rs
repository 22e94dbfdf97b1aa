//! References and estimates come in; the ratios of BSS Eval version 3 go out.
//!
//! Version 3 finds new distortion filters for every frame. The definitions, down to what is
//! silent and how frames are cut, are those of `mir_eval.separation` 0.8.2, which in turn reproduces
//! the BSS Eval toolbox for MATLAB.

use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::correlation::correlate;
use super::permutation;
use super::projection::{Energies, Pairing, Projector};
use super::scores::{FrameConfig, FrameScores, FramewiseScores, Ratios, Scores, Version};
use super::signals::{Sample, Signals, any_silent, refuse_silence, with_checked};
use crate::Error;

/// Which estimate is scored against which reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// Estimate `n` belongs to reference `n`.
    Given,
    /// The matching with the best mean SIR is found. Costs about twice the time for four sources.
    BestSir,
}

impl Matching {
    pub(super) fn pairing(self) -> Pairing {
        match self {
            Self::Given => Pairing::Given,
            Self::BestSir => Pairing::All,
        }
    }
}

/// Settings of BSS Eval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BssEvalConfig {
    /// Length in samples of the filters by which an estimate may differ from the references before
    /// the difference counts as an artifact; at least 1. All published figures use 512. Time grows
    /// with its cube, memory with its square.
    pub filter_len: usize,
    /// Which estimate is scored against which reference.
    pub matching: Matching,
}

impl Default for BssEvalConfig {
    fn default() -> Self {
        Self {
            filter_len: 512,
            matching: Matching::Given,
        }
    }
}

impl BssEvalConfig {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.filter_len == 0 {
            let field = "evaluate.filter_len";
            return Err(Error::config(field, self.filter_len, "at least 1 sample"));
        }
        Ok(())
    }
}

/// Score a whole recording with the sources version of BSS Eval 3: the true source is the reference
/// up to a filter.
///
/// The sources version forgives whatever a filter can do to the reference, gain included. An estimate that
/// lost half the spectrum may still score well: prefer [`bss_eval_images`] or
/// [`si_sdr`](super::si_sdr()) unless figures are to be compared with published ones.
///
/// ```text
/// SDR = |own|² / |e - own|²     SIR = |own|² / |all - own|²     SAR = |all|² / |e - all|²
/// ```
///
/// with `e` the estimate, `own` its projection onto all filtered versions of its own reference, and
/// `all` its projection onto filtered versions of all references together.
///
/// # Shapes
///
/// Both lists have one array `(channels, samples)` per source, all of one shape. `mir_eval` takes one
/// channel only; more channels are scored together as by museval.
///
/// # Errors
///
/// - [`Error::Config`] if a setting is not allowed.
/// - [`Error::TooShort`] if there is no reference, channel or sample.
/// - [`Error::Shape`] if the shapes or the numbers of references and estimates differ.
/// - [`Error::NotFinite`] if a sample is NaN or infinite.
/// - [`Error::Silent`] if a reference or an estimate is silent throughout.
/// - [`Error::Numerical`] if the filters leave the finite numbers.
///
/// # Examples
///
/// ```
/// use ndarray::{Array2, array};
/// use unbraid::evaluate::{BssEvalConfig, Matching, bss_eval_sources};
///
/// let first = array![[1.0_f32, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]];
/// let second = array![[0.0_f32, 1.0, 0.0, 1.0, 0.0, 0.0, -1.0, 1.0]];
/// let references = [first.view(), second.view()];
/// // Each estimate holds a tenth of the other source, and they came out in the wrong order.
/// let estimates: [Array2<f32>; 2] = [&second + &first * 0.1, &first + &second * 0.1];
/// let estimates = estimates.each_ref().map(|estimate| estimate.view());
///
/// let config = BssEvalConfig { filter_len: 1, matching: Matching::BestSir };
/// let scores = bss_eval_sources(&references, &estimates, &config)?;
/// assert_eq!(scores.permutation, [1, 0]);
/// assert!((scores.sources[0].sir_db - 20.0).abs() < 1e-3);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - E. Vincent, R. Gribonval, C. Févotte, *Performance measurement in blind audio source
///   separation*, IEEE TASLP 14(4), 2006, doi:10.1109/TSA.2005.858005.
pub fn bss_eval_sources<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    config: &BssEvalConfig,
) -> Result<Scores, Error> {
    whole(references, estimates, config, Version::Sources)
}

/// Score a whole recording with the images version of BSS Eval 3: the true source is the reference as
/// it is, with its gain, its panning and its room.
///
/// ```text
/// SDR = |s|² / |e - s|²     ISR = |s|² / |own - s|²
/// SIR = |own|² / |all - own|²     SAR = |all|² / |e - all|²
/// ```
///
/// with `s` the reference, `e` the estimate, `own` its projection onto all filtered versions of the
/// channels of its own reference, and `all` its projection onto filtered versions of all channels
/// of all references together.
///
/// # Shapes
///
/// Both lists have one array `(channels, samples)` per source, all of one shape.
///
/// # Errors
///
/// Those of [`bss_eval_sources`].
///
/// # Examples
///
/// ```
/// use ndarray::{Array2, array};
/// use unbraid::evaluate::{BssEvalConfig, bss_eval_images};
///
/// let first = array![[1.0_f32, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0]];
/// let second = array![[0.0_f32, 1.0, 0.0, 1.0, 0.0, 0.0, -1.0, 1.0]];
/// // Both estimates are too quiet, and that is all that is wrong.
/// let estimates: [Array2<f32>; 2] = [&first * 0.5, &second * 0.75];
///
/// let scores = bss_eval_images(
///     &[first.view(), second.view()],
///     &estimates.each_ref().map(|estimate| estimate.view()),
///     &BssEvalConfig { filter_len: 1, ..BssEvalConfig::default() },
/// )?;
/// let quieter = &scores.sources[0];
/// assert!((quieter.sdr_db - 6.02).abs() < 0.01);
/// assert!((quieter.isr_db.unwrap() - 6.02).abs() < 0.01);
/// assert!(quieter.sir_db > 100.0 && quieter.sar_db > 100.0);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - E. Vincent, S. Araki, F. Theis et al., *The signal separation evaluation campaign (2007–2010):
///   Achievements and remaining challenges*, Signal Processing 92, 2012.
pub fn bss_eval_images<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    config: &BssEvalConfig,
) -> Result<Scores, Error> {
    whole(references, estimates, config, Version::Images)
}

/// Score a recording frame by frame with the sources version of BSS Eval 3.
///
/// Every frame has its own filters and, if wanted, its own matching. A recording that does not hold two
/// frames is scored as a whole. Frames with a silent reference or estimate have no scores.
///
/// # Errors
///
/// Those of [`bss_eval_sources`], and [`Error::Config`] if the window or the hop is zero.
pub fn bss_eval_sources_framewise<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    frames: &FrameConfig,
    config: &BssEvalConfig,
) -> Result<FramewiseScores, Error> {
    framewise(references, estimates, frames, config, Version::Sources)
}

/// Score a recording frame by frame with the images version of BSS Eval 3.
///
/// See [`bss_eval_sources_framewise`].
///
/// # Errors
///
/// Those of [`bss_eval_sources`], and [`Error::Config`] if the window or the hop is zero.
pub fn bss_eval_images_framewise<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    frames: &FrameConfig,
    config: &BssEvalConfig,
) -> Result<FramewiseScores, Error> {
    framewise(references, estimates, frames, config, Version::Images)
}

fn whole<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    config: &BssEvalConfig,
    version: Version,
) -> Result<Scores, Error> {
    config.check()?;
    with_checked(references, estimates, |references, estimates| {
        refuse_silence(references, estimates)?;
        let range = 0..references.len_samples();
        let (permutation, sources) = score(references, estimates, &range, config, version)?;
        Ok(Scores {
            permutation,
            sources,
        })
    })
}

fn framewise<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    frames: &FrameConfig,
    config: &BssEvalConfig,
    version: Version,
) -> Result<FramewiseScores, Error> {
    config.check()?;
    with_checked(references, estimates, |references, estimates| {
        let len = references.len_samples();
        let mut ranges = frames.frames(len)?;
        if let [only] = ranges.as_mut_slice() {
            *only = 0..len;
        }
        refuse_silence(references, estimates)?;
        let score_frame = |range: &Range<usize>| {
            let (start_samples, len_samples) = (range.start, range.len());
            let (permutation, sources) = if any_silent(references, estimates, range) {
                ((0..references.sources()).collect(), None)
            } else {
                let scored = score(references, estimates, range, config, version)?;
                (scored.0, Some(scored.1))
            };
            Ok(FrameScores {
                start_samples,
                len_samples,
                permutation,
                sources,
            })
        };
        // Frames side by side keep all cores busy during the factorisations, as far as
        // memory for their matrices allows.
        let mut scored = Vec::with_capacity(ranges.len());
        for ranges in ranges.chunks(frames_at_once(references.rows() * config.filter_len)) {
            let frames: Vec<Result<FrameScores, Error>> =
                ranges.par_iter().map(score_frame).collect();
            for frame in frames {
                scored.push(frame?);
            }
        }
        Ok(FramewiseScores { frames: scored })
    })
}

/// How many frames fit side by side into half a gigabyte of normal equations.
fn frames_at_once(unknowns: usize) -> usize {
    const MOST_NUMBERS: usize = 1 << 26;
    (MOST_NUMBERS / unknowns.saturating_mul(unknowns).max(1)).max(1)
}

/// Filters, energies and ratios of one range of samples.
fn score(
    references: &dyn Signals,
    estimates: &dyn Signals,
    range: &Range<usize>,
    config: &BssEvalConfig,
    version: Version,
) -> Result<(Vec<usize>, Vec<Ratios>), Error> {
    let pairing = config.matching.pairing();
    let correlations = correlate(references, estimates, range, config.filter_len);
    let shape = (references.sources(), references.channels());
    let projector = Projector::new(&correlations, shape, range.len(), pairing)?;
    let energies = projector.energies(references, estimates, std::slice::from_ref(range));
    Ok(match_and_rate(
        &energies[0],
        references.sources(),
        config.matching,
        version,
    ))
}

/// The best order of the estimates and the ratios in that order.
fn match_and_rate(
    energies: &[Energies],
    sources: usize,
    matching: Matching,
    version: Version,
) -> (Vec<usize>, Vec<Ratios>) {
    let ratios: Vec<Ratios> = energies
        .iter()
        .map(|energies| version.ratios(energies))
        .collect();
    match matching {
        Matching::Given => ((0..sources).collect(), ratios),
        Matching::BestSir => {
            let order = permutation::best(sources, |k, j| ratios[k * sources + j].sir_db);
            let sources = order
                .iter()
                .enumerate()
                .map(|(j, &k)| ratios[k * sources + j])
                .collect();
            (order, sources)
        }
    }
}
