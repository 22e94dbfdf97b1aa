//! What users know comes in as files their tools write; knowledge of the library goes out, and some of it back.

mod dictionary;
mod lyrics;
mod melody;
mod midi;
mod naming;
mod note_table;
mod notes;
mod onsets;
mod regions;
mod sfz;
mod soundfont;

pub use dictionary::{dictionary_bytes, parse_dictionary, read_dictionary, write_dictionary};
pub use lyrics::{read_lyrics, write_labels};
pub use melody::{read_melody, write_melody_csv};
pub use midi::{midi_bytes, read_score, write_midi};
pub use naming::{NoteName, note_name};
pub use note_table::write_notes_csv;
pub use notes::{Found, read_notes};
pub use onsets::{parse_onsets, read_onsets, write_onsets};
pub use regions::{parse_regions, read_regions, write_regions};
pub use soundfont::{Played, read_soundfont};
