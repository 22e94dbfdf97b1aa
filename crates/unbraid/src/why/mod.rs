//! A recording, its true stems and its factorisation come in; why factorising separates, and when it cannot, goes
//! out in numbers.
//!
//! | question | where |
//! |---|---|
//! | How little describes the recording, learnt templates or filters drawn up beforehand? | [`rank_curve`], [`filters_needed`] |
//! | How sparse are the factors, and how few units sound at a time? | [`sparseness`] |
//! | How much do the sources get in each other's way? | [`overlap`] |
//! | Does a component belong to one source? | [`purities`] |
//! | What if two sources always start together on one pitch? | [`onset_gaps`], [`together`] |

mod onsets;
mod overlap;
mod parsimony;
mod sparseness;

pub use onsets::{
    OnsetGap, Playing, SAMPLE_RATE, Together, onset_gaps, together, two_on_one_pitch,
};
pub use overlap::{AUDIBLE_DB, Overlap, overlap};
pub use parsimony::{FilterSweep, RankPoint, filters_needed, rank_curve};
pub use sparseness::{Sparseness, active_units, gini, hoyer, sparseness};

use ndarray::Array2;

/// How much of each component's energy belongs to its main source, 0 to 1, and that source.
///
/// `energies` is `(components, sources)`, as [`component_energies`](crate::baseline::component_energies) gives
/// it. A silent component has purity 1 and the first source.
#[must_use]
pub fn purities(energies: &Array2<f64>) -> Vec<(usize, f64)> {
    energies
        .outer_iter()
        .map(|row| {
            let total: f64 = row.sum();
            let mut best = 0;
            for (source, &energy) in row.iter().enumerate() {
                if energy > row[best] {
                    best = source;
                }
            }
            let purity = if total > 0.0 { row[best] / total } else { 1.0 };
            (best, purity)
        })
        .collect()
}

/// The mean purity of components, each counted by its energy.
#[must_use]
pub fn mean_purity(energies: &Array2<f64>) -> f64 {
    let total: f64 = energies.sum();
    let pure: f64 = energies
        .outer_iter()
        .map(|row| row.iter().copied().fold(0.0, f64::max))
        .sum();
    if total > 0.0 { pure / total } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn purity_is_the_main_sources_share() {
        let energies = array![[3.0, 1.0], [0.0, 4.0], [0.0, 0.0]];
        assert_eq!(purities(&energies), [(0, 0.75), (1, 1.0), (0, 1.0)]);
        assert!((mean_purity(&energies) - 7.0 / 8.0).abs() < 1e-12);
    }
}
