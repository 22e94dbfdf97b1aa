//! The list of what `docs/singer-and-piano.md` measures.

use unbraid::recipe::voice_piano::VoicePianoConfig;

/// One way of separating a singer from a piano.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one more thing that is known"
)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Whether the notes are known.
    pub(crate) score: bool,
    /// Whether the pitch is known: that of the clean voice by pYIN.
    pub(crate) melody: bool,
    /// Whether the phonemes are known.
    pub(crate) lyrics: bool,
    /// The true voice with so much of the piano as another program's stem.
    pub(crate) leak: Option<f32>,
    /// What is changed in the recipe.
    pub(crate) settings: fn(&mut VoicePianoConfig),
    /// Whether it is measured on mixtures that were made, too.
    pub(crate) on_made: bool,
}

const PLAIN: Row = Row {
    name: "",
    score: false,
    melody: false,
    lyrics: false,
    leak: None,
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
        score: true,
        ..PLAIN
    },
    Row {
        name: "--melody",
        melody: true,
        ..PLAIN
    },
    Row {
        name: "--lyrics",
        lyrics: true,
        ..PLAIN
    },
    Row {
        name: "--score --melody",
        score: true,
        melody: true,
        ..PLAIN
    },
    Row {
        name: "--score --lyrics",
        score: true,
        lyrics: true,
        ..PLAIN
    },
    Row {
        name: "--score --melody --lyrics",
        score: true,
        melody: true,
        lyrics: true,
        ..PLAIN
    },
    Row {
        name: "--hint, 30 % leaking",
        leak: Some(0.3),
        ..PLAIN
    },
    Row {
        name: "--hint, 60 % leaking",
        leak: Some(0.6),
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
