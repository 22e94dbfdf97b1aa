//! A recording and what says how it is shared out come in; audio goes out, block by block.

use std::ops::Range;

use ndarray::{Array2, Array3, Axis, s};
use rayon::prelude::*;

use crate::sharing::Sharing;
use crate::stft::{OverlapAdd, Spectrum};
use crate::{Audio, Error};

/// Frames rendered at a time: with many stems, a block of more would leave the processor's caches.
const BLOCK_FRAMES: usize = 32;

/// The stems of a recording, block by block: an iterator over `(stems, channels, samples)`.
///
/// All blocks together have the recording's length. Masked stems (all but
/// [`crate::mask::Render::Model`]) add up to the recording to rounding, below −120 dB of its peak. Memory is a few blocks,
/// whatever the length.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::sharing::StemsConfig;
/// use unbraid::stems::StemBlocks;
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let mut config = FactorizeConfig::default();
/// config.blind.components = 4;
/// let factorization = factorize(&mixture, &config, &mut ())?;
/// let mut sum = Vec::new();
/// let sharing = factorization.sharing(&[vec![0, 3], vec![1, 2]], StemsConfig::default())?;
/// for block in StemBlocks::new(&mixture, &sharing)? {
///     sum.extend(block.sum_axis(ndarray::Axis(0)).row(0).iter().copied());
/// }
/// assert!(sum.iter().zip(mixture.channel(0)).all(|(a, b)| (a - b).abs() < 1e-6));
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug)]
pub struct StemBlocks<'a> {
    audio: &'a Audio,
    sharing: &'a dyn Sharing,
    /// One per stem and channel, channels together.
    overlaps: Vec<OverlapAdd<'a>>,
    /// The shares of a block, one array per channel that is shared out by itself.
    shares: Vec<Array3<f32>>,
    frame: usize,
    /// The frame behind the last to render.
    end: usize,
}

impl<'a> StemBlocks<'a> {
    /// Prepare to render.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if `sharing` is not for this recording.
    pub fn new(audio: &'a Audio, sharing: &'a dyn Sharing) -> Result<Self, Error> {
        let stft = sharing.stft();
        let frames = stft.frames(audio.len_samples());
        let channels = if sharing.channels() == 1 {
            1
        } else {
            audio.channels()
        };
        if (sharing.channels(), sharing.frames()) != (channels, frames) {
            return Err(Error::Shape {
                what: "the model",
                expected: vec![channels, stft.bins(), frames],
                actual: vec![sharing.channels(), stft.bins(), sharing.frames()],
            });
        }
        Ok(Self::of_frames(audio, sharing, 0, audio.len_samples()))
    }

    /// The frames of a piece of the recording that begins at the centre of frame `first`.
    fn of_frames(
        audio: &'a Audio,
        sharing: &'a dyn Sharing,
        first: usize,
        len_samples: usize,
    ) -> Self {
        let stft = sharing.stft();
        let overlap = OverlapAdd::new(stft, len_samples);
        Self {
            audio,
            sharing,
            overlaps: vec![overlap; sharing.sources() * audio.channels()],
            shares: vec![Array3::zeros((0, 0, 0)); sharing.channels()],
            frame: first,
            end: (first + stft.frames(len_samples)).min(sharing.frames()),
        }
    }

    /// The stems in a span of samples only, `(stems, channels, span.len())`: to rounding what rendering the whole gives there.
    ///
    /// Only frames that reach the span are made, so that a second costs the same wherever it lies.
    ///
    /// # Errors
    ///
    /// As [`StemBlocks::new`], and [`Error::Shape`] if the span ends behind the recording.
    pub fn span(
        audio: &'a Audio,
        sharing: &'a dyn Sharing,
        span: Range<usize>,
    ) -> Result<Array3<f32>, Error> {
        // The checks are those of the whole.
        let stems = Self::new(audio, sharing)?.stems();
        if span.end > audio.len_samples() || span.start > span.end {
            return Err(Error::Shape {
                what: "the span",
                expected: vec![audio.len_samples()],
                actual: vec![span.start, span.end],
            });
        }
        let config = sharing.stft().config();
        let margin = config.window_len + config.hop_len;
        let first = span.start.saturating_sub(margin) / config.hop_len;
        let mut at = first * config.hop_len;
        let len = (span.end + margin).min(audio.len_samples()) - at;
        let mut out = Array3::zeros((stems, audio.channels(), span.len()));
        for block in Self::of_frames(audio, sharing, first, len) {
            let end = at + block.len_of(Axis(2));
            let (from, to) = (at.max(span.start), end.min(span.end));
            if from < to {
                out.slice_mut(s![.., .., from - span.start..to - span.start])
                    .assign(&block.slice(s![.., .., from - at..to - at]));
            }
            at = end;
        }
        Ok(out)
    }

    /// The number of stems: one per source.
    #[must_use]
    pub fn stems(&self) -> usize {
        self.sharing.sources()
    }

