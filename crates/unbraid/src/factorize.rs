//! A recording comes in; the components that explain it go out, not yet grouped.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::analysis::hpss;
use crate::evidence::ClassShares;
use crate::fit::Fit;
use crate::group::{
    FactorView, Grouping, Overrides, Source, class_shares, group, percussive_shares,
};
use crate::knowledge::hints::{Grid, Hints};
use crate::observe::Observer;
use crate::recipe::{BlindConfig, Rank, WarmStart, blind, blind_after, choose_rank};
use crate::sharing::{Components, Explanation, StemsConfig, compared};
use crate::spectrogram::{Channels, Quantity, Spectrogram};
use crate::stems::StemBlocks;
use crate::{Audio, Error, Stft, StftConfig};

/// Settings up to the fit.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FactorizeConfig {
    /// The transform; without it, [`StftConfig::for_sample_rate`].
    pub stft: Option<StftConfig>,
    /// What V is.
    pub quantity: Quantity,
    /// How channels become V.
    pub channels: Channels,
    /// The components and their fit.
    pub blind: BlindConfig,
    /// Choose the number of components by [`choose_rank`], in the place of `blind.components`.
    pub choose_rank: bool,
}

/// A recording's components and everything that is needed to group and render them.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mut config = FactorizeConfig::default();
/// config.blind.components = 6;
/// let factorization = factorize(&mix(&[&drums, &guitar]), &config, &mut ())?;
/// assert_eq!(factorization.fit.model.components(), 6);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Factorization {
    /// The transform.
    pub stft: Stft,
    /// The sample rate of the recording in Hz.
    pub sample_rate: u32,
    /// What the model's values are.
    pub quantity: Quantity,
    /// What the model's values must be multiplied by to give the recording's.
    pub scale: f32,
    /// The fitted model and its trace.
    pub fit: Fit,
    /// How percussive the recording is where each component sounds ([`percussive_shares`]).
    pub percussive_shares: Vec<f32>,
    /// Why it has so many components, if that was chosen.
    pub rank: Option<Rank>,
}

/// Explain a recording by components.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
pub fn factorize(
    audio: &Audio,
    config: &FactorizeConfig,
    observer: &mut dyn Observer,
) -> Result<Factorization, Error> {
    factorize_after(None, audio, config, observer).map(|(factorization, _)| factorization)
}

/// As [`factorize`]; gives the spectrogram that was explained as well, for who wants to show it.
///
/// # Errors
///
/// As [`factorize`].
pub fn factorize_with_spectrogram(
    audio: &Audio,
    config: &FactorizeConfig,
    observer: &mut dyn Observer,
) -> Result<(Factorization, Spectrogram), Error> {
    factorize_after(None, audio, config, observer)
}

/// The same for a piece of a recording, from what was found in the piece before, if there is one.
///
/// # Errors
///
/// As [`factorize`]; [`Error::Shape`] if the piece before had another transform, or another number of components.
pub fn factorize_after(
    before: Option<&WarmStart>,
    audio: &Audio,
    config: &FactorizeConfig,
    observer: &mut dyn Observer,
) -> Result<(Factorization, Spectrogram), Error> {
    let sample_rate = audio.sample_rate();
    let stft = Stft::new(
        config
            .stft
            .unwrap_or_else(|| StftConfig::for_sample_rate(sample_rate)),
    )?;
    let spectrogram = Spectrogram::of(audio, &stft, config.quantity, config.channels, observer)?;
    let mut settings = config.blind;
    let mut rank = None;
    if config.choose_rank {
        // Later pieces of a recording have the components of the first.
        settings.components = if let Some(before) = before {
            before.templates.ncols()
        } else {
            let chosen = choose_rank(&spectrogram, &config.blind, observer)?;
            rank.insert(chosen).components
        };
    }
    let fit = match before {
        Some(before) => blind_after(before, &spectrogram, &settings, observer)?,
        None => blind(&spectrogram, &settings, observer)?,
    };
    let mut factorization = Factorization {
        stft,
        sample_rate,
        quantity: config.quantity,
        scale: spectrogram.scale(),
        fit,
        percussive_shares: Vec::new(),
        rank,
    };
    factorization.percussive_shares = factorization.measure_percussive_shares(&spectrogram)?;
    Ok((factorization, spectrogram))
}

