//! A spectrogram comes in; how many components explain what a fit was not shown goes out.

use std::fmt;

use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::BlindConfig;
use crate::divergence::divergence;
use crate::fit::{FitConfig, fit};
use crate::model::{LowRank, Start, Update};
use crate::observe::Observer;
use crate::spectrogram::Quantity;
use crate::{Error, Spectrogram};

/// The numbers of components that are tried.
pub const RANKS: [usize; 8] = [2, 4, 6, 8, 12, 16, 24, 32];

/// Frames and bins are left out in runs of so many: neighbours share most of their samples, or a window's main lobe.
const FRAMES_TOGETHER: usize = 8;
const BINS_TOGETHER: usize = 6;

/// Iterations of every fit.
const ITERATIONS: usize = 60;

/// A number of components that was tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// How many components.
    pub components: usize,
    /// The divergence from what it foretold to what it was not shown, summed over all of it, in the spectrogram's unit.
    pub unseen: f64,
    /// By how much it is above the least, over the standard error of this difference; 0 for the best.
    pub errors_above: f64,
}

/// A number of components that was chosen, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Rank {
    /// The fewest components that foretell no worse than the best number does, to one standard error.
    pub components: usize,
    /// All that was tried, in rising order.
    pub trials: Vec<Trial>,
}

impl Rank {
    /// The number that foretold best.
    fn best(&self) -> usize {
        let least = self
            .trials
            .iter()
            .min_by(|a, b| a.unseen.total_cmp(&b.unseen));
        least.map_or(self.components, |trial| trial.components)
    }
}

impl fmt::Display for Rank {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tried: Vec<String> = self
            .trials
            .iter()
            .map(|it| it.components.to_string())
            .collect();
        write!(
            formatter,
            "{} components: of {} the fewest that foretell what the fit was not shown as well as the best number, {}, does",
            self.components,
            tried.join(", "),
            self.best()
        )
    }
}

/// What [`choose_rank`] costs at most, in iterations of one component over the whole spectrogram.
#[must_use]
pub fn rank_iterations(most: usize) -> usize {
    // Templates from either half of the frames; activations of the other half, from either half of the bins.
    let each = 2 * ITERATIONS;
    RANKS.iter().filter(|&&rank| rank <= most).sum::<usize>() * each
}

/// Choose the number of components, up to `config.components`, by cross-validation.
///
/// Templates are learnt from half of the frames. In the other half, activations are learnt from half of the bins, and
/// what they and the templates foretell of the other bins is held against them; all halves take turns. More components explain
/// ever more of what a fit is shown, but not of what it is not shown (A. B. Owen and P. O. Perry, *Bi-cross-validation of
/// the SVD and the non-negative matrix factorization*, Annals of Applied Statistics 2009). The fewest components within one
/// standard error of the best number are chosen (L. Breiman et al., *Classification and Regression Trees*, 1984); the error is that of the
/// differences over runs of frames.
///
/// # Errors
///
/// Those of [`fit`].
///
/// # Examples
///
/// ```
/// use ndarray::Array3;
/// use unbraid::recipe::{BlindConfig, choose_rank};
/// use unbraid::spectrogram::{Quantity, Spectrogram};
///
/// // Two spectra that take turns.
/// let values = Array3::from_shape_fn((1, 60, 160), |(_, f, t)| {
///     let sounds = if t / 10 % 2 == 0 { f % 5 == 0 } else { f % 7 == 3 };
///     if sounds { 1.0 } else { 0.01 }
/// });
/// let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude)?;
/// let rank = choose_rank(&spectrogram, &BlindConfig { components: 8, ..BlindConfig::default() }, &mut ())?;
/// assert_eq!(rank.components, 2);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn choose_rank(
    spectrogram: &Spectrogram,
    config: &BlindConfig,
    observer: &mut dyn Observer,
) -> Result<Rank, Error> {
    let values = spectrogram.view().sum_axis(Axis(0));
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let frames = halves(values.ncols(), FRAMES_TOGETHER, &mut rng);
    let bins = halves(values.nrows(), BINS_TOGETHER, &mut rng);
    let most = frames.iter().map(Vec::len).min().unwrap_or(0);
    let most = most.min(config.components);
    let validation = Validation {
        quantity: spectrogram.quantity(),
        config,
        floor: f64::from(values.mean().unwrap_or(0.0)) * FLOOR + f64::MIN_POSITIVE,
    };
    // Of every number: the divergences of runs of frames.
    let mut unseen: Vec<(usize, Vec<f64>)> = Vec::new();
    for components in RANKS.into_iter().filter(|&rank| rank <= most) {
        let mut runs = Vec::new();
        for turn in 0..2 {
            let shown = values.select(Axis(1), &frames[1 - turn]);
            let hidden = values.select(Axis(1), &frames[turn]);
            let templates = validation.templates(shown.view(), components, observer)?;
            for side in 0..2 {
                let (known, wanted) = (&bins[1 - side], &bins[side]);
                let activations = validation.activations(
                    hidden.select(Axis(0), known).view(),
                    templates.select(Axis(0), known).view(),
                    observer,
                )?;
                let foretold = templates.select(Axis(0), wanted).dot(&activations);
                let truth = hidden.select(Axis(0), wanted);
                runs.extend(validation.misfits(truth.view(), foretold.view()));
            }
        }
        unseen.push((components, runs));
    }
    Ok(decided(&unseen))
}

/// A share of the mean that everything is raised by, so that silence foretold counts no more than it is heard.
const FLOOR: f64 = 1e-3;

