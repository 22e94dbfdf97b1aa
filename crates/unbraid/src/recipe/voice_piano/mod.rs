//! A recording of one singer and one piano comes in; the voice's share of every bin goes out.
//!
//! ```text
//! track the pitch → tune the piano → track again → which notes → a first mask → track on it → three fits → their mean
//! ```

mod fits;
mod guard;
mod masked;
mod notes;
mod path;
mod piano;
mod salience;
mod share;
mod singer;
mod transients;
mod view;

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

pub use share::VoiceShare;
pub use singer::learn_voice;

use crate::analysis::glottal::Grid;
use crate::knowledge::{Dictionary, Lyrics, Melody, Score, Tolerance};
use crate::mask::Render;
use crate::observe::{Observer, Progress, Stage};
use crate::{Audio, Error};
use fits::{Last, share_above};
use path::Tracker;
use piano::{Gains, Piano, moment};
use transients::transients;
use view::View;

/// Settings of the recipe for one singer and one piano.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switches one idea off, to see what it is worth"
)]
pub struct VoicePianoConfig {
    /// Estimate how far the piano is off its templates' tuning.
    pub tuning: bool,
    /// Learn one transfer function for the whole piano: what it, its room and microphones let through beside the dictionary's.
    pub transfer: bool,
    /// Learn that function all the same if the piano is farther from its templates than so many dB, as the standard deviation of
    /// what bands are multiplied by: it is another piano than the dictionary's.
    pub unlike_db: f32,
    /// How far every template follows the recording by itself in the last fits, as the exponent of its steps from 0 to 1.
    pub adapt_rate: f32,
    /// Track the pitch once more, on the model's own voice.
    pub own_mask: bool,
    /// Shapes of the vowel filter; 0 leaves every frame a filter of its own.
    pub shapes: usize,
    /// How far the filters of a singer who is known follow the recording, as the exponent of their steps from 0 to 1.
    pub filter_rate: f32,
    /// Average the masks of three fits, instead of taking the first's.
    pub average: bool,
    /// Frames of the last fits are 186 ms, instead of 93 ms.
    pub long_frames: bool,
    /// How much of the mask a further fit on frames of 93 ms has, 0 to 1; 0 makes none.
    pub short_share: f32,
    /// Slices of a note's life only sound in their order after an onset that was heard.
    pub coupled: bool,
    /// Those onsets are of each key's path through its slices that explains most, instead of where it rises above a threshold.
    pub paths: bool,
    /// One template for every slice of a note's life, of a loudness between the layers that were learnt: half the work.
    pub one_layer: bool,
    /// Partials of the piano's templates lie where its strings have them, stretched; otherwise at whole multiples of the fundamental.
    pub stretched: bool,
    /// Find out whether the voice sounds in a room, whose tail stays with it.
    pub room: bool,
    /// In how many seconds that tail falls by 60 dB, if it is known; 0 is no room.
    pub t60_secs: Option<f64>,
    /// Silence a source where only the other can be heard.
    pub guard: bool,
    /// How sharp masks are: shares are of the models to this power.
    pub exponent: f32,
    /// The range of the voice in Hz.
    pub lowest_hz: f64,
    /// The range of the voice in Hz.
    pub highest_hz: f64,
    /// Updates of the tracking fit.
    pub tracking_iterations: usize,
    /// Pitches of every frame that are tried beside the piano.
    pub candidates: usize,
    /// Updates of every last fit.
    pub iterations: usize,
    /// Use plain instructions only, so that the same bytes come out on every machine.
    pub portable: bool,
}

impl Default for VoicePianoConfig {
    fn default() -> Self {
        Self {
            tuning: true,
            transfer: false,
            unlike_db: 2.5,
            adapt_rate: 0.0,
            own_mask: true,
            shapes: 10,
            filter_rate: 0.0,
            average: true,
            long_frames: true,
            short_share: 0.0,
            coupled: true,
            paths: true,
            one_layer: false,
            stretched: true,
            guard: true,
            room: true,
            t60_secs: None,
            exponent: 1.5,
            lowest_hz: 75.0,
            highest_hz: 1100.0,
            tracking_iterations: 30,
            candidates: 10,
            iterations: 18,
            portable: false,
        }
    }
}

