//! A spectrogram comes in, nothing is known; free components that explain it go out.

use serde::{Deserialize, Serialize};

use crate::fit::{Fit, FitConfig, fit_best};
use crate::model::{LowRank, Penalties, Start, Update};
use crate::observe::Observer;
use crate::{Error, Spectrogram};

/// Where the components start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstFactors {
    /// Random values from the seed ([`Start::Random`]).
    #[default]
    Random,
    /// Singular vectors ([`Start::Nndsvdar`]).
    Nndsvdar,
}

/// Settings of the blind recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlindConfig {
    /// The number of free components.
    pub components: usize,
    /// Where they start from.
    pub init: FirstFactors,
    /// The seed of everything random.
    pub seed: u64,
    /// Further starts, from the seeds that follow; the best fit is kept.
    pub restarts: usize,
    /// What every component pays for.
    pub penalties: Penalties,
    /// The fit.
    pub fit: FitConfig,
}

impl Default for BlindConfig {
    fn default() -> Self {
        Self {
            components: 16,
            init: FirstFactors::Random,
            seed: 0,
            restarts: 0,
            penalties: Penalties::default(),
            fit: FitConfig::default(),
        }
    }
}

/// Explain a spectrogram by free components.
///
/// With more than one channel in the spectrogram, components share activations and learn a pan
/// gain per channel.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
pub fn blind(
    spectrogram: &Spectrogram,
    config: &BlindConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    let start = |seed| {
        let start = match config.init {
            FirstFactors::Random => Start::Random,
            FirstFactors::Nndsvdar => Start::Nndsvdar,
        };
        let pan = if spectrogram.channels() > 1 {
            Update::Learn
        } else {
            Update::Fixed
        };
        let part = LowRank::free(spectrogram, config.components, start, seed)?;
        Ok(part.with_pan(pan).with_penalties(config.penalties))
    };
    fit_best(
        start,
        config.seed,
        config.restarts,
        spectrogram,
        &config.fit,
        observer,
    )
}
