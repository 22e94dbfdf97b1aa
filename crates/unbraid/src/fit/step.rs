//! Both halves of a gradient come in; the factors step, penalties and roles observed.
//!
//! Legend: h = activations, w = templates, g = pan gains, M = bins; `n_k = √M ‖w_k‖₂ · mean_c g_ck` is
//! the loudness that one unit of activation stands for. The formulas are derived in `docs/theory.md`.

use ndarray::Axis;

use crate::Spectrogram;
use crate::divergence::step_exponent;
use crate::model::{Column, LowRank, Penalties, Update, sum};

/// Factors below this are as good as silent; they become zero, because arithmetic on subnormal
/// numbers is many times slower.
pub(super) const VANISHED: f32 = 1e-30;

/// Penalty weights of one component in the units of the data.
#[derive(Debug, Clone, Copy)]
struct Weights {
    activations_l1: f32,
    activations_l2: f32,
    continuity: f32,
    templates_l1: f32,
    templates_l2: f32,
    /// γ of activations and pan gains.
    exponent: f32,
    /// γ of templates: their norm makes every penalty on activations a quadratic one.
    templates_exponent: f32,
    /// Whether any weight is above zero: else norms need not be taken.
    any: bool,
}

/// The steps of every factor of one model.
pub(super) struct Step {
    weights: Vec<Weights>,
    columns: Vec<Column>,
}

/// The step of the activations, with everything about the other factors computed once.
pub(super) struct ActivationsStep<'a> {
    step: &'a Step,
    /// `n_k`.
    loudness: Vec<f32>,
    /// Neighbours in time are those before the step; kept only for continuity.
    before: Option<ndarray::Array2<f32>>,
    /// The one power of all components, where none has penalties and all learn.
    alike: Option<Power>,
}

impl Step {
    pub(super) fn new(spectrogram: &Spectrogram, beta: f64, model: &LowRank) -> Self {
        let mean = f64::from(spectrogram.mean());
        let unit = mean.powf(beta - 1.0);
        let frame_sum = mean * spectrogram.bins() as f64;
        let total = mean.powf(beta) * (spectrogram.frames() * spectrogram.bins()) as f64;
        let per_component = total / model.components() as f64;
        let bins = spectrogram.bins() as f64;
        let weights = model
            .columns()
            .iter()
            .map(|column| {
                let penalties = &column.penalties;
                let weight = |weight: f32, unit: f64| (f64::from(weight) * unit) as f32;
                Weights {
                    activations_l1: weight(penalties.activations_l1, unit),
                    activations_l2: weight(penalties.activations_l2, unit / frame_sum),
                    continuity: weight(penalties.continuity, unit / frame_sum),
                    templates_l1: weight(penalties.templates_l1, per_component / bins.sqrt()),
                    templates_l2: weight(penalties.templates_l2, per_component * bins),
                    exponent: step_exponent(beta, penalties.quadratic()) as f32,
                    templates_exponent: step_exponent(beta, penalties.on_activations()) as f32,
                    any: *penalties != Penalties::default(),
                }
            })
            .collect();
        Self {
            weights,
            columns: model.columns().to_vec(),
        }
    }

    /// What all penalties add to the objective.
    pub(super) fn penalty(&self, model: &LowRank) -> f64 {
        let mut sum = 0.0;
        for (k, weights) in self.weights.iter().enumerate() {
            if !weights.any {
                continue;
            }
            let w = Norms::of(model.templates.row(k).iter());
            let loudness = loudness(model, k, &w);
            let h = ActivationNorms::of(model, k, weights);
            sum += f64::from(weights.activations_l1) * loudness * h.l1;
            sum += 0.5 * f64::from(weights.activations_l2) * loudness.powi(2) * h.squares;
            sum += 0.5 * f64::from(weights.continuity) * loudness.powi(2) * h.steps;
            if w.l1 > 0.0 {
                sum += f64::from(weights.templates_l1) * w.l1 / w.squares.sqrt();
                sum += 0.5 * f64::from(weights.templates_l2) * w.squares / w.l1.powi(2);
            }
        }
        sum
    }

