//! The laws of non-negative matrix factorisation (after scikit-learn's list in `test_nmf.py`).

mod descent;
mod factors;
mod running;

use unbraid::fit::FitConfig;

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
