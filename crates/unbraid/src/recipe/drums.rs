//! A recording with drums comes in; drums and the rest go out, told apart by learnt evidence.

use ndarray::{Array2, Array3, ArrayView2, Axis, Zip};
use serde::{Deserialize, Serialize};

use super::{BlindConfig, blind};
use crate::evidence::{Class, ClassShares};
use crate::factorize::{FactorizeConfig, factorize_with_spectrogram};
use crate::fit::{Fit, FitConfig, fit};
use crate::group::{FactorView, Grouping, Kind, Overrides, Source, group_with, percussive_shares};
use crate::model::{LowRank, Start, Update};
use crate::observe::Observer;
use crate::separation::Heard;
use crate::sharing::{Components, Ensemble, Explanation, Sharing, StemsConfig};
use crate::spectrogram::Quantity;
use crate::{Audio, Error, Separation, Spectrogram};

/// What decides which component is a drum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrumEvidence {
    /// The components' features alone.
    Features,
    /// The small network of [`crate::evidence`] as well; drums against one other source are then fitted
    /// again as two parts that start from it.
    #[default]
    Learnt,
}

/// Settings of the drums' recipe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrumsConfig {
    /// What decides.
    pub evidence: DrumEvidence,
    /// Components of the second factorisation that is asked beside the first.
    pub second_components: usize,
    /// How much the network counts beside the grouped components where both say how much of a
    /// bin is drums, 0 to 1.
    pub network_weight: f32,
    /// Components of the two parts: drums, and the rest.
    pub part_components: [usize; 2],
    /// Iterations of each part alone.
    pub part_iterations: usize,
    /// Iterations of both together. More let the parts drift into each other.
    pub joint_iterations: usize,
    /// Two-part fits, from the seeds that follow, whose masks are averaged.
    pub fits: usize,
}

impl Default for DrumsConfig {
    fn default() -> Self {
        Self {
            evidence: DrumEvidence::Learnt,
            second_components: 32,
            network_weight: 0.4,
            part_components: [12, 20],
            part_iterations: 40,
            joint_iterations: 10,
            fits: 3,
        }
    }
}

