//! A recording's components, and what has changed, come in; the components go out, fitted on from where they stood.

use serde::{Deserialize, Serialize};

use crate::factorize::Factorization;
use crate::fit::{self, FitConfig, Guidance};
use crate::group::Grouping;
use crate::knowledge::hints::Hints;
use crate::model::{Column, Update};
use crate::observe::Observer;
use crate::sharing::{Hinted, StemsConfig};
use crate::{Audio, Error, Separation, Spectrogram};

/// Weigh hints into a separation: into its grouping, where it has components; into their fit, where a person drew; and
/// into the shares of every bin.
///
/// Hints that say nothing change nothing.
///
/// # Errors
///
/// Those of [`refit`].
pub fn under_hints(
    separation: Separation,
    audio: &Audio,
    hints: &Hints,
    stems: StemsConfig,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    if hints.is_empty() {
        return Ok(separation);
    }
    let Separation {
        sources,
        components,
        heard,
        mut notes,
        mut sharing,
    } = separation;
    let components = match components {
        None => None,
        Some((mut factorization, mut grouping)) => {
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
            sharing = Box::new(factorization.sharing(&grouping.members(), stems)?);
            Some((factorization, grouping))
        }
    };
    for (source, trust) in hints.trust() {
        if trust < 1.0 {
            notes.push(format!(
                "the stem hinted for `{source}` is trusted to {:.0} %, as far as it is part of the recording",
                100.0 * trust
            ));
        }
    }
    Ok(Separation {
        sources,
        components,
        heard,
        notes,
        sharing: Box::new(Hinted::new(sharing, hints.clone())?),
    })
}

/// The source of every component.
#[must_use]
pub fn owners(grouping: &Grouping) -> Vec<usize> {
    let decisions = grouping.components.iter();
    decisions.map(|decision| decision.source).collect()
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
/// The result explains the spectrogram no worse than what it started from, by the objective that the hints make.
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
    factorization.percussive_shares = factorization.measure_percussive_shares(spectrogram)?;
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
