//! The spectrum of a struck string comes in; how far its partials are stretched goes out.

use super::Atom;

/// Where partial `m` of a stiff string lies: `m f0 √(1 + B m²)`, as Fletcher and Rossing write it.
#[must_use]
pub fn stretched(m: f64, f0_hz: f64, b: f64) -> f64 {
    m * f0_hz * (1.0 + b * m * m).sqrt()
}

/// Which frequency of a string `to` (f0 in Hz, B) belongs to the frequency `hz` of a string `from`: that with the same
/// number of partial, which need not be whole.
pub(super) fn relabelled_hz(hz: f64, from: (f64, f64), to: (f64, f64)) -> f64 {
    let x = (hz / from.0).powi(2);
    // m² from x = m² (1 + B m²).
    let squared = if from.1 > 0.0 {
        (-1.0 + (1.0 + 4.0 * from.1 * x).sqrt()) / (2.0 * from.1)
    } else {
        x
    };
    stretched(squared.sqrt(), to.0, to.1)
}

/// The fundamental and the inharmonicity of one note's spectrum: `(f0 in Hz, B)`.
///
/// `spectrum` holds magnitudes from 0 Hz in steps of `bin_hz`, fine enough to tell partials apart. Both are found where
/// the stretched series meets most of the spectrum's (square-rooted) magnitude, first on a grid within 45 cents of
/// `near_hz`, then finer.
///
/// # References
///
/// H. Fletcher, E. D. Blackham, R. Stratton, *Quality of piano tones*, JASA 1962.
#[must_use]
pub fn inharmonicity(spectrum: &[f32], bin_hz: f64, near_hz: f64) -> (f64, f64) {
    const PARTIALS: usize = 24;
    let top_hz = (spectrum.len() as f64 * bin_hz).min(10_000.0);
    let root: Vec<f64> = spectrum.iter().map(|&x| f64::from(x).sqrt()).collect();
    let value = |hz: f64| {
        let place = hz / bin_hz;
        let below = place as usize;
        match (root.get(below), root.get(below + 1)) {
            (Some(low), Some(high)) => low + (place - below as f64) * (high - low),
            _ => 0.0,
        }
    };
    let score = |f0: f64, b: f64| {
        (1..=PARTIALS)
            .map(|m| stretched(m as f64, f0, b))
            .take_while(|&hz| hz < top_hz)
            .map(value)
            .sum::<f64>()
    };
    // B rises from some 5e-5 in the bass to 1e-2 at the top (Fletcher 1962); below there is none to be seen.
    let mut best = (near_hz, 0.0, f64::MIN);
    let consider = |best: &mut (f64, f64, f64), f0: f64, b: f64| {
        let score = score(f0, b);
        if score > best.2 {
            *best = (f0, b, score);
        }
    };
    for cents in (-45..=45).step_by(3) {
        let f0 = near_hz * 2.0_f64.powf(f64::from(cents) / 1200.0);
        consider(&mut best, f0, 0.0);
        for step in 0..40 {
            consider(&mut best, f0, 3e-5 * 1.16_f64.powi(step));
        }
    }
    let (f0, b, _) = best;
    for cents in -8..=8 {
        for step in -8..=8 {
            let f0 = f0 * 2.0_f64.powf(f64::from(cents) * 0.4 / 1200.0);
            consider(&mut best, f0, b * 1.02_f64.powi(step));
        }
    }
    (best.0, best.1)
}

/// Inharmonicity along the keyboard: a straight line through its logarithm, bass and treble apart.
///
/// On a piano the logarithm of B falls along the wound strings and rises by about a tenth of an octave a
/// semitone along the plain ones; between neighbouring keys a weighted local line is all that is asked for.
pub(super) struct InharmonicityCurve {
    /// (note, ln B).
    points: Vec<(f32, f32)>,
}

impl InharmonicityCurve {
    pub(super) fn of(atoms: &[Atom]) -> Self {
        let points = atoms
            .iter()
            .filter(|atom| atom.inharmonicity > 0.0 && atom.slice == 0)
            .filter_map(|atom| atom.note.map(|note| (note, atom.inharmonicity.ln())))
            .collect();
        Self { points }
    }

    /// B at a note.
    pub(super) fn at(&self, note: f32) -> Option<f32> {
        /// Semitones over which keys count.
        const WIDTH: f32 = 5.0;
        let mut sums = [0.0_f32; 5];
        for &(x, y) in &self.points {
            let x = x - note;
            let weight = (-0.5 * (x / WIDTH).powi(2)).exp();
            for (sum, term) in sums.iter_mut().zip([1.0, x, y, x * x, x * y]) {
                *sum += weight * term;
            }
        }
        let [n, x, y, xx, xy] = sums;
        if n < 1e-3 {
            return None;
        }
        let spread = n * xx - x * x;
        let at = if spread > 1e-3 * n * n {
            (y * xx - x * xy) / spread
        } else {
            y / n
        };
        Some(at.exp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fundamental_and_inharmonicity_of_a_made_string_are_found() {
        let bin_hz = 1.35;
        for (f0, b) in [(87.31, 2e-4), (261.6, 4e-4), (523.3, 1.2e-3)] {
            let mut spectrum = vec![1e-4_f32; 6000];
            for m in 1..30 {
                let place = stretched(f64::from(m), f0, b) / bin_hz;
                for (bin, value) in spectrum.iter_mut().enumerate() {
                    *value += (-(bin as f64 - place).powi(2) / 18.0).exp() as f32 / m as f32;
                }
            }
            let (found, stretch) = inharmonicity(&spectrum, bin_hz, f0 * 1.012);
            let cents = 1200.0 * (found / f0).log2();
            assert!(cents.abs() < 2.0, "{f0} Hz: {found} Hz");
            assert!((stretch / b).ln().abs() < 0.15, "{b}: {stretch}");
        }
    }

    #[test]
    fn moving_a_partial_and_moving_it_back_is_nothing() {
        let (low, high) = ((110.0, 2e-4), (116.54, 2.2e-4));
        for hz in [110.0, 555.0, 3000.0] {
            let there = relabelled_hz(hz, low, high);
            assert!((relabelled_hz(there, high, low) - hz).abs() < 1e-6 * hz);
        }
    }
}
