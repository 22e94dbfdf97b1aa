//! A spectrogram comes in, nothing is known; free components that explain it go out.

use ndarray::{Array1, Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::fit::{Fit, FitConfig, fit, fit_best, refit, subsampled};
use crate::group::Grouping;
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
    /// Random values, fitted to every eighth frame first where there are enough ([`subsampled`]).
    Subsampled,
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
            FirstFactors::Random | FirstFactors::Subsampled => Start::Random,
            FirstFactors::Nndsvdar => Start::Nndsvdar,
        };
        let pan = if spectrogram.channels() > 1 {
            Update::Learn
        } else {
            Update::Fixed
        };
        let part = |spectrogram: &Spectrogram| {
            let part = LowRank::free(spectrogram, config.components, start, seed)?;
            Ok(part.with_pan(pan).with_penalties(config.penalties))
        };
        if config.init == FirstFactors::Subsampled {
            subsampled(spectrogram, &part, &config.fit)
        } else {
            part(spectrogram)
        }
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

/// What a fit found: where the fit of the next piece of the same recording starts.
///
/// Components keep their numbers: component 7 of the next piece is what component 7 was, as far as it
/// sounds on.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmStart {
    /// Templates, `(bins, components)`.
    pub templates: Array2<f32>,
    /// Pan gains, `(components, channels)`.
    pub pan_gains: Array2<f32>,
    /// The probability of every source, `(components, sources)`; without sources if they were not grouped.
    pub posteriors: Array2<f32>,
}

impl WarmStart {
    /// What a fitted model leaves to the next piece: a mean of what it found and what was before, where a component that was
    /// silent is left as it was.
    #[must_use]
    pub fn after(model: &LowRank, before: Option<&Self>) -> Self {
        let mut after = Self {
            templates: model.templates().as_standard_layout().into_owned(),
            pan_gains: model.pan_gains().as_standard_layout().into_owned(),
            posteriors: Array2::zeros((model.components(), 0)),
        };
        let Some(before) = before else { return after };
        let loudness = model.activations().sum_axis(Axis(1));
        let loudest = loudness.fold(0.0_f32, |most, &x| most.max(x));
        for (k, &loudness) in loudness.iter().enumerate() {
            let share = if loudness <= SILENT * loudest {
                0.0
            } else {
                FOLLOWING
            };
            let towards = |new: &mut f32, old: &f32| *new = share * *new + (1.0 - share) * old;
            let (old, gains) = (before.templates.column(k), before.pan_gains.row(k));
            after.templates.column_mut(k).zip_mut_with(&old, towards);
            after.pan_gains.row_mut(k).zip_mut_with(&gains, towards);
        }
        after
    }

    /// With where the components went.
    #[must_use]
    pub fn grouped(self, grouping: &Grouping) -> Self {
        Self {
            posteriors: grouping.posteriors(),
            ..self
        }
    }
}

/// A component with less than this share of the loudest one's activations is silent: what its template became says
/// nothing.
const SILENT: f32 = 1e-3;

/// How far what is started from follows each piece: a source that pauses for a piece or two finds its components again. On ten
/// minutes in pieces of one, in which sources come and go, with a third 99 % of the components go to the source that they went to
/// at first, with all of it 88 %.
const FOLLOWING: f32 = 0.3;

/// The share of the iterations that a warm start needs to explain as much as a cold one to half a per cent.
const WARM_SHARE: f32 = 0.4;

/// Iterations in which a warm start finds out where its components sound, before they may change. Without them
/// the first steps, while all activations are alike, would turn every template into the same mean.
const SETTLING: usize = 12;

/// What of a template that is started from is the mean of the spectrogram: a bin that has come down to zero would stay
/// there for hours.
const FRESH: f32 = 0.02;

/// As [`blind`], but from what the fit of the piece before found.
///
/// First the activations alone are fitted, then everything, so that templates drift from where they were and the components
/// are the same as before. There are no restarts, which would be other components.
///
/// # Errors
///
/// As [`blind`]; [`Error::Shape`] if `before` has not as many bins, components and channels.
pub fn blind_after(
    before: &WarmStart,
    spectrogram: &Spectrogram,
    config: &BlindConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    let expected = [
        spectrogram.bins(),
        config.components,
        config.components,
        spectrogram.channels(),
    ];
    let actual = [before.templates.shape(), before.pan_gains.shape()].concat();
    if actual != expected {
        return Err(Error::Shape {
            what: "what to start from: templates (bins, components) and pan gains (components, channels)",
            expected: expected.to_vec(),
            actual,
        });
    }
    let templates = refreshed(before, spectrogram);
    let start = Start::Templates(templates.view());
    let start = LowRank::free(spectrogram, config.components, start, config.seed)?
        .with_penalties(config.penalties)
        .with_pan_gains(before.pan_gains.view())?
        .with_templates(Update::Fixed)
        .with_pan(Update::Fixed);
    let settling = FitConfig {
        iterations: SETTLING.min(config.fit.iterations),
        ..config.fit
    };
    let pan = if spectrogram.channels() > 1 {
        Update::Learn
    } else {
        Update::Fixed
    };
    let settled = fit(start, spectrogram, &settling, observer)?.model;
    let settled = settled.with_templates(Update::Learn).with_pan(pan);
    let fitting = FitConfig {
        iterations: (config.fit.iterations as f32 * WARM_SHARE).ceil() as usize,
        ..config.fit
    };
    refit(settled, spectrogram, None, &fitting, observer)
}