impl VoicePianoConfig {
    /// For a first listen: one pitch track, no tuning, one fit.
    #[must_use]
    pub fn fast() -> Self {
        Self {
            tuning: false,
            own_mask: false,
            average: false,
            room: false,
            one_layer: true,
            candidates: 4,
            tracking_iterations: 12,
            iterations: 12,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), Error> {
        if !(self.lowest_hz >= 20.0 && self.lowest_hz <= 2000.0) {
            let field = "voice_piano.lowest_hz";
            return Err(Error::config(field, self.lowest_hz, "between 20 and 2000"));
        }
        if !(self.highest_hz > self.lowest_hz && self.highest_hz <= 4000.0) {
            let requirement = format!("above {} and at most 4000", self.lowest_hz);
            return Err(Error::config(
                "voice_piano.highest_hz",
                self.highest_hz,
                requirement,
            ));
        }
        if !(0.0..=1.0).contains(&self.short_share) {
            let field = "voice_piano.short_share";
            return Err(Error::config(field, self.short_share, "from 0 to 1"));
        }
        if !(0.1..=10.0).contains(&self.exponent) {
            let field = "voice_piano.exponent";
            return Err(Error::config(field, self.exponent, "from 0.1 to 10"));
        }
        if !(0.0..=1.0).contains(&self.adapt_rate) {
            let field = "voice_piano.adapt_rate";
            return Err(Error::config(field, self.adapt_rate, "from 0 to 1"));
        }
        if !(0.0..=1.0).contains(&self.filter_rate) {
            let field = "voice_piano.filter_rate";
            return Err(Error::config(field, self.filter_rate, "from 0 to 1"));
        }
        if let Some(secs) = self.t60_secs.filter(|secs| !(0.0..=20.0).contains(secs)) {
            return Err(Error::config("voice_piano.t60_secs", secs, "from 0 to 20"));
        }
        if self.shapes > 100 {
            return Err(Error::config(
                "voice_piano.shapes",
                self.shapes,
                "at most 100",
            ));
        }
        Ok(())
    }
}

/// What is known beforehand.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// How the piano sounds; without, it is the one that comes with the program.
    pub piano: Option<&'a Dictionary>,
    /// The filters of the singer ([`learn_voice`]); without, they are learnt on the recording.
    pub voice: Option<&'a Dictionary>,
    /// What it plays.
    pub score: Option<&'a Score>,
    /// How far the recording may be from its score.
    pub tolerance: Tolerance,
    /// What pitch is sung.
    pub melody: Option<&'a Melody>,
    /// Which words are sung.
    pub lyrics: Option<&'a Lyrics>,
    /// The voice as another program separated it, as long as the recording: evidence for the pitch.
    pub stem: Option<&'a Audio>,
}

/// What was heard, and how the recording is shared out.
#[derive(Debug, Clone)]
pub struct VoicePiano {
    /// The voice's share and the piano's.
    pub sharing: VoiceShare,
    /// The pitch of every frame: 0 Hz where the voice does not sound on one. Confidence is how much of the frame the
    /// voice explains that the piano alone could not.
    pub melody: Melody,
    /// The notes of the piano; those of the score, if there is one.
    pub score: Score,
    /// How far the piano is tuned above its templates.
    pub tuning_cents: f64,
    /// What was silenced, because only the other of the two can be heard there, and by what figures.
    pub guarded: Vec<String>,
    /// How far the piano is from its templates, in dB, if it is so far that what lies between was learnt unasked.
    pub unlike_db: Option<f32>,
    /// In how many seconds the room's tail of the voice falls by 60 dB, if there is a room.
    pub t60_secs: Option<f64>,
}

/// Moments of keys' lives that the last fits use at most: the rest of the keyboard is silent.
const MOST_MOMENTS: usize = 150;

