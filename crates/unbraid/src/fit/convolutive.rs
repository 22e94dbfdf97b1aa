//! A spectrogram, events and free components come in; both fitted together go out (NMFD).
//!
//! Events at all their lags and free components are one product of stacked components ([`delay`]), so one kernel call
//! has the gradients of all; that of delayed activations is put back where it belongs ([`undelay`]).
//!
//! Legend: v = spectrogram (frames × bins), h = activations (frames × components), w = templates (components × bins);
//! pull and push are the two halves of the gradient (`divergence`).

use std::ops::ControlFlow;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use rayon::prelude::*;
use unbraid_kernel::convolutive::{delay, undelay};
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

use super::pass::{CHECKED, runs, tiles};
use super::step::VANISHED;
use crate::Error;
use crate::divergence::{FLOOR, KULLBACK_LEIBLER};
use crate::model::Convolutive;
use crate::observe::{Observer, Progress, Stage};

/// Free components beside the events.
#[derive(Debug, Clone, PartialEq)]
pub struct Free {
    /// `(components, bins)`.
    pub templates: Array2<f32>,
    /// `(frames, components)`.
    pub activations: Array2<f32>,
}

impl Free {
    /// None.
    #[must_use]
    pub fn none(frames: usize, bins: usize) -> Self {
        Self {
            templates: Array2::zeros((0, bins)),
            activations: Array2::zeros((frames, 0)),
        }
    }
}

/// Fit events and free components together to a spectrogram `(frames, bins)`, by Kullback–Leibler divergence.
///
/// An iteration steps all activations, then the templates of the free components and of the events that are
/// learnt:
///
/// ```text
/// h[t, k] ← h[t, k] · Σ_τf w[τ, k, f] · V[t+τ, f] / Λ[t+τ, f]  /  Σ_τf w[τ, k, f]     over the frames there are
/// w[τ, k, f] ← w[τ, k, f] · Σ_t h[t−τ, k] · V[t, f] / Λ[t, f]  /  Σ_t h[t−τ, k]
/// ```
///
/// Both are majorise–minimise steps (the model is linear in each factor, and delayed copies share theirs), so the
/// objective never rises. Sums are taken in runs of frames and added in order: the same bits on any number of threads.
/// Returns the objective at the start and after every iteration.
///
/// # Errors
///
/// - [`Error::Shape`] if the parts are for another spectrogram.
/// - [`Error::Cancelled`] if the observer says so.
///
/// # References
///
/// - P. Smaragdis, *Non-negative matrix factor deconvolution*, ICA 2004, equations 4 and 5; there every lag's
///   step of h is averaged, here they are one step.
pub fn fit_convolutive(
    v: ArrayView2<'_, f32>,
    events: &mut Convolutive,
    free: &mut Free,
    iterations: usize,
    portable: bool,
    observer: &mut dyn Observer,
) -> Result<Vec<f64>, Error> {
    let expected = vec![v.nrows(), v.ncols(), v.nrows(), v.ncols()];
    let actual = vec![
        events.frames(),
        events.bins(),
        free.activations.nrows(),
        free.templates.ncols(),
    ];
    if expected != actual {
        return Err(Error::Shape {
            what: "the events' and the free components' (frames, bins)",
            expected,
            actual,
        });
    }
    let v = v.as_standard_layout();
    let mean = v.mean().unwrap_or(0.0);
    if mean <= 0.0 {
        events.activations.fill(0.0);
        free.activations.fill(0.0);
        return Ok(vec![0.0]);
    }
    let isa = if portable {
        Isa::Portable
    } else {
        Isa::detect()
    };
    let kernel = Kernel::with_isa(isa, KULLBACK_LEIBLER, FLOOR * mean).expect(CHECKED);
    let mut objective = Vec::with_capacity(iterations + 1);
    for done in 0..=iterations {
        let last = done == iterations;
        let stack = Stack::new(v.view(), events, free, kernel);
        let sums = stack.by_activations();
        objective.push(sums.divergence);
        if last {
            break;
        }
        step(&mut events.activations, &sums.events);
        step(&mut free.activations, &sums.free);
        let stack = Stack::new(v.view(), events, free, kernel);
        let (pull, push) = stack.by_templates();
        let lagged = events.templates.nrows();
        let ratio = |component: usize, bin: usize| {
            let push = push[component];
            if push > 0.0 {
                pull[[component, bin]] / push
            } else {
                1.0
            }
        };
        let (count, learns) = (events.events(), events.learns.clone());
        for ((component, bin), w) in events.templates.indexed_iter_mut() {
            if learns[component % count] {
                *w *= ratio(component, bin);
            }
        }
        for ((component, bin), w) in free.templates.indexed_iter_mut() {
            *w *= ratio(lagged + component, bin);
        }
        events.normalize();
        let progress = Progress {
            stage: Stage::Fit,
            done: done + 1,
            total: iterations,
            objective: objective.last().copied(),
        };
        if observer.progress(&progress) == ControlFlow::Break(()) {
            return Err(Error::Cancelled);
        }
    }
    Ok(objective)
}

