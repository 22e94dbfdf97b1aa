//! A recording, its pitch path and the piano's templates come in; when each of the two is there at all goes out.

use ndarray::{Array2, s};

use super::fits::Final;
use super::path::Path;
use super::piano::Templates;
use super::view::View;
use super::{Known, VoicePianoConfig};
use crate::fit::Term;
use crate::knowledge::Melody;
use crate::model::Voice;

/// Every so many frames are fitted.
const EVERY: usize = 3;

const ITERATIONS: usize = 12;

/// What only one of two can explain is told over so long.
const WINDOW_SECS: f64 = 1.0;

/// From this share of what sounds on, a voice is there, and a piano: pianos alone need a voice for a third of it at most; voices alone,
/// whose consonants and unsteady pitch a piano's notes help to explain, need a piano for nearly all of it.
const SURE: [f32; 2] = [0.04, 0.16];

/// Around what is sure, a source goes on down to this share.
const LEAST: f32 = 0.02;

/// A source that pauses for less than this is not gone.
const PAUSE_SECS: f64 = 5.0;

/// A source begins earlier, and ends later, than its windows say by as much at most.
const AROUND_SECS: f64 = 0.5;

/// The share of a second's sound, by Kullback–Leibler divergence, that only one of the two can explain, and when that is enough.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Presence {
    /// The largest share.
    pub(super) share: f32,
    /// Frame by frame of the view.
    pub(super) there: Vec<bool>,
}

impl Presence {
    /// Whether it never sounds.
    fn is_absent(&self) -> bool {
        !self.there.contains(&true)
    }
}

/// Whether a source was looked for and never found.
pub(super) fn is_absent(found: Option<&Presence>) -> bool {
    found.is_some_and(Presence::is_absent)
}

/// When the voice and when the piano is there.
///
/// ```text
/// share of the voice(t) = Σ (divergence of the piano alone − divergence of both) / Σ v     over a second around t
/// share of the piano(t) = Σ (divergence of the voice alone − divergence of both) / Σ v
/// ```
///
/// Each by a fit of its own to every third frame. A source is there from where its share reaches [`SURE`], and around that as long
/// as it stays above [`LEAST`], pauses of up to [`PAUSE_SECS`] included.
fn presence(
    view: &View,
    templates: &Templates,
    path: &Path,
    t60_secs: Option<f64>,
) -> [Presence; 2] {
    let third = |rows: &Array2<f32>| {
        rows.slice(s![..;EVERY, ..])
            .as_standard_layout()
            .into_owned()
    };
    let sparse = View {
        v: third(&view.v),
        stft: view.stft.clone(),
        bands: view.bands.clone(),
        room: view.room_of(t60_secs, EVERY),
        ..*view
    };
    let e = third(&view.excite(path, 0.3));
    let silent = vec![true; sparse.v.nrows()];
    let divergences = |sings: bool, plays: bool| {
        let voice = Voice::with_free_filter(e.clone(), sparse.bands.clone(), sparse.level);
        let mut voice = if sings {
            voice
        } else {
            voice.gated(&silent, &[])
        };
        let mut terms: Vec<Term> = Vec::new();
        if plays {
            terms.push(sparse.piano(&templates.spectra, None, 0.0));
        }
        sparse.fit(&mut voice, &mut terms, ITERATIONS);
        sparse.divergences(&voice, &terms)
    };
    let both = divergences(true, true);
    let sums: Vec<f32> = sparse.v.outer_iter().map(|row| row.sum()).collect();
    let hop_secs = view.hop_secs() * EVERY as f64;
    let alone = [divergences(false, true), divergences(true, false)];
    [0, 1].map(|source| {
        let alone = &alone[source];
        let gains: Vec<f32> = alone
            .iter()
            .zip(&both)
            .map(|(a, b)| (a - b) as f32)
            .collect();
        let shares = shares(&gains, &sums, (0.5 * WINDOW_SECS / hop_secs) as usize);
        let there = there(&shares, SURE[source], hop_secs);
        Presence {
            share: shares.iter().fold(0.0, |most, share| most.max(*share)),
            there: (0..view.v.nrows())
                .map(|frame| there[frame / EVERY])
                .collect(),
        }
    })
}

/// Gains over sums, each of so many frames on either side; much quieter frames than the loudest count for little.
fn shares(gains: &[f32], sums: &[f32], half: usize) -> Vec<f32> {
    let loudest = sums
        .iter()
        .fold(f32::MIN_POSITIVE, |most, sum| most.max(*sum));
    (0..gains.len())
        .map(|frame| {
            let around = frame.saturating_sub(half)..(frame + half + 1).min(gains.len());
            let of: f32 = sums[around.clone()].iter().sum();
            let little = 0.02 * loudest * around.len() as f32;
            gains[around].iter().sum::<f32>().max(0.0) / (of + little)
        })
        .collect()
}

/// When a source with these shares is there.
fn there(shares: &[f32], sure: f32, hop_secs: f64) -> Vec<bool> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut start = None;
    for frame in 0..=shares.len() {
        let on = frame < shares.len() && shares[frame] >= LEAST;
        if on && start.is_none() {
            start = Some(frame);
        } else if let (false, Some(begin)) = (on, start) {
            start = None;
            if shares[begin..frame].iter().any(|share| *share >= sure) {
                runs.push((begin, frame));
            }
        }
    }
    let pause = (PAUSE_SECS / hop_secs) as usize;
    let around = (AROUND_SECS / hop_secs).ceil() as usize;
    let mut there = vec![false; shares.len()];
    let mut before = None;
    for (begin, end) in runs {
        // A short beginning, pause or end belongs to what sounds beside it.
        let begin = match before {
            Some(last) if begin - last < pause => last,
            None if begin < pause => 0,
            _ => begin.saturating_sub(around),
        };
        before = Some(end);
        let end = if shares.len() - end < pause {
            shares.len()
        } else {
            end + around
        };
        there[begin..end].fill(true);
    }
    there
}

