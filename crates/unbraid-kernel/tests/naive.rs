//! Every function on every instruction set against the naive loop in f64.
#![expect(
    clippy::float_cmp,
    reason = "β is compared with the exact values that have formulas of their own"
)]

mod reference;

use reference::{Problem, Random, assert_close};
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

fn check(isa: Isa, problem: &Problem) {
    let Problem {
        v,
        h,
        w,
        base,
        frames,
        bins,
        components,
        beta,
        floor,
    } = problem;
    let (frames, bins, components, beta) = (*frames, *bins, *components, *beta);
    let name = format!(
        "{isa}, β {beta}, {frames} × {bins} × {components}, base {}",
        base.is_some()
    );
    let truth = problem.truth();
    let kernel = Kernel::with_isa(isa, beta, *floor).unwrap();
    let templates = Templates::new(isa, w, components, bins).unwrap();
    let tile = Tile::new(v, h, &templates, base.as_deref(), frames).unwrap();
    let mut scratch = Scratch::default();

    let mut model = vec![f32::NAN; frames * bins];
    kernel.model(&tile, &mut model, &mut scratch).unwrap();
    let cell = tolerance(components, beta);
    assert_close(&format!("model: {name}"), &model, &truth.model, cell);

    let rounded: Vec<f32> = truth.model.iter().map(|&x| x as f32).collect();
    let (mut pull, mut push) = (vec![f32::NAN; frames * bins], vec![f32::NAN; frames * bins]);
    let sum = kernel
        .fields(v, &rounded, &mut pull, &mut push, Objective::Compute)
        .unwrap();
    assert_close(
        &format!("pull: {name}"),
        &pull,
        &truth.pull,
        tolerance(1, beta),
    );
    assert_close(
        &format!("push: {name}"),
        &push,
        &truth.push,
        tolerance(1, beta),
    );
    assert_divergence(&name, beta, sum, &truth);

    let (mut pull_h, mut push_h) = (vec![f32::NAN; h.len()], vec![f32::NAN; h.len()]);
    let activations = kernel
        .gradient_activations(
            &tile,
            &mut pull_h,
            &mut push_h,
            Objective::Compute,
            &mut scratch,
        )
        .unwrap();
    let tolerance_h = cell + tolerance(bins, beta);
    assert_close(
        &format!("pull_h: {name}"),
        &pull_h,
        &truth.pull_h,
        tolerance_h,
    );
    assert_close(
        &format!("push_h: {name}"),
        &push_h,
        &truth.push_h,
        tolerance_h,
    );

    // The gradient of the templates is added to what is there.
    let (mut pull_w, mut push_w) = (vec![1.0; w.len()], vec![2.0; w.len()]);
    let of_templates = kernel
        .gradient_templates(
            &tile,
            &mut pull_w,
            &mut push_w,
            Objective::Compute,
            &mut scratch,
        )
        .unwrap();
    let tolerance_w = cell + tolerance(frames, beta);
    let plus = |sums: &[f64], start: f64| sums.iter().map(|x| x + start).collect::<Vec<_>>();
    assert_close(
        &format!("pull_w: {name}"),
        &pull_w,
        &plus(&truth.pull_w, 1.0),
        tolerance_w,
    );
    assert_close(
        &format!("push_w: {name}"),
        &push_w,
        &plus(&truth.push_w, 2.0),
        tolerance_w,
    );

    let (mut joint_h, mut joint_push_h) = (vec![f32::NAN; h.len()], vec![f32::NAN; h.len()]);
    let (mut joint_w, mut joint_push_w) = (vec![1.0; w.len()], vec![2.0; w.len()]);
    let both = kernel
        .gradient_both(
            &tile,
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

    let only = kernel.divergence(&tile, &mut scratch);
    assert_eq!(
        [activations, of_templates, both],
        [only; 3],
        "one divergence: {name}"
    );
    assert_divergence(&name, beta, only, &truth);

    if beta == 1.0 {
        let mut sums = vec![0.5; components];
        let mut again = vec![1.0; w.len()];
        let skipped = kernel
            .gradient_templates(&tile, &mut again, &mut sums, Objective::Skip, &mut scratch)
            .unwrap();
        assert_eq!(
            (skipped, &again),
            (0.0, &pull_w),
            "without objective: {name}"
        );
        let expected: Vec<f64> = (0..components)
            .map(|k| {
                0.5 + h
                    .iter()
                    .skip(k)
                    .step_by(components)
                    .map(|&x| f64::from(x))
                    .sum::<f64>()
            })
            .collect();
        assert_close(
            &format!("short push_w: {name}"),
            &sums,
            &expected,
            tolerance(frames, beta),
        );
    }
}

#[track_caller]
fn assert_divergence(name: &str, beta: f64, actual: f64, truth: &reference::Truth) {
    let special = [0.0, 1.0, 2.0].contains(&beta);
    let tolerance = if special {
        DIVERGENCE_TOLERANCE
    } else {
        POWER_DIVERGENCE_TOLERANCE
    };
    // The rounding of the model itself, 6e-8 per component, averages out over cells.
    let (cells, components) = (truth.model.len().max(1) as f64, truth.components as f64);
    let tolerance = tolerance + 6e-8 * (components / cells).sqrt() * (1.0 + beta.abs());
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
