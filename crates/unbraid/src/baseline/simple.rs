//! Shares that need no factorisation come in, or none at all; they go out as a way of sharing a recording.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut3, s};

use crate::Stft;
use crate::sharing::Sharing;
use crate::stft::Spectrum;

/// Shares of one source written down for every bin; the others divide what is left equally.
#[derive(Debug, Clone)]
pub struct OneAgainstRest {
    stft: Stft,
    /// `(frames, bins)`.
    share: Array2<f32>,
    /// The source that has it.
    source: usize,
    sources: usize,
}

impl OneAgainstRest {
    /// Give a source its shares, `(frames, bins)`, each from 0 to 1.
    #[must_use]
    pub fn new(stft: &Stft, share: Array2<f32>, source: usize, sources: usize) -> Self {
        Self {
            stft: stft.clone(),
            share,
            source,
            sources,
        }
    }
}

impl Sharing for OneAgainstRest {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn frames(&self) -> usize {
        self.share.nrows()
    }

    fn sources(&self) -> usize {
        self.sources
    }

    fn channels(&self) -> usize {
        1
    }

    fn share(
        &self,
        _: &Spectrum,
        frames: Range<usize>,
        _: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let own = self.share.slice(s![frames, ..]);
        let others = (self.sources - 1).max(1) as f32;
        for (source, mut share) in shares.outer_iter_mut().enumerate() {
            if source == self.source {
                share.assign(&own);
            } else {
                share.assign(&own.mapv(|own| (1.0 - own) / others));
            }
        }
    }
}

/// The same share of everything for every source: the scaled mixture.
#[derive(Debug, Clone)]
pub struct Equal {
    /// The transform.
    pub stft: Stft,
    /// The number of frames.
    pub frames: usize,
    /// The number of sources.
    pub sources: usize,
}

impl Sharing for Equal {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn sources(&self) -> usize {
        self.sources
    }

    fn channels(&self) -> usize {
        1
    }

    fn share(&self, _: &Spectrum, _: Range<usize>, _: usize, shares: &mut ArrayViewMut3<'_, f32>) {
        shares.fill(1.0 / self.sources as f32);
    }
}
