//! The list of what `docs/singer-and-piano.md` measures.

use unbraid::recipe::voice_piano::VoicePianoConfig;

/// What is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Knowledge {
    /// The notes.
    Score,
    /// The pitch: that of the clean voice by pYIN.
    Melody,
    /// The phonemes.
    Lyrics,
    /// The true voice with this share of the piano, as another program's stem.
    Leaking(f32),
    /// A piano in the place of the built-in one.
    Piano(Piano),
    /// The singer's filters, learnt from the half of the training song that is not mixed.
    Filters,
}

/// A piano that is not built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piano {
    /// The clips', from the notes beside them.
    Learnt,
    /// Another instrument.
    Foreign,
}

use Knowledge::{Filters, Leaking, Lyrics, Melody, Score};

/// One way of separating a singer from a piano.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) known: &'static [Knowledge],
    /// What is changed in the recipe.
    pub(super) settings: fn(&mut VoicePianoConfig),
}

const fn known(name: &'static str, known: &'static [Knowledge]) -> Row {
    Row {
        name,
        known,
        settings: |_| {},
    }
}

const fn with(name: &'static str, settings: fn(&mut VoicePianoConfig)) -> Row {
    Row {
        name,
        known: &[],
        settings,
    }
}

/// What the others are set against.
pub(super) static DEFAULT: Row = known("default", &[]);

/// What is known beforehand, on the recorded clips.
pub(super) static KNOWN: [Row; 14] = [
    with("`--fast`", |c| *c = VoicePianoConfig::fast()),
    known("`--score`", &[Score]),
    known("`--melody`, the clean voice's by pYIN", &[Melody]),
    known("`--lyrics`, phonemes", &[Lyrics]),
    known("`--score --melody`", &[Score, Melody]),
    known("`--score --lyrics`", &[Score, Lyrics]),
    known("`--score --melody --lyrics`", &[Score, Melody, Lyrics]),
    known(
        "`--hint`, the true voice with 30 % of the piano",
        &[Leaking(0.3)],
    ),
    known(
        "`--hint`, the true voice with 60 % of the piano",
        &[Leaking(0.6)],
    ),
    known(
        "this piano, learnt (layers 1, 4, 16)",
        &[Knowledge::Piano(Piano::Learnt)],
    ),
    known(
        "this piano, learnt, `--score`",
        &[Knowledge::Piano(Piano::Learnt), Score],
    ),
    known("a foreign piano", &[Knowledge::Piano(Piano::Foreign)]),
    Row {
        name: "a foreign piano, taken as it is",
        known: &[Knowledge::Piano(Piano::Foreign)],
        settings: |c| c.unlike_db = f32::MAX,
    },
    known(
        "a foreign piano, `--score`",
        &[Knowledge::Piano(Piano::Foreign), Score],
    ),
];

/// Each idea on and off, on the recorded clips and on some that were made.
pub(super) static IDEAS: [Row; 17] = [
    with("the piano's tuning is not looked for", |c| c.tuning = false),
    with("frames of 93 ms, not 186", |c| c.long_frames = false),
    with("a third of the mask from frames of 93 ms", |c| {
        c.short_share = 1.0 / 3.0;
    }),
    with("vowel filter of rank 4, not 10", |c| c.shapes = 4),
    with("vowel filter free in every frame", |c| c.shapes = 0),
    with("pitch not tracked again on its own mask", |c| {
        c.own_mask = false;
    }),
    with("one fit, not the mean of three", |c| c.average = false),
    known("lyrics known (phonemes)", &[Lyrics]),
    known("this singer's filters known", &[Filters]),
    known(
        "this singer's filters and the phonemes known",
        &[Filters, Lyrics],
    ),
    with("slices of a note's life in any order", |c| {
        c.coupled = false;
    }),
    with("notes by a threshold, not as paths", |c| c.paths = false),
    with("partials of the piano exact multiples", |c| {
        c.stretched = false;
    }),
    with("the room's tail is not looked for", |c| c.room = false),
    with("one layer of loudness, the middle", |c| c.one_layer = true),
    with("mask exponent 1, not 1.5", |c| c.exponent = 1.0),
    with("mask exponent 2", |c| c.exponent = 2.0),
];

/// The made mixtures that ideas are tried on.
pub(super) const TRIED: [&str; 5] = [
    "arpeggio",
    "arpeggio-voice-10-down",
    "chords-room",
    "piano-21-cents-flat",
    "unison",
];
