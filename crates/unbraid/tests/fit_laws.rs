//! The laws of non-negative matrix factorisation (after scikit-learn's list in `test_nmf.py`).

use ndarray::{Array2, Array3};
use proptest::prelude::*;
use unbraid::Spectrogram;
use unbraid::fit::{FitConfig, Stop, fit, fit_best};
use unbraid::model::{LowRank, Penalties, Start, Update};
use unbraid::reference::{Factors, Problem};
use unbraid::spectrogram::Quantity;
use unbraid::testsignals::{noisy_spectrogram, positive, product_spectrogram};

const BETAS: [f64; 9] = [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0];

/// The objective is a sum of some ten thousand f32 terms, rounded at 6e-8 each: this much of it
/// may be noise.
const OBJECTIVE_ROUNDING: f64 = 2e-6;

fn config(beta: f64, iterations: usize) -> FitConfig {
    FitConfig {
        beta,
        iterations,
        ..FitConfig::default()
    }
}

/// Plain multiplicative steps.
fn exact(beta: f64, iterations: usize) -> FitConfig {
    FitConfig {
        exact: true,
        ..config(beta, iterations)
    }
}

fn assert_never_rises(objective: &[f64], what: &str) {
    for (iteration, pair) in objective.windows(2).enumerate() {
        assert!(
            pair[1] <= pair[0] + OBJECTIVE_ROUNDING * pair[0].abs(),
            "{what}: the objective rose in iteration {iteration} from {} to {} (ratio {})",
            pair[0],
            pair[1],
            pair[1] / pair[0]
        );
    }
}

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

#[test]
fn roles_and_permissions_hold_with_and_without_looking_ahead() {
    let spectrogram = noisy_spectrogram(2, 33, 60, 9);
    let part = |seed| LowRank::free(&spectrogram, 2, Start::Random, seed).unwrap();
    let allowed = Array2::from_shape_fn((2, 60), |(k, t)| (t / 10 + k) % 2 == 0);
    let model = part(1)
        .with_templates(Update::Fixed)
        .stack(&part(2).with_activations(Update::Fixed))
        .unwrap()
        .stack(&part(3).with_pan(Update::Fixed))
        .unwrap()
        .stack(&part(4).allow(allowed.view()).unwrap())
        .unwrap();
    let all_but_gains = part(5)
        .with_templates(Update::Fixed)
        .with_activations(Update::Fixed);
    let model = model.stack(&all_but_gains).unwrap();
    for beta in [0.0, 1.0, 2.0] {
        for config in [config(beta, 80), exact(beta, 80)] {
            let fitted = fit(model.clone(), &spectrogram, &config, &mut ()).unwrap();
            assert_never_rises(&fitted.objective, &format!("{config:?}"));
            let fitted = fitted.model;
            for k in [0, 1, 8, 9] {
                assert_eq!(fitted.templates().column(k), model.templates().column(k));
                assert_ne!(fitted.pan_gains().row(k), model.pan_gains().row(k));
            }
            for k in [2, 3, 8, 9] {
                assert_eq!(fitted.activations().row(k), model.activations().row(k));
            }
            for k in [4, 5] {
                assert_eq!(fitted.pan_gains().row(k), model.pan_gains().row(k));
                assert_ne!(fitted.templates().column(k), model.templates().column(k));
            }
            for ((k, t), &allowed) in allowed.indexed_iter() {
                assert!(allowed || fitted.activations()[[6 + k, t]] == 0.0);
            }
        }
    }
}

#[test]
fn nothing_that_is_learnt_leaves_the_model_as_it_was() {
    let spectrogram = noisy_spectrogram(1, 20, 50, 9);
    let start = LowRank::free(&spectrogram, 3, Start::Random, 1).unwrap();
    let start = start
        .with_templates(Update::Fixed)
        .with_activations(Update::Fixed);
    let fitted = fit(start.clone(), &spectrogram, &config(1.0, 5), &mut ()).unwrap();
    assert_eq!(fitted.model, start);
    assert!(
        fitted
            .objective
            .iter()
            .all(|&value| { (value - fitted.objective[0]).abs() <= OBJECTIVE_ROUNDING * value })
    );
}

#[test]
fn a_matrix_made_as_a_product_is_recovered() {
    let spectrogram = product_spectrogram(40, 120, 4, 21);
    // Below β = 1 the steps are shorter, and convergence slower.
    for (beta, iterations, left) in [(1.0, 3000, 2e-4), (2.0, 3000, 2e-4), (0.5, 3000, 1e-3)] {
        let start = |seed| LowRank::free(&spectrogram, 4, Start::Random, seed);
        let fitted = fit_best(
            start,
            0,
            4,
            &spectrogram,
            &config(beta, iterations),
            &mut (),
        )
        .unwrap();
        let ratio = fitted.final_objective() / fitted.objective[0];
        assert!(
            ratio < left,
            "β {beta}: {ratio} of the first objective is left"
        );
    }
}

