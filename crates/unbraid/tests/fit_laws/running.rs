//! How a fit runs: threads, instruction sets, stop rules, restarts, refused settings.

use ndarray::Array3;
use unbraid::Spectrogram;
use unbraid::fit::{FitConfig, Stop, fit, fit_best};
use unbraid::model::{LowRank, Penalties, Start, Update};
use unbraid::spectrogram::Quantity;
use unbraid::testsignals::noisy_spectrogram;

use super::{BETAS, config};

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
