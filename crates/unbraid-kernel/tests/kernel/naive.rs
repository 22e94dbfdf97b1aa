//! Every function on every instruction set against the naive loop in f64.
#![expect(
    clippy::float_cmp,
    reason = "β is one of a few exact values, and equal means equal"
)]
#![expect(clippy::unwrap_used, reason = "a test may fail")]

use crate::reference::{Problem, Random, Truth, assert_close};
use unbraid_kernel::{Isa, Kernel, Objective, Scratch, Templates, Tile};

const BETAS: [f64; 11] = [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 1.3, 0.999_99];

/// Every cell rounds at most `components + 2` times in the model, twice in the fields (and 1e-6
/// in a power), and then up to 1025 bins or 50 frames in a sum. Roundings are 6e-8 each and
/// mostly cancel: their square root times 4 is a safe bound.
fn tolerance(terms: usize, beta: f64) -> f64 {
    let power = if [0.0, 1.0, 2.0].contains(&beta) {
        0.0
    } else {
        1e-6
    };
    power + 6e-8 * (4.0 + 4.0 * (terms as f64).sqrt()) * (1.0 + (beta - 2.0).abs())
}

/// The divergence is a sum of f64 over terms with a relative error of a few roundings. The error
/// is relative to the largest term of the formula, as the three cancel; mostly errors average out.
const DIVERGENCE_TOLERANCE: f64 = 2e-7;
/// The same for powers, whose relative error is below 1e-6.
const POWER_DIVERGENCE_TOLERANCE: f64 = 1e-6;

fn problem(
    (frames, bins, components): (usize, usize, usize),
    beta: f64,
    with_base: bool,
    seed: u64,
) -> Problem {
    let mut random = Random(seed);
    let mut vector = |len: usize, holes: f32| -> Vec<f32> {
        (0..len)
            .map(|_| {
                let x = random.uniform();
                if random.uniform() < holes { 0.0 } else { x }
            })
            .collect()
    };
    let mut v = vector(frames * bins, 0.1);
    let h = vector(frames * components, 0.05);
    let w = vector(components * bins, 0.05);
    let base = with_base.then(|| vector(frames * bins, 0.3));
    // Tiny data, and a silent last bin.
    v.iter_mut().step_by(13).for_each(|x| *x *= 1e-20);
    v.iter_mut()
        .skip(bins - 1)
        .step_by(bins)
        .for_each(|x| *x = 0.0);
    Problem {
        v,
        h,
        w,
        base,
        frames,
        bins,
        components,
        beta,
        floor: 1e-3,
    }
}

/// What one comparison needs.
struct Check<'a> {
    name: String,
    kernel: Kernel,
    tile: Tile<'a>,
    problem: &'a Problem,
    truth: Truth,
}

fn check(isa: Isa, problem: &Problem) {
    let Problem {
        frames,
        bins,
        components,
        beta,
        ..
    } = *problem;
    let templates = Templates::new(isa, &problem.w, components, bins).unwrap();
    let base = problem.base.as_deref();
    let check = Check {
        name: format!(
            "{isa}, β {beta}, {frames} × {bins} × {components}, base {}",
            base.is_some()
        ),
        kernel: Kernel::with_isa(isa, beta, problem.floor).unwrap(),
        tile: Tile::new(&problem.v, &problem.h, &templates, base, frames).unwrap(),
        problem,
        truth: problem.truth(),
    };
    check.cells();
    check.gradients();
    if beta == 1.0 {
        check.short_push();
    }
}

