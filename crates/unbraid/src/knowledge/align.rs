//! A score and a recording that are not in time come in; the score in the recording's time goes out.
//!
//! ```text
//! chroma + onsets of the recording ┐
//!                                  ├→ cost of every pair of frames → dynamic time warping → a map of time
//! chroma + onsets of the score     ┘
//! ```

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use super::pitch::hz_of_midi;
use super::score::Score;
use crate::{Audio, Error, Stft, StftConfig};

/// How a score's time runs in a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// Moments of the score, rising, in seconds, and where each is in the recording.
    points: Vec<(f64, f64)>,
    /// The mean cost of a frame along the path, 0 to 2: below 0.6 the recording is of the score.
    pub cost: f64,
    /// The same with the score's time taken as it is.
    pub unmoved_cost: f64,
}

impl Alignment {
    /// Where a moment of the score is in the recording; outside, time runs as it does on average.
    #[must_use]
    pub fn at(&self, secs: f64) -> f64 {
        let (Some(&first), Some(&last)) = (self.points.first(), self.points.last()) else {
            return secs;
        };
        let span = last.0 - first.0;
        let tempo = if span > 0.0 {
            (last.1 - first.1) / span
        } else {
            1.0
        };
        if secs <= first.0 {
            return first.1 + tempo * (secs - first.0);
        }
        if secs >= last.0 {
            return last.1 + tempo * (secs - last.0);
        }
        let after = self.points.partition_point(|&(from, _)| from <= secs);
        let ((a, x), (b, y)) = (self.points[after - 1], self.points[after]);
        x + (y - x) * (secs - a) / (b - a)
    }

    /// The median distance between a score's onsets and where they are in the recording, in seconds.
    #[must_use]
    pub fn moved_secs(&self, score: &Score) -> f64 {
        let mut moved: Vec<f64> = score
            .notes
            .iter()
            .map(|note| (self.at(note.onset_secs) - note.onset_secs).abs())
            .collect();
        moved.sort_by(f64::total_cmp);
        moved.get(moved.len() / 2).copied().unwrap_or(0.0)
    }
}

impl Score {
    /// The score in a recording's time. Notes that lie wholly before the recording are left out.
    #[must_use]
    pub fn aligned(&self, alignment: &Alignment) -> Self {
        let mut score = self.clone();
        for note in &mut score.notes {
            note.onset_secs = alignment.at(note.onset_secs);
            note.offset_secs = alignment.at(note.offset_secs);
        }
        for pedal in &mut score.pedals {
            pedal.time_secs = alignment.at(pedal.time_secs);
        }
        score.notes.retain(|note| note.offset_secs > 0.0);
        score
    }
}

/// Seconds from one frame of features to the next.
const HOP_SECS: f64 = 0.02;

/// The keys that are looked at: below, semitones are closer than the bins of a 93 ms window.
const KEYS: Range<usize> = 36..104;

