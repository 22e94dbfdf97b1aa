//! Data and factors in f64 come in; factors after one step, by naive loops, go out: the slow truth.
//!
//! Straight from the formulas and in the order in which [`fit`](crate::fit::fit()) steps, so that
//! the fast paths can be tested against it and it against other programs. Nothing here is fast.
//!
//! | letter | name | shape |
//! |---|---|---|
//! | v | spectrogram | `(channels, bins, frames)` |
//! | w | templates | `(bins, components)` |
//! | h | activations | `(components, frames)` |
//! | g | pan gains | `(components, channels)` |

use ndarray::{Array2, Array3};

use crate::divergence::{FLOOR, divergence, pull, push, step_exponent};
use crate::model::LowRank;

/// The factors of a model in f64.
#[derive(Debug, Clone, PartialEq)]
pub struct Factors {
    /// Templates, `(bins, components)`.
    pub w: Array2<f64>,
    /// Activations, `(components, frames)`.
    pub h: Array2<f64>,
    /// Pan gains, `(components, channels)`.
    pub g: Array2<f64>,
}

impl From<&LowRank> for Factors {
    fn from(model: &LowRank) -> Self {
        Self {
            w: model.templates().mapv(f64::from),
            h: model.activations().mapv(f64::from),
            g: model.pan_gains().mapv(f64::from),
        }
    }
}

/// The data that a model is to explain, and how misfit is measured.
///
/// # Examples
///
/// ```
/// use unbraid::divergence::KULLBACK_LEIBLER;
/// use unbraid::model::{LowRank, Start};
/// use unbraid::reference::{Factors, Problem};
/// use unbraid::testsignals::product_spectrogram;
///
/// let spectrogram = product_spectrogram(9, 12, 2, 0);
/// let problem = Problem::new(spectrogram.view().mapv(f64::from), KULLBACK_LEIBLER);
/// let mut factors = Factors::from(&LowRank::free(&spectrogram, 2, Start::Random, 0)?);
/// let before = problem.divergence(&factors);
/// problem.iterate(&mut factors);
/// assert!(problem.divergence(&factors) < before);
/// # Ok::<(), unbraid::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The data, `(channels, bins, frames)`.
    pub v: Array3<f64>,
    /// Which β-divergence.
    pub beta: f64,
    /// What is added to every value of the model.
    pub floor: f64,
    /// What the source of every component may claim, if anything is hinted (β = 1 only).
    pub claims: Option<Claims>,
}

/// Hints about the sources of components.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// `(sources, bins, frames)`, from above 0 to 1.
    pub claims: Array3<f64>,
    /// The source of every component.
    pub owners: Vec<usize>,
}

impl Problem {
    /// The problem that [`fit`](crate::fit::fit()) solves: with the floor of
    /// [`FLOOR`] times the mean, to which the data are raised as well where β ≤ 0.
    #[must_use]
    pub fn new(v: Array3<f64>, beta: f64) -> Self {
        let floor = f64::from(FLOOR) * v.mean().unwrap_or(0.0);
        let v = if beta <= 0.0 {
            v.mapv(|x| x.max(floor))
        } else {
            v
        };
        Self {
            v,
            beta,
            floor,
            claims: None,
        }
    }

    /// The textbook's problem, without a floor: data and factors must be above zero.
    #[must_use]
    pub fn without_floor(v: Array3<f64>, beta: f64) -> Self {
        Self {
            v,
            beta,
            floor: 0.0,
            claims: None,
        }
    }

    /// The model's value in one bin.
    fn model(&self, x: &Factors, (c, f, t): (usize, usize, usize)) -> f64 {
        let products = (0..x.w.ncols()).map(|k| x.g[[k, c]] * x.w[[f, k]] * x.h[[k, t]]);
        self.floor + products.sum::<f64>()
    }

    /// What a component may claim of a bin: 1 without hints.
    fn claim(&self, k: usize, (_, f, t): (usize, usize, usize)) -> f64 {
        let hinted = self.claims.as_ref();
        hinted.map_or(1.0, |hints| hints.claims[[hints.owners[k], f, t]])
    }

    /// Γ: the model with every component as far as it may claim the bin.
    fn claimed(&self, x: &Factors, at: (usize, usize, usize)) -> f64 {
        let (c, f, t) = at;
        let products =
            (0..x.w.ncols()).map(|k| self.claim(k, at) * x.g[[k, c]] * x.w[[f, k]] * x.h[[k, t]]);
        self.floor + products.sum::<f64>()
    }

    /// The objective: the divergence of the data from the model; with hints, from what is claimed, and what of the model
    /// is not claimed.
    #[must_use]
    pub fn divergence(&self, x: &Factors) -> f64 {
        let bins = self.v.indexed_iter();
        bins.map(|(at, &v)| {
            let claimed = self.claimed(x, at);
            divergence(v, claimed, self.beta) + self.model(x, at) - claimed
        })
        .sum()
    }

    /// One multiplicative step of a factor.
    ///
    /// `slope` says for a component and a bin which value θ of the factor has a part in the
    /// component's model there, and the slope ∂Λ[c, f, t]/∂θ.
    fn step(
        &self,
        x: &Factors,
        theta: &mut Array2<f64>,
        slope: impl Fn(usize, (usize, usize, usize)) -> ([usize; 2], f64),
    ) {
        let exponent = step_exponent(self.beta, false);
        let mut up = Array2::<f64>::zeros(theta.raw_dim());
        let mut down = up.clone();
        for (at, &v) in self.v.indexed_iter() {
            let y = self.model(x, at);
            let (p, q) = (pull(v, self.claimed(x, at), self.beta), push(y, self.beta));
            for k in 0..x.w.ncols() {
                let (index, slope) = slope(k, at);
                up[index] += slope * p * self.claim(k, at);
                down[index] += slope * q;
            }
        }
        for (index, theta) in theta.indexed_iter_mut() {
            if down[index] > 0.0 {
                *theta *= (up[index] / down[index]).powf(exponent);
            }
        }
    }

    /// One iteration: activations, templates, and pan gains where there are several channels.
    pub fn iterate(&self, x: &mut Factors) {
        let old = x.clone();
        self.step(&old, &mut x.h, |k, (c, f, t)| {
            ([k, t], old.g[[k, c]] * old.w[[f, k]])
        });
        let old = x.clone();
        self.step(&old, &mut x.w, |k, (c, f, t)| {
            ([f, k], old.g[[k, c]] * old.h[[k, t]])
        });
        if x.g.ncols() > 1 {
            let old = x.clone();
            self.step(&old, &mut x.g, |k, (c, f, t)| {
                ([k, c], old.w[[f, k]] * old.h[[k, t]])
            });
        }
    }
}
