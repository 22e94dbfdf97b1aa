//! What a user knows comes in; constraints on parts of the model go out.
//!
//! | module | what is known | what it constrains |
//! |---|---|---|
//! | [`dictionary`] | how the notes of an instrument sound | templates |
//! | [`hints`] | where a person, or another program, says sources are | what each source may claim of a bin |
//! | [`onsets`] | when drums are struck | where activations may be other than zero |
//! | [`Score`] | which notes are played when | where activations may be other than zero |
//! | [`Lyrics`] | which words are sung when | when the voice sounds, and whether on a pitch |
//! | [`Melody`] | what pitch is sung when | which glottal comb may sound |
//!
//! And the other way: activations come in, and the notes heard in them go out ([`hear()`]).

mod align;
mod comb;
pub mod dictionary;
mod embedded;
mod example;
mod hear;
pub mod hints;
mod inharmonicity;
mod lyrics;
mod melody;
pub mod onsets;
mod pitch;
mod score;

pub use align::{Alignment, align};
pub(crate) use comb::Comb;
pub use dictionary::{Atom, Dictionary, FINENESS, Parts, Provenance};
pub use embedded::{built_in_piano, embedded_bytes};
pub use example::{Example, LIFE_SECS, SLICES_SECS, learn};
pub use hear::{HearConfig, hear, weigh};
pub(crate) use hear::{piano_roll, with_confidence};
pub use inharmonicity::{inharmonicity, stretched};
pub use lyrics::{Grain, Lyrics, Sound, Sung};
pub use melody::{Melody, Pitch};
pub use pitch::{hz_of_midi, midi_of_hz, pitch_hz};
pub use score::{Note, Pedal, Score, Tolerance};