/// Find how a score's time runs in a recording.
///
/// Features are chroma (the energy of each of twelve pitch classes, logarithmic, at unit norm) and onsets (how much each
/// class rises, against the strongest rise within two seconds, and ringing on for a tenth of a second). The cost of a pair of
/// frames is one minus the cosine of the chromas, plus the distance of the onsets. The path may begin and end anywhere in the
/// recording, and runs at half to twice the score's tempo everywhere. Long recordings are first aligned at a coarser
/// rate, then around that path.
///
/// # Errors
///
/// - [`Error::TooShort`] if the score has no notes, or the recording lasts less than half a second.
///
/// # References
///
/// - S. Ewert, M. Müller, P. Grosche, *High resolution audio synchronization using chroma onset features*, ICASSP 2009.
/// - M. Müller, *Fundamentals of Music Processing*, Springer 2015, sections 3.2 and 7.2 (subsequence DTW, step sizes).
pub fn align(audio: &Audio, score: &Score) -> Result<Alignment, Error> {
    let (begin, end) =
        score
            .notes
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(begin, end), note| {
                (
                    begin.min(note.onset_secs),
                    end.max(note.onset_secs + 0.2).max(note.offset_secs),
                )
            });
    if begin > end {
        return Err(Error::TooShort {
            what: "the score to be aligned",
            needed: 1,
            actual: 0,
        });
    }
    let (recorded, hop_secs) = recording_features(audio)?;
    let written = score_features(score, begin, end);
    if recorded.frames() < 25 {
        return Err(Error::TooShort {
            what: "the recording to be aligned with a score",
            needed: audio.sample_rate() as usize / 2,
            actual: audio.len_samples(),
        });
    }
    let path = warp(&written, &recorded);
    let unmoved: Vec<(usize, usize)> = (0..written.frames())
        .map(|i| {
            let secs = begin + i as f64 * HOP_SECS;
            (i, (secs / hop_secs).round() as i64)
        })
        .filter_map(|(i, j)| Some((i, usize::try_from(j).ok()?)))
        .filter(|&(_, j)| j < recorded.frames())
        .collect();
    let cost = mean_cost(&written, &recorded, &path, path.len());
    // What lies outside of the recording agrees with nothing.
    let unmoved_cost = mean_cost(&written, &recorded, &unmoved, written.frames());
    let points = straightened(&path, begin, hop_secs);
    Ok(Alignment {
        points,
        cost,
        unmoved_cost,
    })
}

fn mean_cost(
    written: &Features,
    recorded: &Features,
    path: &[(usize, usize)],
    frames: usize,
) -> f64 {
    let sum: f64 = path
        .iter()
        .map(|&(i, j)| f64::from(written.cost(i, recorded, j)))
        .sum();
    (sum + (frames - path.len().min(frames)) as f64) / frames.max(1) as f64
}

/// A path as a map of time: steps are smoothed over a fifth of a second, or the tempo would jump at every frame.
fn straightened(path: &[(usize, usize)], begin: f64, hop_secs: f64) -> Vec<(f64, f64)> {
    const AROUND: usize = 5;
    let mut points: Vec<(f64, f64)> = Vec::new();
    for at in 0..path.len() {
        let reach = AROUND.min(at).min(path.len() - 1 - at);
        let span = &path[at - reach..=at + reach];
        let count = span.len() as f64;
        let i = span.iter().map(|&(i, _)| i as f64).sum::<f64>() / count;
        let j = span.iter().map(|&(_, j)| j as f64).sum::<f64>() / count;
        let point = (begin + i * HOP_SECS, j * hop_secs);
        if points.last().is_none_or(|last| point.0 > last.0 + 1e-9) {
            points.push(point);
        }
    }
    points
}

/// Chroma and onsets of every frame, `(frames, 12)` each.
struct Features {
    chroma: Array2<f32>,
    onsets: Array2<f32>,
}

impl Features {
    /// From the levels of keys, `(frames, keys from 0)`.
    fn of(levels: ArrayView2<'_, f32>, rises: ArrayView2<'_, f32>) -> Self {
        let frames = levels.nrows();
        let mut chroma = Array2::<f32>::zeros((frames, 12));
        let mut raw = Array2::<f32>::zeros((frames, 12));
        for t in 0..frames {
            for (key, (&level, &rise)) in levels.row(t).iter().zip(rises.row(t)).enumerate() {
                chroma[[t, key % 12]] += level;
                raw[[t, key % 12]] += rise;
            }
        }
        for mut row in chroma.outer_iter_mut() {
            let norm = row.dot(&row).sqrt();
            if norm > 1e-4 {
                row /= norm;
            } else {
                // Silence is like nothing in particular.
                row.fill(1.0 / 12.0_f32.sqrt());
            }
        }
        Self {
            chroma,
            onsets: ringing(&raw),
        }
    }

    fn frames(&self) -> usize {
        self.chroma.nrows()
    }

