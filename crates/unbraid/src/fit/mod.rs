//! A model and a spectrogram come in; the fitted model and its trace go out.

mod convolutive;
mod extrapolate;
mod guided;
mod joint;
mod notes;
mod pass;
mod step;
mod subsampled;
mod transfer;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use crate::divergence::{FLOOR, KULLBACK_LEIBLER};
use crate::knowledge::hints::Hints;
use crate::model::LowRank;
use crate::observe::{Observer, Progress, Stage};
use crate::{Error, Spectrogram};
use extrapolate::Momentum;
use pass::{Pass, Scheme};

pub use convolutive::{Free, fit_convolutive};
pub use joint::{Term, divergences, fit_jointly};
pub use notes::{NotePaths, NotePrices, note_paths};
pub use subsampled::subsampled;
pub(crate) use transfer::transfer_gains;

/// Settings of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitConfig {
    /// Which β-divergence measures the misfit; 1 for magnitudes, 0 for powers.
    pub beta: f64,
    /// The most iterations. 200 is thorough, 60 enough for a first listen.
    pub iterations: usize,
    /// Stop when ten iterations lower the objective by less than this share of it.
    pub tolerance: Option<f64>,
    /// Use plain instructions only, so that the same bytes come out on every machine.
    pub portable: bool,
    /// Take plain multiplicative steps only, one factor after the other, without looking ahead:
    /// slower, and what the literature describes.
    pub exact: bool,
}

impl Default for FitConfig {
    fn default() -> Self {
        Self {
            beta: KULLBACK_LEIBLER,
            iterations: 200,
            tolerance: None,
            portable: false,
            exact: false,
        }
    }
}

impl FitConfig {
    fn check(&self) -> Result<(), Error> {
        // Beyond these the powers of quiet bins leave the range of f32.
        if !(-1.0..=3.0).contains(&self.beta) {
            return Err(Error::config("fit.beta", self.beta, "between -1 and 3"));
        }
        if let Some(tolerance) = self.tolerance
            && !(0.0..1.0).contains(&tolerance)
        {
            return Err(Error::config(
                "fit.tolerance",
                tolerance,
                "at least 0 and below 1",
            ));
        }
        Ok(())
    }
}

/// Why the fit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stop {
    /// The iterations ran out.
    Iterations,
    /// Ten iterations lowered the objective by less than the tolerance.
    Tolerance,
    /// There was nothing to explain.
    Silence,
}

/// A fitted model.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// The model, with the factors as they ended.
    pub model: LowRank,
    /// The objective (divergence and penalties, of the scaled spectrogram) at the start and after
    /// every iteration: one more value than there were iterations.
    pub objective: Vec<f64>,
    /// Why it ended.
    pub stop: Stop,
    /// How it came there, for who goes on ([`resume`]); none where steps do not look ahead.
    pub way: Option<Way>,
}

/// What a fit has to remember so that it can go on as if it had never ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// The model one step before.
    pub previous: LowRank,
    /// How far the fit dares to look ahead, in steps.
    pub age: f32,
    /// Whether the look ahead from the last step is still to be taken.
    pub pending: bool,
    /// In so many iterations from the start factors step in turn, before they step jointly.
    pub in_turn: usize,
}

/// What is known of the sources while a model is fitted (β = 1 only).
///
/// The posterior of a source in a bin is weighted by what it may claim there, `q_p = claim_p Λ_p / Γ` with
/// `Γ = Σ_j claim_j Λ_j`. A step's numerator then holds `claim_p · V / Γ`, its denominator stays, and what never rises is
///
/// ```text
/// Σ V log(V / Γ) − V + Λ   =   D(V | Γ) + Σ (Λ − Γ)
/// ```
///
/// (Bryan and Mysore 2013; the derivation is in `docs/theory.md`). Where nothing is hinted, Γ = Λ.
#[derive(Debug, Clone, Copy)]
pub struct Guidance<'a> {
    /// What each source may claim.
    pub hints: &'a Hints,
    /// The source of every component.
    pub owners: &'a [usize],
}

