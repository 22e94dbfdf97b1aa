//! Two successive results of a step come in; a point further along the way from one to the other goes out.
//!
//! Legend: c = a factor after this step, q = after the one before, a = the share of the way that is
//! added, k = steps since the start, halved by every restart. The section on extrapolation of
//! `docs/theory.md` says why.

use ndarray::{Array2, Zip};
use rayon::prelude::*;

use crate::model::{Column, LowRank, Update};

/// How slowly momentum grows: a = k / (k + `INERTIA`).
const INERTIA: f32 = 7.0;

/// No factor changes by more than this through extrapolation. What falls too fast in the first
/// iterations may take hundreds to come back, as steps multiply.
const FARTHEST: f32 = 3.0;

/// Rows of a factor that a thread moves at a time.
const ROWS_AT_ONCE: usize = 512;

const CONTIGUOUS: &str = "factors are contiguous";

/// The way the fit has come, and how far it dares to look ahead.
pub(super) struct Momentum {
    /// After the latest step: the objective is known not to be above that of the point before it.
    latest: Factors,
    /// After the step before.
    before: Factors,
    /// k.
    age: f32,
    templates: Vec<bool>,
    activations: Vec<bool>,
    pan: Vec<bool>,
}

/// The values of a model's factors.
struct Factors {
    templates: Array2<f32>,
    activations: Array2<f32>,
    pan_gains: Array2<f32>,
}

impl Momentum {
    /// No way yet, from here.
    pub(super) fn new(model: &LowRank) -> Self {
        Self::along(model, model, 0.0)
    }

    /// The way to `model` led through `latest`.
    pub(super) fn along(model: &LowRank, latest: &LowRank, age: f32) -> Self {
        // A column that adapts slowly is to stay slow, and a fixed one fixed.
        let learns = |role: fn(&Column) -> Update| {
            let columns = model.columns().iter();
            columns.map(|c| role(c) == Update::Learn).collect()
        };
        Self {
            latest: Factors::of(latest),
            before: Factors::of(latest),
            age,
            templates: learns(|column| column.templates),
            activations: learns(|column| column.activations),
            pan: learns(|column| column.pan),
        }
    }

    /// After the latest step that was looked ahead from, and the steps since the start.
    pub(super) fn latest(&self, mut like: LowRank) -> (LowRank, f32) {
        self.latest.copy_to(&mut like);
        (like, self.age)
    }

    /// `model` comes from a step: remember it and go on in its direction; say whether it moved.
    pub(super) fn extrapolate(&mut self, model: &mut LowRank) -> bool {
        std::mem::swap(&mut self.latest, &mut self.before);
        self.latest.copy_from(model);
        let share = self.age / (self.age + INERTIA);
        self.age += 1.0;
        if share == 0.0 {
            return false;
        }
        for (k, mut row) in model.templates.outer_iter_mut().enumerate() {
            if self.templates[k] {
                let before = self.before.templates.row(k);
                Zip::from(&mut row)
                    .and(&before)
                    .for_each(|c, &q| *c = beyond(*c, q, share));
            }
        }
        // A share of zero changes no bit, so that all columns of a frame take the same path.
        let of = |learns: &[bool]| -> Vec<f32> {
            let shares = learns
                .iter()
                .map(|&learns| if learns { share } else { 0.0 });
            shares.collect()
        };
        let rows = [
            (
                &mut model.activations,
                &self.before.activations,
                of(&self.activations),
            ),
            (&mut model.pan_gains, &self.before.pan_gains, of(&self.pan)),
        ];
        for (now, before, shares) in rows {
            let len = ROWS_AT_ONCE * shares.len();
            let now = now.as_slice_mut().expect(CONTIGUOUS);
            let before = before.as_slice().expect(CONTIGUOUS);
            now.par_chunks_mut(len)
                .zip(before.par_chunks(len))
                .for_each(|(now, before)| {
                    let rows = now.chunks_exact_mut(shares.len());
                    for (now, before) in rows.zip(before.chunks_exact(shares.len())) {
                        for ((c, &q), &share) in now.iter_mut().zip(before).zip(&shares) {
                            *c = beyond(*c, q, share);
                        }
                    }
                });
        }
        model.normalize();
        true
    }

    /// The point ahead was no better: return to the latest step, and be more careful.
    pub(super) fn fall_back(&mut self, model: &mut LowRank) {
        self.age *= 0.5;
        self.latest.copy_to(model);
    }
}

/// c · (c/q)^a by its Padé approximant around c = q: one division, no power; a zero stays a
/// zero, the rest stays above zero.
#[inline]
fn beyond(c: f32, q: f32, a: f32) -> f32 {
    let (near, far) = (1.0 - a, 1.0 + a);
    let below = near * c + far * q;
    if below <= f32::MIN_POSITIVE {
        return c;
    }
    c * ((far * c + near * q) / below).clamp(1.0 / FARTHEST, FARTHEST)
}

impl Factors {
    fn of(model: &LowRank) -> Self {
        Self {
            templates: model.templates.clone(),
            activations: model.activations.clone(),
            pan_gains: model.pan_gains.clone(),
        }
    }

    fn copy_from(&mut self, model: &LowRank) {
        self.templates.assign(&model.templates);
        self.activations.assign(&model.activations);
        self.pan_gains.assign(&model.pan_gains);
    }

    fn copy_to(&self, model: &mut LowRank) {
        model.templates.assign(&self.templates);
        model.activations.assign(&self.activations);
        model.pan_gains.assign(&self.pan_gains);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_ahead_keeps_signs_zeros_and_what_stands_still() {
        for a in [0.0, 0.1, 0.5, 0.99, 1.0] {
            for q in [0.0, 1e-40, 1e-30, 1.0, 1e30] {
                assert!(beyond(0.0, q, a) <= 0.0);
                assert_eq!(beyond(q, q, a).to_bits(), q.to_bits());
                for c in [1e-30, 0.5, 1.0, 1e30] {
                    let ahead = beyond(c, q, a);
                    assert!(ahead > 0.0 && ahead.is_finite(), "{c} {q} {a}: {ahead}");
                    assert!(
                        (ahead >= c) == (c >= q) || ahead.to_bits() == c.to_bits(),
                        "{c} {q} {a}: {ahead}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_look_ahead_is_nearly_the_power_where_steps_are_small() {
        for a in [0.1_f32, 0.5, 0.9] {
            for ratio in [0.8_f32, 0.95, 1.05, 1.25] {
                let exact = ratio * ratio.powf(a);
                let ahead = beyond(ratio, 1.0, a);
                assert!(
                    (ahead / exact - 1.0).abs() < 1e-3,
                    "{ratio}^{a}: {ahead} {exact}"
                );
            }
        }
    }
}