/// The templates to start from, each with some of the spectrogram's mean.
fn refreshed(before: &WarmStart, spectrogram: &Spectrogram) -> Array2<f32> {
    let mean: Array1<f32> = spectrogram
        .view()
        .sum_axis(Axis(0))
        .mean_axis(Axis(1))
        .unwrap_or_else(|| Array1::zeros(spectrogram.bins()));
    let total = mean.sum();
    let mut templates = before.templates.clone();
    if total <= 0.0 {
        return templates;
    }
    for mut template in templates.columns_mut() {
        let own = template.sum();
        let (old, new) = if own > 0.0 {
            ((1.0 - FRESH) / own, FRESH / total)
        } else {
            (0.0, 1.0 / total)
        };
        template.zip_mut_with(&mean, |w, &mean| *w = old * *w + new * mean);
    }
    templates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testsignals::product_spectrogram;

    fn config() -> BlindConfig {
        let mut config = BlindConfig {
            components: 3,
            ..BlindConfig::default()
        };
        config.fit.iterations = 80;
        config
    }

    fn likeness(a: &LowRank, b: &WarmStart, k: usize, l: usize) -> f32 {
        let (a, b) = (a.templates(), b.templates.view());
        let (a, b) = (a.column(k), b.column(l));
        a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
    }

    #[test]
    fn components_keep_their_numbers_and_fit_as_well_as_from_a_cold_start() {
        let first = product_spectrogram(40, 200, 3, 5);
        let first = blind(&first, &config(), &mut ()).unwrap();
        let before = WarmStart::after(&first.model, None);
        // The same sounds, played otherwise.
        let activations = Array2::from_shape_fn((3, 150), |(k, t)| ((t * (k + 3)) % 17) as f32);
        let values = before.templates.dot(&activations).insert_axis(Axis(0));
        let next = Spectrogram::from_values(values.view(), crate::spectrogram::Quantity::Magnitude);
        let next = next.unwrap();
        let warm = blind_after(&before, &next, &config(), &mut ()).unwrap();
        for k in 0..3 {
            assert!(likeness(&warm.model, &before, k, k) > 0.99, "component {k}");
        }
        let cold = blind(&next, &config(), &mut ()).unwrap();
        assert!(warm.final_objective() <= 1.02 * cold.final_objective() + 1e-9);
    }

    #[test]
    fn a_silent_component_is_left_as_it_was() {
        let values = product_spectrogram(12, 40, 2, 1);
        let found = blind(
            &values,
            &BlindConfig {
                components: 2,
                ..config()
            },
            &mut (),
        )
        .unwrap();
        let before = WarmStart {
            templates: Array2::ones((12, 2)),
            pan_gains: Array2::ones((2, 1)),
            posteriors: Array2::zeros((2, 0)),
        };
        let mut silenced = found.model.activations().to_owned();
        silenced.row_mut(1).fill(0.0);
        let model = LowRank::from_factors("free", found.model.templates(), silenced.view(), 1);
        let after = WarmStart::after(&model.unwrap(), Some(&before));
        assert!(after.templates.column(0) != before.templates.column(0));
        assert_eq!(after.templates.column(1), before.templates.column(1));
    }

    #[test]
    fn a_start_of_another_shape_is_refused_and_silence_keeps_it() {
        let before = WarmStart {
            templates: Array2::ones((12, 3)),
            pan_gains: Array2::ones((3, 1)),
            posteriors: Array2::zeros((3, 0)),
        };
        let values = product_spectrogram(12, 40, 2, 1);
        let two = BlindConfig {
            components: 2,
            ..config()
        };
        let refused = blind_after(&before, &values, &two, &mut ()).unwrap_err();
        assert!(matches!(refused, Error::Shape { .. }), "{refused}");
        let silence = ndarray::Array3::<f32>::zeros((1, 12, 40));
        let silence =
            Spectrogram::from_values(silence.view(), crate::spectrogram::Quantity::Magnitude);
        let found = blind_after(&before, &silence.unwrap(), &config(), &mut ()).unwrap();
        assert_eq!(WarmStart::after(&found.model, Some(&before)), before);
    }
}