impl Guidance<'_> {
    fn check(&self, model: &LowRank, config: &FitConfig) -> Result<(), Error> {
        if config.beta != KULLBACK_LEIBLER {
            return Err(Error::config(
                "fit.beta",
                config.beta,
                "1 (kl) where hints or regions are given: they weight posteriors, which only that divergence has",
            ));
        }
        let expected = [model.bins(), model.frames(), model.components()];
        let actual = [self.hints.bins(), self.hints.frames(), self.owners.len()];
        if expected != actual {
            return Err(Error::Shape {
                what: "the hints (bins, frames) and the owners of components",
                expected: expected.to_vec(),
                actual: actual.to_vec(),
            });
        }
        let sources = self.hints.sources();
        match self.owners.iter().find(|&&owner| owner >= sources) {
            Some(owner) => {
                let requirement = format!("below the number of hinted sources ({sources})");
                Err(Error::config("owners", owner, requirement))
            }
            None => Ok(()),
        }
    }
}

impl Fit {
    /// The objective at the end.
    #[must_use]
    pub fn final_objective(&self) -> f64 {
        self.objective.last().copied().unwrap_or(0.0)
    }

    /// The number of iterations done.
    #[must_use]
    pub fn iterations(&self) -> usize {
        self.objective.len().saturating_sub(1)
    }
}

/// The objective may rise by this share through rounding in f32 without being worse.
const ROUNDING: f64 = 1e-6;

/// Iterations at the start in which factors step in turn even where they could step jointly. They decide
/// which minimum the fit goes to: joint steps from random factors end now lower, now higher than exact
/// ones; after a few in turn they end lower, at the cost of some iterations (`docs/theory.md`).
const IN_TURN: usize = 10;

/// Fit a model to a spectrogram by multiplicative updates.
///
/// An exact iteration steps the activations, then the templates, then (where they are learnt) the
/// pan gains:
///
/// ```text
/// θ ← θ · (⟨∂Λ/∂θ, V·Λ^(β−2)⟩ / (⟨∂Λ/∂θ, Λ^(β−1)⟩ + penalty'(θ)))^γ
/// ```
///
/// Each is a majorise–minimise step, so the objective never rises; where penalties on templates make
/// it a descent direction only, a step that raised the objective is taken back and shortened.
/// The model includes a constant floor at −140 dB ([`FLOOR`]), so no division is by zero.
///
/// Unless [`FitConfig::exact`] asks for nothing else, two things make it several times faster, and the
/// objective still never rises. For β = 1 without penalties and slow columns, all factors step at
/// once, from one product, after a few iterations in turn: that majoriser exists. And every step starts from a point ahead, on
/// the way from the step before last to the last. Where the objective is higher there, the fit returns
/// to the last step, and the iteration that found out leaves the objective as it was.
///
/// Frames are worked on in tiles and sums are added in a fixed order: the result has the same
/// bits on any number of threads.
///
/// # Errors
///
/// - [`Error::Config`] for a setting that is not allowed, [`Error::Shape`] if the model does not
///   fit the spectrogram.
/// - [`Error::Cancelled`] if the observer says so.
/// - [`Error::Numerical`] if the objective is not finite.
///
/// # Examples
///
/// ```
/// use ndarray::{Array3, array};
/// use unbraid::fit::{FitConfig, fit};
/// use unbraid::model::{LowRank, Start};
/// use unbraid::spectrogram::{Quantity, Spectrogram};
///
/// // Two sounds that take turns.
/// let (low, high) = (array![2.0, 1.0, 0.0], array![0.0, 1.0, 3.0]);
/// let values = Array3::from_shape_fn((1, 3, 20), |(_, f, t)| if t % 5 < 2 { low[f] } else { high[f] });
/// let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude)?;
/// let start = LowRank::free(&spectrogram, 2, Start::Random, 0)?;
/// let fit = fit(start, &spectrogram, &FitConfig::default(), &mut ())?;
/// assert!(fit.final_objective() < 1e-3 * fit.objective[0]);
/// # Ok::<(), unbraid::Error>(())
/// ```
///
/// # References
///
/// - D. D. Lee, H. S. Seung, *Algorithms for non-negative matrix factorization*, NIPS 2001.
/// - C. Févotte, J. Idier, *Algorithms for nonnegative matrix factorization with the
///   β-divergence*, Neural Computation 2011.
/// - L. T. K. Hien, V. Leplat, N. Gillis, *Block majorization minimization with extrapolation and
///   application to β-NMF*, SIAM J. Math. Data Sci. 2025: extrapolated multiplicative updates. Here the
///   extrapolation is multiplicative as well, and the objective is the safeguard.
pub fn fit(
    model: LowRank,
    spectrogram: &Spectrogram,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    fit_guided(model, spectrogram, None, config, observer)
}

