//! Energies of the parts of estimates come in; ratios in dB, and medians over frames, go out.

use serde::{Deserialize, Serialize};

use super::projection::Energies;
use crate::Error;

/// How well one estimate matches its reference, by BSS Eval. Higher is better.
///
/// A ratio is infinite where there is nothing of the kind it looks for, such as interference from
/// other sources when there is one source.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Source to distortion: the reference against everything that is wrong.
    #[serde(with = "super::decibels")]
    pub sdr_db: f64,
    /// Source image to spatial distortion: the reference against wrong gains, filtering and
    /// panning. The sources version does not have it.
    #[serde(with = "super::decibels::optional")]
    pub isr_db: Option<f64>,
    /// Source to interference: the reference against what comes from the other sources.
    #[serde(with = "super::decibels")]
    pub sir_db: f64,
    /// Sources to artifacts: what comes from the sources against what comes from none of them.
    #[serde(with = "super::decibels")]
    pub sar_db: f64,
}

impl Ratios {
    /// By how many dB these ratios are better than `baseline`, ratio by ratio.
    ///
    /// With the scores of the plain mixture, given as the estimate of every source, as baseline this is
    /// the improvement over the mixture.
    #[must_use]
    pub fn improvement_over(&self, baseline: &Self) -> Self {
        Self {
            sdr_db: self.sdr_db - baseline.sdr_db,
            isr_db: self
                .isr_db
                .zip(baseline.isr_db)
                .map(|(own, other)| own - other),
            sir_db: self.sir_db - baseline.sir_db,
            sar_db: self.sar_db - baseline.sar_db,
        }
    }
}

/// The scores of a whole recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// For each reference the number of the estimate it is scored with.
    pub permutation: Vec<usize>,
    /// One entry per reference.
    pub sources: Vec<Ratios>,
}

/// The scores of one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameScores {
    /// Where the frame begins.
    pub start_samples: usize,
    /// How long it is.
    pub len_samples: usize,
    /// For each reference the number of the estimate it is scored with.
    pub permutation: Vec<usize>,
    /// One entry per reference; nothing if a reference or an estimate is silent in this frame.
    pub sources: Option<Vec<Ratios>>,
}

/// The scores of a recording, frame by frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FramewiseScores {
    /// All frames in their order, those without scores included.
    pub frames: Vec<FrameScores>,
}

impl FramewiseScores {
    /// The number of frames that have scores.
    ///
    /// A frame in which one estimate is exactly silent has scores for no source. A separator that
    /// writes exact zeros so chooses the frames it is judged by; always report this number.
    #[must_use]
    pub fn frames_scored(&self) -> usize {
        self.frames
            .iter()
            .filter(|frame| frame.sources.is_some())
            .count()
    }

    /// For each source the median over frames of every ratio.
    ///
    /// As in museval's files, frames without scores and infinite ratios are left out, and the
    /// median of an even number of frames is the mean of the two in the middle. Where nothing is
    /// left, the median is NaN.
    #[must_use]
    pub fn median(&self) -> Vec<Ratios> {
        let sources = self
            .frames
            .first()
            .map_or(0, |frame| frame.permutation.len());
        (0..sources)
            .map(|source| {
                let of = |ratio: fn(&Ratios) -> f64| {
                    let scored = self
                        .frames
                        .iter()
                        .filter_map(|frame| frame.sources.as_ref());
                    median(scored.map(|ratios| ratio(&ratios[source])))
                };
                let has_isr = self
                    .frames
                    .iter()
                    .filter_map(|frame| frame.sources.as_ref())
                    .any(|ratios| ratios[source].isr_db.is_some());
                Ratios {
                    sdr_db: of(|ratios| ratios.sdr_db),
                    isr_db: has_isr.then(|| of(|ratios| ratios.isr_db.unwrap_or(f64::NAN))),
                    sir_db: of(|ratios| ratios.sir_db),
                    sar_db: of(|ratios| ratios.sar_db),
                }
            })
            .collect()
    }
}

/// The median of the finite values among some values, or NaN if there is none.
///
/// The median of an even number of values is the mean of the two in the middle.
///
/// # Examples
///
/// ```
/// use unbraid::evaluate::median;
///
/// assert_eq!(median([3.0, f64::NAN, 1.0, f64::INFINITY, 2.0, 9.0]), 2.5);
/// ```
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut finite: Vec<f64> = values
        .into_iter()
        .filter(|value| value.is_finite())
        .collect();
    finite.sort_by(f64::total_cmp);
    let middle = finite.len() / 2;
    match finite.len() {
        0 => f64::NAN,
        len if len % 2 == 1 => finite[middle],
        _ => f64::midpoint(finite[middle - 1], finite[middle]),
    }
}

/// What the reference of an estimate is taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// The reference up to a filter.
    Sources,
    /// The reference as it is.
    Images,
}

impl Version {
    /// Turn energies into ratios.
    pub(super) fn ratios(self, energies: &Energies) -> Ratios {
        let (sdr_db, isr_db) = match self {
            Self::Sources => (ratio_db(energies.own, energies.filtered_error), None),
            Self::Images => (
                ratio_db(energies.reference, energies.image_error),
                Some(ratio_db(energies.reference, energies.spatial)),
            ),
        };
        Ratios {
            sdr_db,
            isr_db,
            sir_db: ratio_db(energies.own, energies.interference),
            sar_db: ratio_db(energies.all, energies.artifacts),
        }
    }
}

/// A ratio of energies in dB; infinite where there is nothing to compare with.
pub(super) fn ratio_db(signal: f64, error: f64) -> f64 {
    if error == 0.0 {
        f64::INFINITY
    } else {
        10.0 * (signal / error).log10()
    }
}

/// A window that moves over a recording.
///
/// # Examples
///
/// ```
/// use unbraid::evaluate::FrameConfig;
///
/// let config = FrameConfig { window_len: 4, hop_len: 2 };
/// assert_eq!(config.frames(9)?, [0..4, 2..6, 4..8]);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameConfig {
    /// Length of a frame in samples, at least 1.
    pub window_len: usize,
    /// Samples from the beginning of a frame to the beginning of the next, at least 1.
    pub hop_len: usize,
}

impl FrameConfig {
    /// Frames of one second without overlap, as museval scores MUSDB18.
    #[must_use]
    pub fn one_second(sample_rate: u32) -> Self {
        Self {
            window_len: sample_rate as usize,
            hop_len: sample_rate as usize,
        }
    }

    /// The ranges of samples of all frames that fit whole into a recording; the whole recording
    /// if it is not longer than one frame.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if the window or the hop is zero.
    pub fn frames(&self, len_samples: usize) -> Result<Vec<std::ops::Range<usize>>, Error> {
        let Self {
            window_len,
            hop_len,
        } = *self;
        if window_len == 0 {
            return Err(Error::config(
                "evaluate.window_len",
                window_len,
                "at least 1 sample",
            ));
        }
        if hop_len == 0 {
            return Err(Error::config(
                "evaluate.hop_len",
                hop_len,
                "at least 1 sample",
            ));
        }
        let window_len = window_len.min(len_samples);
        let count = (len_samples - window_len) / hop_len + 1;
        Ok((0..count)
            .map(|frame| frame * hop_len..frame * hop_len + window_len)
            .collect())
    }
}
