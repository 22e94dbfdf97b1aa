//! Matrices come in; how low the objective gets from our NNDSVDar and from scikit-learn's goes out.

use anyhow::Result;
use ndarray::Axis;
use serde::{Deserialize, Serialize};
use unbraid::divergence::KULLBACK_LEIBLER;
use unbraid::fit::{FitConfig, fit};
use unbraid::model::{LowRank, Start};

use super::objective::{ITERATIONS, matrices};
use super::other::{Other, Question};
use super::report::{Section, table};
use crate::score::Spread;

/// Seeds that are tried.
const SEEDS: u64 = 3;

/// How much higher our objective may end than scikit-learn's, relative; the fill of zeros is random.
const TOLERANCE: f64 = 0.02;

#[derive(Serialize)]
struct Settings {
    components: usize,
    iterations: usize,
    seeds: u64,
}

#[derive(Deserialize)]
struct Answer {
    /// For every seed the objective after each iteration.
    objective: Vec<Vec<f64>>,
}

pub(super) fn section(other: &Other) -> Result<Section> {
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for matrix in matrices()? {
        println!("starts: {}", matrix.name);
        let question = Question::new()?;
        let data = matrix.spectrogram.view().mapv(f64::from);
        question.put("spectrogram", &data.index_axis(Axis(0), 0))?;
        let settings = Settings {
            components: matrix.components,
            iterations: ITERATIONS,
            seeds: SEEDS,
        };
        let theirs: Answer = other.ask("starts", &question, &settings)?;

        let config = FitConfig {
            // The other program takes plain multiplicative steps.
            exact: true,
            beta: KULLBACK_LEIBLER,
            iterations: ITERATIONS,
            ..FitConfig::default()
        };
        let run = |start: Start<'_>| -> Result<Vec<Vec<f64>>> {
            let one = |seed| {
                let start = LowRank::free(&matrix.spectrogram, matrix.components, start, seed)?;
                Ok(fit(start, &matrix.spectrogram, &config, &mut ())?.objective[1..].to_vec())
            };
            (0..SEEDS).map(one).collect()
        };
        let ours = run(Start::Nndsvdar)?;
        let random = run(Start::Random)?;

        let end = |traces: &[Vec<f64>]| at(traces, ITERATIONS).mean;
        if end(&ours) > end(&theirs.objective) * (1.0 + TOLERANCE) {
            failures.push(format!(
                "{}: from our NNDSVDar the objective ends at {:.1}, from scikit-learn's at {:.1}",
                matrix.name,
                end(&ours),
                end(&theirs.objective)
            ));
        }
        for (name, traces) in [
            ("NNDSVDar, ours", &ours),
            ("NNDSVDar, scikit-learn", &theirs.objective),
            ("random, ours", &random),
        ] {
            let mut row = vec![matrix.name.to_owned(), name.to_owned()];
            row.extend([1, 10, ITERATIONS].map(|iteration| {
                let Spread { mean, min, max } = at(traces, iteration);
                format!("{mean:.1} ({min:.1}–{max:.1})")
            }));
            rows.push(row);
        }
    }
    let last = format!("after {ITERATIONS}");
    let heads = ["matrix", "start", "after 1", "after 10", &last];
    let body = format!(
        "Kullback–Leibler objective after some iterations: mean (least–largest) of {SEEDS} seeds. The start \
         decides which minimum is found; ours may not end more than {:.0} % higher than scikit-learn's. A \
         low objective is no proof of a good separation.\n\n{}",
        100.0 * TOLERANCE,
        table(&heads, &rows)
    );
    Ok(Section {
        title: "Starts against scikit-learn",
        body,
        failures,
    })
}

/// The objectives of all seeds after an iteration, counted from one.
fn at(traces: &[Vec<f64>], iteration: usize) -> Spread {
    let values: Vec<f64> = traces.iter().map(|trace| trace[iteration - 1]).collect();
    Spread::of(&values)
}
