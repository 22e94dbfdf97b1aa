//! Two non-negative values and β come in; their divergence and the two halves of its gradient go out.
//!
//! ```text
//! d(x | y) = (x^β + (β − 1)·y^β − β·x·y^(β−1)) / (β·(β − 1))     β other than 0 and 1
//!          = x·log(x/y) − x + y                                   β = 1: Kullback–Leibler
//!          = x/y − log(x/y) − 1                                   β = 0: Itakura–Saito
//! ∂d/∂y    = y^(β−1) − x·y^(β−2) = push − pull
//! ```
//!
//! (Févotte and Idier, *Algorithms for nonnegative matrix factorization with the β-divergence*,
//! Neural Computation 2011, eq. 2.) These are the scalar definitions in f64; `unbraid-kernel` computes the same
//! over tiles.

/// β of the squared Euclidean distance.
pub const EUCLIDEAN: f64 = 2.0;
/// β of the generalised Kullback–Leibler divergence.
pub const KULLBACK_LEIBLER: f64 = 1.0;
/// β of the Itakura–Saito divergence.
pub const ITAKURA_SAITO: f64 = 0.0;

/// The least value the model may take, relative to the mean of the data.
///
/// It is added to every model, as one more fixed and flat component, rather than clipped at: so
/// the model stays linear in its factors and every theorem about the updates holds. At −140 dB it
/// is below anything audible. For β ≤ 0 the divergence from zero is infinite, so there the data
/// are raised to it as well.
pub const FLOOR: f32 = 1e-7;

/// The β-divergence of `x` from its model `y > 0`.
///
/// # Examples
///
/// ```
/// use unbraid::divergence::{EUCLIDEAN, divergence};
///
/// assert_eq!(divergence(3.0, 1.0, EUCLIDEAN), 2.0);
/// assert_eq!(divergence(1.5, 1.5, 0.5), 0.0);
/// ```
#[must_use]
pub fn divergence(x: f64, y: f64, beta: f64) -> f64 {
    if beta == KULLBACK_LEIBLER {
        let log = if x > 0.0 { x * (x / y).ln() } else { 0.0 };
        log - x + y
    } else if beta == ITAKURA_SAITO {
        x / y - (x / y).ln() - 1.0
    } else {
        (x.powf(beta) + (beta - 1.0) * y.powf(beta) - beta * x * y.powf(beta - 1.0))
            / (beta * (beta - 1.0))
    }
}

/// The part of the gradient that pulls the model up, `x · y^(β−2)`.
#[must_use]
pub fn pull(x: f64, y: f64, beta: f64) -> f64 {
    x * y.powf(beta - 2.0)
}

/// The part of the gradient that pushes the model down, `y^(β−1)`.
#[must_use]
pub fn push(y: f64, beta: f64) -> f64 {
    y.powf(beta - 1.0)
}

/// The exponent of a multiplicative step, with which it is a majorise–minimise step.
///
/// ```text
/// γ = 1 / (p − q)     p = max(1, β), or max(2, β) with a quadratic penalty     q = min(β − 1, 1)
/// ```
///
/// `p` is the highest power of the factor in the majoriser's rising terms, `q` the power of its
/// falling one; without penalties this is γ(β) of Févotte and Idier 2011, section 4.1. Any smaller
/// positive exponent descends too, by less: the majoriser falls all the way to its minimum.
/// The derivation is in `docs/theory.md`.
///
/// # Examples
///
/// ```
/// use unbraid::divergence::step_exponent;
///
/// assert_eq!(step_exponent(1.0, false), 1.0);
/// assert_eq!(step_exponent(0.0, false), 0.5);
/// assert_eq!(step_exponent(3.0, false), 0.5);
/// assert_eq!(step_exponent(1.0, true), 0.5);
/// ```
#[must_use]
pub fn step_exponent(beta: f64, quadratic_penalty: bool) -> f64 {
    let rising = beta.max(if quadratic_penalty { 2.0 } else { 1.0 });
    let falling = (beta - 1.0).min(1.0);
    1.0 / (rising - falling)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_divergence() {
        for beta in [-1.0, -0.5, 0.0, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0] {
            for (x, y) in [(0.3, 0.7), (2.0, 0.1), (1e-3, 4.0), (5.0, 5.0)] {
                let step = 1e-6 * y;
                let slope =
                    (divergence(x, y + step, beta) - divergence(x, y - step, beta)) / (2.0 * step);
                let gradient = push(y, beta) - pull(x, y, beta);
                let scale = push(y, beta) + pull(x, y, beta);
                assert!(
                    (slope - gradient).abs() < 1e-6 * scale,
                    "β {beta}: {slope} {gradient}"
                );
            }
        }
    }

    #[test]
    fn the_divergence_is_continuous_in_beta() {
        // From scikit-learn's list of NMF tests: the limits at 0 and 1 are the special cases.
        for beta in [0.0, 1.0] {
            for (x, y) in [(0.3, 0.7), (2.0, 0.1), (5.0, 5.1)] {
                let exact = divergence(x, y, beta);
                let near = divergence(x, y, beta - 1e-5);
                assert!(
                    (exact - near).abs() <= 1e-3 * exact,
                    "β {beta}: {exact} {near}"
                );
            }
        }
    }

    #[test]
    fn the_divergence_is_zero_only_where_both_are_equal() {
        for beta in [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0] {
            assert!(divergence(0.7, 0.7, beta).abs() < 1e-14);
            assert!(divergence(0.7, 0.71, beta) > 0.0);
            assert!(divergence(0.7, 0.69, beta) > 0.0);
        }
    }
}