impl Check<'_> {
    /// The tolerance of one cell of the model.
    fn cell(&self) -> f64 {
        tolerance(self.problem.components, self.problem.beta)
    }

    fn assert_close(&self, what: &str, actual: &[f32], expected: &[f64], tolerance: f64) {
        assert_close(
            &format!("{what}: {}", self.name),
            actual,
            expected,
            tolerance,
        );
    }

    fn cells(&self) {
        let Self {
            kernel,
            tile,
            truth,
            ..
        } = self;
        let mut model = vec![f32::NAN; truth.model.len()];
        kernel
            .model(tile, &mut model, &mut Scratch::default())
            .unwrap();
        self.assert_close("model", &model, &truth.model, self.cell());

        let rounded: Vec<f32> = truth.model.iter().map(|&x| x as f32).collect();
        let (mut pull, mut push) = (model.clone(), model);
        let sum = kernel
            .fields(
                &self.problem.v,
                &rounded,
                &mut pull,
                &mut push,
                Objective::Compute,
            )
            .unwrap();
        let tolerance = tolerance(1, kernel.beta());
        self.assert_close("pull", &pull, &truth.pull, tolerance);
        self.assert_close("push", &push, &truth.push, tolerance);
        assert_divergence(&self.name, (kernel.beta(), tile.components()), sum, truth);
    }

    fn gradients(&self) {
        let Self {
            kernel,
            tile,
            truth,
            name,
            ..
        } = self;
        let (h, w) = (truth.pull_h.len(), truth.pull_w.len());
        let mut scratch = Scratch::default();
        let (mut pull_h, mut push_h) = (vec![f32::NAN; h], vec![f32::NAN; h]);
        let of_activations = kernel
            .gradient_activations(
                tile,
                &mut pull_h,
                &mut push_h,
                Objective::Compute,
                &mut scratch,
            )
            .unwrap();
        let tolerance_h = self.cell() + tolerance(tile.bins(), kernel.beta());
        self.assert_close("pull_h", &pull_h, &truth.pull_h, tolerance_h);
        self.assert_close("push_h", &push_h, &truth.push_h, tolerance_h);

        // The gradient of the templates is added to what is there.
        let (mut pull_w, mut push_w) = (vec![1.0; w], vec![2.0; w]);
        let of_templates = kernel
            .gradient_templates(
                tile,
                &mut pull_w,
                &mut push_w,
                Objective::Compute,
                &mut scratch,
            )
            .unwrap();
        let tolerance_w = self.cell() + tolerance(tile.frames(), kernel.beta());
        let plus = |sums: &[f64], start: f64| sums.iter().map(|x| x + start).collect::<Vec<_>>();
        self.assert_close("pull_w", &pull_w, &plus(&truth.pull_w, 1.0), tolerance_w);
        self.assert_close("push_w", &push_w, &plus(&truth.push_w, 2.0), tolerance_w);

        let (mut joint_h, mut joint_push_h) = (vec![f32::NAN; h], vec![f32::NAN; h]);
        let (mut joint_w, mut joint_push_w) = (vec![1.0; w], vec![2.0; w]);
        let both = kernel
            .gradient_both(
                tile,
                (&mut joint_h, &mut joint_push_h),
                (&mut joint_w, &mut joint_push_w),
                Objective::Compute,
                &mut scratch,
            )
            .unwrap();
        assert_eq!(
            (&joint_h, &joint_push_h),
            (&pull_h, &push_h),
            "joint = separate: {name}"
        );
        assert_eq!(
            (&joint_w, &joint_push_w),
            (&pull_w, &push_w),
            "joint = separate: {name}"
        );

        let only = kernel.divergence(tile, &mut scratch);
        assert_eq!(
            [of_activations, of_templates, both],
            [only; 3],
            "one divergence: {name}"
        );
        assert_divergence(name, (kernel.beta(), tile.components()), only, truth);
    }

    /// β = 1: the push of the templates may be given as one number per component.
    fn short_push(&self) {
        let Self {
            kernel,
            tile,
            truth,
            ..
        } = self;
        let (h, components) = (&self.problem.h, self.problem.components);
        let (mut pull_w, mut push_w) = (vec![0.0; truth.pull_w.len()], vec![0.5; components]);
        let skipped = kernel
            .gradient_templates(
                tile,
                &mut pull_w,
                &mut push_w,
                Objective::Skip,
                &mut Scratch::default(),
            )
            .unwrap();
        assert_eq!(skipped, 0.0, "without objective: {}", self.name);
        let tolerance = tolerance(tile.frames(), 1.0);
        self.assert_close("pull_w", &pull_w, &truth.pull_w, self.cell() + tolerance);
        let expected: Vec<f64> = (0..components)
            .map(|k| {
                0.5 + h[k.min(h.len())..]
                    .iter()
                    .step_by(components)
                    .map(|&x| f64::from(x))
                    .sum::<f64>()
            })
            .collect();
        self.assert_close("short push_w", &push_w, &expected, tolerance);
    }
}

#[track_caller]
fn assert_divergence(name: &str, (beta, components): (f64, usize), actual: f64, truth: &Truth) {
    let special = [0.0, 1.0, 2.0].contains(&beta);
    let tolerance = if special {
        DIVERGENCE_TOLERANCE
    } else {
        POWER_DIVERGENCE_TOLERANCE
    };
    // The rounding of the model itself, 6e-8 per component, averages out over cells.
    let cells = truth.model.len().max(1) as f64;
    let tolerance = tolerance + 6e-8 * (components as f64 / cells).sqrt() * (1.0 + beta.abs());
    let error = (actual - truth.divergence).abs() / truth.divergence_scale.max(f64::MIN_POSITIVE);
    assert!(
        error <= tolerance,
        "divergence: {name}: {actual} instead of {}, error {error:.3e} of {} > {tolerance:.0e}",
        truth.divergence,
        truth.divergence_scale,
    );
}

#[test]
fn every_beta_agrees_with_the_naive_loop() {
    for isa in Isa::available() {
        for beta in BETAS {
            for size in [(3, 17, 3), (48, 129, 16), (50, 80, 17)] {
                for with_base in [false, true] {
                    check(isa, &problem(size, beta, with_base, 1));
                }
            }
        }
    }
}

#[test]
fn every_size_agrees_with_the_naive_loop() {
    for isa in Isa::available() {
        for bins in [1, 7, 16, 17, 80, 129, 1025] {
            for frames in [1, 3, 48, 50] {
                for components in [1, 3, 16, 17, 64] {
                    check(isa, &problem((frames, bins, components), 1.0, false, 2));
                }
            }
        }
    }
}

#[test]
fn every_remainder_of_the_register_blocks_agrees_with_the_naive_loop() {
    for isa in Isa::available() {
        for components in (0..40).chain([48, 63, 65, 100, 130, 256]) {
            check(
                isa,
                &problem((components % 14 + 1, 70, components), 0.0, true, 3),
            );
        }
        for frames in 0..20 {
            check(isa, &problem((frames, 66 + 5 * frames, 5), 2.0, false, 4));
        }
    }
}
