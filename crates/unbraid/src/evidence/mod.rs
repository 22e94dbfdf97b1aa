//! A spectrogram comes in; how much of every bin a small trained network gives to each class of
//! sound goes out: learnt evidence, for the grouping and for the drums' recipe.

mod bands;
mod layers;
mod net;

use std::ops::Range;

use ndarray::parallel::prelude::*;
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2, ArrayViewMut3, Axis, s};

use self::bands::{BANDS, Bands};
use self::net::{CLASSES, Net};
use crate::Error;

/// What the network tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Bass drums.
    Kick,
    /// Snare drums, claps and rims.
    Snare,
    /// Hi-hats and cymbals.
    Cymbals,
    /// Toms, hand drums, shakers: every other drum.
    Percussion,
    /// Bass instruments.
    Bass,
    /// Everything else.
    Other,
}

impl Class {
    /// Every class, in the order of the network's answers.
    pub const ALL: [Self; 6] = [
        Self::Kick,
        Self::Snare,
        Self::Cymbals,
        Self::Percussion,
        Self::Bass,
        Self::Other,
    ];

    /// Every class that is a drum.
    pub const DRUMS: [Self; 4] = [Self::Kick, Self::Snare, Self::Cymbals, Self::Percussion];
}

/// Frames that are looked at together.
const SEGMENT: usize = 512;

/// Frames at either end of a segment that only give context.
const CONTEXT: usize = 32;

/// The hop the network was trained at, in seconds.
const HOP_SECS: f64 = 1024.0 / 44_100.0;

/// Listen with other weights than the shipped ones, in this whole process and before anything is listened to: for
/// who trains the network anew and wants to measure what came out.
///
/// `bytes` are a safetensors file as `cargo xtask train-drums` writes it.
///
/// # Errors
///
/// [`Error::Config`] if they are not the weights of this network, or something was listened to already.
pub fn use_weights(bytes: &[u8]) -> Result<(), Error> {
    let refused = |given: &str| {
        let requirement =
            "a safetensors file of this network's weights, chosen before anything is listened to";
        Err(Error::config("evidence.weights", given, requirement))
    };
    match Net::choose(bytes) {
        Ok(true) => Ok(()),
        Ok(false) => refused("too late"),
        Err(what) => refused(&what),
    }
}

/// How much of every band and frame belongs to each class.
///
/// The bands are those of the network: single bins of 10.8 Hz up to 2.7 kHz, wider above. Memory is under a third of
/// the spectrogram's for each class.
#[derive(Debug, Clone)]
pub struct ClassShares {
    /// `(network's frames, bands, classes)`.
    shares: Array3<f32>,
    bands: Bands,
    bins: usize,
    /// The network's frames per frame of the spectrogram.
    pace: f64,
    frames: usize,
}

impl ClassShares {
    /// Listen to magnitudes `(bins, frames)`.
    ///
    /// The network was trained on a transform of 93 ms with a hop of 23 ms; others are converted,
    /// which costs accuracy the further they are from it.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::Array2;
    /// use unbraid::evidence::{Class, ClassShares};
    ///
    /// // A click in every bin, and silence around it.
    /// let mut magnitudes = Array2::from_elem((1025, 40), 1e-4);
    /// magnitudes.column_mut(12).fill(1.0);
    /// let shares = ClassShares::of(magnitudes.view(), 22_050.0 / 2048.0, 512.0 / 22_050.0);
    /// let drums = shares.share_of(&Class::DRUMS);
    /// assert_eq!(drums.dim(), (1025, 40));
    /// assert!(drums.iter().all(|share| (0.0..=1.0001).contains(share)));
    /// ```
    #[must_use]
    pub fn of(magnitudes: ArrayView2<'_, f32>, bin_hz: f64, hop_secs: f64) -> Self {
        let (bins, frames) = magnitudes.dim();
        let bands = Bands::new(bins, bin_hz);
        // Near the trained hop every frame is the network's; otherwise the nearest stands for it.
        let ratio = hop_secs / HOP_SECS;
        let pace = if (0.75..1.34).contains(&ratio) {
            1.0
        } else {
            ratio
        };
        let heard = ((frames as f64 * pace).ceil() as usize).max(1);
        let mut densities = Array2::<f32>::zeros((heard, BANDS));
        let rows = densities.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        rows.for_each_init(Vec::new, |powers, (at, mut row)| {
            let frame = ((at as f64 / pace) as usize).min(frames - 1);
            powers.clear();
            powers.extend(
                magnitudes
                    .column(frame)
                    .iter()
                    .map(|magnitude| magnitude * magnitude),
            );
            bands.densities(powers, row.as_slice_mut().expect("rows are contiguous"));
        });
        let mut shares = Array3::<f32>::zeros((heard, BANDS, CLASSES));
        let step = SEGMENT - 2 * CONTEXT;
        let mut segments: Vec<_> = shares
            .axis_chunks_iter_mut(Axis(0), step)
            .enumerate()
            .map(|(index, shares)| (index * step, shares))
            .collect();
        // As many at a time as there are threads: what a segment takes in memory is taken no more often.
        for some in segments.chunks_mut(rayon::current_num_threads()) {
            some.par_iter_mut()
                .for_each(|(done, shares)| listen(&densities, *done, shares));
        }
        Self {
            shares,
            bands,
            bins,
            pace,
            frames,
        }
    }

    /// The spectrogram's bins and frames.
    #[must_use]
    pub fn dim(&self) -> (usize, usize) {
        (self.bins, self.frames)
    }

    /// The share that some classes have together, `(bins, frames)`.
    #[must_use]
    pub fn share_of(&self, classes: &[Class]) -> Array2<f32> {
        let mut out = Array2::<f32>::zeros((self.frames, self.bins));
        self.write(classes, 0..self.frames, &mut out.view_mut());
        out.reversed_axes()
    }

    /// The same for some frames, written frame by frame: `(frames, bins)`.
    pub(crate) fn write(
        &self,
        classes: &[Class],
        frames: Range<usize>,
        out: &mut ArrayViewMut2<'_, f32>,
    ) {
        let (heard, bands, _) = self.shares.dim();
        let mut together = vec![0.0; bands];
        for (frame, mut row) in frames.zip(out.outer_iter_mut()) {
            let at = ((frame as f64 * self.pace) as usize).min(heard - 1);
            let shares = self.shares.index_axis(Axis(0), at);
            for (sum, shares) in together.iter_mut().zip(shares.outer_iter()) {
                *sum = classes.iter().map(|&class| shares[class as usize]).sum();
            }
            for (bin, out) in row.iter_mut().enumerate() {
                *out = together[self.bands.band_of(bin)];
            }
        }
    }
}

/// Write the shares of the classes, `(frames, bands, classes)`, for the frames from `first` on.
fn listen(densities: &Array2<f32>, first: usize, shares: &mut ArrayViewMut3<'_, f32>) {
    let frames = shares.len_of(Axis(0));
    // The last segment keeps up its length, to hear as much as the others.
    let end = (first + frames + CONTEXT).min(densities.nrows());
    let begin = end
        .saturating_sub(SEGMENT)
        .min(first.saturating_sub(CONTEXT));
    let segment = densities.slice(s![begin..end, ..]);
    let input = segment.t().to_owned().insert_axis(Axis(0));
    let input = input.as_standard_layout().into_owned();
    let answer = Net::chosen().shares(&input);
    let kept = answer.slice(s![.., first - begin..first - begin + frames, ..]);
    shares.assign(&kept.permuted_axes([1, 0, 2]));
}
