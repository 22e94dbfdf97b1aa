//! Matrices and a start come in; how far our objective is from scikit-learn's goes out.

use std::path::Path;

use anyhow::Result;
use ndarray::{Array3, Axis};
use serde::{Deserialize, Serialize};
use unbraid::divergence::{EUCLIDEAN, ITAKURA_SAITO, KULLBACK_LEIBLER};
use unbraid::fit::{FitConfig, fit};
use unbraid::model::{LowRank, Start};
use unbraid::reference::{Factors, Problem};
use unbraid::spectrogram::{Channels, Quantity};
use unbraid::testsignals::positive;
use unbraid::{Spectrogram, Stft, StftConfig};
use unbraid_io::audio::{Span, read_audio};

use super::other::{Other, Question};
use super::report::{Section, small, table, within};
use crate::root;

/// Iterations that are compared.
pub(super) const ITERATIONS: usize = 50;

/// How far the f64 loops may be from scikit-learn at any iteration, relative.
const TOLERANCE_F64: f64 = 1e-5;

/// How far the product in f32 may be: rounding of 6e-8 per operation, carried through 50
/// iterations.
const TOLERANCE_F32: f64 = 1e-4;

/// What is added to the demo's spectrogram, relative to its mean. Its quietest bins are below
/// both programs' floors, where Itakura–Saito looks at little else.
const RAISED: f32 = 1e-3;

const DIVERGENCES: [(&str, f64); 3] = [
    ("Frobenius", EUCLIDEAN),
    ("Kullback–Leibler", KULLBACK_LEIBLER),
    ("Itakura–Saito", ITAKURA_SAITO),
];

#[derive(Serialize)]
struct Settings {
    beta: f64,
    iterations: usize,
}

#[derive(Deserialize)]
struct Answer {
    /// After each iteration.
    objective: Vec<f64>,
}

/// A matrix to factorise.
pub(super) struct Matrix {
    pub(super) name: &'static str,
    pub(super) spectrogram: Spectrogram,
    pub(super) components: usize,
}

/// A small random one, and one of the demo.
pub(super) fn matrices() -> Result<Vec<Matrix>> {
    let random = positive((40, 61), 1).insert_axis(Axis(0));
    let span = Span {
        start_secs: 0.0,
        duration_secs: Some(3.0),
    };
    let audio = read_audio(Path::new(&root().join("demo/mixture.flac")), span)?.audio;
    let stft = Stft::new(StftConfig::for_sample_rate(audio.sample_rate()))?;
    let demo = Spectrogram::of(&audio, &stft, Quantity::Magnitude, Channels::Sum, &mut ())?;
    let raised = demo.view().mapv(|value| value + RAISED * demo.mean());
    Ok(vec![
        Matrix {
            name: "random",
            spectrogram: Spectrogram::from_values(random.view(), Quantity::Magnitude)?,
            components: 5,
        },
        Matrix {
            name: "demo, 3 s",
            spectrogram: Spectrogram::from_values(raised.view(), Quantity::Magnitude)?,
            components: 16,
        },
    ])
}