/// As [`fit`], with hints about the sources.
///
/// # Errors
///
/// As [`fit`]; [`Error::Config`] for hints where β is not 1, [`Error::Shape`] if they are for another model.
pub fn fit_guided(
    mut model: LowRank,
    spectrogram: &Spectrogram,
    guidance: Option<Guidance<'_>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    config.check()?;
    model.check(spectrogram)?;
    if spectrogram.mean() > 0.0 {
        model.normalize();
    }
    let course = Course {
        objective: Vec::new(),
        in_turn: IN_TURN,
        momentum: (!config.exact).then(|| Momentum::new(&model)),
        ahead: false,
    };
    run(model, course, spectrogram, guidance, config, observer)
}

/// Go on with a fit, for as many iterations more as `config` says, as if it had never ended.
///
/// With the spectrogram, the guidance and the settings it was made with, the result is the same to the last bit as that of
/// a fit that ran through, unless it ended before its iterations ran out, or has penalties on templates.
///
/// # Errors
///
/// As [`fit_guided`].
///
/// # Examples
///
/// ```
/// use unbraid::fit::{FitConfig, fit, resume};
/// use unbraid::model::{LowRank, Start};
/// use unbraid::testsignals::product_spectrogram;
///
/// let spectrogram = product_spectrogram(9, 40, 2, 0);
/// let start = LowRank::free(&spectrogram, 2, Start::Random, 0)?;
/// let config = |iterations| FitConfig { iterations, ..FitConfig::default() };
/// let through = fit(start.clone(), &spectrogram, &config(30), &mut ())?;
/// let first = fit(start, &spectrogram, &config(12), &mut ())?;
/// assert_eq!(resume(first, &spectrogram, None, &config(18), &mut ())?, through);
/// # Ok::<(), unbraid::Error>(())
/// ```
pub fn resume(
    fit: Fit,
    spectrogram: &Spectrogram,
    guidance: Option<Guidance<'_>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    config.check()?;
    fit.model.check(spectrogram)?;
    if config.iterations == 0 {
        return Ok(fit);
    }
    let Fit {
        mut model,
        mut objective,
        way,
        ..
    } = fit;
    // The step to come computes it again, of the point it starts from.
    objective.pop();
    let in_turn = way.as_ref().map_or(IN_TURN, |way| way.in_turn);
    let mut momentum = None;
    let mut ahead = false;
    if !config.exact {
        let mut there = match &way {
            Some(way) => Momentum::along(&model, &way.previous, way.age),
            None => Momentum::new(&model),
        };
        if way.is_some_and(|way| way.pending) {
            ahead = there.extrapolate(&mut model);
        }
        momentum = Some(there);
    }
    let course = Course {
        objective,
        in_turn,
        momentum,
        ahead,
    };
    run(model, course, spectrogram, guidance, config, observer)
}

/// Fit again from where a fit stands, after something has changed: hints, roles, or components.
///
/// The objective is another than before, so its trace begins anew.
///
/// # Errors
///
/// As [`fit_guided`].
pub fn refit(
    model: LowRank,
    spectrogram: &Spectrogram,
    guidance: Option<Guidance<'_>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    config.check()?;
    model.check(spectrogram)?;
    let course = Course {
        objective: Vec::new(),
        // The minimum was chosen by the fit before.
        in_turn: 0,
        momentum: (!config.exact).then(|| Momentum::new(&model)),
        ahead: false,
    };
    run(model, course, spectrogram, guidance, config, observer)
}

/// Where a fit stands, beside its model.
struct Course {
    /// Of the start and after every iteration but the one to come.
    objective: Vec<f64>,
    /// See [`IN_TURN`].
    in_turn: usize,
    momentum: Option<Momentum>,
    /// Whether the model is a look ahead, and not the result of a step.
    ahead: bool,
}

