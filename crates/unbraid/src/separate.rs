//! A recording comes in; what explains it, and the stems, go out: the whole chain in one place.

use serde::{Deserialize, Serialize};

use crate::fit::Fit;
use crate::observe::Observer;
use crate::recipe::{BlindConfig, blind};
use crate::spectrogram::{Channels, Quantity, Spectrogram};
use crate::stems::{Explanation, StemBlocks, StemsConfig};
use crate::{Audio, Error, Stft, StftConfig};

/// Settings of the whole chain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeparatorConfig {
    /// The transform; without it, [`StftConfig::for_sample_rate`].
    pub stft: Option<StftConfig>,
    /// What V is.
    pub quantity: Quantity,
    /// How channels become V.
    pub channels: Channels,
    /// The components and their fit.
    pub blind: BlindConfig,
    /// Masks and stems.
    pub stems: StemsConfig,
}
