//! Factors come in; how sparse they are, and how few units sound at a time, goes out.

use ndarray::{ArrayView2, Axis};
use serde::Serialize;

/// How sparse an array's rows are on average.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sparseness {
    /// The Gini index: 0 if all values are equal, near 1 if one value has everything.
    pub gini: f64,
    /// Hoyer's sparseness: 0 if all values are equal, 1 if one value has everything.
    pub hoyer: f64,
}

/// Means over the rows of an array.
#[must_use]
pub fn sparseness(rows: ArrayView2<'_, f32>) -> Sparseness {
    let count = rows.nrows().max(1) as f64;
    let mean =
        |of: fn(&[f32]) -> f64| rows.outer_iter().map(|row| of(&row.to_vec())).sum::<f64>() / count;
    Sparseness {
        gini: mean(gini),
        hoyer: mean(hoyer),
    }
}

/// The Gini index of non-negative values.
///
/// ```text
/// Gini = 1 − 2 Σ_i (x_(i) / Σ x) · (n − i + ½) / n          x_(1) ≤ x_(2) ≤ … ≤ x_(n)
/// ```
///
/// # Examples
///
/// ```
/// use unbraid::why::gini;
///
/// assert_eq!(gini(&[1.0, 1.0, 1.0]), 0.0);
/// assert_eq!(gini(&[0.0, 0.0, 0.0, 4.0]), 0.75);
/// ```
///
/// # References
///
/// - N. Hurley, S. Rickard, *Comparing measures of sparsity*, IEEE Trans. Information Theory 2009, eq. 6.
#[must_use]
pub fn gini(values: &[f32]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let (count, sum) = (
        sorted.len() as f64,
        sorted.iter().map(|&v| f64::from(v)).sum::<f64>(),
    );
    if sum <= 0.0 {
        return 0.0;
    }
    let weighted: f64 = sorted
        .iter()
        .enumerate()
        .map(|(at, &value)| f64::from(value) / sum * (count - at as f64 - 0.5) / count)
        .sum();
    1.0 - 2.0 * weighted
}

/// Hoyer's sparseness of values.
///
/// ```text
/// (√n − ‖x‖₁ / ‖x‖₂) / (√n − 1)
/// ```
///
/// # Examples
///
/// ```
/// use unbraid::why::hoyer;
///
/// assert!(hoyer(&[1.0, 1.0, 1.0]).abs() < 1e-12);
/// assert!((hoyer(&[0.0, 7.0, 0.0]) - 1.0).abs() < 1e-12);
/// ```
///
/// # References
///
/// - P. O. Hoyer, *Non-negative matrix factorization with sparseness constraints*, JMLR 2004.
#[must_use]
pub fn hoyer(values: &[f32]) -> f64 {
    let (mut l1, mut squares) = (0.0, 0.0);
    for &value in values {
        l1 += f64::from(value).abs();
        squares += f64::from(value).powi(2);
    }
    let root = (values.len() as f64).sqrt();
    if squares <= 0.0 || root <= 1.0 {
        return 0.0;
    }
    (root - l1 / squares.sqrt()) / (root - 1.0)
}

/// The fewest units that carry nine tenths of a frame, mean over the frames that sound.
///
/// `levels` is `(units, frames)`: how much each unit adds to each frame.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use unbraid::why::active_units;
///
/// // One unit alone, then two alike, then silence.
/// let levels = array![[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.05, 0.0, 0.0]];
/// assert_eq!(active_units(levels.view()), 1.5);
/// ```
#[must_use]
pub fn active_units(levels: ArrayView2<'_, f32>) -> f64 {
    let (mut units, mut frames) = (0, 0);
    for frame in levels.axis_iter(Axis(1)) {
        let mut values = frame.to_vec();
        values.sort_unstable_by(|a, b| b.total_cmp(a));
        let sum: f64 = values.iter().map(|&v| f64::from(v)).sum();
        if sum <= 0.0 {
            continue;
        }
        frames += 1;
        let mut carried = 0.0;
        for value in values {
            carried += f64::from(value);
            units += 1;
            if carried >= 0.9 * sum {
                break;
            }
        }
    }
    if frames == 0 {
        0.0
    } else {
        f64::from(units) / f64::from(frames)
    }
}
