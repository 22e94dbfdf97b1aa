//! The slow truth: every gradient and divergence as a naive loop in f64, and how to compare.

#![expect(clippy::float_cmp, reason = "β is one of a few exact values")]

/// One problem: data, factors and what else the model holds.
pub(crate) struct Problem {
    pub(crate) v: Vec<f32>,
    pub(crate) h: Vec<f32>,
    pub(crate) w: Vec<f32>,
    pub(crate) base: Option<Vec<f32>>,
    pub(crate) frames: usize,
    pub(crate) bins: usize,
    pub(crate) components: usize,
    pub(crate) beta: f64,
    pub(crate) floor: f32,
}

/// What the kernel should return, and for every sum the sum of its terms' sizes, to which
/// rounding errors are relative.
pub(crate) struct Truth {
    pub(crate) model: Vec<f64>,
    pub(crate) pull: Vec<f64>,
    pub(crate) push: Vec<f64>,
    pub(crate) pull_h: Vec<f64>,
    pub(crate) push_h: Vec<f64>,
    pub(crate) pull_w: Vec<f64>,
    pub(crate) push_w: Vec<f64>,
    pub(crate) divergence: f64,
    /// Sum over cells of the largest term of the divergence's formula.
    pub(crate) divergence_scale: f64,
}

/// d(x | y) as in Févotte and Idier 2011, equation 2, and its largest term.
pub(crate) fn divergence(beta: f64, x: f64, y: f64) -> (f64, f64) {
    if beta == 1.0 {
        let log = if x > 0.0 { x * (x / y).ln() } else { 0.0 };
        (log - x + y, log.abs().max(x).max(y))
    } else if beta == 0.0 {
        let log = (x / y).ln();
        (x / y - log - 1.0, log.abs().max(x / y).max(1.0))
    } else {
        let terms = [
            x.powf(beta) / (beta * (beta - 1.0)),
            y.powf(beta) / beta,
            -x * y.powf(beta - 1.0) / (beta - 1.0),
        ];
        (
            terms.iter().sum(),
            terms.iter().fold(0.0, |most, term| most.max(term.abs())),
        )
    }
}

impl Problem {
    pub(crate) fn data(&self, cell: usize) -> f64 {
        let v = if self.beta <= 0.0 {
            self.v[cell].max(self.floor)
        } else {
            self.v[cell]
        };
        f64::from(v)
    }

    pub(crate) fn truth(&self) -> Truth {
        let (frames, bins, components) = (self.frames, self.bins, self.components);
        let mut truth = Truth {
            model: vec![0.0; frames * bins],
            pull: vec![0.0; frames * bins],
            push: vec![0.0; frames * bins],
            pull_h: vec![0.0; frames * components],
            push_h: vec![0.0; frames * components],
            pull_w: vec![0.0; components * bins],
            push_w: vec![0.0; components * bins],
            divergence: 0.0,
            divergence_scale: 0.0,
        };
        for f in 0..frames {
            for b in 0..bins {
                let cell = f * bins + b;
                let mut model = f64::from(self.floor);
                if let Some(base) = &self.base {
                    model += f64::from(base[cell]);
                }
                for k in 0..components {
                    model +=
                        f64::from(self.h[f * components + k]) * f64::from(self.w[k * bins + b]);
                }
                let v = self.data(cell);
                let pull = v * model.powf(self.beta - 2.0);
                let push = model.powf(self.beta - 1.0);
                for k in 0..components {
                    let (h, w) = (self.h[f * components + k], self.w[k * bins + b]);
                    truth.pull_h[f * components + k] += f64::from(w) * pull;
                    truth.push_h[f * components + k] += f64::from(w) * push;
                    truth.pull_w[k * bins + b] += f64::from(h) * pull;
                    truth.push_w[k * bins + b] += f64::from(h) * push;
                }
                let (divergence, scale) = divergence(self.beta, v, model);
                truth.divergence += divergence;
                truth.divergence_scale += scale;
                truth.model[cell] = model;
                truth.pull[cell] = pull;
                truth.push[cell] = push;
            }
        }
        truth
    }
}

/// All terms of these sums are ≥ 0, so the error of each is relative to itself.
#[track_caller]
pub(crate) fn assert_close(what: &str, actual: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(actual.len(), expected.len(), "{what}: lengths");
    let error = |(a, e): (&f32, &f64)| {
        let error = (f64::from(*a) - e).abs() / e.abs().max(f64::from(f32::MIN_POSITIVE));
        if error.is_nan() { f64::INFINITY } else { error }
    };
    let worst = actual
        .iter()
        .zip(expected)
        .map(error)
        .enumerate()
        .max_by(|(_, x), (_, y)| x.total_cmp(y));
    if let Some((index, error)) = worst {
        assert!(
            error <= tolerance,
            "{what}: worst at {index} of {}: {} instead of {}, relative error {error:.3e} > {tolerance:.1e}",
            actual.len(),
            actual[index],
            expected[index],
        );
    }
}

/// A small generator of uniform numbers, so that a failure can be repeated.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// From 0 up to 1.
    pub(crate) fn uniform(&mut self) -> f32 {
        // Knuth's MMIX generator; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u32 << 24) as f32
    }
}
