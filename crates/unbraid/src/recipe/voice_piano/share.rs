//! The voice's share of every bin comes in; the shares of a voice and a piano go out, block by block.

use std::ops::Range;

use ndarray::{Array2, ArrayViewMut3};

use crate::Stft;
use crate::mask::Render;
use crate::sharing::Sharing;
use crate::stft::Spectrum;

/// A recording shared out between a voice and a piano by a mask on its lowest bins.
#[derive(Debug, Clone)]
pub struct VoiceShare {
    pub(super) stft: Stft,
    /// `(frames, modelled bins)`.
    pub(super) mask: Array2<f32>,
    /// The voice's share of the bins above, by frame.
    pub(super) above: Vec<f32>,
    /// Whether the voice is the first of the two sources.
    pub(super) voice_first: bool,
    /// Masks, or the stronger takes all.
    pub(super) render: Render,
}

impl VoiceShare {
    /// The same, rendered in another way or in another order of the sources.
    #[must_use]
    pub fn rendered(self, render: Render, voice_first: bool) -> Self {
        Self {
            voice_first,
            render,
            ..self
        }
    }

    /// The voice's share of every bin of a frame.
    fn write(&self, frame: usize, out: &mut [f32]) {
        let modelled = self.mask.ncols();
        let (low, high) = out.split_at_mut(modelled);
        for (out, share) in low.iter_mut().zip(self.mask.row(frame)) {
            *out = rendered(*share, self.render);
        }
        high.fill(rendered(self.above[frame], self.render));
    }
}

/// A share as it is asked for.
fn rendered(share: f32, render: Render) -> f32 {
    match render {
        Render::Binary => f32::from(u8::from(share >= 0.5)),
        Render::Ratio { exponent } if (exponent - 1.0).abs() > f32::EPSILON => {
            let (a, b) = (share.powf(exponent), (1.0 - share).powf(exponent));
            if a + b > 0.0 { a / (a + b) } else { share }
        }
        Render::Ratio { .. } | Render::Model => share,
    }
}

impl Sharing for VoiceShare {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        2
    }

    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> usize {
        self.mask.nrows()
    }

    fn share(
        &self,
        _: &Spectrum,
        frames: Range<usize>,
        _: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let voice = usize::from(!self.voice_first);
        let mut row = vec![0.0; self.stft.bins()];
        for (at, frame) in frames.enumerate() {
            self.write(frame, &mut row);
            for (bin, share) in row.iter().enumerate() {
                shares[[voice, at, bin]] = *share;
                shares[[1 - voice, at, bin]] = 1.0 - share;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_sharpen_and_binary_decides() {
        let ratio = |exponent| Render::Ratio { exponent };
        assert!((rendered(0.8, ratio(1.0)) - 0.8).abs() < 1e-6);
        assert!((rendered(0.8, ratio(2.0)) - 0.64 / 0.68).abs() < 1e-6);
        assert!((rendered(0.8, Render::Binary) - 1.0).abs() < 1e-6);
        assert!(rendered(0.2, Render::Binary).abs() < 1e-6);
    }
}
