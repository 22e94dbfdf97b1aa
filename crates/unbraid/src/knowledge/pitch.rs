//! The samples of one sound come in; its pitch goes out.

/// The MIDI note number of a frequency, 69 being 440 Hz, with cents behind the point.
#[must_use]
pub fn midi_of_hz(hz: f64) -> f32 {
    (69.0 + 12.0 * (hz / 440.0).log2()) as f32
}

/// The frequency of a MIDI note number.
#[must_use]
pub fn hz_of_midi(note: f32) -> f64 {
    440.0 * 2.0_f64.powf((f64::from(note) - 69.0) / 12.0)
}

/// The pitch of a sound that has one, in Hz: YIN over the stretch given.
///
/// The first dip of the cumulative mean normalised difference below 0.15 between `least_hz` and `most_hz`, its place
/// refined by a parabola. `None` if the sound has no such dip: it is not pitched, or too short.
///
/// # References
///
/// A. de Cheveigné, H. Kawahara, *YIN, a fundamental frequency estimator for speech and music*, JASA 2002.
#[must_use]
pub fn pitch_hz(samples: &[f32], sample_rate: u32, least_hz: f64, most_hz: f64) -> Option<f64> {
    /// The absolute threshold of the paper is 0.1; struck strings are inharmonic and need a little more.
    const THRESHOLD: f64 = 0.2;
    let rate = f64::from(sample_rate);
    let longest = (rate / least_hz).ceil() as usize + 1;
    let shortest = ((rate / most_hz).floor() as usize).max(2);
    let width = (2 * longest).min(samples.len().saturating_sub(longest + 1));
    if width < longest || samples.iter().all(|&x| x == 0.0) {
        return None;
    }
    let mut normalized = vec![1.0_f64; longest + 1];
    let mut sum = 0.0;
    for lag in 1..=longest {
        let difference: f64 = samples[..width]
            .iter()
            .zip(&samples[lag..lag + width])
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum();
        sum += difference;
        normalized[lag] = if sum > 0.0 {
            difference * lag as f64 / sum
        } else {
            1.0
        };
    }
    let mut lag = (shortest..longest).find(|&lag| normalized[lag] < THRESHOLD)?;
    while lag + 1 < longest && normalized[lag + 1] < normalized[lag] {
        lag += 1;
    }
    let (a, b, c) = (normalized[lag - 1], normalized[lag], normalized[lag + 1]);
    let bend = a - 2.0 * b + c;
    let offset = if bend > 0.0 {
        (0.5 * (a - c) / bend).clamp(-0.5, 0.5)
    } else {
        0.0
    };
    Some(rate / (lag as f64 + offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pitch_of_harmonic_sounds_is_found_to_a_few_cents() {
        for hz in [55.0, 110.0, 261.63, 880.0, 2093.0] {
            let samples: Vec<f32> = (0..16_000)
                .map(|n| {
                    let phase = std::f64::consts::TAU * hz * f64::from(n) / 44_100.0;
                    (1..5)
                        .map(|m| (phase * f64::from(m)).sin() / f64::from(m))
                        .sum::<f64>() as f32
                })
                .collect();
            let found = pitch_hz(&samples, 44_100, 40.0, 4500.0).unwrap();
            let cents = 1200.0 * (found / hz).log2();
            assert!(cents.abs() < 5.0, "{hz} Hz: {found} Hz, {cents} cents");
        }
    }

    #[test]
    fn noise_and_silence_have_no_pitch() {
        assert_eq!(pitch_hz(&vec![0.0; 8000], 8000, 50.0, 2000.0), None);
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..8000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 8_388_608.0 - 1.0
            })
            .collect();
        assert_eq!(pitch_hz(&noise, 8000, 50.0, 2000.0), None);
    }

    #[test]
    fn note_numbers_and_frequencies_are_inverse() {
        assert!((midi_of_hz(440.0) - 69.0).abs() < 1e-6);
        assert!((hz_of_midi(60.0) - 261.625_565).abs() < 1e-5);
        assert!((midi_of_hz(hz_of_midi(41.37)) - 41.37).abs() < 1e-4);
    }
}
