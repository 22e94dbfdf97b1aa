//! Templates come in; groups by one plain feature go out, as others have suggested grouping them.

use ndarray::{Array2, ArrayView2, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::bank::{hertz, mel};

/// Frequencies below this count as low, in Hz: kick drums and basses lie below, snares and most notes above.
pub const LOW_HZ: f64 = 200.0;

/// Split components in two by how much of their energy is low: those with much, and the others.
///
/// ```text
/// low[k] = Σ_{f below LOW_HZ} w[f,k]² / Σ_f w[f,k]²
/// ```
///
/// The split is where the two groups differ most within themselves the least (Otsu 1979), so that no threshold
/// has to be set by hand. `templates` is `(bins, components)`.
#[must_use]
pub fn by_low_frequency(templates: ArrayView2<'_, f32>, bin_hz: f64) -> [Vec<usize>; 2] {
    let shares: Vec<f64> = templates
        .axis_iter(Axis(1))
        .map(|template| {
            let (mut low, mut all) = (0.0, 0.0);
            for (bin, &weight) in template.iter().enumerate() {
                let energy = f64::from(weight).powi(2);
                all += energy;
                if (bin as f64) * bin_hz < LOW_HZ {
                    low += energy;
                }
            }
            if all > 0.0 { low / all } else { 0.0 }
        })
        .collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].total_cmp(&shares[a]).then(a.cmp(&b)));
    let between = |cut: usize| -> f64 {
        let mean =
            |part: &[usize]| part.iter().map(|&k| shares[k]).sum::<f64>() / part.len() as f64;
        let (first, second) = order.split_at(cut);
        let weight = (cut * second.len()) as f64;
        weight * (mean(first) - mean(second)).powi(2)
    };
    let cut = (1..order.len())
        .max_by(|&a, &b| between(a).total_cmp(&between(b)))
        .unwrap_or(order.len());
    let (low, high) = order.split_at(cut);
    let sorted = |part: &[usize]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part
    };
    [sorted(low), sorted(high)]
}

/// Coefficients of a template: 13 mel-frequency cepstral ones without the level, as nussl's timbre clustering.
const COEFFICIENTS: usize = 13;
const MEL_BANDS: usize = 40;
/// Runs of k-means from other centres, of which the tightest counts.
const RESTARTS: u64 = 10;

/// Split components into `groups` by k-means of the mel-frequency cepstral coefficients of their templates.
///
/// Which group is which source the clustering does not know. `templates` is `(bins, components)`.
///
/// # References
///
/// - M. Spiertz, V. Gnann, *Source-filter based clustering for monaural blind source separation*, Proc. of the
///   12th Int. Conference on Digital Audio Effects, 2009.
#[must_use]
pub fn by_mfcc(
    templates: ArrayView2<'_, f32>,
    bin_hz: f64,
    groups: usize,
    seed: u64,
) -> Vec<Vec<usize>> {
    let points = mfcc(templates, bin_hz);
    let mut best: Option<(f64, Vec<usize>)> = None;
    for restart in 0..RESTARTS {
        let mut rng = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(RESTARTS) + restart);
        let found = k_means(&points, groups.max(1), &mut rng);
        if best.as_ref().is_none_or(|best| found.0 < best.0) {
            best = Some(found);
        }
    }
    let mut members = vec![Vec::new(); groups.max(1)];
    for (component, group) in best
        .map(|best| best.1)
        .unwrap_or_default()
        .into_iter()
        .enumerate()
    {
        members[group].push(component);
    }
    members
}

