//! Complex spectra come in; the non-negative spectrogram V that the model explains goes out.

use std::ops::{ControlFlow, Range};

use ndarray::{Array2, Array3, ArrayView3, Axis};
use rayon::prelude::*;
use realfft::num_complex::Complex32;
use serde::{Deserialize, Serialize};

use crate::observe::{Observer, Progress, Stage};
use crate::{Audio, Error, Stft};

/// What a value of the spectrogram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quantity {
    /// The absolute value of the spectrum: goes with β = 1.
    #[default]
    Magnitude,
    /// Its square: goes with β = 0 (Févotte, Bertin and Durrieu 2009).
    Power,
}

impl Quantity {
    /// The quantity of one value of a spectrum.
    #[inline]
    pub(crate) fn of(self, value: Complex32) -> f32 {
        match self {
            Self::Magnitude => {
                // As `hypot`, which takes the square root in f64 too, but without a call per value.
                let (re, im) = (f64::from(value.re), f64::from(value.im));
                (re * re + im * im).sqrt() as f32
            }
            Self::Power => value.norm_sqr(),
        }
    }
}

/// How several channels become a spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One spectrogram: the mean over the channels. Masks then serve every channel alike.
    #[default]
    Sum,
    /// A spectrogram per channel; components share activations and have a pan gain per channel.
    Pan,
}

/// The non-negative spectrogram V, scaled to a mean near one.
///
/// Scaling is by a power of two, which floating point does without rounding, so that the model's
/// arithmetic stays in the middle of its range whatever the recording's level, and recordings
/// that differ by such a factor give the same bits.
///
/// # Shapes
///
/// [`Spectrogram::view`] has shape `(channels, bins, frames)`. In memory the bins of one frame
/// stand together.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrogram {
    /// `(channels, frames, bins)`, contiguous.
    values: Array3<f32>,
    quantity: Quantity,
    /// Stored value = original value · 2^−exponent.
    exponent: i32,
    mean: f32,
}

/// Frames that are transformed at a time.
const BLOCK_FRAMES: usize = 256;

impl Spectrogram {
    /// The spectrogram of a recording.
    ///
    /// The spectrum is made block by block and not kept.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if the observer says so.
    pub fn of(
        audio: &Audio,
        stft: &Stft,
        quantity: Quantity,
        channels: Channels,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let frames = stft.frames(audio.len_samples());
        let bins = stft.bins();
        let planes = match channels {
            Channels::Sum => 1,
            Channels::Pan => audio.channels(),
        };
        let share = match channels {
            Channels::Sum => 1.0 / audio.channels() as f32,
            Channels::Pan => 1.0,
        };
        let mut values = Array3::<f32>::zeros((planes, frames, bins));
        for start in (0..frames).step_by(BLOCK_FRAMES) {
            let block = start..(start + BLOCK_FRAMES).min(frames);
            let progress = Progress {
                stage: Stage::Analyze,
                done: start,
                total: frames,
                objective: None,
            };
            if observer.progress(&progress) == ControlFlow::Break(()) {
                return Err(Error::Cancelled);
            }
            let spectrum = stft.forward_block(audio, block.clone());
            for channel in 0..audio.channels() {
                let plane = channel.min(planes - 1);
                let mut plane = values.index_axis_mut(ndarray::Axis(0), plane);
                let rows = plane.as_slice_mut().expect("made contiguous just above");
                rows[block.start * bins..block.end * bins]
                    .par_chunks_mut(bins)
                    .zip(spectrum.channel_rows(channel).par_chunks(bins))
                    .for_each(|(out, row)| {
                        for (out, value) in out.iter_mut().zip(row) {
                            *out += share * quantity.of(*value);
                        }
                    });
            }
        }
        Ok(Self::scaled(values, quantity))
    }

