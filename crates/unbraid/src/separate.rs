//! A recording comes in; its stems go out: the whole chain in one place.

use serde::{Deserialize, Serialize};

use crate::factorize::{FactorizeConfig, factorize};
use crate::group::{Overrides, Source};
use crate::observe::Observer;
use crate::sharing::StemsConfig;
use crate::{Audio, Error, Separation};

/// Settings of the whole chain.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SeparateConfig {
    /// Audio → spectrum → spectrogram → model → fit.
    pub factorize: FactorizeConfig,
    /// The sources to find.
    pub sources: Vec<Source>,
    /// What a person decided.
    pub overrides: Overrides,
    /// Masks → stems.
    pub stems: StemsConfig,
}

/// Take a recording apart.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # Examples
///
/// ```
/// use unbraid::group::parse_sources;
/// use unbraid::testsignals::{drums_and_guitar, mix};
/// use unbraid::{SeparateConfig, separate};
///
/// let (drums, guitar) = drums_and_guitar(2.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let config = SeparateConfig { sources: parse_sources("drums,guitar", &[])?, ..Default::default() };
/// let separation = separate(&mixture, &config, &mut ())?;
/// let stems = separation.stems(&mixture)?.collect_audio()?;
/// assert_eq!(stems.len(), 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn separate(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    blind(audio, config, observer)
}

/// Free components, grouped: what suits any sources, for want of something better.
fn blind(
    audio: &Audio,
    config: &SeparateConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    let factorization = factorize(audio, &config.factorize, observer)?;
    let grouping = factorization.group(&config.sources, &config.overrides)?;
    let sharing = factorization.sharing(&grouping.members(), config.stems)?;
    Ok(Separation {
        sources: grouping.sources.clone(),
        notes: grouping.notes.iter().map(ToString::to_string).collect(),
        components: Some((factorization, grouping)),
        sharing: Box::new(sharing),
    })
}
