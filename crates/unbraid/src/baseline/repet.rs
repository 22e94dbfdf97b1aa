//! A spectrogram comes in; how much of every value repeats elsewhere goes out (REPET-SIM).

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::Error;

/// Settings of REPET-SIM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How alike two frames must be, as the cosine between them, from 0 to 1.
    pub least_similarity: f32,
    /// How far apart two similar frames must be, in seconds.
    pub least_distance_secs: f64,
    /// Similar frames that are looked at, at the most.
    pub most_frames: usize,
    /// Below this frequency everything is taken to repeat, in Hz.
    pub cutoff_hz: f64,
}

impl Default for Settings {
    /// Those of the authors' program.
    fn default() -> Self {
        Self {
            least_similarity: 0.0,
            least_distance_secs: 1.0,
            most_frames: 100,
            cutoff_hz: 100.0,
        }
    }
}

/// The share of every value that repeats, 0 to 1.
///
/// For every frame the most similar others are sought, and the median over them is what repeats:
///
/// ```text
/// similarity[t,u] = <V_t, V_u> / (|V_t| |V_u|)
/// repeating[f,t]  = min(V[f,t], median over similar frames u of V[f,u])
/// share[f,t]      = repeating[f,t] / V[f,t]
/// ```
///
/// # Shapes
///
/// `spectrogram` is `(bins, frames)`, the result `(frames, bins)`. Time goes with the square of the frames.
///
/// # Errors
///
/// [`Error::Config`] if `bin_hz`, `hop_secs` or a setting is not a finite number in its range.
///
/// # References
///
/// - Z. Rafii, B. Pardo, *Music/voice separation using the similarity matrix*, ISMIR 2012.
pub fn repeating_share(
    spectrogram: ArrayView2<'_, f32>,
    bin_hz: f64,
    hop_secs: f64,
    settings: &Settings,
) -> Result<Array2<f32>, Error> {
    for (field, value) in [("repet.bin_hz", bin_hz), ("repet.hop_secs", hop_secs)] {
        if !(value.is_finite() && value > 0.0) {
            return Err(Error::config(field, value, "a finite number above 0"));
        }
    }
    if settings.most_frames == 0 {
        return Err(Error::config("repet.most_frames", 0, "at least 1"));
    }
    // Frames in rows, and the same of unit length.
    let rows = spectrogram.t().as_standard_layout().into_owned();
    let (frames, bins) = rows.dim();
    let mut unit = rows.clone();
    for mut row in unit.outer_iter_mut() {
        let norm = row
            .iter()
            .map(|v| f64::from(*v).powi(2))
            .sum::<f64>()
            .sqrt();
        if norm > 0.0 {
            row /= norm as f32;
        }
    }
    let distance = (settings.least_distance_secs / hop_secs).round().max(0.0) as usize;
    let lowest = (settings.cutoff_hz / bin_hz).ceil().max(0.0) as usize;
    let mut shares = Array2::<f32>::ones((frames, bins));
    // A block of rows of the similarity matrix at a time: the whole is never held.
    for start in (0..frames).step_by(BLOCK_FRAMES) {
        let end = (start + BLOCK_FRAMES).min(frames);
        let similarity = unit.slice(s![start..end, ..]).dot(&unit.t());
        shares
            .slice_mut(s![start..end, ..])
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(row, mut out)| {
                let frame = start + row;
                let like = similar(&similarity.row(row).to_vec(), distance, settings);
                let mut values = vec![0.0_f32; like.len()];
                for bin in lowest.min(bins)..bins {
                    for (value, &other) in values.iter_mut().zip(&like) {
                        *value = rows[[other, bin]];
                    }
                    let own = rows[[frame, bin]];
                    let median = median(&mut values);
                    out[bin] = if own > 0.0 {
                        median.min(own) / own
                    } else {
                        1.0
                    };
                }
            });
    }
    Ok(shares)
}

const BLOCK_FRAMES: usize = 256;

/// The frames most like a given one: peaks of its similarity, at least `distance` apart.
fn similar(similarity: &[f32], distance: usize, settings: &Settings) -> Vec<usize> {
    let mut order: Vec<usize> = (0..similarity.len())
        .filter(|&at| similarity[at] >= settings.least_similarity)
        .collect();
    order.sort_unstable_by(|&a, &b| similarity[b].total_cmp(&similarity[a]).then(a.cmp(&b)));
    let mut kept: Vec<usize> = Vec::new();
    for at in order {
        if kept.len() == settings.most_frames {
            break;
        }
        if kept.iter().all(|&other| at.abs_diff(other) > distance) {
            kept.push(at);
        }
    }
    kept
}

fn median(values: &mut [f32]) -> f32 {
    let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
    if values.is_empty() {
        return 0.0;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f32::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().fold(0.0, f32::max);
    f32::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_repeats_and_what_comes_once_does_not() {
        // A pattern of eight frames, over and over, and one event.
        let mut spectrogram =
            Array2::from_shape_fn((60, 80), |(f, t)| if f % 8 == t % 8 { 1.0 } else { 0.1 });
        spectrogram[[57, 40]] = 5.0;
        let settings = Settings {
            least_distance_secs: 0.03,
            most_frames: 8,
            cutoff_hz: 0.0,
            ..Settings::default()
        };
        let share = repeating_share(spectrogram.view(), 10.0, 0.01, &settings).unwrap();
        assert!(share[[40, 57]] < 0.3, "the event: {}", share[[40, 57]]);
        assert!(share[[24, 0]] > 0.99, "the pattern: {}", share[[24, 0]]);
        assert!(share.iter().all(|share| (0.0..=1.0).contains(share)));
        let settings = Settings {
            cutoff_hz: 1e9,
            ..settings
        };
        let all = repeating_share(spectrogram.view(), 10.0, 0.01, &settings).unwrap();
        assert!(all.iter().all(|share| *share > 0.999));
    }
}