    fn cost(&self, i: usize, other: &Self, j: usize) -> f32 {
        let cosine = self.chroma.row(i).dot(&other.chroma.row(j));
        let apart: f32 = self
            .onsets
            .row(i)
            .iter()
            .zip(other.onsets.row(j))
            .map(|(a, b)| (a - b).powi(2))
            .sum();
        1.0 - cosine + apart.sqrt().min(1.0)
    }

    /// Every `factor` frames as one.
    fn coarser(&self, factor: usize) -> Self {
        let frames = self.frames().div_ceil(factor);
        let mut coarse = Self {
            chroma: Array2::zeros((frames, 12)),
            onsets: Array2::zeros((frames, 12)),
        };
        for t in 0..frames {
            let span = s![t * factor..((t + 1) * factor).min(self.frames()), ..];
            let mut chroma = self.chroma.slice(span).sum_axis(ndarray::Axis(0));
            chroma /= chroma.dot(&chroma).sqrt().max(1e-6);
            coarse.chroma.row_mut(t).assign(&chroma);
            let onsets = self.onsets.slice(span);
            for (out, column) in coarse.onsets.row_mut(t).iter_mut().zip(onsets.columns()) {
                *out = column.iter().fold(0.0, |m: f32, &x| m.max(x));
            }
        }
        coarse
    }
}

/// Rises against the strongest within a second on either side, ringing on for a tenth of a second.
fn ringing(raw: &Array2<f32>) -> Array2<f32> {
    const AROUND: usize = 50;
    const RING: usize = 6;
    let frames = raw.nrows();
    let strength: Vec<f32> = raw.outer_iter().map(|row| row.dot(&row).sqrt()).collect();
    let most = strength.iter().fold(0.0_f32, |m, &x| m.max(x));
    let mut out = Array2::<f32>::zeros(raw.dim());
    for t in 0..frames {
        let around = &strength[t.saturating_sub(AROUND)..(t + AROUND + 1).min(frames)];
        let local = around.iter().fold(0.05 * most, |m, &x| m.max(x));
        if local <= 0.0 {
            continue;
        }
        for ring in 0..RING.min(frames - t) {
            let weight = (1.0 - ring as f32 / RING as f32).sqrt() / local;
            for (out, &raw) in out.row_mut(t + ring).iter_mut().zip(raw.row(t)) {
                *out = out.max(weight * raw);
            }
        }
    }
    out
}

/// The levels of keys in a recording, the largest magnitude near each fundamental, on a logarithmic scale; and the seconds
/// from one frame to the next.
fn recording_features(audio: &Audio) -> Result<(Features, f64), Error> {
    /// Frames that are transformed at a time.
    const BLOCK: usize = 256;
    let rate = audio.sample_rate();
    let usual = StftConfig::for_sample_rate(rate);
    let hop_len = ((HOP_SECS * f64::from(rate)).round() as usize).max(1);
    let stft = Stft::new(StftConfig {
        hop_len: hop_len.min(usual.window_len / 2),
        ..usual
    })?;
    let frames = stft.frames(audio.len_samples());
    let bin_hz = f64::from(rate) / usual.fft_len as f64;
    let near: Vec<Range<usize>> = (0..KEYS.end)
        .map(|key| {
            let hz = hz_of_midi(key as f32);
            let low = (hz * 2.0_f64.powf(-0.45 / 12.0) / bin_hz).round() as usize;
            let high = (hz * 2.0_f64.powf(0.45 / 12.0) / bin_hz).round() as usize;
            if KEYS.contains(&key) {
                low.min(stft.bins())..(high.max(low) + 1).min(stft.bins())
            } else {
                0..0
            }
        })
        .collect();
    let mut levels = Array2::<f32>::zeros((frames, KEYS.end));
    let mut from = 0;
    while from < frames {
        let to = (from + BLOCK).min(frames);
        let spectrum = stft.forward_block(audio, from..to);
        let view = spectrum.view();
        for t in from..to {
            for (level, bins) in levels.row_mut(t).iter_mut().zip(&near) {
                let channels = view.outer_iter();
                *level = channels
                    .map(|channel| {
                        let row = channel.slice_move(s![bins.clone(), t - from]);
                        row.iter().fold(0.0_f32, |m, x| m.max(x.norm()))
                    })
                    .sum();
            }
        }
        from = to;
    }
    // What is 40 dB below the loudest counts for little.
    let most = levels.iter().fold(1e-12_f32, |m, &x| m.max(x));
    levels.mapv_inplace(|level| (1.0 + 300.0 * level / most).ln());
    let features = Features::of(levels.view(), rises(&levels).view());
    Ok((features, stft.config().hop_len as f64 / f64::from(rate)))
}

