//! What a part explains and what all others do come in; what lies between the part's templates and the recording goes out.

use ndarray::ArrayView2;
use rayon::prelude::*;

use crate::model::Bands;

/// The gain of every band by which a part explains a spectrogram best: one smooth curve over frequency for the whole
/// instrument, its room and its microphones, rather than new templates.
///
/// ```text
/// c(f) ← c(f) · Σ_b bump_b(f) q_b      q_b = Σ_ft bump_b c Λ_part V / (c Λ_part + Λ_rest)  ∕  Σ_ft bump_b c Λ_part
/// ```
///
/// is a majorise–minimise step of the Kullback–Leibler divergence with respect to the bands' gains, since the bumps add up to
/// one. Every band's gain is 1 where the part has nothing.
///
/// # Shapes
///
/// `spectrogram`, `part`, and `rest` are `(frames, bins)`; what comes out has `bands.count()` gains.
///
/// # References
///
/// R. Hennequin, R. Badeau, B. David, *NMF with time-frequency activations to model nonstationary audio events*, IEEE TASLP
/// 2011, for filters inside of the factorisation; here there is one for all templates and frames.
pub(crate) fn transfer_gains(
    spectrogram: ArrayView2<'_, f32>,
    part: ArrayView2<'_, f32>,
    rest: ArrayView2<'_, f32>,
    bands: &Bands,
    floor: f32,
) -> Vec<f32> {
    const STEPS: usize = 10;
    const RANGE: f32 = 30.0;
    let bins = spectrogram.ncols();
    let mut gains = vec![1.0_f32; bands.count()];
    let mut curve = vec![1.0_f32; bins];
    for _ in 0..STEPS {
        // Frames in order, so that sums do not depend on the threads.
        let sums: Vec<(Vec<f32>, Vec<f32>)> = (0..spectrogram.nrows())
            .into_par_iter()
            .map(|t| {
                let (mut above, mut below) = (vec![0.0_f32; bins], vec![0.0_f32; bins]);
                let outs = above.iter_mut().zip(&mut below);
                let ins = curve.iter().zip(part.row(t)).zip(rest.row(t));
                let ins = ins.zip(spectrogram.row(t));
                for ((above, below), (((curve, part), rest), v)) in outs.zip(ins) {
                    let own = curve * part;
                    *above = own * v / (own + rest.max(0.0) + floor);
                    *below = own;
                }
                let (mut up, mut down) = (vec![0.0; bands.count()], vec![0.0; bands.count()]);
                bands.gather(&above, &mut up);
                bands.gather(&below, &mut down);
                (up, down)
            })
            .collect();
        for (band, gain) in gains.iter_mut().enumerate() {
            let up: f64 = sums.iter().map(|(up, _)| f64::from(up[band])).sum();
            let down: f64 = sums.iter().map(|(_, down)| f64::from(down[band])).sum();
            if down > 0.0 {
                *gain = (*gain * (up / down) as f32).clamp(1.0 / RANGE, RANGE);
            }
        }
        bands.spread(&gains, &mut curve);
    }
    gains
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;

    #[test]
    fn the_curve_that_lies_between_a_part_and_the_recording_is_found() {
        let (frames, bins) = (20, 200);
        let bands = Bands::mel(8, bins, 50.0);
        let truth: Vec<f32> = (0..8).map(|band| 0.3 + 0.4 * band as f32).collect();
        let mut curve = vec![0.0; bins];
        bands.spread(&truth, &mut curve);
        let part = Array2::from_shape_fn((frames, bins), |(t, f)| ((t * 7 + f * 3) % 11) as f32);
        let rest = Array2::from_shape_fn((frames, bins), |(t, f)| ((t * 5 + f * 2) % 7) as f32);
        let v = Array2::from_shape_fn((frames, bins), |(t, f)| {
            curve[f] * part[[t, f]] + rest[[t, f]]
        });
        let found = transfer_gains(v.view(), part.view(), rest.view(), &bands, 1e-9);
        for (found, truth) in found.iter().zip(&truth) {
            assert!((found / truth - 1.0).abs() < 0.1, "{found} for {truth}");
        }
    }
}
