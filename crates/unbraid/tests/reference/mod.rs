//! The slow truth: β-NMF by loops in f64, straight from the formulas.
//!
//! Legend: v, w, h, g = spectrogram (channels, bins, frames), templates (bins, components), activations
//! (components, frames), pan gains (components, channels).

use ndarray::{Array2, Array3};
use unbraid::divergence::{FLOOR, divergence, pull, push, step_exponent};

/// Factors in f64.
#[derive(Clone, Debug)]
pub(crate) struct Factors {
    pub(crate) w: Array2<f64>,
    pub(crate) h: Array2<f64>,
    pub(crate) g: Array2<f64>,
}

/// Data and what the updates need to know about them.
pub(crate) struct Problem {
    pub(crate) v: Array3<f64>,
    pub(crate) beta: f64,
    pub(crate) floor: f64,
}

impl Problem {
    pub(crate) fn new(v: Array3<f64>, beta: f64) -> Self {
        let floor = f64::from(FLOOR) * v.mean().unwrap();
        let v = if beta <= 0.0 {
            v.mapv(|x| x.max(floor))
        } else {
            v
        };
        Self { v, beta, floor }
    }

    fn model(&self, x: &Factors, c: usize, f: usize, t: usize) -> f64 {
        let sum: f64 = (0..x.w.ncols())
            .map(|k| x.g[[k, c]] * x.w[[f, k]] * x.h[[k, t]])
            .sum();
        self.floor + sum
    }

    pub(crate) fn divergence(&self, x: &Factors) -> f64 {
        self.v
            .indexed_iter()
            .map(|((c, f, t), &v)| divergence(v, self.model(x, c, f, t), self.beta))
            .sum()
    }

    /// One multiplicative step of a factor; `slope` is ∂Λ[c, f, t]/∂θ[index], summed over.
    fn step(
        &self,
        x: &Factors,
        theta: &mut Array2<f64>,
        slope: impl Fn((usize, usize), (usize, usize, usize)) -> Option<f64>,
    ) {
        let exponent = step_exponent(self.beta, false);
        let mut up = Array2::<f64>::zeros(theta.raw_dim());
        let mut down = up.clone();
        for ((c, f, t), &v) in self.v.indexed_iter() {
            let y = self.model(x, c, f, t);
            let (p, q) = (pull(v, y, self.beta), push(y, self.beta));
            for (index, up) in up.indexed_iter_mut() {
                if let Some(slope) = slope(index, (c, f, t)) {
                    *up += slope * p;
                    down[index] += slope * q;
                }
            }
        }
        for (index, theta) in theta.indexed_iter_mut() {
            if down[index] > 0.0 {
                *theta *= (up[index] / down[index]).powf(exponent);
            }
        }
    }

    /// Activations, templates, and pan gains where there are several channels.
    pub(crate) fn iterate(&self, x: &mut Factors) {
        let old = x.clone();
        self.step(&old, &mut x.h, |(k, t), (c, f, at)| {
            (t == at).then(|| old.g[[k, c]] * old.w[[f, k]])
        });
        let old = x.clone();
        self.step(&old, &mut x.w, |(f, k), (c, at, t)| {
            (f == at).then(|| old.g[[k, c]] * old.h[[k, t]])
        });
        if x.g.ncols() > 1 {
            let old = x.clone();
            self.step(&old, &mut x.g, |(k, c), (at, f, t)| {
                (c == at).then(|| old.w[[f, k]] * old.h[[k, t]])
            });
        }
    }
}
