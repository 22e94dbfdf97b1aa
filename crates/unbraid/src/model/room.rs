//! A source's spectrogram comes in; what a room still gives back of it, frame by frame, goes out.

use ndarray::Array2;

/// The late reverberation of a room: what sounds in a frame comes back in those after it, ever weaker.
///
/// ```text
/// rings²[t, f] = fall[f]² · (rings²[t − 1, f] + gain² · dry²[t − 1, f])
/// ```
///
/// Powers add up, since a late tail has no phase in common with what sounds now. The tail falls by 60 dB in `t60_secs` up to 1 kHz, and
/// faster above, as air and walls take the treble.
///
/// # Examples
///
/// ```
/// use ndarray::Array2;
/// use unbraid::model::Room;
///
/// // A clap in the first of fifty frames.
/// let mut dry = Array2::zeros((50, 100));
/// dry.row_mut(0).fill(1.0);
/// let rings = Room::new(1.2, -6.0, 0.023, 100, 21.5).rings(&dry);
/// assert_eq!(rings[[0, 20]], 0.0);
/// assert!(rings[[5, 20]] > rings[[40, 20]] && rings[[40, 20]] > 0.0);
/// ```
///
/// # References
///
/// J. D. Polack, *La transmission de l'énergie sonore dans les salles*, 1988 (a room as noise that decays).
#[derive(Debug, Clone, PartialEq)]
pub struct Room {
    /// By what a tail is multiplied from frame to frame, bin by bin; squared.
    fall: Vec<f32>,
    /// What of a frame's power goes into the tail, bin by bin.
    gain: Vec<f32>,
}

impl Room {
    /// A room of which a tail falls by 60 dB in `t60_secs`, and has `tail_db` of the power of what sounded, under frames that are
    /// `hop_secs` apart and bins that are `bin_hz` apart.
    #[must_use]
    pub fn new(t60_secs: f64, tail_db: f64, hop_secs: f64, bins: usize, bin_hz: f64) -> Self {
        let all = 10.0_f64.powf(tail_db / 10.0);
        let fall: Vec<f64> = (0..bins)
            .map(|bin| {
                let above = (bin as f64 * bin_hz / 1000.0).max(1.0);
                let t60 = t60_secs / above.powf(TREBLE);
                10.0_f64.powf(-6.0 * hop_secs / t60)
            })
            .collect();
        Self {
            gain: fall
                .iter()
                .map(|fall| (all * (1.0 - fall) / fall.max(1e-12)) as f32)
                .collect(),
            fall: fall.into_iter().map(|fall| fall as f32).collect(),
        }
    }

    /// The tail of a spectrogram, `(frames, bins)`, of the same shape.
    #[must_use]
    pub fn rings(&self, dry: &Array2<f32>) -> Array2<f32> {
        let bins = dry.ncols();
        let mut rings = Array2::<f32>::zeros(dry.raw_dim());
        let mut power = vec![0.0_f32; bins];
        for frame in 1..dry.nrows() {
            let before = dry.row(frame - 1);
            for (((power, x), fall), gain) in
                power.iter_mut().zip(before).zip(&self.fall).zip(&self.gain)
            {
                *power = fall * (*power + gain * x * x);
            }
            let out = rings.row_mut(frame);
            out.into_iter()
                .zip(&power)
                .for_each(|(out, power)| *out = *power);
        }
        rings.mapv_inplace(f32::sqrt);
        rings
    }
}

/// How much faster the treble falls: by this power of the frequency above 1 kHz.
const TREBLE: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_falls_by_sixty_decibels_in_its_time_and_has_the_power_it_should() {
        let mut dry = Array2::zeros((200, 3));
        dry.row_mut(0).fill(1.0);
        // A second in a hundred frames, all bins below 1 kHz.
        let rings = Room::new(1.0, -6.0, 0.01, 3, 100.0).rings(&dry);
        let db = |x: f32| 20.0 * x.log10();
        assert!(rings[[0, 1]].abs() < 1e-12);
        assert!((db(rings[[101, 1]] / rings[[1, 1]]) + 60.0).abs() < 0.1);
        let power: f32 = rings.column(1).iter().map(|x| x * x).sum();
        assert!((10.0 * power.log10() + 6.0).abs() < 0.1, "{power}");
    }
}
