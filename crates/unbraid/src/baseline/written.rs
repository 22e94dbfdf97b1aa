//! Shares that are written down, or none at all, come in; they go out as a way of sharing a recording.

use std::fmt;
use std::ops::Range;

use ndarray::{Array2, ArrayViewMut3, s};

use crate::Stft;
use crate::sharing::Sharing;
use crate::stft::Spectrum;

/// Writes the shares of some frames, `(sources, frames, bins)`.
type Write = Box<dyn Fn(Range<usize>, &mut ArrayViewMut3<'_, f32>) + Send + Sync>;

/// Shares that somebody wrote down, whatever the recording holds, the same for all channels.
pub struct Written {
    stft: Stft,
    frames: usize,
    sources: usize,
    write: Write,
}

impl Written {
    pub(super) fn new(
        stft: &Stft,
        frames: usize,
        sources: usize,
        write: impl Fn(Range<usize>, &mut ArrayViewMut3<'_, f32>) + Send + Sync + 'static,
    ) -> Self {
        Self {
            stft: stft.clone(),
            frames,
            sources,
            write: Box::new(write),
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Written")
            .field("frames", &self.frames)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl Sharing for Written {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        self.sources
    }

    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> usize {
        self.frames
    }

    fn share(
        &self,
        _: &Spectrum,
        frames: Range<usize>,
        _: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        (self.write)(frames, shares);
    }
}

/// The same share of everything for every source: the scaled mixture.
#[must_use]
pub fn equal(stft: &Stft, frames: usize, sources: usize) -> Written {
    Written::new(stft, frames, sources, move |_, shares| {
        shares.fill(1.0 / sources as f32);
    })
}

/// The share of one source written down for every bin, `(frames, bins)`, each from 0 to 1; the others divide what is
/// left equally.
#[must_use]
pub fn one_against_rest(stft: &Stft, share: Array2<f32>, source: usize, sources: usize) -> Written {
    let others = (sources - 1).max(1) as f32;
    Written::new(stft, share.nrows(), sources, move |frames, shares| {
        let own = share.slice(s![frames, ..]);
        for (at, mut share) in shares.outer_iter_mut().enumerate() {
            if at == source {
                share.assign(&own);
            } else {
                share.assign(&own.mapv(|own| (1.0 - own) / others));
            }
        }
    })
}