    pub(super) fn for_activations(&self, model: &LowRank) -> ActivationsStep<'_> {
        let loudness = self
            .weights
            .iter()
            .enumerate()
            .map(|(k, weights)| {
                // Only penalties ask for it.
                if weights.any {
                    loudness(model, k, &Norms::of(model.templates.row(k).iter())) as f32
                } else {
                    0.0
                }
            })
            .collect();
        let before = self
            .weights
            .iter()
            .any(|w| w.continuity > 0.0)
            .then(|| model.activations.clone());
        let learn = |column: &Column| column.activations == Update::Learn;
        let plain = self.weights.iter().all(|w| !w.any) && self.columns.iter().all(learn);
        let alike = self.weights.first().filter(|_| plain);
        ActivationsStep {
            step: self,
            loudness,
            before,
            alike: alike.map(|weights| Power::new(weights.exponent)),
        }
    }

    /// Step the templates; `pull` and `push` are (components × bins), or `push` has one value per
    /// component for all its bins.
    pub(super) fn templates(&self, model: &mut LowRank, pull: &[f32], push: &[f32], damping: f32) {
        let (components, bins) = (model.components(), model.bins());
        for (k, weights) in self.weights.iter().enumerate() {
            let Some(rate) = self.columns[k].templates.rate() else {
                continue;
            };
            let (pull, push) = (
                plane_row(pull, k, components),
                plane_row(push, k, components),
            );
            if !weights.any {
                let power = Power::new(weights.templates_exponent * rate);
                let mut row = model.templates.row_mut(k);
                let row = row.as_slice_mut().expect("templates are contiguous");
                match *push {
                    [push] => step_all(row, pull, |_| push, power),
                    _ => step_all(row, pull, |bin| push[bin], power),
                }
                continue;
            }
            let h = ActivationNorms::of(model, k, weights);
            let gain = mean_gain(model, k);
            let w = Norms::of(model.templates.row(k).iter());
            // Penalties on activations, seen from the template, grow with its norm:
            // ‖w‖ ≤ (‖w‖² / ‖w̃‖ + ‖w̃‖) / 2, with equality at w̃, the template before the step.
            let quadratic = f64::from(weights.activations_l2) * h.squares
                + f64::from(weights.continuity) * h.steps;
            let mut push_each = bins as f64 * gain.powi(2) * quadratic;
            if weights.activations_l1 > 0.0 && w.squares > 0.0 {
                let linear = f64::from(weights.activations_l1) * h.l1;
                push_each += (bins as f64 / w.squares).sqrt() * gain * linear;
            }
            let (mut push_all, mut pull_all, mut pull_each) = (0.0, 0.0, 0.0);
            let mut exponent = weights.templates_exponent * rate;
            if self.columns[k].penalties.on_templates() && w.l1 > 0.0 {
                let norm = w.squares.sqrt();
                push_all += f64::from(weights.templates_l1) / norm;
                pull_each += f64::from(weights.templates_l1) * w.l1 / norm.powi(3);
                push_each += f64::from(weights.templates_l2) / w.l1.powi(2);
                pull_all += f64::from(weights.templates_l2) * w.squares / w.l1.powi(3);
                exponent *= damping;
            }
            let power = Power::new(exponent);
            let (push_all, pull_all) = (push_all as f32, pull_all as f32);
            let (push_each, pull_each) = (push_each as f32, pull_each as f32);
            let mut row = model.templates.row_mut(k);
            let step = |w: &mut f32, pull: f32, push: f32| {
                let up = pull + pull_all + pull_each * *w;
                let down = push + push_all + push_each * *w;
                *w = stepped(*w, up, down, power);
            };
            let each = row.iter_mut().zip(pull);
            match push {
                [push] => each.for_each(|(w, pull)| step(w, *pull, *push)),
                push => each
                    .zip(push)
                    .for_each(|((w, pull), push)| step(w, *pull, *push)),
            }
        }
    }

    /// After a joint step: every factor has learnt its component's scale, but only one may have it,
    /// the activations, or else the templates. The others return to the scales they had.
    pub(super) fn keep_scales(&self, model: &mut LowRank, before: &[[f64; 2]]) {
        let now = scales(model);
        for (k, column) in self.columns.iter().enumerate() {
            let ratio = |which: usize| {
                let ratio = before[k][which] / now[k][which];
                if ratio.is_finite() { ratio as f32 } else { 1.0 }
            };
            let activations = column.activations != Update::Fixed;
            let templates = column.templates != Update::Fixed;
            if activations && templates {
                let ratio = ratio(0);
                model.templates.row_mut(k).mapv_inplace(|w| w * ratio);
            }
            if (activations || templates) && column.pan != Update::Fixed {
                let ratio = ratio(1);
                model.pan_gains.column_mut(k).mapv_inplace(|g| g * ratio);
            }
        }
    }

    /// Step the pan gains; `pull` and `push` are the planes of every channel, as for the templates.
    pub(super) fn pan_gains(&self, model: &mut LowRank, pull: &[Vec<f32>], push: &[Vec<f32>]) {
        let (components, bins) = (model.components(), model.bins());
        let channels = model.channels() as f64;
        for (k, weights) in self.weights.iter().enumerate() {
            let Some(rate) = self.columns[k].pan.rate() else {
                continue;
            };
            let h = ActivationNorms::of(model, k, weights);
            let w = Norms::of(model.templates.row(k).iter());
            let quadratic = f64::from(weights.activations_l2) * h.squares
                + f64::from(weights.continuity) * h.steps;
            let norm = (bins as f64 * w.squares).sqrt();
            let push_all = f64::from(weights.activations_l1) * norm * h.l1 / channels
                + quadratic * norm.powi(2) * mean_gain(model, k) / channels;
            let power = Power::new(weights.exponent * rate);
            let template = model.templates.row(k);
            let project = |plane: &[f32]| -> f64 {
                match plane_row(plane, k, components) {
                    [field] => f64::from(*field) * w.l1,
                    row => row
                        .iter()
                        .zip(template)
                        .map(|(field, w)| f64::from(*field) * f64::from(*w))
                        .sum(),
                }
            };
            for channel in 0..model.pan_gains.nrows() {
                let up = project(&pull[channel]);
                let down = project(&push[channel]) + push_all;
                let gain = &mut model.pan_gains[[channel, k]];
                *gain = stepped(*gain, up as f32, down as f32, power);
            }
        }
    }
}

