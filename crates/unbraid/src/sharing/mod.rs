//! Models of the sources come in; what every bin of a block must be multiplied by, for each of them, goes out.

mod components;
mod ensemble;
mod hinted;
mod masks;
mod nested;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use ndarray::ArrayViewMut3;
use serde::{Deserialize, Serialize};

use crate::Stft;
use crate::mask::Render;
use crate::stft::Spectrum;

pub use components::{Components, Explanation};
pub use ensemble::Ensemble;
pub(crate) use hinted::check_render;
pub use hinted::{Hinted, compared};
pub use masks::Masks;
pub use nested::Nested;

/// What says how each block of a recording is shared out among its sources.
///
/// It is asked block by block, so that no array of sources × bins × frames is ever made. [`Components`]
/// is the usual one, [`Ensemble`] the mean of several; a recipe may have its own.
pub trait Sharing: fmt::Debug + Send + Sync {
    /// The transform whose bins are shared out.
    fn stft(&self) -> &Stft;

    /// The number of sources.
    fn sources(&self) -> usize;

    /// 1 if all channels of the recording are shared out alike, else their number.
    fn channels(&self) -> usize;

    /// The number of frames of the recording it is for.
    fn frames(&self) -> usize;

    /// Whether these are the shares of the components that were found, and nothing else.
    fn is_of_components(&self) -> bool {
        false
    }

    /// Write each source's share of the bins of some frames of one channel.
    ///
    /// Shares add up to one in every bin, so that the stems add up to the recording ([`Render::Model`]
    /// is the one exception).
    ///
    /// # Shapes
    ///
    /// | | shape | meaning |
    /// |---|---|---|
    /// | `spectrum` | `(channels, bins, frames.len())` | the block of the recording |
    /// | `shares`, before | `(sources, frames.len(), bins)` | anything |
    /// | `shares`, after | the same | 0 to 1 |
    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    );
}

/// A sharing that several hold.
impl Sharing for Arc<dyn Sharing> {
    fn stft(&self) -> &Stft {
        self.as_ref().stft()
    }

    fn sources(&self) -> usize {
        self.as_ref().sources()
    }

    fn channels(&self) -> usize {
        self.as_ref().channels()
    }

    fn frames(&self) -> usize {
        self.as_ref().frames()
    }

    fn is_of_components(&self) -> bool {
        self.as_ref().is_of_components()
    }

    fn share(
        &self,
        spectrum: &Spectrum,
        frames: Range<usize>,
        channel: usize,
        shares: &mut ArrayViewMut3<'_, f32>,
    ) {
        self.as_ref().share(spectrum, frames, channel, shares);
    }
}

/// How components become stems.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StemsConfig {
    /// Masks, or the model itself.
    pub render: Render,
    /// Whether what no component explains becomes one more stem, the last.
    pub residual: bool,
    /// Use plain instructions only, so that the same bytes come out on every machine.
    pub portable: bool,
}

impl Default for StemsConfig {
    fn default() -> Self {
        Self {
            render: Render::Ratio {
                exponent: DEFAULT_EXPONENT,
            },
            residual: false,
            portable: false,
        }
    }
}

/// The mask exponent unless asked otherwise: shares in proportion. Others score the same to within 0.2 dB on
/// average (`docs/crosscheck.md`), and with this one the stems of a source's components add up to its stem.
pub const DEFAULT_EXPONENT: f32 = 1.0;
