//! Notes that were played and notes that were heard come in; how many agree goes out.

use serde::Serialize;
use unbraid::evaluate::{NoteConfig, NoteScores, note_scores};
use unbraid_io::knowledge::read_score;

use super::print_json;
use crate::args::EvaluateArgs;
use crate::failure::Failure;
use crate::output::say;

/// What two lists of notes have in common.
#[derive(Debug, Serialize)]
struct Agreement {
    reference_notes: usize,
    estimated_notes: usize,
    /// Onsets within 50 ms.
    onsets: NoteScores,
    /// Offsets too, within 50 ms or a fifth of the note's length.
    onsets_and_offsets: NoteScores,
}

pub(super) fn run(args: &EvaluateArgs) -> Result<(), Failure> {
    let (Some(reference), Some(estimate)) = (&args.references, &args.estimates) else {
        return Err(Failure::usage("REFERENCES and ESTIMATES are needed"));
    };
    let (truth, heard) = (read_score(reference)?, read_score(estimate)?);
    let score = |config| note_scores(&truth.notes, &heard.notes, &config);
    let agreement = Agreement {
        reference_notes: truth.notes.len(),
        estimated_notes: heard.notes.len(),
        onsets: score(NoteConfig::default()),
        onsets_and_offsets: score(NoteConfig::with_offsets()),
    };
    if args.common.json {
        return print_json(&agreement);
    }
    say!(
        "{}: {} notes, {} in {}",
        estimate.display(),
        agreement.estimated_notes,
        agreement.reference_notes,
        reference.display()
    );
    say!(
        "  {:<26} {:>9} {:>9} {:>9}",
        "",
        "precision",
        "recall",
        "F1"
    );
    for (name, scores) in [
        ("onsets within 50 ms", agreement.onsets),
        ("offsets too", agreement.onsets_and_offsets),
    ] {
        let NoteScores {
            precision,
            recall,
            f1,
        } = scores;
        say!("  {name:<26} {precision:>9.3} {recall:>9.3} {f1:>9.3}");
    }
    Ok(())
}
