//! Correlations come in; the distortion filters that bring the references closest to
//! each estimate go out.
//!
//! The filters solve the normal equations of a least-squares problem (Vincent, Gribonval and
//! Févotte 2006, section III.B). With `c[i][t]` the tap `t` of the filter of reference row `i`:
//!
//! ```text
//! sum over j, u of auto(i, j)[t - u] c[j][u] = cross(i, k)[t]      for all i, t
//! ```
//!
//! The matrix is symmetric and positive semi-definite, and each of its blocks `(i, j)` is Toeplitz.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::ldlt;
use faer::prelude::default;
use faer::{Mat, Par};

use super::correlation::Correlations;
use crate::Error;

/// A direction that adds less than this share to a row's energy cannot be told from rounding.
///
/// The entries of the normal equations are sums whose rounding errors grow like the square root
/// of their number; 1e-13 is a few hundred units in the last place. References that are
/// copies of each other, or empty in a band, lead to such directions.
const LEAST_PIVOT: f64 = 1e-13;
/// The pivot put in place of one below [`LEAST_PIVOT`]. It is so large that the tap comes out as
/// zero: what the tap could contribute is left to the taps before it.
const BLOCKED_PIVOT: f64 = 1e100;

/// Filters from some reference rows to some estimate rows.
pub(super) struct Filters {
    taps: usize,
    rows: usize,
    coefficients: Vec<f64>,
}

impl Filters {
    /// The taps from the `row`-th reference row to the `target`-th estimate row that were asked for.
    pub(super) fn taps_of(&self, target: usize, row: usize) -> &[f64] {
        &self.coefficients[(target * self.rows + row) * self.taps..][..self.taps]
    }
}

/// The filters from the reference rows `rows` together to each of the estimate rows `targets`.
pub(super) fn solve(
    correlations: &Correlations,
    rows: &[usize],
    targets: &[usize],
) -> Result<Filters, Error> {
    debug_assert!(rows.is_sorted(), "the lower triangle is read row by row");
    let taps = correlations.taps();
    let mut coefficients = vec![0.0; targets.len() * rows.len() * taps];
    // Every row is brought to unit energy, so that a quiet source is not taken for rounding errors
    // of a loud one. Silent channels, and channels that repeat an earlier one as in mono recordings
    // stored as stereo, keep filters of zeros: they add nothing that filters could use.
    let mut sounding: Vec<(usize, usize, f64)> = Vec::new();
    for (at, &row) in rows.iter().enumerate() {
        let energy = correlations.energy(row);
        let repeats = sounding
            .iter()
            .any(|&(_, earlier, _)| correlations.repeats(row, earlier));
        if energy > 0.0 && !repeats {
            sounding.push((at, row, energy.sqrt().recip()));
        }
    }
    if sounding.is_empty() {
        return Ok(Filters {
            taps,
            rows: rows.len(),
            coefficients,
        });
    }

    let mut matrix = normal_matrix(correlations, &sounding);
    let dim = matrix.nrows();
    let scratch = ldlt::factor::cholesky_in_place_scratch::<f64>(dim, Par::Seq, default());
    let mut memory = MemBuffer::new(scratch);
    ldlt::factor::cholesky_in_place(
        matrix.as_mut(),
        ldlt::factor::LdltRegularization {
            dynamic_regularization_signs: Some(&vec![1; dim]),
            dynamic_regularization_epsilon: LEAST_PIVOT,
            dynamic_regularization_delta: BLOCKED_PIVOT,
        },
        Par::Seq,
        MemStack::new(&mut memory),
        default(),
    )
    .map_err(|_| Error::Numerical {
        stage: "distortion filters",
        iteration: 0,
    })?;

    let mut solution = Mat::<f64>::zeros(dim, targets.len());
    for (column, &target) in targets.iter().enumerate() {
        let column = solution.col_as_slice_mut(column);
        for (&(_, row, scale), out) in sounding.iter().zip(column.chunks_mut(taps)) {
            for (out, value) in out.iter_mut().zip(correlations.cross(row, target)) {
                *out = value * scale;
            }
        }
    }
    let scratch = ldlt::solve::solve_in_place_scratch::<f64>(dim, targets.len(), Par::Seq);
    let mut memory = MemBuffer::new(scratch);
    ldlt::solve::solve_in_place(
        matrix.as_ref(),
        matrix.diagonal(),
        solution.as_mut(),
        Par::Seq,
        MemStack::new(&mut memory),
    );

    for (target, out) in coefficients.chunks_mut(rows.len() * taps).enumerate() {
        let column = solution.col_as_slice(target);
        for (&(at, _, scale), taps_in) in sounding.iter().zip(column.chunks(taps)) {
            for (out, value) in out[at * taps..].iter_mut().zip(taps_in) {
                *out = value * scale;
            }
        }
    }
    if coefficients.iter().any(|value| !value.is_finite()) {
        return Err(Error::Numerical {
            stage: "distortion filters",
            iteration: 0,
        });
    }
    Ok(Filters {
        taps,
        rows: rows.len(),
        coefficients,
    })
}

/// The lower triangle of the normal matrix of rows of unit energy; what is above is zero.
fn normal_matrix(correlations: &Correlations, rows: &[(usize, usize, f64)]) -> Mat<f64> {
    let taps = correlations.taps();
    let mut matrix = Mat::<f64>::zeros(rows.len() * taps, rows.len() * taps);
    for (j, &(_, row_j, scale_j)) in rows.iter().enumerate() {
        for u in 0..taps {
            let column = matrix.col_as_slice_mut(j * taps + u);
            for (i, &(_, row_i, scale_i)) in rows.iter().enumerate().skip(j) {
                // Lags `t - u` for `t` from 0.
                let lags = &correlations.auto(row_i, row_j)[taps - 1 - u..][..taps];
                let first = if i == j { u } else { 0 };
                let out = &mut column[i * taps..(i + 1) * taps];
                for (out, value) in out[first..].iter_mut().zip(&lags[first..]) {
                    *out = value * (scale_i * scale_j);
                }
            }
        }
    }
    matrix
}
