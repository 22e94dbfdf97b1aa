//! What a user knows comes in; constraints on parts of the model go out.
//!
//! | module | what is known | what it constrains |
//! |---|---|---|
//! | [`dictionary`] | how the notes of an instrument sound | templates |

pub mod dictionary;
mod example;
mod inharmonicity;
mod pitch;

pub use dictionary::{Atom, Dictionary, Provenance};
pub use example::{Example, LIFE_SECS, SLICES_SECS, learn};
pub use inharmonicity::{inharmonicity, stretched};
pub use pitch::{hz_of_midi, midi_of_hz, pitch_hz};