    /// Frames rendered so far.
    #[must_use]
    pub fn frames_done(&self) -> usize {
        self.frame
    }

    /// Frames to render in all.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.sharing.frames()
    }

    /// Every stem whole: for recordings that fit in memory once per source.
    ///
    /// # Errors
    ///
    /// None that the checks of [`StemBlocks::new`] leave open.
    pub fn collect_audio(self) -> Result<Vec<Audio>, Error> {
        let (stems, audio) = (self.stems(), self.audio);
        let mut samples =
            vec![Array2::<f32>::zeros((audio.channels(), audio.len_samples())); stems];
        let mut start = 0;
        for block in self {
            let end = start + block.len_of(Axis(2));
            for (all, part) in samples.iter_mut().zip(block.outer_iter()) {
                all.slice_mut(s![.., start..end]).assign(&part);
            }
            start = end;
        }
        samples
            .into_iter()
            .map(|samples| Audio::new(samples, audio.sample_rate()))
            .collect()
    }

    /// What every stem's frames must be multiplied by: one `(stems, frames, bins)` block per
    /// channel that is shared out by itself.
    fn share(&mut self, spectrum: &Spectrum) {
        let frames = self.frame..self.frame + spectrum.frames();
        let shape = (self.stems(), frames.len(), spectrum.bins());
        for (channel, block) in self.shares.iter_mut().enumerate() {
            // The memory of the block before, unless this one is shorter.
            if block.dim() != shape {
                *block = Array3::zeros(shape);
            }
            let shares = &mut block.view_mut();
            self.sharing
                .share(spectrum, frames.clone(), channel, shares);
        }
    }
}

impl Iterator for StemBlocks<'_> {
    type Item = Array3<f32>;

    fn next(&mut self) -> Option<Array3<f32>> {
        if self.frame == self.end {
            return None;
        }
        let block = self.frame..(self.frame + BLOCK_FRAMES).min(self.end);
        let spectrum = self.sharing.stft().forward_block(self.audio, block.clone());
        self.share(&spectrum);
        let (stems, channels) = (self.stems(), self.audio.channels());
        let finished = |overlap: &OverlapAdd<'_>| overlap.finished_by(block.len());
        let len = self.overlaps.first().map_or(0, finished);
        self.frame = block.end;
        let mut out = Array3::zeros((stems, channels, len));
        let Self {
            overlaps, shares, ..
        } = self;
        // With nothing finished there are no rows to fill, but frames to add all the same.
        let rows = out.as_slice_mut().expect("a new array is contiguous");
        let mut rows: Vec<&mut [f32]> = if len == 0 {
            overlaps.iter().map(|_| &mut [][..]).collect()
        } else {
            rows.chunks_exact_mut(len).collect()
        };
        overlaps
            .par_iter_mut()
            .zip(&mut rows)
            .enumerate()
            .for_each(|(index, (overlap, row))| {
                let (stem, channel) = (index / channels, index % channels);
                let weights = shares[channel.min(shares.len() - 1)].index_axis(Axis(0), stem);
                let weights = weights.to_slice().expect("a plane of a contiguous block");
                row.copy_from_slice(overlap.push_weighted(spectrum.channel_rows(channel), weights));
            });
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factorize::{FactorizeConfig, factorize};
    use crate::sharing::StemsConfig;
    use crate::testsignals::{drums_and_guitar, mix};

    /// Sums of the same values in another order.
    const ROUNDING: f32 = 1e-6;

    #[test]
    fn a_span_sounds_as_it_does_in_the_whole() {
        let (drums, guitar) = drums_and_guitar(2.0, 8000);
        let mixture = mix(&[&drums, &guitar]);
        let mut config = FactorizeConfig::default();
        config.blind.components = 5;
        config.blind.fit.iterations = 20;
        let factorization = factorize(&mixture, &config, &mut ()).unwrap();
        let members = vec![vec![0], vec![1, 4], vec![2, 3]];
        let stems = StemsConfig {
            residual: true,
            ..StemsConfig::default()
        };
        let whole: Vec<Audio> = factorization.stems(&mixture, &members, stems).unwrap();
        let sharing = factorization.sharing(&members, stems).unwrap();
        let len = mixture.len_samples();
        for span in [0..1000, 5000..8000, 12_345..13_000, len - 500..len, 0..len] {
            let part = StemBlocks::span(&mixture, &sharing, span.clone()).unwrap();
            for (set, whole) in whole.iter().enumerate() {
                let expected = &whole.channel(0)[span.clone()];
                let worst = expected
                    .iter()
                    .zip(part.slice(s![set, 0, ..]))
                    .map(|(a, b)| (a - b).abs())
                    .fold(0.0, f32::max);
                assert!(
                    worst <= ROUNDING,
                    "stem {set} differs by {worst} in {span:?}"
                );
            }
        }
        assert!(StemBlocks::span(&mixture, &sharing, 0..len + 1).is_err());
    }
}