pub(super) fn section(other: &Other) -> Result<Section> {
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for matrix in matrices()? {
        let spectrogram = &matrix.spectrogram;
        let start = LowRank::free(spectrogram, matrix.components, Start::Random, 0)?;
        let factors = Factors::from(&start);
        let data = spectrogram.view().mapv(f64::from);
        for (name, beta) in DIVERGENCES {
            println!("objective: {}, {name}", matrix.name);
            let theirs = scikit_learn(other, &data, &factors, beta)?;
            let plain = naive(&Problem::without_floor(data.clone(), beta), factors.clone());
            let floored = naive(&Problem::new(data.clone(), beta), factors.clone());
            let config = FitConfig {
                // The other program takes plain multiplicative steps.
                exact: true,
                beta,
                iterations: ITERATIONS,
                ..FitConfig::default()
            };
            let product = fit(start.clone(), spectrogram, &config, &mut ())?.objective;

            let plain = worst(&plain, &theirs);
            let floored = worst(&floored, &theirs);
            let product = worst(&product[1..], &theirs);
            for (what, worst, tolerance) in [
                ("f64 without floor", plain, TOLERANCE_F64),
                ("f64", floored, TOLERANCE_F64),
                ("f32", product, TOLERANCE_F32),
            ] {
                if !within(worst.difference, tolerance) {
                    failures.push(format!(
                        "{}, {name}, {what}: the objective differs by {} at iteration {}, allowed {}",
                        matrix.name,
                        small(worst.difference),
                        worst.iteration,
                        small(tolerance),
                    ));
                }
            }
            let (_, bins, frames) = data.dim();
            let mut row = vec![
                format!(
                    "{} ({bins} × {frames}, K = {})",
                    matrix.name, matrix.components
                ),
                name.to_owned(),
            ];
            row.extend(
                [plain, floored, product]
                    .map(|worst| format!("{} (at {})", small(worst.difference), worst.iteration)),
            );
            rows.push(row);
        }
    }
    let heads = [
        "matrix",
        "divergence",
        "f64, no floor",
        "f64, with our floor",
        "f32, the product",
    ];
    let body = format!(
        "The largest relative difference of the objective from scikit-learn's at any of {ITERATIONS} \
         iterations from the same start, and at which. scikit-learn's `NMF(solver=\"mu\", tol=0)` is given \
         the transposed matrix, since it steps its left factor first and we step the activations first; \
         it runs one iteration at a time, each started from the last. `f64` are the naive loops of \
         `unbraid::reference`, `f32` is `unbraid::fit`. Allowed: {} in f64, {} in f32. The demo's \
         magnitudes are raised by {} of their mean, because near-silent bins lie below both programs' \
         (different) floors.\n\n{}",
        small(TOLERANCE_F64),
        small(TOLERANCE_F32),
        small(f64::from(RAISED)),
        table(&heads, &rows)
    );
    Ok(Section {
        title: "Objective against scikit-learn",
        body,
        failures,
    })
}

/// The objective after each iteration of the naive loops.
fn naive(problem: &Problem, mut factors: Factors) -> Vec<f64> {
    let mut after = || {
        problem.iterate(&mut factors);
        problem.divergence(&factors)
    };
    (0..ITERATIONS).map(|_| after()).collect()
}

fn scikit_learn(
    other: &Other,
    data: &Array3<f64>,
    factors: &Factors,
    beta: f64,
) -> Result<Vec<f64>> {
    let question = Question::new()?;
    question.put("spectrogram", &data.index_axis(Axis(0), 0))?;
    question.put("templates", &factors.w)?;
    question.put("activations", &factors.h)?;
    let settings = Settings {
        beta,
        iterations: ITERATIONS,
    };
    Ok(other
        .ask::<Answer>("objective", &question, &settings)?
        .objective)
}

/// The largest relative difference, and after which iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Worst {
    difference: f64,
    iteration: usize,
}

fn worst(ours: &[f64], theirs: &[f64]) -> Worst {
    assert_eq!(ours.len(), theirs.len(), "one objective per iteration");
    let mut worst = Worst {
        difference: 0.0,
        iteration: 1,
    };
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let difference = (ours - theirs).abs() / theirs.abs();
        // NaN is worse than any number, and stays.
        if !within(difference, worst.difference) && !worst.difference.is_nan() {
            worst = Worst {
                difference,
                iteration: index + 1,
            };
        }
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_iteration_is_named() {
        let found = worst(&[4.0, 3.0, 2.0], &[4.0, 2.0, 2.5]);
        assert_eq!(
            found,
            Worst {
                difference: 0.5,
                iteration: 2
            }
        );
    }

    #[test]
    fn an_objective_that_is_no_number_is_the_worst() {
        let found = worst(&[4.0, f64::NAN, 1.0], &[4.0, 2.0, 2.0]);
        assert!(found.difference.is_nan());
        assert_eq!(found.iteration, 2);
    }

    #[test]
    fn the_product_follows_the_naive_loops_on_the_random_matrix() {
        let Matrix {
            spectrogram,
            components,
            ..
        } = &matrices().unwrap()[0];
        for (name, beta) in DIVERGENCES {
            let start = LowRank::free(spectrogram, *components, Start::Random, 0).unwrap();
            let problem = Problem::new(spectrogram.view().mapv(f64::from), beta);
            let loops = naive(&problem, Factors::from(&start));
            let config = FitConfig {
                // The other program takes plain multiplicative steps.
                exact: true,
                beta,
                iterations: ITERATIONS,
                ..FitConfig::default()
            };
            let product = fit(start, spectrogram, &config, &mut ()).unwrap().objective;
            let found = worst(&product[1..], &loops);
            assert!(found.difference <= TOLERANCE_F32, "{name}: {found:?}");
        }
    }
}