#[test]
fn fixed_columns_stay_as_they_are_to_the_last_bit() {
    let spectrogram = noisy_spectrogram(2, 33, 60, 9);
    let dictionary = LowRank::free(&spectrogram, 3, Start::Random, 1).unwrap();
    let gains = positive((3, 2), 5);
    let dictionary = dictionary
        .with_pan_gains(gains.view())
        .unwrap()
        .with_templates(Update::Fixed);
    let dictionary = dictionary.with_pan(Update::Fixed);
    let free = LowRank::free(&spectrogram, 2, Start::Random, 2).unwrap();
    let held = LowRank::free(&spectrogram, 2, Start::Random, 3).unwrap();
    let held = held.with_activations(Update::Fixed);
    let model = dictionary
        .clone()
        .stack(&free)
        .unwrap()
        .stack(&held)
        .unwrap();
    let fitted = fit(model.clone(), &spectrogram, &config(1.0, 20), &mut ())
        .unwrap()
        .model;

    for k in 0..3 {
        assert_eq!(fitted.templates().column(k), model.templates().column(k));
        assert_eq!(fitted.pan_gains().row(k), model.pan_gains().row(k));
        assert_ne!(fitted.activations().row(k), model.activations().row(k));
    }
    for k in 5..7 {
        assert_eq!(fitted.activations().row(k), model.activations().row(k));
        assert_ne!(fitted.templates().column(k), model.templates().column(k));
    }
    for k in 3..5 {
        assert_ne!(fitted.templates().column(k), model.templates().column(k));
    }
}

#[test]
fn activations_are_zero_where_they_are_not_allowed() {
    let spectrogram = noisy_spectrogram(1, 20, 50, 13);
    let allowed = Array2::from_shape_fn((3, 50), |(k, t)| (t / 10 + k) % 2 == 0);
    let start = LowRank::free(&spectrogram, 3, Start::Random, 0).unwrap();
    let start = start.allow(allowed.view()).unwrap();
    let fitted = fit(start, &spectrogram, &config(1.0, 30), &mut ())
        .unwrap()
        .model;
    for (index, &allowed) in allowed.indexed_iter() {
        assert!(allowed || fitted.activations()[index] == 0.0, "{index:?}");
    }
    assert!(fitted.activations().iter().any(|&h| h > 0.0));
}

#[test]
fn fitting_with_fixed_templates_gives_the_activations_again() {
    let templates = positive((30, 3), 1);
    let activations = positive((3, 40), 2);
    let product = templates.dot(&activations);
    let values = Array3::from_shape_fn((1, 30, 40), |(_, f, t)| product[[f, t]]);
    let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude).unwrap();
    let start = LowRank::free(&spectrogram, 3, Start::Templates(templates.view()), 0).unwrap();
    let start = start.with_templates(Update::Fixed);
    let fitted = fit(start, &spectrogram, &config(1.0, 4000), &mut ())
        .unwrap()
        .model;
    for (index, &found) in fitted.activations().indexed_iter() {
        let (found, given) = (found * spectrogram.scale(), activations[index]);
        assert!(
            (found - given).abs() < 0.02 * given.max(0.1),
            "{index:?}: {found} {given}"
        );
    }
}

#[test]
fn l1_makes_more_zeros_and_continuity_smoother_activations() {
    let spectrogram = noisy_spectrogram(1, 33, 80, 17);
    let fit_with = |penalties| {
        let start = LowRank::free(&spectrogram, 6, Start::Random, 0).unwrap();
        let start = start.with_penalties(penalties);
        fit(start, &spectrogram, &config(1.0, 200), &mut ())
            .unwrap()
            .model
    };
    let silent = |model: &LowRank| model.activations().iter().filter(|&&h| h < 1e-3).count();
    let rough = |model: &LowRank| -> f32 {
        let h = model.activations();
        let steps: f32 = h
            .rows()
            .into_iter()
            .map(|row| {
                row.windows(2)
                    .into_iter()
                    .map(|w| (w[1] - w[0]).powi(2))
                    .sum::<f32>()
            })
            .sum();
        steps / h.iter().map(|h| h * h).sum::<f32>()
    };
    let none = Penalties::default();
    let plain = fit_with(none);
    let sparse = fit_with(Penalties {
        activations_l1: 0.5,
        ..none
    });
    let smooth = fit_with(Penalties {
        continuity: 10.0,
        ..none
    });
    assert!(
        silent(&sparse) > silent(&plain),
        "{} {}",
        silent(&sparse),
        silent(&plain)
    );
    assert!(
        rough(&smooth) < 0.5 * rough(&plain),
        "{} {}",
        rough(&smooth),
        rough(&plain)
    );
}

