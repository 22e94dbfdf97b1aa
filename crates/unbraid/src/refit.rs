//! A recording's components, and what has changed, come in; the components go out, fitted on from where they stood.

use serde::{Deserialize, Serialize};

use crate::factorize::Factorization;
use crate::fit::{self, FitConfig, Guidance};
use crate::group::Grouping;
use crate::knowledge::hints::Hints;
use crate::model::{Column, Update};
use crate::observe::Observer;
use crate::sharing::{Hinted, StemsConfig, compared};
use crate::{Audio, Error, Separation, Spectrogram};

/// Weigh hints into a separation.
///
/// They are weighed against what was heard without them first ([`compared`]). Where
/// the stems are those of components, hints may move components to other sources, and what a person drew steers their fit; in
/// any case they are weighed into the shares of every bin ([`Hinted`]). Hints that say nothing change nothing.
///
/// # Errors
///
/// Those of [`refit`].
pub fn under_hints(
    separation: Separation,
    audio: &Audio,
    hints: Hints,
    stems: StemsConfig,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    let sharing = separation.sharing.as_ref();
    let hints = compared(hints, sharing, audio)?;
    let mut separation = Separation {
        notes: [separation.notes, hints.notes()].concat(),
        ..separation
    };
    if hints.is_empty() {
        return Ok(separation);
    }
    if separation.sharing.is_of_components()
        && let Some((mut factorization, mut grouping)) = separation.components
    {
        grouping.lean(hints.leanings(&factorization.fit.model)?.view());
        let drawn = hints.drawn();
        if !drawn.is_empty() {
            let owners = owners(&grouping);
            let guidance = Guidance {
                hints: &drawn,
                owners: &owners,
            };
            let spectrogram = factorization.spectrogram(audio, observer)?;
            let (guidance, change) = (Some(guidance), Change::Hints);
            factorization = refit(
                factorization,
                &spectrogram,
                guidance,
                change,
                config,
                observer,
            )?;
        }
        separation.sharing = Box::new(factorization.sharing(&grouping.members(), stems)?);
        separation.components = Some((factorization, grouping));
    }
    separation.sharing = Box::new(Hinted::new(separation.sharing, hints, stems.render)?);
    Ok(separation)
}

/// The source of every component.
#[must_use]
pub fn owners(grouping: &Grouping) -> Vec<usize> {
    let decisions = grouping.components.iter();
    decisions.map(|decision| decision.source).collect()
}

/// What is wanted of a stored fit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wish {
    /// To fit on: under what a person drew, or else as if the fit had never ended ([`refit`]).
    #[default]
    On,
    /// One component for each source in place of this one, by what a person drew ([`split`]).
    Split(usize),
    /// One component in place of these ([`merge`]).
    Merge(Vec<usize>),
}

impl Wish {
    /// Do it; `owners` has the source of every component as it is now.
    ///
    /// # Errors
    ///
    /// Those of [`refit`], [`split`] and [`merge`].
    pub fn fulfil(
        &self,
        before: Factorization,
        spectrogram: &Spectrogram,
        hints: &Hints,
        owners: Vec<usize>,
        config: &FitConfig,
        observer: &mut dyn Observer,
    ) -> Result<Factorization, Error> {
        let drawn = hints.drawn();
        let owners = self.carried(owners, hints.sources(), |source| source);
        let guidance = Guidance {
            hints: &drawn,
            owners: &owners,
        };
        match self {
            Self::Merge(components) => merge(before, spectrogram, components, config, observer),
            Self::Split(component) => {
                let into = (*component, hints.sources());
                split(before, spectrogram, into, Some(guidance), config, observer)
            }
            Self::On if drawn.is_empty() => {
                refit(before, spectrogram, None, Change::Nothing, config, observer)
            }
            Self::On => {
                let guidance = Some(guidance);
                refit(
                    before,
                    spectrogram,
                    guidance,
                    Change::Hints,
                    config,
                    observer,
                )
            }
        }
    }

    /// What is said of each component, in the order that the components have afterwards; `of_source` says it of the new ones.
    #[must_use]
    pub fn carried<T>(
        &self,
        mut each: Vec<T>,
        sources: usize,
        of_source: impl Fn(usize) -> T,
    ) -> Vec<T> {
        match self {
            Self::On => {}
            Self::Split(component) => {
                if let Some(first) = each.get_mut(*component) {
                    *first = of_source(0);
                    each.extend((1..sources).map(of_source));
                }
            }
            Self::Merge(components) => {
                let gone = components.get(1..).unwrap_or_default();
                let mut at = 0..;
                each.retain(|_| at.next().is_some_and(|k| !gone.contains(&k)));
            }
        }
        each
    }
}

/// What has changed since the fit was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Nothing: more iterations, as if the fit had never ended.
    Nothing,
    /// Hints: all components learn on from where they stand.
    #[default]
    Hints,
}