    /// A spectrogram from values made elsewhere, `(channels, bins, frames)`.
    ///
    /// # Errors
    ///
    /// - [`Error::TooShort`] if an axis is empty.
    /// - [`Error::NotNonNegative`] if a value is negative or not finite.
    pub fn from_values(values: ArrayView3<'_, f32>, quantity: Quantity) -> Result<Self, Error> {
        for (axis, what) in ["the channels", "the bins", "the frames"]
            .into_iter()
            .enumerate()
        {
            if values.shape()[axis] == 0 {
                return Err(Error::TooShort {
                    what,
                    needed: 1,
                    actual: 0,
                });
            }
        }
        let (channels, bins, frames) = values.dim();
        let mut rows = Array3::<f32>::zeros((channels, frames, bins));
        for (mut rows, values) in rows.outer_iter_mut().zip(values.outer_iter()) {
            rows.axis_chunks_iter_mut(Axis(0), BLOCK_FRAMES)
                .into_par_iter()
                .zip(values.axis_chunks_iter(Axis(1), BLOCK_FRAMES))
                .for_each(|(mut rows, values)| rows.assign(&values.t()));
        }
        let refused = |value: &f32| !(value.is_finite() && *value >= 0.0);
        let all = rows.as_slice().expect("made contiguous");
        if all.par_chunks(bins).any(|row| row.iter().any(refused)) {
            check_non_negative(
                "the spectrogram",
                values.indexed_iter().map(|((c, f, t), &v)| ([c, f, t], v)),
            )?;
        }
        Ok(Self::scaled(rows, quantity))
    }

    fn scaled(mut values: Array3<f32>, quantity: Quantity) -> Self {
        // Sums of rows in parallel, added up in order: the same at any thread count.
        let bins = values.dim().2;
        let all = values.as_slice_mut().expect("made contiguous");
        let sums: Vec<f64> = all
            .par_chunks(bins)
            .map(|row| row.iter().map(|&value| f64::from(value)).sum())
            .collect();
        let mean = sums.iter().sum::<f64>() / all.len() as f64;
        let exponent = if mean > 0.0 {
            mean.log2().round() as i32
        } else {
            0
        };
        // In f64, where even the factor of a subnormal mean has its place.
        let factor = 2.0_f64.powi(-exponent);
        if exponent != 0 {
            let scale = |value: &mut f32| *value = (f64::from(*value) * factor) as f32;
            all.par_chunks_mut(bins)
                .for_each(|row| row.iter_mut().for_each(scale));
        }
        let mean = (mean * factor) as f32;
        Self {
            values,
            quantity,
            exponent,
            mean,
        }
    }

    /// The scaled values, `(channels, bins, frames)`.
    #[must_use]
    pub fn view(&self) -> ArrayView3<'_, f32> {
        self.values.view().permuted_axes([0, 2, 1])
    }

    /// Magnitudes of all channels together, scaled, `(bins, frames)`.
    #[must_use]
    pub fn magnitudes(&self) -> Array2<f32> {
        let sum = self.values.sum_axis(Axis(0));
        let sum = match self.quantity {
            Quantity::Magnitude => sum,
            Quantity::Power => sum.mapv(f32::sqrt),
        };
        sum.reversed_axes()
    }

    /// What the values are.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        self.quantity
    }

    /// What a stored value must be multiplied by to give the recording's own.
    #[must_use]
    pub fn scale(&self) -> f32 {
        2.0_f32.powi(self.exponent)
    }

    /// The mean of the scaled values: between 0.7 and 1.5, or zero for silence.
    #[must_use]
    pub fn mean(&self) -> f32 {
        self.mean
    }

    /// The number of channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.values.dim().0
    }

    /// The number of frames.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.values.dim().1
    }

    /// The number of bins.
    #[must_use]
    pub fn bins(&self) -> usize {
        self.values.dim().2
    }

    /// Some frames of one channel, frame after frame.
    pub(crate) fn rows(&self, channel: usize, frames: Range<usize>) -> &[f32] {
        let (_, all_frames, bins) = self.values.dim();
        let all = self.values.as_slice().expect("made contiguous");
        &all[(channel * all_frames + frames.start) * bins
            ..(channel * all_frames + frames.end) * bins]
    }
}

/// Refuse the first value that is negative or not finite.
pub(crate) fn check_non_negative<const N: usize>(
    what: &'static str,
    mut values: impl Iterator<Item = ([usize; N], f32)>,
) -> Result<(), Error> {
    match values.find(|(_, value)| !(value.is_finite() && *value >= 0.0)) {
        None => Ok(()),
        Some((at, value)) => Err(Error::NotNonNegative {
            what,
            value: f64::from(value),
            at: at.to_vec(),
        }),
    }
}
