//! Templates of several frames: gradients through delayed activations against the naive convolution.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use crate::reference::{self, Random, assert_close};
use unbraid_kernel::convolutive::{delay, undelay};
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

const FLOOR: f32 = 1e-4;

/// Sums of some hundred f32 terms, each rounded by 6e-8, and the quotients of such sums.
const TOLERANCE: f64 = 1e-5;

struct Drums {
    v: Vec<f32>,
    /// frames × components
    h: Vec<f32>,
    /// (lags × components) × bins
    w: Vec<f32>,
    frames: usize,
    bins: usize,
    components: usize,
    lags: usize,
    beta: f64,
}

/// (pull, push) of either factor.
struct Gradients<T> {
    h: [Vec<T>; 2],
    w: [Vec<T>; 2],
    divergence: f64,
}

impl Drums {
    fn new(frames: usize, bins: usize, components: usize, lags: usize, beta: f64) -> Self {
        let mut random = Random(7 + frames as u64);
        let mut numbers = |len: usize| (0..len).map(|_| random.uniform()).collect::<Vec<f32>>();
        Self {
            v: numbers(frames * bins),
            h: numbers(frames * components),
            w: numbers(lags * components * bins),
            frames,
            bins,
            components,
            lags,
            beta,
        }
    }

    fn naive(&self) -> Gradients<f64> {
        let &Self {
            frames,
            bins,
            components,
            lags,
            beta,
            ..
        } = self;
        let (h, w) = (
            |t: usize, k: usize| f64::from(self.h[t * components + k]),
            |lag: usize, k: usize, b: usize| f64::from(self.w[(lag * components + k) * bins + b]),
        );
        let mut sums = Gradients {
            h: [vec![0.0; self.h.len()], vec![0.0; self.h.len()]],
            w: [vec![0.0; self.w.len()], vec![0.0; self.w.len()]],
            divergence: 0.0,
        };
        for t in 0..frames {
            let heard = lags.min(t + 1);
            for b in 0..bins {
                let mut model = f64::from(FLOOR);
                for lag in 0..heard {
                    model += (0..components)
                        .map(|k| h(t - lag, k) * w(lag, k, b))
                        .sum::<f64>();
                }
                let v = f64::from(self.v[t * bins + b]);
                let v = if beta <= 0.0 {
                    v.max(f64::from(FLOOR))
                } else {
                    v
                };
                sums.divergence += reference::divergence(beta, v, model).0;
                let fields = [v * model.powf(beta - 2.0), model.powf(beta - 1.0)];
                for (half, field) in fields.into_iter().enumerate() {
                    for lag in 0..heard {
                        for k in 0..components {
                            sums.h[half][(t - lag) * components + k] += field * w(lag, k, b);
                            sums.w[half][(lag * components + k) * bins + b] +=
                                field * h(t - lag, k);
                        }
                    }
                }
            }
        }
        sums
    }

    /// Tile by tile through the kernel.
    fn fused(&self, isa: Isa, tile_frames: usize) -> Gradients<f32> {
        let &Self {
            frames,
            bins,
            components,
            lags,
            beta,
            ..
        } = self;
        let kernel = Kernel::with_isa(isa, beta, FLOOR).unwrap();
        let stacked = lags * components;
        let templates = Templates::new(isa, &self.w, stacked, bins).unwrap();
        let mut scratch = Scratch::default();
        let mut sums = Gradients {
            h: [vec![0.0; self.h.len()], vec![0.0; self.h.len()]],
            w: [vec![0.0; self.w.len()], vec![0.0; self.w.len()]],
            divergence: 0.0,
        };
        for start in (0..frames).step_by(tile_frames) {
            let count = tile_frames.min(frames - start);
            let mut delayed = vec![f32::NAN; count * stacked];
            delay(&self.h, components, lags, start, &mut delayed).unwrap();
            let v = &self.v[start * bins..][..count * bins];
            let tile = Tile::new(v, &delayed, &templates, None, count).unwrap();
            let (mut pull, mut push) = (delayed.clone(), delayed.clone());
            let [pull_w, push_w] = &mut sums.w;
            sums.divergence += kernel
                .gradient_both(
                    &tile,
                    (&mut pull, &mut push),
                    (pull_w, push_w),
                    Objective::Compute,
                    &mut scratch,
                )
                .unwrap();
            for (half, delayed) in sums.h.iter_mut().zip([pull, push]) {
                undelay(&delayed, components, lags, start, half).unwrap();
            }
        }
        sums
    }
}

#[test]
fn gradients_through_delayed_activations_are_those_of_the_convolution() {
    for isa in Isa::available() {
        for beta in [0.0, 0.5, 1.0, 2.0] {
            for (frames, lags) in [(1, 1), (5, 9), (40, 1), (40, 7), (97, 16)] {
                let drums = Drums::new(frames, 70, 3, lags, beta);
                let truth = drums.naive();
                for tile in [13, 48] {
                    let found = drums.fused(isa, tile);
                    let what =
                        format!("{isa}, β {beta}, {frames} frames, {lags} lags, tiles of {tile}");
                    for half in 0..2 {
                        assert_close(&what, &found.h[half], &truth.h[half], TOLERANCE);
                        assert_close(&what, &found.w[half], &truth.w[half], TOLERANCE);
                    }
                    let error = (found.divergence - truth.divergence).abs() / truth.divergence;
                    assert!(error < TOLERANCE, "{what}: {error:e}");
                }
            }
        }
    }
}

#[test]
fn multiplicative_steps_of_a_convolution_never_raise_the_divergence() {
    // Rounding of the sum of the divergence.
    const ROUNDING: f64 = 2e-6;
    for (beta, exponent) in [(0.0, 0.5), (1.0, 1.0), (2.0, 1.0)] {
        let mut drums = Drums::new(60, 50, 2, 8, beta);
        let mut before = f64::INFINITY;
        for iteration in 0..30 {
            let step = |factor: &mut [f32], [pull, push]: &[Vec<f32>; 2]| {
                for ((x, pull), push) in factor.iter_mut().zip(pull).zip(push) {
                    *x *= (pull / push).powf(exponent);
                }
            };
            let found = drums.fused(Isa::detect(), 48);
            step(&mut drums.h, &found.h);
            let now = found.divergence;
            assert!(
                now <= before * (1.0 + ROUNDING),
                "β {beta}, {iteration}: {before} → {now}"
            );
            let again = drums.fused(Isa::detect(), 48);
            step(&mut drums.w, &again.w);
            before = again.divergence;
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let h = [0.0; 6];
    assert!(delay(&h, 2, 3, 0, &mut [0.0; 18]).is_ok());
    assert!(delay(&h, 2, 3, 1, &mut [0.0; 18]).is_err());
    assert!(delay(&h, 2, 3, 0, &mut [0.0; 17]).is_err());
    assert!(undelay(&[0.0; 18], 2, 3, 0, &mut [0.0; 5]).is_err());
    assert!(delay(&[], 0, 0, 0, &mut []).is_ok());
}