/// Fit on from where a recording's components stand.
///
/// The result explains the spectrogram no worse than what it started from, by the objective that the hints make. Under hints,
/// what was measured of the components for their grouping stays: what was decided without the hints is not decided anew.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed, such as hints where β is not 1.
/// - [`Error::Shape`] if the spectrogram or the hints are for another recording.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # Examples
///
/// ```
/// use unbraid::factorize::{FactorizeConfig, factorize};
/// use unbraid::fit::{FitConfig, Guidance};
/// use unbraid::knowledge::hints::{Area, Hints, Regions};
/// use unbraid::refit::{Change, refit};
/// use unbraid::testsignals::{drums_and_guitar, mix};
///
/// let (drums, guitar) = drums_and_guitar(1.0, 8000);
/// let mixture = mix(&[&drums, &guitar]);
/// let mut config = FactorizeConfig::default();
/// config.blind.components = 4;
/// let stored = factorize(&mixture, &config, &mut ())?;
///
/// // A person says that everything above 2 kHz is drums.
/// let area = Area { source: "drums".into(), strength: 0.9, secs: [0.0, 1.0], hz: [2000.0, 4000.0] };
/// let regions = Regions { boxes: vec![area], strokes: vec![] };
/// let hints = Hints::new(stored.grid(), &["drums", "guitar"])?.with_regions(&regions)?;
/// let owners = [0, 1, 0, 1];
/// let spectrogram = stored.spectrogram(&mixture, &mut ())?;
/// let fit = FitConfig { iterations: 10, ..FitConfig::default() };
/// let guidance = Some(Guidance { hints: &hints, owners: &owners });
/// let next = refit(stored, &spectrogram, guidance, Change::Hints, &fit, &mut ())?;
/// assert!(next.fit.final_objective() < next.fit.objective[0]);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn refit(
    mut factorization: Factorization,
    spectrogram: &Spectrogram,
    guidance: Option<Guidance<'_>>,
    change: Change,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Factorization, Error> {
    let before = factorization.fit;
    factorization.fit = match change {
        Change::Nothing => fit::resume(before, spectrogram, guidance, config, observer)?,
        Change::Hints => fit::refit(before.model, spectrogram, guidance, config, observer)?,
    };
    if change == Change::Nothing {
        factorization.percussive_shares = factorization.measure_percussive_shares(spectrogram)?;
    }
    Ok(factorization)
}

/// Let one component become several, and fit those alone: the others stay as they are, to the last bit.
///
/// Under hints each of the new components belongs to another source, so that a component that held two sources is taken
/// apart. The first takes the place of the old one; the others come last. `guidance.owners` has the new components' sources
/// already.
///
/// # Errors
///
/// As [`refit`], and [`Error::Config`] for a component that does not exist or fewer than two new ones.
pub fn split(
    mut factorization: Factorization,
    spectrogram: &Spectrogram,
    (component, into): (usize, usize),
    guidance: Option<Guidance<'_>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Factorization, Error> {
    let before = factorization.fit.model.components();
    let model = factorization.fit.model.split(component, into)?;
    let columns = model.columns().to_vec();
    let still = |(k, column): (usize, &Column)| {
        if k == component || k >= before {
            *column
        } else {
            Column {
                templates: Update::Fixed,
                activations: Update::Fixed,
                pan: Update::Fixed,
                ..*column
            }
        }
    };
    let held: Vec<Column> = columns.iter().enumerate().map(still).collect();
    let model = model.with_columns(&held)?;
    let mut fit = fit::refit(model, spectrogram, guidance, config, observer)?;
    fit.model = fit.model.with_columns(&columns)?;
    // The way led there with the others held.
    fit.way = None;
    factorization.fit = fit;
    factorization.percussive_shares = factorization.measure_percussive_shares(spectrogram)?;
    Ok(factorization)
}

/// Let several components become one, without fitting: the best product of the sum of their factors' loudness.
///
/// The first keeps its place; the components behind the others move up.
///
/// # Errors
///
/// [`Error::Config`] for components that do not exist, or fewer than two.
pub fn merge(
    mut factorization: Factorization,
    spectrogram: &Spectrogram,
    components: &[usize],
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Factorization, Error> {
    let model = factorization.fit.model.merge(components)?;
    let none = FitConfig {
        iterations: 0,
        ..*config
    };
    factorization.fit = fit::refit(model, spectrogram, None, &none, observer)?;
    factorization.percussive_shares = factorization.measure_percussive_shares(spectrogram)?;
    Ok(factorization)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_components_goes_with_them() {
        let each = vec![5, 6, 7, 8];
        let new = |source: usize| source;
        assert_eq!(Wish::On.carried(each.clone(), 3, new), each);
        let split = Wish::Split(1).carried(each.clone(), 3, new);
        assert_eq!(split, [5, 0, 7, 8, 1, 2]);
        let merged = Wish::Merge(vec![1, 3, 0]).carried(each, 3, new);
        assert_eq!(merged, [6, 7]);
    }
}