/// Separate one singer from one piano.
///
/// ```text
/// V ≈ Λ = Σ_k d_k(f)·h_k(t)  +  e(f,t)·Σ_j φ_j(f)·g_j(t)  +  breath(f,t)     by Kullback–Leibler divergence
///         the piano's notes     one pitch, through vowels     consonants
/// ```
///
/// The pitch is the best path through what every candidate would explain beside the piano; the piano as a
/// whole is tuned first; notes that do not sound are shut; then three fits that differ in what they let the
/// voice do are made on frames of 186 ms, and the mean of their masks shares the recording out. Bins above
/// 11 kHz follow the octave below.
///
/// What is known takes the place of what would be heard: a score, that of the notes; a melody, that of the pitch.
///
/// # Errors
///
/// [`Error::Config`] for a setting that is not allowed; [`Error::Cancelled`] if the observer says so; [`Error::Analysis`] if
/// the piano's dictionary is of another transform and cannot be made anew.
///
/// # References
///
/// - J.-L. Durrieu, B. David, G. Richard, *A musically motivated mid-level representation for pitch
///   estimation and musical audio source separation*, IEEE JSTSP 2011.
/// - S. Ewert, M. Müller, *Score-informed source separation for music signals*, Multimodal Music
///   Processing, 2012.
#[expect(
    clippy::too_many_lines,
    reason = "the recipe, step by step in its order"
)]
pub fn voice_piano(
    audio: &Audio,
    known: &Known<'_>,
    config: &VoicePianoConfig,
    observer: &mut dyn Observer,
) -> Result<VoicePiano, Error> {
    const ROUNDS: usize = 8;
    config.check()?;
    let mut report = |done: usize| {
        let progress = Progress {
            stage: Stage::Fit,
            done,
            total: ROUNDS,
            objective: None,
        };
        match observer.progress(&progress) {
            ControlFlow::Break(()) => Err(Error::Cancelled),
            ControlFlow::Continue(()) => Ok(()),
        }
    };
    let short = View::new(audio, 4, config.portable, &mut ())?;
    let short = short.in_room(config.t60_secs);
    let mut tracker = Tracker {
        transients: transients(audio, &short)?,
        view: &short,
        piano: Piano::new(known.piano, &short, config)?,
        grid: Grid::new(config.lowest_hz, config.highest_hz, 5),
        known,
        config,
    };
    report(1)?;

    let mut cents = 0.0;
    let mut tracked = tracker.track(0.0)?;
    report(2)?;
    if config.tuning {
        cents = tracker.tune(&tracked)?;
        report(3)?;
        if cents.abs() > 1.5 {
            tracked = tracker.track(cents)?;
        }
    }
    let mut gains = None;
    if config.transfer {
        gains = tracker.learn_transfer(cents, &mut tracked)?;
    }
    report(4)?;
    let hint = tracker.hinted(audio)?;
    tracker.agree(&mut tracked, hint.as_ref());
    let (mut unlike_db, mut t60_secs) = (None, config.t60_secs);
    let rough = config.own_mask.then(|| tracker.rough(cents, &tracked));
    let rough = rough.transpose()?;
    if let Some(rough) = &rough {
        t60_secs = rough.t60_secs;
    }
    let found = tracker.doubted(cents, &tracked, t60_secs)?;
    if let Some(mut rough) = rough {
        let another = |(_, spread_db): &(Gains, f32)| *spread_db > config.unlike_db;
        let transfer = rough.transfer.take().filter(another);
        if let Some((learnt, spread_db)) = transfer.filter(|_| !guard::is_absent(found[1].as_ref()))
        {
            tracked = tracker.through(&learnt, cents)?;
            tracker.agree(&mut tracked, hint.as_ref());
            rough = tracker.rough(cents, &tracked)?;
            (gains, unlike_db) = (Some(learnt), Some(spread_db));
        }
        let mut mask = rough.mask;
        if let Some(hint) = &hint {
            mask.zip_mut_with(hint, |mask, hint| *mask = 0.5 * (*mask + hint));
        }
        report(5)?;
        tracker.retrack(&mut tracked, &mask);
    }
    report(6)?;

    let hops = if config.long_frames { 8 } else { 4 };
    let long = View::new(audio, hops, config.portable, &mut ())?;
    let long = long.in_room(t60_secs);
    let brief = tracker.brief(cents, &tracked)?;
    let kept = tracked.moments(MOST_MOMENTS);
    let path = tracked.path;
    let piano = Piano::new(known.piano, &long, config)?.through(gains.as_ref(), &long);
    let templates = piano.templates(cents, |atom| kept.contains(&moment(atom)))?;
    let last = Last {
        audio,
        short: (&short, &brief),
        long: (&long, &templates),
        known,
        path: &path,
        config,
    };
    let mut last = last.fits()?;
    let mut melody = path.melody(long.hop_secs());
    let guarded = guard::silence(&mut last, &mut melody, &found, long.hop_secs());
    let above = share_above(&last.mask, &long.v);
    report(8)?;
    Ok(VoicePiano {
        sharing: VoiceShare {
            stft: long.stft,
            mask: last.mask,
            above,
            voice_first: true,
            render: Render::Ratio { exponent: 1.0 },
        },
        melody,
        score: last.score,
        tuning_cents: cents,
        guarded,
        unlike_db,
        t60_secs: t60_secs.filter(|secs| *secs > 0.0),
    })
}

impl VoicePiano {
    /// What a person should know of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let points = self.melody.points();
        let hop_secs = points.get(1).map_or(0.0, |point| point.time_secs);
        let voiced = points.iter().filter(|point| point.hz > 0.0).count();
        let secs = |frames: usize| frames as f64 * hop_secs;
        let mut notes = vec![format!(
            "the piano is tuned {:+.0} cents from 440 Hz and plays {} notes; a pitch was heard in {:.1} of {:.1} s",
            self.tuning_cents,
            self.score.notes.len(),
            secs(voiced),
            secs(points.len())
        )];
        notes.extend(self.guarded.iter().cloned());
        notes.extend(self.t60_secs.map(|secs| {
            format!("the voice sounds in a room whose tail falls by 60 dB in about {secs:.1} s")
        }));
        notes.extend(self.unlike_db.map(|db| {
            format!(
                "the piano is {db:.1} dB unlike its dictionary from band to band: one filter for all of its notes was learnt, which wins back a part; a dictionary of this very piano would win more"
            )
        }));
        notes
    }
}