/// One multiplicative step; where nothing pushes there is nothing to step. What is as good as silent becomes zero
/// ([`VANISHED`]).
fn step(h: &mut Array2<f32>, (pull, push): &(Array2<f32>, Array2<f32>)) {
    ndarray::Zip::from(h)
        .and(pull)
        .and(push)
        .for_each(|h, &pull, &push| {
            if push > 0.0 {
                *h *= pull / push;
                if *h < VANISHED {
                    *h = 0.0;
                }
            }
        });
}

/// Everything as one product.
struct Stack<'a> {
    v: ArrayView2<'a, f32>,
    events: &'a Convolutive,
    free: &'a Free,
    packed: Templates,
    kernel: Kernel,
}

/// Pull and push by either part's activations.
struct ByActivations {
    events: (Array2<f32>, Array2<f32>),
    free: (Array2<f32>, Array2<f32>),
    divergence: f64,
}

impl<'a> Stack<'a> {
    fn new(
        v: ArrayView2<'a, f32>,
        events: &'a Convolutive,
        free: &'a Free,
        kernel: Kernel,
    ) -> Self {
        let stacked = concatenate(Axis(0), &[events.templates.view(), free.templates.view()])
            .expect("both have the spectrogram's bins");
        let values = stacked.as_slice().expect("a new array is contiguous");
        let packed =
            Templates::new(kernel.isa(), values, stacked.nrows(), stacked.ncols()).expect(CHECKED);
        Self {
            v,
            events,
            free,
            packed,
            kernel,
        }
    }

    /// The activations of a tile, delayed ones first.
    fn rows(&self, frames: &Range<usize>, delayed: &mut Vec<f32>, out: &mut Vec<f32>) {
        let lagged = self.events.templates.nrows();
        delayed.resize(frames.len() * lagged, 0.0);
        let h = self.events.activations.as_slice().expect(ROWS);
        delay(
            h,
            self.events.events(),
            self.events.lags(),
            frames.start,
            delayed,
        )
        .expect(CHECKED);
        out.clear();
        for (row, frame) in frames.clone().enumerate() {
            out.extend_from_slice(&delayed[row * lagged..(row + 1) * lagged]);
            out.extend(self.free.activations.row(frame));
        }
    }

    fn data(&self, frames: &Range<usize>) -> &[f32] {
        let rows = self.v.slice(s![frames.clone(), ..]);
        rows.to_slice().expect(ROWS)
    }

    fn by_activations(&self) -> ByActivations {
        let (count, lags) = (self.events.events(), self.events.lags());
        let (lagged, components) = (self.events.templates.nrows(), self.packed.components());
        let each: Vec<_> = runs(self.v.nrows())
            .into_par_iter()
            .map(|run| {
                // A run's delayed activations reach back before its first frame.
                let first = (run.start + 1).saturating_sub(lags);
                let mut back = [(); 2].map(|()| vec![0.0; (run.end - first) * count]);
                let mut own =
                    [(); 2].map(|()| Vec::with_capacity(run.len() * (components - lagged)));
                let (mut scratch, mut divergence) = (Scratch::default(), 0.0);
                let (mut delayed, mut h) = (Vec::new(), Vec::new());
                for frames in tiles(run.clone()) {
                    self.rows(&frames, &mut delayed, &mut h);
                    let len = frames.len();
                    let tile =
                        Tile::new(self.data(&frames), &h, &self.packed, None, len).expect(CHECKED);
                    let mut halves = [(); 2].map(|()| vec![0.0; len * components]);
                    let [pull, push] = &mut halves;
                    divergence += self
                        .kernel
                        .gradient_activations(&tile, pull, push, Objective::Compute, &mut scratch)
                        .expect(CHECKED);
                    for ((half, back), own) in halves.iter().zip(&mut back).zip(&mut own) {
                        delayed.clear();
                        for row in half.chunks_exact(components) {
                            delayed.extend_from_slice(&row[..lagged]);
                            own.extend_from_slice(&row[lagged..]);
                        }
                        undelay(&delayed, count, lags, frames.start - first, back).expect(CHECKED);
                    }
                }
                (first, back, own, divergence)
            })
            .collect();
        let mut events = [(); 2].map(|()| Array2::<f32>::zeros(self.events.activations.raw_dim()));
        let mut free = [(); 2].map(|()| Vec::with_capacity(self.free.activations.len()));
        let mut divergence = 0.0;
        for (first, back, own, own_divergence) in each {
            for ((events, free), (back, own)) in
                events.iter_mut().zip(&mut free).zip(back.iter().zip(&own))
            {
                let all = events.as_slice_mut().expect(ROWS);
                let to = &mut all[first * count..first * count + back.len()];
                to.iter_mut().zip(back).for_each(|(to, back)| *to += back);
                free.extend_from_slice(own);
            }
            divergence += own_divergence;
        }
        let shape = self.free.activations.raw_dim();
        let [pull, push] =
            free.map(|half| Array2::from_shape_vec(shape, half).expect("frames × components"));
        let [events_pull, events_push] = events;
        ByActivations {
            events: (events_pull, events_push),
            free: (pull, push),
            divergence,
        }
    }