struct Validation<'a> {
    quantity: Quantity,
    config: &'a BlindConfig,
    floor: f64,
}

impl Validation<'_> {
    /// Templates, `(bins, components)`, learnt from all bins of some frames.
    fn templates(
        &self,
        values: ArrayView2<'_, f32>,
        components: usize,
        observer: &mut dyn Observer,
    ) -> Result<Array2<f32>, Error> {
        let shown = Spectrogram::from_values(values.insert_axis(Axis(0)), self.quantity)?;
        let start = LowRank::free(&shown, components, Start::Random, self.config.seed)?
            .with_penalties(self.config.penalties);
        let found = fit(start, &shown, &self.fitting(), observer)?;
        Ok(found.model.templates().as_standard_layout().into_owned())
    }

    /// Activations, `(components, frames)`, of templates that stay as they are.
    fn activations(
        &self,
        values: ArrayView2<'_, f32>,
        templates: ArrayView2<'_, f32>,
        observer: &mut dyn Observer,
    ) -> Result<Array2<f32>, Error> {
        let shown = Spectrogram::from_values(values.insert_axis(Axis(0)), self.quantity)?;
        let start = Start::Templates(templates);
        let start = LowRank::free(&shown, templates.ncols(), start, self.config.seed)?
            .with_penalties(self.config.penalties)
            .with_templates(Update::Fixed);
        let found = fit(start, &shown, &self.fitting(), observer)?;
        Ok(&found.model.activations() * shown.scale())
    }

    fn fitting(&self) -> FitConfig {
        FitConfig {
            iterations: ITERATIONS,
            ..self.config.fit
        }
    }

    /// The divergence in each run of frames.
    fn misfits(&self, truth: ArrayView2<'_, f32>, foretold: ArrayView2<'_, f32>) -> Vec<f64> {
        let raised = |x: f32| f64::from(x) + self.floor;
        let beta = self.config.fit.beta;
        let truth = truth.axis_chunks_iter(Axis(1), FRAMES_TOGETHER);
        let foretold = foretold.axis_chunks_iter(Axis(1), FRAMES_TOGETHER);
        truth
            .zip(foretold)
            .map(|(truth, foretold)| {
                let bins = truth.iter().zip(&foretold);
                bins.map(|(&x, &y)| divergence(raised(x), raised(y), beta))
                    .sum()
            })
            .collect()
    }
}

/// Two halves of so many, in runs; of each two neighbouring runs, chance says which goes where.
fn halves(count: usize, together: usize, rng: &mut ChaCha8Rng) -> [Vec<usize>; 2] {
    let mut halves = [Vec::new(), Vec::new()];
    let runs: Vec<usize> = (0..count.div_ceil(together)).collect();
    for pair in runs.chunks(2) {
        let first = (rng.next_u32() & 1) as usize;
        for (at, run) in pair.iter().enumerate() {
            let span = run * together..((run + 1) * together).min(count);
            halves[(first + at) % 2].extend(span);
        }
    }
    halves
}

/// The fewest whose mean difference from the best is within its standard error.
fn decided(unseen: &[(usize, Vec<f64>)]) -> Rank {
    let sum = |runs: &[f64]| runs.iter().sum::<f64>();
    let best = unseen
        .iter()
        .min_by(|(_, a), (_, b)| sum(a).total_cmp(&sum(b)));
    let errors_above = |runs: &[f64]| -> f64 {
        let Some((_, best)) = best else { return 0.0 };
        let differences: Vec<f64> = runs.iter().zip(best).map(|(a, b)| a - b).collect();
        let count = differences.len() as f64;
        let mean = sum(&differences) / count;
        let squares = differences.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let error = (squares / (count - 1.0).max(1.0) / count).sqrt();
        if error > 0.0 { mean / error } else { 0.0 }
    };
    let trials: Vec<Trial> = unseen
        .iter()
        .map(|(components, runs)| Trial {
            components: *components,
            unseen: sum(runs),
            errors_above: errors_above(runs),
        })
        .collect();
    let enough = trials.iter().find(|trial| trial.errors_above <= 1.0);
    Rank {
        components: enough.map_or(1, |trial| trial.components),
        trials,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_hold_everything_once() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let [a, b] = halves(101, 8, &mut rng);
        assert!(a.len().abs_diff(b.len()) <= 8);
        let mut all = [a, b].concat();
        all.sort_unstable();
        assert_eq!(all, (0..101).collect::<Vec<_>>());
    }

    #[test]
    fn the_fewest_within_one_error_of_the_best_are_taken() {
        let runs = |by: f64| {
            (0..10)
                .map(|n| f64::from(n) + by + f64::from(n % 2) * 0.2)
                .collect()
        };
        let flat: Vec<f64> = (0..10).map(f64::from).collect();
        let rank = decided(&[
            (2, runs(3.0)),
            (4, runs(-0.05)),
            (8, flat.clone()),
            (16, runs(2.0)),
        ]);
        // 8 is 0 in every run, 4 is -0.05 or 0.15: 0.05 above it on the mean, with an error of 0.033.
        assert_eq!(rank.best(), 8);
        assert_eq!(rank.components, 8);
        let rank = decided(&[(2, runs(3.0)), (4, runs(-0.09)), (8, flat)]);
        assert_eq!(rank.components, 4);
        assert!(
            rank.to_string()
                .starts_with("4 components: of 2, 4, 8 the fewest")
        );
    }
}