/// `(components, coefficients)`.
fn mfcc(templates: ArrayView2<'_, f32>, bin_hz: f64) -> Array2<f64> {
    let (bins, components) = templates.dim();
    let top = mel(bins.saturating_sub(1) as f64 * bin_hz);
    let step = top / (MEL_BANDS + 1) as f64;
    let mut bands = Array2::<f64>::zeros((components, MEL_BANDS));
    for bin in 0..bins {
        let at = mel(bin as f64 * bin_hz) / step;
        for band in 0..MEL_BANDS {
            // A triangle from the centre of the band before to that of the next, of unit area.
            let height = 1.0 - (at - (band + 1) as f64).abs();
            if height > 0.0 {
                let width = hertz((band + 2) as f64 * step) - hertz(band as f64 * step);
                for component in 0..components {
                    let energy = f64::from(templates[[bin, component]]).powi(2);
                    bands[[component, band]] += energy * height / width;
                }
            }
        }
    }
    for mut row in bands.outer_iter_mut() {
        // 80 dB deep below the loudest band.
        let loudest = row
            .iter()
            .fold(f64::MIN_POSITIVE, |most, &band| most.max(band));
        row.mapv_inplace(|band| 10.0 * (band / loudest).max(1e-8).log10());
    }
    Array2::from_shape_fn((components, COEFFICIENTS), |(component, coefficient)| {
        let order = (coefficient + 1) as f64;
        let scale = (2.0 / MEL_BANDS as f64).sqrt();
        let wave = |band: usize| {
            (std::f64::consts::PI * order * (band as f64 + 0.5) / MEL_BANDS as f64).cos()
        };
        scale
            * (0..MEL_BANDS)
                .map(|band| bands[[component, band]] * wave(band))
                .sum::<f64>()
    })
}

/// The sum of squared distances, and the group of every point.
fn k_means(points: &Array2<f64>, groups: usize, rng: &mut ChaCha8Rng) -> (f64, Vec<usize>) {
    let count = points.nrows();
    if count == 0 {
        return (0.0, Vec::new());
    }
    let distance = |point: usize, center: &[f64]| -> f64 {
        points
            .row(point)
            .iter()
            .zip(center)
            .map(|(a, b)| (a - b).powi(2))
            .sum()
    };
    // k-means++: the next centre is a point taken with a chance that grows with its distance.
    let mut centers: Vec<Vec<f64>> = vec![points.row(rng.next_u32() as usize % count).to_vec()];
    while centers.len() < groups {
        let nearest: Vec<f64> = (0..count)
            .map(|point| {
                let all = centers.iter().map(|center| distance(point, center));
                all.fold(f64::INFINITY, f64::min)
            })
            .collect();
        let total: f64 = nearest.iter().sum();
        let mut left = total * f64::from(rng.next_u32()) / f64::from(u32::MAX);
        let next = nearest.iter().position(|d| {
            left -= d;
            left <= 0.0
        });
        centers.push(points.row(next.unwrap_or(count - 1)).to_vec());
    }
    let mut owners = vec![usize::MAX; count];
    for _ in 0..100 {
        let nearest = |point: usize| {
            let all = (0..groups).map(|group| (group, distance(point, &centers[group])));
            all.min_by(|a, b| a.1.total_cmp(&b.1))
                .map_or(0, |best| best.0)
        };
        let next: Vec<usize> = (0..count).map(nearest).collect();
        if next == owners {
            break;
        }
        owners = next;
        for (group, center) in centers.iter_mut().enumerate() {
            let own: Vec<usize> = (0..count).filter(|&point| owners[point] == group).collect();
            if own.is_empty() {
                continue;
            }
            for (at, value) in center.iter_mut().enumerate() {
                *value =
                    own.iter().map(|&point| points[[point, at]]).sum::<f64>() / own.len() as f64;
            }
        }
    }
    let spread = (0..count)
        .map(|point| distance(point, &centers[owners[point]]))
        .sum();
    (spread, owners)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three spectra that fall off with different slopes, each with other details twice.
    fn templates() -> Array2<f32> {
        Array2::from_shape_fn((513, 6), |(bin, component)| {
            let slope = [0.002, 0.02, 0.2][component / 2];
            let detail = 1.0 + 0.1 * ((bin * (component + 3)) as f32).sin();
            (-(bin as f32) * slope).exp() * detail
        })
    }

    #[test]
    fn like_spectra_are_clustered_together() {
        let mut groups = by_mfcc(templates().view(), 15.6, 3, 0);
        groups.sort();
        assert_eq!(groups, [[0, 1], [2, 3], [4, 5]]);
        assert_eq!(
            by_mfcc(templates().view(), 15.6, 1, 0),
            [[0, 1, 2, 3, 4, 5]]
        );
    }

    #[test]
    fn low_spectra_are_split_from_the_others() {
        assert_eq!(
            by_low_frequency(templates().view(), 15.6),
            [vec![4, 5], vec![0, 1, 2, 3]]
        );
        let one = Array2::ones((8, 1));
        assert_eq!(by_low_frequency(one.view(), 100.0), [vec![0], vec![]]);
    }
}