/// How much each key rises from two frames before.
fn rises(levels: &Array2<f32>) -> Array2<f32> {
    const LAG: usize = 2;
    let mut rises = Array2::<f32>::zeros(levels.dim());
    for t in 1..levels.nrows() {
        let before = levels.row(t.saturating_sub(LAG));
        let now = levels.row(t);
        for (rise, (now, before)) in rises.row_mut(t).iter_mut().zip(now.iter().zip(before)) {
            *rise = (now - before).max(0.0);
        }
    }
    rises
}

/// What a recording of the score would look like: partials that fall off, decaying while the note is held.
fn score_features(score: &Score, begin: f64, end: f64) -> Features {
    const PARTIALS: [(usize, f32); 5] = [(0, 1.0), (12, 0.7), (19, 0.5), (24, 0.4), (28, 0.3)];
    const DECAY_SECS: f64 = 1.0;
    let frames = ((end - begin) / HOP_SECS).ceil() as usize + 1;
    let mut levels = Array2::<f32>::zeros((frames, KEYS.end));
    let mut struck = Array2::<f32>::zeros((frames, KEYS.end));
    for note in &score.notes {
        let first = ((note.onset_secs - begin) / HOP_SECS).round() as usize;
        let held = score.held_until(note).min(end) - begin;
        let last = ((held / HOP_SECS).round() as usize).clamp(first, frames - 1);
        let loud = (f32::from(note.velocity) / 127.0).max(0.2);
        for (interval, weight) in PARTIALS {
            let key = usize::from(note.key) + interval;
            if !KEYS.contains(&key) {
                continue;
            }
            struck[[first.min(frames - 1), key]] += loud * weight;
            for t in first..=last {
                let age = (t - first) as f64 * HOP_SECS;
                let level = loud * weight * (-age / DECAY_SECS).exp() as f32;
                levels[[t, key]] = levels[[t, key]].max(level);
            }
        }
    }
    Features::of(levels.view(), struck.view())
}

/// The cheapest path from frames of the score to frames of the recording.
fn warp(written: &Features, recorded: &Features) -> Vec<(usize, usize)> {
    const MOST_CELLS: usize = 6_000_000;
    const FACTOR: usize = 8;
    /// How far from the coarse path the fine one may be: two seconds.
    const AROUND: usize = 100;
    let (n, m) = (written.frames(), recorded.frames());
    if n * m <= MOST_CELLS {
        return path(written, recorded, &vec![0..m; n]);
    }
    let coarse = warp(&written.coarser(FACTOR), &recorded.coarser(FACTOR));
    let mut band = vec![m..0; n];
    for (i, j) in coarse {
        for row in &mut band[i * FACTOR..((i + 1) * FACTOR).min(n)] {
            row.start = row.start.min((j * FACTOR).saturating_sub(AROUND));
            row.end = row.end.max((j * FACTOR + AROUND).min(m));
        }
    }
    // Rows that the coarse path left out lie where their neighbours do.
    for i in 1..n {
        if band[i].is_empty() {
            band[i] = band[i - 1].clone();
        }
    }
    for i in (0..n - 1).rev() {
        if band[i].is_empty() {
            band[i] = band[i + 1].clone();
        }
    }
    path(written, recorded, &band)
}