    /// Pull `(components, bins)` and push `(components)` by the templates, stacked.
    fn by_templates(&self) -> (Array2<f32>, Vec<f32>) {
        let (components, bins) = (self.packed.components(), self.packed.bins());
        let each: Vec<_> = runs(self.v.nrows())
            .into_par_iter()
            .map(|run| {
                let mut pull = vec![0.0; components * bins];
                let mut push = vec![0.0; components];
                let mut scratch = Scratch::default();
                let (mut delayed, mut h) = (Vec::new(), Vec::new());
                for frames in tiles(run) {
                    self.rows(&frames, &mut delayed, &mut h);
                    let len = frames.len();
                    let tile =
                        Tile::new(self.data(&frames), &h, &self.packed, None, len).expect(CHECKED);
                    self.kernel
                        .gradient_templates(
                            &tile,
                            &mut pull,
                            &mut push,
                            Objective::Skip,
                            &mut scratch,
                        )
                        .expect(CHECKED);
                }
                (pull, push)
            })
            .collect();
        let mut pull = vec![0.0; components * bins];
        let mut push = vec![0.0; components];
        for (own_pull, own_push) in each {
            pull.iter_mut()
                .zip(own_pull)
                .for_each(|(to, own)| *to += own);
            push.iter_mut()
                .zip(own_push)
                .for_each(|(to, own)| *to += own);
        }
        let pull = Array2::from_shape_vec((components, bins), pull).expect("components × bins");
        (pull, push)
    }
}