impl ActivationsStep<'_> {
    /// Step the activations of one tile, whose first frame is `start`.
    pub(super) fn tile(&self, start: usize, h: &mut [f32], pull: &[f32], push: &[f32]) {
        match self.alike {
            Some(power) => step_all(h, pull, |i| push[i], power),
            None => self.tile_by_component(start, h, pull, push),
        }
    }

    fn tile_by_component(&self, start: usize, h: &mut [f32], pull: &[f32], push: &[f32]) {
        let components = self.loudness.len();
        for (k, weights) in self.step.weights.iter().enumerate() {
            let Some(rate) = self.step.columns[k].activations.rate() else {
                continue;
            };
            let power = Power::new(weights.exponent * rate);
            let loudness = self.loudness[k];
            let l1 = weights.activations_l1 * loudness;
            let l2 = weights.activations_l2 * loudness * loudness;
            let continuity = weights.continuity * loudness * loudness;
            let each = h.iter_mut().zip(pull).zip(push).skip(k).step_by(components);
            for (row, ((h, pull), push)) in each.enumerate() {
                let (mut up, mut down) = (*pull, push + l1 + l2 * *h);
                if continuity > 0.0
                    && let Some(before) = &self.before
                {
                    // (a − b)² ≤ 2(a − m)² + 2(b − m)² with m the mean of both before the step.
                    let frame = start + row;
                    let neighbours = [frame.wrapping_sub(1), frame + 1];
                    for neighbour in neighbours.into_iter().filter_map(|t| before.get([t, k])) {
                        up += continuity * (*h + neighbour);
                        down += continuity * 2.0 * *h;
                    }
                }
                *h = stepped(*h, up, down, power);
            }
        }
    }
}

