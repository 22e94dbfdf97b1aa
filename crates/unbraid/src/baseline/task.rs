//! What is to be taken apart and what a method may know; what it made of it, and what that took.

use ndarray::{Array2, Axis};

use super::fundamentals::detect_fundamentals;
use crate::group::{Kind, Source};
use crate::observe::Observer;
use crate::spectrogram::{Channels, Quantity, Spectrogram};
use crate::{Audio, Error, SeparateConfig, Stft, StftConfig};

/// What is to be taken apart, and what the methods may know.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The recording.
    pub mixture: &'a Audio,
    /// The true sources in the order of `config.sources`; empty if they are not known.
    pub truths: &'a [Audio],
    /// The sources, and the settings of Unbraid's own chain.
    pub config: &'a SeparateConfig,
    /// Filters of each bank, unless given: as many as there are components makes it a fair match.
    pub filters: usize,
    /// The fundamentals of the comb bank in Hz; found in the recording if none are given.
    pub fundamentals_hz: Vec<f64>,
    /// The bands of each source, for [`Assign::Given`](super::Assign::Given).
    pub given_bands: Option<Vec<Vec<usize>>>,
    /// The combs of each source, for [`Assign::Given`](super::Assign::Given).
    pub given_combs: Option<Vec<Vec<usize>>>,
}

impl<'a> Task<'a> {
    /// A task with banks of as many filters as there are components.
    #[must_use]
    pub fn new(mixture: &'a Audio, truths: &'a [Audio], config: &'a SeparateConfig) -> Self {
        Self {
            mixture,
            truths,
            config,
            filters: config.factorize.blind.components,
            fundamentals_hz: Vec::new(),
            given_bands: None,
            given_combs: None,
        }
    }

    /// The transform that every method but [`Method::Separate`](super::Method::Separate) works on.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for settings that are not allowed.
    pub fn stft(&self) -> Result<Stft, Error> {
        let usual = || StftConfig::for_sample_rate(self.mixture.sample_rate());
        Stft::new(self.config.factorize.stft.unwrap_or_else(usual))
    }

    /// The magnitude spectrogram, mean of the channels, `(bins, frames)`.
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] if the observer says so.
    pub fn spectrogram(
        &self,
        stft: &Stft,
        observer: &mut dyn Observer,
    ) -> Result<Array2<f32>, Error> {
        let spectrogram = Spectrogram::of(
            self.mixture,
            stft,
            Quantity::Magnitude,
            Channels::Sum,
            observer,
        )?;
        Ok(spectrogram.view().index_axis_move(Axis(0), 0).to_owned())
    }

    /// The comb bank's fundamentals: those given, or those found.
    #[must_use]
    pub fn fundamentals(&self, stft: &Stft, spectrogram: &Array2<f32>, count: usize) -> Vec<f64> {
        if self.fundamentals_hz.is_empty() {
            detect_fundamentals(stft, self.mixture.sample_rate(), spectrogram.view(), count)
        } else {
            self.fundamentals_hz.clone()
        }
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.config.sources
    }

    /// The first source of the first of some kinds; a single drum is one of the drums.
    pub(super) fn source_of(&self, kinds: &[Kind]) -> Option<usize> {
        let is = |source: &Source, kind: Kind| match source.kind {
            Some(own) => own == kind || kind == Kind::Drums && own.is_percussive(),
            None => false,
        };
        let has = |kind: &Kind| self.sources().iter().position(|source| is(source, *kind));
        kinds.iter().find_map(has)
    }

    pub(super) fn known_truths(&self) -> Result<&'a [Audio], Error> {
        if self.truths.len() == self.sources().len() {
            return Ok(self.truths);
        }
        let requirement = format!("the true stems of all {} sources", self.sources().len());
        Err(Error::config("references", self.truths.len(), requirement))
    }
}

/// What a method made, and what it took.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One stem per source, in their order.
    pub stems: Vec<Audio>,
    /// What had to be found out or set by hand; none where several models and learnt weights leave nothing to count alike.
    pub cost: Option<Cost>,
}

/// What a method has to find out about a recording, and what somebody had to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// Numbers fitted to the recording: K (M + N) for a factorisation.
    pub free_parameters: usize,
    /// Decisions about whose something is: one per component or filter, or one per filter and frame.
    pub decisions: usize,
    /// Settings that a person chose.
    pub knobs: usize,
}
