//! The objective: it never rises, and is that of the naive loops.

use proptest::prelude::*;
use unbraid::Spectrogram;
use unbraid::fit::fit;
use unbraid::model::{LowRank, Penalties, Start, Update};
use unbraid::reference::{Factors, Problem};
use unbraid::spectrogram::Quantity;
use unbraid::testsignals::{noisy_spectrogram, product_spectrogram};

use super::{BETAS, assert_never_rises, config, exact};

fn penalties() -> Vec<(&'static str, Penalties)> {
    let none = Penalties::default();
    vec![
        ("none", none),
        (
            "activations_l1",
            Penalties {
                activations_l1: 0.5,
                ..none
            },
        ),
        (
            "activations_l2",
            Penalties {
                activations_l2: 2.0,
                ..none
            },
        ),
        (
            "continuity",
            Penalties {
                continuity: 5.0,
                ..none
            },
        ),
        (
            "templates_l1",
            Penalties {
                templates_l1: 0.5,
                ..none
            },
        ),
        (
            "templates_l2",
            Penalties {
                templates_l2: 0.1,
                ..none
            },
        ),
        (
            "all",
            Penalties {
                activations_l1: 0.1,
                activations_l2: 0.1,
                continuity: 0.3,
                templates_l1: 0.1,
                templates_l2: 0.05,
            },
        ),
    ]
}