/// A power with the usual exponents made cheap.
#[derive(Debug, Clone, Copy)]
enum Power {
    One,
    Half,
    Other(f32),
}

impl Power {
    fn new(exponent: f32) -> Self {
        match exponent {
            1.0 => Self::One,
            0.5 => Self::Half,
            other => Self::Other(other),
        }
    }
}

/// The step of factors that have one power and no penalties, in loops that compilers vectorize.
fn step_all(factors: &mut [f32], up: &[f32], down: impl Fn(usize) -> f32, power: Power) {
    match power {
        Power::One => step_each(factors, up, down, |ratio| ratio),
        Power::Half => step_each(factors, up, down, f32::sqrt),
        Power::Other(exponent) => step_each(factors, up, down, |ratio| ratio.powf(exponent)),
    }
}

#[inline]
fn step_each(
    factors: &mut [f32],
    up: &[f32],
    down: impl Fn(usize) -> f32,
    power: impl Fn(f32) -> f32,
) {
    for (i, (factor, &up)) in factors.iter_mut().zip(up).enumerate() {
        let down = down(i);
        let next = *factor * power(up / down);
        let next = if next < VANISHED { 0.0 } else { next };
        *factor = if down <= 0.0 { *factor } else { next };
    }
}

/// The multiplicative step of one factor.
#[inline]
fn stepped(factor: f32, up: f32, down: f32, power: Power) -> f32 {
    // Where nothing pushes, the factor touches nothing of the model: it may stay.
    if down <= 0.0 {
        return factor;
    }
    let ratio = up / down;
    let next = factor
        * match power {
            Power::One => ratio,
            Power::Half => ratio.sqrt(),
            Power::Other(exponent) => ratio.powf(exponent),
        };
    if next < VANISHED { 0.0 } else { next }
}

/// The sums of every component's template and of its pan gains.
pub(super) fn scales(model: &LowRank) -> Vec<[f64; 2]> {
    (0..model.components())
        .map(|k| {
            let template = model.templates.row(k);
            let gains = model.pan_gains.column(k);
            [
                sum(template.to_slice().expect("templates are contiguous")),
                gains.iter().map(|&gain| f64::from(gain)).sum(),
            ]
        })
        .collect()
}

/// The values of component `k` in a plane (components × bins), or the one value of all its bins.
fn plane_row(plane: &[f32], k: usize, components: usize) -> &[f32] {
    let width = plane.len() / components;
    &plane[k * width..(k + 1) * width]
}

struct Norms {
    l1: f64,
    squares: f64,
}

impl Norms {
    fn of<'v>(values: impl Iterator<Item = &'v f32>) -> Self {
        values.fold(
            Self {
                l1: 0.0,
                squares: 0.0,
            },
            |norms, &value| {
                let value = f64::from(value);
                Self {
                    l1: norms.l1 + value,
                    squares: norms.squares + value * value,
                }
            },
        )
    }
}

struct ActivationNorms {
    l1: f64,
    squares: f64,
    /// `Σ_t (h_t − h_{t−1})²`.
    steps: f64,
}

impl ActivationNorms {
    /// The norms, or zeros where no penalty asks for them.
    fn of(model: &LowRank, component: usize, weights: &Weights) -> Self {
        let mut norms = Self {
            l1: 0.0,
            squares: 0.0,
            steps: 0.0,
        };
        if !weights.any {
            return norms;
        }
        let activations = model.activations.index_axis(Axis(1), component);
        let mut before = None;
        for &value in activations {
            let value = f64::from(value);
            norms.l1 += value;
            norms.squares += value * value;
            norms.steps += before.map_or(0.0, |before: f64| (value - before).powi(2));
            before = Some(value);
        }
        norms
    }
}

/// `n_k`.
fn loudness(model: &LowRank, component: usize, template: &Norms) -> f64 {
    (model.bins() as f64 * template.squares).sqrt() * mean_gain(model, component)
}

fn mean_gain(model: &LowRank, component: usize) -> f64 {
    let gains = model.pan_gains.column(component);
    gains.iter().map(|&gain| f64::from(gain)).sum::<f64>() / gains.len() as f64
}
