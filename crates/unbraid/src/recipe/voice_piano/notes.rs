//! A piano's activations come in; when each of its notes sounds goes out.

use ndarray::{Array2, s};

use crate::knowledge::{Atom, Note, Score};

/// How notes are told from what else a fit gives the piano.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rule {
    /// A note sounds where it has more than this share of the loudest note around.
    pub(super) threshold: f32,
    /// Frames on either side within which the loudest note is looked for.
    pub(super) around: usize,
    /// Gaps shorter than this many frames are closed, then notes shorter than it dropped.
    pub(super) least: usize,
}

/// The rule of the recipe, in frames of 23 ms.
pub(super) const RULE: Rule = Rule {
    threshold: 0.1,
    around: 43,
    least: 5,
};

/// Which keys sound when, and how loud.
pub(super) struct Roll {
    keys: Vec<u8>,
    /// `(keys, frames)`.
    loudness: Array2<f32>,
    /// `(keys, frames)`: what the loudest key around has.
    level: Vec<f32>,
    /// `(keys, frames)`.
    on: Array2<bool>,
}

impl Roll {
    /// Add up the activations, `(frames, templates)`, of every key.
    pub(super) fn of(activations: &Array2<f32>, atoms: &[Atom], rule: &Rule) -> Self {
        let frames = activations.nrows();
        let mut keys: Vec<u8> = atoms.iter().filter_map(Atom::key).collect();
        keys.sort_unstable();
        keys.dedup();
        let mut loudness = Array2::<f32>::zeros((keys.len(), frames));
        for (atom, own) in atoms.iter().zip(activations.columns()) {
            let key = atom.key().unwrap_or_default();
            if let Ok(place) = keys.binary_search(&key) {
                let mut sum = loudness.row_mut(place);
                sum += &own;
            }
        }
        let loudest: Vec<f32> = loudness
            .columns()
            .into_iter()
            .map(|keys| keys.iter().fold(0.0_f32, |m, x| m.max(*x)))
            .collect();
        let level: Vec<f32> = (0..frames)
            .map(|frame| {
                let around =
                    frame.saturating_sub(rule.around)..(frame + rule.around + 1).min(frames);
                loudest[around].iter().fold(0.0_f32, |m, x| m.max(*x))
            })
            .collect();
        let mut on = Array2::from_elem((keys.len(), frames), false);
        for (loudness, mut out) in loudness.outer_iter().zip(on.outer_iter_mut()) {
            let heard: Vec<bool> = loudness
                .iter()
                .zip(&level)
                .map(|(x, level)| *x > rule.threshold * level)
                .collect();
            let heard = opened(&closed(&heard, rule.least), rule.least);
            out.iter_mut().zip(heard).for_each(|(out, on)| *out = on);
        }
        Self {
            keys,
            loudness,
            level,
            on,
        }
    }

    /// Where every template may be active, `(templates, frames)`: with its key, and three frames around it.
    pub(super) fn allowed(&self, atoms: &[Atom]) -> Array2<bool> {
        const AROUND: usize = 3;
        let frames = self.on.ncols();
        let mut allowed = Array2::from_elem((atoms.len(), frames), false);
        for (atom, mut out) in atoms.iter().zip(allowed.outer_iter_mut()) {
            let Some(place) = atom
                .key()
                .and_then(|key| self.keys.binary_search(&key).ok())
            else {
                continue;
            };
            for (frame, &on) in self.on.row(place).iter().enumerate() {
                if on {
                    let around = frame.saturating_sub(AROUND)..(frame + AROUND + 1).min(frames);
                    out.slice_mut(s![around]).fill(true);
                }
            }
        }
        allowed
    }