#[test]
fn the_objective_never_rises_for_any_beta_with_any_penalty() {
    for channels in [1, 2] {
        let spectrogram = noisy_spectrogram(channels, 33, 70, 3);
        let pan = if channels > 1 {
            Update::Learn
        } else {
            Update::Fixed
        };
        for beta in BETAS {
            for (name, penalties) in penalties() {
                let start = LowRank::free(&spectrogram, 5, Start::Random, 7).unwrap();
                let start = start.with_penalties(penalties).with_pan(pan);
                let plain = fit(start.clone(), &spectrogram, &exact(beta, 40), &mut ()).unwrap();
                let what = format!("β {beta}, {name}, {channels} channels");
                assert_never_rises(&plain.objective, &format!("{what}, exact"));
                let fitted = fit(start, &spectrogram, &config(beta, 150), &mut ()).unwrap();
                assert_never_rises(&fitted.objective, &what);
                let (first, last) = (fitted.objective[0], fitted.final_objective());
                assert!(last < first, "{what}: nothing was learnt");
                let model = &fitted.model;
                assert!(
                    model.templates().iter().all(|x| x.is_finite() && *x >= 0.0),
                    "{what}"
                );
                assert!(
                    model
                        .activations()
                        .iter()
                        .all(|x| x.is_finite() && *x >= 0.0),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn slowly_adapting_columns_never_raise_the_objective() {
    let spectrogram = noisy_spectrogram(1, 33, 70, 5);
    for beta in BETAS {
        let fixed = LowRank::free(&spectrogram, 3, Start::Random, 1).unwrap();
        let slow = fixed.clone().with_templates(Update::Adapt { rate: 0.1 });
        let free = LowRank::free(&spectrogram, 2, Start::Random, 2).unwrap();
        let model = fixed
            .with_templates(Update::Fixed)
            .stack(&slow)
            .unwrap()
            .stack(&free)
            .unwrap();
        let fitted = fit(model, &spectrogram, &config(beta, 30), &mut ()).unwrap();
        assert_never_rises(&fitted.objective, &format!("β {beta}"));
    }
}

/// Factors in f32 and f64 drift apart slowly; over a few iterations the objective agrees to this.
const AGAINST_REFERENCE: f64 = 2e-5;

#[test]
fn the_exact_objective_is_that_of_the_naive_loops_at_every_iteration() {
    for channels in [1, 2] {
        // Not a multiple of a tile or of a vector.
        let (bins, frames, components) = (37, 101, 3);
        let spectrogram = noisy_spectrogram(channels, bins, frames, 11);
        for beta in BETAS {
            let pan = if channels > 1 {
                Update::Learn
            } else {
                Update::Fixed
            };
            let start = LowRank::free(&spectrogram, components, Start::Random, 4).unwrap();
            let start = start.with_pan(pan);
            let mut factors = Factors::from(&start);
            let problem = Problem::new(spectrogram.view().mapv(f64::from), beta);
            let fitted = fit(start, &spectrogram, &exact(beta, 10), &mut ()).unwrap();
            for (iteration, &objective) in fitted.objective.iter().enumerate() {
                let expected = problem.divergence(&factors);
                assert!(
                    (objective - expected).abs() <= AGAINST_REFERENCE * expected,
                    "β {beta}, {channels} channels, iteration {iteration}: {objective} instead of \
                     {expected} (ratio {})",
                    objective / expected
                );
                problem.iterate(&mut factors);
            }
        }
    }
}

#[test]
fn looking_ahead_comes_as_low_in_less_than_half_the_iterations() {
    const SEEDS: u64 = 6;
    let spectrogram = product_spectrogram(65, 150, 6, 3);
    for beta in [0.0, 1.0, 2.0] {
        // One start may end in a higher minimum than with plain steps, or in a lower one.
        let mean_ratio: f64 = (0..SEEDS)
            .map(|seed| {
                let start = LowRank::free(&spectrogram, 6, Start::Random, seed).unwrap();
                let goal = fit(start.clone(), &spectrogram, &exact(beta, 200), &mut ()).unwrap();
                let fast = fit(start, &spectrogram, &config(beta, 90), &mut ()).unwrap();
                fast.final_objective() / goal.final_objective() / SEEDS as f64
            })
            .sum();
        assert!(mean_ratio < 1.0, "β {beta}: {mean_ratio}");
    }
}

#[test]
fn a_point_ahead_that_is_no_better_is_taken_back() {
    // Long enough to overshoot; an iteration that found out leaves the objective as it was.
    let spectrogram = noisy_spectrogram(2, 33, 70, 3);
    for beta in BETAS {
        for update in [Update::Fixed, Update::Learn] {
            let start = LowRank::free(&spectrogram, 5, Start::Random, 7).unwrap();
            let start = start.with_pan(update);
            let fitted = fit(start, &spectrogram, &config(beta, 400), &mut ()).unwrap();
            assert_never_rises(&fitted.objective, &format!("β {beta}, pan {update:?}"));
            assert_eq!(fitted.iterations(), 400);
            assert!(
                fitted
                    .objective
                    .windows(2)
                    .any(|pair| pair[0].to_bits() == pair[1].to_bits()),
                "β {beta}, pan {update:?}: nothing was taken back, so nothing was tested"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_negative_or_not_finite_comes_out(
        bins in 1_usize..20,
        frames in 1_usize..30,
        components in 1_usize..5,
        beta in -1.0_f64..3.0,
        // Tiny data, down to subnormal numbers, must not change the picture.
        level in prop_oneof![Just(1.0_f32), Just(1e-30), Just(1e-42), Just(1e30)],
        seed in 0_u64..1000,
    ) {
        let values = noisy_spectrogram(1, bins, frames, seed).view().mapv(|value| value * level);
        let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude).unwrap();
        let start = LowRank::free(&spectrogram, components.min(frames), Start::Random, seed).unwrap();
        let fitted = fit(start, &spectrogram, &config(beta, 8), &mut ()).unwrap();
        prop_assert!(fitted.model.templates().iter().all(|x| x.is_finite() && *x >= 0.0));
        prop_assert!(fitted.model.activations().iter().all(|x| x.is_finite() && *x >= 0.0));
        for pair in fitted.objective.windows(2) {
            prop_assert!(pair[1] <= pair[0] * (1.0 + 1e-5) + 1e-12, "{:?}", fitted.objective);
        }
    }
}
