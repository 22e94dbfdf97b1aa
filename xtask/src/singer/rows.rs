//! The list of what `docs/singer-and-piano.md` measures.

use unbraid::recipe::voice_piano::VoicePianoConfig;

/// What is known beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Knowledge {
    /// The notes.
    Score,
    /// The pitch: that of the clean voice by pYIN.
    Melody,
    /// The phonemes.
    Lyrics,
    /// The true voice with this share of the piano, as another program's stem.
    Leaking(f32),
}

use Knowledge::{Leaking, Lyrics, Melody, Score};

/// One way of separating a singer from a piano.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) known: &'static [Knowledge],
    /// What is changed in the recipe.
    pub(crate) settings: fn(&mut VoicePianoConfig),
    /// Whether it is measured on mixtures that were made, too.
    pub(crate) on_made: bool,
}

const PLAIN: Row = Row {
    name: "",
    known: &[],
    settings: |_| {},
    on_made: false,
};

/// The first is what the others are set against.
pub(crate) static ROWS: [Row; 22] = [
    Row {
        name: "default",
        on_made: true,
        ..PLAIN
    },
    Row {
        name: "--fast",
        settings: |c| *c = VoicePianoConfig::fast(),
        ..PLAIN
    },
    Row {
        name: "--score",
        known: &[Score],
        ..PLAIN
    },
    Row {
        name: "--melody",
        known: &[Melody],
        ..PLAIN
    },
    Row {
        name: "--lyrics",
        known: &[Lyrics],
        ..PLAIN
    },
    Row {
        name: "--score --melody",
        known: &[Score, Melody],
        ..PLAIN
    },
    Row {
        name: "--score --lyrics",
        known: &[Score, Lyrics],
        ..PLAIN
    },
    Row {
        name: "--score --melody --lyrics",
        known: &[Score, Melody, Lyrics],
        ..PLAIN
    },
    Row {
        name: "--hint, 30 % leaking",
        known: &[Leaking(0.3)],
        ..PLAIN
    },
    Row {
        name: "--hint, 60 % leaking",
        known: &[Leaking(0.6)],
        ..PLAIN
    },
    Row {
        name: "without tuning",
        settings: |c| c.tuning = false,
        ..PLAIN
    },
    Row {
        name: "without tracking on its own mask",
        settings: |c| c.own_mask = false,
        ..PLAIN
    },
    Row {
        name: "one fit, no mean",
        settings: |c| c.average = false,
        ..PLAIN
    },
    Row {
        name: "frames of 93 ms",
        settings: |c| c.long_frames = false,
        ..PLAIN
    },
    Row {
        name: "without the fit on short frames",
        settings: |c| c.short_share = 0.0,
        ..PLAIN
    },
    Row {
        name: "a third from short frames",
        settings: |c| c.short_share = 1.0 / 3.0,
        ..PLAIN
    },
    Row {
        name: "filter of rank 4",
        settings: |c| c.shapes = 4,
        ..PLAIN
    },
    Row {
        name: "filter free in every frame",
        settings: |c| c.shapes = 0,
        ..PLAIN
    },
    Row {
        name: "slices in any order",
        settings: |c| c.coupled = false,
        ..PLAIN
    },
    Row {
        name: "one layer of loudness, the middle",
        settings: |c| c.one_layer = true,
        ..PLAIN
    },
    Row {
        name: "mask exponent 1",
        settings: |c| c.exponent = 1.0,
        ..PLAIN
    },
    Row {
        name: "mask exponent 2",
        settings: |c| c.exponent = 2.0,
        ..PLAIN
    },
];
