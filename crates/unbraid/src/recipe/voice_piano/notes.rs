//! A piano's activations come in; when each of its notes sounds goes out.

use ndarray::Array2;

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

/// Where every template may be active, `(templates, frames)`: with its note, and a few frames around it.
pub(super) fn heard(activations: &Array2<f32>, notes: &[u8], rule: &Rule) -> Array2<bool> {
    let (frames, templates) = activations.dim();
    let mut names: Vec<u8> = notes.to_vec();
    names.sort_unstable();
    names.dedup();
    let mut loudness = Array2::<f32>::zeros((names.len(), frames));
    for (template, note) in notes.iter().enumerate() {
        let place = names.binary_search(note).unwrap_or(0);
        for frame in 0..frames {
            loudness[[place, frame]] += activations[[frame, template]];
        }
    }
    let loudest: Vec<f32> = (0..frames)
        .map(|frame| {
            loudness
                .column(frame)
                .iter()
                .fold(0.0_f32, |m, x| m.max(*x))
        })
        .collect();
    let level: Vec<f32> = (0..frames)
        .map(|frame| {
            let around = frame.saturating_sub(rule.around)..(frame + rule.around + 1).min(frames);
            loudest[around].iter().fold(0.0_f32, |m, x| m.max(*x))
        })
        .collect();
    let mut allowed = Array2::from_elem((templates, frames), false);
    for (place, row) in loudness.outer_iter().enumerate() {
        let on: Vec<bool> = row
            .iter()
            .zip(&level)
            .map(|(x, level)| *x > rule.threshold * level)
            .collect();
        let on = opened(&closed(&on, rule.least), rule.least);
        for (template, note) in notes.iter().enumerate() {
            if *note != names[place] {
                continue;
            }
            for frame in 0..frames {
                // Three frames before a note and four behind it.
                let around = frame.saturating_sub(3)..(frame + 4).min(frames);
                allowed[[template, frame]] = on[around].contains(&true);
            }
        }
    }
    allowed
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