/// When the voice, and the piano, is there, as far as that may be doubted: what a person says sings or plays is not.
pub(super) fn doubted(
    view: &View,
    templates: &Templates,
    path: &Path,
    t60_secs: Option<f64>,
    (known, config): (&Known<'_>, &VoicePianoConfig),
) -> [Option<Presence>; 2] {
    let sung = known.melody.is_some() || known.lyrics.is_some() || known.stem.is_some();
    let played = known.score.is_some();
    if !config.guard || sung && played {
        return [None, None];
    }
    let [voice, piano] = presence(view, templates, path, t60_secs);
    [
        Some(voice).filter(|_| !sung),
        Some(piano).filter(|_| !played),
    ]
}

/// Give what only one source can explain to it alone: its share of the mask, the melody and the notes. Where both are there, or
/// neither is, or one is not asked about (nothing is found), all stays as it is.
///
/// Returns what a person should know of it.
pub(super) fn silence(
    last: &mut Final,
    melody: &mut Melody,
    found: &[Option<Presence>; 2],
    hop_secs: f64,
) -> Vec<String> {
    let frames = last.mask.nrows();
    let there = |source: usize, frame: usize| {
        let found = found[source].as_ref();
        found.is_none_or(|it| it.there.get(frame).or(it.there.last()).copied() == Some(true))
    };
    let silent: [Vec<bool>; 2] = [0, 1].map(|source| {
        let gone = |frame| !there(source, frame) && there(1 - source, frame);
        (0..frames).map(gone).collect()
    });
    for (frame, mut row) in last.mask.outer_iter_mut().enumerate() {
        if silent[0][frame] {
            row.fill(0.0);
        } else if silent[1][frame] {
            row.fill(1.0);
        }
    }
    let at = |of: &[bool], secs: f64| {
        let frame = (secs / hop_secs) as usize;
        of.get(frame).copied().unwrap_or(false)
    };
    melody.silence(|secs| at(&silent[0], secs));
    last.score
        .notes
        .retain(|note| !at(&silent[1], 0.5 * (note.onset_secs + note.offset_secs)));
    let told = ["voice", "piano"].into_iter().zip(SURE).zip(&silent);
    told.zip(found).filter_map(|(((name, sure), silent), found)| {
        let found = found.as_ref()?;
        let count = silent.iter().filter(|silent| **silent).count();
        (count > 0).then(|| {
            let where_not = if found.is_absent() { "" } else { " where it sounds" };
            format!(
                "the {name} is silent for {:.1} of {:.1} s: at most {:.1} % of a second's sound needs it{where_not}, and it is believed from {:.0} % on",
                count as f64 * hop_secs,
                frames as f64 * hop_secs,
                100.0 * found.share,
                100.0 * sure
            )
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knowledge::{Pitch, Score};

    /// Tenths of a second, from (seconds, share).
    fn shares_of(pieces: &[(usize, f32)]) -> Vec<f32> {
        let each = pieces.iter().map(|&(secs, share)| vec![share; 10 * secs]);
        each.flatten().collect()
    }

    #[test]
    fn a_source_is_there_from_where_it_is_sure_until_it_is_gone_for_long() {
        let on = |pieces: &[(usize, f32)]| {
            let there = there(&shares_of(pieces), 0.04, 0.1);
            there.iter().filter(|there| **there).count()
        };
        // Never sure.
        assert_eq!(on(&[(10, 0.03)]), 0);
        // Sure for a second, and around it as long as it is not gone; half a second more on either side.
        assert_eq!(
            on(&[(10, 0.0), (2, 0.03), (1, 0.1), (3, 0.03), (10, 0.0)]),
            70
        );
        // A short pause is none; a long one is.
        assert_eq!(on(&[(10, 0.1), (4, 0.0), (10, 0.1)]), 240);
        assert_eq!(on(&[(10, 0.1), (8, 0.0), (10, 0.1)]), 210);
        // What begins soon was there from the beginning.
        assert_eq!(on(&[(3, 0.0), (10, 0.1), (3, 0.0)]), 160);
    }

    #[test]
    fn what_is_not_there_is_silent_and_what_is_uncertain_stays() {
        let presence = |there: [bool; 4]| {
            Some(Presence {
                share: 0.1,
                there: there.to_vec(),
            })
        };
        let both = [
            presence([true, true, false, false]),
            presence([true, false, true, false]),
        ];
        let separated = || Final {
            mask: Array2::from_elem((4, 2), 0.3),
            score: Score::default(),
        };
        let column = |last: &Final| last.mask.column(1).to_vec();
        let point = |frame: u32| Pitch {
            time_secs: f64::from(frame),
            hz: 100.0,
            confidence: 1.0,
        };
        let mut melody = Melody::new((0..4).map(point).collect()).unwrap();
        let mut last = separated();
        let told = silence(&mut last, &mut melody, &both, 1.0);
        assert_eq!(column(&last), [0.3, 1.0, 0.0, 0.3]);
        let hz: Vec<f64> = melody.points().iter().map(|point| point.hz).collect();
        assert_eq!(hz, [100.0, 100.0, 0.0, 100.0]);
        assert!(
            told[0].starts_with("the voice is silent for 1.0 of 4.0 s"),
            "{told:?}"
        );
        // What a person knows to be there is not doubted.
        let [voice, _] = both;
        let mut last = separated();
        silence(&mut last, &mut melody, &[voice, None], 1.0);
        assert_eq!(column(&last), [0.3, 0.3, 0.0, 0.0]);
    }
}
