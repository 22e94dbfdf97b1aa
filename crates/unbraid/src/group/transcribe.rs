//! Components with a pitch come in; the notes they play go out.

use super::Features;
use super::factors::FactorView;
use crate::knowledge::{Note, midi_of_hz};

/// From this harmonicity up, a template is a note and not a noise.
const PITCHED: f64 = 0.4;

/// A note begins where its activation rises above this share of the component's largest (−14 dB) …
const BEGINS: f32 = 0.2;

/// … and ends where it falls below this (−20 dB).
const ENDS: f32 = 0.1;

/// Struck again: the activation has grown this much since its last dip.
const STRUCK_AGAIN: f32 = 2.0;

/// Shorter is no note, in seconds.
const SHORTEST_SECS: f64 = 0.05;

/// Velocity 1 is this far below velocity 127.
const RANGE_DB: f32 = 48.0;

/// What each component with a pitch plays: where its activation says so, at the pitch of its template. A note's track is the
/// component.
///
/// This is how factorisation writes music down: as well as a component is one note, and no better. Its confidence is the
/// template's harmonicity.
///
/// # References
///
/// - P. Smaragdis, J. C. Brown, *Non-negative matrix factorization for polyphonic music transcription*, WASPAA 2003.
pub fn notes_of_components<'a>(
    factors: &FactorView<'_>,
    features: impl IntoIterator<Item = Option<&'a Features>>,
) -> Vec<Note> {
    let loudest = factors.activations.iter().copied().fold(0.0, f32::max);
    let mut notes = Vec::new();
    for (component, features) in features.into_iter().enumerate() {
        let Some(features) = features.filter(|f| f.harmonicity >= PITCHED && f.pitch_hz > 0.0)
        else {
            continue;
        };
        let key = midi_of_hz(features.pitch_hz).round();
        let row = factors.activations.row(component).to_vec();
        notes.extend(strokes(&row).into_iter().filter_map(|(from, to)| {
            let peak = row[from..to].iter().copied().fold(0.0, f32::max);
            let db = 20.0 * (peak / loudest).log10();
            let (onset_secs, offset_secs) = (
                from as f64 * factors.hop_secs(),
                to as f64 * factors.hop_secs(),
            );
            (offset_secs - onset_secs >= SHORTEST_SECS).then_some(Note {
                onset_secs,
                offset_secs,
                key: key.clamp(0.0, 127.0) as u8,
                velocity: (127.0 * (1.0 + db / RANGE_DB)).clamp(1.0, 127.0) as u8,
                track: component,
                confidence: features.harmonicity as f32,
            })
        }));
    }
    notes.sort_by(|a, b| a.onset_secs.total_cmp(&b.onset_secs));
    notes
}

/// From where to where an activation sounds, frame by frame, struck again where it grows again.
fn strokes(activation: &[f32]) -> Vec<(usize, usize)> {
    let most = activation.iter().copied().fold(0.0, f32::max);
    let mut found = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (frame, &value) in activation.iter().enumerate() {
        match &mut open {
            None if most > 0.0 && value >= BEGINS * most => open = Some((frame, frame)),
            Some((begin, _)) if value < ENDS * most => {
                found.push((*begin, frame));
                open = None;
            }
            Some((begin, dip)) => {
                // Until it has peaked it is one rise.
                let rising =
                    (*begin..=frame).all(|at| at == 0 || activation[at] >= activation[at - 1]);
                if rising || value < activation[*dip] {
                    *dip = frame;
                } else if value >= BEGINS * most && value > STRUCK_AGAIN * activation[*dip] {
                    found.push((*begin, *dip));
                    open = Some((*dip, frame));
                }
            }
            None => {}
        }
    }
    found.extend(open.map(|(begin, _)| (begin, activation.len())));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_begins_ends_and_is_struck_again() {
        let silence_then = |values: &[f32]| [&[0.0; 3], values, &[0.0; 3]].concat();
        let once = silence_then(&[0.5, 1.0, 0.8, 0.6, 0.4, 0.2, 0.12]);
        assert_eq!(strokes(&once), [(3, 10)]);
        let twice = silence_then(&[1.0, 0.6, 0.3, 0.25, 0.9, 0.5, 0.15]);
        assert_eq!(strokes(&twice), [(3, 6), (6, 10)]);
        assert_eq!(strokes(&[0.0; 5]), []);
        assert_eq!(strokes(&[1.0, 1.0]), [(0, 2)]);
    }
}
