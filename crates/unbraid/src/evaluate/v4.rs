//! References and estimates come in; the ratios of BSS Eval version 4, frame by frame, go out.

use ndarray::ArrayView2;

use super::correlation::correlate;
use super::permutation;
use super::projection::Projector;
use super::scores::{FrameConfig, FrameScores, FramewiseScores, Ratios, Version};
use super::signals::{Sample, any_silent, refuse_silence, with_checked};
use super::v3::{BssEvalConfig, Matching};
use crate::Error;

/// Score a recording as museval does: BSS Eval version 4.
///
/// The ratios are those of [`bss_eval_images`](super::bss_eval_images), but the distortion filters are
/// found once for the whole recording and then applied to every frame, as if there were silence
/// around the frame. With [`FrameConfig::one_second`] and the default settings these are the figures
/// published for MUSDB18; a track is summed up by [`FramewiseScores::median`] and a collection by the
/// [`median`](super::median) over tracks.
///
/// As in museval 0.4.1:
///
/// - a frame in which any reference or any estimate is exactly silent has scores for no source;
/// - samples after the last whole frame are not scored, though they take part in finding the filters;
/// - a recording not longer than a frame is one frame.
///
/// One thing differs: with [`Matching::BestSir`] the mean SIR is taken over the frames that have
/// scores. Museval keeps the given order as soon as one frame has none.
///
/// # Shapes
///
/// Both lists have one array `(channels, samples)` per source, all of one shape.
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
/// use ndarray::Array2;
/// use unbraid::evaluate::{BssEvalConfig, FrameConfig, v4};
///
/// let tone = |period: usize| Array2::from_shape_fn((2, 400), |(_, n)| ((n % period) as f32) - 2.0);
/// let (bass, lead) = (tone(9), tone(5));
/// // The separator kept a tenth of the lead in the bass and lost that tenth from the lead.
/// let estimates = [&bass + &lead * 0.1, &lead * 0.9];
///
/// let scores = v4::bss_eval(
///     &[bass.view(), lead.view()],
///     &estimates.each_ref().map(|estimate| estimate.view()),
///     &FrameConfig { window_len: 100, hop_len: 100 },
///     &BssEvalConfig { filter_len: 1, ..BssEvalConfig::default() },
/// )?;
/// assert_eq!(scores.frames_scored(), 4);
/// assert!((scores.median()[1].sdr_db - 20.0).abs() < 1e-3);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - F.-R. Stöter, A. Liutkus, N. Ito, *The 2018 signal separation evaluation campaign*, LVA/ICA
///   2018, doi:10.1007/978-3-319-93764-9_28.
pub fn bss_eval<T: Sample>(
    references: &[ArrayView2<'_, T>],
    estimates: &[ArrayView2<'_, T>],
    frames: &FrameConfig,
    config: &BssEvalConfig,
) -> Result<FramewiseScores, Error> {
    config.check()?;
    with_checked(references, estimates, |references, estimates| {
        let len = references.len_samples();
        let ranges = frames.frames(len)?;
        refuse_silence(references, estimates)?;
        let sources = references.sources();
        let correlations = correlate(references, estimates, &(0..len), config.filter_len);
        let window_len = ranges.first().map_or(len, ExactSizeIterator::len);
        let shape = (sources, references.channels());
        let projector =
            Projector::new(&correlations, shape, window_len, config.matching.pairing())?;

        let scored: Vec<_> = ranges
            .iter()
            .filter(|range| !any_silent(references, estimates, range))
            .cloned()
            .collect();
        let rated: Vec<Vec<Ratios>> = projector
            .energies(references, estimates, &scored)
            .iter()
            .map(|pairs| {
                pairs
                    .iter()
                    .map(|energies| Version::Images.ratios(energies))
                    .collect()
            })
            .collect();
        let order = match config.matching {
            Matching::Given => (0..sources).collect(),
            Matching::BestSir => permutation::best(sources, |k, j| {
                rated
                    .iter()
                    .map(|pairs| pairs[k * sources + j].sir_db)
                    .sum::<f64>()
            }),
        };

        let mut rated = scored.iter().zip(rated).peekable();
        let frames = ranges
            .iter()
            .map(|range| FrameScores {
                start_samples: range.start,
                len_samples: range.len(),
                permutation: order.clone(),
                sources: rated.next_if(|(scored, _)| *scored == range).map(
                    |(_, pairs)| match config.matching {
                        Matching::Given => pairs,
                        Matching::BestSir => order
                            .iter()
                            .enumerate()
                            .map(|(j, &k)| pairs[k * sources + j])
                            .collect(),
                    },
                ),
            })
            .collect();
        Ok(FramewiseScores { frames })
    })
}