impl DrumsConfig {
    fn check(&self) -> Result<(), Error> {
        let counts = [
            ("drums.second_components", self.second_components),
            ("drums.part_components", self.part_components[0]),
            ("drums.part_components", self.part_components[1]),
            ("drums.fits", self.fits),
        ];
        for (field, given) in counts {
            if given == 0 {
                return Err(Error::config(field, given, "at least 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.network_weight) {
            let field = "drums.network_weight";
            return Err(Error::config(field, self.network_weight, "from 0 to 1"));
        }
        Ok(())
    }
}

/// What the recipe is asked for.
#[derive(Debug, Clone, Copy)]
pub struct DrumsTask<'a> {
    /// The sources, one of which is drums.
    pub sources: &'a [Source],
    /// What a person decided.
    pub overrides: &'a Overrides,
    /// The first factorisation, whose components are grouped.
    pub factorize: &'a FactorizeConfig,
    /// Masks → stems.
    pub stems: StemsConfig,
}

/// Separate drums from the rest.
///
/// The components of a blind factorisation are grouped by their features and by how much of their
/// energy a network hears as drums. With drums and one other source, and nothing assigned by hand,
/// that grouping is where it begins only: the network's share of every bin and that of the grouped components of two
/// factorisations are averaged in log-odds,
///
/// ```text
/// z = sigmoid(a · logit(network) + (1 − a) · logit(grouped components)),
/// ```
///
/// free components are fitted to V·z and to V·(1 − z), then both together to V, and the masks of
/// several such fits are averaged.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed.
/// - [`Error::Cancelled`] if the observer says so.
pub fn drums(
    audio: &Audio,
    task: &DrumsTask<'_>,
    config: &DrumsConfig,
    observer: &mut dyn Observer,
) -> Result<Separation, Error> {
    config.check()?;
    let (factorization, spectrogram) = factorize_with_spectrogram(audio, task.factorize, observer)?;
    let factors = factorization.factors();
    let heard = heard_values(&spectrogram);
    let network = {
        let shares = ClassShares::of(heard.view(), factors.bin_hz(), factors.hop_secs());
        shares.share_of(&Class::DRUMS)
    };
    let learnt = percussive_shares(&factors, heard.view(), network.view())?;
    let grouping = group_with(&factors, task.sources, task.overrides, Some(&learnt))?;

    let sharing: Box<dyn Sharing> = match two_parts(task, &grouping) {
        None => Box::new(factorization.sharing(&grouping.members(), task.stems)?),
        Some(drums_first) => {
            let second = BlindConfig {
                components: config.second_components.min(spectrogram.frames()),
                ..task.factorize.blind
            };
            let second = blind(&spectrogram, &second, observer)?;
            let second_factors = FactorView {
                templates: second.model.templates(),
                activations: second.model.activations(),
                gains: None,
                percussive_shares: None,
                ..factors
            };
            let by_second = percussive_shares(&second_factors, heard.view(), network.view())?;
            let is_drum = |k: &usize| {
                grouping.sources[grouping.components[*k].source].kind == Some(Kind::Drums)
            };
            let shares = [
                drum_share(&factorization.fit, is_drum),
                drum_share(&second, |&k| by_second[k] > 0.5),
            ];
            let z = fused(network, &shares, config.network_weight);
            let mut fits: Vec<Box<dyn Sharing>> = Vec::with_capacity(config.fits);
            for number in 0..config.fits as u64 {
                let seed = task.factorize.blind.seed.wrapping_add(number);
                let model = two_part_fit(&spectrogram, &z, config, seed, task, observer)?;
                let drums = model.parts()[0].components.clone().collect();
                let rest = model.parts()[1].components.clone().collect();
                let explanation = Explanation {
                    stft: &factorization.stft,
                    model: &model,
                    quantity: factorization.quantity,
                    scale: factorization.scale,
                };
                let members = if drums_first {
                    [drums, rest]
                } else {
                    [rest, drums]
                };
                fits.push(Box::new(Components::new(
                    explanation,
                    &members,
                    task.stems,
                )?));
            }
            Box::new(Ensemble::new(fits)?)
        }
    };
    Ok(Separation {
        sources: grouping.sources.clone(),
        heard: Heard::default(),
        notes: grouping.notes.iter().map(ToString::to_string).collect(),
        components: Some((factorization, grouping)),
        sharing,
    })
}

/// Whether it is drums against one other source, decided by nobody; and whether the drums come first.
fn two_parts(task: &DrumsTask<'_>, grouping: &Grouping) -> Option<bool> {
    let [a, b] = &grouping.sources[..] else {
        return None;
    };
    let is_drums = |source: &Source| source.kind == Some(Kind::Drums);
    let other = if is_drums(a) { b } else { a };
    let one = is_drums(a) != is_drums(b) && other.kind.is_some();
    (one && task.overrides.is_empty()).then(|| is_drums(a))
}

/// Magnitudes of all channels together, `(bins, frames)`.
fn heard_values(spectrogram: &Spectrogram) -> Array2<f32> {
    let sum = spectrogram.view().sum_axis(Axis(0));
    match spectrogram.quantity() {
        Quantity::Magnitude => sum,
        Quantity::Power => sum.mapv(f32::sqrt),
    }
}

/// The share of the components that are drums in every bin of a fit, `(bins, frames)`.
fn drum_share(fit: &Fit, is_drum: impl Fn(&usize) -> bool) -> Array2<f32> {
    let model = &fit.model;
    let product = |members: &[usize]| {
        let templates = model.templates().select(Axis(1), members);
        templates.dot(&model.activations().select(Axis(0), members))
    };
    let (drums, rest): (Vec<usize>, Vec<usize>) = (0..model.components()).partition(is_drum);
    let mut share = product(&drums);
    share.zip_mut_with(&product(&rest), |drums, rest| {
        let whole = *drums + rest;
        *drums = if whole > 0.0 { *drums / whole } else { 0.5 };
    });
    share
}

/// The mean of the network's share and the components' in log-odds.
fn fused(network: Array2<f32>, shares: &[Array2<f32>; 2], weight: f32) -> Array2<f32> {
    // Nobody is so certain that the other could not be heard.
    let logit = |share: f32| {
        let share = share.clamp(1e-3, 1.0 - 1e-3);
        (share / (1.0 - share)).ln()
    };
    let mut fused = network;
    Zip::from(&mut fused)
        .and(&shares[0])
        .and(&shares[1])
        .for_each(|network, &a, &b| {
            let odds = weight * logit(*network) + (1.0 - weight) * logit(f32::midpoint(a, b));
            *network = 1.0 / (1.0 + (-odds).exp());
        });
    fused
}

/// Fit free components to either share of the spectrogram, then all to the whole of it.
fn two_part_fit(
    spectrogram: &Spectrogram,
    z: &Array2<f32>,
    config: &DrumsConfig,
    seed: u64,
    task: &DrumsTask<'_>,
    observer: &mut dyn Observer,
) -> Result<LowRank, Error> {
    let settings = |iterations| FitConfig {
        iterations,
        tolerance: None,
        ..task.factorize.blind.fit
    };
    let mut part = |name: &str, share: ArrayView2<'_, f32>, components: usize| {
        let values: Array3<f32> = &spectrogram.view() * &share;
        let values = Spectrogram::from_values(values.view(), spectrogram.quantity())?;
        let components = components.min(spectrogram.frames());
        let mut start = LowRank::free(&values, components, Start::Random, seed)?.named(name);
        if spectrogram.channels() > 1 {
            start = start.with_pan(Update::Learn);
        }
        let mut model = fit(start, &values, &settings(config.part_iterations), observer)?.model;
        // The part's values were scaled by themselves: back to those of the whole.
        model.scale_activations(values.scale());
        Ok::<_, Error>(model)
    };
    let [drums, rest] = config.part_components;
    let drums = part("drums", z.view(), drums)?;
    let rest = part("rest", z.mapv(|z| 1.0 - z).view(), rest)?;
    let model = drums.stack(&rest)?;
    let joint = FitConfig {
        exact: true,
        ..settings(config.joint_iterations)
    };
    Ok(fit(model, spectrogram, &joint, observer)?.model)
}
