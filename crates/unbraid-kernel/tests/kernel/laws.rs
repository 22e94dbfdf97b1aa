//! What must hold for any tile: the same bits twice, sums over tiles, and refusals.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use crate::reference::{self, Problem, Random};
use proptest::prelude::*;
use unbraid_kernel::{Error, Isa, Kernel, Objective, Scratch, Templates, Tile};

fn gradients(isa: Isa, problem: &Problem, scratch: &mut Scratch) -> (Vec<u32>, u64) {
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
    let kernel = Kernel::with_isa(isa, *beta, *floor).unwrap();
    let templates = Templates::new(isa, w, *components, *bins).unwrap();
    let tile = Tile::new(v, h, &templates, base.as_deref(), *frames).unwrap();
    let mut all = vec![0.0; 2 * (h.len() + w.len())];
    let (of_h, of_w) = all.split_at_mut(2 * h.len());
    let divergence = kernel
        .gradient_both(
            &tile,
            of_h.split_at_mut(h.len()),
            of_w.split_at_mut(w.len()),
            Objective::Compute,
            scratch,
        )
        .unwrap();
    (
        all.iter().map(|x| x.to_bits()).collect(),
        divergence.to_bits(),
    )
}

fn random_problem(frames: usize, bins: usize, components: usize, beta: f64, seed: u64) -> Problem {
    let mut random = Random(seed);
    let mut vector = |len: usize| (0..len).map(|_| random.uniform()).collect::<Vec<f32>>();
    Problem {
        v: vector(frames * bins),
        h: vector(frames * components),
        w: vector(components * bins),
        base: None,
        frames,
        bins,
        components,
        beta,
        floor: 1e-4,
    }
}

#[test]
fn the_same_input_gives_the_same_bits_whatever_the_scratch_held() {
    for isa in Isa::available() {
        for beta in [0.0, 0.5, 1.0, 2.0] {
            let problem = random_problem(48, 129, 16, beta, 5);
            let first = gradients(isa, &problem, &mut Scratch::default());
            let mut used = Scratch::default();
            gradients(isa, &random_problem(60, 300, 70, -1.0, 6), &mut used);
            assert_eq!(
                first,
                gradients(isa, &problem, &mut used),
                "{isa}, β {beta}"
            );
            let other = gradients(isa, &random_problem(48, 129, 16, beta, 7), &mut used);
            assert_ne!(first, other, "{isa}, β {beta}: other input, other bits");
        }
    }
}

#[test]
fn a_perfect_model_has_no_divergence() {
    for isa in Isa::available() {
        for beta in [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0] {
            let mut problem = random_problem(20, 100, 4, beta, 8);
            let kernel = Kernel::with_isa(isa, beta, problem.floor).unwrap();
            let templates = Templates::new(isa, &problem.w, 4, 100).unwrap();
            let zeros = vec![0.0; 2000];
            let tile = Tile::new(&zeros, &problem.h, &templates, None, 20).unwrap();
            kernel
                .model(&tile, &mut problem.v, &mut Scratch::default())
                .unwrap();
            let tile = Tile::new(&problem.v, &problem.h, &templates, None, 20).unwrap();
            let divergence = kernel.divergence(&tile, &mut Scratch::default());
            // 2000 cells, each off by no more than a rounding of its largest term.
            let scale: f64 = problem
                .v
                .iter()
                .map(|&v| reference::divergence(beta, f64::from(v), f64::from(v)).1)
                .sum();
            assert!(
                divergence.abs() <= 6e-7 * scale,
                "{isa}, β {beta}: {divergence:e} of {scale:e}"
            );
        }
    }
}