#[test]
fn template_penalties_make_templates_sparser_and_flatter() {
    let spectrogram = noisy_spectrogram(1, 33, 80, 19);
    // Hoyer's sparseness is high where l1 / l2 is low.
    let spread = |penalties| {
        let start = LowRank::free(&spectrogram, 6, Start::Random, 0).unwrap();
        let start = start.with_penalties(penalties);
        let model = fit(start, &spectrogram, &config(1.0, 100), &mut ())
            .unwrap()
            .model;
        let spread = |w: ndarray::ArrayView1<'_, f32>| w.sum() / w.dot(&w).sqrt();
        model
            .templates()
            .columns()
            .into_iter()
            .map(spread)
            .sum::<f32>()
    };
    let none = Penalties::default();
    let plain = spread(none);
    let sparse = spread(Penalties {
        templates_l1: 0.5,
        ..none
    });
    let flat = spread(Penalties {
        templates_l2: 0.2,
        ..none
    });
    assert!(
        sparse < plain && plain < flat,
        "{sparse} < {plain} < {flat}"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_any_thread_count() {
    let spectrogram = noisy_spectrogram(2, 65, 900, 23);
    let run = |threads, seed, beta| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let start = LowRank::free(&spectrogram, 4, Start::Random, seed).unwrap();
            fit(
                start.with_pan(Update::Learn),
                &spectrogram,
                &config(beta, 12),
                &mut (),
            )
            .unwrap()
        })
    };
    for beta in [1.0, 0.0] {
        let one = run(1, 0, beta);
        assert_eq!(one, run(8, 0, beta));
        assert_eq!(one, run(3, 0, beta));
        assert_ne!(one.model, run(1, 1, beta).model);
    }
}

#[test]
fn the_portable_kernel_agrees_with_the_fast_one() {
    let spectrogram = noisy_spectrogram(1, 65, 200, 29);
    for beta in BETAS {
        let run = |portable| {
            let start = LowRank::free(&spectrogram, 4, Start::Random, 0).unwrap();
            let config = FitConfig {
                portable,
                ..config(beta, 10)
            };
            fit(start, &spectrogram, &config, &mut ())
                .unwrap()
                .final_objective()
        };
        let (fast, portable) = (run(false), run(true));
        assert!(
            (fast - portable).abs() < 1e-4 * portable,
            "β {beta}: {fast} {portable}"
        );
    }
}

#[test]
fn scaling_the_data_scales_the_model() {
    // By powers of two to the last bit; by others to rounding.
    let spectrogram = noisy_spectrogram(1, 33, 60, 31);
    let run = |factor: f32| {
        let values = spectrogram.view().mapv(|value| value * factor);
        let scaled = Spectrogram::from_values(values.view(), Quantity::Magnitude).unwrap();
        let start = LowRank::free(&scaled, 3, Start::Random, 0).unwrap();
        let model = fit(start, &scaled, &config(1.0, 20), &mut ())
            .unwrap()
            .model;
        model.model(0) * (scaled.scale() / factor)
    };
    let plain = run(1.0);
    assert_eq!(plain, run(1024.0));
    let other = run(3.0);
    for (index, &value) in plain.indexed_iter() {
        assert!(
            (value - other[index]).abs() <= 1e-3 * value.max(1e-3),
            "{index:?}"
        );
    }
}

#[test]
fn an_nndsvdar_start_is_better_than_chance() {
    let spectrogram = product_spectrogram(60, 200, 5, 41);
    let random = LowRank::free(&spectrogram, 5, Start::Random, 0).unwrap();
    let nndsvdar = LowRank::free(&spectrogram, 5, Start::Nndsvdar, 0).unwrap();
    let after = |start, iterations| {
        fit(start, &spectrogram, &exact(2.0, iterations), &mut ())
            .unwrap()
            .final_objective()
    };
    assert!(after(nndsvdar.clone(), 0) < 0.5 * after(random.clone(), 0));
    assert!(after(nndsvdar.clone(), 20) < after(random, 20));
    // "ar": no zero that a multiplicative step could never leave.
    assert!(
        nndsvdar
            .templates()
            .iter()
            .chain(nndsvdar.activations())
            .all(|&x| x > 0.0)
    );
}