    /// The notes: a run of frames in which a key sounds is one note, or several where it is struck again.
    ///
    /// Velocities are relative to the loudest note, 100; confidence is how far above the threshold the note rises, one
    /// from four times on.
    pub(super) fn score(&self, hop_secs: f64, rule: &Rule) -> Score {
        let loudest = self
            .loudness
            .iter()
            .fold(f32::MIN_POSITIVE, |m, x| m.max(*x));
        let mut notes = Vec::new();
        for ((&key, on), loudness) in self
            .keys
            .iter()
            .zip(self.on.outer_iter())
            .zip(self.loudness.outer_iter())
        {
            let loudness = loudness.to_vec();
            let mut start = None;
            for frame in 0..=on.len() {
                let sounds = frame < on.len() && on[frame];
                let again = start.is_some_and(|start| struck_again(&loudness, start, frame));
                if let Some(begin) = start
                    && (!sounds || again)
                {
                    let peak = (begin..frame)
                        .max_by(|&a, &b| loudness[a].total_cmp(&loudness[b]))
                        .unwrap_or(begin);
                    let above = loudness[peak] / (rule.threshold * self.level[peak]).max(1e-30);
                    let velocity = 100.0 * (loudness[peak] / loudest).sqrt();
                    notes.push(Note {
                        onset_secs: begin as f64 * hop_secs,
                        offset_secs: frame as f64 * hop_secs,
                        key,
                        velocity: velocity.round().clamp(1.0, 127.0) as u8,
                        track: 0,
                        confidence: (above / 4.0).min(1.0),
                    });
                    start = None;
                }
                if sounds && start.is_none() {
                    start = Some(frame);
                }
            }
        }
        notes.sort_by(|a, b| {
            a.onset_secs
                .total_cmp(&b.onset_secs)
                .then(a.key.cmp(&b.key))
        });
        Score {
            notes,
            pedals: Vec::new(),
            tracks: vec!["piano".to_owned()],
        }
    }
}

/// Whether a key that sounds since `start` is struck again at `frame`: it grows by half within three frames, to a good part
/// of what it has been.
fn struck_again(loudness: &[f32], start: usize, frame: usize) -> bool {
    const BACK: usize = 3;
    const LEAST_FRAMES: usize = 5;
    if frame + 1 >= loudness.len() || frame < start + LEAST_FRAMES {
        return false;
    }
    let most = loudness[start..frame]
        .iter()
        .fold(0.0_f32, |m, x| m.max(*x));
    let rise = |frame: usize| loudness[frame] - loudness[frame.saturating_sub(BACK)];
    let here = rise(frame);
    here > 0.5 * loudness[frame - BACK]
        && loudness[frame] > 0.4 * most
        && here >= rise(frame + 1)
        && here > rise(frame - 1)
}

/// Gaps of fewer than `least` frames filled.
fn closed(on: &[bool], least: usize) -> Vec<bool> {
    let inverted: Vec<bool> = on.iter().map(|x| !x).collect();
    let mut out = opened(&inverted, least);
    // Silence before the first and behind the last note is no gap.
    let (first, last) = (
        on.iter().position(|x| *x).unwrap_or(on.len()),
        on.iter().rposition(|x| *x).map_or(0, |x| x + 1),
    );
    for (at, x) in out.iter_mut().enumerate() {
        *x = !*x && at >= first && at < last;
    }
    out
}

/// Runs of fewer than `least` frames dropped.
fn opened(on: &[bool], least: usize) -> Vec<bool> {
    let mut out = vec![false; on.len()];
    let mut start = 0;
    while start < on.len() {
        let end = (start..on.len())
            .find(|&at| on[at] != on[start])
            .unwrap_or(on.len());
        if on[start] && end - start >= least {
            out[start..end].fill(true);
        }
        start = end;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_closed_and_blips_dropped() {
        let on: Vec<bool> = "0110110000010000".chars().map(|c| c == '1').collect();
        let text =
            |on: Vec<bool>| -> String { on.iter().map(|x| if *x { '1' } else { '0' }).collect() };
        assert_eq!(text(closed(&on, 3)), "0111110000010000");
        assert_eq!(text(opened(&closed(&on, 3), 3)), "0111110000000000");
    }
}