/// The iterations.
#[expect(
    clippy::too_many_lines,
    reason = "one loop, whose steps depend on each other's order"
)]
fn run(
    mut model: LowRank,
    course: Course,
    spectrogram: &Spectrogram,
    guidance: Option<Guidance<'_>>,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    // Hints that say nothing take the same way as none, so that they change no bit.
    let guidance = guidance.filter(|guidance| !guidance.hints.is_empty());
    if let Some(guidance) = &guidance {
        guidance.check(&model, config)?;
    }
    if spectrogram.mean() <= 0.0 {
        model.activations.fill(0.0);
        return Ok(Fit {
            model,
            objective: vec![0.0],
            stop: Stop::Silence,
            way: None,
        });
    }
    let Course {
        mut objective,
        in_turn,
        mut momentum,
        mut ahead,
    } = course;
    let total = objective.len() + config.iterations;
    let scheme = if config.exact {
        Scheme::Alternating
    } else {
        Scheme::fastest(config.beta, &model)
    };
    let mut pass = Pass::new(spectrogram, config, &model, guidance);
    let mut pending = false;
    let safeguarded = model
        .columns()
        .iter()
        .any(|column| column.penalties.on_templates());
    // With a safeguard: the last state that was not worse, and the share of the full step.
    let mut good: Option<LowRank> = None;
    let mut damping = 1.0_f32;
    let stop = loop {
        let done = objective.len();
        let before = safeguarded.then(|| model.clone());
        // The objective of the state before the step comes out of the step for free; after the
        // last step it is all that is asked for.
        let last = done >= total;
        let scheme = if done < in_turn {
            Scheme::Alternating
        } else {
            scheme
        };
        let mut value = if last {
            pass.objective(&model)
        } else {
            pass.iterate(&mut model, scheme, damping)
        };
        let least = objective.last().copied();
        let worse = least.is_some_and(|least| value > least * (1.0 + ROUNDING));
        if ahead && (worse || !value.is_finite()) {
            // Even a look ahead that overflows is only a step back.
            ahead = false;
            pending = false;
            value = least.unwrap_or(value);
            if let Some(momentum) = &mut momentum {
                momentum.fall_back(&mut model);
            }
        } else {
            if !value.is_finite() {
                return Err(Error::Numerical {
                    stage: "fit",
                    iteration: done,
                });
            }
            if worse
                && let Some(state) = &good
                && damping > 1e-6
            {
                damping *= 0.5;
                model = state.clone();
                pass.iterate(&mut model, scheme, damping);
                momentum = momentum.map(|_| Momentum::new(&model));
                continue;
            }
            good = before;
            // The last state of all is that of a step, which is known not to be worse.
            if !last {
                pending = done + 1 >= total;
            }
            ahead = done + 1 < total
                && momentum
                    .as_mut()
                    .is_some_and(|momentum| momentum.extrapolate(&mut model));
        }
        objective.push(value);
        let progress = Progress {
            stage: Stage::Fit,
            done,
            total,
            objective: Some(value),
        };
        if observer.progress(&progress) == ControlFlow::Break(()) {
            return Err(Error::Cancelled);
        }
        if last {
            break Stop::Iterations;
        }
        if let Some(tolerance) = config.tolerance
            && done >= 10
            && objective[done - 10] - value < tolerance * value
        {
            // `model` is one step further than `value` says: finish with that step's objective.
            if ahead && let Some(momentum) = &mut momentum {
                momentum.fall_back(&mut model);
            }
            objective.push(pass.objective(&model));
            break Stop::Tolerance;
        }
    };
    let way = momentum.map(|momentum| {
        let (previous, age) = momentum.latest(model.clone());
        Way {
            previous,
            age,
            pending,
            in_turn,
        }
    });
    Ok(Fit {
        model,
        objective,
        stop,
        way,
    })
}

/// Fit from several starts and keep the one that ends lowest.
///
/// `start` makes the model for a seed; seeds run from `seed` to `seed + restarts`, and the first of
/// equals wins.
///
/// # Errors
///
/// What [`fit`] and `start` return.
pub fn fit_best(
    start: impl Fn(u64) -> Result<LowRank, Error>,
    seed: u64,
    restarts: usize,
    spectrogram: &Spectrogram,
    config: &FitConfig,
    observer: &mut dyn Observer,
) -> Result<Fit, Error> {
    let mut best = fit(start(seed)?, spectrogram, config, observer)?;
    for restart in 1..=restarts as u64 {
        let next = fit(
            start(seed.wrapping_add(restart))?,
            spectrogram,
            config,
            observer,
        )?;
        if next.final_objective() < best.final_objective() {
            best = next;
        }
    }
    Ok(best)
}

/// The floor of a spectrogram's model.
pub(crate) fn floor(spectrogram: &Spectrogram) -> f32 {
    FLOOR * spectrogram.mean()
}
