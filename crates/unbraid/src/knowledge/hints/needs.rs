//! Regions, and what the sources have of them without being told, come in; how far the others have to give way goes out.
//!
//! A region says that its source has at least a share e of the sound in it. Of all ways to share the region out that obey, the
//! one nearest to what is heard (by the Kullback–Leibler divergence, weighted by energy) multiplies the odds of every bin by
//! one number:
//!
//! ```text
//! share' = λ share / (λ share + 1 − share),   least λ ≥ 1 with Σ energy share' ≥ e Σ energy
//! ```
//!
//! (K. Ganchev et al., *Posterior regularization for structured latent variable models*, JMLR 11, 2010, section 2: a
//! constraint on an expectation of the posteriors.) A person can be wrong: λ goes no further than 1 / (1 − e).

use std::ops::Range;

use ndarray::{ArrayView2, ArrayView3, s};

use super::regions::Patch;

/// Shares are told apart by their log-odds, in so many steps on either side of one half.
const STEPS: usize = 64;

/// Steps in one of the natural logarithm: to e⁻⁸.
const PER_LOG: f32 = 8.0;

/// The energy of every region, by the log-odds of its source's share, `(regions, 2 · STEPS + 1)`.
pub(super) struct Needs(Vec<Vec<f64>>);

impl Needs {
    pub(super) fn new(regions: usize) -> Self {
        Self(vec![vec![0.0; 2 * STEPS + 1]; regions])
    }

    /// Count some frames in: shares `(sources, frames, bins)`, and the loudness of the recording `(frames, bins)`.
    pub(super) fn add(
        &mut self,
        patches: &[Patch],
        block: &Range<usize>,
        shares: ArrayView3<'_, f32>,
        loudness: ArrayView2<'_, f32>,
    ) {
        for patch in patches {
            let first = patch.frames.start.max(block.start);
            let end = patch.frames.end.min(block.end);
            if first >= end {
                continue;
            }
            let frames = first - block.start..end - block.start;
            let own = shares.slice(s![patch.source, frames.clone(), patch.bins.clone()]);
            let heard = loudness.slice(s![frames, patch.bins.clone()]);
            let energies = &mut self.0[patch.region];
            for (share, loudness) in own.iter().zip(heard) {
                let odds = (share / (1.0 - share).max(f32::MIN_POSITIVE)).max(f32::MIN_POSITIVE);
                let step = (PER_LOG * odds.ln()).round() as isize + STEPS as isize;
                let step = step.clamp(0, 2 * STEPS as isize) as usize;
                energies[step] += f64::from(*loudness).powi(2);
            }
        }
    }

    /// Let every patch's others keep no less than they need to lose.
    pub(super) fn conclude(&self, patches: &mut [Patch]) {
        let mut needed: Vec<Option<f32>> = vec![None; self.0.len()];
        for patch in patches {
            let rest = needed[patch.region]
                .get_or_insert_with(|| rest_needed(&self.0[patch.region], patch.rest));
            patch.rest = *rest;
        }
    }
}

/// The most that the others may keep of their claim, but no less than `asked`, for the source to have 1 − `asked` of the energy.
fn rest_needed(energies: &[f64], asked: f32) -> f32 {
    let total: f64 = energies.iter().sum();
    let share = |log: f64| -> f64 {
        let each = energies.iter().enumerate().map(|(step, energy)| {
            let odds = (step as f64 - STEPS as f64) / f64::from(PER_LOG) + log;
            energy / (1.0 + (-odds).exp())
        });
        each.sum::<f64>()
    };
    let wanted = f64::from(1.0 - asked) * total;
    // Of a region in which nothing sounds nothing is asked.
    if share(0.0) >= wanted {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, -f64::from(asked).ln());
    if share(high) <= wanted {
        return asked;
    }
    while high - low > 1e-3 {
        let middle = f64::midpoint(low, high);
        if share(middle) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    (-high).exp() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn energies(shares: &[(f64, f32)]) -> Vec<f64> {
        let patch = |bin: usize| Patch {
            region: 0,
            source: 0,
            frames: 0..1,
            bins: bin..bin + 1,
            rest: 0.1,
        };
        let patches: Vec<Patch> = (0..shares.len()).map(patch).collect();
        let own: Vec<f32> = shares.iter().map(|(_, share)| *share).collect();
        let loudness: Vec<f32> = shares.iter().map(|(e, _)| e.sqrt() as f32).collect();
        let mut needs = Needs::new(1);
        needs.add(
            &patches,
            &(0..1),
            ArrayView3::from_shape((1, 1, own.len()), &own).unwrap(),
            ArrayView2::from_shape((1, own.len()), &loudness).unwrap(),
        );
        needs.0.remove(0)
    }

    #[test]
    fn a_source_gets_what_is_asked_and_no_more() {
        // Half of the energy at a share of 0.5, half at 0.9: 0.7 in all.
        let heard = energies(&[(3.0, 0.5), (3.0, 0.9)]);
        let is = |rest: f32, expected: f32| assert!((rest - expected).abs() < 1e-6, "{rest}");
        is(rest_needed(&heard, 0.31), 1.0);
        let rest = rest_needed(&heard, 0.2);
        let share = |share: f32| share / (share + rest * (1.0 - share));
        let got = f32::midpoint(share(0.5), share(0.9));
        assert!((got - 0.8).abs() < 0.01, "{got}");
        // What is hardly there is lifted by what a person's word counts, not to the end.
        is(rest_needed(&energies(&[(1.0, 0.01)]), 0.1), 0.1);
        // Nothing is asked of silence.
        is(rest_needed(&energies(&[(0.0, 0.1)]), 0.1), 1.0);
    }
}