impl Factorization {
    /// The spectrogram that the model explains, made again from the recording.
    ///
    /// # Errors
    ///
    /// - [`Error::Shape`] if this is another recording.
    /// - [`Error::Cancelled`] if the observer says so.
    pub fn spectrogram(
        &self,
        audio: &Audio,
        observer: &mut dyn Observer,
    ) -> Result<Spectrogram, Error> {
        let channels = if self.fit.model.channels() > 1 {
            Channels::Pan
        } else {
            Channels::Sum
        };
        let spectrogram = Spectrogram::of(audio, &self.stft, self.quantity, channels, observer)?;
        self.fit.model.check(&spectrogram)?;
        Ok(spectrogram)
    }

    /// The frames and bins that hints about this recording are for.
    #[must_use]
    pub fn grid(&self) -> Grid<'_> {
        Grid {
            stft: &self.stft,
            sample_rate: self.sample_rate,
            frames: self.fit.model.frames(),
        }
    }

    /// The factors as the grouping sees them.
    #[must_use]
    pub fn factors(&self) -> FactorView<'_> {
        let model = &self.fit.model;
        let stft = self.stft.config();
        let shares = &self.percussive_shares;
        FactorView {
            templates: model.templates(),
            activations: model.activations(),
            gains: (model.channels() > 1).then(|| model.pan_gains()),
            percussive_shares: (!shares.is_empty()).then_some(shares),
            sample_rate: self.sample_rate,
            fft_len: stft.fft_len,
            hop_len: stft.hop_len,
        }
    }

    /// Group the components into sources.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] if an override names a source or component that does not exist.
    pub fn group(&self, sources: &[Source], overrides: &Overrides) -> Result<Grouping, Error> {
        group(&self.factors(), sources, overrides)
    }

    /// What the network of [`crate::evidence`] hears in the recording: for [`Factorization::classes`], before a refit and after.
    #[must_use]
    pub fn hear(&self, spectrogram: &Spectrogram) -> ClassShares {
        let (factors, values) = (self.factors(), spectrogram.magnitudes());
        ClassShares::of(values.view(), factors.bin_hz(), factors.hop_secs())
    }

    /// How much of every component that is each class of sound, `(components, classes)`: a basis to group by ([`crate::group::Basis::Network`]).
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if the spectrogram or what was heard is of another recording.
    pub fn classes(
        &self,
        spectrogram: &Spectrogram,
        heard: &ClassShares,
    ) -> Result<Array2<f32>, Error> {
        class_shares(&self.factors(), spectrogram.magnitudes().view(), heard)
    }

    /// Hints as far as they say more than is heard without them, given the components of each source ([`compared`]).
    ///
    /// # Errors
    ///
    /// Those of [`Factorization::sharing`] and [`compared`].
    pub fn compared(
        &self,
        hints: Hints,
        members: &[Vec<usize>],
        config: StemsConfig,
        audio: &Audio,
    ) -> Result<Hints, Error> {
        if hints.is_empty() {
            return Ok(hints);
        }
        compared(hints, &self.sharing(members, config)?, audio)
    }

    /// How the recording is shared out, given the components of each source.
    ///
    /// # Errors
    ///
    /// Those of [`Components::new`].
    pub fn sharing(
        &self,
        members: &[Vec<usize>],
        config: StemsConfig,
    ) -> Result<Components, Error> {
        let explanation = Explanation {
            stft: &self.stft,
            model: &self.fit.model,
            quantity: self.quantity,
            scale: self.scale,
        };
        Components::new(explanation, members, config)
    }

    /// The stems whole, given the components of each source: for recordings that fit in memory once
    /// per source.
    ///
    /// # Errors
    ///
    /// Those of [`Components::new`] and [`StemBlocks::new`].
    pub fn stems(
        &self,
        audio: &Audio,
        members: &[Vec<usize>],
        config: StemsConfig,
    ) -> Result<Vec<Audio>, Error> {
        StemBlocks::new(audio, &self.sharing(members, config)?)?.collect_audio()
    }

    pub(crate) fn measure_percussive_shares(
        &self,
        spectrogram: &Spectrogram,
    ) -> Result<Vec<f32>, Error> {
        // The model may have other components than the shares that were measured before.
        let factors = FactorView {
            percussive_shares: None,
            ..self.factors()
        };
        let mean;
        let values = if spectrogram.channels() == 1 {
            spectrogram.view().index_axis_move(ndarray::Axis(0), 0)
        } else {
            mean = spectrogram.view().sum_axis(ndarray::Axis(0));
            mean.view()
        };
        let settings = hpss::Settings::default();
        let percussive =
            hpss::percussive_share(values, factors.bin_hz(), factors.hop_secs(), &settings)?;
        percussive_shares(&factors, values, percussive.view())
    }
}