/// Why a view of whole rows is one slice.
const ROWS: &str = "rows of a contiguous array stand together";

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;

    const FRAMES: usize = 150;
    const BINS: usize = 21;
    const LAGS: usize = 5;
    const EVENTS: usize = 2;

    /// f32 against f64 over some iterations.
    const ROUNDING: f64 = 2e-5;

    fn noise(seed: u64) -> impl FnMut() -> f32 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1 << 24) as f32
        }
    }

    fn problem() -> (Array2<f32>, Convolutive, Free) {
        let mut next = noise(5);
        let v = Array2::from_shape_simple_fn((FRAMES, BINS), || 0.05 + next() * next());
        let w = Array3::from_shape_simple_fn((LAGS, EVENTS, BINS), || 0.1 + next());
        let mut h = Array2::from_shape_simple_fn((FRAMES, EVENTS), || 0.1 + next());
        h.slice_mut(s![20..30, 0]).fill(0.0);
        let free = Free {
            templates: Array2::from_shape_simple_fn((2, BINS), || 0.1 + next()),
            activations: Array2::from_shape_simple_fn((FRAMES, 2), || 0.1 + next()),
        };
        (v, Convolutive::new(w.view(), h.view()).unwrap(), free)
    }

    /// The same in f64, straight from the formulas.
    struct Naive {
        v: Array2<f64>,
        /// `(lags, events, bins)`.
        w: Array3<f64>,
        h: Array2<f64>,
        free_w: Array2<f64>,
        free_h: Array2<f64>,
        floor: f64,
    }

    impl Naive {
        fn new(v: &Array2<f32>, events: &Convolutive, free: &Free) -> Self {
            let wide = |array: &Array2<f32>| array.mapv(f64::from);
            let w = wide(&events.templates);
            Self {
                v: wide(v),
                w: w.into_shape_with_order((LAGS, EVENTS, BINS)).unwrap(),
                h: wide(&events.activations),
                free_w: wide(&free.templates),
                free_h: wide(&free.activations),
                floor: f64::from(FLOOR * v.mean().unwrap()),
            }
        }

        fn model(&self) -> Array2<f64> {
            let mut model = self.free_h.dot(&self.free_w) + self.floor;
            for ((lag, k, f), w) in self.w.indexed_iter() {
                for t in lag..FRAMES {
                    model[[t, f]] += w * self.h[[t - lag, k]];
                }
            }
            model
        }

        fn divergence(&self) -> f64 {
            let model = self.model();
            let cells = self.v.iter().zip(&model);
            cells.map(|(v, m)| v * (v / m).ln() - v + m).sum()
        }

        fn iterate(&mut self) {
            let ratio = &self.v / &self.model();
            for k in 0..EVENTS {
                let old = self.h.column(k).to_owned();
                for t in 0..FRAMES {
                    let (mut pull, mut push) = (0.0, 0.0);
                    for lag in 0..LAGS.min(FRAMES - t) {
                        for f in 0..BINS {
                            pull += self.w[[lag, k, f]] * ratio[[t + lag, f]];
                            push += self.w[[lag, k, f]];
                        }
                    }
                    self.h[[t, k]] = old[t] * pull / push;
                }
            }
            let pull = ratio.dot(&self.free_w.t());
            let push = self.free_w.sum_axis(Axis(1));
            self.free_h = &self.free_h * &pull / &push;
            let ratio = &self.v / &self.model();
            for ((lag, k, f), w) in self.w.indexed_iter_mut() {
                let (mut pull, mut push) = (0.0, 0.0);
                for t in lag..FRAMES {
                    pull += self.h[[t - lag, k]] * ratio[[t, f]];
                    push += self.h[[t - lag, k]];
                }
                *w *= pull / push;
            }
            let pull = self.free_h.t().dot(&ratio);
            let push = self.free_h.sum_axis(Axis(0)).insert_axis(Axis(1));
            self.free_w = &self.free_w * &pull / &push;
        }
    }

    #[test]
    fn steps_are_those_of_the_naive_loops_and_never_raise_the_objective() {
        let (v, mut events, mut free) = problem();
        let mut naive = Naive::new(&v, &events, &free);
        let objective =
            fit_convolutive(v.view(), &mut events, &mut free, 12, false, &mut ()).unwrap();
        for (iteration, value) in objective.iter().enumerate() {
            let expected = naive.divergence();
            assert!(
                (value / expected - 1.0).abs() < ROUNDING,
                "iteration {iteration}: {value}, naive {expected}"
            );
            naive.iterate();
        }
        for pair in objective.windows(2) {
            assert!(pair[1] <= pair[0] * (1.0 + 1e-6), "{pair:?}");
        }
        let silent = events.activations.slice(s![20..30, 0]);
        assert!(silent.iter().all(|h| *h == 0.0), "a zero started to sound");
        let model = events.model() + free.activations.dot(&free.templates);
        let left: f32 = (&v - &model).iter().map(|x| x.abs()).sum();
        assert!(left < 0.6 * v.sum(), "{left} of {}", v.sum());
    }

    #[test]
    fn a_held_event_keeps_its_unfolding_and_threads_change_no_bit() {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| {
                let (v, events, mut free) = problem();
                let mut events = events.holding(&[1]);
                fit_convolutive(v.view(), &mut events, &mut free, 5, false, &mut ()).unwrap();
                (events, free)
            })
        };
        let one = run(1);
        assert_eq!(one, run(3));
        let (_, before, _) = problem();
        let change = &one.0.unfolding(1) - &before.unfolding(1);
        assert!(change.iter().all(|x| x.abs() < 1e-6), "{change}");
        assert!(one.0.unfolding(0) != before.unfolding(0));
    }

    #[test]
    fn two_drums_that_overlap_are_taken_apart() {
        let mut next = noise(9);
        // Two sounds, a low and a high one, over five frames.
        let w = Array3::from_shape_fn((LAGS, EVENTS, BINS), |(lag, k, f)| {
            let here = if k == 0 { f < 8 } else { f > 4 };
            f32::from(u8::from(here)) * (0.5_f32).powi(lag as i32) * (0.2 + next())
        });
        let h = Array2::from_shape_fn((FRAMES, EVENTS), |(t, k)| {
            f32::from(u8::from(t % if k == 0 { 12 } else { 7 } == 0))
        });
        let truth = Convolutive::new(w.view(), h.view()).unwrap();
        let v = truth.model();
        let flat = Array3::from_shape_simple_fn((LAGS, EVENTS, BINS), || 0.5 + next());
        let mut found = Convolutive::new(flat.view(), h.view()).unwrap();
        let mut none = Free::none(FRAMES, BINS);
        fit_convolutive(v.view(), &mut found, &mut none, 200, false, &mut ()).unwrap();
        for event in 0..EVENTS {
            let (a, b) = (truth.unfolding(event), found.unfolding(event));
            let away: f32 = (&a - &b).iter().map(|x| x.abs()).sum();
            assert!(away < 0.05, "event {event}: {away} of 1 is elsewhere");
        }
    }
}
