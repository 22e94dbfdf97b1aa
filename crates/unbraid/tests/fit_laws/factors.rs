//! What becomes of templates, activations and gains: roles, permissions, penalties, starts.

use ndarray::{Array2, Array3};
use unbraid::Spectrogram;
use unbraid::fit::{fit, fit_best};
use unbraid::model::{LowRank, Penalties, Start, Update};
use unbraid::spectrogram::Quantity;
use unbraid::testsignals::{noisy_spectrogram, positive, product_spectrogram};

use super::{OBJECTIVE_ROUNDING, assert_never_rises, config, exact};

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
