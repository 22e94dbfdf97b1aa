//! Shares of every bin come in; the same go out, block by block.

use std::ops::Range;

use ndarray::{Array3, ArrayViewMut3, Axis, s};

use super::{Sharing, StemsConfig};
use crate::mask::{Render, share_out, winner_takes_all};
use crate::stft::Spectrum;
use crate::{Error, Stft};

/// Shares that are known for every bin.
#[derive(Debug)]
pub struct Masks {
    stft: Stft,
    /// `(sources, frames, bins)`.
    shares: Array3<f32>,
    render: Render,
    residual: bool,
}

impl Masks {
    /// Share out by these, `(sources, frames, bins)`, alike in all channels.
    ///
    /// With [`StemsConfig::residual`] a silent source is added, for they leave nothing over.
    ///
    /// # Errors
    ///
    /// - [`Error::Config`] for a setting that is not allowed; [`Render::Model`] is not, as there is none.
    /// - [`Error::Shape`] if they are not for the transform's bins.
    /// - [`Error::NotNonNegative`] if a share is negative or not a number.
    pub fn new(stft: Stft, shares: Array3<f32>, config: StemsConfig) -> Result<Self, Error> {
        config.render.check()?;
        if config.render == Render::Model {
            let requirement = "ratio or binary where shares are known but no model";
            return Err(Error::config("stems.render", "model", requirement));
        }
        let (sources, frames, bins) = shares.dim();
        if bins != stft.bins() {
            return Err(Error::Shape {
                what: "the masks (sources, frames, bins)",
                expected: vec![sources, frames, stft.bins()],
                actual: vec![sources, frames, bins],
            });
        }
        let legal = |share: f32| share.is_finite() && share >= 0.0;
        if let Some((at, share)) = shares.indexed_iter().find(|(_, share)| !legal(**share)) {
            return Err(Error::NotNonNegative {
                what: "the masks",
                value: f64::from(*share),
                at: vec![at.0, at.1, at.2],
            });
        }
        Ok(Self {
            stft,
            shares,
            render: config.render,
            residual: config.residual,
        })
    }
}

impl Sharing for Masks {
    fn stft(&self) -> &Stft {
        &self.stft
    }

    fn sources(&self) -> usize {
        self.shares.len_of(Axis(0)) + usize::from(self.residual)
    }

    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> usize {
        self.shares.len_of(Axis(1))
    }

    fn share(
        &self,
        _spectrum: &Spectrum,
        frames: Range<usize>,
        _channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        let known = self.shares.len_of(Axis(0));
        let (mut own, mut residual) = shares.view_mut().split_at(Axis(0), known);
        own.assign(&self.shares.slice(s![.., frames, ..]));
        residual.fill(0.0);
        let shared = match self.render {
            Render::Ratio { exponent } => share_out(shares, exponent),
            Render::Binary | Render::Model => winner_takes_all(shares),
        };
        shared.expect("shares were checked");
    }
}