/// Dynamic programming over the cells of a band: steps (1, 1), (2, 1) and (1, 2), each paid by the frames of the score that it
/// passes, so that a longer stretch of the recording costs no more than a shorter one.
fn path(written: &Features, recorded: &Features, band: &[Range<usize>]) -> Vec<(usize, usize)> {
    /// What a frame of the score costs that lies before or after the recording.
    const OUTSIDE: f32 = 0.9;
    let n = band.len();
    let mut costs: Vec<Vec<f32>> = Vec::with_capacity(n);
    let mut sums: Vec<Vec<f32>> = Vec::with_capacity(n);
    let mut steps: Vec<Vec<u8>> = Vec::with_capacity(n);
    let at = |rows: &[Vec<f32>], i: usize, j: usize| -> f32 {
        let range = &band[i];
        if range.contains(&j) {
            rows[i][j - range.start]
        } else {
            f32::INFINITY
        }
    };
    for (i, range) in band.iter().enumerate() {
        costs.push(
            range
                .clone()
                .map(|j| written.cost(i, recorded, j))
                .collect(),
        );
        let mut sum = Vec::with_capacity(range.len());
        let mut step = Vec::with_capacity(range.len());
        for j in range.clone() {
            let own = at(&costs, i, j);
            // Begin here, with what came before outside of the recording.
            let begin = if i == 0 {
                own
            } else if j == 0 {
                own + OUTSIDE * i as f32
            } else {
                f32::INFINITY
            };
            let mut best = (begin, 0_u8);
            if i >= 1 && j >= 1 {
                let cost = at(&sums, i - 1, j - 1) + own;
                if cost < best.0 {
                    best = (cost, 1);
                }
            }
            if i >= 2 && j >= 1 {
                let cost = at(&sums, i - 2, j - 1) + at(&costs, i - 1, j) + own;
                if cost < best.0 {
                    best = (cost, 2);
                }
            }
            if i >= 1 && j >= 2 {
                let cost = at(&sums, i - 1, j - 2) + 0.5 * (at(&costs, i, j - 1) + own);
                if cost < best.0 {
                    best = (cost, 3);
                }
            }
            sum.push(best.0);
            step.push(best.1);
        }
        sums.push(sum);
        steps.push(step);
    }
    // The end: the whole score, or the recording's last frame with the rest of the score outside.
    let last = recorded.frames() - 1;
    let ends = (band[n - 1].clone().map(|j| (n - 1, j, at(&sums, n - 1, j))))
        .chain((0..n - 1).map(|i| (i, last, at(&sums, i, last) + OUTSIDE * (n - 1 - i) as f32)));
    let best = ends.min_by(|a, b| a.2.total_cmp(&b.2));
    let Some((mut i, mut j, _)) = best else {
        return Vec::new();
    };
    let mut path = vec![(i, j)];
    loop {
        match steps[i][j - band[i].start] {
            1 => (i, j) = (i - 1, j - 1),
            2 => {
                path.push((i - 1, j));
                (i, j) = (i - 2, j - 1);
            }
            3 => {
                path.push((i, j - 1));
                (i, j) = (i - 1, j - 2);
            }
            _ => break,
        }
        path.push((i, j));
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::Note;

    const RATE: u32 = 16_000;

    /// A tune that repeats nothing, chords on its heavy beats.
    fn tune() -> Score {
        let mut notes = Vec::new();
        let mut state = 5_u32;
        let mut onset_secs = 0.0;
        for beat in 0..24 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let length = [0.25, 0.4, 0.5, 0.75][(state >> 13) as usize % 4];
            let key = 55 + ((state >> 20) % 20) as u8;
            let chord: &[u8] = if beat % 3 == 0 { &[0, 4, 7] } else { &[0] };
            for interval in chord {
                notes.push(Note {
                    onset_secs,
                    offset_secs: onset_secs + 0.95 * length,
                    key: key + interval,
                    velocity: 80,
                    track: 0,
                    confidence: 1.0,
                });
            }
            onset_secs += length;
        }
        Score {
            notes,
            ..Score::default()
        }
    }

    fn played(score: &Score) -> Audio {
        let end = score
            .notes
            .iter()
            .fold(0.0, |m: f64, n| m.max(n.offset_secs))
            + 0.5;
        let mut samples = vec![0.0_f32; (end * f64::from(RATE)) as usize];
        for note in &score.notes {
            let hz = hz_of_midi(f32::from(note.key));
            let first = (note.onset_secs * f64::from(RATE)) as usize;
            let len = ((note.offset_secs - note.onset_secs) * f64::from(RATE)) as usize;
            for n in 0..len {
                let t = n as f64 / f64::from(RATE);
                let sound: f64 = (1..6)
                    .map(|m| (std::f64::consts::TAU * hz * f64::from(m) * t).sin() / f64::from(m))
                    .sum();
                samples[first + n] += (0.1 * sound * (-2.0 * t).exp()) as f32;
            }
        }
        let count = samples.len();
        Audio::new(Array2::from_shape_vec((1, count), samples).unwrap(), RATE).unwrap()
    }

    /// A score at another tempo, shifted.
    fn moved(score: &Score, tempo: f64, shift_secs: f64) -> Score {
        let mut moved = score.clone();
        for note in &mut moved.notes {
            note.onset_secs = note.onset_secs / tempo + shift_secs;
            note.offset_secs = note.offset_secs / tempo + shift_secs;
        }
        moved
    }

    fn median_error(truth: &Score, found: &Score) -> f64 {
        let mut errors: Vec<f64> = truth
            .notes
            .iter()
            .zip(&found.notes)
            .map(|(a, b)| (a.onset_secs - b.onset_secs).abs())
            .collect();
        errors.sort_by(f64::total_cmp);
        errors[errors.len() / 2]
    }

    #[test]
    fn another_tempo_and_a_late_start_are_found_to_50_ms() {
        let truth = tune();
        let late = moved(&truth, 1.0, 3.0);
        for (recording, written) in [
            (&truth, moved(&truth, 1.2, 0.0)),
            (&truth, moved(&truth, 0.8, 3.0)),
            (&late, moved(&truth, 1.2, 0.0)),
        ] {
            let alignment = align(&played(recording), &written).unwrap();
            assert!(alignment.cost < alignment.unmoved_cost, "{alignment:?}");
            let error = median_error(recording, &written.aligned(&alignment));
            assert!(error < 0.05, "{error} s");
        }
    }

    #[test]
    fn a_score_in_time_stays_there() {
        let truth = tune();
        let alignment = align(&played(&truth), &truth).unwrap();
        let error = median_error(&truth, &truth.aligned(&alignment));
        assert!(error < 0.05, "{error} s");
    }

    #[test]
    fn a_band_around_the_coarse_path_gives_the_same_alignment() {
        let truth = tune();
        let (begin, end) = (0.0, truth.notes.last().unwrap().offset_secs);
        let (recorded, _) = recording_features(&played(&truth)).unwrap();
        let written = score_features(&truth, begin, end);
        let coarse = warp(&written.coarser(8), &recorded.coarser(8));
        let median = {
            let mut apart: Vec<i64> = coarse
                .iter()
                .map(|&(i, j)| (i as i64 - j as i64).abs())
                .collect();
            apart.sort_unstable();
            apart[apart.len() / 2]
        };
        // Within two coarse frames of where it is.
        assert!(median <= 2, "{median}");
    }

    #[test]
    fn a_score_without_notes_and_a_click_are_refused() {
        let silence = Audio::new(Array2::zeros((1, RATE as usize)), RATE).unwrap();
        assert!(align(&silence, &Score::default()).is_err());
        let click = Audio::new(Array2::zeros((1, 100)), RATE).unwrap();
        assert!(align(&click, &tune()).is_err());
    }
}