#[test]
fn starts_from_examples_and_activations_keep_them() {
    let spectrogram = noisy_spectrogram(1, 20, 30, 43);
    let (templates, activations) = (positive((20, 3), 1), positive((3, 30), 2));
    let from = |start| LowRank::free(&spectrogram, 3, start, 0);
    assert_eq!(
        from(Start::Templates(templates.view()))
            .unwrap()
            .templates(),
        templates
    );
    assert_eq!(
        from(Start::Activations(activations.view()))
            .unwrap()
            .activations(),
        activations
    );
    assert!(from(Start::Templates(activations.view())).is_err());
}

#[test]
fn silence_has_silent_activations() {
    let values = Array3::zeros((1, 9, 12));
    let spectrogram = Spectrogram::from_values(values.view(), Quantity::Magnitude).unwrap();
    let start = LowRank::free(&spectrogram, 2, Start::Random, 0).unwrap();
    let fitted = fit(start, &spectrogram, &FitConfig::default(), &mut ()).unwrap();
    assert_eq!(fitted.stop, Stop::Silence);
    assert!(fitted.model.activations().iter().all(|&h| h == 0.0));
    assert!(fitted.model.templates().iter().all(|w| w.is_finite()));
}

#[test]
fn a_tolerance_stops_before_the_count() {
    let spectrogram = noisy_spectrogram(1, 33, 80, 47);
    let start = LowRank::free(&spectrogram, 3, Start::Random, 0).unwrap();
    let config = FitConfig {
        tolerance: Some(1e-3),
        iterations: 5000,
        ..FitConfig::default()
    };
    let fitted = fit(start, &spectrogram, &config, &mut ()).unwrap();
    assert_eq!(fitted.stop, Stop::Tolerance);
    assert!(
        fitted.iterations() > 10 && fitted.iterations() < 5000,
        "{}",
        fitted.iterations()
    );
}

#[test]
fn an_observer_can_stop_the_fit_within_one_iteration() {
    let spectrogram = noisy_spectrogram(1, 33, 80, 53);
    let start = LowRank::free(&spectrogram, 3, Start::Random, 0).unwrap();
    let mut calls = 0;
    let mut observer = |progress: &unbraid::observe::Progress| {
        calls += 1;
        if progress.done == 4 {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    };
    let result = fit(start, &spectrogram, &config(1.0, 100), &mut observer);
    assert_eq!(result.unwrap_err(), unbraid::Error::Cancelled);
    assert_eq!(calls, 5);
}

#[test]
fn restarts_keep_the_best() {
    let spectrogram = noisy_spectrogram(1, 33, 80, 59);
    let start = |seed| LowRank::free(&spectrogram, 4, Start::Random, seed);
    let each: Vec<f64> = (0..4)
        .map(|seed| {
            fit(
                start(seed).unwrap(),
                &spectrogram,
                &config(1.0, 15),
                &mut (),
            )
            .unwrap()
            .final_objective()
        })
        .collect();
    let best = fit_best(start, 0, 3, &spectrogram, &config(1.0, 15), &mut ()).unwrap();
    let least = each.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(best.final_objective().to_bits(), least.to_bits());
}

#[test]
fn settings_that_are_not_allowed_are_refused_by_name() {
    let spectrogram = noisy_spectrogram(1, 9, 12, 61);
    let free = |components| LowRank::free(&spectrogram, components, Start::Random, 0);
    for components in [0, 13] {
        let message = free(components).unwrap_err().to_string();
        assert!(
            message.contains("`components`") && message.contains("12"),
            "{message}"
        );
    }
    let base = FitConfig::default();
    let none = Penalties::default();
    let plain = free(2).unwrap();
    let cases = [
        (
            "fit.beta",
            FitConfig {
                beta: f64::NAN,
                ..base
            },
            plain.clone(),
        ),
        ("fit.beta", FitConfig { beta: 3.5, ..base }, plain.clone()),
        (
            "fit.tolerance",
            FitConfig {
                tolerance: Some(-1.0),
                ..base
            },
            plain.clone(),
        ),
        (
            "templates.rate",
            base,
            plain.clone().with_templates(Update::Adapt { rate: 0.0 }),
        ),
        (
            "activations.rate",
            base,
            plain.clone().with_activations(Update::Adapt { rate: 1.5 }),
        ),
        (
            "penalties.activations_l1",
            base,
            plain.clone().with_penalties(Penalties {
                activations_l1: -0.1,
                ..none
            }),
        ),
        (
            "penalties.continuity",
            base,
            plain.with_penalties(Penalties {
                continuity: f32::INFINITY,
                ..none
            }),
        ),
    ];
    for (field, config, model) in cases {
        let message = fit(model, &spectrogram, &config, &mut ())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("`{field}`")),
            "{field}: {message}"
        );
    }
    let other = noisy_spectrogram(1, 9, 13, 61);
    assert!(fit(free(2).unwrap(), &other, &base, &mut ()).is_err());
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