#[test]
fn wrong_shapes_and_settings_are_refused() {
    let isa = Isa::detect();
    let refused =
        |beta: f64, floor: f32| Kernel::with_isa(isa, beta, floor).unwrap_err().to_string();
    assert_eq!(refused(f64::NAN, 1.0), "`beta` is NaN, but must be finite");
    assert_eq!(
        refused(1.0, 0.0),
        "`floor` is 0, but must be normal and above zero"
    );
    assert_eq!(
        refused(1.0, -1.0),
        "`floor` is -1, but must be normal and above zero"
    );
    assert_eq!(
        Templates::new(isa, &[0.0; 5], 2, 3).unwrap_err(),
        Error::Length {
            what: "the templates",
            expected: 6,
            actual: 5
        }
    );
    let templates = Templates::new(isa, &[0.0; 6], 2, 3).unwrap();
    let refused = |v: &[f32], h: &[f32], base| {
        Tile::new(v, h, &templates, base, 4)
            .unwrap_err()
            .to_string()
    };
    let (v, h) = ([0.0; 12], [0.0; 8]);
    assert_eq!(
        refused(&v[1..], &h, None),
        "the spectrogram of the tile has length 11, but 12 is needed"
    );
    assert_eq!(
        refused(&v, &h[1..], None),
        "the activations of the tile has length 7, but 8 is needed"
    );
    assert_eq!(
        refused(&v, &h, Some(&v[2..])),
        "the base of the tile has length 10, but 12 is needed"
    );

    let tile = Tile::new(&v, &h, &templates, None, 4).unwrap();
    let mut scratch = Scratch::default();
    let kernel = Kernel::with_isa(isa, 1.0, 1.0).unwrap();
    let (mut short, mut right) = ([0.0; 3], [0.0; 8]);
    let skip = Objective::Skip;
    assert!(
        kernel
            .gradient_activations(&tile, &mut short, &mut right, skip, &mut scratch)
            .is_err()
    );
    assert!(
        kernel
            .gradient_activations(&tile, &mut right, &mut short, skip, &mut scratch)
            .is_err()
    );
    assert!(
        kernel
            .gradient_templates(&tile, &mut short, &mut [0.0; 6], skip, &mut scratch)
            .is_err()
    );
    assert!(
        kernel
            .gradient_templates(&tile, &mut [0.0; 6], &mut short, skip, &mut scratch)
            .is_err()
    );
    assert!(kernel.model(&tile, &mut short, &mut scratch).is_err());
    assert!(
        kernel
            .add_product(&h, &templates, &mut short, &mut scratch)
            .is_err()
    );
    // The short push is for β = 1 alone.
    let euclidean = Kernel::with_isa(isa, 2.0, 1.0).unwrap();
    assert!(
        euclidean
            .gradient_templates(&tile, &mut [0.0; 6], &mut [0.0; 2], skip, &mut scratch)
            .is_err()
    );
    if isa != Isa::Portable {
        let portable = Kernel::with_isa(Isa::Portable, 1.0, 1.0).unwrap();
        assert_eq!(
            portable
                .model(&tile, &mut [0.0; 12], &mut scratch)
                .unwrap_err(),
            Error::Isa {
                expected: Isa::Portable,
                actual: isa
            }
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_divergence_is_never_below_zero_and_all_gradients_are_finite(
        beta in -1.0..3.0_f64,
        frames in 1..9_usize,
        bins in 1..100_usize,
        components in 1..20_usize,
        scale in -12..8_i32,
        seed: u64,
    ) {
        for isa in Isa::available() {
            let mut problem = random_problem(frames, bins, components, beta, seed);
            problem.v.iter_mut().for_each(|x| *x *= 10_f32.powi(scale));
            problem.floor = 1e-3;
            let (bits, divergence) = gradients(isa, &problem, &mut Scratch::default());
            let worst = bits.iter().map(|&x| f32::from_bits(x)).find(|x| !(x.is_finite() && *x >= 0.0));
            prop_assert_eq!(worst, None, "{}", isa);
            prop_assert!(f64::from_bits(divergence) >= 0.0, "{}: {}", isa, f64::from_bits(divergence));
        }
    }

    #[test]
    fn gradients_of_the_templates_add_up_over_tiles(
        cut in 1..29_usize,
        bins in 1..70_usize,
        components in 1..20_usize,
        seed: u64,
    ) {
        for isa in Isa::available() {
            let problem = random_problem(30, bins, components, 1.0, seed);
            let kernel = Kernel::with_isa(isa, 1.0, problem.floor).unwrap();
            let templates = Templates::new(isa, &problem.w, components, bins).unwrap();
            let truth = problem.truth();
            let (mut pull, mut push) = (vec![0.0; bins * components], vec![0.0; bins * components]);
            let mut divergence = 0.0;
            let pieces = [(0, cut), (cut, 30)];
            for (from, to) in pieces {
                let v = &problem.v[from * bins..to * bins];
                let h = &problem.h[from * components..to * components];
                let tile = Tile::new(v, h, &templates, None, to - from).unwrap();
                divergence += kernel
                    .gradient_templates(&tile, &mut pull, &mut push, Objective::Compute, &mut Scratch::default())
                    .unwrap();
            }
            // Thirty roundings of 6e-8, each on part of the sum, and those of the model.
            reference::assert_close("pull", &pull, &truth.pull_w, 2e-6);
            reference::assert_close("push", &push, &truth.push_w, 2e-6);
            prop_assert!((divergence - truth.divergence).abs() <= 2e-7 * truth.divergence_scale);
        }
    }

    #[test]
    fn adding_a_product_is_adding_a_model(
        frames in 1..9_usize,
        bins in 1..100_usize,
        components in 0..20_usize,
        seed: u64,
    ) {
        for isa in Isa::available() {
            let problem = random_problem(frames, bins, components, 1.0, seed);
            let kernel = Kernel::with_isa(isa, 1.0, problem.floor).unwrap();
            let templates = Templates::new(isa, &problem.w, components, bins).unwrap();
            let mut sum = vec![problem.floor; frames * bins];
            kernel.add_product(&problem.h, &templates, &mut sum, &mut Scratch::default()).unwrap();
            reference::assert_close("sum", &sum, &problem.truth().model, 2e-6);
        }
    }
}
