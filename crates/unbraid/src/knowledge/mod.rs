//! What a user knows comes in; constraints on parts of the model go out.
//!
//! | module | what is known | what it constrains |
//! |---|---|---|
//! | [`dictionary`] | how the notes of an instrument sound | templates |
//! | [`hints`] | where a person, or another program, says sources are | what each source may claim of a bin |
//! | [`onsets`] | when drums are struck | where activations may be other than zero |
//! | [`Score`] | which notes are played when | where activations may be other than zero |

pub mod dictionary;
mod example;
pub mod hints;
mod inharmonicity;
pub mod onsets;
mod pitch;
mod score;

pub use dictionary::{Atom, Dictionary, FINENESS, Parts, Provenance};
pub use example::{Example, LIFE_SECS, SLICES_SECS, learn};
pub use inharmonicity::{inharmonicity, stretched};
pub use pitch::{hz_of_midi, midi_of_hz, pitch_hz};
pub use score::{Note, Pedal, Score, Tolerance};
