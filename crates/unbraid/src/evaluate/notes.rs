//! The notes that were played and those that were heard come in; how many of them agree goes out.

use serde::Serialize;

use crate::knowledge::Note;

/// When two notes are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoteConfig {
    /// How far apart onsets may be, in seconds.
    pub onset_secs: f64,
    /// How far apart offsets may be, as a share of the true note's length; without, offsets may be anywhere.
    pub offset_ratio: Option<f64>,
    /// How far apart offsets may be at least, in seconds.
    pub least_offset_secs: f64,
}

impl Default for NoteConfig {
    fn default() -> Self {
        Self {
            onset_secs: 0.05,
            offset_ratio: None,
            least_offset_secs: 0.05,
        }
    }
}

impl NoteConfig {
    /// Offsets count too: within a fifth of the true note's length, or 50 ms.
    #[must_use]
    pub fn with_offsets() -> Self {
        Self {
            offset_ratio: Some(0.2),
            ..Self::default()
        }
    }

    fn same(&self, truth: &Note, heard: &Note) -> bool {
        /// Times are compared to a tenth of a millisecond, so that a difference of exactly the tolerance counts.
        const PRECISION: f64 = 1e4;
        let apart = |a: f64, b: f64| ((a - b).abs() * PRECISION).round() / PRECISION;
        let length = truth.offset_secs - truth.onset_secs;
        let within = |ratio: f64| {
            apart(truth.offset_secs, heard.offset_secs)
                <= (ratio * length).max(self.least_offset_secs)
        };
        truth.key == heard.key
            && apart(truth.onset_secs, heard.onset_secs) <= self.onset_secs
            && self.offset_ratio.is_none_or(within)
    }
}

/// How many notes agree.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct NoteScores {
    /// The share of the notes heard that were played.
    pub precision: f64,
    /// The share of the notes played that were heard.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
}

/// How many of the notes that were played were heard, and the other way around.
///
/// A note heard is right if a note of the same key was struck within 50 ms of it; each is matched with one at most, such that
/// as many as possible are. That is `mir_eval.transcription.precision_recall_f1_overlap`, for pitches on the keyboard.
/// Without any notes on one side all three are 0, as there.
///
/// # Examples
///
/// ```
/// use unbraid::evaluate::{NoteConfig, note_scores};
/// use unbraid::knowledge::Note;
///
/// let note = |onset_secs, key| Note {
///     onset_secs, offset_secs: onset_secs + 1.0, key, velocity: 64, track: 0, confidence: 1.0,
/// };
/// let scores = note_scores(
///     &[note(0.0, 60), note(1.0, 62)],
///     &[note(0.04, 60), note(1.06, 62), note(2.0, 64)],
///     &NoteConfig::default(),
/// );
/// assert_eq!((scores.precision, scores.recall, scores.f1), (1.0 / 3.0, 0.5, 0.4));
/// ```
///
/// # References
///
/// - C. Raffel et al., *`mir_eval`: a transparent implementation of common MIR metrics*, ISMIR 2014.
/// - M. Bay, A. F. Ehmann, J. S. Downie, *Evaluation of multiple-F0 estimation and tracking systems*, ISMIR 2009.
#[must_use]
pub fn note_scores(truth: &[Note], heard: &[Note], config: &NoteConfig) -> NoteScores {
    let matches = note_matches(truth, heard, config).len() as f64;
    if matches == 0.0 {
        return NoteScores {
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
        };
    }
    let (precision, recall) = (matches / heard.len() as f64, matches / truth.len() as f64);
    NoteScores {
        precision,
        recall,
        f1: 2.0 * precision * recall / (precision + recall),
    }
}

/// Pairs of a true note and the heard note that it is matched with, as many as there can be: a maximum bipartite matching
/// by augmenting paths.
#[must_use]
pub fn note_matches(truth: &[Note], heard: &[Note], config: &NoteConfig) -> Vec<(usize, usize)> {
    let friends: Vec<Vec<usize>> = truth
        .iter()
        .map(|played| {
            let same = |&at: &usize| config.same(played, &heard[at]);
            (0..heard.len()).filter(same).collect()
        })
        .collect();
    let mut owner: Vec<Option<usize>> = vec![None; heard.len()];
    for played in 0..truth.len() {
        augment(played, &friends, &mut owner, &mut vec![false; heard.len()]);
    }
    let pair = |(at, owner): (usize, &Option<usize>)| owner.map(|played| (played, at));
    owner.iter().enumerate().filter_map(pair).collect()
}

/// Find a place for one true note, moving others where that helps.
fn augment(
    played: usize,
    friends: &[Vec<usize>],
    owner: &mut [Option<usize>],
    seen: &mut [bool],
) -> bool {
    for &at in &friends[played] {
        if seen[at] {
            continue;
        }
        seen[at] = true;
        let free = match owner[at] {
            None => true,
            Some(other) => augment(other, friends, owner, seen),
        };
        if free {
            owner[at] = Some(played);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(onset_secs: f64, offset_secs: f64, key: u8) -> Note {
        Note {
            onset_secs,
            offset_secs,
            key,
            velocity: 64,
            track: 0,
            confidence: 1.0,
        }
    }

    #[test]
    fn the_example_of_mir_eval_gives_its_scores() {
        // Computed with mir_eval 0.8.2: precision_recall_f1_overlap, pitches in Hz, offset_ratio None and 0.2.
        let truth = [
            note(0.100, 0.500, 60),
            note(0.140, 0.600, 60),
            note(1.000, 2.000, 64),
            note(1.500, 1.550, 67),
            note(3.000, 4.000, 72),
        ];
        let heard = [
            note(0.145, 0.520, 60),
            note(0.185, 0.900, 60),
            note(1.050, 2.190, 64),
            note(1.549, 1.640, 67),
            note(3.000, 3.990, 71),
            note(3.060, 4.000, 72),
        ];
        let onsets = note_scores(&truth, &heard, &NoteConfig::default());
        assert!((onsets.precision - 4.0 / 6.0).abs() < 1e-12, "{onsets:?}");
        assert!((onsets.recall - 0.8).abs() < 1e-12);
        let both = note_scores(&truth, &heard, &NoteConfig::with_offsets());
        assert!((both.precision - 2.0 / 6.0).abs() < 1e-12, "{both:?}");
        assert!((both.f1 - 2.0 * (1.0 / 3.0) * 0.4 / (1.0 / 3.0 + 0.4)).abs() < 1e-12);
    }

    #[test]
    fn matching_moves_others_where_that_matches_more() {
        // The first true note could take either, the second only the first.
        let truth = [note(0.05, 1.0, 60), note(0.0, 1.0, 60)];
        let heard = [note(0.04, 1.0, 60), note(0.09, 1.0, 60)];
        assert_eq!(
            note_matches(&truth, &heard, &NoteConfig::default()).len(),
            2
        );
    }

    #[test]
    fn nothing_heard_scores_nothing() {
        let scores = note_scores(&[note(0.0, 1.0, 60)], &[], &NoteConfig::default());
        assert_eq!(
            (scores.precision, scores.recall, scores.f1),
            (0.0, 0.0, 0.0)
        );
    }
}
